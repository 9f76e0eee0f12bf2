//! Machines: hosts and guests, their addresses and who may log in.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::IpNet;

use super::{
    BackupClass, Disk, Duration, Export, Gpu, HostDevice, MachineId, NetworkId, Pool, Share,
    ShareTransport, Size, ZoneId,
};
use crate::source::{Span, Spanned};

/// The kind of a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum MachineKind {
    /// A Proxmox VE host.
    Proxmox,
    /// Debian (or a derivative) on bare metal, which runs services itself.
    Debian,
    /// A machine that labwright knows but does not manage, such as a NAS with its own system:
    /// facts, exports, metrics, services by compose.
    Unmanaged,
    /// A virtual machine.
    Vm,
    /// A Linux container of Proxmox.
    Lxc,
    /// A virtual machine whose system labwright does not manage, such as `OPNsense`. It is created
    /// but never configured.
    Appliance,
}

impl MachineKind {
    /// All kinds.
    pub const ALL: [Self; 6] =
        [Self::Proxmox, Self::Debian, Self::Unmanaged, Self::Vm, Self::Lxc, Self::Appliance];

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

    /// Returns whether its system is labwright's from the first boot: accounts, network, firewall.
    pub const fn is_managed(self) -> bool {
        matches!(self, Self::Debian | Self::Vm | Self::Lxc)
    }
}

/// An operating system that labwright can configure.
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

/// A processor architecture, as Debian calls it.
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

/// A host or a guest.
#[derive(Debug, Clone, PartialEq)]
pub struct Machine {
    /// The name, which is also the host name.
    pub name: String,
    /// Its kind.
    pub kind: MachineKind,
    /// The system, or nothing for unmanaged machines, appliances and Proxmox hosts.
    pub os: Option<Os>,
    /// The processor's architecture.
    pub arch: Arch,
    /// The hypervisor's version: `8.4`.
    pub version: Option<String>,
    /// The Proxmox cluster of the host.
    pub cluster: Option<String>,
    /// The hardware, for people: `Dell OptiPlex 7040`.
    pub hardware: Option<Hardware>,
    /// The number of processor cores (threads on bare metal, virtual ones on a guest).
    pub cores: Option<u32>,
    /// The main memory.
    pub memory: Option<Spanned<Size>>,
    /// The memory that a hypervisor or bare machine keeps for itself (system, ZFS ARC).
    pub reserve: Option<Size>,
    /// The part of it that ZFS may use as its cache.
    pub arc: Option<Size>,
    /// The properties of a guest.
    pub guest: Option<Guest>,
    /// Its addresses. Others use the first one.
    pub addresses: Vec<Address>,
    /// The network in which it asks for its address, if it does. It has no other address then.
    pub lease: Option<Lease>,
    /// Whether its declaration names an address, be it a wrong one that is left out.
    pub names_address: bool,
    /// Its zone.
    pub zone: ZoneId,
    /// The zone that is this machine alone.
    pub own_zone: ZoneId,
    /// Whether it names its zone itself.
    pub names_zone: bool,
    /// The zones that may log in.
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
    /// Folders that the machine mounts from elsewhere.
    pub shares: Vec<Share>,
    /// Folders that an unmanaged machine or a host exports by NFS.
    pub exports: Vec<Export>,
    /// The prefixes from which the networks of its containers are taken, if the lab gives some.
    pub container_prefixes: Vec<Spanned<IpNet>>,
    /// The folder below which services keep their state.
    pub appdata: String,
    /// The backup of that folder if it is on a disk of the machine, in no dataset and no export.
    pub appdata_backup: Option<Spanned<BackupClass>>,
    /// The place of its declaration.
    pub span: Span,
}

impl Machine {
    /// Returns the address that other machines use.
    pub fn address(&self) -> Option<IpAddr> {
        self.addresses.first().map(|address| address.address)
    }

    /// Lists the ports that sshd must be configured to listen on. There are none if 22 is the only
    /// one.
    pub fn ssh_ports(&self) -> Vec<u16> {
        let ports: BTreeSet<u16> = self.ssh.iter().map(|access| access.port).collect();
        if ports.iter().all(|port| *port == 22) { Vec::new() } else { ports.into_iter().collect() }
    }

    /// Lists its datasets with snapshots as `pool/dataset`, each with the shortest interval between
    /// them.
    pub fn snapshots(&self) -> impl Iterator<Item = (String, BackupClass)> + '_ {
        self.pools.iter().flat_map(|pool| {
            pool.datasets.iter().filter_map(move |dataset| {
                let interval = dataset.snapshots.interval()?;
                Some((format!("{}/{}", pool.name, dataset.name), interval))
            })
        })
    }

    /// Returns whether the machine has an IPv6 address, be it one that nobody knows.
    pub fn has_ipv6(&self) -> bool {
        self.addresses.iter().any(|own| own.address.is_ipv6())
            || self.lease.as_ref().is_some_and(|lease| lease.v6)
    }

    /// Returns whether it has an address that the lab can't know, or none although it needs none.
    pub fn address_is_unknown(&self) -> bool {
        self.lease.is_some() || !(self.names_address || self.kind.is_managed())
    }

    /// Returns what a person types to reach it: its address, or a word in place of one that it
    /// asks for.
    pub fn typed_address(&self) -> Option<String> {
        let asked = || self.lease.as_ref().map(|_| "ADDRESS".to_owned());
        self.address().map(|address| address.to_string()).or_else(asked)
    }

    /// Lists the networks that it is in, by its addresses.
    pub fn networks(&self) -> impl Iterator<Item = NetworkId> {
        let asked = self.lease.iter().map(|lease| lease.network);
        self.addresses.iter().map(|own| own.network).chain(asked)
    }

    /// Returns whether it is a guest with one network card, and no device of its host that may be
    /// another.
    pub fn has_one_card(&self) -> bool {
        let networks: BTreeSet<NetworkId> = self.networks().collect();
        networks.len() < 2 && self.guest.as_ref().is_some_and(|guest| guest.passthrough.is_empty())
    }

    /// Lists the folders that other machines change too, of which its kernel learns nothing.
    pub fn network_shares(&self) -> impl Iterator<Item = &str> {
        let remote =
            |share: &&Share| share.via.is_remote() || share.via == ShareTransport::Virtiofs;
        self.shares.iter().filter(remote).map(|share| share.at.as_str())
    }

    /// Returns whether the machine has a GPU of its own or by passthrough.
    pub fn has_gpu(&self) -> bool {
        !self.gpus.is_empty()
            || self
                .guest
                .as_ref()
                .is_some_and(|guest| guest.passthrough.iter().any(|device| device.gpu))
    }
}

/// The hardware, in a person's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hardware {
    /// The model.
    pub model: String,
    /// The processor.
    pub cpu: Option<String>,
}

/// The properties of a guest.
#[derive(Debug, Clone, PartialEq)]
pub struct Guest {
    /// The Proxmox host that it runs on.
    pub host: MachineId,
    /// The guest's id: `100`.
    pub id: u32,
    /// Its disks. The first one is the root disk.
    pub disks: Vec<GuestDisk>,
    /// Devices of the host that are passed through to it.
    pub passthrough: Vec<Passthrough>,
    /// The image or template that it starts from, or nothing for that of its system.
    pub image: Option<String>,
    /// The host's storage for disks (`local-lvm`).
    pub storage: String,
    /// The host's storage for snippets (`local`).
    pub snippets: String,
    /// Whether a VM has UEFI in place of a BIOS.
    pub uefi: bool,
    /// The memory that a VM keeps when its host is short of it, if it may shrink.
    pub least_memory: Option<Size>,
    /// Whether it starts with the host.
    pub on_boot: bool,
    /// The order in which guests start, if it matters.
    pub boot_order: Option<u32>,
    /// The time until the next guest starts.
    pub boot_wait: Option<Duration>,
    /// LXC: features such as `nesting`, `keyctl`.
    pub features: Vec<String>,
    /// LXC: whether root inside is an ordinary user outside.
    pub unprivileged: bool,
    /// The place of the id.
    pub span: Span,
}

/// A guest's disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuestDisk {
    /// `root` or another name.
    pub name: String,
    /// Its size.
    pub size: Size,
    /// The host's storage, if it is not the guest's.
    pub storage: Option<String>,
    /// The place of its declaration.
    pub span: Span,
}

/// A device of the host that is passed through to a guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passthrough {
    /// The device's name on the host.
    pub name: String,
    /// The PCI address, of a PCI device.
    pub pci: Option<String>,
    /// The device node of any other device.
    pub path: Option<String>,
    /// The file with its ROM, on the host.
    pub rom: Option<String>,
    /// Whether it is a GPU.
    pub gpu: bool,
    /// The place of its declaration.
    pub span: Span,
}

/// An address of a machine.
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
    /// The bridge: on a host the one that it makes, on a guest the one that it is connected to.
    pub bridge: Option<String>,
    /// Whether a service has it for itself. The bundle adds it to the machine, since services come
    /// and go long after the first boot.
    pub of_service: bool,
    /// The place of its declaration.
    pub span: Span,
}

/// An address that a machine asks for by DHCP, so that the lab does not know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The network.
    pub network: NetworkId,
    /// Whether the network has IPv4.
    pub v4: bool,
    /// Whether the network has IPv6.
    pub v6: bool,
    /// The interface, on bare metal.
    pub nic: Option<String>,
    /// The bridge, as of an [`Address`].
    pub bridge: Option<String>,
    /// The place of its declaration.
    pub span: Span,
}

/// A zone that may log in by ssh.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SshAccess {
    /// The zone.
    pub from: ZoneId,
    /// The port.
    pub port: u16,
    /// The place of its declaration.
    pub span: Span,
}

/// The firewall that a bundle writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FirewallBackend {
    /// ufw for the machine's own ports, nftables for published ones.
    Ufw,
    /// nftables for everything.
    Nftables,
    /// None, because someone else manages the firewall.
    None,
}
