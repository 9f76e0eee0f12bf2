//! Networks behind machines: what their clients reach, and the ways to them.

use std::net::IpAddr;

use ipnet::IpNet;

use super::MachinePlan;
use super::flows::{Flow, FlowSource};
use crate::model::{MachineKind, Model, NetworkId, Ports, Transport, ZoneId};

/// Permission for clients of a network behind this machine to reach a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forward {
    /// The clients' network.
    pub from: NetworkId,
    /// The place.
    pub to: ForwardTarget,
}

/// The destination of forwarded traffic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ForwardTarget {
    /// One port of a machine, or several in a row.
    Port {
        /// The machine's addresses.
        addresses: Vec<IpAddr>,
        /// The ports.
        ports: Ports,
        /// tcp or udp.
        transport: Transport,
    },
    /// Every address of a zone. Where there is no route back, this machine's address appears as the
    /// source.
    Zone(ZoneId),
}

/// A route to a network behind another machine.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct StaticRoute {
    /// The network.
    pub to: IpNet,
    /// The machine's address.
    pub via: IpAddr,
}

/// Returns whether the bundle of a machine of this kind sets its routes.
const fn keeps_routes(kind: MachineKind) -> bool {
    kind.is_managed() || matches!(kind, MachineKind::Proxmox)
}

/// Fills in what clients of networks behind machines reach, and the ways to those networks.
pub fn gateways(model: &Model, flows: &[Flow], machines: &mut [MachinePlan]) {
    for (_, service) in model.services() {
        let Some(gateway) = &service.gateway else { continue };
        let network = &model[gateway.network];
        let home = service.machine;
        // What leads to the machine itself is not forwarded. Its own openings let it in.
        let mut forwards = Vec::new();
        for flow in flows
            .iter()
            .filter(|flow| flow.from == FlowSource::Zone(network.zone) && flow.to != home)
        {
            let addresses = model[flow.to].addresses.iter().map(|address| address.address);
            let addresses = addresses.filter(|address| flow.is_at(*address)).collect();
            let (ports, transport) = (flow.ports, flow.transport);
            let target = ForwardTarget::Port { addresses, ports, transport };
            if !forwards.iter().any(|forward: &Forward| forward.to == target) {
                forwards.push(Forward { from: gateway.network, to: target });
            }
        }
        forwards.extend(
            gateway
                .reach
                .iter()
                .map(|zone| Forward { from: gateway.network, to: ForwardTarget::Zone(*zone) }),
        );
        home.of_mut(machines).forwards.extend(forwards);
        for (id, machine) in
            model.machines().filter(|(id, machine)| *id != home && keeps_routes(machine.kind))
        {
            let shares_network = |via: &crate::model::Address| {
                machine.addresses.iter().any(|own| own.network == via.network)
            };
            for prefix in &network.prefixes {
                let via = model[home].addresses.iter().find(|via| {
                    via.address.is_ipv4() == matches!(prefix, IpNet::V4(_)) && shares_network(via)
                });
                id.of_mut(machines)
                    .static_routes
                    .extend(via.map(|via| StaticRoute { to: *prefix, via: via.address }));
            }
            id.of_mut(machines).static_routes.sort();
        }
    }
}
