//! Finds two uses of one piece of hardware.

use std::collections::BTreeMap;

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::model::MachineKind;
use crate::plan::Plan;

/// Finds disks that are the same device, and devices that are passed to a VM and to another guest.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code = codes::code!("device-twice", Error, "one device is used twice");

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    for machine in &plan.model.machines {
        let mut disks: Vec<_> = machine.disks.iter().collect();
        disks.sort_by_key(|disk| disk.span);
        let mut taken = BTreeMap::new();
        for disk in disks {
            let first = *taken.entry(disk.device.as_str()).or_insert(disk);
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
    let mut guests: Vec<_> = plan
        .model
        .machines
        .iter()
        .filter_map(|machine| Some((machine, machine.guest.as_ref()?)))
        .collect();
    guests.sort_by_key(|(_, guest)| guest.span);
    let mut taken = BTreeMap::new();
    for (machine, guest) in guests {
        for device in &guest.passthrough {
            let (first, span) =
                *taken.entry((guest.host, device.name.as_str())).or_insert((machine, device.span));
            let shared = first.kind == MachineKind::Lxc && machine.kind == MachineKind::Lxc;
            if span != device.span && !shared {
                diagnostics.push(
                    Diagnostic::new(
                        &CODE,
                        device.span,
                        format!(
                            "`{}` is passed to `{}` and to `{}`",
                            device.name, first.name, machine.name
                        ),
                    )
                    .label(span, format!("passed to `{}` here", first.name))
                    .help("pass it to only one of them")
                    .on(machine.name.clone()),
                );
            }
        }
    }
}
