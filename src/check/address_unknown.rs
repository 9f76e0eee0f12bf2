//! Finds what only works with the address of a machine, where the lab does not know it.

use std::collections::BTreeSet;

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::model::{Machine, MachineId, ZoneKind};
use crate::plan::{Flow, FlowReason, FlowSource, Plan};
use crate::source::Span;

/// Finds machines without an address in the lab that a rule, a service, a host name or a route of
/// another machine must name.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code = codes::code!(
    "address-unknown",
    Error,
    "something needs the address of a machine, and the lab does not know it"
);

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    let model = plan.model;
    let unknown = |id: MachineId| model[id].address_is_unknown();
    if !model.machines().any(|(id, _)| unknown(id)) {
        return;
    }
    let mut said = BTreeSet::new();
    let mut report = |id: MachineId, span: Span, says: String| {
        if said.insert((span, id)) {
            diagnostics.push(found(plan, &model[id], span, says));
        }
    };
    for flow in &plan.flows {
        let to = &model[flow.to].name;
        if let Some(from) = named_source(plan, flow).filter(|from| unknown(*from)) {
            let says = format!("no rule of `{to}` can name `{}`", model[from].name);
            report(from, flow.span, says);
        }
        if unknown(flow.to) && needs_address(plan, flow) {
            report(flow.to, flow.span, format!("nobody knows where `{to}` is, for {}", why(flow)));
        }
    }
    for (_, service) in model.services() {
        for route in service.routes.iter().filter(|route| unknown(model[route.via].machine)) {
            let proxy = model[route.via].machine;
            let says = format!("`{}` can't lead to `{}`", route.host.value, model[proxy].name);
            report(proxy, route.span, says);
        }
        if let Some(gateway) = service.gateway.as_ref().filter(|_| unknown(service.machine)) {
            let says = format!(
                "no machine can have a route to `{}` by way of `{}`",
                model[gateway.network].name, model[service.machine].name
            );
            report(service.machine, service.span, says);
        }
    }
}

/// Returns the machine whose address a rule about the flow names.
fn named_source(plan: &Plan<'_>, flow: &Flow) -> Option<MachineId> {
    let FlowSource::Zone(zone) = flow.from else { return None };
    match plan.model[zone].kind {
        ZoneKind::Machine(from) if from != flow.to => Some(from),
        _ => None,
    }
}

/// Returns whether what connects is told the address of the machine by the lab.
fn needs_address(plan: &Plan<'_>, flow: &Flow) -> bool {
    match (flow.reason, flow.from) {
        // People find these machines themselves. A router does not.
        (FlowReason::Expose | FlowReason::Ssh | FlowReason::Route, FlowSource::Zone(zone)) => {
            plan.is_internet(zone)
        }
        _ => true,
    }
}

fn why(flow: &Flow) -> &'static str {
    match flow.reason {
        FlowReason::Expose | FlowReason::Route | FlowReason::Ssh => "a router that forwards to it",
        FlowReason::Proxy => "the proxy of a route",
        FlowReason::Scrape => "the Prometheus that scrapes it",
        FlowReason::Need | FlowReason::Link => "a service that connects to it",
        FlowReason::Share | FlowReason::ShareBySmb => "a machine that mounts a folder of it",
    }
}

fn found(plan: &Plan<'_>, machine: &Machine, span: Span, says: String) -> Diagnostic {
    let network = machine.networks().next().map(|network| plan.model[network].name.as_str());
    let write = format!("`address {} \"…\"`", network.unwrap_or("NETWORK"));
    let (place, label) = match &machine.lease {
        Some(lease) => (lease.span, "it asks for its address by DHCP"),
        None => (machine.span, "it has no address in the lab"),
    };
    let help = format!(
        "reserve an address for it where DHCP is served, or leave one out there, and write it in \
         `{}`: {write}",
        machine.name
    );
    Diagnostic::new(&CODE, span, says).label(place, label).help(help).on(machine.name.clone())
}
