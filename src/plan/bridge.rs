//! The compose network of each machine.

use ipnet::IpNet;

use crate::model::{Model, NetworkMode, ServiceId};

/// The compose network of a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bridge {
    /// The interface on the machine.
    pub interface: String,
    /// Its IPv4 prefix, which overlaps none of the lab's networks.
    pub subnet: IpNet,
}

/// The interface of the compose network on every machine.
const BRIDGE: &str = "labwright0";

/// Prefixes for the compose network. The first one that overlaps no network of the lab is used.
const SUBNETS: &[&str] =
    &["172.30.0.0/24", "10.201.30.0/24", "192.168.230.0/24", "172.22.30.0/24", "10.77.30.0/24"];

/// Finds a prefix for the compose network that no network of the lab overlaps.
pub fn subnet(model: &Model) -> Option<IpNet> {
    let overlaps = |a: &IpNet, b: &IpNet| a.contains(&b.network()) || b.contains(&a.network());
    SUBNETS.iter().filter_map(|subnet| subnet.parse().ok()).find(|subnet| {
        !model
            .networks
            .iter()
            .flat_map(|network| &network.prefixes)
            .any(|prefix| overlaps(prefix, subnet))
    })
}

/// Returns the compose network of a machine with these services.
pub fn bridge(model: &Model, services: &[ServiceId], subnet: Option<IpNet>) -> Option<Bridge> {
    let bridged = services
        .iter()
        .flat_map(|id| &model[*id].containers)
        .any(|container| container.network == NetworkMode::Bridge);
    Some(Bridge { interface: BRIDGE.to_owned(), subnet: subnet? }).filter(|_| bridged)
}
