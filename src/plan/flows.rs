//! Collects who may connect where, from `expose`, `route`, needs, scrapes and `ssh`, in one list.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::way::{self, Place};
use crate::around::networks::{self, Meeting};
use crate::model::{
    Endpoint, EndpointId, Link, MachineId, Model, Ports, Role, ServiceId, ShareTransport,
    Transport, ZoneId,
};
use crate::source::Span;

/// An allowed connection to one port of one machine, or to several in a row, from one source.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Flow {
    /// The machine that is connected to.
    pub to: MachineId,
    /// The ports on that machine.
    pub ports: Ports,
    /// The addresses of the machine to which it is limited, if it is.
    pub at: Vec<IpAddr>,
    /// tcp or udp.
    pub transport: Transport,
    /// The source of connections.
    pub from: FlowSource,
    /// What accepts the connection there.
    pub arrival: Arrival,
    /// The reason why it is open.
    pub reason: FlowReason,
    /// The endpoint, or nothing for ssh.
    pub endpoint: Option<EndpointId>,
    /// The declaration that opens it.
    pub span: Span,
}

impl Flow {
    /// Returns whether it leads to an address of its machine.
    pub fn is_at(&self, address: IpAddr) -> bool {
        self.at.is_empty() || self.at.contains(&address)
    }
}

/// The source of connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FlowSource {
    /// A zone (a single machine is a zone too).
    Zone(ZoneId),
    /// The containers of a service of the same machine, on that service's network.
    Containers(ServiceId),
    /// All containers of the same machine that have networks of their own.
    Neighbours(MachineId),
}

/// What accepts a connection on a machine.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Arrival {
    /// A program on the machine's own network: the INPUT chain decides.
    Host,
    /// A published port of a container: the FORWARD chain decides, after DNAT.
    Published,
}

/// The reason why a flow is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FlowReason {
    /// `expose`.
    Expose,
    /// A route's listener on the proxy.
    Route,
    /// The proxy's connection to the endpoint of a route.
    Proxy,
    /// Prometheus scrapes it.
    Scrape,
    /// A service needs it.
    Need,
    /// The lab links a service with it.
    Link,
    /// A machine mounts a folder of another by NFS.
    Share,
    /// A machine mounts a folder of another by SMB.
    ShareBySmb,
    /// `ssh`.
    Ssh,
}

impl FlowReason {
    /// Returns the word of `release.json`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Expose => "expose",
            Self::Route => "route",
            Self::Proxy => "proxy",
            Self::Scrape => "scrape",
            Self::Need => "need",
            Self::Link => "link",
            Self::Share | Self::ShareBySmb => "share",
            Self::Ssh => "ssh",
        }
    }

    /// Describes what answers at a port that belongs to no service's endpoint.
    pub const fn answers(self) -> &'static str {
        match self {
            Self::Share => "nfs",
            Self::ShareBySmb => "smb",
            reason => reason.name(),
        }
    }
}

/// A port that compose publishes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Published {
    /// The ports on the machine.
    pub host_ports: Ports,
    /// tcp or udp.
    pub transport: Transport,
    /// The addresses of the machine to which they are limited, if they are.
    pub at: Vec<IpAddr>,
    /// Whether they are published over IPv6 too, where no address is named.
    pub ipv6: bool,
    /// The container with the port in its `ports:`. For a container inside another one's network,
    /// it is that other one.
    pub container: String,
    /// The ports inside.
    pub container_ports: Ports,
    /// The endpoint.
    pub endpoint: EndpointId,
}

/// A connection between containers of different services on one machine, which no firewall sees.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Meet {
    /// The containers.
    pub meeting: Meeting,
    /// The service that connects.
    pub by: ServiceId,
    /// The service that it connects to.
    pub to: ServiceId,
    /// The endpoint there, if the lab knows one.
    pub endpoint: Option<EndpointId>,
    /// The reason why they meet.
    pub reason: FlowReason,
    /// The declaration.
    pub span: Span,
}

/// All connections of a lab.
pub struct Connections {
    /// The flows, sorted.
    pub flows: Vec<Flow>,
    /// The published ports of each machine, by [`MachineId`].
    pub published: Vec<Vec<Published>>,
    /// The containers of different services that meet on each machine, by [`MachineId`].
    pub meets: Vec<BTreeSet<Meet>>,
    /// The connections that something wants, but that lead to the loopback interface of another
    /// machine.
    pub shut: Vec<Flow>,
}

/// Computes every flow and every published port. `services` are those of each machine.
pub fn connections(model: &Model, services: &[Vec<ServiceId>]) -> Connections {
    let mut builder = Builder {
        model,
        services,
        flows: Vec::new(),
        published: vec![Vec::new(); model.machines.len()],
        meets: vec![BTreeSet::new(); model.machines.len()],
        shut: Vec::new(),
    };
    let collectors: Vec<ServiceId> = model
        .services()
        .filter(|(_, service)| service.has(Role::Prometheus))
        .map(|(id, _)| id)
        .collect();
    for (id, service) in model.services() {
        for expose in &service.exposes {
            let endpoint = EndpointId { service: id, index: expose.endpoint };
            for zone in &expose.to {
                builder.let_zone(zone.value, endpoint, FlowReason::Expose, expose.span);
            }
        }
        for route in &service.routes {
            let endpoint = EndpointId { service: id, index: route.endpoint };
            if let Some(proxy) = &model[route.via].proxy {
                // The proxy itself leads visitors from http to https, so both are open to them.
                for listener in [proxy.http, proxy.https].into_iter().flatten() {
                    for zone in &route.from {
                        builder.let_zone(
                            zone.value,
                            EndpointId { service: route.via, index: listener },
                            FlowReason::Route,
                            route.span,
                        );
                    }
                }
                builder.let_program(
                    route.via,
                    proxy.container.as_deref(),
                    endpoint,
                    FlowReason::Proxy,
                    route.span,
                );
                if let Some(auth) = route.auth {
                    builder.let_program(
                        route.via,
                        proxy.container.as_deref(),
                        auth,
                        FlowReason::Proxy,
                        route.span,
                    );
                }
            }
        }
        for need in &service.needs {
            for endpoint in &need.endpoints {
                builder.let_program(
                    id,
                    need.container.as_deref(),
                    *endpoint,
                    FlowReason::Need,
                    service.span,
                );
            }
        }
        for link in &service.links {
            for endpoint in &link.endpoints {
                let container = link.container.as_deref();
                builder.let_program(id, container, *endpoint, FlowReason::Link, link.span);
            }
            if link.endpoints.is_empty() {
                builder.let_meet(id, link);
            }
        }
        // What has an address is published there, whether or not a service connects to it.
        let bound = |endpoint: &Endpoint| !endpoint.addresses.is_empty();
        for (_, index) in service.endpoints.iter().zip(0..).filter(|(one, _)| bound(one)) {
            let _ = builder.arrive(EndpointId { service: id, index });
        }
        for (_, index) in service.endpoints.iter().zip(0..).filter(|(one, _)| one.scrape) {
            for collector in &collectors {
                let container =
                    model[*collector].containers.first().map(|container| container.name.as_str());
                builder.let_program(
                    *collector,
                    container,
                    EndpointId { service: id, index },
                    FlowReason::Scrape,
                    service.span,
                );
            }
        }
    }
    for (id, machine) in model.machines() {
        for access in &machine.ssh {
            builder.flows.push(to_machine(
                id,
                access.port,
                access.from,
                FlowReason::Ssh,
                access.span,
            ));
        }
        for share in machine.shares.iter().filter(|share| share.via.is_remote()) {
            let (port, reason) = match share.via {
                ShareTransport::Cifs => (SMB, FlowReason::ShareBySmb),
                _ => (NFS, FlowReason::Share),
            };
            let (server, from) = (share.source.machine(), machine.own_zone);
            builder.flows.push(to_machine(server, port, from, reason, share.span));
        }
    }
    builder.let_containers_look_up_names();
    builder.finish()
}

/// The port of name servers.
pub(super) const DNS: u16 = 53;
/// The port of NFS. NFS 4 needs no other.
pub const NFS: u16 = 2049;
/// The port of SMB. SMB 2 and later need no other.
const SMB: u16 = 445;

fn to_machine(to: MachineId, port: u16, from: ZoneId, reason: FlowReason, span: Span) -> Flow {
    let (from, arrival) = (FlowSource::Zone(from), Arrival::Host);
    Flow {
        to,
        ports: Ports::one(port),
        at: Vec::new(),
        transport: Transport::Tcp,
        from,
        arrival,
        reason,
        endpoint: None,
        span,
    }
}

struct Builder<'m> {
    model: &'m Model,
    services: &'m [Vec<ServiceId>],
    flows: Vec<Flow>,
    published: Vec<Vec<Published>>,
    meets: Vec<BTreeSet<Meet>>,
    shut: Vec<Flow>,
}

impl Builder<'_> {
    fn machine_of(&self, endpoint: EndpointId) -> MachineId {
        self.model[endpoint.service].machine
    }

    /// Returns how a connection to an endpoint arrives at its machine. Publishes the port if the
    /// endpoint is in a container.
    fn arrive(&mut self, id: EndpointId) -> Option<Arrival> {
        let endpoint = self.model.endpoint(id);
        let machine = self.machine_of(id);
        match way::place(
            self.model,
            machine.of::<Vec<_>>(self.services),
            endpoint.container.as_deref(),
        ) {
            Place::Machine => Some(Arrival::Host),
            Place::Container(owner) => {
                machine.of_mut(&mut self.published).push(Published {
                    host_ports: endpoint.host_ports(),
                    transport: endpoint.protocol.transport(),
                    at: endpoint.addresses.clone(),
                    ipv6: endpoint.ipv6,
                    container: owner.to_owned(),
                    container_ports: endpoint.ports(),
                    endpoint: id,
                });
                Some(Arrival::Published)
            }
            Place::Nowhere => None,
        }
    }

    fn push(&mut self, id: EndpointId, from: FlowSource, reason: FlowReason, span: Span) {
        let Some(arrival) = self.arrive(id) else { return };
        let endpoint = self.model.endpoint(id);
        let on_host = arrival == Arrival::Host;
        // Nothing from elsewhere reaches what is published on the loopback interface alone.
        let shut = !on_host && endpoint.is_local();
        let at = self.model.answers_at(id);
        let outside = at.iter().filter(|address| !address.is_loopback());
        let flows = if shut { &mut self.shut } else { &mut self.flows };
        flows.push(Flow {
            to: self.model[id.service].machine,
            ports: if on_host { endpoint.ports() } else { endpoint.host_ports() },
            // A program on the machine's own network chooses its addresses itself.
            at: if on_host { Vec::new() } else { outside.copied().collect() },
            transport: endpoint.protocol.transport(),
            from,
            arrival,
            reason,
            endpoint: Some(id),
            span,
        });
    }

    fn let_zone(&mut self, zone: ZoneId, endpoint: EndpointId, reason: FlowReason, span: Span) {
        self.push(endpoint, FlowSource::Zone(zone), reason, span);
    }

    fn let_program(
        &mut self,
        service: ServiceId,
        container: Option<&str>,
        endpoint: EndpointId,
        reason: FlowReason,
        span: Span,
    ) {
        let machine = self.model[service].machine;
        if machine != self.machine_of(endpoint) {
            self.push(endpoint, FlowSource::Zone(self.model[machine].own_zone), reason, span);
            return;
        }
        let services = machine.of::<Vec<_>>(self.services);
        let from = way::place(self.model, services, container);
        let to =
            way::place(self.model, services, self.model.endpoint(endpoint).container.as_deref());
        match (from, to) {
            (Place::Container(name), Place::Machine) => {
                let owner = networks::owner(self.model, services, name).unwrap_or(service);
                self.push(endpoint, FlowSource::Containers(owner), reason, span);
            }
            (Place::Container(_), Place::Container(_)) => {
                let to = endpoint.service;
                let listener = self.model.endpoint(endpoint).container.as_deref();
                let meeting = listener.and_then(|listener| {
                    networks::meeting(self.model, services, service, container, to, listener)
                });
                let endpoint = Some(endpoint);
                let meet = meeting.map(|meeting| Meet {
                    meeting,
                    by: service,
                    to,
                    endpoint,
                    reason,
                    span,
                });
                machine.of_mut(&mut self.meets).extend(meet);
            }
            // The machine reaches a container through its published port on the loopback interface,
            // so nothing becomes reachable from elsewhere.
            (Place::Machine, Place::Container(_)) => {
                let _ = self.arrive(endpoint);
            }
            _ => {}
        }
    }

    /// Lets the containers of a machine ask the name server there, where the machine's networks
    /// name it: Docker asks for them from their own networks, at the machine's address.
    fn let_containers_look_up_names(&mut self) {
        let model = self.model;
        for (id, machine) in model.machines() {
            let is_own =
                |server: &IpAddr| machine.addresses.iter().any(|own| own.address == *server);
            let mut named = machine.networks().flat_map(|network| &model[network].dns);
            let services = id.of::<Vec<_>>(self.services);
            if !named.any(is_own) {
                continue;
            }
            let servers = services.iter().flat_map(|service| {
                let endpoints = model[*service].endpoints.iter().zip(0..);
                let answering = endpoints.filter(|(one, _)| one.host_ports().contains(DNS));
                answering.map(|(_, index)| EndpointId { service: *service, index })
            });
            for server in servers.collect::<Vec<_>>() {
                let span = model[server.service].span;
                self.push(server, FlowSource::Neighbours(id), FlowReason::Need, span);
            }
        }
    }

    /// Lets a service meet one of which no endpoint is known.
    fn let_meet(&mut self, service: ServiceId, link: &Link) {
        let (model, machine) = (self.model, self.model[service].machine);
        let services = machine.of::<Vec<_>>(self.services);
        let Some(listener) = model[link.to].containers.first() else { return };
        let (container, to) = (link.container.as_deref(), link.to);
        let meeting = networks::meeting(model, services, service, container, to, &listener.name);
        let meet = meeting.map(|meeting| Meet {
            meeting,
            by: service,
            to,
            endpoint: None,
            reason: FlowReason::Link,
            span: link.span,
        });
        machine.of_mut(&mut self.meets).extend(meet);
    }

    fn finish(mut self) -> Connections {
        self.flows.sort();
        // Several declarations may open one flow for one reason. Only the first of them is kept.
        self.flows.dedup_by(|a, b| {
            (a.to, a.ports, &a.at, a.transport, a.from, &a.arrival, a.reason)
                == (b.to, b.ports, &b.at, b.transport, b.from, &b.arrival, b.reason)
        });
        for ports in &mut self.published {
            ports.sort();
            ports.dedup_by(|a, b| {
                (a.host_ports, a.transport, &a.at, &a.container, a.container_ports)
                    == (b.host_ports, b.transport, &b.at, &b.container, b.container_ports)
            });
        }
        Connections {
            flows: self.flows,
            published: self.published,
            meets: self.meets,
            shut: self.shut,
        }
    }
}
