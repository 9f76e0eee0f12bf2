//! Databases saved file by file while they run.

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, Severity};
use crate::model::{BackupClass, Service, StateBackup};
use crate::plan::Plan;
use crate::plan::store::class_at;

/// Finds folders of database servers that are backed up as they are.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code = Code {
    name: "database-without-dump",
    severity: Severity::Warning,
    summary: "a database is backed up file by file while it runs",
    explain: "A running database writes its files all the time and in an order of its own. What a backup reads of them one after another is no state that the database ever had, and may not start. It has to be dumped first, and the dump saved.\n\n```kdl\nstate data path=\"/mnt/postgres\"\nprovides sql container=postgres port=5432 database=#true\n```\n\nWrite in the module how it is dumped: `state data … backup=dump` and `database NAME engine=postgres container=postgres user=USER state=data`.",
};

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    let model = plan.model;
    // A module that says how its database is dumped knows which of its states hold it.
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
                    .label(state.span, format!("saved {} as it is, while it runs", class.name()))
                    .help("let the module dump it: `backup=dump` on the state, and a `database` that names it")
                    .on(service.name.clone()),
            );
        }
    }
}
