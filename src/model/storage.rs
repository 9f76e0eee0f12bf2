//! Disks, pools, datasets, and the folders that machines share.

use super::{BackupClass, MachineId, SecretId, Size};
use crate::source::{Span, Spanned};

/// A disk of bare metal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disk {
    /// The name in the lab.
    pub name: String,
    /// The stable device path.
    pub device: String,
    /// Its size.
    pub size: Size,
    /// The place of its declaration.
    pub span: Span,
}

/// A GPU of bare metal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gpu {
    /// The name in the lab.
    pub name: String,
    /// The PCI address: `0000:00:02.0`.
    pub pci: Option<String>,
    /// The file with its ROM, on the host.
    pub rom: Option<String>,
    /// The place of its declaration.
    pub span: Span,
}

/// A device of bare metal for guests or services.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostDevice {
    /// The name in the lab.
    pub name: String,
    /// The device node.
    pub path: Option<String>,
    /// The PCI address.
    pub pci: Option<String>,
    /// The place of its declaration.
    pub span: Span,
}

/// A ZFS pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pool {
    /// The name.
    pub name: String,
    /// Its disks, by index in `disks` of its machine.
    pub disks: Vec<u32>,
    /// How the disks are combined.
    pub layout: PoolLayout,
    /// The part of the disk that it uses, if not all.
    pub size: Option<Size>,
    /// The mount point of the pool on its machine: `/tank`.
    pub mountpoint: String,
    /// The datasets.
    pub datasets: Vec<Dataset>,
    /// The place of its declaration.
    pub span: Span,
}

/// How a pool's disks are combined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PoolLayout {
    /// One disk, or several one after another.
    Stripe,
    /// Every disk stores everything.
    Mirror,
    /// One disk may fail.
    Raidz,
    /// Two disks may fail.
    Raidz2,
}

/// A ZFS dataset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dataset {
    /// The name below its pool.
    pub name: String,
    /// The largest size, including snapshots.
    pub quota: Option<Spanned<Size>>,
    /// The size that is reserved for it.
    pub reservation: Option<Size>,
    /// The record size.
    pub recordsize: Option<Size>,
    /// The compression: `lz4`, `zstd`, `on`, `off`.
    pub compression: String,
    /// The backup of its content.
    pub backup: Option<Spanned<BackupClass>>,
    /// The snapshots to keep of each age. If all are zero, none are made.
    pub snapshots: Snapshots,
    /// Its mount point on its own machine.
    pub mountpoint: String,
    /// The owner of the folder on its own machine: `uid:gid`.
    pub owner: Option<String>,
    /// The place of its declaration.
    pub span: Span,
}

/// The number of snapshots to keep of each age.
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

impl Snapshots {
    /// Returns the interval at which the most frequent ones are taken.
    pub const fn interval(self) -> Option<BackupClass> {
        match self {
            Self { hourly: 1.., .. } => Some(BackupClass::Hourly),
            Self { daily: 1.., .. } => Some(BackupClass::Daily),
            Self { weekly: 1.., .. } => Some(BackupClass::Weekly),
            Self { monthly: 1.., .. } => Some(BackupClass::Monthly),
            _ => None,
        }
    }
}

/// A reference to a dataset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct DatasetRef {
    /// The machine whose pool it is in.
    pub machine: MachineId,
    /// The pool's index.
    pub pool: u32,
    /// The dataset's index.
    pub dataset: u32,
}

/// A folder that a machine gets from elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// The shared folder.
    pub source: ShareSource,
    /// The mount point on this machine.
    pub at: String,
    /// The way it gets there.
    pub via: ShareTransport,
    /// Whether it is read-only.
    pub read_only: bool,
    /// Who the machine is to the server, for one by SMB.
    pub login: Option<ShareLogin>,
    /// The place of its declaration.
    pub span: Span,
}

/// A login at a server of SMB.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ShareLogin {
    /// The user there.
    pub user: String,
    /// The password.
    pub password: SecretId,
    /// The owner that all files have on this machine, by number.
    pub owner: Option<String>,
}

/// The shared folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ShareSource {
    /// A ZFS dataset of a host.
    Dataset(DatasetRef),
    /// An export of a machine, by index in its `exports`.
    Export(MachineId, u32),
}

impl ShareSource {
    /// Returns the machine that has the folder.
    pub const fn machine(&self) -> MachineId {
        match self {
            Self::Dataset(dataset) => dataset.machine,
            Self::Export(machine, _) => *machine,
        }
    }
}

/// The way a share reaches its machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ShareTransport {
    /// The hypervisor passes the folder to a VM (Proxmox VE 8.4 and later).
    Virtiofs,
    /// Over the network.
    Nfs,
    /// Over the network by SMB, from a server that labwright does not set up.
    Cifs,
    /// A bind mount by the hypervisor (LXC).
    MountPoint,
    /// The folder is in the machine's own dataset.
    Local,
}

impl ShareTransport {
    /// Returns whether the folder comes over the network.
    pub const fn is_remote(self) -> bool {
        matches!(self, Self::Nfs | Self::Cifs)
    }

    /// Returns the word of the language.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Virtiofs => "virtiofs",
            Self::Nfs => "nfs",
            Self::Cifs => "cifs",
            Self::MountPoint => "mount-point",
            Self::Local => "local",
        }
    }
}

/// A folder that a machine exports by NFS or SMB.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    /// The name in the lab.
    pub name: String,
    /// The folder on the exporting machine.
    pub path: String,
    /// Its name for SMB, if it is not the name in the lab.
    pub smb: Option<String>,
    /// Its size, if known.
    pub size: Option<Size>,
    /// The backup of its content.
    pub backup: Option<Spanned<BackupClass>>,
    /// The place of its declaration.
    pub span: Span,
}
