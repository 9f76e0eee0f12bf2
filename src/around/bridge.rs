//! The compose network of each machine.

use ipnet::{IpNet, Ipv6Net};

use crate::digest::sha256_hex;
use crate::model::{MachineId, Model, NetworkMode, ServiceId};

/// The compose network of a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bridge {
    /// The interface on the machine.
    pub interface: String,
    /// Its IPv4 prefix, which overlaps none of the lab's networks.
    pub subnet: IpNet,
    /// Its IPv6 prefix, if the machine has an IPv6 address. Without one, Docker would hand over
    /// IPv6 visitors as if they came from the machine itself.
    pub subnet6: Option<IpNet>,
}

impl Bridge {
    /// Lists its prefixes.
    pub fn subnets(&self) -> impl Iterator<Item = IpNet> {
        std::iter::once(self.subnet).chain(self.subnet6)
    }
}

/// The interface of the compose network on every machine.
const BRIDGE: &str = "labwright0";

/// Prefixes for the compose network. The first one that overlaps no network of the lab is used.
const SUBNETS: &[&str] =
    &["172.30.0.0/24", "10.201.30.0/24", "192.168.230.0/24", "172.22.30.0/24", "10.77.30.0/24"];

/// Finds a prefix for the compose network that no network of the lab overlaps.
fn subnet(model: &Model) -> Option<IpNet> {
    SUBNETS.iter().filter_map(|subnet| subnet.parse().ok()).find(|subnet| !is_taken(model, subnet))
}

/// Finds a unique local prefix for the compose networks of a lab, made from its name.
fn subnet6(model: &Model) -> Option<IpNet> {
    (0..8).find_map(|attempt| {
        let hash = sha256_hex(format!("{} {attempt}", model.lab.name).as_bytes());
        let group = |from: usize, to: usize| hash.get(from..to);
        let text = format!("fd{}:{}:{}::/64", group(0, 2)?, group(2, 6)?, group(6, 10)?);
        let subnet = IpNet::V6(text.parse::<Ipv6Net>().ok()?);
        (!is_taken(model, &subnet)).then_some(subnet)
    })
}

fn is_taken(model: &Model, subnet: &IpNet) -> bool {
    let overlaps = |a: &IpNet, b: &IpNet| a.contains(&b.network()) || b.contains(&a.network());
    let mut prefixes = model.networks.iter().flat_map(|network| &network.prefixes);
    prefixes.any(|prefix| overlaps(prefix, subnet))
}

/// Lists the prefixes of a machine's compose network.
pub fn subnets(model: &Model, machine: MachineId) -> impl Iterator<Item = IpNet> {
    let v6 = model[machine].addresses.iter().any(|own| own.address.is_ipv6());
    subnet(model).into_iter().chain(subnet6(model).filter(|_| v6))
}

/// Returns the compose network of a machine with these services.
pub fn bridge(model: &Model, machine: MachineId, services: &[ServiceId]) -> Option<Bridge> {
    services
        .iter()
        .flat_map(|id| &model[*id].containers)
        .find(|container| container.network == NetworkMode::Bridge)?;
    let mut subnets = subnets(model, machine);
    let subnet = subnets.next().filter(|subnet| matches!(subnet, IpNet::V4(_)))?;
    Some(Bridge { interface: BRIDGE.to_owned(), subnet, subnet6: subnets.next() })
}
