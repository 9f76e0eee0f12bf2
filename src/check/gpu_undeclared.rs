//! Finds GPUs that containers use and that no machine is known to have.

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::model::{Accelerator, Container, MachineKind};
use crate::plan::Plan;
use crate::source::Span;

/// Finds containers with `gpu` on machines for which the lab names no such hardware.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code = codes::code!(
    "gpu-undeclared",
    Warning,
    "a container uses a GPU or the like that its machine does not have in the lab"
);

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    for service in &plan.model.services {
        let machine = &plan.model[service.machine];
        // In an LXC, a missing device is an error of its own, `device-not-passed`. The hardware of
        // the remaining kinds is not known that well.
        let known = matches!(machine.kind, MachineKind::Vm | MachineKind::Debian);
        if !known || machine.has_gpu() {
            continue;
        }
        let Some((name, what, span)) = service.containers.iter().find_map(uses) else { continue };
        let message = format!("`{}` uses {what}, and `{}` has none", service.name, machine.name);
        let help = match machine.guest.as_ref().map(|guest| &plan.model[guest.host].name) {
            Some(host) => format!(
                "write `gpu {name} pci=\"…\"` in `{host}`, and `passthrough {name}` in `{}`",
                machine.name
            ),
            None => {
                format!("write `gpu {name}` in `{}`, which then gets its drivers", machine.name)
            }
        };
        diagnostics.push(
            Diagnostic::new(&CODE, service.span, message)
                .label(span, "the module asks for it here")
                .help(help)
                .on(service.name.clone()),
        );
    }
}

/// Returns a name for the GPU that a container uses, what it is, and where it says so.
fn uses(container: &Container) -> Option<(&'static str, &'static str, Span)> {
    let dri = container
        .devices
        .iter()
        .find(|device| device.accelerator == Some(Accelerator::Dri))
        .map(|device| ("igpu", "a GPU of Intel or AMD", device.span));
    let nvidia =
        container.process.gpu.as_ref().map(|_| ("nvidia", "a GPU of NVIDIA", container.span));
    dri.or(nvidia)
}
