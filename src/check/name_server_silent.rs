//! Finds name servers of the lab that don't answer the machines that ask them.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::model::{Endpoint, Machine, MachineId, Network, NetworkId, Transport};
use crate::plan::{CidrSet, Flow, FlowSource, Plan};

/// Finds machines of the lab that a network names as its name server, and that answer nothing, or
/// let a machine of the network not ask.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code = codes::code!(
    "name-server-silent",
    Warning,
    "a name server of the lab does not answer a machine that asks it"
);

/// The port of a name server.
const DOMAIN: u16 = 53;

/// What one address says to those who ask it for names.
struct Server<'p> {
    id: MachineId,
    machine: &'p Machine,
    /// Whom it lets in.
    admits: CidrSet,
}

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    let model = plan.model;
    let asked = |flow: &&Flow| flow.transport == Transport::Udp && flow.ports.contains(DOMAIN);
    let mut flows: BTreeMap<MachineId, Vec<&Flow>> = BTreeMap::new();
    for flow in plan.flows.iter().filter(asked) {
        flows.entry(flow.to).or_default().push(flow);
    }
    let mut owners: BTreeMap<IpAddr, MachineId> = BTreeMap::new();
    let named = || model.networks.iter().flat_map(|network| &network.dns);
    for (id, machine) in model.machines().filter(|(_, machine)| machine.kind.is_managed()) {
        let own = machine.addresses.iter().map(|address| address.address);
        owners.extend(own.map(|address| (address, id)));
    }
    let server = |address: IpAddr| {
        let id = *owners.get(&address)?;
        let there = flows.get(&id).into_iter().flatten().filter(|flow| flow.is_at(address));
        let zones = there.filter_map(|flow| match flow.from {
            FlowSource::Zone(zone) => Some(zone),
            _ => None,
        });
        let admits = plan.joined(&zones.collect::<Vec<_>>());
        Some((address, Server { id, machine: &model[id], admits }))
    };
    let servers: BTreeMap<IpAddr, Server<'_>> = named().filter_map(|at| server(*at)).collect();
    if servers.is_empty() {
        return;
    }
    // The first machine that is not answered stands for all.
    let mut unheard: BTreeMap<(NetworkId, IpAddr), &Machine> = BTreeMap::new();
    for machine in model.machines.iter().filter(|machine| machine.kind.is_managed()) {
        for network in machine.networks() {
            for address in &model[network].dns {
                let Some(server) = servers.get(address) else { continue };
                let of_family = |own: IpAddr| own.is_ipv4() == address.is_ipv4();
                let mut own = machine.addresses.iter().filter(|own| of_family(own.address));
                let is_heard = own.any(|own| server.admits.contains(own.address));
                let own = std::ptr::eq(server.machine, machine);
                // One that is the gateway too is said to be no machine of the lab.
                if !is_heard && !own && !model[network].gateways.contains(address) {
                    unheard.entry((network, *address)).or_insert(machine);
                }
            }
        }
    }
    for ((network, address), machine) in unheard {
        let Some(server) = servers.get(&address) else { continue };
        diagnostics.push(finding(plan, &model[network], address, server, machine));
    }
}

fn finding(
    plan: &Plan<'_>,
    network: &Network,
    address: IpAddr,
    server: &Server<'_>,
    machine: &Machine,
) -> Diagnostic {
    let model = plan.model;
    let there = &server.machine.name;
    // One that lets nobody in is there all the same.
    let listens = |endpoint: &&Endpoint| {
        endpoint.ports().contains(DOMAIN) && endpoint.protocol.transport() == Transport::Udp
    };
    let mut own = plan.machine(server.id).services.iter().map(|id| &model[*id]);
    let listener = own.find_map(|service| Some((service, service.endpoints.iter().find(listens)?)));
    let of = &network.name;
    let found = match listener {
        None => Diagnostic::new(
            &CODE,
            network.span,
            format!("nothing on `{there}` answers at {address}, the name server of `{of}`"),
        )
        .help("name another server in `dns=`, such as the router"),
        Some((service, endpoint)) => {
            let name = &endpoint.name;
            let zone = &model[machine.zone].name;
            Diagnostic::new(
                &CODE,
                network.span,
                format!("`{}` asks {address} for names, and is not let in", machine.name),
            )
            .label(service.span, "answers there")
            .label(machine.span, format!("it is in zone `{zone}`"))
            .help(format!("write `expose {name} to={zone}` in `{}`", service.name))
        }
    };
    found.label(server.machine.span, "has this address").on(there.clone())
}
