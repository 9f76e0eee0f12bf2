//! Holds answers against a search through everything: what changes a line is named.

use labwright::source::Layer;
use labwright::why::along;
use labwright::why::answer::Explainer;
use labwright::why::candidate::{Candidate, Part};
use labwright::why::find::{Search, Target};
use labwright::why::reason::Line;
use rayon::prelude::*;

use super::{LABS, build, lab, targets};

/// How many other values of each declaration are tried.
const VALUES: usize = 2;

/// Lists the declarations of the lab that change the one line of `target`, found by trying each of
/// them in the whole lab.
fn all_causes<'e>(explainer: &'e Explainer<'_>, target: &Target) -> Vec<&'e Candidate> {
    let bench = explainer.bench();
    let search = Search::new(bench, target);
    let is_own = |candidate: &&Candidate| {
        candidate.part != Part::Text
            && !candidate.is_name
            && bench.sources().file(candidate.span.file).layer == Layer::Lab
    };
    let own: Vec<&Candidate> = explainer.candidates().list.iter().filter(is_own).collect();
    own.into_par_iter()
        .filter(|candidate| {
            let edits = candidate.edits.iter().take(VALUES);
            let list = explainer.candidates();
            let mut effects = edits.filter_map(|edits| {
                along::own_effect(&search, list, candidate, edits, search.effect(edits))
            });
            effects.any(|(_, effect)| !effect.whole)
        })
        .collect()
}

/// Lists what changes the line and is not named, nor anything in it.
fn left_out(explainer: &Explainer<'_>, target: &Target) -> Vec<String> {
    let lines = explainer.explain(target);
    let is_named = |candidate: &Candidate| {
        let reasons = lines.iter().flat_map(|line: &Line| &line.reasons);
        reasons.map(|reason| reason.span).any(|span| {
            span.file == candidate.span.file
                && candidate.span.start <= span.start
                && span.start < candidate.end.max(candidate.span.end)
        })
    };
    let all = all_causes(explainer, target);
    let missing = all.into_iter().filter(|candidate| !is_named(candidate));
    missing.map(|candidate| candidate.path.clone()).collect()
}

/// Asks about lines all over two labs. With `LABWRIGHT_WHY_STEP` it asks about as many of all labs.
#[test]
fn what_changes_a_line_is_named() {
    let given: Option<usize> =
        std::env::var("LABWRIGHT_WHY_STEP").ok().and_then(|step| step.parse().ok());
    let few = vec![("media-server-home", 7001), ("media-automation", 2003)];
    let labs = given.map_or(few, |step| LABS.map(|name| (name, step)).to_vec());
    let mut faults = Vec::new();
    for (name, step) in labs {
        let sources = lab(name);
        let (machines, modules, _) = build(&sources);
        let explainer = Explainer::new(&sources, &modules);
        for target in targets(&machines).iter().skip(step / 2).step_by(step) {
            let missing = left_out(&explainer, target);
            if !missing.is_empty() {
                let line = target.wanted.first().map_or(0, |line| line + 1);
                faults.push(format!("{}/{}:{line}: {missing:?}", target.machine, target.path));
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}
