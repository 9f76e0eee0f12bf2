//! Collects who reaches a machine: open ports, host names, and what routers forward.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;

use crate::emit::Context;
use crate::model::{Model, Ports, Role, Router, Transport, ZoneId};
use crate::plan::{ALL_CONTAINERS, Flow, FlowSource, RoutePlan, RouterForward};

#[derive(Debug, Serialize)]
pub(super) struct FlowView {
    port: Ports,
    transport: &'static str,
    what: String,
    from: Vec<String>,
}

#[derive(Debug, PartialEq, Serialize)]
pub(super) struct MeetView<'p> {
    from: &'p str,
    to: String,
    reason: &'static str,
}

/// The host names of a machine, and who answers for them.
#[derive(Debug, Serialize)]
pub(super) struct RoutesView<'p> {
    list: Vec<RouteView<'p>>,
    /// The services that answer for the names inside the lab.
    answering: Vec<&'p str>,
    /// The names that everyone on the internet may visit.
    public: Vec<String>,
}

#[derive(Debug, Serialize)]
struct RouteView<'p> {
    host: String,
    service: &'p str,
    via: &'p str,
    /// The addresses that the name must lead to inside the lab.
    leads_to: Vec<String>,
    from: Vec<&'p str>,
}

#[derive(Debug, Serialize)]
pub(super) struct ForwardView<'p> {
    router: &'p str,
    router_address: String,
    port: Ports,
    transport: &'static str,
    to: String,
    machine: &'p str,
}

/// Lists the ports that are open, with who may connect and why.
pub(super) fn flows(context: &Context<'_>) -> Vec<FlowView> {
    let mut ports: BTreeMap<(Ports, Transport, String), Vec<String>> = BTreeMap::new();
    for flow in context.plan.inbound(context.machine) {
        let port = (flow.ports, flow.transport, answers(context.model(), flow));
        ports.entry(port).or_default().push(format!(
            "{} ({})",
            source(context.model(), flow.from),
            flow.reason.name()
        ));
    }
    let view = |((port, transport, what), mut from): ((_, Transport, _), Vec<String>)| {
        from.sort();
        // A zone may reach a port for one reason in several flows, and a person needs it once.
        from.dedup();
        FlowView { port, transport: transport.name(), what, from }
    };
    ports.into_iter().map(view).collect()
}

fn answers(model: &Model, flow: &Flow) -> String {
    let endpoint =
        |endpoint| format!("{} of {}", model.endpoint(endpoint).name, model[endpoint.service].name);
    flow.endpoint.map_or_else(|| flow.reason.answers().to_owned(), endpoint)
}

fn source(model: &Model, from: FlowSource) -> Cow<'_, str> {
    match from {
        FlowSource::Zone(from) => zone(model, from).into(),
        FlowSource::Containers(service) => format!("containers of {}", model[service].name).into(),
        FlowSource::Neighbours(_) => ALL_CONTAINERS.into(),
    }
}

/// Lists the containers of different services that meet.
pub(super) fn meets<'p>(context: &Context<'p>) -> Vec<MeetView<'p>> {
    let meets = context.planned().meets.iter().map(|meet| MeetView {
        from: &context.model()[meet.by].name,
        to: context.plan.met(meet),
        reason: meet.reason.name(),
    });
    // Two routes to one service are one line.
    let mut meets: Vec<MeetView<'p>> = meets.collect();
    meets.dedup();
    meets
}

/// Lists the host names that a proxy on this machine serves, or that lead to a service on it.
pub(super) fn routes<'p>(context: &Context<'p>) -> RoutesView<'p> {
    let model = context.model();
    let view = |route: &'p RoutePlan| RouteView {
        host: route.name(),
        service: &model[route.service].name,
        via: &model[route.via].name,
        leads_to: context.plan.visited(route).iter().map(ToString::to_string).collect(),
        from: route.from.iter().map(|from| zone(model, *from)).collect(),
    };
    let answering = model.services().filter(|(_, service)| service.has(Role::Dns));
    let public = context.plan.routes_at(context.machine).filter(|route| route.public);
    let mut public: Vec<String> = public.map(RoutePlan::name).collect();
    public.sort();
    public.dedup();
    RoutesView {
        list: context.plan.routes_at(context.machine).map(view).collect(),
        answering: answering.map(|(_, service)| service.name.as_str()).collect(),
        public,
    }
}

/// Lists what the routers must forward for the internet to reach this machine.
pub(super) fn forwards<'p>(context: &Context<'p>) -> Vec<ForwardView<'p>> {
    let model = context.model();
    let internet =
        |flow: &Flow| matches!(flow.from, FlowSource::Zone(from) if context.plan.is_internet(from));
    // The internet does not reach most machines, and the list of forwards is that of the whole lab.
    if !context.plan.inbound(context.machine).any(internet) {
        return Vec::new();
    }
    let forwards = context.plan.forwards_to(context.machine).into_iter();
    forwards.map(|forward| view(model, &forward)).collect()
}

/// Lists what the machine itself must forward, if it is a router of the lab.
pub(super) fn forwarded<'p>(context: &Context<'p>) -> Vec<ForwardView<'p>> {
    let model = context.model();
    let own = &context.this().addresses;
    let is_own = |router: &Router| own.iter().any(|own| own.address == router.address);
    if !model.routers.iter().any(is_own) {
        return Vec::new();
    }
    let all = model.machines().flat_map(|(machine, _)| context.plan.forwards_to(machine));
    let mut forwards: Vec<RouterForward> =
        all.filter(|forward| is_own(model.router(forward.router))).collect();
    forwards.sort();
    forwards.iter().map(|forward| view(model, forward)).collect()
}

fn view<'p>(model: &'p Model, forward: &RouterForward) -> ForwardView<'p> {
    let router = model.router(forward.router);
    ForwardView {
        router: &router.name,
        router_address: router.address.to_string(),
        port: forward.ports,
        transport: forward.transport.name(),
        to: forward.address.to_string(),
        machine: &model[forward.machine].name,
    }
}

pub(super) fn zone(model: &Model, zone: ZoneId) -> &str {
    &model[zone].name
}
