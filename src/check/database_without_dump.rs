//! Finds databases that are saved file by file while they run.

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::model::{BackupClass, Service, StateBackup};
use crate::plan::Plan;
use crate::plan::store::class_at;

/// Finds folders of database servers that are backed up without a dump.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code = codes::code!(
    "database-without-dump",
    Warning,
    "a database is backed up file by file while it runs"
);

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    let model = plan.model;
    // A module that declares how its database is dumped also declares which of its states contains
    // it.
    let undumped = |service: &&Service| {
        service.databases.is_empty() && service.endpoints.iter().any(|endpoint| endpoint.database)
    };
    for service in model.services.iter().filter(undumped) {
        for state in service.states.iter().filter(|state| state.local_disk) {
            let class = match &state.backup {
                StateBackup::Inherit => class_at(model, service.machine, &state.path),
                StateBackup::Class(class) => Some(*class),
                StateBackup::Dump | StateBackup::Never(_) => None,
            };
            let Some(class) = class.filter(|class| *class != BackupClass::Never) else { continue };
            let message = format!(
                "the database in `{}` of `{}` is backed up file by file",
                state.path, service.name
            );
            diagnostics.push(
                Diagnostic::new(&CODE, service.span, message)
                    .label(state.span, format!("backed up {} while it runs", class.name()))
                    .help(
                        "let the module dump it: `backup=dump` on the state, and a `database` that \
                         names it",
                    )
                    .on(service.name.clone()),
            );
        }
    }
}
