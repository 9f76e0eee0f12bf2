//! Edits that a lab allows only along with others: what a service requires can't be left out while
//! the service is there.

use std::collections::BTreeSet;

use super::candidates::{Candidate, Candidates, Part};
use super::edit::{Edit, Fault};
use super::find::{Built, Effect, Search};

/// How often what errors point at is left out too.
const ROUNDS: usize = 6;

/// Builds the lab with `edits`, and without what can't be there then.
///
/// Returns all edits with their effect; nothing if the lab has an error however much is left out.
pub fn effect(
    search: &Search<'_>,
    candidates: &Candidates,
    edits: &[Edit],
) -> Option<(Vec<Edit>, Effect)> {
    let blamed = |faults: &[Fault]| Some(candidates.dependents(search.bench, faults));
    without_faults(search, edits, search.effect(edits), blamed)
}

/// Leaves out what is `blamed` for errors until there are none, where building with `edits` came to
/// `built`.
fn without_faults(
    search: &Search<'_>,
    edits: &[Edit],
    mut built: Built,
    blamed: impl Fn(&[Fault]) -> Option<BTreeSet<Edit>>,
) -> Option<(Vec<Edit>, Effect)> {
    let mut edits = edits.to_vec();
    for _ in 1..ROUNDS {
        let faults = match built {
            Ok(effect) => return Some((edits, effect)),
            Err(faults) => faults,
        };
        let before = edits.len();
        for edit in blamed(&faults)? {
            if !edits.contains(&edit) {
                edits.push(edit);
            }
        }
        if edits.len() == before {
            return None;
        }
        built = search.effect(&edits);
    }
    Some((edits, built.ok()?))
}

/// Finds what one of a candidate's `edits` does by itself, where the lab allows it only along with
/// others: the lines that the others alone leave as they are. A build with `edits` gave `built`.
///
/// Returns all edits, with the lines that are the candidate's; nothing if there are none.
pub fn own_effect(
    search: &Search<'_>,
    candidates: &Candidates,
    candidate: &Candidate,
    edits: &[Edit],
    built: Built,
) -> Option<(Vec<Edit>, Effect)> {
    let is_own = |edit: &Edit| candidate.edits.iter().flatten().any(|own| own == edit);
    // A node that is left out with its value says nothing about the value.
    let is_around = |edit: &Edit| {
        let at = |other: &&Candidate| Edit::leave_out(other.span) == *edit;
        candidates.list.iter().filter(at).any(|other| other.contains(candidate))
    };
    let blamed = |faults: &[Fault]| {
        // A module without one of its nodes says little; with another value, it is a module.
        let blamed = if candidate.part == Part::Value {
            candidates.blamed(faults)
        } else {
            candidates.dependents(search.bench, faults)
        };
        let around = blamed.iter().any(|edit| !is_own(edit) && is_around(edit));
        (!around).then_some(blamed)
    };
    // Where the others alone take all lines away, nothing of them is the candidate's.
    if let Err(faults) = &built {
        let others: Vec<Edit> = blamed(faults)?.into_iter().filter(|edit| !is_own(edit)).collect();
        let without = (!others.is_empty()).then(|| effect(search, candidates, &others)).flatten();
        if without.is_some_and(|(_, effect)| effect.lines == search.target.wanted) {
            return None;
        }
    }
    let (all, mut with) = without_faults(search, edits, built, blamed)?;
    let others: Vec<Edit> = all.iter().filter(|edit| !is_own(edit)).cloned().collect();
    if !with.lines.is_empty() && !others.is_empty() {
        let without = search.effect(&others).ok()?;
        with.lines.retain(|line| !without.lines.contains(line));
    }
    (!with.lines.is_empty()).then_some((all, with))
}
