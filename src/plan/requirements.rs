//! Derives what a machine must have that its bundle can't give it: devices, cgroups, and on a
//! hypervisor what its guests are given.

use std::collections::BTreeMap;

use super::interfaces::interfaces;
use super::root_disk::{RootDisk, root};
use super::unmade::{Unmade, unmade};
use crate::model::{
    Containers, Guest, Machine, MachineId, MachineKind, Model, Os, Pool, Service, ServiceId, Size,
};

/// The device of VPN programs, which an LXC is given when a service needs it.
pub const TUN: &str = "/dev/net/tun";

/// The beginning of the devices of GPUs.
const GPU: &str = "/dev/dri/";

/// What a machine must have before anything is changed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Requirements<'m> {
    /// The devices that services use, by path.
    pub devices: Vec<NeededDevice<'m>>,
    /// The modules that its kernel loads, for itself and for its containers.
    pub kernel_modules: Vec<&'m str>,
    /// Whether containers have limits of memory, which need a cgroup.
    pub memory_limits: bool,
    /// The services that use GPUs of NVIDIA, by name.
    pub nvidia: Vec<&'m str>,
    /// The disks of its pools: the device and the pool.
    pub disks: Vec<(&'m str, &'m str)>,
    /// What containers mount and the bundle does not make.
    pub unmade: Vec<Unmade<'m>>,
    /// What its guests need of it.
    pub guests: GuestRequirements<'m>,
}

/// A device that services of a machine use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NeededDevice<'m> {
    /// The path.
    pub path: &'m str,
    /// The services, by name.
    pub services: Vec<&'m str>,
    /// What makes it appear where it is missing.
    pub source: DeviceSource<'m>,
}

/// What makes a device appear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceSource<'m> {
    /// The bundle of the machine's host, which is named here.
    Host(&'m str),
    /// A driver of the kernel, in these packages.
    Driver(&'static [&'static str]),
    /// The hardware.
    Hardware,
}

/// What the guests of a hypervisor need of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GuestRequirements<'m> {
    /// The PCI devices that are passed through: the address, the device, and the guest.
    pub pci: Vec<(&'m str, &'m str, &'m str)>,
    /// The files with ROMs: the file and the guest.
    pub roms: Vec<(&'m str, &'m str)>,
    /// The images and templates that must be there: the volume, the guest's id and the guest.
    pub volumes: Vec<(&'m str, u32, &'m str)>,
    /// The unprivileged LXCs that run containers.
    pub docker: Vec<&'m str>,
    /// The storages that guests use, and for what.
    pub storages: BTreeMap<&'m str, NeededStorage>,
    /// The bridges that guests are connected to, and a guest for each.
    pub bridges: BTreeMap<&'m str, &'m str>,
    /// The guests: the id, the name, and whether it is an LXC.
    pub ids: Vec<(u32, &'m str, bool)>,
    /// What is fetched from the internet to make a guest, with the guest's id: the address of an
    /// image and the file that it becomes, or nothing for a template of Proxmox.
    pub fetched: Vec<(u32, Option<(String, String)>)>,
}

/// What guests use a storage of their host for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NeededStorage {
    /// For disks of VMs.
    pub images: bool,
    /// For disks of LXCs.
    pub root_folders: bool,
    /// For the cloud-init files of VMs.
    pub snippets: bool,
    /// For templates of LXCs.
    pub templates: bool,
    /// The sum of the disks in it.
    pub size: Size,
}

/// The services of each machine, by [`MachineId`].
type Services = [Vec<ServiceId>];

/// Lists what a machine must have.
pub fn requirements<'m>(model: &'m Model, id: MachineId, services: &Services) -> Requirements<'m> {
    let machine = &model[id];
    let here: Vec<&Service> = of(model, id, services).collect();
    Requirements {
        devices: devices(model, machine, &here),
        kernel_modules: kernel_modules(model, id, services),
        memory_limits: here.iter().any(|service| limits_memory(service)),
        nvidia: here
            .iter()
            .filter(|service| service.containers.iter().any(|one| one.process.gpu.is_some()))
            .map(|service| service.name.as_str())
            .collect(),
        disks: machine.pools.iter().flat_map(|pool| disks(machine, pool)).collect(),
        unmade: unmade(model, machine, &here),
        guests: if machine.kind == MachineKind::Proxmox {
            guests(model, id, services)
        } else {
            GuestRequirements::default()
        },
    }
}

fn of<'m>(
    model: &'m Model,
    id: MachineId,
    services: &Services,
) -> impl Iterator<Item = &'m Service> {
    id.of(services).iter().map(move |service| &model[*service])
}

fn disks<'m>(machine: &'m Machine, pool: &'m Pool) -> impl Iterator<Item = (&'m str, &'m str)> {
    let disks = pool.disks.iter().filter_map(|index| machine.disks.get(*index as usize));
    disks.map(|disk| (disk.device.as_str(), pool.name.as_str()))
}

fn limits_memory(service: &Service) -> bool {
    let limited = |container: &crate::model::Container| container.resources.memory.is_some();
    service.containers.iter().any(limited)
}

fn devices<'m>(
    model: &'m Model,
    machine: &'m Machine,
    services: &[&'m Service],
) -> Vec<NeededDevice<'m>> {
    let mut devices: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for service in services {
        let inside = service.containers.iter().flat_map(|container| &container.devices);
        for device in inside.chain(&service.devices) {
            let users = devices.entry(&device.path).or_default();
            if !users.contains(&service.name.as_str()) {
                users.push(&service.name);
            }
        }
    }
    let host = machine.guest.as_ref().map(|guest| model[guest.host].name.as_str());
    let source = |path: &str| match (machine.kind, host, drivers(machine)) {
        // An LXC runs on its host's kernel, so drivers in its own packages would do nothing.
        (MachineKind::Lxc, Some(host), _) => DeviceSource::Host(host),
        (_, _, Some(packages)) if path.starts_with(GPU) => DeviceSource::Driver(packages),
        (MachineKind::Vm, Some(host), _) => DeviceSource::Host(host),
        _ => DeviceSource::Hardware,
    };
    let device = |(path, services)| NeededDevice { path, services, source: source(path) };
    devices.into_iter().map(device).collect()
}

/// Returns the packages with the drivers and the firmware of a machine's GPU, if it has one. The
/// kernel of Ubuntu's cloud image has no drivers for GPUs.
pub fn drivers(machine: &Machine) -> Option<&'static [&'static str]> {
    if !machine.has_gpu() || !matches!(machine.kind, MachineKind::Vm | MachineKind::Debian) {
        return None;
    }
    match machine.os? {
        Os::Debian12 => Some(&["firmware-amd-graphics", "firmware-misc-nonfree"]),
        Os::Debian13 => Some(&["firmware-amd-graphics", "firmware-intel-graphics"]),
        Os::Ubuntu2404 => Some(&["linux-generic"]),
    }
}

/// Lists the modules that a machine's kernel loads. A container has its host's kernel.
fn kernel_modules<'m>(model: &'m Model, id: MachineId, services: &Services) -> Vec<&'m str> {
    if !model[id].kind.offers().kernel {
        return Vec::new();
    }
    let hypervisor = model[id].kind == MachineKind::Proxmox;
    let guests = if hypervisor { model.guests(id) } else { Vec::new() };
    let containers = guests.into_iter().filter(|(_, guest, _)| !guest.kind.offers().kernel);
    let mut modules: Vec<&str> = std::iter::once(id)
        .chain(containers.map(|(id, ..)| id))
        .flat_map(|id| of(model, id, services))
        .flat_map(|service| service.kernel_modules.iter().map(String::as_str))
        .collect();
    modules.sort_unstable();
    modules.dedup();
    modules
}

fn guests<'m>(model: &'m Model, host: MachineId, services: &Services) -> GuestRequirements<'m> {
    let mut needs = GuestRequirements::default();
    for (id, machine, guest) in model.guests(host) {
        let name = machine.name.as_str();
        if machine.kind != MachineKind::Lxc {
            for device in &guest.passthrough {
                let pci = device.pci.as_deref();
                needs.pci.extend(pci.map(|address| (address, device.name.as_str(), name)));
                needs.roms.extend(device.rom.as_deref().map(|rom| (rom, name)));
            }
        }
        // The host fetches an image with a URL itself.
        let volume = guest.image.as_deref().filter(|image| !image.starts_with("https://"));
        needs.volumes.extend(volume.map(|volume| (volume, guest.id, name)));
        for interface in &interfaces(model, id) {
            needs.bridges.entry(interface.bridge(&model[host])).or_insert(name);
        }
        match root(machine, guest) {
            RootDisk::Fetched { url, file } => needs.fetched.push((guest.id, Some((url, file)))),
            RootDisk::System => needs.fetched.push((guest.id, None)),
            _ => {}
        }
        needs.ids.push((guest.id, name, machine.kind == MachineKind::Lxc));
        storages(machine, guest, &mut needs.storages);
        let confined = matches!(machine.kind.offers().containers, Containers::WithFeatures(_));
        let contained = |service: &Service| !service.containers.is_empty();
        if confined && guest.unprivileged && of(model, id, services).any(contained) {
            needs.docker.push(name);
        }
    }
    needs
}

fn storages<'m>(
    machine: &Machine,
    guest: &'m Guest,
    storages: &mut BTreeMap<&'m str, NeededStorage>,
) {
    let container = machine.kind == MachineKind::Lxc;
    for disk in &guest.disks {
        let storage = disk.storage.as_deref().unwrap_or(&guest.storage);
        let needed = storages.entry(storage).or_default();
        needed.images |= !container;
        needed.root_folders |= container;
        needed.size = [needed.size, disk.size].into_iter().sum();
    }
    let files = storages.entry(&guest.snippets).or_default();
    files.snippets |= machine.kind == MachineKind::Vm;
    files.templates |= container && guest.image.is_none();
}
