//! Finds guests that are smaller than Proxmox or their system lets them be.

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::model::{MachineKind, Size};
use crate::plan::Plan;
use crate::plan::root_disk::{RootDisk, root};

/// Finds guests with too little memory, or a root disk smaller than the image that it is made from.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code = codes::code!(
    "guest-too-small",
    Error,
    "a guest is smaller than Proxmox or its system lets it be"
);

/// The least memory that Proxmox takes. Source: <https://pve.proxmox.com/pve-docs/qm.conf.5.html>.
const LEAST: Size = Size(16 << 20);

/// Less than what the kernel and the first files of the smallest of the systems take while a VM
/// starts. A container has neither.
const SYSTEM: Size = Size(192 << 20);

/// The size of the smallest of the systems' images. Proxmox makes no disk smaller.
const IMAGE: Size = Size(2 << 30);

/// Less than what the smallest of the templates takes once it is unpacked.
const TEMPLATE: Size = Size(512 << 20);

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    for machine in &plan.model.machines {
        let Some(guest) = &machine.guest else { continue };
        let mut found = |span, message: String, help: String| {
            let finding = Diagnostic::new(&CODE, span, message).help(help);
            diagnostics.push(finding.on(machine.name.clone()));
        };
        if let Some(memory) = &machine.memory {
            let system = machine.kind == MachineKind::Vm;
            let kept = guest.least_memory.unwrap_or(memory.value);
            if system && memory.value >= LEAST && kept.min(memory.value) < SYSTEM {
                let message = format!(
                    "`{}` has {} of memory, and its system does not start with less than {SYSTEM}",
                    machine.name,
                    kept.min(memory.value)
                );
                let what = if kept < memory.value { "least" } else { "memory" };
                found(memory.span, message, format!("raise its `{what}` to `1GiB` or so"));
            } else if memory.value < LEAST {
                let message = format!(
                    "`{}` has {} of memory, and Proxmox refuses less than {LEAST}",
                    machine.name, memory.value
                );
                found(memory.span, message, "raise its `memory`".to_owned());
            } else if let Some(least) = guest.least_memory.filter(|least| *least > memory.value) {
                let message = format!(
                    "`{}` keeps {least} of memory, which is more than the {} that it has",
                    machine.name, memory.value
                );
                found(memory.span, message, "lower its `least`, or raise its `memory`".to_owned());
            }
        }
        let root_disk = guest.disks.iter().find(|disk| disk.name == "root");
        let unpacked = machine.kind == MachineKind::Lxc && guest.image.is_none();
        if let Some(disk) = root_disk.filter(|disk| unpacked && disk.size < TEMPLATE) {
            let message = format!(
                "the root disk of `{}` has {}, and the template of its system is larger",
                machine.name, disk.size
            );
            found(disk.span, message, "write `size=\"8GiB\"` or more".to_owned());
        }
        let made =
            matches!(root(machine, guest), RootDisk::Fetched { .. }) && guest.image.is_none();
        let small = guest.disks.iter().find(|disk| disk.name == "root" && disk.size < IMAGE);
        if let Some(disk) = small.filter(|_| made) {
            let message = format!(
                "the root disk of `{}` has {}, and the image of its system is larger",
                machine.name, disk.size
            );
            found(disk.span, message, "write `size=\"8GiB\"` or more".to_owned());
        }
    }
}
