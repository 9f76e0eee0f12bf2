//! What the access model allows, worked out from flows and zones alone.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use labwright::model::{MachineId, Ports, Transport, ZoneId};
use labwright::plan::{FlowSource, ForwardTarget, Guard, Plan};

/// Lists the ports of a row.
pub fn each(ports: Ports) -> impl Iterator<Item = u16> {
    ports.first..=ports.last
}

/// Reads an address.
pub fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

/// Lists clients of the machines' networks: one with an ordinary address, and those with addresses
/// next to each machine.
pub fn lan_clients(plan: &Plan<'_>) -> Vec<IpAddr> {
    let mut clients = BTreeSet::new();
    let own: BTreeSet<IpAddr> = plan
        .model
        .machines
        .iter()
        .flat_map(|machine| &machine.addresses)
        .map(|own| own.address)
        .collect();
    for address in plan.model.machines.iter().flat_map(|machine| &machine.addresses) {
        for prefix in plan.model[address.network]
            .prefixes
            .iter()
            .filter(|prefix| prefix.contains(&address.address))
        {
            let beside = match address.address {
                IpAddr::V4(at) => {
                    [u32::from(at) - 1, u32::from(at) + 1].map(|at| Ipv4Addr::from(at).into())
                }
                IpAddr::V6(at) => {
                    [u128::from(at) - 1, u128::from(at) + 1].map(|at| Ipv6Addr::from(at).into())
                }
            };
            clients.extend(
                beside
                    .into_iter()
                    .filter(|client| prefix.contains(client) && !own.contains(client)),
            );
        }
    }
    clients.into_iter().collect()
}

/// A machine, and the address of it that is connected to.
pub type Goal = (MachineId, IpAddr);

/// Returns whether an address may connect, by the definition of flows and zones alone.
pub fn allowed(
    plan: &Plan<'_>,
    from: IpAddr,
    (to, at): Goal,
    transport: Transport,
    port: u16,
) -> bool {
    !matches!(plan.guard(to), Guard::Own(_))
        || plan.flows.iter().any(|flow| {
            (flow.to, flow.transport) == (to, transport)
                && flow.ports.contains(port)
                && flow.is_at(at)
                && matches!(flow.from, FlowSource::Zone(zone) if in_zone(plan, zone, from))
        })
}

fn in_zone(plan: &Plan<'_>, zone: ZoneId, address: IpAddr) -> bool {
    let zone = &plan.zones[zone.0 as usize];
    zone.include.iter().any(|prefix| prefix.contains(&address))
        && !zone.exclude.iter().any(|prefix| prefix.contains(&address))
}

/// Returns whether a service's containers may connect to a port of their machine.
pub fn to_containers(plan: &Plan<'_>, to: MachineId, transport: Transport, port: u16) -> bool {
    plan.flows.iter().any(|flow| {
        (flow.to, flow.transport) == (to, transport)
            && flow.ports.contains(port)
            && matches!(flow.from, FlowSource::Containers(_))
    })
}

/// Returns whether a gateway lets its clients through to an address.
pub fn reaches(
    plan: &Plan<'_>,
    gateway: MachineId,
    to: IpAddr,
    transport: Transport,
    port: u16,
) -> bool {
    plan.machine(gateway).forwards.iter().any(|forward| match &forward.to {
        ForwardTarget::Port { addresses, ports, transport: by } => {
            addresses.contains(&to) && *by == transport && ports.contains(port)
        }
        ForwardTarget::Zone(zone) => in_zone(plan, *zone, to),
    })
}

/// Returns whether a client reaches another machine than its gateway: the gateway must let it
/// through, and the machine must let it in.
pub fn through(
    plan: &Plan<'_>,
    gateway: MachineId,
    from: IpAddr,
    (to, at): Goal,
    transport: Transport,
    port: u16,
) -> bool {
    reaches(plan, gateway, at, transport, port) && allowed(plan, from, (to, at), transport, port)
}
