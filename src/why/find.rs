//! What becomes of lines when the lab is built with other sources.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use super::edit::{Edit, Fault, Workbench};
use super::lines::gone;
use super::question::Wrong;
use crate::artifact::Artifacts;
use crate::diag::one_line;
use crate::emit::{self, Emitter};
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

/// The effect of one edit on a target.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Effect {
    /// The wanted lines that are gone or different.
    pub lines: BTreeSet<usize>,
    /// Whether the whole file is gone.
    pub whole: bool,
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

/// What becomes of a target, or what is wrong with the lab then.
pub type Built = Result<Effect, Vec<Fault>>;

/// A target, with the emitters that its wanted lines need.
#[derive(Debug)]
pub struct Search<'q> {
    /// The lab.
    pub bench: &'q Workbench<'q>,
    /// The file and its lines.
    pub target: &'q Target,
    emitters: Vec<&'static Emitter>,
    /// The names of what the lab is without.
    absent: BTreeSet<String>,
    /// What edits that were made before came to: often several searches come to the same.
    known: Mutex<BTreeMap<Vec<Edit>, Built>>,
}

impl<'q> Search<'q> {
    /// Finds out which emitters the wanted lines need: one, or those without which the lines are
    /// different.
    pub fn new(bench: &'q Workbench<'q>, target: &'q Target) -> Self {
        let all: Vec<&'static Emitter> = emit::emitters().collect();
        let folder = target.path.split('/').next().unwrap_or_default();
        let mut likely = all.clone();
        likely.sort_by_key(|emitter| !emitter.folders.contains(&folder));
        let trial = bench.trial(&[]).ok();
        let planned = trial.as_ref().and_then(|lab| Some((lab, lab.plan()?)));
        // An emitter may read what those before it have made.
        let in_order = |emitters: &[&'static Emitter]| -> Vec<&'static Emitter> {
            let is_one = |emitter: &&Emitter| emitters.iter().any(|one| one.name == emitter.name);
            all.iter().copied().filter(is_one).collect()
        };
        let is_enough = |emitters: &[&'static Emitter]| {
            let emitters = in_order(emitters);
            let emitted = planned
                .as_ref()
                .and_then(|(lab, plan)| lab.emit_planned(plan, &target.machine, &emitters).ok());
            emitted.is_some_and(|emitted| target.effect(emitted.as_ref()).lines.is_empty())
        };
        // The first few are enough for most lines.
        let mut first = 1;
        while first < likely.len() && !is_enough(likely.get(..first).unwrap_or_default()) {
            first *= 2;
        }
        likely.truncate(first);
        let emitters = in_order(&fewest(&is_enough, &[], &likely));
        Self { bench, target, emitters, absent: BTreeSet::new(), known: Mutex::default() }
    }

    /// Asks the same of a lab in which some nodes are left out, those named `absent` among them.
    pub fn within<'b>(&self, bench: &'b Workbench<'b>, absent: BTreeSet<String>) -> Search<'b>
    where
        'q: 'b,
    {
        let emitters = self.emitters.clone();
        Search { bench, target: self.target, emitters, absent, known: Mutex::default() }
    }

    /// Returns whether an edit writes nothing but a name that the lab does not have.
    pub fn is_absent(&self, edit: &Edit) -> bool {
        let name = edit.text.split_once('"').and_then(|(_, rest)| rest.strip_suffix('"'));
        name.is_some_and(|name| self.absent.contains(name))
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

    /// Builds the lab with `edits` and returns what becomes of the target, or what is wrong with
    /// the lab then. A rule may be broken where there is no effect.
    pub fn effect(&self, edits: &[Edit]) -> Built {
        let mut key = edits.to_vec();
        key.sort();
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(built) = known().get(&key) {
            return built.clone();
        }
        let built = self.build(edits);
        known().insert(key, built.clone());
        built
    }

    fn build(&self, edits: &[Edit]) -> Built {
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
}

/// Finds the fewest of `open` that are enough along with `kept`, in a few trials where that is one.
fn fewest(
    is_enough: &(impl Fn(&[&'static Emitter]) -> bool + Sync),
    kept: &[&'static Emitter],
    open: &[&'static Emitter],
) -> Vec<&'static Emitter> {
    if open.len() < 2 {
        return open.to_vec();
    }
    let (first, second) = open.split_at(open.len() / 2);
    let with = |more: &[&'static Emitter]| [kept, more].concat();
    let (of_first, of_second) =
        rayon::join(|| is_enough(&with(first)), || is_enough(&with(second)));
    if of_first {
        return fewest(is_enough, kept, first);
    }
    if of_second {
        return fewest(is_enough, kept, second);
    }
    let from_second = fewest(is_enough, &with(first), second);
    let from_first = fewest(is_enough, &with(&from_second), first);
    [from_first, from_second].concat()
}
