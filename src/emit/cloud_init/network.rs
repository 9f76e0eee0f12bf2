//! Writes the network of a machine in the format of netplan.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::Serialize;

use crate::emit::Context;
use crate::format;
use crate::model::MachineKind;
use crate::plan::Interface as Planned;

#[derive(Debug, Serialize)]
struct NetworkConfig<'p> {
    version: u8,
    ethernets: BTreeMap<&'p str, Interface<'p>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    bridges: BTreeMap<&'p str, Interface<'p>>,
}

#[derive(Debug, Default, Serialize)]
struct Interface<'p> {
    #[serde(skip_serializing_if = "Option::is_none")]
    r#match: Option<Match>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    interfaces: Vec<&'p str>,
    dhcp4: bool,
    dhcp6: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    addresses: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    routes: Vec<Route>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nameservers: Option<NameServers<'p>>,
}

#[derive(Debug, Serialize)]
struct Match {
    name: String,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct Route {
    to: String,
    via: String,
}

#[derive(Debug, Serialize)]
struct NameServers<'p> {
    addresses: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    search: Vec<&'p str>,
}

/// Writes `network-config`, version 2.
pub(super) fn write(context: &Context<'_>) -> String {
    let machine = context.this();
    let mut config =
        NetworkConfig { version: 2, ethernets: BTreeMap::new(), bridges: BTreeMap::new() };
    let interfaces = &context.planned().interfaces;
    for (index, found) in interfaces.iter().enumerate() {
        let interface = interface(context, found);
        let nic = found.nic();
        let bridge = found
            .named_bridge()
            // For a guest, `bridge` is the bridge of its host that it is plugged into.
            .filter(|_| machine.kind == MachineKind::Debian);
        match (nic, bridge) {
            (Some(nic), Some(bridge)) => {
                // netplan accepts a member of a bridge only if it is declared. The addresses are
                // the bridge's.
                config.ethernets.insert(nic, Interface::default());
                config.bridges.insert(bridge, Interface { interfaces: vec![nic], ..interface });
            }
            (Some(nic), None) => {
                config.ethernets.insert(nic, interface);
            }
            (None, _) => {
                let name = guest_interface(index, interfaces.len());
                let id = context.model()[found.network].name.as_str();
                config
                    .ethernets
                    .insert(id, Interface { r#match: Some(Match { name }), ..interface });
            }
        }
    }
    format::yaml(&config)
}

/// Returns a pattern for the name of a guest's interface. The image makes it `eth0` or `ens18`, the
/// machine type `enp6s18`; the number follows from the order.
fn guest_interface(index: usize, count: usize) -> String {
    // Proxmox puts `net0` into PCI slot 18, and each further interface into the next slot.
    if count == 1 { "e*".to_owned() } else { format!("en*s{}", 18 + index) }
}

fn interface<'p>(context: &Context<'p>, found: &Planned<'p>) -> Interface<'p> {
    let model = context.model();
    let network = &model[found.network];
    let everywhere =
        |gateway: &IpAddr| if gateway.is_ipv6() { "::/0" } else { "0.0.0.0/0" }.to_owned();
    let mut routes: Vec<Route> = found
        .gateways
        .iter()
        .map(|gateway| Route { to: everywhere(gateway), via: gateway.to_string() })
        .collect();
    let is_here = |via: &IpAddr| network.prefixes.iter().any(|prefix| prefix.contains(via));
    let beyond = context.planned().static_routes.iter().filter(|route| is_here(&route.via));
    routes
        .extend(beyond.map(|route| Route { to: route.to.to_string(), via: route.via.to_string() }));
    let nameservers = NameServers {
        addresses: network.dns.iter().map(ToString::to_string).collect(),
        search: model.lab.domain.as_deref().into_iter().collect(),
    };
    Interface {
        dhcp4: found.lease.is_some_and(|lease| lease.v4),
        dhcp6: found.lease.is_some_and(|lease| lease.v6),
        addresses: found
            .addresses
            .iter()
            .map(|address| format!("{}/{}", address.address, address.prefix))
            .collect(),
        routes,
        nameservers: (!network.dns.is_empty()).then_some(nameservers),
        ..Interface::default()
    }
}
