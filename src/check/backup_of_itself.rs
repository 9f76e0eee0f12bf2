//! Finds backups that contain themselves, directly or by way of others.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, VecDeque};

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::model::Service;
use crate::plan::backups::{Owners, home, owners};
use crate::plan::store::{Store, is_below};
use crate::plan::{BackupPlan, BackupSource, Plan};
use crate::resolve::circles::circles;

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
        let circle = way_round(&circle, &saved);
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

/// Finds a shortest way from the first of some things back to it, along those that each leads to.
/// All of them lead back to it in some way.
fn way_round(circle: &[usize], leads_to: &[Vec<usize>]) -> Vec<usize> {
    let Some(first) = circle.first().copied() else { return Vec::new() };
    let next = |at: usize| leads_to.get(at).map(Vec::as_slice).unwrap_or_default();
    // From where each was come by first.
    let mut from: BTreeMap<usize, usize> = BTreeMap::new();
    let mut open = VecDeque::from([first]);
    while let Some(at) = open.pop_front() {
        for to in next(at).iter().copied().filter(|to| circle.contains(to)) {
            if to == first {
                let mut way = vec![at];
                while let Some(before) = way.last().and_then(|last| from.get(last)) {
                    way.push(*before);
                }
                way.reverse();
                return way;
            }
            if let Entry::Vacant(free) = from.entry(to) {
                free.insert(at);
                open.push_back(to);
            }
        }
    }
    circle.to_vec()
}

#[cfg(test)]
mod tests {
    use super::way_round;

    #[test]
    fn a_way_round_is_short_and_in_order() {
        assert_eq!(way_round(&[0], &[vec![0]]), [0]);
        assert_eq!(way_round(&[1, 2], &[vec![1], vec![2], vec![1]]), [1, 2]);
        // Both ways lead back; the one along 3 takes one step less.
        let next = [vec![1, 3], vec![2], vec![3], vec![0]];
        assert_eq!(way_round(&[0, 1, 2, 3], &next), [0, 3]);
        let next = [vec![2], vec![0], vec![1]];
        assert_eq!(way_round(&[0, 1, 2], &next), [0, 2, 1]);
    }
}
