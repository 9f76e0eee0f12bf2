//! Finds two uses of one piece of hardware.

use std::collections::BTreeMap;

use super::Rule;
use crate::decl::proxmox_words::pci_slot;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::model::MachineKind;
use crate::plan::Plan;

/// Finds disks that are the same device, devices that are passed to a VM and to another guest, and
/// serial devices that two containers open.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code = codes::code!("device-twice", Error, "one device is used twice");

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    for machine in &plan.model.machines {
        let mut disks: Vec<_> = machine.disks.iter().collect();
        disks.sort_by_key(|disk| disk.span);
        let (mut taken, mut parts) = (BTreeMap::new(), BTreeMap::new());
        for disk in disks {
            // A partition is a part of its disk.
            let whole =
                disk.device.rsplit_once("-part").map_or(disk.device.as_str(), |(whole, part)| {
                    if part.bytes().all(|byte| byte.is_ascii_digit()) {
                        whole
                    } else {
                        &disk.device
                    }
                });
            let beside = taken.get(whole).copied().filter(|_| whole != disk.device);
            if whole != disk.device {
                parts.entry(whole).or_insert(disk);
            }
            let below = parts.get(disk.device.as_str()).copied();
            let first = *taken.entry(disk.device.as_str()).or_insert(disk);
            let first = beside.or(below).unwrap_or(first);
            if first.span != disk.span {
                diagnostics.push(
                    Diagnostic::new(
                        &CODE,
                        disk.span,
                        format!(
                            "`{}` and `{}` of `{}` are the same disk",
                            first.name, disk.name, machine.name
                        ),
                    )
                    .label(first.span, "the first")
                    .help("name the device of each, as `ls /dev/disk/by-id` lists them")
                    .on(machine.name.clone()),
                );
            }
        }
    }
    sticks(plan, diagnostics);
    let mut taken: BTreeMap<_, BTreeMap<Option<&str>, _>> = BTreeMap::new();
    for (machine, guest) in plan.model.all_guests() {
        for device in &guest.passthrough {
            // A host may have several names for one device.
            let what = device.pci.as_ref().or(device.path.as_ref()).unwrap_or(&device.name);
            let (slot, function) =
                device.pci.as_ref().map_or((what.as_str(), None), |pci| pci_slot(pci));
            let uses: &mut BTreeMap<_, _> = taken.entry((guest.host, slot)).or_default();
            // Without a function, it is the device with all of them.
            let known = match function {
                Some(_) => uses.get(&function).or_else(|| uses.get(&None)),
                None => uses.values().next(),
            };
            let (first, span) = known.copied().unwrap_or((machine, device.span));
            uses.entry(function).or_insert((machine, device.span));
            // An LXC uses a device through its host's kernel, so several can have it. A VM takes it
            // for itself.
            let shared = first.kind == MachineKind::Lxc && machine.kind == MachineKind::Lxc;
            if span != device.span && !shared {
                diagnostics.push(
                    Diagnostic::new(
                        &CODE,
                        device.span,
                        if first.name == machine.name {
                            format!("`{}` is passed to `{}` twice", device.name, machine.name)
                        } else {
                            format!(
                                "`{}` is passed to `{}` and to `{}`",
                                device.name, first.name, machine.name
                            )
                        },
                    )
                    .label(span, format!("passed to `{}` here", first.name))
                    .help("pass it to only one of them")
                    .on(machine.name.clone()),
                );
            }
        }
    }
}

/// Finds serial devices that two containers of a machine open. Only one program at a time can talk
/// to the device at the other end.
fn sticks(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    let is_serial = |path: &str| path.starts_with("/dev/serial/") || path.starts_with("/dev/tty");
    for machine in &plan.machines {
        let mut taken = BTreeMap::new();
        for service in machine.services.iter().map(|id| &plan.model[*id]) {
            let devices = service.containers.iter().flat_map(|one| &one.devices);
            for device in devices.filter(|device| is_serial(&device.path)) {
                let (first, span) =
                    *taken.entry(device.path.as_str()).or_insert((service, device.span));
                if first.name != service.name {
                    diagnostics.push(
                        Diagnostic::new(
                            &CODE,
                            service.span,
                            format!(
                                "`{}` and `{}` would both open `{}`",
                                first.name, service.name, device.path
                            ),
                        )
                        .label(first.span, "the first")
                        .label(span, "its module opens it here")
                        .help("give it to one of them, and a device of its own to the other")
                        .on(service.name.clone()),
                    );
                }
            }
        }
    }
}
