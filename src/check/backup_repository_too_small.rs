//! Finds backup repositories that are too small for what they must save.

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::model::Size;
use crate::plan::Plan;

/// Finds repositories whose dataset is smaller than what is backed up into it.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code = codes::code!(
    "backup-repository-too-small",
    Warning,
    "a backup repository may hold less than what is backed up into it"
);

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    let model = plan.model;
    for backup in &plan.backups {
        let service = &model[backup.service];
        let Some(dataset) =
            backup.repository_dataset.as_ref().map(|dataset| model.dataset(dataset))
        else {
            continue;
        };
        let Some(room) = &dataset.quota else { continue };
        let needed: u64 = backup
            .sources
            .iter()
            .filter_map(|source| source.size)
            .map(|size| size.0)
            .fold(0, u64::saturating_add);
        if needed <= room.0 {
            continue;
        }
        let span = service.backup.as_ref().map_or(service.span, |backup| backup.repository.span);
        let message = format!(
            "the repository of `{}` may hold {}, but its sources up to {}",
            service.name,
            room.value,
            Size(needed)
        );
        let mut diagnostic =
            Diagnostic::new(&CODE, span, message).label(room.span, "the repository's dataset");
        for source in &backup.sources {
            if let Some(size) = source.size {
                diagnostic =
                    diagnostic.label(source.span, format!("{} may hold {size}", source.what));
            }
        }
        diagnostics.push(
            diagnostic
                .help("raise its quota, back up less, or move the repository")
                .on(service.name.clone()),
        );
    }
}
