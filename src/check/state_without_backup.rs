//! Finds data that is not backed up.

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::model::StateBackup;
use crate::plan::store::Store;
use crate::plan::{Coverage, Plan};

/// Finds states that no backup of the lab contains.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code = codes::code!(
    "state-without-backup",
    Warning,
    "a service keeps something that no backup contains"
);

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    for covered in plan.states.iter().filter(|covered| covered.coverage == Coverage::Lost) {
        let (service, state) = (&plan.model[covered.service], covered.state);
        let help = match covered.class {
            _ if state.backup == StateBackup::Dump => {
                "add a backup service to its machine; it dumps the database"
            }
            Some(_) if matches!(covered.store, Store::Local(_)) => {
                "add a backup service to its machine"
            }
            Some(_) => "mount its dataset on the machine of a backup service",
            None if matches!(covered.store, Store::Local(_)) => {
                "write `appdata \"FOLDER\" backup=daily` in the machine, or keep it in a dataset \
                 that has a `backup=` class"
            }
            None => "give its dataset a `backup=` class, or keep it below a dataset that has one",
        };
        diagnostics.push(
            Diagnostic::new(
                &CODE,
                service.span,
                format!("no backup contains `{}` of `{}`", state.name, service.name),
            )
            .caption(format!("keeps it in `{}`", state.path))
            .label(state.span, "the module declares it here")
            .help(help)
            .on(service.name.clone()),
        );
    }
}
