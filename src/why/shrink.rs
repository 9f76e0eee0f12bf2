//! A lab without what can't matter for the wanted lines: there is less in it to try, and each trial
//! takes a fraction of the time.

use std::collections::BTreeSet;

use super::candidates::{Candidate, Candidates};
use super::edit::Edit;
use super::find::Search;
use crate::diag::{Diagnostics, Severity};
use crate::source::Layer;

/// The number of lines before a wanted one whose words are looked at.
const BEFORE: usize = 60;

/// The kinds of top nodes that stay: no lab is without the first two, and the others are so small
/// that to try whether they can go costs more than to try what is in them.
const KEPT: [&str; 5] = ["edition", "lab", "secret", "admin", "accept"];

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
        let mut wholes = self.wholes.iter().filter_map(|whole| candidates.wholes.get(*whole));
        wholes.any(|whole| whole.is_top && whole.top == top)
    }
}

/// Finds the nodes without all of which the wanted lines are the same.
pub fn idle(search: &Search<'_>, candidates: &Candidates) -> Idle {
    let shrink = Shrink { search, candidates };
    let near = near(search, candidates);
    let (mut near, mut far): (Vec<usize>, Vec<usize>) =
        shrink.own_tops().into_iter().partition(|whole| near.contains(whole));
    let mut idle = Idle::default();
    // Most of a lab is far from a line: a few trials are often enough to be rid of it.
    for _ in 0..NEEDED {
        let needed = match search.is_same(&shrink.edits(&far)) {
            Ok(_) => break,
            Err(findings) => shrink.named(&findings, &far),
        };
        if needed.is_empty() {
            break;
        }
        far.retain(|whole| !needed.contains(whole));
        near.extend(needed);
    }
    shrink.leave_out(&far, &mut idle);
    shrink.leave_out(&near, &mut idle);
    idle
}

/// Finds the parts of modules and of the lab's larger nodes without all of which the wanted lines
/// are the same, in a lab without `idle`.
pub fn more_idle(
    search: &Search<'_>,
    candidates: &Candidates,
    is_busy: impl Fn(&str) -> bool,
    idle: &mut Idle,
) {
    let shrink = Shrink { search, candidates };
    let is_module = |whole: usize| {
        let top = candidates.wholes.get(whole).and_then(|whole| candidates.tops.get(whole.top));
        top.is_some_and(|top| top.kind == "module" && is_busy(&top.name))
    };
    let tops: Vec<usize> = (0..candidates.wholes.len())
        .filter(|whole| candidates.wholes.get(*whole).is_some_and(|whole| whole.is_top))
        .filter(|whole| !idle.wholes.contains(whole))
        .filter(|whole| is_module(*whole) || shrink.is_own(*whole))
        .collect();
    for top in tops {
        let inside = shrink.inside(top);
        shrink.leave_out(&inside, idle);
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
        for (index, whole) in candidates.wholes.iter().enumerate() {
            let Some(top) = candidates.tops.get(whole.top).filter(|_| whole.is_top) else {
                continue;
            };
            if top.name != word || top.layer != Layer::Lab || !found.insert(index) {
                continue;
            }
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
    /// Lists the top nodes of the lab. Most others can go only when no service refers to them.
    fn own_tops(&self) -> Vec<usize> {
        let mut tops: Vec<usize> = (0..self.candidates.wholes.len())
            .filter(|whole| self.candidates.wholes.get(*whole).is_some_and(|whole| whole.is_top))
            .filter(|whole| self.is_own(*whole))
            .collect();
        tops.sort_by_key(|whole| {
            let whole = self.candidates.wholes.get(*whole);
            whole.is_some_and(|whole| whole.kind != "service")
        });
        tops
    }

    /// Returns whether a node is the lab's own, and may go.
    fn is_own(&self, whole: usize) -> bool {
        let Some(whole) = self.candidates.wholes.get(whole) else { return false };
        let layer = self.search.bench.sources().file(whole.span.file).layer;
        layer == Layer::Lab && !KEPT.contains(&whole.kind.as_str())
    }

    /// Lists those of some top nodes that errors name.
    fn named(&self, findings: &Diagnostics, tops: &[usize]) -> Vec<usize> {
        let errors = findings.iter().filter(|found| found.severity() == Severity::Error);
        let messages = errors.map(|found| found.message.as_str());
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
            // Inside a service, most nodes are short, and are tried one by one anyway.
            let is_large = self
                .candidates
                .wholes
                .get(*alone)
                .is_some_and(|whole| !whole.is_top || whole.kind == "profile");
            if is_large {
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
                Err(findings) => {
                    let before = edits.len();
                    edits.extend(self.candidates.dependents(self.search.bench, &findings));
                    if edits.len() == before {
                        return None;
                    }
                }
            }
        }
        None
    }
}
