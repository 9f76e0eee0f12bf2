//! Finds backups on the disk that they protect.

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::model::DatasetRef;
use crate::plan::Plan;

/// Finds repositories that share a disk with what they save.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code =
    codes::code!("backup-same-disk", Warning, "a backup repository is on a disk that it protects");

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    let model = plan.model;
    let disks = |dataset: &DatasetRef| &model[dataset.machine].pools[dataset.pool as usize].disks;
    for backup in &plan.backups {
        // Where a repository is not in a dataset of the lab, nothing is known about its disk.
        let Some(home) = &backup.repository_dataset else { continue };
        let service = &model[backup.service];
        let together: Vec<_> = backup
            .sources
            .iter()
            .filter(|source| {
                source.dataset.as_ref().is_some_and(|dataset| {
                    dataset.machine == home.machine
                        && disks(dataset).iter().any(|disk| disks(home).contains(disk))
                })
            })
            .collect();
        if together.is_empty() {
            continue;
        }
        let span = service.backup.as_ref().map_or(service.span, |backup| backup.repository.span);
        let mut diagnostic = Diagnostic::new(
            &CODE,
            span,
            format!("the repository of `{}` is on a disk that it protects", service.name),
        )
        .caption("one failure loses both")
        .label(model.dataset(home).span, "the repository is in this dataset");
        for source in together {
            diagnostic = diagnostic.label(
                source.dataset.as_ref().map_or(source.span, |dataset| model.dataset(dataset).span),
                format!("{} is on the same disk", source.what),
            );
        }
        diagnostics.push(
            diagnostic
                .help("move the repository to another disk, machine or site")
                .on(service.name.clone()),
        );
    }
}
