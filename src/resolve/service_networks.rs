//! Reads the networks that a module declares for its containers.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;

use super::codes;
use super::networks::own_of_machines;
use super::read::{Report, flag};
use crate::decl::Block;
use crate::diag::{Diagnostic, Diagnostics, suggest};
use crate::model::{OnNetwork, Service, ServiceNetwork};
use crate::source::Spanned;

/// The name of the network that containers are on which name none.
const DEFAULT: &str = "default";

fn named(block: &Block<'_>) -> Option<String> {
    Some(block.key()).filter(|name| *name != DEFAULT).map(str::to_owned)
}

/// The IPv4 prefixes whose addresses nothing on the internet has: also those of RFC 6598, and those
/// for measurements and for documents.
const NOT_PUBLIC: &[&str] = &[
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "100.64.0.0/10",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
];

/// Reads the prefixes from which the networks of a machine's containers are taken.
pub fn container_prefixes(block: &Block<'_>, diagnostics: &mut Diagnostics) -> Vec<Spanned<IpNet>> {
    let Some(node) = block.child("container-networks") else { return Vec::new() };
    let mut prefixes = Vec::new();
    for written in &node.arguments {
        let Some(prefix) = written.cidr() else { continue };
        let is_in =
            |known: &&str| known.parse::<IpNet>().is_ok_and(|known| known.contains(&prefix));
        let private = || "name a private prefix, such as `\"10.99.0.0/16\"`".to_owned();
        let fault = if let Some(why) = own_of_machines(prefix) {
            Some((format!("containers can't have addresses of {prefix}: {why}"), private()))
        } else if prefix != prefix.trunc() {
            Some((format!("`{prefix}` has host bits"), format!("write `\"{}\"`", prefix.trunc())))
        } else if prefix.addr().is_ipv4() && !NOT_PUBLIC.iter().any(is_in) {
            let message = format!(
                "{prefix} has addresses of the internet, which the machine could no longer reach"
            );
            Some((message, private()))
        } else {
            None
        };
        let Some((message, help)) = fault else {
            prefixes.push(Spanned::new(prefix, written.span));
            continue;
        };
        diagnostics.push(Diagnostic::new(&codes::BAD_NETWORK, written.span, message).help(help));
    }
    prefixes
}

/// Reads a network.
pub fn container_network(
    block: &Block<'_>,
    report: Report<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<ServiceNetwork> {
    let items = block.property("subnet").map(Spanned::items).unwrap_or_default();
    let mut subnets: Vec<Spanned<IpNet>> = Vec::new();
    for item in items {
        let Some(subnet) = item.cidr() else { continue };
        let same = |other: &Spanned<IpNet>| other.value.addr().is_ipv4() == subnet.addr().is_ipv4();
        if subnets.iter().any(same) {
            let message = format!("network `{}` has two prefixes of one family", block.key());
            report(item.span, message, diagnostics);
            continue;
        }
        // Docker keeps one address for the bridge, and IPv4 has one of the network and a broadcast.
        if subnet.max_prefix_len() - subnet.prefix_len() < 2 {
            let message = format!("{subnet} has no address for a container besides its gateway");
            report(item.span, message, diagnostics);
            continue;
        }
        if let Some(why) = own_of_machines(subnet) {
            report(
                item.span,
                format!("containers can't have addresses of {subnet}: {why}"),
                diagnostics,
            );
            continue;
        }
        subnets.push(Spanned::new(subnet.trunc(), item.span));
    }
    subnets.sort_by_key(|subnet| subnet.value);
    // IPv4 sorts before IPv6, and `around` takes the first prefix for the IPv4 one.
    if let Some(first) = subnets.first().filter(|first| !first.value.addr().is_ipv4()) {
        let message = format!("network `{}` has no IPv4 prefix", block.key());
        report(first.span, message, diagnostics);
        return None;
    }
    let internal = flag(block, "internal").unwrap_or(false);
    Some(ServiceNetwork { name: named(block), internal, subnets })
}

/// Reads that a container is on a network.
pub fn on_network(block: &Block<'_>) -> OnNetwork {
    let items = |name| block.property(name).map(Spanned::items).unwrap_or_default();
    let mut addresses: Vec<_> = items("address").iter().filter_map(Spanned::address).collect();
    addresses.sort();
    OnNetwork {
        network: named(block),
        aliases: items("alias").iter().filter_map(Spanned::string).collect(),
        addresses,
    }
}

/// Reports networks that containers name and nothing declares, and addresses that are not theirs.
pub fn check_networks(
    service: &Service,
    concrete: &[Block<'_>],
    report: Report<'_>,
    diagnostics: &mut Diagnostics,
) {
    let containers = || concrete.iter().filter(|part| part.schema.name == "container");
    names_on_networks(containers(), report, diagnostics);
    let (mut taken, nodes) = (BTreeMap::new(), containers().flat_map(|one| one.all("on-network")));
    for node in nodes {
        let on = on_network(node);
        let network = service.networks.iter().find(|network| network.name == on.network);
        if network.is_none() && on.network.is_some() {
            let known = service.networks.iter().filter_map(|network| network.name.as_deref());
            let known: Vec<&str> = known.chain([DEFAULT]).collect();
            let help = suggest(node.key(), known.iter().copied(), || {
                format!("it has {}", known.join(", "))
            });
            let message = format!("there is no network `{}`; {help}", node.key());
            report(node.span, message, diagnostics);
            continue;
        }
        let subnets = network.map(|network| network.subnets.as_slice()).unwrap_or_default();
        for address in &on.addresses {
            if !subnets.iter().any(|subnet| subnet.value.contains(address)) {
                let message = format!(
                    "{address} is in no prefix of network `{}`: give it one with \
                     `container-network {} subnet=`",
                    node.key(),
                    node.key()
                );
                report(node.span, message, diagnostics);
                continue;
            }
            let own = subnets.iter().find(|subnet| subnet.value.contains(address));
            if own.is_some_and(|subnet| is_dockers(&subnet.value, *address)) {
                let message = format!("{address} is the network's own address, or Docker's in it");
                report(node.span, message, diagnostics);
            }
            if taken.insert((on.network.clone(), *address), node.span).is_some() {
                report(node.span, format!("two containers have {address}"), diagnostics);
            }
        }
    }
}

/// Returns whether no container can have an address of a prefix: it is the network's own, or the
/// first one, which Docker takes for the machine.
fn is_dockers(prefix: &IpNet, address: IpAddr) -> bool {
    let first = match prefix.network() {
        IpAddr::V4(network) => IpAddr::V4(u32::from(network).saturating_add(1).into()),
        IpAddr::V6(network) => IpAddr::V6(u128::from(network).saturating_add(1).into()),
    };
    let last = address.is_ipv4() && address == prefix.broadcast();
    last || address == prefix.network() || address == first
}

/// Reports containers of a service that one name would lead to, and networks of a container that
/// has none.
fn names_on_networks<'b>(
    containers: impl Iterator<Item = &'b Block<'b>> + Clone,
    report: Report<'_>,
    diagnostics: &mut Diagnostics,
) {
    // Each container is known by its own name wherever it is.
    let own: BTreeSet<&str> = containers.clone().map(Block::key).collect();
    let mut taken: BTreeMap<(Option<String>, String), &str> = BTreeMap::new();
    for container in containers {
        let mode = container.value("network").and_then(Spanned::text);
        for node in container.all("on-network") {
            if let Some(mode) = mode.filter(|mode| *mode != "bridge") {
                let message = format!("with `network {mode}`, it is on no network of the service");
                report(node.span, message, diagnostics);
                continue;
            }
            let on = on_network(node);
            for alias in &on.aliases {
                let key = (on.network.clone(), alias.clone());
                let other = *taken.entry(key).or_insert_with(|| container.key());
                let other = if own.contains(alias.as_str()) { alias.as_str() } else { other };
                if other != container.key() {
                    let message =
                        format!("`{alias}` would lead to `{other}` and to `{}`", container.key());
                    report(node.span, message, diagnostics);
                }
            }
        }
    }
}
