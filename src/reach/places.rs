//! What the words of a question name.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;

use super::at::At;
use super::{Files, To};
use crate::diag::nearest;
use crate::model::{
    EndpointId, MachineId, MachineKind, Ports, ServiceId, Transport, ZoneId, ZoneKind,
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
    pub(super) fn new<'n>(
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
    pub(super) fn name(&self, files: &Files<'_>) -> To {
        let plan = files.plan;
        match self {
            Self::Port(port) => To {
                name: plan.model[port.machine].name.clone(),
                transport: port.transport,
                port: port.port,
                what: what(files, *port),
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
pub(super) fn what(files: &Files<'_>, to: Port) -> Option<String> {
    let plan = files.plan;
    if let Some(id) = endpoint_at(files, to) {
        return Some(endpoint_name(plan, id));
    }
    if let Some(flow) = files.flows(to).next() {
        return Some(flow.reason.answers().to_owned());
    }
    let is_host = plan.model[to.machine].kind == MachineKind::Proxmox;
    (is_host && to.port == 8006 && to.transport == Transport::Tcp)
        .then(|| "web interface".to_owned())
}

/// Finds the endpoint that is at a port of a machine: one that takes the port there, or else one of
/// a container that would.
pub(super) fn endpoint_at(files: &Files<'_>, to: Port) -> Option<EndpointId> {
    let (plan, listeners) = (files.plan, files.listeners(to.machine));
    let here = || {
        let endpoints = listeners.endpoints.at(to.transport, to.port).copied();
        endpoints.filter(|id| to.at.may_be(plan, *id))
    };
    let takes = |id: &EndpointId| match container_of(plan, *id) {
        None => true,
        Some(container) => {
            let mut published = listeners.published.at(to.transport, to.port);
            published.any(|published| published.container == container)
        }
    };
    here().find(takes).or_else(|| here().next())
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
pub(super) fn ports_of(plan: &Plan<'_>, id: EndpointId) -> Option<(Transport, Ports)> {
    let services = &plan.machine(plan.model[id.service].machine).services;
    let endpoint = plan.model.endpoint(id);
    let ports = match way::place(plan.model, services, endpoint.container.as_deref()) {
        Place::Machine => endpoint.ports(),
        Place::Container(_) => endpoint.host_ports(),
        Place::Nowhere => return None,
    };
    Some((endpoint.protocol.transport(), ports))
}

/// Returns the first port of its machine that an endpoint takes; nothing for one on no network.
pub(super) fn port_of(plan: &Plan<'_>, id: EndpointId) -> Option<Port> {
    let (transport, ports) = ports_of(plan, id)?;
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

/// Says whether a port is that of a machine's ssh.
pub(super) fn is_ssh(files: &Files<'_>, to: Port) -> bool {
    files.flows(to).any(|flow| flow.reason == FlowReason::Ssh)
        || (to.port, to.transport) == (22, Transport::Tcp)
}
