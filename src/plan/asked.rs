//! Finds what asks a proxy by the names of routes from the proxy's own machine, such as a program
//! that watches them. At the machine's address, the firewall takes it for a stranger.

use std::collections::BTreeMap;

use super::{CidrSet, Flow, FlowSource, MachinePlan, Plan};
use crate::around::networks::ContainerNetwork;
use crate::model::{EndpointId, Model, ServiceId};

/// Returns whether an endpoint is a listener of a proxy.
fn is_listener(model: &Model, id: EndpointId) -> bool {
    let proxy = model[id.service].proxy.as_ref();
    proxy.is_some_and(|proxy| [proxy.http, proxy.https].contains(&Some(id.index)))
}

/// Gives proxies the names of their routes on the networks where others on their machine ask them,
/// so that these names lead there.
pub(super) fn name_proxies(model: &Model, machines: &mut [MachinePlan<'_>]) {
    let mut hosts: BTreeMap<ServiceId, Vec<String>> = BTreeMap::new();
    for route in model.services.iter().flat_map(|service| &service.routes) {
        // No network of Docker knows a name that stands for many.
        if !route.host.value.starts_with('*') {
            hosts.entry(route.via).or_default().push(route.host.value.clone());
        }
    }
    for machine in machines {
        for meet in &machine.meets {
            let Some(listener) = meet.endpoint.filter(|id| is_listener(model, *id)) else {
                continue;
            };
            let (from, to) = (&meet.meeting.from, &meet.meeting.to);
            let shared = machine.networks.list.iter_mut();
            let shared = shared.filter(|network| network.has(from) && network.has(to));
            let members = shared.flat_map(|network| &mut network.members);
            for member in members.filter(|member| member.container == *to) {
                member.aliases.extend(hosts.get(&listener.service).into_iter().flatten().cloned());
                member.aliases.sort();
                member.aliases.dedup();
            }
        }
    }
}

/// Returns the addresses from which proxies are asked so.
pub(super) fn askers(plan: &Plan<'_>) -> BTreeMap<ServiceId, CidrSet> {
    let mut askers: BTreeMap<ServiceId, CidrSet> = BTreeMap::new();
    let mut add = |via: ServiceId, network: &ContainerNetwork| {
        let subnets: Vec<_> = network.subnets().collect();
        let known = askers.entry(via).or_default();
        *known = CidrSet::union([&*known, &CidrSet::new(&subnets, &[])]);
    };
    for machine in &plan.machines {
        for meet in &machine.meets {
            let listener = meet.endpoint.filter(|id| is_listener(plan.model, *id));
            let network = machine.networks.between(&meet.meeting.from, &meet.meeting.to);
            if let (Some(listener), Some(network)) = (listener, network) {
                add(listener.service, network);
            }
        }
    }
    // A proxy on the machine's own network is asked at the machine's address.
    let listener = |flow: &Flow| flow.endpoint.filter(|id| is_listener(plan.model, *id));
    for flow in &plan.flows {
        if let (Some(listener), FlowSource::Containers(service)) = (listener(flow), flow.from) {
            for network in plan.own_networks(service) {
                add(listener.service, network);
            }
        }
    }
    askers
}
