//! Derives facts: who may connect where, what is published, scraped, routed, backed up and needed,
//! machine by machine.
//!
//! Everything that emitters write is computed here, once. Every list is sorted.

// An earlier fault may have emptied any list.
#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

mod access;
mod asked;
pub mod backups;
pub mod bring_up;
mod by_hand;
pub mod capacity;
mod cidr;
pub mod clock;
mod connections;
mod coverage;
mod crossings;
pub mod dumps;
mod exports;
mod flows;
mod gateways;
mod guests;
mod interfaces;
pub mod joined;
mod kept;
pub mod kernel;
mod measured;
mod mounts;
mod packages;
mod requirements;
pub mod root_disk;
mod routes;
mod scrapes;
mod secrets;
pub mod store;
mod unmade;
mod zones;

use std::collections::{BTreeMap, BTreeSet};

use crate::around::networks;
use crate::model::{
    EndpointId, MachineId, MachineKind, Model, Ports, Role, ServiceId, Transport, ZoneId,
};

pub use crate::around::certificates::{Certificate, is_private};
pub use crate::around::networks::{
    ContainerNetwork, ContainerNetworks, INTERFACES, Meeting, Member,
};
pub use crate::around::prefixes::{LONGEST_4, LONGEST_6, overlapping};
pub use crate::around::way;
pub use access::{
    ALL_CONTAINERS, CONTAINERS_OF, Clients, Guard, Opening, RouterForward, ZoneLists,
};
pub use backups::{BackupPlan, BackupSource, DumpPlan};
pub use by_hand::{ByHand, Task};
pub use cidr::{AccessList, CidrSet};
pub use connections::{Connection, NEIGHBOURS};
pub use coverage::{Coverage, Dumped, StateCoverage};
pub use crossings::{Crossing, exposed};
pub use dumps::DumpJob;
pub use exports::{Client, ExportPlan};
pub use flows::{Arrival, Flow, FlowReason, FlowSource, Meet, NFS, Published};
pub use gateways::{Forward, ForwardTarget, StaticRoute};
pub use guests::{BoundFolder, GuestPlan};
pub use interfaces::{Interface, OwnAddress, first_bridge};
pub use kept::{Kept, KeptIn};
pub use kernel::KernelSettings;
pub use measured::Measured;
pub use mounts::{Login, Mapping, Mount, SharedFolder, mount_name};
pub use packages::{Archive, Packages};
pub use requirements::{
    DeviceSource, GuestRequirements, NeededDevice, NeededStorage, Requirements, TUN, drivers,
};
pub use root_disk::RootDisk;
pub use routes::{RouteAuth, RoutePlan, may_hold_secret};
pub use scrapes::{PROBES, Scrape};
pub use secrets::{MachineSecret, secret_path};
pub use zones::ZoneAddresses;

/// The lab with everything derived from it.
#[derive(Debug)]
pub struct Plan<'m> {
    /// The lab.
    pub model: &'m Model,
    /// The addresses of each zone, by [`ZoneId`].
    pub zones: Vec<ZoneAddresses>,
    /// The zones for packet filters, made when first needed.
    pub lists: ZoneLists,
    /// The connections that are allowed: the access model.
    pub flows: Vec<Flow>,
    /// The connections that something wants, but that lead to the loopback interface of another
    /// machine.
    pub shut: Vec<Flow>,
    /// The targets of every Prometheus.
    pub scrapes: Vec<Scrape>,
    /// The metrics that each Prometheus has.
    pub measured: BTreeMap<ServiceId, Measured>,
    /// The host names, and where they lead.
    pub routes: Vec<RoutePlan>,
    /// The containers that ask a proxy on their own machine, by the networks on which they do.
    pub askers: BTreeMap<ServiceId, CidrSet>,
    /// What each backup service saves.
    pub backups: Vec<BackupPlan>,
    /// What machines dump whose data another machine saves, by machine.
    pub dump_jobs: Vec<DumpJob>,
    /// What machines get of the data of other zones, by machine.
    pub crossings: Vec<Crossing>,
    /// Whether the states of services are saved, sorted by service.
    pub states: Vec<StateCoverage<'m>>,
    /// The plan of each machine, by [`MachineId`].
    pub machines: Vec<MachinePlan<'m>>,
}

/// Derives the plan of a lab.
pub fn plan(model: &Model) -> Plan<'_> {
    let mut services: Vec<Vec<ServiceId>> = vec![Vec::new(); model.machines.len()];
    for (id, service) in model.services() {
        service.machine.of_mut(&mut services).push(id);
    }
    let zones = zones::addresses(model);
    let connections = flows::connections(model, &services);
    let all = services.as_slice();
    let mut machines: Vec<MachinePlan<'_>> = model
        .machines()
        .zip(&services)
        .zip(connections.published)
        .zip(connections.meets)
        .zip(networks::of_routes(model, &services))
        .zip(exports::exports(model))
        .map(|((((((id, machine), services), published), meets), routes), exports)| {
            let mounts = mounts::mounts(model, id);
            // The networks that routes need stay apart: `around` placed them before the other
            // meetings were known.
            let meetings = meets.iter().map(|meet| meet.meeting.clone());
            let others = meetings.filter(|meeting| !routes.contains(meeting)).collect();
            let requirements = requirements::requirements(model, id, all);
            MachinePlan {
                guest: guests::guest(model, id, &mounts, &requirements.devices),
                router_guest: (machine.kind == MachineKind::Proxmox)
                    .then(|| interfaces::router_guest(model, id))
                    .flatten(),
                shares: mounts::shares(model, machine),
                interfaces: interfaces::interfaces(model, id),
                own_addresses: interfaces::own_addresses(model, id),
                mount_points: mounts::points(machine),
                mappings: mounts::mappings(model, id),
                packages: packages::packages(model, id, services, &mounts, &exports),
                by_hand: by_hand::by_hand(model, id, services, &mounts),
                kernel: kernel::settings(model, services),
                kept: kept::kept(model, id, services),
                requirements,
                networks: networks::networks(model, id, services, &routes, &others),
                meets: meets.into_iter().collect(),
                secrets: secrets::secrets(model, id, services),
                services: services.clone(),
                mounts,
                exports,
                published,
                ..MachinePlan::default()
            }
        })
        .collect();
    asked::name_proxies(model, &mut machines);
    for (index, flow) in connections.flows.iter().enumerate() {
        if let Ok(index) = u32::try_from(index) {
            flow.to.of_mut(&mut machines).inbound.push(index);
        }
    }
    let listeners = model.services().flat_map(|(_, service)| {
        service.endpoints.iter().map(|endpoint| (service.machine, endpoint.host_ports()))
    });
    for (machine, _) in listeners.filter(|(_, ports)| ports.contains(flows::DNS)) {
        machine.of_mut(&mut machines).answers_dns = true;
    }
    gateways::gateways(model, &connections.flows, &mut machines);
    let mut backups = backups::backups(model, &services);
    let mut dump_jobs = dumps::jobs(model, &services, &backups);
    // Only now is it known which databases are dumped, and so which files a backup leaves out.
    dumps::settle(model, &mut backups, &mut dump_jobs);
    let mut plan = Plan {
        scrapes: scrapes::scrapes(model, &services),
        routes: routes::routes(model, &services),
        crossings: crossings::crossings(model, &connections.flows),
        states: coverage::coverage(model, &backups, &dump_jobs),
        backups,
        dump_jobs,
        model,
        zones,
        lists: ZoneLists::default(),
        flows: connections.flows,
        shut: connections.shut,
        machines,
        measured: BTreeMap::new(),
        askers: BTreeMap::new(),
    };
    plan.askers = asked::askers(&plan);
    plan.divide();
    plan.derive_access();
    plan.derive_connections();
    // This reads the scrapes, backups and routes from the plan.
    let prometheus = model.services().filter(|(_, service)| service.has(Role::Prometheus));
    plan.measured = prometheus.map(|(id, _)| (id, Measured::of(&plan, id))).collect();
    plan
}

impl Plan<'_> {
    /// Tells each machine which of the lab's routes and backups concern it.
    fn divide(&mut self) {
        let model = self.model;
        let home = |service: ServiceId| model[service].machine;
        for (route, index) in self.routes.iter().zip(0..) {
            for machine in BTreeSet::from([home(route.via), home(route.service)]) {
                machine.of_mut(&mut self.machines).routes.push(index);
            }
        }
        for (backup, index) in self.backups.iter().zip(0..) {
            let dumping = backup.dumps.iter().map(|dump| dump.machine);
            for machine in dumping.chain([home(backup.service)]).collect::<BTreeSet<_>>() {
                machine.of_mut(&mut self.machines).backups.push(index);
            }
        }
    }

    /// Returns the plan of a machine.
    pub fn machine(&self, id: MachineId) -> &MachinePlan<'_> {
        id.of(&self.machines)
    }

    /// Returns a zone's addresses.
    pub fn zone(&self, id: ZoneId) -> &ZoneAddresses {
        id.of(&self.zones)
    }

    /// Lists the ports that programs use on each machine: published ones, and those of programs on
    /// the machine's own network.
    pub fn listeners(&self) -> impl Iterator<Item = (MachineId, Ports, Transport, EndpointId)> {
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
                    endpoint.ports(),
                    endpoint.protocol.transport(),
                    id,
                ))
            })
        });
        let published = self.model.machines().flat_map(move |(id, _)| {
            self.machine(id)
                .published
                .iter()
                .map(move |port| (id, port.host_ports, port.transport, port.endpoint))
        });
        own.chain(published)
    }

    /// Returns whether the states of a service are saved.
    pub fn states_of(&self, service: ServiceId) -> &[StateCoverage<'_>] {
        let start = self.states.partition_point(|state| state.service < service);
        let end = self.states.partition_point(|state| state.service <= service);
        self.states.get(start..end).unwrap_or_default()
    }

    /// Lists the routes that a proxy of a machine serves or that lead to a service of it.
    pub fn routes_at(&self, machine: MachineId) -> impl Iterator<Item = &RoutePlan> {
        self.machine(machine).routes.iter().filter_map(|index| self.routes.get(*index as usize))
    }

    /// Lists the backups that a service of a machine makes or that use dumps from the machine.
    pub fn backups_at(&self, machine: MachineId) -> impl Iterator<Item = &BackupPlan> {
        self.machine(machine).backups.iter().filter_map(|index| self.backups.get(*index as usize))
    }

    /// Returns what a machine dumps whose data another machine saves.
    pub fn dump_jobs_at(&self, machine: MachineId) -> &[DumpJob] {
        let start = self.dump_jobs.partition_point(|job| job.machine < machine);
        let end = self.dump_jobs.partition_point(|job| job.machine <= machine);
        self.dump_jobs.get(start..end).unwrap_or_default()
    }

    /// Lists the flows that end at a machine.
    pub fn inbound(&self, machine: MachineId) -> impl Iterator<Item = &Flow> {
        self.machine(machine).inbound.iter().filter_map(|index| self.flows.get(*index as usize))
    }
}

/// The plan of a machine.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MachinePlan<'m> {
    /// Its services.
    pub services: Vec<ServiceId>,
    /// The networks of its containers.
    pub networks: ContainerNetworks,
    /// The containers of different services that meet on them, and why.
    pub meets: Vec<Meet>,
    /// Published ports.
    pub published: Vec<Published>,
    /// The flows that end at the machine, by index in [`Plan::flows`].
    pub inbound: Vec<u32>,
    /// The places that clients of networks behind this machine may reach through it.
    pub forwards: Vec<Forward>,
    /// The routes to networks behind other machines of the lab.
    pub static_routes: Vec<StaticRoute>,
    /// The secrets that must be on the machine.
    pub secrets: Vec<MachineSecret>,
    /// What is open, each port and source once.
    pub openings: Vec<Opening>,
    /// The networks whose clients go through it.
    pub clients: Vec<Clients>,
    /// The connections to other machines that it can try, and what the lab promises of each.
    pub connections: Vec<Connection>,
    /// Its network interfaces.
    pub interfaces: Vec<Interface<'m>>,
    /// The addresses that its services have for themselves.
    pub own_addresses: Vec<OwnAddress>,
    /// The folders that it mounts itself, by mount point.
    pub mounts: Vec<Mount>,
    /// The folders that it has from elsewhere, as it declares them.
    pub shares: Vec<SharedFolder<'m>>,
    /// The mount points of its shares and of its datasets, sorted.
    pub mount_points: Vec<String>,
    /// The folders that its VMs mount by virtiofs, by tag.
    pub mappings: Vec<Mapping>,
    /// The folders that others mount from it by NFS, by path.
    pub exports: Vec<ExportPlan>,
    /// What its host gives it, if it is a guest.
    pub guest: Option<GuestPlan<'m>>,
    /// The guest through which a hypervisor reaches other networks, if it is one of its own.
    pub router_guest: Option<MachineId>,
    /// The routes that a proxy of it serves or that lead to a service of it, by index in
    /// [`Plan::routes`].
    pub routes: Vec<u32>,
    /// The backups that a service of it makes or that use its dumps, by index in [`Plan::backups`].
    pub backups: Vec<u32>,
    /// What a person must do there.
    pub by_hand: Vec<ByHand>,
    /// The kernel's settings.
    pub kernel: KernelSettings<'m>,
    /// What its services keep, for those with containers.
    pub kept: Vec<Kept<'m>>,
    /// Whether a service of it answers DNS, at the port that systemd-resolved listens on.
    pub answers_dns: bool,
    /// What it must have before anything is changed.
    pub requirements: Requirements<'m>,
    /// What apt must have installed.
    pub packages: Packages<'m>,
}
