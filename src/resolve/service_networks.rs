//! Reads the networks that a module declares for its containers.

use ipnet::IpNet;

use super::read::{Report, flag};
use crate::decl::Block;
use crate::diag::{Diagnostics, suggest};
use crate::model::{OnNetwork, Service, ServiceNetwork};
use crate::source::Spanned;

/// The name of the network that containers are on which name none.
const DEFAULT: &str = "default";

fn named(block: &Block<'_>) -> Option<String> {
    Some(block.key()).filter(|name| *name != DEFAULT).map(str::to_owned)
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
    let containers = concrete.iter().filter(|part| part.schema.name == "container");
    for node in containers.flat_map(|container| container.all("on-network")) {
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
            }
        }
    }
}
