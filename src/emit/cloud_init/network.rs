//! The network of a machine, in netplan's words.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::Serialize;

use crate::emit::{Context, format};
use crate::model::{Address, MachineKind, NetworkId};

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
    let mut config = NetworkConfig { version: 2, ethernets: BTreeMap::new(), bridges: BTreeMap::new() };
    // A machine has one default gateway a family: that of the first network which has one.
    let mut has_gateway = [false, false];
    let networks = networks(&machine.addresses);
    for (index, network) in networks.iter().enumerate() {
        let addresses = machine.addresses.iter().filter(|address| address.network == *network);
        let first = addresses.clone().next();
        let interface = interface(context, *network, addresses, &mut has_gateway);
        let nic = first.and_then(|address| address.nic.as_deref());
        let bridge = first.and_then(|address| address.bridge.as_deref()).filter(|_| machine.kind == MachineKind::Debian);
        match (nic, bridge) {
            (Some(nic), Some(bridge)) => {
                config.ethernets.insert(nic, Interface::default());
                config.bridges.insert(bridge, Interface { interfaces: vec![nic], ..interface });
            }
            (Some(nic), None) => {
                config.ethernets.insert(nic, interface);
            }
            (None, _) => {
                let name = guest_interface(index, networks.len());
                let id = context.model()[*network].name.as_str();
                config.ethernets.insert(id, Interface { r#match: Some(Match { name }), ..interface });
            }
        }
    }
    format::yaml(&config)
}

/// Lists the networks of a machine in the order of its addresses, which is that of its interfaces.
fn networks(addresses: &[Address]) -> Vec<NetworkId> {
    let mut networks = Vec::new();
    for address in addresses {
        if !networks.contains(&address.network) {
            networks.push(address.network);
        }
    }
    networks
}

/// Returns a pattern for the name of a guest's interface: `eth0` or `ens18` by image, `enp6s18` by board, the number by order.
fn guest_interface(index: usize, count: usize) -> String {
    if count == 1 { "e*".to_owned() } else { format!("en*s{}", 18 + index) }
}

fn interface<'p>(
    context: &Context<'p>,
    id: NetworkId,
    addresses: impl Iterator<Item = &'p Address> + Clone,
    has_gateway: &mut [bool; 2],
) -> Interface<'p> {
    let model = context.model();
    let network = &model[id];
    let mut routes = Vec::new();
    for gateway in &network.gateways {
        let has_gateway = &mut has_gateway[usize::from(gateway.is_ipv6())];
        let reachable = addresses.clone().any(|address| address.address.is_ipv6() == gateway.is_ipv6() && address.address != *gateway);
        if reachable && !*has_gateway {
            *has_gateway = true;
            routes.push(Route { to: if gateway.is_ipv6() { "::/0" } else { "0.0.0.0/0" }.to_owned(), via: gateway.to_string() });
        }
    }
    let is_here = |via: &IpAddr| network.prefixes.iter().any(|prefix| prefix.contains(via));
    let beyond = context.planned().static_routes.iter().filter(|route| is_here(&route.via));
    routes.extend(beyond.map(|route| Route { to: route.to.to_string(), via: route.via.to_string() }));
    let nameservers = NameServers {
        addresses: network.dns.iter().map(ToString::to_string).collect(),
        search: model.lab.domain.as_deref().into_iter().collect(),
    };
    Interface {
        addresses: addresses.map(|address| format!("{}/{}", address.address, address.prefix)).collect(),
        routes,
        nameservers: (!network.dns.is_empty()).then_some(nameservers),
        ..Interface::default()
    }
}
