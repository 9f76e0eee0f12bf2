//! Finds backups that contain themselves, directly or by way of others.

use std::collections::BTreeMap;

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::model::Service;
use crate::plan::backups::{Owners, home, owners};
use crate::plan::store::{Store, is_below};
use crate::plan::{BackupPlan, BackupSource, Plan};

/// Finds repositories that are in what they save, or in what saves what they save.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code = codes::code!("backup-of-itself", Error, "a backup saves its own repository");

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    let model = plan.model;
    let saved = saved(plan);
    let place = |service: &Service| {
        service.backup.as_ref().map_or(service.span, |backup| backup.repository.span)
    };
    for circle in circles(&saved) {
        let found = circle.iter().filter_map(|index| plan.backups.get(*index));
        let services: Vec<_> = found.map(|backup| &model[backup.service]).collect();
        let Some((first, rest)) = services.split_first() else { continue };
        let names: Vec<String> = rest.iter().map(|other| format!("`{}`", other.name)).collect();
        let message = if names.is_empty() {
            format!("`{}` saves its own repository", first.name)
        } else {
            format!(
                "`{}` saves the repository of {}, which saves its own",
                first.name,
                names.join(", which saves that of ")
            )
        };
        let mut finding = Diagnostic::new(&CODE, place(first), message)
            .caption("each run saves what the run before has written");
        for other in rest {
            finding = finding.label(place(other), format!("the repository of `{}`", other.name));
        }
        let help = "keep the repositories in a folder that is in no backup";
        diagnostics.push(finding.help(help).on(first.name.clone()));
    }
}

/// Lists for each backup the ones whose repository it saves, by their index.
fn saved(plan: &Plan<'_>) -> Vec<Vec<usize>> {
    let model = plan.model;
    let owners = if plan.backups.is_empty() { Owners::new() } else { owners(model) };
    let mut repositories: BTreeMap<Store, Vec<(String, usize)>> = BTreeMap::new();
    for (index, backup) in plan.backups.iter().enumerate() {
        let service = &model[backup.service];
        let repository = service.backup.as_ref().map(|backup| backup.repository.value.as_str());
        let at = repository.and_then(|at| home(model, service.machine, at, &owners));
        if let Some((store, below)) = at {
            repositories.entry(store).or_default().push((below, index));
        }
    }
    let of_backup = |backup: &BackupPlan| {
        let at = |path: &str| Store::at(model, model[backup.service].machine, path);
        let of_source = |source: &BackupSource| {
            let (store, folder) = at(&source.path);
            let left_out: Vec<String> = source.exclude.iter().map(|path| at(path).1).collect();
            let is_saved = |below: &str| {
                is_below(below, &folder) && !left_out.iter().any(|path| is_below(below, path))
            };
            let there = repositories.get(&store).into_iter().flatten();
            let there = there.filter(|(below, _)| is_saved(below));
            there.map(|(_, index)| *index).collect::<Vec<_>>()
        };
        backup.sources.iter().flat_map(of_source).collect()
    };
    plan.backups.iter().map(of_backup).collect()
}

/// Finds circles among things that lead to others. Nothing is in two of them.
fn circles(leads_to: &[Vec<usize>]) -> Vec<Vec<usize>> {
    /// Whether a thing was come by.
    #[derive(Clone, Copy, PartialEq)]
    enum Met {
        Not,
        OnTheWay,
        InACircle,
        Left,
    }
    let mut circles = Vec::new();
    let mut met = vec![Met::Not; leads_to.len()];
    for start in 0..leads_to.len() {
        if met.get(start) != Some(&Met::Not) {
            continue;
        }
        // Each step of the way, with how many of the things that it leads to were tried.
        let mut way = vec![(start, 0)];
        while let Some((at, tried)) = way.last_mut() {
            if let Some(met) = met.get_mut(*at).filter(|met| **met == Met::Not) {
                *met = Met::OnTheWay;
            }
            let next = leads_to.get(*at).and_then(|list| list.get(*tried)).copied();
            *tried += 1;
            let Some(next) = next else {
                if let Some(met) = met.get_mut(*at).filter(|met| **met == Met::OnTheWay) {
                    *met = Met::Left;
                }
                way.pop();
                continue;
            };
            match met.get(next) {
                Some(Met::Not) => way.push((next, 0)),
                Some(Met::OnTheWay) => {
                    let circle: Vec<usize> = way
                        .iter()
                        .map(|(index, _)| *index)
                        .skip_while(|index| *index != next)
                        .collect();
                    for index in &circle {
                        if let Some(met) = met.get_mut(*index) {
                            *met = Met::InACircle;
                        }
                    }
                    circles.push(circle);
                }
                Some(Met::InACircle | Met::Left) | None => {}
            }
        }
    }
    circles
}

#[cfg(test)]
mod tests {
    use super::circles;

    #[test]
    fn circles_are_found_once() {
        assert!(circles(&[vec![1, 2], vec![2], vec![]]).is_empty());
        assert_eq!(circles(&[vec![0]]), [[0]]);
        assert_eq!(circles(&[vec![1], vec![2], vec![1]]), [[1, 2]]);
        assert_eq!(circles(&[vec![1], vec![0], vec![3], vec![2, 0]]), [[0, 1], [2, 3]]);
    }
}
