//! The resolved lab: ids instead of names, all defaults filled in, no reference to anything
//! missing.
//!
//! It is made by `resolve` and read by `check`, `plan` and the emitters, and it never changes.
//! Every list is sorted by name, so an id is also a rank. This is the only room that looks into
//! lists by index: an id is made for an element that exists, and no list gets shorter.

mod backup;
mod build;
mod container;
mod cron;
mod endpoint;
mod handling;
pub mod image;
mod lab;
mod machine;
mod network;
mod offers;
mod ports;
mod process;
mod running;
mod secret_text;
mod service;
mod storage;
mod system;
mod value;

use std::net::IpAddr;

pub use backup::{Backup, BackupClass, Database, Engine, State, StateBackup};
pub use build::Build;
pub use container::{
    Accelerator, Container, ContainerList, Dependency, Device, Environment, FirstStart, Health,
    HealthProbe, Mount, MountKind, NetworkMode, OnNetwork, Resources, SecretUse,
};
pub use cron::Cron;
pub use endpoint::{Credentials, Endpoint, EndpointId, Protocol, Transport};
pub use handling::{Handling, HeaderChange, RateLimit, RawHandling, Redirect, STATED_ADDRESSES};
pub use lab::{Accept, Admin, LabInfo, Secret};
pub use machine::{
    Address, Arch, FirewallBackend, Guest, GuestDisk, Hardware, Lease, Machine, MachineKind, Os,
    Passthrough, SshAccess,
};
pub use network::{HostName, Network, Router, Zone, ZoneKind};
pub use offers::{Containers, Offers};
pub use ports::Ports;
pub use process::{Gpus, Process, Ulimit};
pub use running::{Logging, Runs, Until};
pub use secret_text::{SecretText, TextPart, divided};
pub use service::{
    Alert, Around, Dashboard, Door, Expose, ForwardAuth, Gateway, Link, Need, Proxy, ProxyProgram,
    Role, Route, Service, ServiceNetwork,
};
pub use storage::{
    Dataset, DatasetRef, Disk, Export, Gpu, HostDevice, Pool, PoolLayout, Share, ShareLogin,
    ShareSource, ShareTransport, Snapshots,
};
pub use system::{
    ByHandStep, OnChange, Package, Script, ScriptPhase, ServiceFile, ServiceFileTarget, Sysctl,
    TemplateId, Unit, UnitAction,
};
pub use value::{Data, Duration, SECRET_IS_NO_TEXT, SECRET_MARK, Size, marked_secret};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $list:ident, $of:ty) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u32);

        impl std::ops::Index<$name> for Model {
            type Output = $of;

            fn index(&self, id: $name) -> &$of {
                &self.$list[id.0 as usize]
            }
        }

        impl $name {
            /// Makes the id of the entity at `index` of its list.
            pub fn at(index: usize) -> Self {
                Self(u32::try_from(index).unwrap_or(u32::MAX))
            }

            /// Returns the entity's element of a list that has one for each entity.
            pub fn of<T>(self, list: &[T]) -> &T {
                &list[self.0 as usize]
            }

            /// Returns the entity's element of a list that has one for each entity, to change it.
            pub fn of_mut<T>(self, list: &mut [T]) -> &mut T {
                &mut list[self.0 as usize]
            }
        }
    };
}

id!(/** Identifies a network. */ NetworkId, networks, Network);
id!(/** Identifies a zone. */ ZoneId, zones, Zone);
id!(/** Identifies a machine. */ MachineId, machines, Machine);
id!(/** Identifies a service. */ ServiceId, services, Service);
id!(/** Identifies a secret. */ SecretId, secrets, Secret);

/// The whole lab.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// Its name, version, domain and time zone.
    pub lab: LabInfo,
    /// The people with an account on every machine.
    pub admins: Vec<Admin>,
    /// The networks.
    pub networks: Vec<Network>,
    /// The zones: `internet`, one for each network, one for each zone that a machine names, one for
    /// each machine.
    pub zones: Vec<Zone>,
    /// The unmanaged routers between the lab and the internet.
    pub routers: Vec<Router>,
    /// Hosts and guests.
    pub machines: Vec<Machine>,
    /// The services.
    pub services: Vec<Service>,
    /// The names of values that machines provide.
    pub secrets: Vec<Secret>,
    /// Host names that are given by hand.
    pub names: Vec<HostName>,
    /// Alerts in addition to those of the modules.
    pub alerts: Vec<Alert>,
    /// Dashboards in addition to those of the modules.
    pub dashboards: Vec<Dashboard>,
    /// Findings that the owner accepts.
    pub accepts: Vec<Accept>,
}

impl Model {
    /// Lists machines with their ids.
    pub fn machines(&self) -> impl Iterator<Item = (MachineId, &Machine)> {
        self.machines.iter().enumerate().map(|(index, machine)| (MachineId::at(index), machine))
    }

    /// Lists guests in the order of their declarations.
    pub fn all_guests(&self) -> Vec<(&Machine, &Guest)> {
        let mut guests: Vec<_> = self
            .machines
            .iter()
            .filter_map(|machine| Some((machine, machine.guest.as_ref()?)))
            .collect();
        guests.sort_by_key(|(_, guest)| guest.span);
        guests
    }

    /// Lists services with their ids.
    pub fn services(&self) -> impl Iterator<Item = (ServiceId, &Service)> {
        self.services.iter().enumerate().map(|(index, service)| (ServiceId::at(index), service))
    }

    /// Lists all containers with their services.
    pub fn containers(&self) -> impl Iterator<Item = (&Service, &Container)> {
        self.services.iter().flat_map(|service| {
            service.containers.iter().map(move |container| (service, container))
        })
    }

    /// Returns an endpoint.
    pub fn endpoint(&self, id: EndpointId) -> &Endpoint {
        &self[id.service].endpoints[id.index as usize]
    }

    /// Returns the addresses of its machine at which an endpoint answers, where it does so at some
    /// alone: those at which it is published, or those of the family that its program knows.
    pub fn answers_at(&self, id: EndpointId) -> Vec<IpAddr> {
        let endpoint = self.endpoint(id);
        let machine = &self[self[id.service].machine].addresses;
        let known = |address: &IpAddr| endpoint.ipv6 || address.is_ipv4();
        if !endpoint.addresses.is_empty()
            || endpoint.container.is_none()
            || machine.iter().all(|own| known(&own.address))
        {
            return endpoint.addresses.clone();
        }
        machine.iter().map(|own| own.address).filter(known).collect()
    }

    /// Returns a folder that a machine exports, by index in [`Machine::exports`].
    pub fn export(&self, machine: MachineId, index: u32) -> &Export {
        &self[machine].exports[index as usize]
    }

    /// Returns a database, by index in [`Service::databases`].
    pub fn database(&self, service: ServiceId, index: u32) -> &Database {
        &self[service].databases[index as usize]
    }

    /// Returns a router, by index in [`Model::routers`].
    pub fn router(&self, index: u32) -> &Router {
        &self.routers[index as usize]
    }

    /// Finds a dataset of a machine's pools, to change it.
    pub fn dataset_mut(&mut self, dataset: &DatasetRef) -> &mut Dataset {
        let machine = &mut self.machines[dataset.machine.0 as usize];
        &mut machine.pools[dataset.pool as usize].datasets[dataset.dataset as usize]
    }

    /// Lists the guests of a host, by guest id.
    pub fn guests(&self, host: MachineId) -> Vec<(MachineId, &Machine, &Guest)> {
        let mut guests: Vec<_> = self
            .machines()
            .filter_map(|(id, machine)| {
                machine
                    .guest
                    .as_ref()
                    .filter(|guest| guest.host == host)
                    .map(|guest| (id, machine, guest))
            })
            .collect();
        guests.sort_by_key(|(_, _, guest)| guest.id);
        guests
    }

    /// Lists the Proxmox hosts of a host's cluster, including itself.
    pub fn cluster(&self, host: MachineId) -> Vec<MachineId> {
        match &self[host].cluster {
            None => vec![host],
            cluster => self
                .machines()
                .filter(|(_, machine)| machine.cluster == *cluster)
                .map(|(id, _)| id)
                .collect(),
        }
    }

    /// Finds a dataset of a machine's pools.
    pub fn dataset(&self, dataset: &DatasetRef) -> &Dataset {
        &self[dataset.machine].pools[dataset.pool as usize].datasets[dataset.dataset as usize]
    }

    /// Returns a shared folder on the machine that has it.
    pub fn folder(&self, source: &ShareSource) -> &str {
        match source {
            ShareSource::Dataset(dataset) => &self.dataset(dataset).mountpoint,
            ShareSource::Export(machine, index) => &self.export(*machine, *index).path,
        }
    }

    /// Returns `pool/dataset` as ZFS writes it.
    pub fn dataset_path(&self, dataset: &DatasetRef) -> String {
        let pool = &self[dataset.machine].pools[dataset.pool as usize];
        format!("{}/{}", pool.name, pool.datasets[dataset.dataset as usize].name)
    }
}
