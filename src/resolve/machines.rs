//! Resolves hosts and guests: their kind, their addresses and who may log in.

use std::collections::{BTreeMap, BTreeSet};

use super::guests::guest;
use super::networks::{zone, zone_named};
use super::own_addresses::{is_end, own_addresses};
use super::read::string;
use super::service_networks::container_prefixes;
use super::shares::{appdata, give_to_containers, shares};
use super::storage::{backup, device, disks, export, pools};
use super::{codes, names};
use crate::decl::Block;
use crate::decl::layer::Lab;
use crate::diag::{Diagnostic, Diagnostics};
use crate::model::{
    Address, Arch, FirewallBackend, Gpu, Hardware, Lease, Machine, MachineId, MachineKind, Model,
    NetworkId, Os, SshAccess, ZoneId, ZoneKind,
};
use crate::source::{Span, Spanned};

/// Resolves every machine into `model`.
pub fn resolve(lab: &Lab<'_>, model: &mut Model, diagnostics: &mut Diagnostics) {
    let on = |block| Block::property(block, "on").and_then(Spanned::text);
    let hosts: BTreeSet<&str> = lab.machines.iter().filter_map(on).collect();
    let machines: Vec<Machine> = lab
        .machines
        .iter()
        .map(|block| machine(block, hosts.contains(block.key()), model, diagnostics))
        .collect();
    model.machines = machines;
    for service in &lab.services {
        own_addresses(service, model, diagnostics);
    }
    // Guests and shares refer to machines by id, so all machines must be there first.
    for (index, block) in lab.machines.iter().enumerate() {
        let guest = guest(block, index, model, diagnostics);
        let shares = shares(block, index, guest.as_ref(), model, diagnostics);
        let arch = guest.as_ref().map(|guest| model[guest.host].arch);
        let appdata = appdata(block, &shares, index, model);
        let machine = MachineId::at(index).of_mut(&mut model.machines);
        machine.arch = arch.unwrap_or(machine.arch);
        machine.guest = guest;
        machine.shares = shares;
        machine.appdata = appdata;
    }
    give_to_containers(model);
}

fn machine(
    block: &Block<'_>,
    has_guests: bool,
    model: &Model,
    diagnostics: &mut Diagnostics,
) -> Machine {
    let appliance = block.property("kind").and_then(Spanned::text) == Some("appliance");
    let kind = match (block.schema.name, block.property("kind").and_then(Spanned::text)) {
        ("vm", _) if appliance => MachineKind::Appliance,
        ("vm", _) => MachineKind::Vm,
        ("lxc", _) => MachineKind::Lxc,
        (_, Some("debian")) => MachineKind::Debian,
        (_, Some("unmanaged")) => MachineKind::Unmanaged,
        // A missing or wrong kind is already reported. This kind has the fewest requirements, so it
        // causes no further findings.
        _ => MachineKind::Proxmox,
    };
    let addresses = addresses(block, model, diagnostics);
    let lease = lease(block, model, diagnostics);
    let own_zone = zone_named(block.key(), &model.zones);
    let named = block.value("zone").and_then(|name| {
        let id = zone_named(name.text().unwrap_or_default(), &model.zones);
        // A name of another kind is reported where the zones are collected.
        matches!(model[id].kind, ZoneKind::Named | ZoneKind::Network(_)).then_some(id)
    });
    let zone_id = named
        .or_else(|| addresses.first().map(|address| model[address.network].zone))
        .or_else(|| lease.as_ref().map(|lease| model[lease.network].zone))
        .unwrap_or(own_zone);
    if let Some(lease) = &lease {
        beside_lease(block, kind, zone_id, lease, model, diagnostics);
    }
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
        // That it has guests says that its kind is wrong, which is reported there.
        ("os", kind.is_managed() && !has_guests, "its operating system", "`os debian-13`"),
        ("memory", guest, "how much memory it has", "`memory \"…GiB\"`"),
        ("disk", guest, "the disk that it starts from", "`disk root size=\"20GiB\"`"),
        ("address", kind.is_managed(), "where it is on the network", "`address NETWORK \"…\"`"),
    ];
    let missing: Vec<_> = parts
        .into_iter()
        .filter(|(part, wanted, ..)| *wanted && block.child(part).is_none())
        .collect();
    if missing.len() > block.unclear && !block.key().is_empty() {
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
        version: string(block.property("version")),
        cluster: string(block.property("cluster")).filter(|_| kind == MachineKind::Proxmox),
        hardware: hardware.map(|hardware| Hardware {
            model: hardware.key().to_owned(),
            cpu: string(hardware.property("cpu")),
        }),
        cores: cores.and_then(Spanned::number),
        memory: memory.and_then(|value| Some(Spanned::new(value.size()?, value.span))),
        reserve: block
            .child("reserve")
            .and_then(|reserve| reserve.property("memory"))
            .and_then(Spanned::size),
        arc: block
            .child("reserve")
            .and_then(|reserve| reserve.property("arc"))
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
                pci: string(gpu.property("pci")),
                rom: string(gpu.property("rom")),
                span: gpu.key_span(),
            })
            .collect(),
        devices: {
            device_names(block, diagnostics);
            block.all("device").map(|node| device(node, diagnostics)).collect()
        },
        exports: block.all("export").filter_map(export).collect(),
        addresses,
        names_address: block.child("address").is_some(),
        lease,
        disks,
        shares: Vec::new(),
        container_prefixes: container_prefixes(block, diagnostics),
        appdata: String::new(),
        appdata_backup: block.child("appdata").and_then(backup),
        span: block.key_span(),
    }
}

fn addresses(block: &Block<'_>, model: &Model, diagnostics: &mut Diagnostics) -> Vec<Address> {
    let (mut addresses, mut bridges) = (Vec::new(), BTreeMap::new());
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
        let (id, network) = (NetworkId::at(network), &model[NetworkId::at(network)]);
        let Some(address) = value.address() else { continue };
        // That the network has no prefix is reported there.
        if network.prefixes.is_empty() {
            continue;
        }
        let Some(prefix) = network.prefixes.iter().find(|prefix| prefix.contains(&address)) else {
            let prefixes: Vec<String> = network.prefixes.iter().map(ToString::to_string).collect();
            diagnostics.push(
                Diagnostic::new(
                    &codes::ADDRESS_OUTSIDE_NETWORK,
                    value.span,
                    format!("{address} is not in network `{}`", network.name),
                )
                .label(network.span, format!("the network is {}", prefixes.join(" and ")))
                .help("choose an address inside the prefix, or name the network that it is in"),
            );
            continue;
        };
        if is_end(address, *prefix, value.span, network, diagnostics) {
            continue;
        }
        interfaces(node, &mut bridges, diagnostics);
        addresses.push(Address {
            network: id,
            address,
            prefix: prefix.prefix_len(),
            nic: string(node.property("nic")),
            bridge: string(node.property("bridge")),
            of_service: false,
            span: value.span,
        });
    }
    addresses
}

/// Reports interfaces that can't carry a network: a bridge in itself, an interface in two bridges,
/// and the one on which a machine talks to itself.
fn interfaces<'b>(
    node: &'b Block<'_>,
    bridges: &mut BTreeMap<&'b str, (&'b str, Span)>,
    diagnostics: &mut Diagnostics,
) {
    let (Some(nic), bridge) = (node.property("nic"), node.property("bridge")) else { return };
    let name = nic.text().unwrap_or_default();
    let mut report = |message: String, help: &str, label: Option<Span>| {
        let mut found =
            Diagnostic::new(&crate::decl::codes::WRONG_TYPE, nic.span, message).help(help);
        if let Some(span) = label {
            found = found.label(span, "the other bridge");
        }
        diagnostics.push(found);
    };
    if name == "lo" {
        let message = "`lo` leads to no network".to_owned();
        report(message, "name the interface of the cable, as `ip link` lists it", None);
    }
    let Some(bridge) = bridge else { return };
    let own = bridge.text().unwrap_or_default();
    if own == "lo" || own.starts_with("docker") {
        let message = format!("`{own}` is made by the machine itself, and is no bridge of the lab");
        report(message, "name the bridge otherwise, such as `vmbr0`", None);
    }
    if own == name {
        let message = format!("the bridge `{own}` can't be its own interface");
        report(message, "name the bridge otherwise, such as `vmbr0`", None);
    }
    let (first, span) = *bridges.entry(name).or_insert((own, bridge.span));
    if first != own {
        let message = format!("`{name}` can't be in the bridges `{first}` and `{own}`");
        report(
            message,
            "name another interface, or one of its VLANs, or the same bridge",
            Some(span),
        );
    }
}

/// Resolves the network in which a machine asks for its address.
fn lease(block: &Block<'_>, model: &Model, diagnostics: &mut Diagnostics) -> Option<Lease> {
    let asks = |node: &&Block<'_>| node.argument(1).and_then(Spanned::text) == Some("dhcp");
    let node = block.all("address").find(asks)?;
    let networks = &model.networks;
    let found =
        names::find("network", node.argument(0)?, networks, |network| &network.name, diagnostics);
    let network = NetworkId::at(found?);
    let has = |v4: bool| model[network].prefixes.iter().any(|one| one.addr().is_ipv4() == v4);
    Some(Lease {
        network,
        v4: has(true),
        v6: has(false),
        nic: string(node.property("nic")),
        bridge: string(node.property("bridge")),
        span: node.argument(1).map_or(node.span, |value| value.span),
    })
}

/// Reports what a machine says that does not go together with an address that nobody knows.
fn beside_lease(
    block: &Block<'_>,
    kind: MachineKind,
    zone: ZoneId,
    lease: &Lease,
    model: &Model,
    diagnostics: &mut Diagnostics,
) {
    let (name, network) = (block.key(), &model[lease.network]);
    let write = format!("write its address: `address {} \"…\"`", network.name);
    let mut report = |span, says: String, label: Option<(Span, &str)>, help: &str| {
        let mut found = Diagnostic::new(&codes::DHCP_OUT_OF_PLACE, span, says).help(help);
        if let Some((span, says)) = label {
            found = found.label(span, says);
        }
        diagnostics.push(found.on(name.to_owned()));
    };
    if kind == MachineKind::Proxmox {
        let says = format!("the Proxmox host `{name}` asks for its address by DHCP");
        report(lease.span, says, None, &write);
    }
    let others = block.all("address").filter_map(|node| node.argument(1));
    if let Some(other) = others.into_iter().find(|value| value.span != lease.span) {
        let says = format!("`{name}` asks for its address by DHCP, and has another one");
        let label = Some((other.span, "the other"));
        report(lease.span, says, label, &write);
    } else if zone != network.zone {
        let says = format!(
            "`{name}` is in zone `{}`, but nobody knows which address of `{}` is its own",
            model[zone].name, network.name
        );
        let label = block.child("zone").map(|node| (node.span, "the zone"));
        let help = format!("{write}, or remove the `zone`");
        report(lease.span, says, label, &help);
    }
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

/// Reports a GPU and a device of a host with one name, of which `passthrough` could mean either.
fn device_names(block: &Block<'_>, diagnostics: &mut Diagnostics) {
    let gpus: BTreeMap<_, _> = block.all("gpu").map(|gpu| (gpu.key(), gpu)).collect();
    for device in block.all("device").filter(|device| !device.key().is_empty()) {
        if let Some(gpu) = gpus.get(device.key()) {
            let message = format!("there is already a gpu `{}`", device.key());
            diagnostics.push(
                Diagnostic::new(&crate::decl::codes::DUPLICATE_NAME, device.key_span(), message)
                    .label(gpu.key_span(), "the gpu")
                    .help("rename one of the two"),
            );
        }
    }
}
