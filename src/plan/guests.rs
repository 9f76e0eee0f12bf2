//! Plans what a hypervisor gives its guests: the root disk, devices, folders and name servers.

use std::net::IpAddr;

use super::mounts::Mount;
use super::requirements::{NeededDevice, TUN};
use crate::model::{
    Arch, Guest, Machine, MachineId, MachineKind, Model, Os, Passthrough, ShareSource,
    ShareTransport,
};

/// The render node of a host's first GPU.
const RENDER_NODE: &str = "/dev/dri/renderD128";

/// What its host gives a guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuestPlan<'m> {
    /// Where its root disk comes from.
    pub root: RootDisk,
    /// The name servers of its networks, each once.
    pub name_servers: Vec<IpAddr>,
    /// The tags of the folders that it mounts by virtiofs, sorted.
    pub tags: Vec<String>,
    /// The folders of the host that are bound into it.
    pub folders: Vec<BoundFolder<'m>>,
    /// The PCI devices that are passed through, with their addresses.
    pub pci: Vec<(&'m str, &'m Passthrough)>,
    /// The paths of whole disks and other device nodes that it is given.
    pub devices: Vec<&'m str>,
    /// The devices that only a person can give it.
    pub left_out: Vec<&'m str>,
}

/// The source of a guest's root disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RootDisk {
    /// Nothing: the disk begins empty.
    Empty,
    /// An installation disc on the host; the disk begins empty.
    Disc(String),
    /// An image on the host.
    Image(String),
    /// An image on the internet.
    Fetched {
        /// Its address.
        url: String,
        /// The name of the file in which the host keeps it.
        file: String,
    },
    /// A template on the host, of a container.
    Template(String),
    /// The template of its system, of a container.
    System,
}

/// A folder of the host inside a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoundFolder<'m> {
    /// The folder on the host.
    pub folder: &'m str,
    /// The mount point.
    pub at: &'m str,
    /// Whether it is read-only.
    pub read_only: bool,
}

/// Plans what a machine is given by its host, if it is a guest.
pub fn guest<'m>(
    model: &'m Model,
    id: MachineId,
    mounts: &[Mount],
    needed: &[NeededDevice<'m>],
) -> Option<GuestPlan<'m>> {
    let machine = &model[id];
    let guest = machine.guest.as_ref()?;
    let mut tags: Vec<String> = mounts
        .iter()
        .filter(|mount| mount.via == ShareTransport::Virtiofs)
        .map(|mount| mount.what.clone())
        .collect();
    tags.sort_unstable();
    tags.dedup();
    let mut plan = GuestPlan {
        root: root(machine, guest),
        name_servers: name_servers(model, machine),
        tags,
        folders: folders(model, machine),
        pci: Vec::new(),
        devices: Vec::new(),
        left_out: Vec::new(),
    };
    if machine.kind == MachineKind::Lxc {
        for device in &guest.passthrough {
            match device.path.as_deref().or(device.gpu.then_some(RENDER_NODE)) {
                Some(path) => plan.devices.push(path),
                None => plan.left_out.push(&device.name),
            }
        }
        // Its services can't make the device themselves: the host must give it.
        plan.devices.extend(needed.iter().map(|device| device.path).filter(|path| *path == TUN));
    } else {
        for device in &guest.passthrough {
            let disk = device.path.as_deref().filter(|path| path.starts_with("/dev/disk/"));
            match (device.pci.as_deref(), disk) {
                (Some(address), _) => plan.pci.push((address, device)),
                (None, Some(disk)) => plan.devices.push(disk),
                (None, None) => plan.left_out.push(&device.name),
            }
        }
    }
    Some(plan)
}

fn name_servers(model: &Model, machine: &Machine) -> Vec<IpAddr> {
    let mut servers = Vec::new();
    for server in machine.addresses.iter().flat_map(|address| &model[address.network].dns) {
        if !servers.contains(server) {
            servers.push(*server);
        }
    }
    servers
}

fn folders<'m>(model: &'m Model, machine: &'m Machine) -> Vec<BoundFolder<'m>> {
    let bound = machine.shares.iter().filter(|share| share.via == ShareTransport::MountPoint);
    bound
        .filter_map(|share| match &share.source {
            ShareSource::Dataset(dataset) => Some(BoundFolder {
                folder: &model.dataset(dataset).mountpoint,
                at: &share.at,
                read_only: share.read_only,
            }),
            ShareSource::Export(..) => None,
        })
        .collect()
}

fn root(machine: &Machine, guest: &Guest) -> RootDisk {
    if machine.kind == MachineKind::Lxc {
        return guest.image.clone().map_or(RootDisk::System, RootDisk::Template);
    }
    match (&guest.image, machine.os) {
        (Some(image), _) if image.to_ascii_lowercase().ends_with(".iso") => {
            RootDisk::Disc(image.clone())
        }
        (Some(image), _) if image.starts_with("https://") => fetched(image.clone()),
        (Some(image), _) => RootDisk::Image(image.clone()),
        (None, Some(os)) => fetched(cloud_image(os, machine.arch)),
        (None, None) => RootDisk::Empty,
    }
}

fn fetched(url: String) -> RootDisk {
    let name = url.rsplit('/').next().unwrap_or("image");
    let file: String =
        name.chars()
            .map(|letter| {
                if letter.is_ascii_alphanumeric() || ".-_".contains(letter) { letter } else { '_' }
            })
            .collect();
    // Proxmox decides by the name, and Ubuntu's `.img` is a qcow2 image.
    let file = file.strip_suffix(".img").map(|stem| format!("{stem}.qcow2")).unwrap_or(file);
    RootDisk::Fetched { url, file }
}

/// Returns the official image. Debian's `generic` image has drivers for real hardware, which
/// passthrough needs.
fn cloud_image(os: Os, arch: Arch) -> String {
    let arch = arch.name();
    match os {
        Os::Debian12 => format!(
            "https://cloud.debian.org/images/cloud/bookworm/latest/debian-12-generic-{arch}.qcow2"
        ),
        Os::Debian13 => format!(
            "https://cloud.debian.org/images/cloud/trixie/latest/debian-13-generic-{arch}.qcow2"
        ),
        Os::Ubuntu2404 => format!(
            "https://cloud-images.ubuntu.com/releases/noble/release/\
             ubuntu-24.04-server-cloudimg-{arch}.img"
        ),
    }
}
