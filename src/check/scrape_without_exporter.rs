//! Finds machines that Prometheus should measure but can't.

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::model::{MachineKind, Role};
use crate::plan::Plan;

/// Finds machines of a monitored lab without a node exporter.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code = codes::code!(
    "scrape-without-exporter",
    Warning,
    "a machine of a monitored lab has no node exporter"
);

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    let model = plan.model;
    let Some(collector) = model.services.iter().find(|service| service.has(Role::Prometheus))
    else {
        return;
    };
    for (id, machine) in model.machines() {
        let runs_services = machine.kind.is_managed()
            || (machine.kind == MachineKind::Unmanaged && !plan.machine(id).services.is_empty());
        let measured =
            plan.machine(id).services.iter().any(|service| model[*service].has(Role::NodeExporter));
        if runs_services && !measured {
            diagnostics.push(
                Diagnostic::new(
                    &CODE,
                    machine.span,
                    format!("no exporter runs on `{}`", machine.name),
                )
                .caption("Prometheus sees nothing of this machine")
                .label(collector.span, "the Prometheus of the lab")
                .help(format!(
                    "add `service node-{} module=node-exporter on={}`",
                    machine.name, machine.name
                ))
                .on(machine.name.clone()),
            );
        }
    }
}
