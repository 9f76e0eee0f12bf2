//! Finds databases that are saved file by file while they run.

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::model::{BackupClass, StateBackup};
use crate::plan::{Coverage, Dumped, Plan};

/// Finds folders of running databases that are backed up without a dump.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code = codes::code!(
    "database-without-dump",
    Warning,
    "a database is backed up file by file while it runs"
);

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    let model = plan.model;
    for covered in &plan.states {
        let (service, state) = (&model[covered.service], covered.state);
        let class = match &state.backup {
            StateBackup::Inherit => covered.class,
            StateBackup::Class(class) => Some(*class),
            StateBackup::Dump | StateBackup::Never(_) => None,
        };
        let Some(class) = class.filter(|class| *class != BackupClass::Never) else { continue };
        let help = match covered.databases {
            Dumped::None if state.local_disk && state.live_copy.is_none() => {
                "let the module dump it: a `database` with its file or its server; or say with \
                 `live-copy=` why a copy of the folder can be used"
            }
            Dumped::NotAll if covered.coverage == Coverage::Saved => {
                "add a backup service to its machine; it dumps the database"
            }
            _ => continue,
        };
        let message = format!(
            "the database in `{}` of `{}` is backed up file by file",
            state.path, service.name
        );
        diagnostics.push(
            Diagnostic::new(&CODE, service.span, message)
                .label(state.span, format!("backed up {} while it runs", class.name()))
                .help(help)
                .on(service.name.clone()),
        );
    }
}
