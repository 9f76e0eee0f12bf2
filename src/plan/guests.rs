//! Plans what a hypervisor gives its guests: the root disk, devices, folders and name servers.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::mounts::Mount;
use super::requirements::{NeededDevice, TUN};
use super::root_disk::{RootDisk, root};
use crate::model::{
    Machine, MachineId, MachineKind, Model, Passthrough, ShareSource, ShareTransport,
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
        // A device may have several names, and be needed by a service too. Proxmox refuses to start
        // a container that is given a path twice.
        let mut given = BTreeSet::new();
        plan.devices.retain(|path| given.insert(*path));
    } else {
        for device in &guest.passthrough {
            // Of the host's device nodes, only a whole disk can become a disk of a VM.
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
    // The order stays, because the first server is asked first.
    for server in machine.networks().flat_map(|network| &model[network].dns) {
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
