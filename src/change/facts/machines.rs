//! Machines: what they are, how large, and how much of them is promised.

use super::{Collector, Family};
use crate::model::{Guest, Machine, MachineId, MachineKind, Size};
use crate::plan::Plan;
use crate::review::view::{self, Amount};

pub(super) fn collect(plan: &Plan<'_>, facts: &mut Collector<'_>) {
    let model = plan.model;
    for (id, machine) in model.machines() {
        let name = facts.machine(&machine.name).to_owned();
        let host = machine.guest.as_ref().map_or_else(String::new, |guest| {
            format!(" {} on {}", guest.id, facts.machine(&model[guest.host].name))
        });
        facts.add(Family::Machine, &name, "", "", format!("{}{host}", machine.kind.name()));
        let system = machine.os.map(|os| os.name().to_owned());
        if let Some(system) = system.or_else(|| machine.version.clone()) {
            let system = format!("{system} ({})", machine.arch.name());
            facts.add(Family::System, &name, "", "", system);
        }
        let kind = machine.kind.name();
        if let Some(cores) = machine.cores {
            facts.add(Family::Shape, &name, "cores", kind, cores.to_string());
        }
        if let Some(memory) = &machine.memory {
            facts.add(Family::Shape, &name, "memory", kind, memory.value.to_string());
        }
        if let Some(guest) = &machine.guest {
            for device in &guest.passthrough {
                facts.add(
                    Family::Passthrough,
                    &name,
                    &format!("device {}", device.name),
                    kind,
                    "yes",
                );
            }
            let is_container = machine.kind == MachineKind::Lxc;
            for feature in guest.features.iter().filter(|_| is_container) {
                facts.add(Family::Passthrough, &name, &format!("feature {feature}"), "", "yes");
            }
            if is_container && !guest.unprivileged {
                facts.add(Family::Passthrough, &name, "root of the host", "", "yes");
            }
            facts.add(Family::Shape, &name, "start", "", start(guest));
            if machine.kind == MachineKind::Vm {
                let firmware = if guest.uefi { "UEFI" } else { "BIOS" };
                facts.add(Family::Shape, &name, "firmware", kind, firmware);
            }
            if let Some(image) = &guest.image {
                facts.add(Family::Shape, &name, "image", "", image);
            }
            if let Some(least) = &guest.least_memory {
                facts.add(Family::Shape, &name, "least memory", kind, least.to_string());
            }
            for interface in &plan.machine(id).interfaces {
                let bridge = interface.bridge(&model[guest.host]);
                facts.add(Family::Shape, &name, "bridge", "", bridge);
            }
        }
        devices(machine, &name, facts);
        installed(plan, id, &name, facts);
        let prefixes = machine.container_prefixes.iter();
        let prefixes: Vec<String> = prefixes.map(|prefix| prefix.value.to_string()).collect();
        if !prefixes.is_empty() {
            let what = "networks of containers";
            facts.add(Family::Shape, &name, what, "", prefixes.join(" "));
        }
        for address in &machine.addresses {
            let network = &model[address.network].name;
            facts.add(Family::Address, &name, network, "", address.address.to_string());
        }
        if let Some(lease) = &machine.lease {
            facts.add(Family::Address, &name, &model[lease.network].name, "", "by DHCP");
        }
        if let Some(view) = view::capacity(plan, id, machine) {
            if let Some(memory) = &view.memory {
                room(facts, &name, "memory", memory);
            }
            for disk in &view.disks {
                room(facts, &name, &format!("disk {}", disk.name), &disk.amount);
            }
            for pool in &view.pools {
                room(facts, &name, &format!("pool {}", pool.pool.name), &pool.pool.amount);
            }
        }
    }
}

/// Adds where a host's GPUs and other devices are.
fn devices(machine: &Machine, name: &str, facts: &mut Collector<'_>) {
    for gpu in &machine.gpus {
        let rom = gpu.rom.as_ref().map(|rom| format!("with the ROM {rom}"));
        let parts: Vec<String> = gpu.pci.iter().cloned().chain(rom).collect();
        if !parts.is_empty() {
            let what = format!("gpu {}", gpu.name);
            facts.add(Family::Shape, name, &what, "", parts.join(" "));
        }
    }
    for device in &machine.devices {
        if let Some(place) = device.path.as_ref().or(device.pci.as_ref()) {
            facts.add(Family::Shape, name, &format!("device {}", device.name), "", place);
        }
    }
}

/// Adds what a machine's services need of its system.
fn installed(plan: &Plan<'_>, id: MachineId, name: &str, facts: &mut Collector<'_>) {
    let planned = plan.machine(id);
    let packages = planned.packages.packages.iter().chain(planned.packages.docker);
    for package in packages {
        facts.add(Family::Installed, name, package, "package", "installed");
    }
    for module in &planned.requirements.kernel_modules {
        facts.add(Family::Installed, name, module, "kernel module", "loaded");
    }
    for (setting, value) in &planned.kernel.values {
        facts.add(Family::Installed, name, setting, "kernel setting", *value);
    }
}

/// Says when a guest starts.
fn start(guest: &Guest) -> String {
    let order = guest.boot_order.map(|order| format!(", as number {order}"));
    let wait = guest.boot_wait.map(|wait| format!(", {wait} before the next"));
    if !guest.on_boot {
        return "by hand".to_owned();
    }
    format!("with its host{}{}", order.unwrap_or_default(), wait.unwrap_or_default())
}

fn room(facts: &mut Collector<'_>, machine: &str, what: &str, amount: &Amount) {
    let taken = amount.reserved.saturating_add(amount.promised);
    let total =
        amount.total.map_or_else(|| "an unknown amount".to_owned(), |total| Size(total).rounded());
    let over = amount.total.is_some_and(|total| taken > total);
    let over = if over { ", more than there is" } else { "" };
    let value = format!("{} of {total} promised{over}", Size(taken).rounded());
    facts.add(Family::Room, machine, what, "", value);
}
