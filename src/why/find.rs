//! Which candidates change which lines, found by building the lab with each of them changed.

use std::collections::BTreeSet;

use rayon::prelude::*;

use super::candidates::{Candidate, Candidates, Part};
use super::edit::{Edit, Fault, Workbench};
use super::lines::gone;
use super::question::Wrong;
use crate::artifact::Artifacts;
use crate::diag::one_line;
use crate::emit::{self, Emitter};
use crate::review::snapshot;
use crate::source::Span;

/// How many other values show what a value does.
const VALUES: usize = 2;

/// How many values are tried at once.
const GROUP: usize = 24;

/// A candidate with its index.
type Indexed<'c> = (usize, &'c Candidate);

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

/// The effect of one edit on a target.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Effect {
    /// The wanted lines that are gone or different.
    pub lines: BTreeSet<usize>,
    /// Whether the whole file is gone.
    pub whole: bool,
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

impl Target {
    /// Returns what becomes of the target when its machine has `artifacts`.
    fn effect(&self, artifacts: Option<&Artifacts>) -> Effect {
        let file = artifacts.and_then(|artifacts| snapshot::file(artifacts, &self.path));
        let Some(bytes) = file else { return Effect { lines: self.wanted.clone(), whole: true } };
        if bytes == self.text.as_bytes() {
            return Effect::default();
        }
        let text = String::from_utf8_lossy(&bytes);
        let was: Vec<&str> = self.text.lines().collect();
        let is: Vec<&str> = text.lines().collect();
        let gone = gone(&was, &is).into_iter().filter(|line| self.wanted.contains(line));
        Effect { lines: gone.collect(), whole: false }
    }
}

/// A target, with the emitters that its wanted lines need.
#[derive(Debug)]
pub struct Search<'q> {
    /// The lab.
    pub bench: &'q Workbench<'q>,
    /// The file and its lines.
    pub target: &'q Target,
    emitters: Vec<&'static Emitter>,
}

impl<'q> Search<'q> {
    /// Finds out which emitters the wanted lines need: one, or those without which the lines are
    /// different.
    pub fn new(bench: &'q Workbench<'q>, target: &'q Target) -> Self {
        let all: Vec<&'static Emitter> = emit::emitters().collect();
        let folder = target.path.split('/').next().unwrap_or_default();
        let mut likely = all.clone();
        likely.sort_by_key(|emitter| !emitter.folders.contains(&folder));
        let trial = bench.trial(&[]);
        let is_enough = |emitters: &[&'static Emitter]| {
            let emitted =
                trial.as_ref().ok().and_then(|lab| lab.emit(&target.machine, emitters).ok());
            emitted.is_some_and(|emitted| target.effect(emitted.as_ref()).lines.is_empty())
        };
        let single = likely.iter().copied().find(|emitter| is_enough(&[*emitter]));
        let emitters = single.map_or_else(
            || {
                let mut needed = all.clone();
                for emitter in &all {
                    let is_other = |other: &&Emitter| other.name != emitter.name;
                    let fewer: Vec<_> = needed.iter().copied().filter(is_other).collect();
                    if is_enough(&fewer) {
                        needed = fewer;
                    }
                }
                needed
            },
            |single| vec![single],
        );
        Self { bench, target, emitters }
    }

    /// Asks the same of a lab in which some nodes are left out.
    pub fn within<'b>(&self, bench: &'b Workbench<'b>) -> Search<'b>
    where
        'q: 'b,
    {
        Search { bench, target: self.target, emitters: self.emitters.clone() }
    }

    /// Returns whether the wanted lines are the same with `edits`, or what is wrong with the lab
    /// then.
    pub fn is_same(&self, edits: &BTreeSet<Edit>) -> Result<bool, Vec<Fault>> {
        let edits: Vec<Edit> = edits.iter().cloned().collect();
        let trial = self.bench.trial(&edits)?;
        let artifacts = trial.emit(&self.target.machine, &self.emitters)?;
        let same = self.target.effect(artifacts.as_ref()).lines.is_empty();
        if same {
            trial.check()?;
        }
        Ok(same)
    }

    /// Keeps of causes that another lab has those that this one has too.
    pub fn confirmed(&self, causes: Vec<Cause>, candidates: &Candidates) -> Vec<Cause> {
        causes
            .into_par_iter()
            .filter_map(|Cause { candidate, proofs }| {
                let mut proofs: Vec<(Vec<Edit>, Effect)> = proofs
                    .into_iter()
                    .filter_map(|(edits, _)| {
                        let effect = self.effect(&edits).ok()?;
                        (!effect.lines.is_empty()).then_some((edits, effect))
                    })
                    .collect();
                if proofs.is_empty() {
                    proofs = self.proofs(candidates.list.get(candidate)?);
                }
                (!proofs.is_empty()).then_some(Cause { candidate, proofs })
            })
            .collect()
    }

    /// Builds the lab with `edits` and returns what becomes of the target, or what is wrong with
    /// the lab then. A rule may be broken where there is no effect.
    pub fn effect(&self, edits: &[Edit]) -> Result<Effect, Vec<Fault>> {
        let trial = self.bench.trial(edits)?;
        let artifacts = trial.emit(&self.target.machine, &self.emitters)?;
        let effect = self.target.effect(artifacts.as_ref());
        if !effect.lines.is_empty() {
            trial.check()?;
        }
        Ok(effect)
    }

    /// Returns the target's file with `edits`; nothing if it is gone or the lab has an error.
    pub fn file(&self, edits: &[Edit]) -> Option<Vec<u8>> {
        let trial = self.bench.trial(edits).ok()?;
        let artifacts = trial.emit(&self.target.machine, &self.emitters).ok()??;
        let file = snapshot::file(&artifacts, &self.target.path);
        trial.check().ok()?;
        file
    }

    /// Finds the causes of the wanted lines among the candidates that `is_possible` accepts.
    pub fn causes(
        &self,
        candidates: &Candidates,
        is_possible: impl Fn(&Candidate) -> bool + Sync,
    ) -> Vec<Cause> {
        let indexed = candidates.list.iter().enumerate();
        let (values, others): (Vec<_>, Vec<_>) = indexed
            .filter(|(_, candidate)| is_possible(candidate))
            .partition(|(_, candidate)| candidate.part == Part::Value);
        let values: Vec<Indexed<'_>> =
            values.par_chunks(GROUP).flat_map_iter(|group| self.touching(group)).collect();
        let mut open: Vec<Indexed<'_>> = others;
        open.extend(values);
        open.sort_by_key(|(index, _)| *index);
        open.into_par_iter()
            .filter_map(|(index, candidate)| {
                let proofs = self.proofs(candidate);
                (!proofs.is_empty()).then_some(Cause { candidate: index, proofs })
            })
            .collect()
    }

    /// Lists those of some values that may touch a wanted line: without those that leave all of
    /// them as they are when all have other values at once.
    fn touching<'c>(&self, group: &[Indexed<'c>]) -> Vec<Indexed<'c>> {
        // A new name is written in many places, and two of those in one place would be one edit.
        let is_small = |(_, value): &Indexed<'_>| {
            value.edits.iter().take(VALUES).all(|edits| edits.len() == 1)
        };
        let (mut group, mut open): (Vec<Indexed<'c>>, Vec<Indexed<'c>>) =
            group.iter().copied().partition(is_small);
        let mut round = 0;
        while round < VALUES && group.len() > 1 {
            let values = group.iter().filter_map(|(_, value)| value.edits.get(round));
            let edits: Vec<Edit> = values.flatten().cloned().collect();
            let wrong: Vec<Indexed<'c>> = match self.effect(&edits) {
                Ok(effect) if effect.lines.is_empty() => {
                    round += 1;
                    continue;
                }
                Ok(_) => Vec::new(),
                Err(faults) => {
                    let spans: Vec<Span> = faults.iter().filter_map(|fault| fault.span).collect();
                    let is_at = |(_, value): &&Indexed<'_>| value.is_at(&spans);
                    group.iter().filter(is_at).copied().collect()
                }
            };
            if wrong.is_empty() {
                let (first, second) = group.split_at(group.len() / 2);
                open.extend(self.touching(first));
                open.extend(self.touching(second));
                return open;
            }
            // Of values that errors are at, each is tried by itself.
            group.retain(|(index, _)| wrong.iter().all(|(other, _)| other != index));
            open.extend(wrong);
        }
        if round < VALUES {
            open.extend(group);
        }
        open
    }

    /// Tries the edits of a candidate until one of them touches a line, or all of them where
    /// several lines are asked about.
    fn proofs(&self, candidate: &Candidate) -> Vec<(Vec<Edit>, Effect)> {
        let mut proofs = Vec::new();
        let mut built = 0;
        for edits in &candidate.edits {
            // Two values that are possible show what a value does; with another name, everything
            // does.
            if built >= VALUES && candidate.part == Part::Value {
                break;
            }
            let Ok(effect) = self.effect(edits) else { continue };
            built += 1;
            if !effect.lines.is_empty() {
                proofs.push((edits.clone(), effect));
                if self.target.wanted.len() == 1 {
                    break;
                }
            }
        }
        proofs
    }
}
