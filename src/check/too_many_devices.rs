//! Finds VMs with more disks, folders or devices than Proxmox has places for.

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::model::MachineKind;
use crate::plan::Plan;

/// Finds VMs that need more places of one kind than a VM has.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code = codes::code!(
    "too-many-devices",
    Error,
    "a VM has more disks, folders or devices than Proxmox has places for"
);

/// The places for a VM's own disks. Those for whole disks of the host come after them.
/// Source: `$MAX_SCSI_DISKS` of <https://git.proxmox.com/?p=qemu-server.git>, as the others here.
const OWN_DISKS: usize = 10;
const DISKS_OF_HOST: usize = 21;
const FOLDERS: usize = 10;
const PCI_DEVICES: usize = 16;

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    for (id, machine) in plan.model.machines() {
        let (Some(guest), Some(given)) = (&machine.guest, &plan.machine(id).guest) else {
            continue;
        };
        if machine.kind == MachineKind::Lxc {
            continue;
        }
        let kinds = [
            (guest.disks.len(), OWN_DISKS, "disks of its own"),
            (given.devices.len(), DISKS_OF_HOST, "disks of its host"),
            (given.tags.len(), FOLDERS, "folders by virtiofs"),
            (given.pci.len(), PCI_DEVICES, "PCI devices"),
        ];
        for (count, most, what) in kinds.into_iter().filter(|(count, most, _)| count > most) {
            let message = format!("`{}` has {count} {what}, and the most is {most}", machine.name);
            let help = match what {
                "folders by virtiofs" => "share a folder above several, or share some by NFS",
                _ => "put some of them together, or give some to another machine",
            };
            diagnostics.push(
                Diagnostic::new(&CODE, machine.span, message).help(help).on(machine.name.clone()),
            );
        }
    }
}
