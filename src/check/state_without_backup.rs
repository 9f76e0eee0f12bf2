//! Data that nobody saves.

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, Severity};
use crate::model::{BackupClass, StateBackup};
use crate::plan::Plan;
use crate::plan::backups::{class_of, store_of};
use crate::plan::build::is_below;

/// Finds states that no backup of the lab contains.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code = Code {
    name: "state-without-backup",
    severity: Severity::Warning,
    summary: "a service keeps something that no backup contains",
    explain: "A state is what can't be made again: configuration, accounts, photos. It is saved when it lies in a dataset or export with a backup class that a backup service's machine has mounted, or by the dump of its database.\n\n```kdl\ndataset appdata quota=\"30GiB\"\n```\n\nWrite `backup=daily`, or `backup=never` if it is meant.",
};

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    let model = plan.model;
    for (id, service) in model.services() {
        for state in &service.states {
            let (store, _) = store_of(model, service.machine, &state.path);
            let class = class_of(model, &store);
            let meant =
                matches!(state.backup, StateBackup::Never(_) | StateBackup::Class(BackupClass::Never)) || class == Some(BackupClass::Never);
            let dumped = || {
                plan.backups.iter().any(|backup| {
                    backup.dumps.iter().any(|dump| {
                        dump.service == id
                            && service.databases[dump.database as usize].state.as_deref().is_none_or(|name| name == state.name)
                    })
                })
            };
            let saved = || {
                plan.backups.iter().any(|backup| {
                    let machine = model[backup.service].machine;
                    backup.sources.iter().any(|source| {
                        let same_store = store_of(model, machine, &source.path).0 == store;
                        same_store && (source.dataset.is_some() || machine != service.machine || is_below(&state.path, &source.path))
                    })
                })
            };
            if meant || (state.backup == StateBackup::Dump && dumped()) || (state.backup != StateBackup::Dump && saved()) {
                continue;
            }
            let help = match (class, state.backup == StateBackup::Dump) {
                (_, true) => "add a backup service to its machine, which dumps it".to_owned(),
                (Some(_), _) => "mount its dataset on the machine of a backup service".to_owned(),
                (None, _) => "give the dataset it lies in a `backup=` class, or keep it below a dataset that has one".to_owned(),
            };
            diagnostics.push(
                Diagnostic::new(&CODE, service.span, format!("no backup contains `{}` of `{}`", state.name, service.name))
                    .caption(format!("keeps it in `{}`", state.path))
                    .label(state.span, "the module says what it keeps")
                    .help(help)
                    .on(service.name.clone()),
            );
        }
    }
}
