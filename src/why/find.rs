//! Which candidates change which lines, found by building the lab with each of them changed.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;

use super::candidates::{Candidate, Candidates, Part};
use super::edit::{Built, Edit, Workbench};
use super::lines::gone;
use super::question::Wrong;
use crate::artifact::Artifacts;
use crate::diag::one_line;
use crate::review::snapshot;

/// A file whose lines are asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The machine.
    pub machine: String,
    /// The path below `payload/`, as `snapshots/` has it.
    pub path: String,
    /// The text.
    pub text: String,
    /// The lines that are asked about, from 0.
    pub wanted: BTreeSet<usize>,
}

/// The effect of one edit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effect {
    /// The lines that are gone or different, by the index of the target.
    pub lines: BTreeMap<usize, BTreeSet<usize>>,
    /// The targets that are gone as a whole.
    pub whole: BTreeSet<usize>,
}

/// A candidate that decides a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// The candidate, by index.
    pub candidate: usize,
    /// The edits that prove it, each with its effect.
    pub proofs: Vec<(Vec<Edit>, Effect)>,
}

impl Target {
    /// Makes a target of all lines of a file.
    pub fn of(machine: &str, path: &str, artifacts: &Artifacts) -> Option<Self> {
        let bytes = snapshot::file(artifacts, path)?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let wanted = (0..text.lines().count()).collect();
        Some(Self { machine: machine.to_owned(), path: path.to_owned(), text, wanted })
    }
}

impl Target {
    /// Asks about one line, counted from 1, or about all of them.
    pub fn at(mut self, line: Option<usize>) -> Result<Self, Wrong> {
        let lines = self.wanted.len();
        if let Some(line) = line {
            let index = line.checked_sub(1).filter(|index| *index < lines);
            let Some(index) = index else {
                let file = format!("{}/{}", self.machine, self.path);
                let count = if lines == 1 { "1 line".to_owned() } else { format!("{lines} lines") };
                return Err(Wrong {
                    problem: format!(
                        "`{}` has {count}, and none with that number",
                        one_line(&file)
                    ),
                    help: "without a number, all lines are explained".to_owned(),
                });
            };
            self.wanted = BTreeSet::from([index]);
        }
        Ok(self)
    }
}

/// Builds the lab with `edits` and returns what becomes of the targets; nothing if the lab has an
/// error then.
pub fn effect(bench: &Workbench<'_>, targets: &[Target], edits: &[Edit]) -> Option<Effect> {
    let machines: BTreeSet<String> = targets.iter().map(|target| target.machine.clone()).collect();
    let Built::Made(made) = bench.build(edits, &machines) else { return None };
    let mut effect = Effect { lines: BTreeMap::new(), whole: BTreeSet::new() };
    for (index, target) in targets.iter().enumerate() {
        let file =
            made.get(&target.machine).and_then(|artifacts| snapshot::file(artifacts, &target.path));
        let Some(bytes) = file else {
            effect.whole.insert(index);
            effect.lines.insert(index, target.wanted.clone());
            continue;
        };
        if bytes == target.text.as_bytes() {
            continue;
        }
        let text = String::from_utf8_lossy(&bytes);
        let was: Vec<&str> = target.text.lines().collect();
        let is: Vec<&str> = text.lines().collect();
        let lines: BTreeSet<usize> =
            gone(&was, &is).into_iter().filter(|line| target.wanted.contains(line)).collect();
        if !lines.is_empty() {
            effect.lines.insert(index, lines);
        }
    }
    Some(effect)
}

/// Finds the causes of the lines of `targets` among the candidates that `is_possible` accepts.
pub fn causes(
    bench: &Workbench<'_>,
    candidates: &Candidates,
    targets: &[Target],
    is_possible: impl Fn(&Candidate) -> bool + Sync,
) -> Vec<Cause> {
    let indexed: Vec<(usize, &Candidate)> = candidates.list.iter().enumerate().collect();
    indexed
        .into_par_iter()
        .filter(|(_, candidate)| is_possible(candidate))
        .filter_map(|(index, candidate)| {
            let proofs = proofs(bench, targets, candidate);
            (!proofs.is_empty()).then_some(Cause { candidate: index, proofs })
        })
        .collect()
}

/// Tries the edits of a candidate until one of them touches a line, or all of them where several
/// lines are asked about.
fn proofs(
    bench: &Workbench<'_>,
    targets: &[Target],
    candidate: &Candidate,
) -> Vec<(Vec<Edit>, Effect)> {
    let one = matches!(targets, [target] if target.wanted.len() == 1);
    let mut proofs = Vec::new();
    let mut built = 0;
    for edits in &candidate.edits {
        // Two values that are possible show what a value does; with another name, everything does.
        if built >= 2 && candidate.part == Part::Value {
            break;
        }
        let Some(effect) = effect(bench, targets, edits) else { continue };
        built += 1;
        if !effect.lines.is_empty() {
            proofs.push((edits.clone(), effect));
            if one {
                break;
            }
        }
    }
    proofs
}
