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
use super::shrink::{self, Chunk, Idle};
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
        let service = |top: &usize| self.candidates.is_service(*top);
        let (services, others): (Vec<usize>, Vec<usize>) = near.into_iter().partition(service);
        self.leave_out(&search, vec![services, others], &mut idle);
        let busy = self.busy_modules(&idle);
        let is_busy = |name: &str| busy.contains(name);
        let mut parts = shrink::parts(&search, &self.candidates, is_busy, &idle);
        // Once what names them has gone, most of the smaller ones can go together.
        parts.push(shrink::small(&search, &self.candidates));
        self.leave_out(&search, parts, &mut idle);
        let smallest = self.bench.edited(&idle.edits);
        let (bench, busy) = self.smaller(&search, &smallest, &idle);
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
        let (mut found, beyond) = rayon::join(
            || causes(&quick, &self.candidates, is_possible),
            || beyond(&quick, &search, &self.candidates, is_possible),
        );
        found.extend(beyond);
        let found = self.confirmed(&search, found);
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

    /// Leaves out what can be of some nodes, list by list, in a lab that is without what is idle
    /// already: what all trials have in common is then resolved once.
    fn leave_out(&self, search: &Search<'_>, lists: Vec<Vec<usize>>, idle: &mut Idle) {
        let mut open: Vec<Chunk> = lists.into_iter().rev().map(Chunk::of).collect();
        while !open.is_empty() {
            let sources = self.bench.edited(&idle.edits);
            let (bench, _) = self.smaller(search, &sources, idle);
            let small = search.within(&bench, BTreeSet::new());
            shrink::leave_out(&small, &self.candidates, &mut open, idle);
        }
    }

    /// Takes the lab over without what is idle, which makes `sources` of it, and with the modules
    /// that matter then, or with all of them where the wanted lines need those: a module may read
    /// what another one brings. Returns the modules too.
    fn smaller<'e>(
        &'e self,
        search: &Search<'_>,
        sources: &'e Sources,
        idle: &Idle,
    ) -> (Workbench<'e>, BTreeSet<String>) {
        let with = |modules| self.bench.within(sources, idle.edits.clone(), modules);
        let busy = self.busy_modules(idle);
        let bench = with(&busy);
        let is_enough = search.within(&bench, BTreeSet::new()).is_same(&BTreeSet::new());
        if is_enough.is_ok_and(|is_enough| is_enough) {
            return (bench, busy);
        }
        (with(&self.modules), self.modules.clone())
    }

    /// Keeps those of the causes that a smaller lab has that the whole one has too. One that would
    /// not be named is kept as it is.
    fn confirmed(&self, search: &Search<'_>, mut found: Vec<Cause>) -> Vec<Cause> {
        loop {
            let hits = self.hits(search.target, &found);
            let named: BTreeSet<usize> = hits.values().flatten().map(|hit| hit.index).collect();
            let is_open = |cause: &Cause| !cause.confirmed && named.contains(&cause.candidate);
            let (open, others): (Vec<Cause>, Vec<Cause>) = found.into_iter().partition(is_open);
            found = others;
            if open.is_empty() {
                return found;
            }
            found.extend(confirmed(search, open, &self.candidates));
        }
    }

    /// Names the defaults of the language that decide a line: those of the nodes without which it
    /// is not there. Of several lines, only those are looked at that no declaration decides.
    ///
    /// What has no effect in the first lab is not tried in the second, which is the whole one.
    fn add_defaults(&self, labs: [&Search<'_>; 2], found: &[Cause], lines: &mut [Line]) {
        let alone = lines.len() == 1;
        let is_open =
            |line: &Line| alone || line.reasons.iter().all(|reason| reason.role == Role::Needs);
        let open: BTreeSet<usize> =
            lines.iter().filter(|line| is_open(line)).map(|line| line.number - 1).collect();
        if open.is_empty() {
            return;
        }
        let nodes: BTreeMap<Span, &Cause> = found
            .iter()
            .filter_map(|cause| Some((self.candidates.list.get(cause.candidate)?, cause)))
            .filter(|(candidate, _)| candidate.part == Part::Presence)
            .map(|(candidate, cause)| (candidate.span, cause))
            .collect();
        let defaults: Vec<&Candidate> = self
            .candidates
            .defaults
            .iter()
            .filter(|candidate| nodes.contains_key(&candidate.span))
            .collect();
        let ([_, whole], list) = (labs, &self.candidates);
        let decisive: Vec<(&Candidate, &Vec<Edit>, BTreeSet<usize>)> = defaults
            .into_par_iter()
            .filter_map(|candidate| {
                let decisive = candidate.edits.iter().find_map(|edits| {
                    let mut touched = BTreeSet::new();
                    for lab in labs {
                        let effect = lab.effect(edits).ok().filter(|effect| !effect.whole)?;
                        touched = effect.lines.intersection(&open).copied().collect();
                        if touched.is_empty() {
                            return None;
                        }
                    }
                    Some((candidate, edits, touched))
                })?;
                let node = nodes.get(&candidate.span)?;
                let is_cause = || !confirmed(whole, vec![(*node).clone()], list).is_empty();
                (node.confirmed || is_cause()).then_some(decisive)
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
                let proofs = vec![(edits, effect)];
                matters.then_some(Cause { candidate, proofs, confirmed: true })
            })
            .collect();
        found.extend(more);
        found.sort_by_key(|cause| cause.candidate);
        found
    }

    fn lines(&self, target: &Target, found: &[Cause]) -> Vec<Line> {
        let mut by_line = self.hits(target, found);
        let texts: Vec<&str> = target.text.lines().collect();
        target
            .wanted
            .iter()
            .map(|line| {
                let text = texts.get(*line).copied().unwrap_or_default();
                let reasons = self.reasons(&by_line.remove(line).unwrap_or_default());
                // On another machine, a service has the same line in another file.
                let decided = reasons.iter().any(|reason| {
                    reason.role != Role::Needs && !reason.declaration.ends_with(" on=")
                });
                let fixed = if decided { None } else { fixed::reason(&target.path, text) };
                Line { number: line + 1, text: text.to_owned(), reasons, fixed }
            })
            .collect()
    }

    /// Lists what to name for each wanted line.
    fn hits<'h>(&'h self, target: &Target, found: &'h [Cause]) -> BTreeMap<usize, Vec<Hit<'h>>> {
        let of = |line: &usize| {
            let hits = found.iter().filter_map(|cause| {
                let touching =
                    cause.proofs.iter().filter(|(_, effect)| effect.lines.contains(line));
                // The loss of a whole file says less than the change of a line.
                let (edits, effect) = touching.min_by_key(|(_, effect)| effect.whole)?;
                let candidate = self.candidates.list.get(cause.candidate)?;
                Some(Hit { index: cause.candidate, candidate, edits, whole: effect.whole })
            });
            chosen(target, hits.collect())
        };
        target.wanted.iter().map(|line| (*line, of(line))).collect()
    }

    fn reasons(&self, hits: &[Hit<'_>]) -> Vec<Reason> {
        let mut named: BTreeMap<(FileOf, u32, String), Reason> = BTreeMap::new();
        for Hit { candidate, edits, whole, .. } in hits {
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

/// Chooses what to name: the smallest parts that the line changes with.
fn chosen<'h>(target: &Target, mut hits: Vec<Hit<'h>>) -> Vec<Hit<'h>> {
    // What takes the whole file away explains a line only if nothing smaller does, but for the
    // service that a file belongs to.
    let service = |candidate: &Candidate| {
        candidate.path.starts_with("service ") && !candidate.path.contains(" / ")
    };
    let small = |hit: &Hit<'_>| !hit.whole || service(hit.candidate);
    // A share has a unit of its own, and a pool a step.
    let part = |hit: &Hit<'_>| {
        let path = hit.candidate.path.as_str();
        path.contains(" / ") && !path.starts_with("module ")
    };
    let machine = |hit: &Hit<'_>| hit.candidate.path.ends_with(&target.machine);
    if hits.iter().any(small) {
        hits.retain(small);
    } else if hits.iter().any(part) {
        hits.retain(|hit| part(hit) || machine(hit));
    } else if hits.iter().any(machine) {
        hits.retain(machine);
    }
    let is_through = |hit: &Hit<'_>| {
        let Candidate { part, span, end, .. } = hit.candidate;
        let is_below = |other: &Candidate| {
            other.span.file == span.file
                && (other.part != Part::Presence || other.span != *span)
                && span.start <= other.span.start
                && other.end <= *end
        };
        *part == Part::Presence && hits.iter().any(|hit| is_below(hit.candidate))
    };
    let through: BTreeSet<usize> =
        hits.iter().filter(|hit| is_through(hit)).map(|hit| hit.index).collect();
    hits.retain(|hit| !through.contains(&hit.index));
    hits
}

/// A candidate that changes a line.
struct Hit<'h> {
    /// The candidate's index.
    index: usize,
    candidate: &'h Candidate,
    edits: &'h [Edit],
    /// Whether the whole file is gone with it.
    whole: bool,
}

/// The number of a file.
type FileOf = u32;
