//! Declarations without any effect: no file of any machine changes with them, and no finding.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::answer::Explainer;
use super::candidates::{Candidate, Part};
use super::edit::State;
use crate::source::{Layer, Span};

/// Top nodes that are not about files: what they say is for the compiler and for reviewers.
const NO_FILES: [&str; 4] = ["edition", "lab", "moved", "removed"];

/// Parts of a module that are for people.
const FOR_PEOPLE: [&str; 5] = [" / doc", " / homepage", " / summary", " version=", " type="];

/// A declaration without effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unused {
    /// The place.
    pub span: Span,
    /// The names of the nodes from the top of the file on.
    pub declaration: String,
}

/// Finds the declarations of the lab and of its own modules that have no effect.
///
/// A node is listed without what is inside it. A part whose every change breaks the lab has an
/// effect: the lab needs it.
pub fn unused(explainer: &Explainer<'_>) -> Vec<Unused> {
    let sources = explainer.bench().sources();
    let Some(normal) = explainer.bench().state() else { return Vec::new() };
    let homes = homes(explainer, &normal);
    let is_own = |candidate: &Candidate| {
        let kind = candidate.path.split(' ').next().unwrap_or_default();
        sources.file(candidate.span.file).layer != Layer::Builtin
            && candidate.part != Part::Text
            && !NO_FILES.contains(&kind)
            && !FOR_PEOPLE.iter().any(|end| candidate.path.ends_with(end))
    };
    let own: Vec<&Candidate> =
        explainer.candidates().list.iter().filter(|candidate| is_own(candidate)).collect();
    let idle: Vec<(bool, &Candidate)> = own
        .into_par_iter()
        .map(|candidate| {
            let home = homes.get(&candidate.top).map(String::as_str);
            (is_idle(explainer, candidate, &normal, home), candidate)
        })
        .collect();
    let is_part = |outer: &Candidate, inner: &Candidate| {
        outer.top == inner.top
            && (inner.path == outer.path
                || inner.path.strip_prefix(outer.path.as_str()).is_some_and(|rest| {
                    rest.starts_with(" / ") || (rest.starts_with(' ') && rest.ends_with('='))
                }))
    };
    let mut found: Vec<&Candidate> = Vec::new();
    for (_, candidate) in idle.iter().filter(|(idle, _)| *idle) {
        // A value that is all there is of a node has no effect only if the node has none.
        let works = idle.iter().any(|(idle, inner)| !idle && is_part(candidate, inner));
        let listed = found.iter().any(|outer| is_part(outer, candidate));
        if !works && !listed {
            found.push(candidate);
        }
    }
    found
        .into_iter()
        .map(|candidate| Unused { span: candidate.span, declaration: candidate.path.clone() })
        .collect()
}

/// Lists the machines that the top nodes are about: themselves, or those of services.
fn homes(explainer: &Explainer<'_>, normal: &State) -> BTreeMap<usize, String> {
    let candidates = explainer.candidates();
    let tops = candidates.tops.iter().enumerate();
    let machines = tops.map(|(index, top)| (index, top.name.as_str()));
    let of_service = |candidate: &Candidate| candidate.path.ends_with(" on=");
    let services = candidates.list.iter().filter(|candidate| of_service(candidate));
    let services = services.map(|candidate| (candidate.top, candidate.shown.trim_matches('"')));
    let homes = machines.chain(services).filter(|(_, name)| normal.has(name));
    homes.map(|(top, name)| (top, name.to_owned())).collect()
}

/// Returns whether the lab can be built with another value there, and is the same each time.
fn is_idle(
    explainer: &Explainer<'_>,
    candidate: &Candidate,
    normal: &State,
    home: Option<&str>,
) -> bool {
    let mut built = 0;
    for edits in &candidate.edits {
        match explainer.bench().differs(edits, normal, home) {
            Some(false) => built += 1,
            Some(true) => return false,
            None => {}
        }
    }
    built > 0
}
