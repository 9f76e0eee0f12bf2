//! What the words of a question name.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;

use super::at::At;
use super::{Failure, Files, To, read};
use crate::diag::nearest;
use crate::model::{
    Endpoint, EndpointId, MachineId, MachineKind, Ports, ServiceId, Transport, ZoneId, ZoneKind,
};
use crate::plan::way::{self, Place};
use crate::plan::{CidrSet, FlowReason, Plan, RoutePlan};

/// Says that a word of the question names nothing in the lab.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unknown {
    /// The word.
    pub word: String,
    /// What it was taken for: `a zone, machine, service or address`.
    pub expected: &'static str,
    /// A name that is like it.
    pub like: Option<String>,
}

impl fmt::Display for Unknown {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "`{}` is not {}", self.word, self.expected)
    }
}

impl Unknown {
    fn new<'n>(
        word: &str,
        expected: &'static str,
        names: impl IntoIterator<Item = &'n str>,
    ) -> Self {
        let like = nearest(word, names).map(str::to_owned);
        Self { word: word.to_owned(), expected, like }
    }
}

/// The place where connections begin.
#[derive(Debug, Clone)]
pub(super) struct Origin {
    /// The word of the question.
    pub word: String,
    /// Its addresses.
    pub addresses: CidrSet,
    /// The zone that a declaration would name for it.
    pub zone: ZoneId,
    /// The machine it is on, when it is one.
    pub machine: Option<MachineId>,
    /// The container whose networks it uses, when it is not on its machine's own.
    pub container: Option<String>,
}

/// A port that is asked about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Destination {
    /// A port of a machine.
    Port(Port),
    /// A host name, by index in [`Plan::routes`].
    Route(usize),
    /// An address that no machine of the lab has.
    Elsewhere(Vec<IpAddr>, Transport, u16, String),
}

/// A port of a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Port {
    pub machine: MachineId,
    pub transport: Transport,
    #[expect(clippy::struct_field_names, reason = "the number of a port is called its port")]
    pub port: u16,
    pub at: At,
}

/// Lists the addresses of a port's machine that the question is about.
pub(super) fn addresses(files: &Files<'_>, to: Port) -> Vec<IpAddr> {
    let all = files.addresses(to.machine).into_iter();
    all.filter(|address| to.at.has(files.plan, *address)).collect()
}

impl Origin {
    pub(super) fn find(plan: &Plan<'_>, word: &str) -> Result<Self, Unknown> {
        let model = plan.model;
        let made = |addresses, zone, machine, container| Self {
            word: word.to_owned(),
            addresses,
            zone,
            machine,
            container,
        };
        if let Ok(address) = word.parse::<IpAddr>() {
            let machine = machine_at(plan, address);
            let addresses = CidrSet::new(&[IpNet::from(address)], &[]);
            return Ok(made(addresses, zone_of(plan, address), machine, None));
        }
        if let Some(zone) = model.zones.iter().position(|zone| zone.name == word).map(ZoneId::at) {
            if let ZoneKind::Machine(machine) = model[zone].kind {
                let (addresses, zone) = begins_at(plan, machine);
                return Ok(made(addresses, zone, Some(machine), None));
            }
            return Ok(made(plan.zone(zone).set(), zone, None, None));
        }
        if let Some((id, service)) = model.services().find(|(_, service)| service.name == word) {
            let container = service.containers.first();
            let container = container.and_then(|container| place_of(plan, id, &container.name));
            let (addresses, zone) = begins_at(plan, service.machine);
            return Ok(made(addresses, zone, Some(service.machine), container));
        }
        let zones = model.zones.iter().map(|zone| zone.name.as_str());
        let names = zones.chain(model.services.iter().map(|service| service.name.as_str()));
        Err(Unknown::new(word, "a zone, machine, service or address of the lab", names))
    }

    /// Makes the place of a proxy that connects to what it leads to.
    pub(super) fn of_proxy(plan: &Plan<'_>, proxy: ServiceId) -> Self {
        let service = &plan.model[proxy];
        let (addresses, zone) = begins_at(plan, service.machine);
        let container = service.proxy.as_ref().and_then(|proxy| proxy.container.as_deref());
        Self {
            word: service.name.clone(),
            addresses,
            zone,
            machine: Some(service.machine),
            container: container.and_then(|name| place_of(plan, proxy, name)),
        }
    }
}

/// Returns the addresses from which a machine may connect, and the zone that a declaration would
/// name. One that asks for its address has any of its network.
fn begins_at(plan: &Plan<'_>, machine: MachineId) -> (CidrSet, ZoneId) {
    let this = &plan.model[machine];
    let asks = this.lease.as_ref().map(|lease| plan.model[lease.network].zone);
    let zone = asks.unwrap_or(this.own_zone);
    (plan.zone(zone).set(), zone)
}

impl Destination {
    /// Names it for people.
    pub(super) fn name(&self, plan: &Plan<'_>) -> To {
        match self {
            Self::Port(port) => To {
                name: plan.model[port.machine].name.clone(),
                transport: port.transport,
                port: port.port,
                what: what(plan, *port),
            },
            Self::Route(index) => {
                let route = plan.routes.get(*index);
                let port = route.and_then(|route| listener(plan, route.via));
                To {
                    name: route.map(RoutePlan::name).unwrap_or_default(),
                    transport: Transport::Tcp,
                    port: port.map_or(443, |port| port.port),
                    what: route.map(|route| endpoint_name(plan, route.endpoint)),
                }
            }
            Self::Elsewhere(_, transport, port, name) => {
                To { name: name.clone(), transport: *transport, port: *port, what: None }
            }
        }
    }
}

/// Returns the port at which a proxy listens: https where it has that.
pub(super) fn listener(plan: &Plan<'_>, proxy: ServiceId) -> Option<Port> {
    let service = &plan.model[proxy];
    let listeners = service.proxy.as_ref()?;
    let index = listeners.https.or(listeners.http)?;
    port_of(plan, EndpointId { service: proxy, index })
}

fn endpoint_name(plan: &Plan<'_>, id: EndpointId) -> String {
    format!("{}.{}", plan.model[id.service].name, plan.model.endpoint(id).name)
}

/// Says what listens at a port, as far as the lab knows.
pub(super) fn what(plan: &Plan<'_>, to: Port) -> Option<String> {
    if let Some(id) = endpoint_at(plan, to) {
        return Some(endpoint_name(plan, id));
    }
    let flow = plan
        .inbound(to.machine)
        .find(|flow| flow.transport == to.transport && flow.ports.contains(to.port));
    if let Some(flow) = flow {
        return Some(flow.reason.answers().to_owned());
    }
    let is_host = plan.model[to.machine].kind == MachineKind::Proxmox;
    (is_host && to.port == 8006 && to.transport == Transport::Tcp)
        .then(|| "web interface".to_owned())
}

/// Finds the endpoint that is at a port of a machine: one that takes the port there, or else one of
/// a container that would.
pub(super) fn endpoint_at(plan: &Plan<'_>, to: Port) -> Option<EndpointId> {
    let planned = plan.machine(to.machine);
    let endpoints = planned.services.iter().flat_map(|id| {
        let endpoints = plan.model[*id].endpoints.iter().zip(0_u32..);
        endpoints
            .map(|(endpoint, index)| (endpoint, EndpointId { service: *id, index }))
            .filter(|(endpoint, _)| endpoint.may_take(to.port))
            .filter(|(endpoint, own)| {
                let here = ports_of(plan, *id, endpoint).filter(|one| one.1.contains(to.port));
                to.at.may_be(plan, *own) && here.is_some_and(|(own, _)| own == to.transport)
            })
            .map(|(_, own)| own)
    });
    let takes = |id: &EndpointId| match container_of(plan, *id) {
        None => true,
        Some(container) => planned.published.iter().any(|published| {
            published.transport == to.transport
                && published.host_ports.contains(to.port)
                && published.container == container
        }),
    };
    endpoints.clone().find(takes).or_else(|| endpoints.clone().next())
}

/// Names the container that has an endpoint, where it is not on the machine's own network.
pub(super) fn container_of<'p>(plan: &'p Plan<'_>, id: EndpointId) -> Option<&'p str> {
    let services = &plan.machine(plan.model[id.service].machine).services;
    let container = plan.model.endpoint(id).container.as_deref();
    match way::place(plan.model, services, container) {
        Place::Container(name) => Some(name),
        Place::Machine | Place::Nowhere => None,
    }
}

/// Returns the ports of its machine that an endpoint takes; nothing for one on no network.
fn ports_of(
    plan: &Plan<'_>,
    service: ServiceId,
    endpoint: &Endpoint,
) -> Option<(Transport, Ports)> {
    let services = &plan.machine(plan.model[service].machine).services;
    let ports = match way::place(plan.model, services, endpoint.container.as_deref()) {
        Place::Machine => endpoint.ports(),
        Place::Container(_) => endpoint.host_ports(),
        Place::Nowhere => return None,
    };
    Some((endpoint.protocol.transport(), ports))
}

/// Returns the first port of its machine that an endpoint takes; nothing for one on no network.
pub(super) fn port_of(plan: &Plan<'_>, id: EndpointId) -> Option<Port> {
    let (transport, ports) = ports_of(plan, id.service, plan.model.endpoint(id))?;
    let bound = plan.model.endpoint(id).outer_address().is_some();
    let at = if bound { At::Endpoint(id) } else { At::All };
    Some(Port { machine: plan.model[id.service].machine, transport, port: ports.first, at })
}

/// Finds the zone that a declaration would name for an address: its machine's own, that of its
/// network, or the internet.
fn zone_of(plan: &Plan<'_>, address: IpAddr) -> ZoneId {
    let holds = |zone: &ZoneId| plan.zone(*zone).set().contains(address);
    let zones = (0..plan.model.zones.len()).map(ZoneId::at);
    let rank = |zone: &ZoneId| match plan.model[*zone].kind {
        ZoneKind::Machine(_) => 0,
        ZoneKind::Named => 1,
        ZoneKind::Network(_) => 2,
        ZoneKind::Internet => 3,
    };
    zones.filter(holds).min_by_key(rank).unwrap_or(ZoneId(0))
}

pub(super) fn machine_at(plan: &Plan<'_>, address: IpAddr) -> Option<MachineId> {
    plan.model
        .machines()
        .find(|(_, machine)| machine.addresses.iter().any(|own| own.address == address))
        .map(|(id, _)| id)
}

/// Names the container whose networks a container uses, when these are not its machine's own.
fn place_of(plan: &Plan<'_>, service: ServiceId, container: &str) -> Option<String> {
    let services = &plan.machine(plan.model[service].machine).services;
    match way::place(plan.model, services, Some(container)) {
        Place::Container(name) => Some(name.to_owned()),
        Place::Machine | Place::Nowhere => None,
    }
}

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
    let taken = plan.machine(machine).services.iter().flat_map(|id| {
        plan.model[*id].endpoints.iter().filter_map(|endpoint| ports_of(plan, *id, endpoint))
    });
    ports.extend(taken);
    let own = files.of(machine)?;
    ports.extend(own.nftables.iter().flat_map(read::nftables::Rules::ports));
    ports.extend(own.ufw.iter().flat_map(read::ufw::Rules::ports));
    let published = own.compose.iter().flat_map(|compose| &compose.ports);
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

/// Names the Proxmox host that filters what goes to a machine, and the name of its file there.
pub(super) fn hypervisor(plan: &Plan<'_>, machine: MachineId) -> Option<(MachineId, String)> {
    let this = &plan.model[machine];
    match &this.guest {
        _ if this.kind == MachineKind::Proxmox => {
            Some((machine, super::read::proxmox::HOST.to_owned()))
        }
        // An appliance filters its traffic itself, so its host has no rules for it.
        Some(guest) if this.kind != MachineKind::Appliance => {
            Some((guest.host, guest.id.to_string()))
        }
        _ => None,
    }
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
        let taken = port_of(plan, EndpointId { service: id, index })?;
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

/// Says whether a port is that of a machine's ssh.
pub(super) fn is_ssh(plan: &Plan<'_>, to: Port) -> bool {
    let here = plan.inbound(to.machine).any(|flow| {
        flow.reason == FlowReason::Ssh
            && flow.transport == to.transport
            && flow.ports.contains(to.port)
    });
    here || (to.port, to.transport) == (22, Transport::Tcp)
}
