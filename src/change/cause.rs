//! Which edits a changed fact comes from, found by building the lab with some of the edits applied.
//!
//! A cause is true when keeping its edits alone brings the change about, and undoing any of them
//! takes it away. A build takes milliseconds, so the emitters need to know nothing of this.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;

use super::edits::{Choice, Edit, EditKind, Edits, Place, Side};
use super::facts::{Family, Key, Renames};
use super::state::State;
use crate::source::Span;

/// How many machines are built for causes at the most, in all builds together.
const MACHINES: usize = 20_000;

/// How many builds there are at the most, and at the least, whatever the number of machines.
const BUILDS: (usize, usize) = (40, 1_000);

/// Where a change comes from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// These edits, which act only together.
    Together(Vec<usize>),
    /// Each of these edits by itself.
    Each(Vec<usize>),
    /// Some of these edits together. There were no builds left to find out which.
    Among(Vec<usize>),
    /// What two releases tell about it, without their sources.
    Release(String),
    /// The cause is not known.
    Unknown,
}

impl Cause {
    /// Lists the edits.
    pub fn edits(&self) -> &[usize] {
        match self {
            Self::Together(edits) | Self::Each(edits) | Self::Among(edits) => edits,
            Self::Release(_) | Self::Unknown => &[],
        }
    }
}

/// What one build makes of a fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Was,
    Is,
    Other,
}

/// Finds causes; remembers what every build made of every changed fact.
pub struct Finder<'e> {
    edits: &'e Edits<'e>,
    renames: &'e Renames,
    was: &'e State,
    is: &'e State,
    keys: Vec<Key>,
    /// The edits that are looked at one by one; several where there are too many.
    atoms: Vec<Vec<usize>>,
    built: BTreeMap<Choice, Option<Vec<Verdict>>>,
    left: usize,
}

impl<'e> Finder<'e> {
    /// Prepares to find the causes of the facts named `keys`.
    pub fn new(
        edits: &'e Edits<'e>,
        renames: &'e Renames,
        was: &'e State,
        is: &'e State,
        keys: Vec<Key>,
    ) -> Self {
        let machines = is.machines().max(was.machines()).max(1);
        let left = (MACHINES / machines).clamp(BUILDS.0, BUILDS.1);
        // Each atom takes two builds in `singles`, so half of the builds are left to narrow down
        // sets.
        let atoms = atoms(edits, left / 4);
        Self { edits, renames, was, is, keys, atoms, built: BTreeMap::new(), left }
    }

    /// Says whether applying every edit to the old sources comes to the same as the new ones.
    pub fn is_complete(&mut self) -> bool {
        if self.edits.list.len() < 2 {
            // Also holds for one edit; a build would only prove the writer of KDL.
            return !self.edits.list.is_empty() || self.keys.is_empty();
        }
        let all = self.all();
        self.build(&all)
            .is_some_and(|verdicts| verdicts.iter().all(|verdict| *verdict == Verdict::Is))
    }

    /// Finds the cause of every fact, in the order of the keys.
    pub fn causes(&mut self) -> Vec<Cause> {
        // With a single atom there is nothing to tell apart, so no build is needed.
        if let [atom] = self.atoms.as_slice() {
            let cause = whole(atom.clone());
            return vec![cause; self.keys.len()];
        }
        self.singles();
        let mut known: Vec<BTreeSet<usize>> = Vec::new();
        (0..self.keys.len()).map(|key| self.cause(key, &mut known)).collect()
    }

    /// Builds the lab with each atom alone and with all but each, on any thread.
    fn singles(&mut self) {
        let choices: Vec<Choice> = (0..self.atoms.len())
            .flat_map(|atom| {
                let others = (0..self.atoms.len()).filter(|other| *other != atom);
                [self.choice([atom]), self.choice(others)]
            })
            .take(self.left)
            .collect();
        self.left -= choices.len().min(self.left);
        let verdicts: Vec<(Choice, Option<Vec<Verdict>>)> = choices
            .into_par_iter()
            .map(|choice| {
                let verdicts = self.verdicts(&choice);
                (choice, verdicts)
            })
            .collect();
        self.built.extend(verdicts);
    }

    fn cause(&mut self, key: usize, known: &mut Vec<BTreeSet<usize>>) -> Cause {
        let all: BTreeSet<usize> = (0..self.atoms.len()).collect();
        let alone: Vec<usize> = (0..self.atoms.len())
            .filter(|atom| self.brings(key, &BTreeSet::from([*atom])))
            .collect();
        if !alone.is_empty() {
            let rest: BTreeSet<usize> =
                all.iter().copied().filter(|atom| !alone.contains(atom)).collect();
            // What is left without them must not bring it about.
            if rest.is_empty() || !self.brings(key, &rest) {
                let edits = self.edits_of(alone.iter().copied());
                return if alone.len() == 1 { whole(edits) } else { Cause::Each(edits) };
            }
        }
        // Facts often share a cause, and to confirm a known set takes fewer builds than a search.
        for set in known.clone() {
            if self.is_minimal(key, &set) {
                return Cause::Together(self.edits_of(set));
            }
        }
        // These are often the whole cause, so the search begins with them.
        let needed: BTreeSet<usize> = all
            .iter()
            .copied()
            .filter(|atom| {
                let mut others = all.clone();
                others.remove(atom);
                !self.brings(key, &others)
            })
            .collect();
        let start = if self.brings(key, &needed) {
            needed
        } else if self.brings(key, &all) {
            all
        } else {
            return Cause::Unknown;
        };
        let minimal = self.minimize(key, start);
        // Without builds left, `brings` always says no, so the set may still be too large.
        if self.left == 0 {
            return Cause::Among(self.edits_of(minimal));
        }
        known.push(minimal.clone());
        Cause::Together(self.edits_of(minimal))
    }

    /// Says whether keeping these atoms alone brings the change about.
    fn brings(&mut self, key: usize, atoms: &BTreeSet<usize>) -> bool {
        let choice = self.choice(atoms.iter().copied());
        let digest = self.keys.get(key).is_some_and(|key| is_digest(key.family));
        let verdict = self.build(&choice).and_then(|verdicts| verdicts.get(key).copied());
        match verdict {
            Some(Verdict::Is) => true,
            // What an entry says of a digest is that it is another one.
            Some(Verdict::Other) => digest,
            Some(Verdict::Was) | None => false,
        }
    }

    fn is_minimal(&mut self, key: usize, set: &BTreeSet<usize>) -> bool {
        self.brings(key, set)
            && set.iter().all(|atom| {
                let mut fewer = set.clone();
                fewer.remove(atom);
                !self.brings(key, &fewer)
            })
    }

    /// Takes atoms out, large runs of them first, as long as the rest brings the change about.
    fn minimize(&mut self, key: usize, mut set: BTreeSet<usize>) -> BTreeSet<usize> {
        let mut size = set.len().div_ceil(2);
        while size > 0 {
            let list: Vec<usize> = set.iter().copied().collect();
            for run in list.chunks(size) {
                let mut fewer = set.clone();
                fewer.retain(|atom| !run.contains(atom));
                if !fewer.is_empty() && fewer.len() < set.len() && self.brings(key, &fewer) {
                    set = fewer;
                }
            }
            // `div_ceil` of 1 is 1 again, so the round of single atoms must end the loop.
            size = if size == 1 { 0 } else { size.div_ceil(2) };
        }
        set
    }

    /// Finds the line inside a new or removed declaration that a change comes from; the
    /// declaration's own line where no single one is it.
    pub fn places(&mut self, key: usize, cause: &Cause) -> Vec<Place> {
        let mut places: Vec<Place> = Vec::new();
        for edit in cause.edits() {
            let inside = (cause.edits().len() == 1).then(|| self.inside(key, *edit)).flatten();
            let own = self.edits.list.get(*edit).and_then(Edit::place);
            places.extend(inside.or(own).filter(|place| !places.contains(place)));
        }
        places
    }

    /// Returns the lines of a cause's edits themselves.
    pub fn own_places(&self, cause: &Cause) -> Vec<Place> {
        let edits = cause.edits().iter().filter_map(|edit| self.edits.list.get(*edit));
        let mut places: Vec<Place> = Vec::new();
        for place in edits.filter_map(Edit::place) {
            // Several properties of one node are on one line.
            if !places.contains(&place) {
                places.push(place);
            }
        }
        places
    }

    fn inside(&mut self, key: usize, edit: usize) -> Option<Place> {
        let removed = self.edits.list.get(edit)?.kind == EditKind::Removed;
        let (mut found, mut inside): (Option<(Side, Span)>, Option<Span>) = (None, None);
        loop {
            let parts = self.edits.parts(edit, inside);
            let mut decisive = Vec::new();
            for part in parts {
                let applied = if removed { Choice::default() } else { self.all() };
                let choice = Choice { without: Some(part), ..applied };
                let verdict = self.build(&choice).and_then(|verdicts| verdicts.get(key).copied());
                // Without the decisive line of something new, the change is gone. Without that of
                // something removed, the change is there.
                if verdict == Some(if removed { Verdict::Is } else { Verdict::Was }) {
                    decisive.push(part);
                }
            }
            // If several lines are decisive, no single one is the place. The block around them is.
            let [part] = decisive.as_slice() else { break };
            found = Some(*part);
            inside = Some(part.1);
        }
        found.map(|(side, span)| self.edits.place(side, span))
    }

    fn all(&self) -> Choice {
        Choice { applied: (0..self.edits.list.len()).collect(), without: None }
    }

    fn choice(&self, atoms: impl IntoIterator<Item = usize>) -> Choice {
        Choice { applied: self.edits_of(atoms).into_iter().collect(), without: None }
    }

    fn edits_of(&self, atoms: impl IntoIterator<Item = usize>) -> Vec<usize> {
        let atoms = atoms.into_iter().filter_map(|atom| self.atoms.get(atom));
        let mut edits: Vec<usize> = atoms.flatten().copied().collect();
        edits.sort_unstable();
        edits
    }

    /// Builds the lab with some edits applied; nothing where it is not a lab without the others.
    fn build(&mut self, choice: &Choice) -> Option<&Vec<Verdict>> {
        if !self.built.contains_key(choice) {
            let trivial = choice.without.is_none()
                && (choice.applied.is_empty() || choice.applied.len() == self.edits.list.len())
                && self.edits.list.len() < 2;
            if self.left == 0 && !trivial {
                return None;
            }
            self.left = self.left.saturating_sub(1);
            let verdicts = self.verdicts(choice);
            self.built.insert(choice.clone(), verdicts);
        }
        self.built.get(choice).and_then(Option::as_ref)
    }

    fn verdicts(&self, choice: &Choice) -> Option<Vec<Verdict>> {
        // Some edits alone make no lab, such as a link without the service that it leads to.
        let facts = State::build(&self.edits.apply(choice), self.renames).ok()?.facts;
        let verdict = |key: &Key| {
            let value = facts.get(key);
            if value == self.is.facts.get(key) {
                Verdict::Is
            } else if value == self.was.facts.get(key) {
                Verdict::Was
            } else {
                Verdict::Other
            }
        };
        Some(self.keys.iter().map(verdict).collect())
    }
}

/// Says whether a fact's value is a digest: that it changed is all that is said of it.
fn is_digest(family: Family) -> bool {
    matches!(family, Family::Container | Family::Unit | Family::Files | Family::Finding)
}

fn whole(edits: Vec<usize>) -> Cause {
    Cause::Together(edits)
}

/// Joins edits where there are more than can be looked at one by one: those of one top
/// declaration first, then neighbours.
fn atoms(edits: &Edits<'_>, most: usize) -> Vec<Vec<usize>> {
    let count = edits.list.len();
    if count <= most {
        return (0..count).map(|edit| vec![edit]).collect();
    }
    let mut groups: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, edit) in edits.list.iter().enumerate() {
        let top = edit.node.split(" / ").next().unwrap_or_default();
        groups.entry(top).or_default().push(index);
    }
    let groups: Vec<Vec<usize>> = groups.into_values().collect();
    let size = groups.len().div_ceil(most.max(1)).max(1);
    groups.chunks(size).map(<[Vec<usize>]>::concat).collect()
}
