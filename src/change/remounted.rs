//! Joins what is gone and new because a folder is mounted at another path.

use std::collections::{BTreeMap, BTreeSet};

use super::facts::{Family, Key};
use super::follows::Draft;
use super::relation::Causes;
use crate::plan::mount_name;

/// A folder that a machine has at another path.
struct Move {
    /// The fact that it is at the old path, and the one that it is at the new one.
    facts: [usize; 2],
    machine: String,
    from: String,
    to: String,
}

impl Move {
    /// Returns a path, or a text that begins with one, with the new path in the place of the old.
    fn moved(&self, text: &str) -> Option<String> {
        let rest = text.strip_prefix(&self.from)?;
        let is_below = rest.is_empty() || rest.starts_with(['/', ' ']);
        is_below.then(|| format!("{}{rest}", self.to))
    }

    /// Writes the new path in the place of the old one, such as those that a backup leaves out.
    fn words(&self, text: &str) -> String {
        let moved = |word: &str| self.moved(word).unwrap_or_else(|| word.to_owned());
        text.split(' ').map(moved).collect::<Vec<String>>().join(" ")
    }

    /// Returns the fact that another one becomes with the new path.
    fn key(&self, key: &Key) -> Option<Key> {
        match key.family {
            Family::BackupSource | Family::Mount | Family::Copied => {
                Some(Key { part: self.moved(&key.part)?, ..key.clone() })
            }
            Family::Unit if key.machine == self.machine => {
                let name = (key.name == mount_name(&self.from)).then(|| mount_name(&self.to));
                Some(Key { name: name?, ..key.clone() })
            }
            _ => None,
        }
    }

    /// Says whether what a service keeps is where it was, but for the path.
    fn keeps(&self, draft: &Draft) -> bool {
        let (Some(was), Some(is)) = (&draft.was, &draft.is) else { return false };
        let on = format!(" on {}, ", self.machine);
        draft.key.family == Family::State
            && was.contains(&on)
            && self.moved(was).as_ref() == Some(is)
    }
}

/// Makes one fact of a share that is gone and one that brings the same folder to another path, and
/// of all that merely has that path in it.
pub(super) fn remounted(drafts: Vec<Draft>, causes: &Causes) -> Vec<Draft> {
    let moves = moves(&drafts, causes);
    if moves.is_empty() {
        return drafts;
    }
    let by_key: BTreeMap<&Key, usize> =
        drafts.iter().enumerate().map(|(at, draft)| (&draft.key, at)).collect();
    let mut hidden: BTreeSet<usize> = BTreeSet::new();
    for one in &moves {
        let related = |draft: &Draft| {
            let [was, is] = one.facts.map(|at| drafts.get(at));
            let of = |other: &Draft| {
                causes.related(causes.number(&draft.cause), causes.number(&other.cause))
            };
            was.is_some_and(of) || is.is_some_and(of)
        };
        for (at, draft) in drafts.iter().enumerate().filter(|(_, draft)| related(draft)) {
            if one.keeps(draft) {
                hidden.insert(at);
            }
            let other = one.key(&draft.key).and_then(|key| by_key.get(&key).copied());
            let pair = other.and_then(|other| Some((other, drafts.get(other)?)));
            // The digest of a unit is another one with another path.
            let was = draft.was.as_deref().map(|was| one.words(was));
            let alike = |new: &Draft| draft.key.family == Family::Unit || was == new.is;
            let fits = |new: &Draft| draft.is.is_none() && new.was.is_none() && alike(new);
            if let Some((other, _)) = pair.filter(|(_, new)| fits(new) && related(new)) {
                hidden.extend([at, other]);
            }
        }
        hidden.insert(one.facts[0]);
    }
    let mut kept: Vec<(usize, Draft)> = drafts.into_iter().enumerate().collect();
    kept.retain(|(at, _)| !hidden.contains(at));
    for one in moves {
        if let Some((_, draft)) = kept.iter_mut().find(|(at, _)| *at == one.facts[1]) {
            let folder = draft.is.clone().unwrap_or_default();
            draft.said.subject = format!("{folder} on {}", one.machine);
            draft.said.was = Some(format!("at {}", one.from));
            draft.said.is = Some(format!("at {}", one.to));
        }
    }
    kept.into_iter().map(|(_, draft)| draft).collect()
}

/// Finds the folders that are at another path. One that is there twice is none of them.
fn moves(drafts: &[Draft], causes: &Causes) -> Vec<Move> {
    let shares = |is_gone: bool| {
        let mut found: BTreeMap<(&str, &str), Vec<usize>> = BTreeMap::new();
        for (at, Draft { key, was, is, .. }) in drafts.iter().enumerate() {
            let value = if is_gone { (was, is) } else { (is, was) };
            if let (Family::Share, (Some(value), None)) = (key.family, value) {
                found.entry((key.machine.as_str(), value)).or_default().push(at);
            }
        }
        found
    };
    let new = shares(false);
    let pairs = shares(true).into_iter().filter_map(|(what, gone)| {
        let ([was], [is]) = (gone.as_slice(), new.get(&what)?.as_slice()) else { return None };
        Some([*was, *is])
    });
    let moved = pairs.filter_map(|facts| {
        let [was, is] = facts.map(|at| drafts.get(at));
        let (was, is) = (was?, is?);
        let [old, new] = [was, is].map(|draft| causes.number(&draft.cause));
        causes.related(old, new).then(|| Move {
            facts,
            machine: was.key.machine.clone(),
            from: was.key.name.clone(),
            to: is.key.name.clone(),
        })
    });
    moved.collect()
}
