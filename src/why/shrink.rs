//! A lab without what can't matter for the wanted lines: there is less in it to try, and each trial
//! takes a fraction of the time.

use std::collections::{BTreeMap, BTreeSet};

use super::candidates::{Candidate, Candidates, Top, Whole};
use super::edit::{Edit, Fault};
use super::find::Search;
use super::mentions;
use crate::source::Layer;

/// The number of lines before a wanted one whose words are looked at.
const BEFORE: usize = 60;

/// The kinds of top nodes that stay, since no lab is without them.
const KEPT: [&str; 2] = ["edition", "lab"];

/// The kinds of top nodes that can all go at once when nothing that refers to them is left.
const SMALL: [&str; 3] = ["secret", "admin", "accept"];

/// The kinds of top nodes that are machines.
const MACHINES: [&str; 3] = ["host", "vm", "lxc"];

/// How often what errors name is taken for near.
const NEEDED: usize = 8;

/// How often what refers to a left out node is left out too.
const DEPENDENT: usize = 4;

/// How many nodes are left out before the lab is taken over without them.
const GAIN: usize = 8;

/// Nodes that can be left out, or some of them.
#[derive(Debug)]
pub struct Chunk {
    nodes: Vec<usize>,
    known: Known,
}

/// What is known of nodes of which some may be left out.
#[derive(Debug, Clone, Copy)]
enum Known {
    /// Nothing.
    Nothing,
    /// Without all of them, the wanted lines are others.
    Needed,
    /// Without all of them, a lab that is without as many parts as this has an error.
    Wrong(usize),
}

impl Chunk {
    /// Makes a chunk of nodes that nothing is known of.
    pub fn of(nodes: Vec<usize>) -> Self {
        Self { nodes, known: Known::Nothing }
    }
}

/// The parts of a lab that do not matter for the wanted lines.
#[derive(Debug, Default)]
pub struct Idle {
    /// The edits that leave them out, all of them together.
    pub edits: BTreeSet<Edit>,
    /// The nodes, by their index among [`Candidates::wholes`].
    wholes: BTreeSet<usize>,
    /// Nodes without which the wanted lines are others, by the edits that leave them out.
    needed: BTreeSet<Edit>,
}

impl Idle {
    fn leave_out(&mut self, edits: BTreeSet<Edit>, nodes: &[usize]) {
        self.edits = edits;
        self.wholes.extend(nodes);
    }

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

    /// Returns whether some of `edits` are known to change the wanted lines.
    fn is_needed(&self, edits: &BTreeSet<Edit>) -> bool {
        !self.needed.is_disjoint(edits)
    }
}

/// Leaves out the larger top nodes of the lab that are far from the wanted lines, and lists the
/// others, the nearest last: those that can go are then likely to be side by side.
///
/// Most of a lab is far from a line. So the smallest lab is tried first, with what the line itself
/// names, and grows until the line is in it.
pub fn tops(search: &Search<'_>, candidates: &Candidates, idle: &mut Idle) -> Vec<usize> {
    let shrink = Shrink { search, candidates };
    let mut all = shrink.own(|kind| !SMALL.contains(&kind));
    let mut near: BTreeMap<usize, usize> = BTreeMap::new();
    for (distance, level) in levels(search, candidates).into_iter().enumerate() {
        let before = near.len();
        let add = |near: &mut BTreeMap<usize, usize>, tops: &[usize]| {
            for top in tops {
                near.entry(*top).or_insert(distance);
            }
        };
        add(&mut near, &level.into_iter().collect::<Vec<usize>>());
        if near.len() == before && before > 0 {
            continue;
        }
        let mut more: BTreeSet<Edit> = BTreeSet::new();
        for _ in 0..NEEDED {
            let is_far = |top: &usize| !near.contains_key(top);
            let far: Vec<usize> = all.iter().copied().filter(is_far).collect();
            let edits: BTreeSet<Edit> =
                shrink.edits(&far).into_iter().chain(more.clone()).collect();
            let faults = match search.is_same(&edits) {
                Ok(true) => {
                    all.retain(|top| near.contains_key(top));
                    all.sort_by_key(|top| std::cmp::Reverse(near.get(top)));
                    idle.leave_out(edits, &far);
                    return all;
                }
                Ok(false) => break,
                Err(faults) => faults,
            };
            // What is small, such as a finding that is accepted, goes with what it names.
            let (small, large): (Vec<Fault>, Vec<Fault>) =
                faults.into_iter().partition(|fault| shrink.is_small(fault));
            let needed = shrink.named(&large, &far);
            let (names, edits) = (near.len(), more.len());
            add(&mut near, &needed);
            more.extend(candidates.dependents(search.bench, &small));
            if (near.len(), more.len()) == (names, edits) {
                break;
            }
        }
    }
    all
}

/// Lists the smaller top nodes.
pub fn small(search: &Search<'_>, candidates: &Candidates) -> Vec<usize> {
    Shrink { search, candidates }.own(|kind| SMALL.contains(&kind))
}

/// Lists what is left in a lab without `idle` of modules and of the larger top nodes: their parts.
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
    large.filter(|top| !idle.wholes.contains(top)).map(|top| shrink.inside(top)).collect()
}

/// Leaves out what can be of some nodes: the wanted lines are the same without them.
///
/// Ends when there is much less of the lab, with what is still `open`: in a lab that is without it,
/// each trial takes less time.
pub fn leave_out(
    search: &Search<'_>,
    candidates: &Candidates,
    open: &mut Vec<Chunk>,
    idle: &mut Idle,
) {
    let shrink = Shrink { search, candidates };
    // Without its machine, a file is gone.
    let is_machine =
        |top: &&Top| top.name == search.target.machine && MACHINES.contains(&top.kind.as_str());
    let machines = candidates.tops.iter().filter(is_machine).filter_map(|top| top.whole);
    idle.needed.extend(shrink.edits(&machines.collect::<Vec<usize>>()));
    let enough = idle.wholes.len() + GAIN;
    while idle.wholes.len() < enough {
        let Some(chunk) = open.pop() else { return };
        shrink.leave_out(chunk, open, idle);
    }
}

/// Lists the top nodes in the order in which they are near to the wanted lines: those that the
/// lines name, those that the lines before them name, and time after time those that these name.
fn levels(search: &Search<'_>, candidates: &Candidates) -> Vec<BTreeSet<usize>> {
    let sources = search.bench.sources();
    let words =
        |text: &str| -> BTreeSet<String> { mentions::words(text).map(str::to_owned).collect() };
    let first = search.target.wanted.first().copied().unwrap_or_default();
    let last = search.target.wanted.last().copied().unwrap_or_default();
    let lines = |from: usize| {
        let lines = search.target.text.lines().skip(from).take(last + 1 - from);
        lines.flat_map(words).collect::<BTreeSet<String>>()
    };
    let mut open = lines(first);
    open.extend(words(&search.target.path));
    open.insert(search.target.machine.clone());
    let mut known: BTreeSet<String> = BTreeSet::new();
    let mut levels = Vec::new();
    let mut before = Some(lines(first.saturating_sub(BEFORE)));
    while !open.is_empty() || before.is_some() {
        let mut level = BTreeSet::new();
        let mut next = before.take().unwrap_or_default();
        for word in std::mem::take(&mut open).into_iter().filter(|word| known.insert(word.clone()))
        {
            for top in candidates.tops.iter().filter(|top| top.name == word) {
                let Some(index) = top.whole.filter(|_| top.layer == Layer::Lab) else { continue };
                let Some(whole) = candidates.wholes.get(index).filter(|_| level.insert(index))
                else {
                    continue;
                };
                let text = &sources.file(whole.span.file).text;
                let own = text.get(whole.span.start as usize..whole.end as usize);
                next.extend(words(own.unwrap_or_default()));
            }
        }
        levels.push(level);
        open = next.difference(&known).cloned().collect();
    }
    levels
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

    /// Returns whether an error is in a node that may go with what it names.
    fn is_small(&self, fault: &Fault) -> bool {
        let Some(span) = fault.span else { return false };
        let inside = |whole: &Whole| {
            whole.span.file == span.file && whole.span.start <= span.start && span.start < whole.end
        };
        let top = |whole: &Whole| self.candidates.tops.get(whole.top);
        let mut small =
            self.candidates.tops.iter().filter(|top| SMALL.contains(&top.kind.as_str()));
        let is_in_small = small.any(|top| {
            let whole = top.whole.and_then(|whole| self.candidates.wholes.get(whole));
            whole.is_some_and(inside)
        });
        let mut around = self.candidates.wholes.iter().filter(|whole| inside(whole));
        let is_in_lab = around.all(|whole| top(whole).is_some_and(|top| top.kind == "lab"));
        is_in_small || is_in_lab
    }

    /// Returns the edits that leave out nodes.
    fn edits(&self, wholes: &[usize]) -> BTreeSet<Edit> {
        let wholes = wholes.iter().filter_map(|whole| self.candidates.wholes.get(*whole));
        wholes.map(|whole| Edit::leave_out(whole.span)).collect()
    }

    /// Lists the nodes directly inside another, the last first: a module has options and states
    /// before what names them.
    fn inside(&self, outer: usize) -> Vec<usize> {
        let wholes = self.candidates.wholes.iter().enumerate().rev();
        wholes.filter(|(_, whole)| whole.inside == Some(outer)).map(|(index, _)| index).collect()
    }

    /// Leaves out the nodes of a chunk together, or opens its halves.
    fn leave_out(&self, chunk: Chunk, open: &mut Vec<Chunk>, idle: &mut Idle) {
        // Some have gone with what they refer to.
        let is_out = |whole: &usize| self.edits(&[*whole]).is_subset(&idle.edits);
        let (out, nodes): (Vec<usize>, Vec<usize>) =
            chunk.nodes.into_iter().partition(|whole| is_out(whole));
        idle.wholes.extend(out);
        if nodes.is_empty() {
            return;
        }
        let is_settled = match chunk.known {
            Known::Nothing => false,
            Known::Needed => true,
            // What needed them may have gone in the meantime.
            Known::Wrong(without) => idle.edits.len() == without,
        };
        if !is_settled {
            // What others name can go only after those.
            let sources = self.search.bench.sources();
            let (named, nodes) = mentions::divided(sources, self.candidates, &idle.edits, nodes);
            let (nodes, rest) = if nodes.is_empty() { (named, nodes) } else { (nodes, named) };
            if !rest.is_empty() {
                open.push(Chunk::of(rest));
            }
            match self.without(&nodes, idle) {
                Tried::Gone(edits) => idle.leave_out(edits, &nodes),
                Tried::Needed => open.push(Chunk { nodes, known: Known::Needed }),
                Tried::Wrong => {
                    open.push(Chunk { nodes, known: Known::Wrong(idle.edits.len()) });
                }
            }
            return;
        }
        if let [alone] = nodes.as_slice() {
            if matches!(chunk.known, Known::Needed) {
                idle.needed.extend(self.edits(&nodes));
            }
            // The parts of top nodes have a list of their own, but for the entities of a profile.
            let top = self.candidates.tops.iter().find(|top| top.whole == Some(*alone));
            if top.is_none_or(|top| top.kind == "profile") {
                open.push(Chunk::of(self.inside(*alone)));
            }
            return;
        }
        let (first, second) = nodes.split_at(nodes.len() / 2);
        let (of_first, of_second) =
            rayon::join(|| self.without(first, idle), || self.without(second, idle));
        // Where one half can go, the other one can't go with it.
        let halves = match (of_first, of_second) {
            (Tried::Gone(edits), _) => {
                idle.leave_out(edits, first);
                vec![(second, matches!(chunk.known, Known::Needed))]
            }
            (of_first, Tried::Gone(edits)) => {
                idle.leave_out(edits, second);
                vec![(first, matches!(of_first, Tried::Needed))]
            }
            (of_first, of_second) => [(second, of_second), (first, of_first)]
                .map(|(half, tried)| (half, matches!(tried, Tried::Needed)))
                .to_vec(),
        };
        for (half, is_needed) in halves {
            let known = if is_needed { Known::Needed } else { Known::Wrong(idle.edits.len()) };
            open.push(Chunk { nodes: half.to_vec(), known });
        }
    }

    /// Leaves out `chunk` and what can't be there without it.
    fn without(&self, chunk: &[usize], idle: &Idle) -> Tried {
        let own = self.edits(chunk);
        let mut edits: BTreeSet<Edit> = own.union(&idle.edits).cloned().collect();
        for _ in 0..DEPENDENT {
            if idle.is_needed(&edits) {
                return Tried::Needed;
            }
            match self.search.is_same(&edits) {
                Ok(true) => return Tried::Gone(edits),
                Ok(false) => return Tried::Needed,
                Err(faults) => {
                    let before = edits.len();
                    edits.extend(self.candidates.dependents(self.search.bench, &faults));
                    if edits.len() == before {
                        return Tried::Wrong;
                    }
                }
            }
        }
        Tried::Wrong
    }
}

/// What becomes of a lab without some nodes.
enum Tried {
    /// The wanted lines are the same with these edits.
    Gone(BTreeSet<Edit>),
    /// The wanted lines are others.
    Needed,
    /// The lab has an error.
    Wrong,
}
