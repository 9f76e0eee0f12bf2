//! Removes what scripts of services that are gone left for the node exporter.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::artifact::{Artifacts, Slot};
use crate::diag::Diagnostics;
use crate::emit::Context;
use crate::model::{MachineKind, Role};
use crate::plan::DumpJob;
use crate::plan::joined::measured;

#[derive(Debug, Serialize)]
struct View {
    kept: BTreeSet<String>,
}

/// Adds the step, on a machine with a node exporter.
pub(super) fn emit(
    context: &Context<'_>,
    artifacts: &mut Artifacts,
    diagnostics: &mut Diagnostics,
) {
    if !context.services().any(|(_, service)| service.has(Role::NodeExporter)) {
        return;
    }
    let mut kept = BTreeSet::new();
    for (id, service) in context.services() {
        let name = service.name.as_str();
        for backup in context.plan.backups.iter().filter(|backup| backup.service == id) {
            kept.extend(measured(backup, name));
        }
        if service.has(Role::Copy) {
            kept.insert(format!("labwright-sync-{name}"));
        }
        // Only a hypervisor has backups of guests.
        if context.this().kind == MachineKind::Proxmox {
            kept.insert(format!("labwright-vzdump-{name}"));
        }
    }
    let jobs = context.plan.dump_jobs_at(context.machine);
    kept.extend(jobs.iter().map(DumpJob::unit));
    super::step(context, (Slot::FOLDERS, "textfile"), &View { kept }, artifacts, diagnostics);
}
