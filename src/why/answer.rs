//! The answer to a question: each line with the declarations that it changes with.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;

use super::along;
use super::candidates::{Candidate, Candidates, Part};
use super::causes::{Cause, beyond, causes, confirmed};
use super::edit::{Edit, Workbench};
use super::find::{Search, Target};
use super::lost;
use super::reason::{Line, Reason, Role};
use super::shrink::{self, Idle};
use crate::emit::fixed;
use crate::source::{Sources, Span};

/// A lab whose lines can be explained.
#[derive(Debug)]
pub struct Explainer<'s> {
    bench: Workbench<'s>,
    candidates: Candidates,
    /// The modules that the lab uses.
    modules: BTreeSet<String>,
}

impl<'s> Explainer<'s> {
    /// Prepares to explain a lab without errors, whose services use `modules`.
    pub fn new(sources: &'s Sources, modules: &BTreeSet<String>) -> Self {
        let (bench, candidates) = rayon::join(
            || Workbench::new(sources, modules),
            || Candidates::of(sources, |module| modules.contains(module)),
        );
        Self { bench, candidates, modules: modules.clone() }
    }

    /// Returns the candidates.
    pub fn candidates(&self) -> &Candidates {
        &self.candidates
    }

    /// Returns the lab as it is built with edits.
    pub fn bench(&self) -> &Workbench<'s> {
        &self.bench
    }

    /// Explains the wanted lines of one file.
    pub fn explain(&self, target: &Target) -> Vec<Line> {
        let search = Search::new(&self.bench, target);
        let mut idle = Idle::default();
        let near = shrink::tops(&search, &self.candidates, &mut idle);
        let smaller = self.bench.edited(&idle.edits);
        let bench = self.bench.within(&smaller, idle.edits.clone(), &self.modules);
        let small = search.within(&bench, BTreeSet::new());
        shrink::leave_out(&small, &self.candidates, &[near], &mut idle);
        let busy = self.busy_modules(&idle);
        let smaller = self.bench.edited(&idle.edits);
        let bench = self.bench.within(&smaller, idle.edits.clone(), &busy);
        let small = search.within(&bench, BTreeSet::new());
        // A module may read what another one brings.
        let is_whole = small.is_same(&BTreeSet::new()).is_ok_and(|same| same);
        let modules = if is_whole { &busy } else { &self.modules };
        let start = if is_whole { &small } else { &search };
        let is_busy = |name: &str| busy.contains(name);
        let parts = shrink::parts(start, &self.candidates, is_busy, &idle);
        shrink::leave_out(start, &self.candidates, &parts, &mut idle);
        let smallest = self.bench.edited(&idle.edits);
        let bench = self.bench.within(&smallest, idle.edits.clone(), modules);
        let quick = search.within(&bench, self.absent(&idle));
        let is_possible = |candidate: &Candidate| {
            let top = self.candidates.tops.get(candidate.top);
            let unused = top.is_some_and(|top| match top.kind.as_str() {
                "edition" => true,
                "module" => !busy.contains(&top.name),
                _ => false,
            });
            !unused && !idle.contains(&self.candidates, candidate)
        };
        let found = causes(&quick, &self.candidates, is_possible);
        let (mut found, beyond) = rayon::join(
            || confirmed(&search, found, &self.candidates),
            || beyond(&quick, &search, &self.candidates, is_possible),
        );
        found.extend(beyond);
        let found = self.with_dependents(&search, found, &idle);
        let mut lines = self.lines(target, &found);
        self.add_defaults([&quick, &search], &found, &mut lines);
        if let [line] = lines.as_mut_slice() {
            line.reasons.par_iter_mut().for_each(|reason| {
                reason.lost = lost::lost(&search, &self.candidates, reason);
            });
        }
        lines
    }

    /// Names the defaults of the language that decide a line: those of the nodes without which it
    /// is not there. Of several lines, only those are looked at that no declaration decides.
    ///
    /// What has no effect in the first lab is not tried in the second.
    fn add_defaults(&self, labs: [&Search<'_>; 2], found: &[Cause], lines: &mut [Line]) {
        let alone = lines.len() == 1;
        let is_open =
            |line: &Line| alone || line.reasons.iter().all(|reason| reason.role == Role::Needs);
        let open: BTreeSet<usize> =
            lines.iter().filter(|line| is_open(line)).map(|line| line.number - 1).collect();
        if open.is_empty() {
            return;
        }
        let causes = found.iter().filter_map(|cause| self.candidates.list.get(cause.candidate));
        let nodes: BTreeSet<Span> = causes
            .filter(|candidate| candidate.part == Part::Presence)
            .map(|candidate| candidate.span)
            .collect();
        let defaults: Vec<&Candidate> = self
            .candidates
            .defaults
            .iter()
            .filter(|candidate| nodes.contains(&candidate.span))
            .collect();
        let decisive: Vec<(&Candidate, &Vec<Edit>, BTreeSet<usize>)> = defaults
            .into_par_iter()
            .filter_map(|candidate| {
                candidate.edits.iter().find_map(|edits| {
                    let mut touched = BTreeSet::new();
                    for lab in labs {
                        let effect = lab.effect(edits).ok().filter(|effect| !effect.whole)?;
                        touched = effect.lines.intersection(&open).copied().collect();
                        if touched.is_empty() {
                            return None;
                        }
                    }
                    Some((candidate, edits, touched))
                })
            })
            .collect();
        for (candidate, edits, touched) in decisive {
            for line in lines.iter_mut().filter(|line| touched.contains(&(line.number - 1))) {
                line.fixed = None;
                let before = line.reasons.iter().position(|reason| reason.role == Role::Needs);
                let reason = Reason {
                    role: Role::Default,
                    span: candidate.span,
                    declaration: candidate.path.clone(),
                    value: candidate.shown.clone(),
                    proof: edits.clone(),
                    lost: Vec::new(),
                };
                line.reasons.insert(before.unwrap_or(line.reasons.len()), reason);
            }
        }
    }

    /// Lists the names of the top nodes of which nothing matters.
    fn absent(&self, idle: &Idle) -> BTreeSet<String> {
        let tops = self.candidates.tops.iter().enumerate();
        let absent = tops.filter(|(index, _)| idle.has_top(&self.candidates, *index));
        absent.map(|(_, top)| top.name.clone()).collect()
    }

    /// Lists the modules that matter: those of services and the like that do.
    fn busy_modules(&self, idle: &Idle) -> BTreeSet<String> {
        let inside = |kind: &str| ["profile", "extend", "service"].contains(&kind);
        let tops = self.candidates.tops.iter().enumerate();
        let busy = tops
            .filter(|(index, top)| inside(&top.kind) && !idle.has_top(&self.candidates, *index));
        busy.flat_map(|(index, _)| self.modules_of(index, idle)).collect()
    }

    /// Lists the modules that a top node may use: every word that names one, in what matters of it.
    fn modules_of(&self, top: usize, idle: &Idle) -> BTreeSet<String> {
        let is_own = |candidate: &&Candidate| {
            candidate.top == top && !idle.contains(&self.candidates, candidate)
        };
        let texts = self.candidates.list.iter().filter(is_own).filter_map(|candidate| {
            let text = &self.bench.sources().file(candidate.span.file).text;
            text.get(candidate.span.start as usize..candidate.span.end as usize)
        });
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-';
        let words: BTreeSet<&str> =
            texts.flat_map(|text| text.split(move |c: char| !is_part(c))).collect();
        let modules = self.candidates.tops.iter().filter(|top| top.kind == "module");
        modules.map(|top| top.name.clone()).filter(|name| words.contains(name.as_str())).collect()
    }

    /// Adds the services that can only be left out with what refers to them.
    fn with_dependents(
        &self,
        search: &Search<'_>,
        mut found: Vec<Cause>,
        idle: &Idle,
    ) -> Vec<Cause> {
        let known: BTreeSet<usize> = found.iter().map(|cause| cause.candidate).collect();
        let services: Vec<(usize, Span)> = self
            .candidates
            .list
            .iter()
            .enumerate()
            .filter(|(index, candidate)| {
                candidate.part == Part::Presence
                    && !candidate.path.contains(" / ")
                    && candidate.path.starts_with("service ")
                    && !known.contains(index)
                    && !idle.has_top(&self.candidates, candidate.top)
            })
            .map(|(index, candidate)| (index, candidate.span))
            .collect();
        let more: Vec<Cause> = services
            .into_par_iter()
            .filter_map(|(candidate, span)| {
                let (edits, effect) =
                    along::effect(search, &self.candidates, &[Edit::leave_out(span)])?;
                let matters = !effect.lines.is_empty();
                matters.then(|| Cause { candidate, proofs: vec![(edits, effect)] })
            })
            .collect();
        found.extend(more);
        found.sort_by_key(|cause| cause.candidate);
        found
    }

    fn lines(&self, target: &Target, found: &[Cause]) -> Vec<Line> {
        let mut by_line: BTreeMap<usize, Vec<Hit<'_>>> = BTreeMap::new();
        for cause in found {
            for line in &target.wanted {
                let touching =
                    cause.proofs.iter().filter(|(_, effect)| effect.lines.contains(line));
                // The loss of a whole file says less than the change of a line.
                let proof = touching.min_by_key(|(_, effect)| effect.whole);
                if let Some((edits, effect)) = proof {
                    let whole = effect.whole;
                    let candidate = self.candidates.list.get(cause.candidate);
                    let hit = candidate.map(|candidate| Hit { candidate, edits, whole });
                    by_line.entry(*line).or_default().extend(hit);
                }
            }
        }
        let texts: Vec<&str> = target.text.lines().collect();
        target
            .wanted
            .iter()
            .map(|line| {
                let text = texts.get(*line).copied().unwrap_or_default();
                let hits = by_line.remove(line).unwrap_or_default();
                let reasons = self.reasons(target, hits);
                let decided = reasons.iter().any(|reason| reason.role != Role::Needs);
                let fixed = if decided { None } else { fixed::reason(&target.path, text) };
                Line { number: line + 1, text: text.to_owned(), reasons, fixed }
            })
            .collect()
    }

    /// Chooses what to name: the smallest parts that the line changes with.
    fn reasons(&self, target: &Target, mut hits: Vec<Hit<'_>>) -> Vec<Reason> {
        // What takes the whole file away explains a line only if nothing smaller does, but for the
        // service that a file belongs to.
        let service = |candidate: &Candidate| {
            candidate.path.starts_with("service ") && !candidate.path.contains(" / ")
        };
        let small = |hit: &Hit<'_>| !hit.whole || service(hit.candidate);
        let machine = |hit: &Hit<'_>| hit.candidate.path.ends_with(&target.machine);
        if hits.iter().any(small) {
            hits.retain(small);
        } else if hits.iter().any(machine) {
            hits.retain(machine);
        }
        let mut named: BTreeMap<(FileOf, u32, String), Reason> = BTreeMap::new();
        for Hit { candidate, edits, whole } in &hits {
            let below = |other: &Candidate| {
                other.span.file == candidate.span.file
                    && (other.part != Part::Presence || other.span != candidate.span)
                    && candidate.span.start <= other.span.start
                    && other.end <= candidate.end
            };
            let through =
                candidate.part == Part::Presence && hits.iter().any(|hit| below(hit.candidate));
            if through {
                continue;
            }
            let role = match candidate.part {
                // With another name of its machine, the file is gone and says nothing else.
                _ if *whole => Role::Needs,
                Part::Value => Role::Decides,
                Part::Text => Role::Template,
                Part::Presence => Role::Needs,
            };
            let line = self.bench.sources().line(candidate.span.file, candidate.span.start);
            let place = (
                candidate.span.file.0,
                u32::try_from(line).unwrap_or(u32::MAX),
                candidate.path.clone(),
            );
            let reason = Reason {
                role,
                span: candidate.span,
                declaration: candidate.path.clone(),
                value: candidate.shown.clone(),
                proof: edits.to_vec(),
                lost: Vec::new(),
            };
            match named.get_mut(&place) {
                Some(known) if known.role <= role => {}
                Some(known) => *known = reason,
                None => {
                    named.insert(place, reason);
                }
            }
        }
        let mut reasons: Vec<Reason> = named.into_values().collect();
        let layer = |span: Span| self.bench.sources().file(span.file).layer;
        reasons.sort_by(|a, b| {
            (a.role, std::cmp::Reverse(layer(a.span)), a.span).cmp(&(
                b.role,
                std::cmp::Reverse(layer(b.span)),
                b.span,
            ))
        });
        reasons
    }
}

/// A candidate that changes a line.
struct Hit<'h> {
    candidate: &'h Candidate,
    edits: &'h [Edit],
    /// Whether the whole file is gone with it.
    whole: bool,
}

/// The number of a file.
type FileOf = u32;
