//! Hosts and guests: addresses, zones, disks, pools, shares.

use std::net::IpAddr;

use ipnet::IpNet;

use super::lab::{zone, zone_named};
use super::{codes, names};
use crate::decl::layer::Lab;
use crate::decl::{Block, Value};
use crate::diag::{Diagnostic, Diagnostics, suggest};
use crate::model::{
    Address, Arch, BackupClass, Dataset, DatasetRef, Disk, Export, FirewallBackend, Gpu, Guest,
    GuestDisk, Hardware, HostDevice, Machine, MachineId, MachineKind, Model, NetworkId, Os,
    Passthrough, Pool, PoolLayout, Share, ShareSource, ShareTransport, Snapshots, SshAccess,
    ZoneKind,
};
use crate::source::Spanned;

/// Resolves every machine into `model`.
pub fn resolve(lab: &Lab<'_>, model: &mut Model, diagnostics: &mut Diagnostics) {
    let machines: Vec<Machine> =
        lab.machines.iter().map(|block| machine(block, model, diagnostics)).collect();
    model.machines = machines;
    for (index, block) in lab.machines.iter().enumerate() {
        let guest = guest(block, index, model, diagnostics);
        let shares = shares(block, index, guest.as_ref(), model, diagnostics);
        let arch = guest.as_ref().map(|guest| model[guest.host].arch);
        let appdata = appdata(block, &shares, index, model);
        let machine = &mut model.machines[index];
        machine.arch = arch.unwrap_or(machine.arch);
        machine.guest = guest;
        machine.shares = shares;
        machine.appdata = appdata;
    }
    give_to_containers(model);
}

fn text(value: Option<&Spanned<Value<'_>>>) -> Option<String> {
    value.and_then(Spanned::string)
}

fn machine(block: &Block<'_>, model: &Model, diagnostics: &mut Diagnostics) -> Machine {
    let appliance = block.property("kind").and_then(Spanned::text) == Some("appliance");
    let kind = match (block.schema.name, block.property("kind").and_then(Spanned::text)) {
        ("vm", _) if appliance => MachineKind::Appliance,
        ("vm", _) => MachineKind::Vm,
        ("lxc", _) => MachineKind::Lxc,
        (_, Some("debian")) => MachineKind::Debian,
        (_, Some("unmanaged")) => MachineKind::Unmanaged,
        // Where the kind is missing or wrong, the one of which least is asked, so that nothing more
        // is said of it.
        _ => MachineKind::Proxmox,
    };
    let addresses = addresses(block, model, diagnostics);
    let own_zone = zone_named(block.key(), &model.zones);
    let named = block.value("zone").and_then(|name| {
        let id = zone_named(name.text().unwrap_or_default(), &model.zones);
        matches!(model[id].kind, ZoneKind::Named | ZoneKind::Network(_)).then_some(id)
    });
    let zone_id = named
        .or_else(|| addresses.first().map(|address| model[address.network].zone))
        .unwrap_or(own_zone);
    let hardware = block.child("hardware");
    let memory =
        block.value("memory").or_else(|| hardware.and_then(|hardware| hardware.property("memory")));
    let cores =
        block.value("cores").or_else(|| hardware.and_then(|hardware| hardware.property("cores")));
    let disks = disks(block);
    let os = block.value("os").and_then(Spanned::text).map(|os| match os {
        "debian-12" => Os::Debian12,
        "ubuntu-24.04" => Os::Ubuntu2404,
        _ => Os::Debian13,
    });
    let guest = block.schema.name != "host";
    let parts = [
        ("os", kind.is_managed(), "its operating system", "`os debian-13`"),
        ("memory", guest, "how much memory it has", "`memory \"4GiB\"`"),
        ("disk", guest, "the disk that it starts from", "`disk root size=\"20GiB\"`"),
        (
            "address",
            kind.is_managed(),
            "where it is on the network",
            "`address lan \"192.168.1.10\"`, with a network of the lab",
        ),
    ];
    let missing: Vec<_> = parts
        .into_iter()
        .filter(|(part, wanted, ..)| *wanted && block.child(part).is_none())
        .collect();
    if !missing.is_empty() && !block.key().is_empty() {
        let list =
            |column: fn(&(&str, bool, &'static str, &'static str)) -> &'static str| -> Vec<&str> {
                missing.iter().map(column).collect()
            };
        diagnostics.push(
            Diagnostic::new(
                &crate::decl::codes::MISSING_VALUE,
                block.key_span(),
                format!("`{}` does not say {}", block.key(), list(|part| part.2).join(", ")),
            )
            .help(format!("add {}", list(|part| part.3).join(", "))),
        );
    }
    Machine {
        name: block.key().to_owned(),
        kind,
        os,
        arch: if block.property("arch").and_then(Spanned::text) == Some("arm64") {
            Arch::Arm64
        } else {
            Arch::Amd64
        },
        version: text(block.property("version")),
        cluster: text(block.property("cluster")).filter(|_| kind == MachineKind::Proxmox),
        hardware: hardware.map(|hardware| Hardware {
            model: hardware.key().to_owned(),
            cpu: text(hardware.property("cpu")),
        }),
        cores: cores.and_then(Spanned::number),
        memory: memory.and_then(|value| Some(Spanned::new(value.size()?, value.span))),
        reserve: block
            .child("reserve")
            .and_then(|reserve| reserve.property("memory"))
            .and_then(Spanned::size),
        guest: None,
        zone: zone_id,
        own_zone,
        names_zone: named.is_some(),
        ssh: ssh(block, model, diagnostics),
        firewall: match (block.value("firewall").and_then(Spanned::text), kind.is_managed()) {
            (_, false) | (Some("none"), _) => FirewallBackend::None,
            (Some("ufw"), _) => FirewallBackend::Ufw,
            _ => FirewallBackend::Nftables,
        },
        pools: pools(block, &disks, diagnostics),
        gpus: block
            .all("gpu")
            .map(|gpu| Gpu {
                name: gpu.key().to_owned(),
                pci: text(gpu.property("pci")),
                span: gpu.key_span(),
            })
            .collect(),
        devices: block.all("device").map(device).collect(),
        exports: block.all("export").filter_map(export).collect(),
        addresses,
        disks,
        shares: Vec::new(),
        appdata: String::new(),
        appdata_backup: block.child("appdata").and_then(backup),
        span: block.key_span(),
    }
}

fn addresses(block: &Block<'_>, model: &Model, diagnostics: &mut Diagnostics) -> Vec<Address> {
    let mut addresses = Vec::new();
    for node in block.all("address") {
        let (Some(network_name), Some(value)) = (node.argument(0), node.argument(1)) else {
            continue;
        };
        let Some(network) = names::find(
            "network",
            network_name,
            &model.networks,
            |network| &network.name,
            diagnostics,
        ) else {
            continue;
        };
        let Some(address) = value.address() else { continue };
        if model.networks[network].prefixes.is_empty() {
            continue;
        }
        let Some(prefix) =
            model.networks[network].prefixes.iter().find(|prefix| prefix.contains(&address))
        else {
            let prefixes: Vec<String> =
                model.networks[network].prefixes.iter().map(ToString::to_string).collect();
            diagnostics.push(
                Diagnostic::new(
                    &codes::ADDRESS_OUTSIDE_NETWORK,
                    value.span,
                    format!("{address} is not in network `{}`", model.networks[network].name),
                )
                .label(
                    model.networks[network].span,
                    format!("the network is {}", prefixes.join(" and ")),
                )
                .help("choose an address inside the prefix, or name the network that it is in"),
            );
            continue;
        };
        // In a prefix of two addresses or one, all of them are somebody's.
        if let (IpAddr::V4(address), IpNet::V4(prefix)) = (address, prefix)
            && prefix.prefix_len() < 31
            && (address == prefix.network() || address == prefix.broadcast())
        {
            let what = if address == prefix.network() {
                "is the network itself"
            } else {
                "reaches everybody in the network"
            };
            diagnostics.push(
                Diagnostic::new(
                    &codes::ADDRESS_OUTSIDE_NETWORK,
                    value.span,
                    format!("{address} {what}, and no machine's address"),
                )
                .label(model.networks[network].span, format!("the network is {prefix}"))
                .help("choose an address between the first and the last of the prefix"),
            );
            continue;
        }
        addresses.push(Address {
            network: NetworkId::at(network),
            address,
            prefix: prefix.prefix_len(),
            nic: text(node.property("nic")),
            bridge: text(node.property("bridge")),
            span: value.span,
        });
    }
    addresses
}

fn ssh(block: &Block<'_>, model: &Model, diagnostics: &mut Diagnostics) -> Vec<SshAccess> {
    let mut list = Vec::new();
    for node in block.all("ssh") {
        let port = node.property("port").and_then(Spanned::number).unwrap_or(22);
        for name in node.property("from").map(Spanned::items).unwrap_or_default() {
            if let Some(from) = zone(name, &model.zones, diagnostics) {
                list.push(SshAccess { from, port, span: node.span });
            }
        }
    }
    list.sort_by_key(|access| (access.from, access.port, access.span));
    list.dedup_by_key(|access| (access.from, access.port));
    list
}

fn disks(block: &Block<'_>) -> Vec<Disk> {
    let disk = |node: &Block<'_>| {
        Some(Disk {
            name: node.key().to_owned(),
            device: text(node.property("device"))?,
            size: node.property("size")?.size()?,
            span: node.key_span(),
        })
    };
    let mut disks: Vec<Disk> = block.all("disk").filter_map(disk).collect();
    disks.sort_by(|a, b| a.name.cmp(&b.name));
    disks
}

fn pools(block: &Block<'_>, disks: &[Disk], diagnostics: &mut Diagnostics) -> Vec<Pool> {
    let mut pools: Vec<Pool> = Vec::new();
    for node in block.all("pool") {
        let name = node.key().to_owned();
        let mut indices = Vec::new();
        for disk in node.property("disk").map(Spanned::items).unwrap_or_default() {
            indices.extend(
                names::find("disk", disk, disks, |disk| &disk.name, diagnostics)
                    .and_then(|index| u32::try_from(index).ok()),
            );
        }
        let mountpoint = text(node.property("mountpoint")).unwrap_or_else(|| format!("/{name}"));
        let mut datasets: Vec<Dataset> =
            node.all("dataset").map(|dataset| self::dataset(dataset, &mountpoint)).collect();
        datasets.sort_by(|a, b| a.name.cmp(&b.name));
        for dataset in &datasets {
            let valid = dataset.name.split('/').all(|part| {
                !part.is_empty()
                    && part
                        .bytes()
                        .all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte))
                    && !part.starts_with(['-', '.'])
            });
            if !valid && !dataset.name.is_empty() {
                diagnostics.push(
                    Diagnostic::new(
                        &crate::decl::codes::WRONG_TYPE,
                        dataset.span,
                        format!("`{}` can't be a dataset's name", dataset.name),
                    )
                    .help("letters, digits, `-`, `_`, `.` and `:`, with `/` between parts"),
                );
            }
        }
        pools.push(Pool {
            disks: indices,
            layout: match node.property("layout").and_then(Spanned::text) {
                Some("mirror") => PoolLayout::Mirror,
                Some("raidz") => PoolLayout::Raidz,
                Some("raidz2") => PoolLayout::Raidz2,
                _ => PoolLayout::Stripe,
            },
            size: node.property("size").and_then(Spanned::size),
            mountpoint,
            datasets,
            span: node.key_span(),
            name,
        });
    }
    pools.sort_by(|a, b| a.name.cmp(&b.name));
    pools
}

fn dataset(node: &Block<'_>, pool: &str) -> Dataset {
    let size = |name: &str| node.property(name).and_then(Spanned::size);
    let kept = |name: &str| {
        node.child("snapshots")
            .and_then(|kept| kept.property(name))
            .and_then(Spanned::number)
            .unwrap_or(0)
    };
    Dataset {
        name: node.key().to_owned(),
        quota: node
            .property("quota")
            .and_then(|value| Some(Spanned::new(value.size()?, value.span))),
        reservation: size("reservation"),
        recordsize: size("recordsize"),
        compression: text(node.property("compression")).unwrap_or_else(|| "lz4".to_owned()),
        backup: backup(node),
        snapshots: Snapshots {
            hourly: kept("hourly"),
            daily: kept("daily"),
            weekly: kept("weekly"),
            monthly: kept("monthly"),
        },
        mountpoint: text(node.property("mountpoint"))
            .unwrap_or_else(|| format!("{}/{}", pool.trim_end_matches('/'), node.key())),
        owner: text(node.property("owner")),
        span: node.key_span(),
    }
}

/// Reads a backup class.
pub fn backup_class(word: &str) -> Option<BackupClass> {
    [
        BackupClass::Hourly,
        BackupClass::Daily,
        BackupClass::Weekly,
        BackupClass::Monthly,
        BackupClass::Never,
    ]
    .into_iter()
    .find(|class| class.name() == word)
}

fn backup(node: &Block<'_>) -> Option<Spanned<BackupClass>> {
    node.property("backup")
        .and_then(|value| Some(Spanned::new(backup_class(value.text()?)?, value.span)))
}

fn device(node: &Block<'_>) -> HostDevice {
    HostDevice {
        name: node.key().to_owned(),
        path: text(node.property("path")),
        pci: text(node.property("pci")),
        span: node.key_span(),
    }
}

fn export(node: &Block<'_>) -> Option<Export> {
    Some(Export {
        name: node.key().to_owned(),
        path: text(node.property("path"))?,
        size: node.property("size").and_then(Spanned::size),
        backup: backup(node),
        span: node.key_span(),
    })
}

fn guest(
    block: &Block<'_>,
    index: usize,
    model: &Model,
    diagnostics: &mut Diagnostics,
) -> Option<Guest> {
    if block.schema.name == "host" {
        return None;
    }
    let name = block.property("on")?;
    let host = names::find("host", name, &model.machines, |machine| &machine.name, diagnostics)?;
    if model.machines[host].kind != MachineKind::Proxmox || host == index {
        diagnostics.push(
            Diagnostic::new(
                &codes::WRONG_KIND,
                name.span,
                format!("`{}` is no Proxmox host", model.machines[host].name),
            )
            .label(model.machines[host].span, "declared here")
            .help("guests run on a `host` of `kind=proxmox`"),
        );
        return None;
    }
    let id = block.property("id")?;
    let disk = |node: &Block<'_>| {
        Some(GuestDisk {
            name: node.key().to_owned(),
            size: node.property("size")?.size()?,
            storage: text(node.property("storage")),
            span: node.key_span(),
        })
    };
    let mut disks: Vec<GuestDisk> = block.all("disk").filter_map(disk).collect();
    // The root disk is the first, whatever the others are called.
    disks.sort_by(|a, b| (a.name != "root", &a.name).cmp(&(b.name != "root", &b.name)));
    let storage = block.child("storage");
    let words = |name: &str| {
        block
            .child(name)
            .map(|node| node.arguments.iter().filter_map(Spanned::string).collect::<Vec<_>>())
    };
    Some(Guest {
        host: MachineId::at(host),
        id: id.number()?,
        disks,
        passthrough: passthrough(block, &model.machines[host], diagnostics),
        image: text(block.value("image")),
        storage: text(storage.and_then(|storage| storage.argument(0)))
            .unwrap_or_else(|| "local-lvm".to_owned()),
        snippets: text(storage.and_then(|storage| storage.property("snippets")))
            .unwrap_or_else(|| "local".to_owned()),
        on_boot: block.value("boot").and_then(Spanned::bool).unwrap_or(true),
        boot_order: block
            .child("boot")
            .and_then(|boot| boot.property("order"))
            .and_then(Spanned::number),
        features: words("features")
            .unwrap_or_else(|| vec!["keyctl".to_owned(), "nesting".to_owned()]),
        unprivileged: block.value("privileged").and_then(Spanned::bool) != Some(true),
        span: id.span,
    })
}

fn passthrough(
    block: &Block<'_>,
    host: &Machine,
    diagnostics: &mut Diagnostics,
) -> Vec<Passthrough> {
    let mut list = Vec::new();
    for name in block
        .all("passthrough")
        .filter_map(|node| node.argument(0))
        .filter(|name| !name.is_faulty())
    {
        let text = name.text().unwrap_or_default();
        if let Some(gpu) = host.gpus.iter().find(|gpu| gpu.name == text) {
            list.push(Passthrough {
                name: gpu.name.clone(),
                pci: gpu.pci.clone(),
                path: None,
                gpu: true,
                span: name.span,
            });
        } else if let Some(device) = host.devices.iter().find(|device| device.name == text) {
            list.push(Passthrough {
                name: device.name.clone(),
                pci: device.pci.clone(),
                path: device.path.clone(),
                gpu: false,
                span: name.span,
            });
        } else {
            let names = host
                .gpus
                .iter()
                .map(|gpu| gpu.name.as_str())
                .chain(host.devices.iter().map(|device| device.name.as_str()));
            let help = suggest(text, names, || {
                format!("declare it in `host {}`: `gpu {text} pci=\"0000:00:02.0\"`", host.name)
            });
            diagnostics.push(
                Diagnostic::new(
                    &codes::PASSTHROUGH_WITHOUT_DEVICE,
                    name.span,
                    format!("host `{}` has no device `{text}`", host.name),
                )
                .label(host.span, "the host")
                .help(help),
            );
        }
    }
    list
}

/// Gives the datasets that unprivileged containers write to, and nobody else was named for, to root
/// inside of them: for the host that is a user of its own, and what is root's on the host is
/// nobody's in there.
fn give_to_containers(model: &mut Model) {
    const ROOT_INSIDE: &str = "100000:100000";
    let unprivileged = model
        .machines
        .iter()
        .filter(|machine| machine.guest.as_ref().is_some_and(|guest| guest.unprivileged));
    let written = unprivileged
        .flat_map(|machine| &machine.shares)
        .filter(|share| share.via == ShareTransport::MountPoint && !share.read_only);
    let datasets: Vec<DatasetRef> = written
        .filter_map(|share| match share.source {
            ShareSource::Dataset(dataset) => Some(dataset),
            ShareSource::Export(..) => None,
        })
        .collect();
    for dataset in datasets {
        let pool = &mut model.machines[dataset.machine.0 as usize].pools[dataset.pool as usize];
        pool.datasets[dataset.dataset as usize].owner.get_or_insert_with(|| ROOT_INSIDE.to_owned());
    }
}

fn shares(
    block: &Block<'_>,
    index: usize,
    guest: Option<&Guest>,
    model: &Model,
    diagnostics: &mut Diagnostics,
) -> Vec<Share> {
    let mut shares = Vec::new();
    for node in block.all("share") {
        let (Some(name), Some(at)) = (node.argument(0), text(node.property("at"))) else {
            continue;
        };
        let Some((source, local)) = share_source(name, index, guest, model, diagnostics) else {
            continue;
        };
        // Where it is missing or wrong, the transport that such a machine most likely has.
        let (likely, word) = match block.schema.name {
            _ if local => (ShareTransport::Local, "`via=local`"),
            "lxc" => (ShareTransport::MountPoint, "`via=mount-point`"),
            "vm" => {
                (ShareTransport::Virtiofs, "`via=virtiofs` (Proxmox VE 8.4 and later) or `via=nfs`")
            }
            _ => (ShareTransport::Nfs, "`via=nfs`"),
        };
        let via = match node.property("via").and_then(Spanned::text) {
            Some("virtiofs") => ShareTransport::Virtiofs,
            Some("nfs") => ShareTransport::Nfs,
            Some("mount-point") => ShareTransport::MountPoint,
            Some(_) => ShareTransport::Local,
            None => likely,
        };
        if node.property("via").is_none() && !local {
            diagnostics.push(
                Diagnostic::new(
                    &codes::SHARE_WITHOUT_TRANSPORT,
                    node.span,
                    format!("nothing says how `{}` gets into `{}`", node.key(), block.key()),
                )
                .help(format!("add {word}")),
            );
        }
        let read_only = node.property("read-only").and_then(Spanned::bool).unwrap_or(false);
        shares.push(Share { source, at, via, read_only, span: node.span });
    }
    shares.sort_by(|a, b| a.at.cmp(&b.at));
    shares
}

/// Finds what a share names, and whether the machine has it itself.
fn share_source(
    name: &Spanned<Value<'_>>,
    index: usize,
    guest: Option<&Guest>,
    model: &Model,
    diagnostics: &mut Diagnostics,
) -> Option<(ShareSource, bool)> {
    let (first, second) = name.text().unwrap_or_default().split_once('.').unwrap_or_default();
    let home = guest.map_or(MachineId::at(index), |guest| guest.host);
    let others = model.machines().filter(|(id, _)| *id != home).map(|(id, _)| id);
    for machine in std::iter::once(home).chain(others) {
        let Some(pool) = model[machine].pools.iter().position(|pool| pool.name == first) else {
            continue;
        };
        let Some(dataset) =
            model[machine].pools[pool].datasets.iter().position(|dataset| dataset.name == second)
        else {
            let names =
                model[machine].pools[pool].datasets.iter().map(|dataset| dataset.name.as_str());
            names::unknown(
                &codes::UNKNOWN_NAME,
                &format!("dataset of pool `{first}` named"),
                second,
                name,
                names,
                diagnostics,
            );
            return None;
        };
        let source = DatasetRef {
            machine,
            pool: u32::try_from(pool).ok()?,
            dataset: u32::try_from(dataset).ok()?,
        };
        return Some((ShareSource::Dataset(source), machine == MachineId::at(index)));
    }
    if let Some((machine, exporter)) = model.machines().find(|(_, machine)| machine.name == first) {
        let export = exporter.exports.iter().position(|export| export.name == second);
        if let Some(export) = export.and_then(|export| u32::try_from(export).ok()) {
            return Some((ShareSource::Export(machine, export), machine == MachineId::at(index)));
        }
        let names = exporter.exports.iter().map(|export| export.name.as_str());
        names::unknown(
            &codes::UNKNOWN_NAME,
            &format!("export of `{first}` named"),
            second,
            name,
            names,
            diagnostics,
        );
        return None;
    }
    let all: Vec<String> = model
        .machines
        .iter()
        .flat_map(|machine| {
            let datasets = machine.pools.iter().flat_map(|pool| {
                pool.datasets.iter().map(move |dataset| format!("{}.{}", pool.name, dataset.name))
            });
            datasets.chain(
                machine
                    .exports
                    .iter()
                    .map(move |export| format!("{}.{}", machine.name, export.name)),
            )
        })
        .collect();
    names::unknown(
        &codes::UNKNOWN_NAME,
        "dataset or export",
        name.text().unwrap_or_default(),
        name,
        all.iter().map(String::as_str),
        diagnostics,
    );
    None
}

fn appdata(block: &Block<'_>, shares: &[Share], index: usize, model: &Model) -> String {
    if let Some(path) = text(block.value("appdata")) {
        return path;
    }
    let shared = shares.iter().find(|share| match &share.source {
        ShareSource::Dataset(dataset) => model.dataset(dataset).name == "appdata",
        ShareSource::Export(machine, export) => {
            model[*machine].exports[*export as usize].name == "appdata"
        }
    });
    let own = || {
        let machine = &model.machines[index];
        let dataset = machine
            .pools
            .iter()
            .flat_map(|pool| &pool.datasets)
            .find(|dataset| dataset.name == "appdata");
        dataset.map(|dataset| dataset.mountpoint.clone()).or_else(|| {
            machine
                .exports
                .iter()
                .find(|export| export.name == "appdata")
                .map(|export| export.path.clone())
        })
    };
    shared.map(|share| share.at.clone()).or_else(own).unwrap_or_else(|| "/srv/appdata".to_owned())
}
