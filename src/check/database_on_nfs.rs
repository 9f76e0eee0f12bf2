//! Finds databases on a network file system.

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::model::ShareTransport;
use crate::plan::Plan;
use crate::plan::store::share_of;

/// Finds states on NFS that contain a database.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code =
    codes::code!("database-on-nfs", Warning, "a database lies on a network file system");

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    let model = plan.model;
    for service in &model.services {
        // Modules mark folders with a database that network file systems corrupt as `local-disk`.
        for state in service.states.iter().filter(|state| state.local_disk) {
            let Some(share) =
                share_of(model, service.machine, &state.path).filter(|share| share.via.is_remote())
            else {
                continue;
            };
            diagnostics.push(
                Diagnostic::new(
                    &CODE,
                    service.span,
                    format!(
                        "`{}` of `{}` holds a database and is on {}",
                        state.name,
                        service.name,
                        if share.via == ShareTransport::Nfs { "NFS" } else { "SMB" }
                    ),
                )
                .caption(format!("keeps it in `{}`", state.path))
                .label(share.span, "this share comes over the network")
                .help(format!(
                    "keep it on a disk of the machine: set `appdata` of the machine, the option \
                     for that folder, or `state {} path=` in the service",
                    state.name
                ))
                .on(service.name.clone()),
            );
        }
    }
}
