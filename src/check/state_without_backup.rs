//! Data that nobody saves.

use std::collections::{BTreeMap, BTreeSet};

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, Severity};
use crate::model::{BackupClass, ServiceId, StateBackup};
use crate::plan::Plan;
use crate::plan::backups::{Store, class_at, store_of};
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
    let mut saved: BTreeMap<Store, Vec<&str>> = BTreeMap::new();
    let mut dumped: BTreeSet<(ServiceId, Option<&str>)> = BTreeSet::new();
    for backup in &plan.backups {
        for source in &backup.sources {
            saved.entry(store_of(model, model[backup.service].machine, &source.path).0).or_default().push(&source.path);
        }
        dumped
            .extend(backup.dumps.iter().map(|dump| (dump.service, model[dump.service].databases[dump.database as usize].state.as_deref())));
    }
    for (id, service) in model.services() {
        for state in &service.states {
            let (store, _) = store_of(model, service.machine, &state.path);
            let class = class_at(model, service.machine, &state.path);
            let by_dump = state.backup == StateBackup::Dump;
            let safe = match &state.backup {
                StateBackup::Never(_) | StateBackup::Class(BackupClass::Never) => true,
                _ if class == Some(BackupClass::Never) => true,
                StateBackup::Dump => dumped.contains(&(id, Some(&state.name))) || dumped.contains(&(id, None)),
                // A source on a machine's own disk is a folder of it; any other one is the whole store.
                _ => saved
                    .get(&store)
                    .is_some_and(|paths| !matches!(store, Store::Local(_)) || paths.iter().any(|path| is_below(&state.path, path))),
            };
            if safe {
                continue;
            }
            let help = match class {
                _ if by_dump => "add a backup service to its machine, which dumps it",
                Some(_) if matches!(store, Store::Local(_)) => "add a backup service to its machine",
                Some(_) => "mount its dataset on the machine of a backup service",
                None if matches!(store, Store::Local(_)) => {
                    "say how often in the machine's `appdata \"FOLDER\" backup=daily`, or keep it in a dataset that has a `backup=` class"
                }
                None => "give the dataset it lies in a `backup=` class, or keep it below a dataset that has one",
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
