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
    /// What each build made of every fact; nothing where there was no lab.
    results: Vec<Option<Vec<Verdict>>>,
    built: BTreeMap<Choice, usize>,
    /// The same builds by the atoms that they keep. There are far fewer atoms than edits, and a set
    /// is asked for by every fact.
    kept: BTreeMap<BTreeSet<usize>, usize>,
    /// The builds without one part of something that is new or gone.
    without: BTreeMap<(Side, Span), Option<usize>>,
    left: usize,
}

/// The builds that tell what each atom does: with it alone, and with all but it.
#[derive(Default)]
struct Singles {
    alone: Vec<Option<usize>>,
    without: Vec<Option<usize>>,
}

/// A set of atoms that is the whole cause of a fact.
struct Known {
    atoms: BTreeSet<usize>,
    /// The build that keeps them alone.
    whole: Option<usize>,
    /// Those that keep all but one of them, as far as they were asked for.
    fewer: Vec<Option<usize>>,
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
        Self {
            edits,
            renames,
            was,
            is,
            keys,
            atoms,
            results: Vec::new(),
            built: BTreeMap::new(),
            kept: BTreeMap::new(),
            without: BTreeMap::new(),
            left,
        }
    }

    /// Says whether applying every edit to the old sources comes to the same as the new ones.
    pub fn is_complete(&mut self) -> bool {
        if self.edits.list.len() < 2 {
            // Also holds for one edit; a build would only prove the writer of KDL.
            return !self.edits.list.is_empty() || self.keys.is_empty();
        }
        let all = self.all();
        let verdicts = self.build(&all).and_then(|build| self.results.get(build)?.as_ref());
        verdicts.is_some_and(|verdicts| verdicts.iter().all(|verdict| *verdict == Verdict::Is))
    }

    /// Finds the cause of every fact, in the order of the keys.
    pub fn causes(&mut self) -> Vec<Cause> {
        // With a single atom there is nothing to tell apart, so no build is needed.
        if let [atom] = self.atoms.as_slice() {
            let cause = whole(atom.clone());
            return vec![cause; self.keys.len()];
        }
        let singles = self.singles();
        let mut known: Vec<Known> = Vec::new();
        (0..self.keys.len()).map(|key| self.cause(key, &singles, &mut known)).collect()
    }

    /// Builds the lab with each atom alone and with all but each, on any thread.
    fn singles(&mut self) -> Singles {
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
        for (choice, verdicts) in verdicts {
            self.remember(choice, verdicts);
        }
        let all = self.every();
        let alone = all.iter().map(|atom| self.keep(&BTreeSet::from([*atom]))).collect();
        let mut rest = all.clone();
        let without = all.iter().map(|atom| {
            rest.remove(atom);
            let build = self.keep(&rest);
            rest.insert(*atom);
            build
        });
        Singles { alone, without: without.collect() }
    }

    fn cause(&mut self, key: usize, singles: &Singles, known: &mut Vec<Known>) -> Cause {
        let all = self.every();
        // Those whose build says so, or says the contrary.
        let of = |finder: &Self, builds: &[Option<usize>], brings: bool| -> BTreeSet<usize> {
            let builds = builds.iter().enumerate();
            builds.filter(|(_, build)| finder.says(**build, key) == brings).map(|it| it.0).collect()
        };
        let alone = of(self, &singles.alone, true);
        if !alone.is_empty() {
            let rest: BTreeSet<usize> = all.difference(&alone).copied().collect();
            // What is left without them must not bring it about.
            if rest.is_empty() || !self.brings(key, &rest) {
                let one = alone.len() == 1;
                let edits = self.edits_of(alone);
                return if one { whole(edits) } else { Cause::Each(edits) };
            }
        }
        // Facts often share a cause, and to confirm a known set takes fewer builds than a search.
        for set in &mut *known {
            if self.says(set.whole, key) && self.is_minimal(key, set) {
                return Cause::Together(self.edits_of(set.atoms.iter().copied()));
            }
        }
        // These are often the whole cause, so the search begins with them.
        let needed = of(self, &singles.without, false);
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
        let cause = Cause::Together(self.edits_of(minimal.iter().copied()));
        known.push(Known { whole: self.keep(&minimal), atoms: minimal, fewer: Vec::new() });
        cause
    }

    /// Says whether keeping these atoms alone brings the change about.
    fn brings(&mut self, key: usize, atoms: &BTreeSet<usize>) -> bool {
        let build = self.keep(atoms);
        self.says(build, key)
    }

    /// Says whether a build brings the change about.
    fn says(&self, build: Option<usize>, key: usize) -> bool {
        let digest = self.keys.get(key).is_some_and(|key| is_digest(key.family));
        match build.and_then(|build| self.verdict(build, key)) {
            Some(Verdict::Is) => true,
            // What an entry says of a digest is that it is another one.
            Some(Verdict::Other) => digest,
            Some(Verdict::Was) | None => false,
        }
    }

    fn verdict(&self, build: usize, key: usize) -> Option<Verdict> {
        self.results.get(build)?.as_ref()?.get(key).copied()
    }

    /// Says whether a set brings the change about no longer without any one of its atoms.
    fn is_minimal(&mut self, key: usize, set: &mut Known) -> bool {
        for (at, atom) in set.atoms.iter().enumerate() {
            if at == set.fewer.len() {
                let mut fewer = set.atoms.clone();
                fewer.remove(atom);
                set.fewer.push(self.keep(&fewer));
            }
            if self.says(set.fewer.get(at).copied().flatten(), key) {
                return false;
            }
        }
        true
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
                let build = self.without.get(&part).copied().unwrap_or_else(|| {
                    let applied = if removed { Choice::default() } else { self.all() };
                    let build = self.build(&Choice { without: Some(part), ..applied });
                    self.without.insert(part, build);
                    build
                });
                let verdict = build.and_then(|build| self.verdict(build, key));
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

    fn every(&self) -> BTreeSet<usize> {
        (0..self.atoms.len()).collect()
    }

    /// Builds the lab with some atoms alone. Returns the number of the build.
    fn keep(&mut self, atoms: &BTreeSet<usize>) -> Option<usize> {
        if let Some(known) = self.kept.get(atoms) {
            return Some(*known);
        }
        let choice = self.choice(atoms.iter().copied());
        let build = self.build(&choice)?;
        self.kept.insert(atoms.clone(), build);
        Some(build)
    }

    /// Builds the lab with some edits applied. Returns the number of the build; nothing where no
    /// builds are left.
    fn build(&mut self, choice: &Choice) -> Option<usize> {
        if let Some(known) = self.built.get(choice) {
            return Some(*known);
        }
        let trivial = choice.without.is_none()
            && (choice.applied.is_empty() || choice.applied.len() == self.edits.list.len())
            && self.edits.list.len() < 2;
        if self.left == 0 && !trivial {
            return None;
        }
        self.left = self.left.saturating_sub(1);
        let verdicts = self.verdicts(choice);
        Some(self.remember(choice.clone(), verdicts))
    }

    fn remember(&mut self, choice: Choice, verdicts: Option<Vec<Verdict>>) -> usize {
        self.results.push(verdicts);
        *self.built.entry(choice).or_insert(self.results.len() - 1)
    }

    /// Builds the lab with some edits applied; nothing where it is not a lab without the others.
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
