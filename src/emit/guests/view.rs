//! Takes the data about each guest for `guests.sh` from the plan.

use serde::Serialize;

use super::property::Property;
use crate::model::{Guest, Machine, MachineId, MachineKind, Model, NetworkId, Os, Size};
use crate::plan::{GuestPlan, Plan, RootDisk, first_bridge};

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
    /// Where the settings of UEFI are kept, if it has UEFI.
    efi: Option<String>,
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
    let router = plan.machine(host).router_guest;
    let mut sorted = guests.to_vec();
    // The sort is stable, so the other guests stay in the order of their ids.
    sorted.sort_by_key(|(id, ..)| Some(*id) != router);
    let found = sorted.first().filter(|(id, ..)| Some(*id) == router);
    let router = found.map(|(_, machine, guest)| RouterView {
        id: guest.id,
        name: machine.name.clone(),
        tool: if machine.kind == MachineKind::Lxc { "pct" } else { "qm" },
    });
    let guests = sorted
        .iter()
        .filter_map(|(id, machine, guest)| {
            let given = plan.machine(*id).guest.as_ref()?;
            Some(guest_view(plan, *id, machine, guest, given))
        })
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
    given: &GuestPlan<'_>,
) -> Result<GuestView, String> {
    let model = plan.model;
    let container = machine.kind == MachineKind::Lxc;
    let devices = if container {
        container_devices(plan, id, guest, given)?
    } else {
        vm_devices(plan, id, guest, given)?
    };
    let mut settings = common_settings(model, machine, guest, given);
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
        efi: uefi(guest)?,
        root: guest.disks.first().map_or(8, |disk| disk.size.gibibytes()),
        disks: disks(guest, container),
        ostype: if appliance && machine.os.is_none() { "other" } else { "l26" },
        image: match &given.root {
            RootDisk::Fetched { url, file } => vec![url.clone(), file.clone()],
            RootDisk::Image(image) => vec![image.clone()],
            _ => vec![String::new()],
        },
        template: match &given.root {
            RootDisk::Template(template) => Some(template.clone()),
            _ => None,
        },
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
        notes: given.left_out.iter().map(|device| not_passed(guest, device)).collect(),
    };
    if appliance {
        // An appliance gets its devices once. After that, its owner may change them.
        view.devices = devices;
    } else {
        settings.extend(devices);
    }
    view.settings = settings;
    Ok(view)
}

fn common_settings(
    model: &Model,
    machine: &Machine,
    guest: &Guest,
    given: &GuestPlan<'_>,
) -> Vec<(String, String)> {
    let mut settings = Vec::new();
    let mut set = |key: &str, value: String| settings.push((key.to_owned(), value));
    set(if machine.kind == MachineKind::Lxc { "hostname" } else { "name" }, machine.name.clone());
    if let Some(cores) = machine.cores {
        set("cores", cores.to_string());
    }
    if let Some(memory) = &machine.memory {
        // Proxmox counts memory in MiB, and disks in GiB.
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
            if !given.name_servers.is_empty() {
                let servers: Vec<String> =
                    given.name_servers.iter().map(ToString::to_string).collect();
                set("nameserver", servers.join(" "));
            }
        }
        // Without a `least`, memory is reserved in full: a passed-through device pins all of it,
        // and the capacity of the lab counts it that way.
        MachineKind::Appliance => set("balloon", balloon(guest)),
        _ => {
            set("balloon", balloon(guest));
            set("agent", "enabled=1".to_owned());
            // A PCI Express device needs a machine type with PCI Express.
            if !given.pci.is_empty() {
                set("machine", "q35".to_owned());
            }
        }
    }
    settings
}

/// Returns the least memory that a VM keeps, in MiB; 0 is all of it.
fn balloon(guest: &Guest) -> String {
    guest.least_memory.map_or(0, Size::mebibytes).to_string()
}

/// Returns the disk with the settings of UEFI. It gets no keys in advance, because with them UEFI
/// refuses to start systems that are not signed.
fn uefi(guest: &Guest) -> Result<Option<String>, String> {
    if !guest.uefi {
        return Ok(None);
    }
    // Proxmox ignores this size, because the disk is a copy of a file of its own.
    let disk = Property::of(&format!("{}:1", guest.storage))?;
    Ok(Some(disk.with("efitype", "4m")?.with("pre-enrolled-keys", "0")?.text()))
}

fn vm_devices(
    plan: &Plan<'_>,
    id: MachineId,
    guest: &Guest,
    given: &GuestPlan<'_>,
) -> Result<Vec<(String, String)>, String> {
    let model = plan.model;
    let mut devices = Vec::new();
    for (index, interface) in plan.machine(id).interfaces.iter().enumerate() {
        // Without `firewall=1`, Proxmox applies no rule of the guest's firewall file to the
        // interface.
        let net = Property::of("virtio")?
            .with("bridge", interface.bridge(&model[guest.host]))?
            .with("firewall", "1")?;
        devices.push((
            format!("net{index}"),
            net.with_some("tag", vlan(model, interface.network).as_deref())?.text(),
        ));
    }
    // An appliance without an address asks for one.
    if devices.is_empty() {
        let net = Property::of("virtio")?.with("bridge", first_bridge(&model[guest.host]))?;
        devices.push(("net0".to_owned(), net.with("firewall", "1")?.text()));
    }
    for (index, (address, device)) in given.pci.iter().enumerate() {
        let property = Property::of(address)?.with("pcie", "1")?;
        let property = property.with_some("romfile", device.rom.as_deref())?;
        devices.push((format!("hostpci{index}"), property.text()));
    }
    // The first numbers are those of the guest's own disks.
    for (path, number) in given.devices.iter().zip(10..) {
        devices.push((format!("scsi{number}"), Property::of(path)?.text()));
    }
    if let RootDisk::Disc(disc) = &given.root {
        devices.push(("ide2".to_owned(), Property::of(disc)?.with("media", "cdrom")?.text()));
    }
    for (index, tag) in given.tags.iter().enumerate() {
        devices.push((format!("virtiofs{index}"), Property::default().with("dirid", tag)?.text()));
    }
    Ok(devices)
}

fn container_devices(
    plan: &Plan<'_>,
    id: MachineId,
    guest: &Guest,
    given: &GuestPlan<'_>,
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
        if let Some(lease) = interface.lease {
            net = net.with_some("ip", lease.v4.then_some("dhcp"))?;
            // A client of DHCP for IPv6 would hold up the start where only a router announces
            // prefixes.
            net = net.with_some("ip6", lease.v6.then_some("auto"))?;
        }
        devices.push((
            format!("net{index}"),
            net.with_some("tag", vlan(model, interface.network).as_deref())?.text(),
        ));
    }
    for (index, bound) in given.folders.iter().enumerate() {
        let folder = Property::of(bound.folder)?.with("mp", bound.at)?;
        devices.push((
            format!("mp{index}"),
            folder.with_some("ro", bound.read_only.then_some("1"))?.text(),
        ));
    }
    // The group that owns a device on the host has another number inside the container.
    for (number, path) in given.devices.iter().enumerate() {
        devices.push((format!("dev{number}"), Property::of(path)?.with("mode", "0666")?.text()));
    }
    Ok(devices)
}

fn not_passed(guest: &Guest, device: &str) -> String {
    format!(
        "note: device {device} can't be passed to guest {} by this script; do it by hand",
        guest.id
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

const fn template_name(os: Option<Os>) -> &'static str {
    match os {
        Some(Os::Debian12) => "debian-12-standard",
        Some(Os::Ubuntu2404) => "ubuntu-24.04-standard",
        Some(Os::Debian13) | None => "debian-13-standard",
    }
}
