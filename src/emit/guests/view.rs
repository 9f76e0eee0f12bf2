//! Takes the data about each guest for `guests.sh` from the model.

use serde::Serialize;

use super::property::Property;
use crate::model::{
    Arch, Guest, Machine, MachineId, MachineKind, Model, NetworkId, Os, Passthrough, ShareSource,
    ShareTransport,
};
use crate::plan::{Plan, TUN, router_guest};

/// The data for `guests.sh`.
#[derive(Debug, Serialize)]
pub struct View {
    guests: Vec<GuestView>,
    /// Whether the script needs the functions for VMs.
    vms: bool,
    containers: bool,
    fetches: bool,
    /// The guest through which this host reaches the internet.
    router: Option<RouterView>,
}

#[derive(Debug, Serialize)]
struct RouterView {
    id: u32,
    name: String,
    tool: &'static str,
}

#[derive(Debug, Serialize)]
struct GuestView {
    id: u32,
    name: String,
    /// `qm` or `pct`.
    tool: &'static str,
    /// `vm`, `lxc` or `appliance`.
    kind: &'static str,
    /// The keys and values that are always enforced.
    settings: Vec<(String, String)>,
    /// The keys and values that an appliance gets once, when it is created.
    devices: Vec<(String, String)>,
    /// The devices that are declared, separated by spaces.
    kept: String,
    storage: String,
    snippets: String,
    /// The root disk's size in GiB.
    root: u64,
    disks: Vec<DiskView>,
    ostype: &'static str,
    /// The source of the root disk: a URL and the file name to store it under; an image on the
    /// host; or nothing, for an empty disk.
    image: Vec<String>,
    /// The template, which is on the host already.
    template: Option<String>,
    template_name: String,
    arch: &'static str,
    rootfs: String,
    unprivileged: u8,
    /// The value that `pct config` shows, which is empty for a privileged container.
    unprivileged_shown: &'static str,
    privilege_note: String,
    notes: Vec<String>,
}

#[derive(Debug, Serialize)]
struct DiskView {
    slot: String,
    storage: String,
    gibibytes: u64,
    folder: String,
}

/// Collects the guests of a host, by id, but first the one through which the host reaches others.
pub fn guests(
    plan: &Plan<'_>,
    host: MachineId,
    guests: &[(MachineId, &Machine, &Guest)],
) -> Result<View, String> {
    let router = router_guest(plan.model, host);
    let mut sorted = guests.to_vec();
    sorted.sort_by_key(|(id, ..)| Some(*id) != router);
    let found = sorted.first().filter(|(id, ..)| Some(*id) == router);
    let router = found.map(|(_, machine, guest)| RouterView {
        id: guest.id,
        name: machine.name.clone(),
        tool: if machine.kind == MachineKind::Lxc { "pct" } else { "qm" },
    });
    let guests = sorted
        .iter()
        .map(|(id, machine, guest)| guest_view(plan, *id, machine, guest))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(View {
        vms: guests.iter().any(|guest| guest.tool == "qm"),
        containers: guests.iter().any(|guest| guest.tool == "pct"),
        fetches: guests.iter().any(|guest| guest.tool == "qm" && guest.image.len() == 2),
        router,
        guests,
    })
}

fn guest_view(
    plan: &Plan<'_>,
    id: MachineId,
    machine: &Machine,
    guest: &Guest,
) -> Result<GuestView, String> {
    let model = plan.model;
    let container = machine.kind == MachineKind::Lxc;
    let mut notes = Vec::new();
    let devices = if container {
        container_devices(plan, id, guest, &mut notes)?
    } else {
        vm_devices(plan, id, guest, &mut notes)?
    };
    let mut settings = common_settings(model, machine, guest);
    let kept = devices.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>().join(" ");
    let appliance = machine.kind == MachineKind::Appliance;
    let mut view = GuestView {
        id: guest.id,
        name: machine.name.clone(),
        tool: if container { "pct" } else { "qm" },
        kind: machine.kind.name(),
        settings: Vec::new(),
        devices: Vec::new(),
        kept,
        storage: guest.storage.clone(),
        snippets: guest.snippets.clone(),
        root: guest.disks.first().map_or(8, |disk| disk.size.gibibytes()),
        disks: disks(guest, container),
        ostype: if appliance && machine.os.is_none() { "other" } else { "l26" },
        image: vm_image(machine, guest),
        template: guest.image.clone().filter(|_| container),
        template_name: template_name(machine.os).to_owned(),
        arch: machine.arch.name(),
        rootfs: format!(
            "{}:{}",
            guest.storage,
            guest.disks.first().map_or(8, |disk| disk.size.gibibytes())
        ),
        unprivileged: u8::from(guest.unprivileged),
        unprivileged_shown: if guest.unprivileged { "1" } else { "" },
        privilege_note: format!(
            "note: guest {} is {}privileged, which can't be changed; restore it from a backup to \
             change it",
            guest.id,
            if guest.unprivileged { "" } else { "un" }
        ),
        notes,
    };
    if appliance {
        view.devices = devices;
    } else {
        settings.extend(devices);
    }
    view.settings = settings;
    Ok(view)
}

fn common_settings(model: &Model, machine: &Machine, guest: &Guest) -> Vec<(String, String)> {
    let mut settings = Vec::new();
    let mut set = |key: &str, value: String| settings.push((key.to_owned(), value));
    set(if machine.kind == MachineKind::Lxc { "hostname" } else { "name" }, machine.name.clone());
    if let Some(cores) = machine.cores {
        set("cores", cores.to_string());
    }
    if let Some(memory) = &machine.memory {
        set("memory", memory.value.mebibytes().to_string());
    }
    set("onboot", u8::from(guest.on_boot).to_string());
    if let Some(order) = guest.boot_order {
        let wait = guest.boot_wait.map(|wait| format!(",up={}", wait.0));
        set("startup", format!("order={order}{}", wait.unwrap_or_default()));
    }
    match machine.kind {
        MachineKind::Lxc => {
            if !guest.features.is_empty() {
                let features: Vec<String> =
                    guest.features.iter().map(|feature| format!("{feature}=1")).collect();
                set("features", features.join(","));
            }
            if let Some(domain) = &model.lab.domain {
                set("searchdomain", domain.clone());
            }
            let servers = name_servers(model, machine);
            if !servers.is_empty() {
                set("nameserver", servers);
            }
        }
        // Memory is reserved in full: a passed-through device pins all of it, and the capacity of
        // the lab counts it that way.
        MachineKind::Appliance => set("balloon", "0".to_owned()),
        _ => {
            set("balloon", "0".to_owned());
            set("agent", "enabled=1".to_owned());
            // A PCI Express device needs a machine type with PCI Express.
            if guest.passthrough.iter().any(|device| device.pci.is_some()) {
                set("machine", "q35".to_owned());
            }
        }
    }
    settings
}

fn name_servers(model: &Model, machine: &Machine) -> String {
    let mut servers: Vec<String> = Vec::new();
    for address in &machine.addresses {
        for server in model[address.network].dns.iter().map(ToString::to_string) {
            if !servers.contains(&server) {
                servers.push(server);
            }
        }
    }
    servers.join(" ")
}

fn vm_devices(
    plan: &Plan<'_>,
    id: MachineId,
    guest: &Guest,
    notes: &mut Vec<String>,
) -> Result<Vec<(String, String)>, String> {
    let model = plan.model;
    let mut devices = Vec::new();
    for (index, interface) in plan.machine(id).interfaces.iter().enumerate() {
        let net = Property::of("virtio")?
            .with("bridge", interface.bridge(&model[guest.host]))?
            .with("firewall", "1")?;
        devices.push((
            format!("net{index}"),
            net.with_some("tag", vlan(model, interface.network).as_deref())?.text(),
        ));
    }
    let pci = guest.passthrough.iter().filter_map(|device| Some((device, device.pci.as_deref()?)));
    for (index, (device, address)) in pci.enumerate() {
        let property = Property::of(address)?.with("pcie", "1")?;
        let property = property.with_some("romfile", device.rom.as_deref())?;
        devices.push((format!("hostpci{index}"), property.text()));
    }
    let mut block = 10;
    for device in guest.passthrough.iter().filter(|device| device.pci.is_none()) {
        match device.path.as_deref() {
            Some(path) if path.starts_with("/dev/disk/") => {
                devices.push((format!("scsi{block}"), Property::of(path)?.text()));
                block += 1;
            }
            _ => notes.push(not_passed(guest, device)),
        }
    }
    if let Some(disc) = guest.image.as_deref().filter(|image| is_disc(image)) {
        devices.push(("ide2".to_owned(), Property::of(disc)?.with("media", "cdrom")?.text()));
    }
    let mounts = plan.machine(id).mounts.iter();
    let shared = mounts.filter(|mount| mount.via == ShareTransport::Virtiofs);
    let mut tags: Vec<&str> = shared.map(|mount| mount.what.as_str()).collect();
    tags.sort_unstable();
    tags.dedup();
    for (index, tag) in tags.iter().enumerate() {
        devices.push((format!("virtiofs{index}"), Property::default().with("dirid", tag)?.text()));
    }
    Ok(devices)
}

fn container_devices(
    plan: &Plan<'_>,
    id: MachineId,
    guest: &Guest,
    notes: &mut Vec<String>,
) -> Result<Vec<(String, String)>, String> {
    let model = plan.model;
    let mut devices = Vec::new();
    for (index, interface) in plan.machine(id).interfaces.iter().enumerate() {
        let mut net = Property::default()
            .with("name", &format!("eth{index}"))?
            .with("bridge", interface.bridge(&model[guest.host]))?;
        net = net.with("firewall", "1")?;
        for address in &interface.addresses {
            let (ip, gw) = if address.address.is_ipv4() { ("ip", "gw") } else { ("ip6", "gw6") };
            let gateway = interface
                .gateways
                .iter()
                .find(|gateway| gateway.is_ipv4() == address.address.is_ipv4());
            net = net.with(ip, &format!("{}/{}", address.address, address.prefix))?;
            net = net.with_some(gw, gateway.map(ToString::to_string).as_deref())?;
        }
        devices.push((
            format!("net{index}"),
            net.with_some("tag", vlan(model, interface.network).as_deref())?.text(),
        ));
    }
    let folders = model[id].shares.iter().filter(|share| share.via == ShareTransport::MountPoint);
    for (index, share) in folders.enumerate() {
        if let ShareSource::Dataset(dataset) = &share.source {
            let folder = Property::of(&model.dataset(dataset).mountpoint)?.with("mp", &share.at)?;
            devices.push((
                format!("mp{index}"),
                folder.with_some("ro", share.read_only.then_some("1"))?.text(),
            ));
        }
    }
    let mut given = Vec::new();
    for device in &guest.passthrough {
        let path = device.path.as_deref().or(device.gpu.then_some("/dev/dri/renderD128"));
        let Some(path) = path else {
            notes.push(not_passed(guest, device));
            continue;
        };
        given.push(path);
    }
    let needed = plan.machine(id).requirements.devices.iter().map(|device| device.path);
    given.extend(needed.filter(|path| *path == TUN));
    // The group that owns a device on the host has another number inside the container.
    for (number, path) in given.into_iter().enumerate() {
        devices.push((format!("dev{number}"), Property::of(path)?.with("mode", "0666")?.text()));
    }
    Ok(devices)
}

fn not_passed(guest: &Guest, device: &Passthrough) -> String {
    format!(
        "note: device {} can't be passed to guest {} by this script; do it by hand",
        device.name, guest.id
    )
}

fn vlan(model: &Model, network: NetworkId) -> Option<String> {
    model[network].vlan.map(|tag| tag.to_string())
}

/// Lists the disks after the root disk. The numbers of containers' disks don't overlap with those
/// of shared folders.
fn disks(guest: &Guest, container: bool) -> Vec<DiskView> {
    let disks = guest.disks.iter().skip(1).enumerate();
    disks
        .map(|(index, disk)| DiskView {
            slot: if container {
                format!("mp{}", 100 + index)
            } else {
                format!("scsi{}", 1 + index)
            },
            storage: disk.storage.clone().unwrap_or_else(|| guest.storage.clone()),
            gibibytes: disk.size.gibibytes(),
            folder: format!("/mnt/{}", disk.name),
        })
        .collect()
}

/// Returns where a VM's root disk comes from.
fn vm_image(machine: &Machine, guest: &Guest) -> Vec<String> {
    match (&guest.image, machine.os) {
        (Some(image), _) if is_disc(image) => vec![String::new()],
        (Some(image), _) if image.starts_with("https://") => fetched(image.clone()),
        (Some(image), _) => vec![image.clone()],
        (None, Some(os)) => fetched(cloud_image(os, machine.arch)),
        (None, None) => vec![String::new()],
    }
}

/// Returns whether an image is an installation disc rather than a disk.
fn is_disc(image: &str) -> bool {
    image.to_ascii_lowercase().ends_with(".iso")
}

fn fetched(url: String) -> Vec<String> {
    let name = url.rsplit('/').next().unwrap_or("image");
    let file: String =
        name.chars()
            .map(|letter| {
                if letter.is_ascii_alphanumeric() || ".-_".contains(letter) { letter } else { '_' }
            })
            .collect();
    // Proxmox decides by the name, and Ubuntu's `.img` is a qcow2 image.
    let file = file.strip_suffix(".img").map(|stem| format!("{stem}.qcow2")).unwrap_or(file);
    vec![url, file]
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

const fn template_name(os: Option<Os>) -> &'static str {
    match os {
        Some(Os::Debian12) => "debian-12-standard",
        Some(Os::Ubuntu2404) => "ubuntu-24.04-standard",
        Some(Os::Debian13) | None => "debian-13-standard",
    }
}
