//! Machines: what they are, how large, and how much of them is promised.

use super::{Collector, Family};
use crate::model::{Guest, MachineKind, Size};
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
        }
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
