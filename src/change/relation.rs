//! Which causes have something to do with each other, and which facts may follow from which.
//!
//! A change of a large lab has many facts, and causes with many edits. What compares each with each
//! other takes minutes for it, so this finds the few that are worth a comparison.

use std::collections::BTreeMap;

use super::cause::Cause;
use super::facts::Family;
use super::follows::{Draft, follows};

/// The causes of some facts, each once, by number.
pub(super) struct Causes {
    numbers: BTreeMap<Cause, usize>,
    /// The edits of each, one bit for an edit.
    edits: Vec<Vec<u64>>,
}

impl Causes {
    /// Numbers the causes of facts.
    pub(super) fn of<'d>(drafts: impl Iterator<Item = &'d Draft>) -> Self {
        let mut causes = Self { numbers: BTreeMap::new(), edits: Vec::new() };
        for draft in drafts {
            if !causes.numbers.contains_key(&draft.cause) {
                causes.numbers.insert(draft.cause.clone(), causes.edits.len());
                causes.edits.push(bits(draft.cause.edits()));
            }
        }
        causes
    }

    /// Returns the number of a cause.
    pub(super) fn number(&self, cause: &Cause) -> usize {
        // What is none of them is related to nothing.
        self.numbers.get(cause).copied().unwrap_or(usize::MAX)
    }

    /// Says whether two causes have something to do with each other.
    pub(super) fn related(&self, a: usize, b: usize) -> bool {
        let edits = |cause: usize| self.edits.get(cause).map(Vec::as_slice).unwrap_or_default();
        a == b || edits(a).iter().zip(edits(b)).any(|(a, b)| a & b != 0)
    }
}

fn bits(edits: &[usize]) -> Vec<u64> {
    let mut bits = vec![0; edits.iter().max().map_or(0, |last| last / 64 + 1)];
    for edit in edits {
        if let Some(word) = bits.get_mut(edit / 64) {
            *word |= 1_u64 << (edit % 64);
        }
    }
    bits
}

/// What a fact of no name of its own follows from, among all facts of some families.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Wide {
    /// What services keep.
    Kept,
    /// What is no longer saved.
    Unsaved,
    /// What brings packages, modules and settings onto a machine.
    Installs,
}

impl Wide {
    const fn families(self) -> &'static [Family] {
        match self {
            Self::Kept => &[Family::State, Family::Service, Family::Saved],
            Self::Unsaved => &[Family::Saved],
            Self::Installs => &[
                Family::Service,
                Family::Machine,
                Family::Share,
                Family::Export,
                Family::Guard,
                Family::System,
                Family::Passthrough,
                Family::Pool,
            ],
        }
    }

    /// Says whether this is what a fact may follow from.
    fn is_asked(self, child: &Draft) -> bool {
        let is_source = child.key.family == Family::BackupSource;
        match self {
            Self::Kept => is_source,
            Self::Unsaved => is_source && child.is.is_none(),
            Self::Installs => child.key.family == Family::Installed,
        }
    }
}

const WIDE: [Wide; 3] = [Wide::Kept, Wide::Unsaved, Wide::Installs];

/// The families that others follow by their names.
const NAMED: [Family; 11] = [
    Family::Accepted,
    Family::Service,
    Family::Container,
    Family::State,
    Family::Dataset,
    Family::Pool,
    Family::Export,
    Family::Host,
    Family::Copied,
    Family::BackupRun,
    Family::Repository,
];

/// The facts that others may follow from, by what a fact that does has in common with them.
pub(super) struct Parents<'d> {
    drafts: &'d [Draft],
    causes: &'d Causes,
    /// The cause of each fact.
    numbers: Vec<usize>,
    by_name: BTreeMap<(Family, &'d str), Vec<usize>>,
    by_machine: BTreeMap<(Family, &'d str), Vec<usize>>,
    /// The first fact that others of a cause on a machine may follow from.
    first: BTreeMap<(Wide, &'d str, usize), Option<usize>>,
}

impl<'d> Parents<'d> {
    /// Prepares to find what facts follow from.
    pub(super) fn of(drafts: &'d [Draft], causes: &'d Causes) -> Self {
        let numbers = drafts.iter().map(|draft| causes.number(&draft.cause)).collect();
        let (mut by_name, mut by_machine) = (BTreeMap::new(), BTreeMap::new());
        for (at, Draft { key, .. }) in drafts.iter().enumerate() {
            let named = by_name.entry((key.family, key.name.as_str())).or_insert_with(Vec::new);
            named.push(at);
            let on = by_machine.entry((key.family, key.machine.as_str()));
            on.or_insert_with(Vec::new).push(at);
        }
        Self { drafts, causes, numbers, by_name, by_machine, first: BTreeMap::new() }
    }

    /// Finds the first fact that another one follows from.
    pub(super) fn parent(&mut self, index: usize) -> Option<usize> {
        let child = self.drafts.get(index)?;
        let cause = *self.numbers.get(index)?;
        let wide = WIDE.into_iter().filter(|wide| wide.is_asked(child));
        let wide: Vec<usize> = wide.filter_map(|wide| self.first(wide, child, cause)).collect();
        let candidates = self.candidates(child).chain(wide);
        candidates
            .filter(|at| *at != index)
            .filter(|at| self.drafts.get(*at).is_some_and(|parent| follows(child, parent)))
            .filter(|at| self.is_related(*at, cause))
            .min()
    }

    /// Lists the facts that have the machine or a name in common with one that may follow.
    fn candidates(&self, child: &'d Draft) -> impl Iterator<Item = usize> {
        let machine = self.by_machine.get(&(Family::Machine, child.key.machine.as_str()));
        let names = names(child).into_iter();
        let named = names.flat_map(|name| NAMED.map(|family| self.by_name.get(&(family, name))));
        machine.into_iter().chain(named.flatten()).flatten().copied()
    }

    fn first(&mut self, wide: Wide, child: &'d Draft, cause: usize) -> Option<usize> {
        let machine = child.key.machine.as_str();
        if let Some(known) = self.first.get(&(wide, machine, cause)) {
            return *known;
        }
        // Only what is installed asks for the machine.
        let lists: Vec<&[usize]> = if wide == Wide::Installs {
            let on = |family| [(family, ""), (family, machine)];
            let keys = wide.families().iter().copied().flat_map(on);
            keys.filter_map(|key| self.by_machine.get(&key)).map(Vec::as_slice).collect()
        } else {
            let of = |family: Family| {
                let from = (family, "");
                self.by_machine.range(from..).take_while(move |((own, _), _)| *own == family)
            };
            wide.families().iter().copied().flat_map(of).map(|(_, list)| list.as_slice()).collect()
        };
        let found = lists.into_iter().filter_map(|list| {
            let mut list = list.iter().copied();
            list.find(|at| {
                self.drafts.get(*at).is_some_and(|parent| follows(child, parent))
                    && self.is_related(*at, cause)
            })
        });
        let found = found.min();
        self.first.insert((wide, machine, cause), found);
        found
    }

    fn is_related(&self, at: usize, cause: usize) -> bool {
        self.numbers.get(at).is_some_and(|other| self.causes.related(*other, cause))
    }
}

/// Lists what the facts may be called that a fact follows from.
fn names(child: &Draft) -> Vec<&str> {
    let (name, part) = (child.key.name.as_str(), child.key.part.as_str());
    // `web-db` belongs to the service `web`.
    let hyphens = name.match_indices('-');
    let mut names: Vec<&str> = hyphens.filter_map(|(at, _)| name.get(..at)).collect();
    names.push(name);
    match child.key.family {
        Family::Room => names.extend(name.strip_prefix("pool ")),
        Family::StoreSaved => names.extend(name.strip_prefix("export ")),
        Family::Alert => names.push(part),
        // What is probed is a URL, which ends in the host name.
        Family::Scrape => names.extend(part.rsplit("://").next()),
        _ => {}
    }
    names
}

#[cfg(test)]
mod tests {
    use super::{Causes, Parents};
    use crate::change::cause::Cause;
    use crate::change::facts::{Family, Key};
    use crate::change::follows::{Draft, follows};
    use crate::change::say::say;

    /// Makes what services that come with their machines bring, one cause for all of it.
    fn drafts(services: usize) -> Vec<Draft> {
        let families = [
            Family::Machine,
            Family::Service,
            Family::Container,
            Family::Image,
            Family::Unit,
            Family::Installed,
            Family::BackupSource,
            Family::Scrape,
        ];
        let keys = (0..services).flat_map(|at| {
            families.map(|family| Key {
                family,
                machine: format!("m{at}"),
                name: if family == Family::Machine { String::new() } else { format!("s{at}-x") },
                part: format!("https://h{at}.example.org"),
            })
        });
        let draft = |key: Key| Draft {
            said: say(&key, None, Some("x"), false),
            key,
            was: None,
            is: Some("x".to_owned()),
            cause: Cause::Together((0..services).collect()),
            places: Vec::new(),
            files: std::collections::BTreeSet::new(),
        };
        keys.map(draft).collect()
    }

    #[test]
    fn a_fact_is_compared_with_few_others() {
        let compared = |services: usize| {
            let drafts = drafts(services);
            let causes = Causes::of(drafts.iter());
            let parents = Parents::of(&drafts, &causes);
            drafts.iter().map(|draft| parents.candidates(draft).count()).sum::<usize>()
        };
        assert!(compared(10) > 0);
        assert_eq!(compared(1_000), 100 * compared(10));
    }

    /// The facts that are compared are all that may be followed.
    #[test]
    fn no_parent_is_missed() {
        let drafts = drafts(12);
        let causes = Causes::of(drafts.iter());
        let mut parents = Parents::of(&drafts, &causes);
        let mut found = 0;
        for (index, child) in drafts.iter().enumerate() {
            let of = |(at, parent): (usize, &Draft)| {
                (at != index && follows(child, parent)).then_some(at)
            };
            let wanted = drafts.iter().enumerate().find_map(of);
            assert_eq!(parents.parent(index), wanted, "{:?}", child.key);
            found += usize::from(wanted.is_some());
        }
        assert!(found > 30, "{found}");
    }
}
