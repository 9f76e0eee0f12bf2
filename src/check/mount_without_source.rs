//! Finds folders that a guest's containers mount and that nothing makes.

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, codes, nearest};
use crate::model::MachineKind;
use crate::plan::Plan;

/// Finds mounts whose folder is neither shared, nor a state, nor of the system. A guest is new, so
/// nothing else puts one there. What a machine has that was there before, nobody knows.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code = codes::code!(
    "mount-without-source",
    Warning,
    "a container mounts a folder that nothing makes on its machine"
);

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    for (id, machine) in plan.model.machines() {
        if !matches!(machine.kind, MachineKind::Vm | MachineKind::Lxc) {
            continue;
        }
        for unmade in &plan.machine(id).requirements.unmade {
            let path = unmade.path;
            let message = format!("nothing makes `{path}` on `{}`", machine.name);
            let shares = machine.shares.iter().map(|share| share.at.as_str());
            let help = match nearest(path, shares) {
                Some(near) => format!("a share is at `{near}`; or put one at this path"),
                None => format!("mount a dataset or an export there: `share … at=\"{path}\"`"),
            };
            let by = unmade.services.join("`, `");
            diagnostics.push(
                Diagnostic::new(&CODE, unmade.service, message)
                    .caption(format!("mounted by `{by}`"))
                    .label(unmade.mount, "the module mounts it here")
                    .label(machine.span, "no share is there")
                    .help(help)
                    .on(machine.name.clone()),
            );
        }
    }
}
