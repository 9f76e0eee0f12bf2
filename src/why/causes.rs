//! Which candidates the wanted lines change with, found by building the lab with them changed.
//!
//! Most candidates have no effect. So many are changed at once where that can be, and what is in a
//! node that does not matter is not tried.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;

use super::along;
use super::candidates::{Candidate, Candidates, Part};
use super::edit::{Edit, Fault};
use super::find::{Effect, Search};
use crate::source::{FileId, Span};

/// How many other values show what a value does.
const VALUES: usize = 2;

/// How many values or lines are tried at once.
const GROUP: usize = 24;

/// The fewest letters of a text that show whether it may be in a line.
const TELLING: usize = 4;

/// A candidate with its index.
type Indexed<'c> = (usize, &'c Candidate);

/// A candidate that decides a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// The candidate, by index.
    pub candidate: usize,
    /// The edits that prove it, each with its effect.
    pub proofs: Vec<(Vec<Edit>, Effect)>,
    /// Whether they were made in the whole lab, and not in a smaller one alone.
    pub confirmed: bool,
}

/// Finds the causes of the wanted lines among the candidates that `is_possible` accepts.
pub fn causes(
    search: &Search<'_>,
    candidates: &Candidates,
    is_possible: impl Fn(&Candidate) -> bool,
) -> Vec<Cause> {
    let (mut values, mut nodes) = (Vec::new(), Vec::new());
    let mut files: BTreeMap<FileId, Vec<Indexed<'_>>> = BTreeMap::new();
    for (index, candidate) in candidates.list.iter().enumerate() {
        if is_possible(candidate) {
            match candidate.part {
                Part::Value => values.push((index, candidate)),
                Part::Presence => nodes.push((index, candidate)),
                Part::Text => {
                    files.entry(candidate.span.file).or_default().push((index, candidate));
                }
            }
        }
    }
    let files: Vec<Vec<Indexed<'_>>> = files.into_values().collect();
    let (mut open, mut found) = rayon::join(
        || {
            let lines = files.par_iter().flat_map_iter(|lines| of_file(search, lines));
            lines.chain(of_values(search, &values)).collect::<Vec<_>>()
        },
        || of_nodes(search, candidates, nodes),
    );
    open.sort_by_key(|(index, _)| *index);
    let more: Vec<Cause> = open
        .into_par_iter()
        .filter_map(|(index, candidate)| {
            let proofs = proofs(search, candidates, candidate);
            (!proofs.is_empty()).then_some(Cause { candidate: index, proofs, confirmed: false })
        })
        .collect();
    found.extend(more);
    found.sort_by_key(|cause| cause.candidate);
    found
}

/// Finds the causes among values that a smaller lab has no other value for that may be there: names
/// of what it is without.
pub fn beyond(
    small: &Search<'_>,
    whole: &Search<'_>,
    candidates: &Candidates,
    is_possible: impl Fn(&Candidate) -> bool,
) -> Vec<Cause> {
    let is_beyond = |candidate: &Candidate| {
        let mut edits = candidate.edits.iter();
        candidate.part == Part::Value
            && edits.any(|edits| is_absent(small, edits))
            && candidate
                .edits
                .iter()
                .all(|edits| is_absent(small, edits) || small.effect(edits).is_err())
    };
    let open: Vec<Indexed<'_>> = candidates
        .list
        .iter()
        .enumerate()
        .filter(|(_, candidate)| is_possible(candidate) && is_beyond(candidate))
        .collect();
    open.into_par_iter()
        .filter_map(|(index, candidate)| {
            let proofs = proofs(whole, candidates, candidate);
            (!proofs.is_empty()).then_some(Cause { candidate: index, proofs, confirmed: true })
        })
        .collect()
}

/// Keeps of causes that another lab has those that this one has too.
pub fn confirmed(search: &Search<'_>, causes: Vec<Cause>, candidates: &Candidates) -> Vec<Cause> {
    causes
        .into_par_iter()
        .filter_map(|Cause { candidate, proofs: known, .. }| {
            let one = candidates.list.get(candidate)?;
            let mut kept: Vec<(Vec<Edit>, Effect)> = known
                .into_iter()
                .filter_map(|(edits, _)| {
                    along::own_effect(search, candidates, one, &edits, search.effect(&edits))
                })
                .collect();
            if kept.is_empty() {
                kept = proofs(search, candidates, one);
            }
            (!kept.is_empty()).then_some(Cause { candidate, proofs: kept, confirmed: true })
        })
        .collect()
}

/// Finds the nodes without which a line is not there. What is in a node that may be left out does
/// not matter either.
fn of_nodes(search: &Search<'_>, candidates: &Candidates, nodes: Vec<Indexed<'_>>) -> Vec<Cause> {
    let mut found = Vec::new();
    let mut level = nodes;
    while !level.is_empty() {
        // The list is sorted by place, so what is around a node comes before it.
        let mut around: Option<&Candidate> = None;
        let (mut outer, mut inner): (Vec<Indexed<'_>>, Vec<Indexed<'_>>) = (Vec::new(), Vec::new());
        for node in level {
            if around.is_some_and(|around| around.contains(node.1)) {
                inner.push(node);
            } else {
                around = Some(node.1);
                outer.push(node);
            }
        }
        let tried: Vec<(Indexed<'_>, Outcome)> =
            outer.into_par_iter().map(|node| (node, without(search, candidates, node.1))).collect();
        let mut idle: Vec<&Candidate> = Vec::new();
        for ((index, candidate), tried) in tried {
            match tried {
                Outcome::Needed(proof) => {
                    let proofs = vec![proof];
                    found.push(Cause { candidate: index, proofs, confirmed: false });
                }
                Outcome::Idle => idle.push(candidate),
                Outcome::Wrong => {}
            }
        }
        inner.retain(|(_, node)| !idle.iter().any(|outer| outer.contains(node)));
        level = inner;
    }
    found
}

/// What becomes of a lab without a node.
enum Outcome {
    /// The lines are others.
    Needed((Vec<Edit>, Effect)),
    /// The lines are the same.
    Idle,
    /// The lab has an error.
    Wrong,
}

fn without(search: &Search<'_>, candidates: &Candidates, candidate: &Candidate) -> Outcome {
    let Some(edits) = candidate.edits.first() else { return Outcome::Idle };
    match search.effect(edits) {
        Ok(effect) if effect.lines.is_empty() => Outcome::Idle,
        Ok(effect) => Outcome::Needed((edits.clone(), effect)),
        wrong => along::own_effect(search, candidates, candidate, edits, wrong)
            .map_or(Outcome::Wrong, Outcome::Needed),
    }
}

/// Lists the lines of a template, or of another file, that may touch a wanted line.
fn of_file<'c>(search: &Search<'_>, lines: &[Indexed<'c>]) -> Vec<Indexed<'c>> {
    let all: Vec<Edit> = first_edits(lines);
    if search.effect(&all).is_ok_and(|effect| effect.lines.is_empty()) {
        return Vec::new();
    }
    let text = |line: &Candidate| search.bench.sources().text(line.span);
    // Without a line that begins or ends a block, the template has an error.
    let (mut open, lines): (Vec<Indexed<'c>>, Vec<Indexed<'c>>) =
        lines.iter().partition(|(_, line)| {
            let text = text(line);
            text.contains("{%") || text.contains("{#") || may_be_in(search, &written(text))
        });
    for group in lines.chunks(GROUP) {
        open.extend(touching(search, group, 1));
    }
    open
}

/// Lists what a line of a template writes as it stands.
fn written(line: &str) -> Vec<&str> {
    let outside = line.split("{{").enumerate().map(|(at, part)| match part.split_once("}}") {
        Some((_, after)) if at > 0 => after,
        _ => part,
    });
    outside.map(str::trim).filter(|text| text.len() >= TELLING).collect()
}

/// Returns whether a wanted line holds one of some texts.
fn may_be_in(search: &Search<'_>, texts: &[&str]) -> bool {
    let lines = search.target.text.lines().enumerate();
    let mut wanted = lines.filter(|(line, _)| search.target.wanted.contains(line));
    wanted.any(|(_, line)| texts.iter().any(|text| line.contains(text)))
}

/// Lists the values that may touch a wanted line.
fn of_values<'c>(search: &Search<'_>, values: &[Indexed<'c>]) -> Vec<Indexed<'c>> {
    let is_alone = |(_, value): &Indexed<'_>| {
        let text = search.bench.sources().text(value.span);
        let text = text.split_once('"').map_or(text, |(_, rest)| rest.trim_end_matches('"'));
        let is_telling = text.len() >= TELLING && may_be_in(search, &[text]);
        // A new name is written in many places, and two of those in one place would be one edit.
        let is_large = value.edits.iter().take(VALUES).any(|edits| edits.len() != 1);
        value.is_name || is_telling || is_large
    };
    let (mut open, group): (Vec<Indexed<'c>>, Vec<Indexed<'c>>) =
        values.iter().copied().partition(is_alone);
    let found: Vec<Indexed<'c>> =
        group.par_chunks(GROUP).flat_map_iter(|group| touching(search, group, VALUES)).collect();
    open.extend(found);
    open
}

fn first_edits(group: &[Indexed<'_>]) -> Vec<Edit> {
    group.iter().filter_map(|(_, one)| one.edits.first()).flatten().cloned().collect()
}

/// Lists those of some candidates that may touch a wanted line: without those that leave all of
/// them as they are when all are changed at once, in as many ways as there are `rounds`.
fn touching<'c>(search: &Search<'_>, group: &[Indexed<'c>], rounds: usize) -> Vec<Indexed<'c>> {
    let mut group: Vec<Indexed<'c>> = group.to_vec();
    let mut open = Vec::new();
    let mut round = 0;
    while round < rounds && group.len() > 1 {
        let edits = group.iter().filter_map(|(_, one)| one.edits.get(round));
        let edits: Vec<Edit> = edits.flatten().cloned().collect();
        let wrong: Vec<Indexed<'c>> = match search.effect(&edits) {
            Ok(effect) if effect.lines.is_empty() => {
                round += 1;
                continue;
            }
            Ok(_) => Vec::new(),
            Err(faults) => {
                let spans: Vec<Span> = faults
                    .iter()
                    .flat_map(|fault| fault.span.iter().chain(&fault.labels).copied())
                    .collect();
                group.iter().filter(|(_, one)| one.is_at(&spans)).copied().collect()
            }
        };
        if wrong.is_empty() {
            let (first, second) = group.split_at(group.len() / 2);
            let (first, second) = rayon::join(
                || touching(search, first, rounds),
                || touching(search, second, rounds),
            );
            open.extend(first.into_iter().chain(second));
            return open;
        }
        // Of those that errors are at, each is tried by itself.
        let wrong_ones: BTreeSet<usize> = wrong.iter().map(|(index, _)| *index).collect();
        group.retain(|(index, _)| !wrong_ones.contains(index));
        open.extend(wrong);
    }
    if round < rounds {
        open.extend(group);
    }
    open
}

/// Tries the edits of a candidate until one of them touches a line, or all of them where several
/// lines are asked about.
fn proofs(
    search: &Search<'_>,
    candidates: &Candidates,
    candidate: &Candidate,
) -> Vec<(Vec<Edit>, Effect)> {
    let mut proofs = Vec::new();
    let (mut built, mut wrong) = (0, Vec::new());
    for edits in candidate.edits.iter().filter(|edits| !is_absent(search, edits)) {
        // Two values that are possible show what a value does. A name is a new one everywhere.
        let enough = if candidate.is_name { 1 } else { VALUES };
        if built >= enough && candidate.part == Part::Value {
            break;
        }
        let effect = match search.effect(edits) {
            Ok(effect) => effect,
            Err(faults) => {
                wrong.push((edits, faults));
                continue;
            }
        };
        built += 1;
        if !effect.lines.is_empty() {
            proofs.push((edits.clone(), effect));
            if search.target.wanted.len() == 1 {
                break;
            }
        }
    }
    let is_open = proofs.is_empty() || search.target.wanted.len() > 1;
    if is_open && candidate.part == Part::Value {
        // What is wrong in the same places is wrong along with the same others.
        let mut known: BTreeSet<Vec<Option<Span>>> = BTreeSet::new();
        let places = |faults: &[Fault]| faults.iter().map(|fault| fault.span).collect();
        let wrong = wrong.into_iter().take(VALUES);
        let wrong = wrong.filter(|(_, faults)| known.insert(places(faults)));
        proofs.extend(wrong.filter_map(|(edits, faults)| {
            along::own_effect(search, candidates, candidate, edits, Err(faults))
        }));
    }
    proofs
}

fn is_absent(search: &Search<'_>, edits: &[Edit]) -> bool {
    matches!(edits, [edit] if search.is_absent(edit))
}
