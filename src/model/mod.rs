//! The resolved lab: ids instead of names, every default filled, nothing dangling.
//!
//! Made by `resolve`; read by `check`, `plan` and the emitters; changed by nobody. Every list is
//! sorted by name, so an id is also a rank.

mod backup;
mod container;
mod service;
mod storage;
mod system;
mod value;

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::IpNet;

use crate::source::{Span, Spanned};

pub use backup::{Backup, BackupClass, Database, Engine, State, StateBackup};
pub use container::{
    Container, Dependency, Device, Environment, Health, HealthProbe, Mount, MountKind, NetworkMode,
    Resources, SecretUse,
};
pub use service::{
    Alert, Credentials, Dashboard, Endpoint, EndpointId, Expose, Gateway, Need, Protocol, Proxy,
    ProxyProgram, Role, Route, Service, Transport,
};
pub use storage::{
    Dataset, DatasetRef, Disk, Export, Gpu, HostDevice, Pool, PoolLayout, Share, ShareSource,
    ShareTransport, Snapshots,
};
pub use system::{
    OnChange, Package, Script, ScriptPhase, ServiceFile, ServiceFileTarget, Sysctl, TemplateId,
    Unit, UnitAction,
};
pub use value::{Cron, Data, Duration, Size};

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
        }
    };
}

id!(/** Identifies a network. */ NetworkId, networks, Network);
id!(/** Identifies a zone. */ ZoneId, zones, Zone);
id!(/** Identifies a machine. */ MachineId, machines, Machine);
id!(/** Identifies a service. */ ServiceId, services, Service);
id!(/** Identifies a secret. */ SecretId, secrets, Secret);

/// Is the whole lab.
#[derive(Debug, Clone)]
pub struct Model {
    /// Its name, version, domain and time zone.
    pub lab: LabInfo,
    /// The people with an account on every machine.
    pub admins: Vec<Admin>,
    /// The networks.
    pub networks: Vec<Network>,
    /// The zones: `internet`, one per network, one per zone that a machine names, one per machine.
    pub zones: Vec<Zone>,
    /// The unmanaged boxes between the lab and the internet.
    pub routers: Vec<Router>,
    /// Hosts and guests.
    pub machines: Vec<Machine>,
    /// The services.
    pub services: Vec<Service>,
    /// The names of values that machines provide.
    pub secrets: Vec<Secret>,
    /// Host names that are given by hand.
    pub names: Vec<HostName>,
    /// Alerts beyond what the modules bring.
    pub alerts: Vec<Alert>,
    /// Dashboards beyond what the modules bring.
    pub dashboards: Vec<Dashboard>,
    /// Findings that the owner accepts.
    pub accepts: Vec<Accept>,
}

impl Model {
    /// Lists machines with their ids.
    pub fn machines(&self) -> impl Iterator<Item = (MachineId, &Machine)> {
        self.machines.iter().enumerate().map(|(index, machine)| (MachineId::at(index), machine))
    }

    /// Lists services with their ids.
    pub fn services(&self) -> impl Iterator<Item = (ServiceId, &Service)> {
        self.services.iter().enumerate().map(|(index, service)| (ServiceId::at(index), service))
    }

    /// Returns an endpoint.
    pub fn endpoint(&self, id: EndpointId) -> &Endpoint {
        &self[id.service].endpoints[id.index as usize]
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

    /// Lists the Proxmox hosts of a host's cluster, itself included.
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

    /// Returns `pool/dataset` as ZFS writes it.
    pub fn dataset_path(&self, dataset: &DatasetRef) -> String {
        let pool = &self[dataset.machine].pools[dataset.pool as usize];
        format!("{}/{}", pool.name, pool.datasets[dataset.dataset as usize].name)
    }
}

/// Is what `lab` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabInfo {
    /// The name; part of file names and of paths on the machines.
    pub name: String,
    /// The version of the release.
    pub version: String,
    /// The language's edition.
    pub edition: u32,
    /// The public domain, when there is one.
    pub domain: Option<String>,
    /// The IANA time zone.
    pub timezone: String,
    /// The address that certificate authorities and alerts write to.
    pub email: Option<String>,
    /// Where it is declared.
    pub span: Span,
}

/// Is a person's account on every machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admin {
    /// The account's name.
    pub name: String,
    /// The public keys, as in `authorized_keys`.
    pub ssh_keys: Vec<String>,
    /// Where it is declared.
    pub span: Span,
}

/// Is a network of the lab.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    /// The name.
    pub name: String,
    /// The prefixes, at most one IPv4 and one IPv6.
    pub prefixes: Vec<IpNet>,
    /// The default gateways, at most one IPv4 and one IPv6.
    pub gateways: Vec<IpAddr>,
    /// The name servers.
    pub dns: Vec<IpAddr>,
    /// The VLAN tag.
    pub vlan: Option<u16>,
    /// The zone of its machines that name none.
    pub zone: ZoneId,
    /// Where it is declared.
    pub span: Span,
}

/// Is a place that traffic comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone {
    /// The name.
    pub name: String,
    /// What it is.
    pub kind: ZoneKind,
}

/// Says what a zone is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ZoneKind {
    /// Everything that is in no network.
    Internet,
    /// A network's prefixes without the machines that name a zone of their own.
    Network(NetworkId),
    /// The machines that name it.
    Named,
    /// One machine.
    Machine(MachineId),
}

/// Is an unmanaged box between the lab and the internet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Router {
    /// The name.
    pub name: String,
    /// The network it stands in.
    pub network: NetworkId,
    /// Its address there.
    pub address: IpAddr,
    /// Where it is declared.
    pub span: Span,
}

/// Says what a machine is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum MachineKind {
    /// A Proxmox VE host.
    Proxmox,
    /// Debian (or a derivative) on bare metal; runs services itself.
    Debian,
    /// A box that labwright knows but does not manage (a NAS with its own system): facts, exports,
    /// metrics, services by compose.
    Unmanaged,
    /// A virtual machine.
    Vm,
    /// A Linux container of Proxmox.
    Lxc,
    /// A virtual machine whose system is not ours (OPNsense): created, never configured.
    Appliance,
}

impl MachineKind {
    /// Returns the word of `release.json`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Proxmox => "proxmox",
            Self::Debian => "debian",
            Self::Unmanaged => "unmanaged",
            Self::Vm => "vm",
            Self::Lxc => "lxc",
            Self::Appliance => "appliance",
        }
    }

    /// Says whether a bundle of it may set up the system itself (packages, firewall, units).
    pub const fn is_managed(self) -> bool {
        matches!(self, Self::Debian | Self::Vm | Self::Lxc)
    }
}

/// Is an operating system that labwright knows how to configure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Os {
    /// Debian 12.
    Debian12,
    /// Debian 13.
    Debian13,
    /// Ubuntu 24.04 LTS.
    Ubuntu2404,
}

impl Os {
    /// Returns the word of the language: `debian-13`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Debian12 => "debian-12",
            Self::Debian13 => "debian-13",
            Self::Ubuntu2404 => "ubuntu-24.04",
        }
    }
}

/// Is a processor architecture, in Debian's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Arch {
    /// x86-64.
    Amd64,
    /// 64-bit ARM.
    Arm64,
}

impl Arch {
    /// Returns the word of the language.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
        }
    }
}

/// Is a host or a guest.
#[derive(Debug, Clone)]
pub struct Machine {
    /// The name, also the host name.
    pub name: String,
    /// What it is.
    pub kind: MachineKind,
    /// The system; nothing for unmanaged machines, appliances and Proxmox hosts.
    pub os: Option<Os>,
    /// The processor's architecture.
    pub arch: Arch,
    /// The hypervisor's version: `8.4`.
    pub version: Option<String>,
    /// The Proxmox cluster that it belongs to.
    pub cluster: Option<String>,
    /// The hardware, for people: `Dell OptiPlex 7040`.
    pub hardware: Option<Hardware>,
    /// Processor cores (threads on bare metal, virtual ones on a guest).
    pub cores: Option<u32>,
    /// Main memory.
    pub memory: Option<Spanned<Size>>,
    /// What a hypervisor or bare machine keeps for itself (system, ZFS ARC).
    pub reserve: Option<Size>,
    /// What makes it a guest.
    pub guest: Option<Guest>,
    /// Its addresses; the first is the one that others use.
    pub addresses: Vec<Address>,
    /// The zone it is in.
    pub zone: ZoneId,
    /// The zone that is this machine alone.
    pub own_zone: ZoneId,
    /// Whether it names its zone itself.
    pub names_zone: bool,
    /// Who may log in.
    pub ssh: Vec<SshAccess>,
    /// The firewall that the bundle writes.
    pub firewall: FirewallBackend,
    /// Disks of bare metal.
    pub disks: Vec<Disk>,
    /// GPUs of bare metal.
    pub gpus: Vec<Gpu>,
    /// Other devices of bare metal.
    pub devices: Vec<HostDevice>,
    /// ZFS pools.
    pub pools: Vec<Pool>,
    /// Folders that the machine gets from another's dataset.
    pub shares: Vec<Share>,
    /// Folders that an unmanaged machine or a host exports by NFS.
    pub exports: Vec<Export>,
    /// The folder below which services keep what they write.
    pub appdata: String,
    /// How often that folder is backed up where it lies on a disk of the machine, in no dataset and
    /// no export.
    pub appdata_backup: Option<Spanned<BackupClass>>,
    /// Where it is declared.
    pub span: Span,
}

impl Machine {
    /// Returns the address that other machines use.
    pub fn address(&self) -> Option<IpAddr> {
        self.addresses.first().map(|address| address.address)
    }

    /// Lists the ports that sshd must be told to listen on; none when 22 is the only one.
    pub fn ssh_ports(&self) -> Vec<u16> {
        let ports: BTreeSet<u16> = self.ssh.iter().map(|access| access.port).collect();
        if ports.iter().all(|port| *port == 22) { Vec::new() } else { ports.into_iter().collect() }
    }

    /// Says whether a GPU is in it or passed through to it.
    pub fn has_gpu(&self) -> bool {
        !self.gpus.is_empty()
            || self
                .guest
                .as_ref()
                .is_some_and(|guest| guest.passthrough.iter().any(|device| device.gpu))
    }
}

/// Is the hardware as a person names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hardware {
    /// The model.
    pub model: String,
    /// The processor.
    pub cpu: Option<String>,
}

/// Is what makes a machine a guest.
#[derive(Debug, Clone)]
pub struct Guest {
    /// The Proxmox host it runs on.
    pub host: MachineId,
    /// The guest's id: `100`.
    pub id: u32,
    /// Its disks; the first is the root disk.
    pub disks: Vec<GuestDisk>,
    /// Devices of the host that it gets.
    pub passthrough: Vec<Passthrough>,
    /// The image or template it starts from; nothing: the one of its system.
    pub image: Option<String>,
    /// The host's storage for disks (`local-lvm`).
    pub storage: String,
    /// The host's storage that may hold snippets (`local`).
    pub snippets: String,
    /// Whether it starts with the host.
    pub on_boot: bool,
    /// The order in which guests start, when it matters.
    pub boot_order: Option<u32>,
    /// LXC: features such as `nesting`, `keyctl`.
    pub features: Vec<String>,
    /// LXC: whether root inside is a plain user outside.
    pub unprivileged: bool,
    /// Where the id is written.
    pub span: Span,
}

/// Is a guest's disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuestDisk {
    /// `root` or another name.
    pub name: String,
    /// Its size.
    pub size: Size,
    /// The host's storage, when it is not the guest's.
    pub storage: Option<String>,
    /// Where it is declared.
    pub span: Span,
}

/// Is a device of the host handed to a guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passthrough {
    /// The device's name on the host.
    pub name: String,
    /// The PCI address, of a PCI device.
    pub pci: Option<String>,
    /// The device node, of anything else.
    pub path: Option<String>,
    /// Whether it is a GPU.
    pub gpu: bool,
    /// Where it is declared.
    pub span: Span,
}

/// Is an address of a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// The network.
    pub network: NetworkId,
    /// The address.
    pub address: IpAddr,
    /// The prefix length of the network.
    pub prefix: u8,
    /// The interface, on bare metal.
    pub nic: Option<String>,
    /// The bridge: on a host the one it makes, on a guest the one it is plugged into.
    pub bridge: Option<String>,
    /// Where it is declared.
    pub span: Span,
}

/// Says who may log in by ssh.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SshAccess {
    /// From where.
    pub from: ZoneId,
    /// The port.
    pub port: u16,
    /// Where it is declared.
    pub span: Span,
}

/// Names the firewall that a bundle writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FirewallBackend {
    /// ufw for the machine's own ports, nftables for published ones.
    Ufw,
    /// nftables for everything.
    Nftables,
    /// Nothing: somebody else's.
    None,
}

/// Is a host name that is given an address by hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostName {
    /// The host name.
    pub host: String,
    /// Where it leads.
    pub address: IpAddr,
    /// Where it is declared.
    pub span: Span,
}

/// Is the name of a value that machines provide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secret {
    /// The name.
    pub name: String,
    /// What it is for.
    pub doc: Option<String>,
    /// Where it is declared.
    pub span: Span,
}

/// Is a finding that the owner has read and accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accept {
    /// The finding's code.
    pub code: String,
    /// The entity it is about.
    pub on: Option<String>,
    /// Why.
    pub reason: String,
    /// Where it is declared.
    pub span: Span,
}
