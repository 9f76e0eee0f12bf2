//! Disks, pools, datasets, and the folders that machines get from one another.

use super::{BackupClass, MachineId, Size};
use crate::source::{Span, Spanned};

/// Is a disk of bare metal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disk {
    /// The name in the lab.
    pub name: String,
    /// The stable device path.
    pub device: String,
    /// Its size.
    pub size: Size,
    /// Where it is declared.
    pub span: Span,
}

/// Is a GPU of bare metal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gpu {
    /// The name in the lab.
    pub name: String,
    /// The PCI address: `0000:00:02.0`.
    pub pci: Option<String>,
    /// Where it is declared.
    pub span: Span,
}

/// Is a device of bare metal that guests or services may get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostDevice {
    /// The name in the lab.
    pub name: String,
    /// The device node.
    pub path: Option<String>,
    /// The PCI address.
    pub pci: Option<String>,
    /// Where it is declared.
    pub span: Span,
}

/// Is a ZFS pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pool {
    /// The name.
    pub name: String,
    /// The disks it is made of, by index in `disks` of its machine.
    pub disks: Vec<u32>,
    /// How the disks are joined.
    pub layout: PoolLayout,
    /// The part of the disk that it takes, when not the whole.
    pub size: Option<Size>,
    /// Where the pool is mounted on its machine: `/tank`.
    pub mountpoint: String,
    /// The datasets.
    pub datasets: Vec<Dataset>,
    /// Where it is declared.
    pub span: Span,
}

/// Says how a pool's disks are joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PoolLayout {
    /// One disk, or several end to end.
    Stripe,
    /// Every disk holds everything.
    Mirror,
    /// One disk may fail.
    Raidz,
    /// Two disks may fail.
    Raidz2,
}

/// Is a ZFS dataset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dataset {
    /// The name below its pool.
    pub name: String,
    /// The most that it may hold, snapshots included.
    pub quota: Option<Spanned<Size>>,
    /// What is set aside for it.
    pub reservation: Option<Size>,
    /// The record size.
    pub recordsize: Option<Size>,
    /// The compression: `lz4`, `zstd`, `on`, `off`.
    pub compression: String,
    /// How often its content is backed up.
    pub backup: Option<Spanned<BackupClass>>,
    /// How many snapshots of each age are kept; empty: none are made.
    pub snapshots: Snapshots,
    /// Where it is mounted on its own machine.
    pub mountpoint: String,
    /// The owner of the folder on its own machine: `uid:gid`.
    pub owner: Option<String>,
    /// Where it is declared.
    pub span: Span,
}

/// Says how many snapshots of each age are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Snapshots {
    /// Hourly ones.
    pub hourly: u32,
    /// Daily ones.
    pub daily: u32,
    /// Weekly ones.
    pub weekly: u32,
    /// Monthly ones.
    pub monthly: u32,
}

/// Points at a dataset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct DatasetRef {
    /// The machine whose pool it is in.
    pub machine: MachineId,
    /// The pool's index.
    pub pool: u32,
    /// The dataset's index.
    pub dataset: u32,
}

/// Is a folder that a machine gets from elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// What is shared.
    pub source: ShareSource,
    /// The mount point on this machine.
    pub at: String,
    /// How it gets there.
    pub via: ShareTransport,
    /// Whether it can't be written.
    pub read_only: bool,
    /// Where it is declared.
    pub span: Span,
}

/// Says what is shared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ShareSource {
    /// A ZFS dataset of a host.
    Dataset(DatasetRef),
    /// An export of a machine, by index in its `exports`.
    Export(MachineId, u32),
}

/// Says how a share reaches its machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ShareTransport {
    /// The hypervisor passes the folder (VMs; Proxmox VE 8.4 and later).
    Virtiofs,
    /// Over the network.
    Nfs,
    /// A bind mount by the hypervisor (LXC).
    MountPoint,
    /// The machine has it already: its own dataset.
    Local,
}

impl ShareTransport {
    /// Returns the word of the language.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Virtiofs => "virtiofs",
            Self::Nfs => "nfs",
            Self::MountPoint => "mount-point",
            Self::Local => "local",
        }
    }
}

/// Is a folder that a machine exports by NFS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    /// The name in the lab.
    pub name: String,
    /// The folder on the exporting machine.
    pub path: String,
    /// Its size, when known.
    pub size: Option<Size>,
    /// How often its content is backed up.
    pub backup: Option<Spanned<BackupClass>>,
    /// Where it is declared.
    pub span: Span,
}
