//! Describes the access model for packet filters: what is open on a machine and to whom, what its
//! clients reach through it, what a router must forward.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::OnceLock;

use ipnet::IpNet;

use super::{
    AccessList, Arrival, CidrSet, ContainerNetwork, Flow, FlowReason, FlowSource, ForwardTarget,
    Meet, Plan, RoutePlan,
};
use crate::model::{
    FirewallBackend, MachineId, MachineKind, NetworkId, Ports, ServiceId, Transport, ZoneId,
    ZoneKind,
};

/// The beginning of the name of a source that is not a zone.
pub const CONTAINERS_OF: &str = "containers of ";

/// The name of all containers of a machine as a source of connections.
pub const ALL_CONTAINERS: &str = "containers of every service";

/// A port of a machine that one source may connect to, for one or more reasons.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    /// tcp or udp.
    pub transport: Transport,
    /// The ports on the machine.
    pub ports: Ports,
    /// The addresses of the machine to which it is limited, if it is.
    pub at: Vec<IpAddr>,
    /// The source of connections.
    pub from: FlowSource,
    /// Whether a container publishes the port.
    pub published: bool,
    /// The reasons why it is open, `ssh` first: `expose jellyfin.web`.
    pub reasons: Vec<String>,
}

/// A network whose clients go through a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clients {
    /// The network.
    pub network: NetworkId,
    /// What they may reach through the machine.
    pub targets: Vec<ForwardTarget>,
    /// Whether they appear with the machine's address where there is no route back to them.
    pub masquerade: bool,
    /// The addresses of machines that have a route back.
    pub way_back: Vec<IpAddr>,
}

/// A port that a router forwards from the internet.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RouterForward {
    /// The router, by index in [`crate::model::Model::routers`].
    pub router: u32,
    /// tcp or udp.
    pub transport: Transport,
    /// The ports, the same on the router and on the machine.
    pub ports: Ports,
    /// The machine.
    pub machine: MachineId,
    /// Its address in the router's network.
    pub address: IpAddr,
    /// The reason: `expose npm.https`.
    pub reason: String,
}

/// The way a machine's ports are guarded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    /// By the firewall of its own bundle, which filters every packet.
    Own(FirewallBackend),
    /// By the firewall of Proxmox, because the machine is a Proxmox host.
    Proxmox,
    /// Not by anything that labwright writes.
    Nothing,
}

/// The shortest list of each zone, by [`ZoneId`]. Each is made when a rule first needs it, because
/// rules refer to few zones, and a zone with many holes takes a while.
#[derive(Debug, Default)]
pub struct ZoneLists(OnceLock<Vec<AccessList>>);

impl Plan<'_> {
    /// Returns a zone's addresses as packet filters read them.
    pub fn access_list(&self, zone: ZoneId) -> &AccessList {
        let lists = self
            .lists
            .0
            .get_or_init(|| self.zones.iter().map(|zone| zone.set().access_list()).collect());
        zone.of(lists)
    }

    /// Describes briefly why a flow is open: `expose jellyfin.web`.
    pub fn reason(&self, flow: &Flow) -> String {
        match flow.endpoint {
            Some(id) => format!(
                "{} {}.{}",
                flow.reason.name(),
                self.model[id.service].name,
                self.model.endpoint(id).name
            ),
            None => flow.reason.name().to_owned(),
        }
    }

    /// Returns the name of a source of connections: the zone's name, or `containers of SERVICE`.
    pub fn source_name(&self, from: FlowSource) -> Cow<'_, str> {
        match from {
            FlowSource::Zone(zone) => self.model[zone].name.as_str().into(),
            FlowSource::Containers(service) => {
                format!("{CONTAINERS_OF}{}", self.model[service].name).into()
            }
            FlowSource::Neighbours(_) => ALL_CONTAINERS.into(),
        }
    }

    /// Names what a container connects to: an endpoint, or a service of which none is known.
    pub fn met(&self, meet: &Meet) -> String {
        let service = &self.model[meet.to].name;
        meet.endpoint.map_or_else(
            || service.clone(),
            |id| format!("{service}.{}", self.model.endpoint(id).name),
        )
    }

    /// Lists the networks from which containers of a service come to their own machine.
    pub fn own_networks(&self, service: ServiceId) -> impl Iterator<Item = &ContainerNetwork> {
        let networks = self.machine(self.model[service].machine).networks.list.iter();
        networks.filter(move |network| network.service == Some(service) && !network.internal)
    }

    /// Fills in what is open on each machine and whose clients go through it, from the flows and
    /// forwards of all machines.
    pub(super) fn derive_access(&mut self) {
        let access: Vec<_> =
            self.model.machines().map(|(id, _)| (self.openings(id), self.clients(id))).collect();
        for (machine, (openings, clients)) in self.machines.iter_mut().zip(access) {
            machine.openings = openings;
            machine.clients = clients;
        }
    }

    /// Lists what is open on a machine, with each port and source once.
    fn openings(&self, machine: MachineId) -> Vec<Opening> {
        type Opened<'f> = (Transport, Ports, &'f [IpAddr], FlowSource);
        let mut openings: BTreeMap<Opened<'_>, (bool, Vec<&Flow>)> = BTreeMap::new();
        for flow in self.inbound(machine) {
            let opened = (flow.transport, flow.ports, flow.at.as_slice(), flow.from);
            let (published, flows) = openings.entry(opened).or_default();
            *published |= flow.arrival == Arrival::Published;
            flows.push(flow);
        }
        openings
            .into_iter()
            .map(|((transport, ports, at, from), (published, mut flows))| {
                // labctl refuses to lock out a login that came over ssh. It knows such an opening
                // by a reason that begins with `ssh`.
                flows.sort_by_key(|flow| flow.reason != FlowReason::Ssh);
                let mut reasons: Vec<String> =
                    flows.into_iter().map(|flow| self.reason(flow)).collect();
                reasons.dedup();
                Opening { transport, ports, at: at.to_vec(), from, published, reasons }
            })
            .collect()
    }

    /// Lists the networks whose clients go through a machine.
    fn clients(&self, machine: MachineId) -> Vec<Clients> {
        let planned = self.machine(machine);
        let mut clients: BTreeMap<NetworkId, Clients> = BTreeMap::new();
        let empty = |network| Clients {
            network,
            targets: Vec::new(),
            masquerade: false,
            way_back: self.way_back(network),
        };
        // A network is listed even if its clients may reach nothing.
        for gateway in planned.services.iter().filter_map(|id| self.model[*id].gateway.as_ref()) {
            clients.entry(gateway.network).or_insert_with(|| empty(gateway.network)).masquerade |=
                gateway.masquerade;
        }
        for forward in &planned.forwards {
            clients
                .entry(forward.from)
                .or_insert_with(|| empty(forward.from))
                .targets
                .push(forward.to.clone());
        }
        clients.into_values().collect()
    }

    /// Lists what the routers must forward from the internet. Only IPv4 is listed, because IPv6
    /// needs no translation.
    pub fn router_forwards(&self) -> Vec<RouterForward> {
        let mut forwards: Vec<RouterForward> =
            self.model.machines().flat_map(|(id, _)| self.forwards_to(id)).collect();
        forwards.sort();
        forwards
    }

    /// Lists what the routers must forward to one machine.
    pub fn forwards_to(&self, machine: MachineId) -> Vec<RouterForward> {
        let mut forwards = Vec::new();
        for flow in self
            .inbound(machine)
            .filter(|flow| matches!(flow.from, FlowSource::Zone(zone) if self.is_internet(zone)))
        {
            let addresses =
                self.model[machine].addresses.iter().filter(|address| address.address.is_ipv4());
            for (router, index) in self.model.routers.iter().zip(0u32..) {
                let mut here = addresses.clone();
                let address = here.find(|address| {
                    address.network == router.network && flow.is_at(address.address)
                });
                forwards.extend(address.map(|address| RouterForward {
                    router: index,
                    transport: flow.transport,
                    ports: flow.ports,
                    machine,
                    address: address.address,
                    reason: self.reason(flow),
                }));
            }
        }
        forwards.sort();
        // A router forwards a port to one address only.
        forwards.dedup_by_key(|forward| (forward.router, forward.transport, forward.ports));
        forwards
    }

    /// Returns how a machine's ports are guarded.
    pub fn guard(&self, machine: MachineId) -> Guard {
        let machine = &self.model[machine];
        match (machine.kind, machine.firewall) {
            (MachineKind::Proxmox, _) => Guard::Proxmox,
            (kind, backend) if kind.is_managed() && backend != FirewallBackend::None => {
                Guard::Own(backend)
            }
            _ => Guard::Nothing,
        }
    }

    /// Lists the zones that manage a Proxmox host: those that may log in, or those of its networks
    /// if there are none, so that nobody is locked out.
    pub fn managers(&self, host: MachineId) -> Vec<ZoneId> {
        let host = &self.model[host];
        if host.ssh.is_empty() {
            return host.addresses.iter().map(|address| self.model[address.network].zone).collect();
        }
        host.ssh.iter().map(|access| access.from).collect()
    }

    /// Returns the addresses of several zones together.
    pub fn joined(&self, zones: &[ZoneId]) -> CidrSet {
        let sets: Vec<CidrSet> = zones.iter().map(|zone| self.zone(*zone).set()).collect();
        CidrSet::union(&sets)
    }

    /// Returns the addresses that may use a route.
    pub fn visitors(&self, route: &RoutePlan) -> CidrSet {
        match route.handling.allow.as_slice() {
            [] => self.admitted(&route.from, route.via),
            allow => self.joined(&route.from).intersection(&CidrSet::new(allow, &[])),
        }
    }

    /// Returns the addresses of zones as a proxy sees them. Containers of its own machine that ask
    /// it come from a network that they share with it, and count as the machine.
    pub fn admitted(&self, zones: &[ZoneId], via: ServiceId) -> CidrSet {
        let zones = self.joined(zones);
        let mut own = self.model[self.model[via].machine].addresses.iter();
        match self.askers.get(&via) {
            Some(askers) if own.any(|own| zones.contains(own.address)) => {
                CidrSet::union([&zones, askers])
            }
            _ => zones,
        }
    }

    /// Returns a name of a zone for packet filters: at most 56 small letters, digits, `-` and `_`.
    /// It is unique.
    pub fn zone_word(&self, zone: ZoneId) -> String {
        let name = &self.model[zone].name;
        let fits = name.len() <= 50
            && name.bytes().all(|byte| {
                byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_'
            });
        // The two forms differ in their fifth character, so no name of a zone makes them equal.
        if fits { format!("zone-{name}") } else { format!("zone_{}", zone.0) }
    }

    /// Returns whether a zone is the internet.
    pub fn is_internet(&self, zone: ZoneId) -> bool {
        self.model[zone].kind == ZoneKind::Internet
    }

    /// Lists the addresses of the machines that have a route to a network behind another machine.
    fn way_back(&self, network: NetworkId) -> Vec<IpAddr> {
        let prefixes = &self.model[network].prefixes;
        let knows = |machine: MachineId, family: &IpNet| {
            self.machine(machine).static_routes.iter().any(|route| route.to == family.trunc())
        };
        let mut addresses: Vec<IpAddr> = self
            .model
            .machines()
            .flat_map(|(id, machine)| {
                machine.addresses.iter().map(move |address| (id, address.address))
            })
            .filter(|(id, address)| {
                // A route of one family says nothing about a machine's address of the other.
                prefixes.iter().any(|prefix| {
                    prefix.addr().is_ipv4() == address.is_ipv4() && knows(*id, prefix)
                })
            })
            .map(|(_, address)| address)
            .collect();
        addresses.sort_unstable();
        addresses
    }
}

impl super::ZoneAddresses {
    /// Returns the exact set of addresses.
    pub fn set(&self) -> CidrSet {
        CidrSet::new(&self.include, &self.exclude)
    }
}
