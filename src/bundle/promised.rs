//! Compares what a machine is to try with what the other machines open to it.
//!
//! Which of the closed ports it tries is nothing that another bundle says.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::derived::{CONNECTIONS, Summary};
use crate::model::{MachineKind, Ports};
use crate::plan::NEIGHBOURS;

/// Finds a port that a machine is told to reach though the other one does not open it, or is not
/// told to reach though it does. All machines of the lab are given, by name.
pub fn wrong(machines: &BTreeMap<&str, &Summary>) -> Option<String> {
    let all: Vec<&Summary> = machines.values().copied().collect();
    let wrong = |(at, bundle): (usize, &&Summary)| {
        let said = |to: &str, port: u16| {
            let (machine, table) = (&bundle.machine, CONNECTIONS);
            format!("`{table}` of `{machine}` is wrong about port {port} of `{to}`")
        };
        let too_much = bundle.reached.iter().find(|(to, port)| {
            let target = machines.get(to.as_str());
            target.is_some_and(|target| !target.lets_in(*port, &bundle.own.addresses))
        });
        let left_out = || {
            let asked = asked(&all, at).into_iter().filter_map(|to| all.get(to));
            asked.flat_map(|target| opened(bundle, target)).find(|(to, port)| {
                !bundle.reached.iter().any(|(known, own)| known == to && own == port)
            })
        };
        let (to, port) = too_much.cloned().or_else(left_out)?;
        Some(said(&to, port))
    };
    all.iter().enumerate().find_map(wrong)
}

/// Lists the machines, by number, that a machine tries.
fn asked(all: &[&Summary], from: usize) -> BTreeSet<usize> {
    let Some(own) = all.get(from).filter(|own| own.own.kind != MachineKind::Appliance.name())
    else {
        return BTreeSet::new();
    };
    let count = all.len();
    let ring = (1..count.min(NEIGHBOURS + 1)).map(|step| (from + step) % count);
    let partners = all.iter().enumerate().filter(|(at, to)| {
        *at != from && to.flows.iter().any(|(source, ..)| *source == own.machine)
    });
    ring.chain(partners.map(|(at, _)| at)).collect()
}

/// Lists the ports that a machine opens to another one, the first of several in a row. One with
/// several addresses may open a port at one of them alone, which its table does not say.
fn opened(from: &Summary, to: &Summary) -> Vec<(String, u16)> {
    let addresses = |of: &Summary| -> Vec<IpAddr> {
        of.own.addresses.iter().filter_map(|address| address.parse().ok()).collect()
    };
    let [address] = addresses(to)[..] else { return Vec::new() };
    let own = addresses(from).into_iter().find(|own| own.is_ipv4() == address.is_ipv4());
    let Some(own) = own else { return Vec::new() };
    let open = to.open.iter().filter(|((proto, _), set)| proto == "tcp" && set.contains(own));
    open.filter_map(|((_, ports), _)| Some((to.machine.clone(), Ports::parse(ports)?.first)))
        .collect()
}
