//! Describes for compose the networks that it makes, and which containers it puts there.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::emit::Context;
use crate::model::{Container, NetworkMode};
use crate::plan::{ContainerNetwork, Member};

/// A network in the compose file.
#[derive(Debug, Serialize)]
pub(super) struct Network {
    driver: &'static str,
    driver_opts: BTreeMap<&'static str, String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    internal: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    enable_ipv6: bool,
    ipam: Ipam,
}

#[derive(Debug, Serialize)]
struct Ipam {
    config: Vec<BTreeMap<&'static str, String>>,
}

/// What a container is called on a network.
#[derive(Debug, Serialize)]
pub(super) struct Names {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    aliases: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ipv4_address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ipv6_address: Option<String>,
}

/// Describes the networks that compose makes.
pub(super) fn of_compose<'p>(context: &Context<'p>) -> BTreeMap<&'p str, Network> {
    let networks = context.planned().networks.list.iter().filter(|network| by_compose(network));
    let describe = |network: &'p ContainerNetwork| Network {
        driver: "bridge",
        // Firewall rules name the bridge. Docker would name it after the random id of the network.
        driver_opts: BTreeMap::from([(
            "com.docker.network.bridge.name",
            network.interface.clone(),
        )]),
        internal: network.internal,
        enable_ipv6: network.subnet6.is_some(),
        // Programs are configured with the prefix that their proxies come from, so Docker must not
        // choose one.
        ipam: Ipam {
            config: network
                .subnets()
                .map(|subnet| BTreeMap::from([("subnet", subnet.to_string())]))
                .collect(),
        },
    };
    networks.map(|network| (network.name.as_str(), describe(network))).collect()
}

/// Lists the networks on which compose puts a container.
pub(super) fn of_container<'p>(
    context: &Context<'p>,
    container: &Container,
) -> BTreeMap<&'p str, Names> {
    // Compose refuses `networks` next to `network_mode`.
    if container.network != NetworkMode::Bridge {
        return BTreeMap::new();
    }
    let own = context.planned().networks.list.iter().filter_map(|network| {
        // labctl connects a container to its other networks. If compose did, a new neighbour would
        // recreate the container.
        let is_it = |member: &&Member| member.by_compose && member.container == container.name;
        let member = network.members.iter().find(is_it)?;
        let address = |v4: bool| {
            // Docker refuses a fixed address of a family for which the network has no subnet.
            let known = network.subnet6.is_some() || v4;
            let mut addresses = member.addresses.iter().filter(|one| one.is_ipv4() == v4 && known);
            addresses.next().map(ToString::to_string)
        };
        let (ipv4_address, ipv6_address) = (address(true), address(false));
        let aliases = member.aliases.clone();
        Some((network.name.as_str(), Names { aliases, ipv4_address, ipv6_address }))
    });
    own.collect()
}

/// Returns whether compose makes a network.
pub(super) fn by_compose(network: &ContainerNetwork) -> bool {
    network.members.iter().any(|member| member.by_compose)
}
