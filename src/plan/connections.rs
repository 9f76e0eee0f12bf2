//! The connections that each machine can try by itself, and what the lab promises of each.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::{FlowSource, Guard, Plan};
use crate::model::{MachineId, MachineKind, Transport, ZoneId};

/// A connection over TCP from one machine of the lab to another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Connection {
    /// The machine that is connected to.
    pub to: MachineId,
    /// Its address, of a family that both have.
    pub address: IpAddr,
    /// The port.
    pub port: u16,
    /// Whether it must come through.
    pub open: bool,
    /// What listens there: `jellyfin.web`.
    pub what: String,
}

/// The number of other machines that a machine asks besides those it has something to do with. All
/// machines ask in turn, so in a large lab, each is asked by as many.
pub const NEIGHBOURS: usize = 8;

/// The number of ports of one machine that must refuse a machine and are asked.
const REFUSALS: usize = 3;

/// What listens on the ports of a machine over TCP.
type Listening = BTreeMap<u16, String>;

impl Plan<'_> {
    /// Fills in the connections of each machine: those that must come through, and some that must
    /// not.
    ///
    /// UDP is not among them, since silence means nothing there.
    pub(super) fn derive_connections(&mut self) {
        let listening = self.listening();
        let mut partners: BTreeMap<ZoneId, BTreeSet<MachineId>> = BTreeMap::new();
        for flow in &self.flows {
            if let FlowSource::Zone(zone) = flow.from {
                partners.entry(zone).or_default().insert(flow.to);
            }
        }
        let count = self.model.machines.len();
        let connections: Vec<Vec<Connection>> = self
            .model
            .machines()
            .map(|(from, machine)| {
                let mut asked: BTreeSet<MachineId> = (1..count.min(NEIGHBOURS + 1))
                    .map(|step| MachineId::at((from.0 as usize + step) % count))
                    .collect();
                asked.extend(partners.get(&machine.own_zone).into_iter().flatten());
                asked.remove(&from);
                let ports = |to: &MachineId| listening.get(to.0 as usize);
                asked
                    .iter()
                    .filter_map(|to| Some(self.connections_to(from, *to, ports(to)?)))
                    .flatten()
                    .collect()
            })
            .collect();
        for (machine, connections) in self.machines.iter_mut().zip(connections) {
            machine.connections = connections;
        }
    }

    /// Returns what listens on each machine, by [`MachineId`].
    fn listening(&self) -> Vec<Listening> {
        let mut listening = vec![Listening::new(); self.model.machines.len()];
        // Of several ports in a row, only the first is tried.
        for (machine, row, transport, id) in self.listeners() {
            if transport == Transport::Tcp
                && let Some(ports) = listening.get_mut(machine.0 as usize)
            {
                ports.entry(row.first).or_insert_with(|| {
                    format!("{}.{}", self.model[id.service].name, self.model.endpoint(id).name)
                });
            }
        }
        for flow in self.flows.iter().filter(|flow| flow.transport == Transport::Tcp) {
            if let Some(ports) = listening.get_mut(flow.to.0 as usize) {
                ports.entry(flow.ports.first).or_insert_with(|| flow.reason.answers().to_owned());
            }
        }
        listening
    }

    fn connections_to(
        &self,
        from: MachineId,
        to: MachineId,
        listening: &Listening,
    ) -> Vec<Connection> {
        let addresses =
            |machine: MachineId| self.model[machine].addresses.iter().map(|own| own.address);
        let pair = addresses(to).find_map(|to| {
            let own = addresses(from).find(|own| own.is_ipv4() == to.is_ipv4())?;
            Some((own, to))
        });
        let Some((own, address)) = pair else { return Vec::new() };
        let open: BTreeSet<u16> = self
            .inbound(to)
            .filter(|flow| flow.transport == Transport::Tcp)
            .filter(
                |flow| matches!(flow.from, FlowSource::Zone(zone) if self.zone(zone).contains(own)),
            )
            .filter(|flow| flow.is_at(address))
            .map(|flow| flow.ports.first)
            .collect();
        let made = |(port, what): (&u16, &String)| Connection {
            to,
            address,
            port: *port,
            open: open.contains(port),
            what: what.clone(),
        };
        let mut connections: Vec<Connection> =
            listening.iter().filter(|(port, _)| open.contains(port)).map(made).collect();
        if self.keeps_out(to) {
            let closed = listening.iter().filter(|(port, _)| !open.contains(port));
            // Logins first, then the lowest ports.
            let mut closed: Vec<_> = closed.collect();
            closed.sort_by_key(|(port, what)| (what.as_str() != "ssh", **port));
            connections.extend(closed.into_iter().take(REFUSALS).map(made));
        }
        connections.sort();
        connections
    }

    /// Says whether labwright keeps anybody out of a machine.
    fn keeps_out(&self, machine: MachineId) -> bool {
        let this = &self.model[machine];
        // Proxmox filters what its guests get, except for an appliance, which filters it itself.
        self.guard(machine) != Guard::Nothing
            || this.guest.is_some() && this.kind != MachineKind::Appliance
    }
}
