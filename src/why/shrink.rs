//! A lab without what can't matter for the wanted lines: there is less in it to try, and each trial
//! takes a fraction of the time.

use std::collections::BTreeSet;

use super::candidates::{Candidate, Candidates, Top};
use super::edit::{Edit, Fault};
use super::find::Search;
use crate::source::Layer;

/// The number of lines before a wanted one whose words are looked at.
const BEFORE: usize = 60;

/// The kinds of top nodes that stay, since no lab is without them.
const KEPT: [&str; 2] = ["edition", "lab"];

/// The kinds of top nodes that can all go at once when nothing that refers to them is left.
const SMALL: [&str; 3] = ["secret", "admin", "accept"];

/// How often what errors name is taken for near.
const NEEDED: usize = 4;

/// How often what refers to a left out node is left out too.
const DEPENDENT: usize = 4;

/// The parts of a lab that do not matter for the wanted lines.
#[derive(Debug, Default)]
pub struct Idle {
    /// The edits that leave them out, all of them together.
    pub edits: BTreeSet<Edit>,
    /// The nodes, by their index among [`Candidates::wholes`].
    wholes: BTreeSet<usize>,
}

impl Idle {
    /// Returns whether a candidate is in a node that does not matter.
    pub fn contains(&self, candidates: &Candidates, candidate: &Candidate) -> bool {
        self.wholes.iter().filter_map(|whole| candidates.wholes.get(*whole)).any(|whole| {
            whole.span.file == candidate.span.file
                && whole.span.start <= candidate.span.start
                && candidate.end <= whole.end
        })
    }

    /// Returns whether nothing of a top node matters.
    pub fn has_top(&self, candidates: &Candidates, top: usize) -> bool {
        let whole = candidates.tops.get(top).and_then(|top| top.whole);
        whole.is_some_and(|whole| self.wholes.contains(&whole))
    }
}

/// Lists the larger top nodes of the lab: those that are far from the wanted lines, and the others.
///
/// Most of a lab is far from a line, and a few trials are often enough to be rid of it.
pub fn tops(search: &Search<'_>, candidates: &Candidates) -> Vec<Vec<usize>> {
    let shrink = Shrink { search, candidates };
    let near = near(search, candidates);
    let (mut near, mut far): (Vec<usize>, Vec<usize>) =
        shrink.own(|kind| !SMALL.contains(&kind)).into_iter().partition(|top| near.contains(top));
    for _ in 0..NEEDED {
        let needed = match search.is_same(&shrink.edits(&far)) {
            Ok(_) => break,
            Err(faults) => shrink.named(&faults, &far),
        };
        if needed.is_empty() {
            break;
        }
        far.retain(|whole| !needed.contains(whole));
        near.extend(needed);
    }
    vec![far, near]
}

/// Lists what is left in a lab without `idle`: the smaller top nodes, and the parts of modules and
/// of the larger ones.
pub fn parts(
    search: &Search<'_>,
    candidates: &Candidates,
    is_busy: impl Fn(&str) -> bool,
    idle: &Idle,
) -> Vec<Vec<usize>> {
    let shrink = Shrink { search, candidates };
    let modules = candidates.tops.iter().filter(|top| top.kind == "module" && is_busy(&top.name));
    let modules = modules.filter_map(|top| top.whole);
    let large = modules.chain(shrink.own(|kind| !SMALL.contains(&kind)));
    let inside = large.filter(|top| !idle.wholes.contains(top)).map(|top| shrink.inside(top));
    std::iter::once(shrink.own(|kind| SMALL.contains(&kind))).chain(inside).collect()
}

/// Leaves out the nodes of each list, if the wanted lines are the same without them.
pub fn leave_out(
    search: &Search<'_>,
    candidates: &Candidates,
    lists: &[Vec<usize>],
    idle: &mut Idle,
) {
    let shrink = Shrink { search, candidates };
    for list in lists {
        shrink.leave_out(list, idle);
    }
}

/// Lists the top nodes that the lines before the wanted ones name, and those that these name.
fn near(search: &Search<'_>, candidates: &Candidates) -> BTreeSet<usize> {
    let sources = search.bench.sources();
    let words = |text: &str| -> BTreeSet<String> {
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        text.split(|c: char| !is_part(c))
            .filter(|word| !word.is_empty())
            .map(str::to_owned)
            .collect()
    };
    let first = search.target.wanted.first().copied().unwrap_or_default().saturating_sub(BEFORE);
    let last = search.target.wanted.last().copied().unwrap_or_default();
    let lines = search.target.text.lines().skip(first).take(last + 1 - first);
    let mut open = lines.flat_map(words).collect::<BTreeSet<String>>();
    open.insert(search.target.machine.clone());
    let mut known = BTreeSet::new();
    let mut found = BTreeSet::new();
    while let Some(word) = open.pop_first() {
        if !known.insert(word.clone()) {
            continue;
        }
        for top in candidates.tops.iter().filter(|top| top.name == word) {
            let Some(index) = top.whole.filter(|_| top.layer == Layer::Lab) else { continue };
            let Some(whole) = candidates.wholes.get(index).filter(|_| found.insert(index)) else {
                continue;
            };
            let text = &sources.file(whole.span.file).text;
            let own = text.get(whole.span.start as usize..whole.end as usize).unwrap_or_default();
            open.extend(words(own));
        }
    }
    found
}

struct Shrink<'s> {
    search: &'s Search<'s>,
    candidates: &'s Candidates,
}

impl Shrink<'_> {
    /// Lists the top nodes of the lab of some kinds, services first: most others can go only when
    /// no service refers to them.
    fn own(&self, is_wanted: impl Fn(&str) -> bool) -> Vec<usize> {
        let is_own = |top: &&Top| {
            top.layer == Layer::Lab && !KEPT.contains(&top.kind.as_str()) && is_wanted(&top.kind)
        };
        let mut tops: Vec<&Top> = self.candidates.tops.iter().filter(is_own).collect();
        tops.sort_by_key(|top| top.kind != "service");
        tops.into_iter().filter_map(|top| top.whole).collect()
    }

    /// Lists those of some top nodes that errors name.
    fn named(&self, faults: &[Fault], tops: &[usize]) -> Vec<usize> {
        let messages = faults.iter().map(|fault| fault.message.as_str());
        let words: BTreeSet<&str> = messages.flat_map(|message| message.split('`')).collect();
        let is_named = |whole: &&usize| {
            let top = self.candidates.wholes.get(**whole).map(|whole| whole.top);
            let top = top.and_then(|top| self.candidates.tops.get(top));
            top.is_some_and(|top| words.contains(top.name.as_str()))
        };
        tops.iter().filter(is_named).copied().collect()
    }

    /// Returns the edits that leave out nodes.
    fn edits(&self, wholes: &[usize]) -> BTreeSet<Edit> {
        let wholes = wholes.iter().filter_map(|whole| self.candidates.wholes.get(*whole));
        wholes.map(|whole| Edit::leave_out(whole.span)).collect()
    }

    /// Lists the nodes directly inside another.
    fn inside(&self, outer: usize) -> Vec<usize> {
        let wholes = self.candidates.wholes.iter().enumerate();
        wholes.filter(|(_, whole)| whole.inside == Some(outer)).map(|(index, _)| index).collect()
    }

    /// Leaves out the nodes of `chunk` together: all of them, or what can be of each half.
    fn leave_out(&self, chunk: &[usize], idle: &mut Idle) {
        if chunk.is_empty() {
            return;
        }
        if let Some(edits) = self.without(chunk, &idle.edits) {
            idle.edits = edits;
            idle.wholes.extend(chunk);
            return;
        }
        if let [alone] = chunk {
            let inside = self.inside(*alone);
            // The parts of top nodes have a list of their own, but for the entities of a profile.
            let top = self.candidates.tops.iter().find(|top| top.whole == Some(*alone));
            if top.is_none_or(|top| top.kind == "profile") {
                self.leave_out(&inside, idle);
            }
        } else {
            let (first, second) = chunk.split_at(chunk.len() / 2);
            self.leave_out(first, idle);
            self.leave_out(second, idle);
        }
    }

    /// Returns the edits that leave out `chunk` and what can't be there without it, if the wanted
    /// lines are the same then.
    fn without(&self, chunk: &[usize], idle: &BTreeSet<Edit>) -> Option<BTreeSet<Edit>> {
        let mut edits = self.edits(chunk);
        edits.extend(idle.iter().cloned());
        for _ in 0..DEPENDENT {
            match self.search.is_same(&edits) {
                Ok(same) => return same.then_some(edits),
                Err(faults) => {
                    let before = edits.len();
                    edits.extend(self.candidates.dependents(self.search.bench, &faults));
                    if edits.len() == before {
                        return None;
                    }
                }
            }
        }
        None
    }
}
