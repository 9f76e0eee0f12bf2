//! Who may connect where, and what guards it.

use std::collections::{BTreeMap, BTreeSet};

use super::{Collector, Family};
use crate::digest::sha256_hex;
use crate::model::{FirewallBackend, Lease, MachineId, Ports, ZoneId, ZoneKind};
use crate::plan::{
    ALL_CONTAINERS, CONTAINERS_OF, FlowSource, ForwardTarget, Guard, Plan, may_hold_secret,
};

pub(super) fn collect(plan: &Plan<'_>, facts: &mut Collector<'_>) {
    let model = plan.model;
    for flow in &plan.flows {
        let machine = facts.machine(&model[flow.to].name).to_owned();
        let from = match flow.from {
            FlowSource::Zone(_) => facts.machine(&plan.source_name(flow.from)).to_owned(),
            FlowSource::Containers(service) => {
                format!("{CONTAINERS_OF}{}", facts.service(&model[service].name))
            }
            FlowSource::Neighbours(_) => ALL_CONTAINERS.to_owned(),
        };
        let answers = match flow.endpoint {
            Some(id) => {
                let service = facts.service(&model[id.service].name);
                format!("{service}.{}", model.endpoint(id).name)
            }
            None => flow.reason.answers().to_owned(),
        };
        let at: Vec<String> = flow.at.iter().map(|address| format!(" at {address}")).collect();
        let port = format!("{}/{}{}", flow.ports, flow.transport.name(), at.concat());
        facts.add(Family::Flow, &machine, &from, &port, answers);
    }
    for (id, machine) in model.machines() {
        let machine = facts.machine(&machine.name).to_owned();
        for meet in &plan.machine(id).meets {
            let from = format!("{CONTAINERS_OF}{}", facts.service(&model[meet.by].name));
            let service = facts.service(&model[meet.to].name).to_owned();
            let (port, answers) = match meet.endpoint.map(|id| model.endpoint(id)) {
                Some(endpoint) => (
                    format!("{}/{}", endpoint.ports(), endpoint.protocol.transport().name()),
                    format!("{service}.{}", endpoint.name),
                ),
                None => ("any port".to_owned(), service),
            };
            facts.add(Family::Flow, &machine, &from, &port, answers);
        }
    }
    outgoing(plan, facts);
    for route in &plan.routes {
        let name = route.name();
        let service = facts.service(&model[route.service].name).to_owned();
        for zone in &route.from {
            let zone = facts.machine(&model[*zone].name).to_owned();
            facts.add(Family::RouteAccess, "", &name, &zone, &service);
        }
        if let Some(auth) = &route.auth {
            let guard = facts.service(&model[auth.endpoint.service].name).to_owned();
            facts.add(Family::RouteAuth, "", &name, "", guard);
        }
        for path in &route.hidden {
            facts.add(Family::RouteHidden, "", &name, path, "hidden");
        }
        for (what, how) in route.handled(model) {
            let how = if may_hold_secret(&what) { sha256_hex(how.as_bytes()) } else { how };
            facts.add(Family::RouteHandling, "", &name, &what, how);
        }
    }
    for (zone, addresses) in model.zones.iter().zip(&plan.zones) {
        if matches!(zone.kind, ZoneKind::Network(_) | ZoneKind::Named) {
            let list = |list: &[ipnet::IpNet]| {
                list.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
            };
            let without = list(&addresses.exclude);
            let without = if without.is_empty() { without } else { format!(" without {without}") };
            let value = format!("{}{without}", list(&addresses.include));
            facts.add(Family::Zone, "", &zone.name, "", value);
        }
    }
    for (id, machine) in model.machines() {
        let name = facts.machine(&machine.name).to_owned();
        for forward in &plan.machine(id).forwards {
            let to = match &forward.to {
                ForwardTarget::Zone(zone) => format!("every address of {}", model[*zone].name),
                ForwardTarget::Port { addresses, ports, transport } => {
                    let owner = model.machines.iter().find(|machine| {
                        machine.address().is_some_and(|own| addresses.contains(&own))
                    });
                    let owner = owner.map(|machine| facts.machine(&machine.name).to_owned());
                    let first = || addresses.first().map(ToString::to_string).unwrap_or_default();
                    let port = format!("{ports}/{}", transport.name());
                    format!("{} {port}", owner.unwrap_or_else(first))
                }
            };
            facts.add(Family::Forward, &name, &model[forward.from].name, &to, "allowed");
        }
        let guard = match plan.guard(id) {
            Guard::Own(FirewallBackend::Ufw) => "ufw and nftables",
            Guard::Own(FirewallBackend::Nftables) => "nftables",
            Guard::Own(FirewallBackend::None) | Guard::Nothing => "nothing",
            Guard::Proxmox => "the Proxmox firewall",
        };
        facts.add(Family::Guard, &name, "", "", guard);
    }
    for service in model.services.iter().filter(|service| service.gateway.is_some()) {
        let profile = format!("a profile of {}", facts.service(&service.name));
        for client in service.option("client").items() {
            let name = client.as_text().or_else(|| client.field("name").as_text());
            facts.add(Family::Login, "", name.unwrap_or_default(), &profile, "allowed");
        }
    }
    for admin in &model.admins {
        for key in &admin.ssh_keys {
            facts.add(Family::Login, "", &admin.name, &short_key(key), "allowed");
        }
    }
}

/// Ports of a machine, with the names of their transports.
type Listed<'n> = BTreeSet<(Ports, &'n str)>;

/// The most machines that are named of those that a machine may connect to.
const NAMED: usize = 4;

/// Adds what each machine may connect to, as any address of its zones may.
fn outgoing(plan: &Plan<'_>, facts: &mut Collector<'_>) {
    let model = plan.model;
    let mut open: BTreeMap<ZoneId, BTreeMap<MachineId, Listed<'_>>> = BTreeMap::new();
    for flow in &plan.flows {
        if let FlowSource::Zone(zone) = flow.from {
            let port = (flow.ports, flow.transport.name());
            open.entry(zone).or_default().entry(flow.to).or_default().insert(port);
        }
    }
    let of_many = |zone: &ZoneId| {
        !plan.is_internet(*zone) && !matches!(model[*zone].kind, ZoneKind::Machine(_))
    };
    let shared: Vec<ZoneId> = open.keys().copied().filter(of_many).collect();
    for (id, machine) in model.machines() {
        let is_in = |zone: &ZoneId| {
            // A machine that asks for its address gets one of its network's.
            let asks = |lease: &Lease| model[*zone].kind == ZoneKind::Network(lease.network);
            machine.addresses.iter().any(|own| plan.zone(*zone).contains(own.address))
                || machine.lease.as_ref().is_some_and(asks)
        };
        let name = facts.machine(&machine.name).to_owned();
        let inside: Vec<ZoneId> = shared.iter().copied().filter(is_in).collect();
        for zone in &inside {
            facts.add(Family::Inside, &name, "", "", &model[*zone].name);
        }
        let zones = inside.into_iter().chain([machine.own_zone]);
        // Of each zone, the first few are enough to know the first few of all. In a large lab, a
        // zone reaches every machine.
        let mut reached: BTreeMap<MachineId, Listed<'_>> = BTreeMap::new();
        for zone in zones {
            let others = open.get(&zone).into_iter().flatten().filter(|(to, _)| **to != id);
            for (to, ports) in others.take(NAMED + 1) {
                reached.entry(*to).or_default().extend(ports);
            }
        }
        let words = |(to, ports): (&MachineId, &Listed<'_>)| {
            let ports: Vec<String> =
                ports.iter().map(|(port, transport)| format!("{port}/{transport}")).collect();
            format!("{} {}", facts.machine(&model[*to].name), ports.join(" "))
        };
        let mut value: Vec<String> = reached.iter().take(NAMED).map(words).collect();
        if reached.len() > NAMED {
            value.push("more machines".to_owned());
        }
        if !value.is_empty() {
            facts.add(Family::Outgoing, &name, "", "", value.join(", "));
        }
    }
}

/// Shortens a public key to what tells keys apart: its type and its last characters.
fn short_key(key: &str) -> String {
    let mut words = key.split_whitespace();
    let (kind, body) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    // All keys of one type begin alike, because the type is encoded there. Their ends differ.
    let tail: String = body.chars().rev().take(12).collect::<Vec<_>>().into_iter().rev().collect();
    format!("the key {kind} …{tail}")
}
