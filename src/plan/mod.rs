//! Derived facts: who may connect where, what is published, scraped, routed, backed up and needed,
//! machine by machine.
//!
//! Everything that an emitter lays out is computed here, once. Every list is sorted.

mod access;
pub mod backups;
mod bridge;
pub mod capacity;
mod certificates;
mod cidr;
mod flows;
mod gateways;
pub mod interfaces;
pub mod mounts;
pub mod packages;
mod routes;
mod scrapes;
mod secrets;
pub mod store;
pub mod way;
mod zones;

use crate::model::{EndpointId, MachineId, Model, ServiceId, Transport, ZoneId};

pub use access::{Clients, Guard, Opening, RouterForward, ZoneLists};
pub use backups::{BackupPlan, BackupSource, DumpPlan, Fate, Kept};
pub use bridge::Bridge;
pub use certificates::{Certificate, is_private};
pub use cidr::{AccessList, CidrSet};
pub use flows::{Arrival, Flow, FlowReason, FlowSource, Published};
pub use gateways::{Forward, ForwardTarget, StaticRoute};
pub use mounts::virtiofs_tag;
pub use routes::{RouteAuth, RoutePlan};
pub use scrapes::{PROBES, Scrape};
pub use secrets::{MachineSecret, secret_path};
pub use zones::ZoneAddresses;

/// Is the lab with everything derived from it.
#[derive(Debug)]
pub struct Plan<'m> {
    /// The lab.
    pub model: &'m Model,
    /// What each zone's addresses are, by [`ZoneId`].
    pub zones: Vec<ZoneAddresses>,
    /// The zones as packet filters read them, made when the first of them asks.
    pub lists: ZoneLists,
    /// Who may connect where; the access model.
    pub flows: Vec<Flow>,
    /// What Prometheus scrapes.
    pub scrapes: Vec<Scrape>,
    /// Which host name leads where.
    pub routes: Vec<RoutePlan>,
    /// What is backed up.
    pub backups: Vec<BackupPlan>,
    /// What becomes of what services keep, by service.
    pub kept: Vec<Kept<'m>>,
    /// What each machine is given, by [`MachineId`].
    pub machines: Vec<MachinePlan>,
}

/// Derives the plan of a lab.
pub fn plan(model: &Model) -> Plan<'_> {
    let mut services: Vec<Vec<ServiceId>> = vec![Vec::new(); model.machines.len()];
    for (id, service) in model.services() {
        services[service.machine.0 as usize].push(id);
    }
    let zones = zones::addresses(model);
    let connections = flows::connections(model, &services);
    let subnet = bridge::subnet(model);
    let mut machines: Vec<MachinePlan> = model
        .machines()
        .zip(connections.published)
        .map(|((id, _), published)| MachinePlan {
            bridge: bridge::bridge(model, &services[id.0 as usize], subnet),
            secrets: secrets::secrets(model, &services[id.0 as usize]),
            services: services[id.0 as usize].clone(),
            published,
            ..MachinePlan::default()
        })
        .collect();
    for (index, flow) in connections.flows.iter().enumerate() {
        if let Ok(index) = u32::try_from(index) {
            machines[flow.to.0 as usize].inbound.push(index);
        }
    }
    gateways::gateways(model, &connections.flows, &mut machines);
    let backups = backups::backups(model, &services);
    Plan {
        scrapes: scrapes::scrapes(model, &services),
        routes: routes::routes(model, &services),
        kept: backups::kept(model, &backups),
        backups,
        model,
        zones,
        lists: ZoneLists::default(),
        flows: connections.flows,
        machines,
    }
}

impl Plan<'_> {
    /// Returns what is planned for a machine.
    pub fn machine(&self, id: MachineId) -> &MachinePlan {
        &self.machines[id.0 as usize]
    }

    /// Returns a zone's addresses.
    pub fn zone(&self, id: ZoneId) -> &ZoneAddresses {
        &self.zones[id.0 as usize]
    }

    /// Lists the ports that programs take on each machine: published ones, and those of programs on
    /// the machine's own network.
    pub fn listeners(&self) -> impl Iterator<Item = (MachineId, u16, Transport, EndpointId)> {
        let services = |machine: MachineId| self.machine(machine).services.as_slice();
        let own = self.model.services().flat_map(move |(id, service)| {
            service.endpoints.iter().enumerate().filter_map(move |(index, endpoint)| {
                let place = way::place(
                    self.model,
                    services(service.machine),
                    endpoint.container.as_deref(),
                );
                let id = EndpointId { service: id, index: u32::try_from(index).ok()? };
                (place == way::Place::Machine).then_some((
                    service.machine,
                    endpoint.port,
                    endpoint.protocol.transport(),
                    id,
                ))
            })
        });
        let published = self.model.machines().flat_map(move |(id, _)| {
            self.machine(id)
                .published
                .iter()
                .map(move |port| (id, port.host_port, port.transport, port.endpoint))
        });
        own.chain(published)
    }

    /// Lists what becomes of what a service keeps.
    pub fn kept_of(&self, service: ServiceId) -> &[Kept<'_>] {
        let start = self.kept.partition_point(|kept| kept.service < service);
        let count = self.kept[start..].partition_point(|kept| kept.service == service);
        &self.kept[start..start + count]
    }

    /// Lists the flows that end at a machine.
    pub fn inbound(&self, machine: MachineId) -> impl Iterator<Item = &Flow> {
        self.machine(machine).inbound.iter().map(|index| &self.flows[*index as usize])
    }
}

/// Is what a machine is given.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MachinePlan {
    /// Its services.
    pub services: Vec<ServiceId>,
    /// The compose network; nothing when no container is on one.
    pub bridge: Option<Bridge>,
    /// Published ports.
    pub published: Vec<Published>,
    /// The flows that end here, by index in [`Plan::flows`].
    pub inbound: Vec<u32>,
    /// What clients of a network that is behind this machine may reach through it.
    pub forwards: Vec<Forward>,
    /// Ways to networks that are behind other machines of the lab.
    pub static_routes: Vec<StaticRoute>,
    /// Secrets that must be on the machine.
    pub secrets: Vec<MachineSecret>,
}
