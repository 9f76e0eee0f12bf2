//! What a question asks about.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::at::At;
use super::places::{self, Destination, Port, Unknown, hypervisor, machine_at};
use super::{Failure, Files, read};
use crate::model::{EndpointId, MachineId, Ports, ServiceId, Transport, ZoneId, ZoneKind};
use crate::plan::{Plan, RoutePlan};

/// Lists all that can be asked about: every port that is known on a machine, every host name.
pub(super) fn everywhere(files: &Files<'_>) -> Result<Vec<Destination>, Failure> {
    let mut all = BTreeSet::new();
    for (machine, _) in files.plan.model.machines() {
        all.extend(ports(files, machine)?.into_iter().map(Destination::Port));
    }
    all.extend((0..files.plan.routes.len()).map(Destination::Route));
    Ok(all.into_iter().collect())
}

/// Lists the ports of a machine that its files, its host's or the lab itself name.
fn ports(files: &Files<'_>, machine: MachineId) -> Result<BTreeSet<Port>, Failure> {
    let plan = files.plan;
    let mut ports: BTreeSet<(Transport, Ports)> =
        plan.inbound(machine).map(|flow| (flow.transport, flow.ports)).collect();
    let endpoints = files.listeners(machine).endpoints.iter();
    ports.extend(endpoints.filter_map(|id| places::ports_of(plan, *id)));
    let own = files.of(machine)?;
    ports.extend(own.nftables.iter().flat_map(read::nftables::Rules::ports));
    ports.extend(own.ufw.iter().flat_map(read::ufw::Rules::ports));
    let published = own.compose.iter().flat_map(|compose| compose.ports.iter());
    ports.extend(published.map(|port| (port.transport, port.ports)));
    if let Some((host, file)) = hypervisor(plan, machine)
        && let Some(rules) = &files.of(host)?.proxmox
    {
        ports.extend(rules.ports(&file));
    }
    // The first and the last of several in a row stand for all.
    let ends = ports.into_iter().flat_map(|(transport, ports)| {
        [ports.first, ports.last].map(|port| Port { machine, transport, port, at: At::All })
    });
    Ok(ends.collect())
}

/// Lists the ports that the second word of a question names.
pub(super) fn destinations(files: &Files<'_>, text: &str) -> Result<Vec<Destination>, Failure> {
    let plan = files.plan;
    let model = plan.model;
    let (word, port) = split(text);
    if let Ok(address) = word.parse::<IpAddr>() {
        let has = |(_, own): &(&MachineId, &Vec<IpAddr>)| own.contains(&address);
        let other = || files.others.iter().find(has).map(|(machine, _)| *machine);
        return match machine_at(plan, address).or_else(other) {
            Some(machine) => of_machine(files, machine, At::Address(address), port),
            None => elsewhere(vec![address], word, port),
        };
    }
    if let Some(zone) = model.zones.iter().position(|zone| zone.name == word).map(ZoneId::at) {
        return match model[zone].kind {
            // A machine is a zone of its own, so the names of machines end up here too.
            ZoneKind::Machine(machine) => of_machine(files, machine, At::All, port),
            ZoneKind::Internet => elsewhere(somewhere(plan), word, port),
            ZoneKind::Network(_) | ZoneKind::Named => {
                let mut all = Vec::new();
                for (machine, _) in model.machines().filter(|(_, this)| this.zone == zone) {
                    all.extend(of_machine(files, machine, At::All, port)?);
                }
                Ok(all)
            }
        };
    }
    if let Some((id, _)) = model.services().find(|(_, service)| service.name == word) {
        return of_service(plan, id, port);
    }
    let below = |route: &RoutePlan| {
        let label = route.above().and_then(|name| word.strip_suffix(name)?.strip_suffix('.'));
        label.is_some_and(|label| !label.is_empty() && !label.contains('.'))
            && route.path.is_empty()
    };
    let mut routes = plan.routes.iter();
    let found = routes.position(|route| route.name() == word);
    if let Some(index) = found.or_else(|| plan.routes.iter().position(below)) {
        return Ok(vec![Destination::Route(index)]);
    }
    let names = model.zones.iter().map(|zone| zone.name.as_str());
    let names = names.chain(model.services.iter().map(|service| service.name.as_str()));
    let routes: Vec<String> = plan.routes.iter().map(RoutePlan::name).collect();
    let names = names.chain(routes.iter().map(String::as_str));
    let expected = "a zone, machine, service, host name or address of the lab";
    Err(Unknown::new(word, expected, names).into())
}

/// Parts a word from the port after it. An IPv6 address has colons of its own; with a port it
/// is in brackets.
fn split(text: &str) -> (&str, Option<&str>) {
    match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, rest)) => (address, rest.strip_prefix(':')),
        None if text.parse::<IpAddr>().is_ok() => (text, None),
        None => text.split_once(':').map_or((text, None), |(word, port)| (word, Some(port))),
    }
}

/// Reads `PORT[/PROTO]`.
fn number(port: &str) -> Result<(Transport, u16), Unknown> {
    let (digits, transport) = port.split_once('/').unwrap_or((port, "tcp"));
    let transport = match transport {
        "tcp" => Some(Transport::Tcp),
        "udp" => Some(Transport::Udp),
        _ => None,
    };
    let number = digits.parse::<u16>().ok().filter(|number| *number > 0);
    transport.zip(number).ok_or_else(|| Unknown::new(port, "a port such as `443` or `53/udp`", []))
}

fn of_machine(
    files: &Files<'_>,
    machine: MachineId,
    at: At,
    port: Option<&str>,
) -> Result<Vec<Destination>, Failure> {
    let all = match port {
        Some(port) => {
            let (transport, port) = number(port)?;
            BTreeSet::from([Port { machine, transport, port, at }])
        }
        None => ports(files, machine)?,
    };
    Ok(all.into_iter().map(|port| Destination::Port(Port { at, ..port })).collect())
}

/// Lists the ports of a service, and the host names that lead to it where no port is named.
fn of_service(
    plan: &Plan<'_>,
    id: ServiceId,
    port: Option<&str>,
) -> Result<Vec<Destination>, Failure> {
    let service = &plan.model[id];
    let wanted = port.and_then(|port| number(port).ok());
    let taken = service.endpoints.iter().zip(0..).filter_map(|(endpoint, index)| {
        let taken = places::port_of(plan, EndpointId { service: id, index })?;
        let named = match (port, wanted) {
            (None, _) => true,
            // A number without a protocol is meant for whatever the service speaks there.
            (Some(port), Some((transport, number))) => {
                taken.port == number && (taken.transport == transport || !port.contains('/'))
            }
            (Some(name), None) => endpoint.name == name,
        };
        named.then_some(Destination::Port(taken))
    });
    let mut all: BTreeSet<Destination> = taken.collect();
    if port.is_none() {
        let routes = plan.routes.iter().enumerate().filter(|(_, route)| route.service == id);
        all.extend(routes.map(|(index, _)| Destination::Route(index)));
    }
    if let (true, Some(port)) = (all.is_empty(), port) {
        let names = service.endpoints.iter().map(|endpoint| endpoint.name.as_str());
        return Err(Unknown::new(
            port,
            "an endpoint of the service, nor a port that it takes on the machine",
            names,
        )
        .into());
    }
    Ok(all.into_iter().collect())
}

fn elsewhere(
    addresses: Vec<IpAddr>,
    word: &str,
    port: Option<&str>,
) -> Result<Vec<Destination>, Failure> {
    let (transport, port) = number(port.unwrap_or("443"))?;
    Ok(vec![Destination::Elsewhere(addresses, transport, port, word.to_owned())])
}

/// Names an address of each family in place of the internet: one of those for documentation
/// that is in no network of the lab.
fn somewhere(plan: &Plan<'_>) -> Vec<IpAddr> {
    let internet = plan
        .model
        .zones
        .iter()
        .position(|zone| zone.kind == ZoneKind::Internet)
        .map(|index| plan.zone(ZoneId::at(index)).set())
        .unwrap_or_default();
    let find = |candidates: [&str; 4]| {
        let mut parsed = candidates.iter().filter_map(|text| text.parse::<IpAddr>().ok());
        parsed.find(|address| internet.contains(*address))
    };
    // The last of each list is a public resolver, for a lab that uses all the other prefixes.
    let v4 = find(["203.0.113.1", "198.51.100.1", "192.0.2.1", "9.9.9.9"]);
    let v6 = find(["2001:db8:ffff::1", "2001:db8::1", "3fff::1", "2620:fe::fe"]);
    v4.into_iter().chain(v6).collect()
}
