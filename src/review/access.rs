//! Collects who may reach what: ports by machine, what the internet sees, host names, and networks
//! behind machines.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::Serialize;

use super::view::{MeetView, meets};
use crate::model::{
    EndpointId, FirewallBackend, Machine, MachineId, Model, Ports, Transport, ZoneId, ZoneKind,
};
use crate::plan::{Flow, FlowSource, ForwardTarget, Guard, Plan, may_hold_secret};
use crate::source::Sources;

/// The ports of every machine, with the zones that may connect to them.
#[derive(Serialize)]
pub(super) struct Access<'p> {
    /// The zones of several addresses, the internet first. They are the columns.
    zones: Vec<Column<'p>>,
    machines: Vec<MachinePorts<'p>>,
    /// The containers of different services that meet.
    meets: Vec<MeetView>,
    /// The places that clients of networks behind machines reach.
    behind: Vec<Behind<'p>>,
}

#[derive(Serialize)]
struct Column<'p> {
    name: &'p str,
    internet: bool,
}

#[derive(Serialize)]
struct MachinePorts<'p> {
    name: &'p str,
    guard: &'static str,
    unguarded: bool,
    ports: Vec<PortRow<'p>>,
}

#[derive(Serialize)]
struct PortRow<'p> {
    port: Ports,
    proto: &'static str,
    what: Vec<String>,
    /// The container and port that the connection ends at, if a container publishes the port:
    /// `jellyfin:8096`.
    inside: Option<String>,
    admin: bool,
    database: bool,
    internet: bool,
    /// The reasons why each of [`Access::zones`] may connect, none if it may not.
    zones: Vec<Vec<&'static str>>,
    /// The single machines, and containers on the same machine, that may connect.
    single: Vec<Cow<'p, str>>,
    because: Vec<Because<'p>>,
}

/// A declaration that opens a port.
#[derive(Serialize)]
pub(super) struct Because<'p> {
    reason: &'static str,
    what: String,
    place: String,
    from: Vec<Cow<'p, str>>,
}

#[derive(Serialize)]
struct Behind<'p> {
    network: &'p str,
    machine: &'p str,
    reaches: Vec<String>,
    masquerade: bool,
}

/// A port that the whole internet may connect to.
#[derive(Serialize)]
pub(super) struct InternetPort<'p> {
    machine: &'p str,
    address: Option<String>,
    port: Ports,
    proto: &'static str,
    what: Vec<String>,
    admin: bool,
    unguarded: bool,
    /// The routers that must forward it, and where to.
    forwards: Vec<Forward<'p>>,
    because: Vec<Because<'p>>,
}

#[derive(Serialize)]
struct Forward<'p> {
    router: &'p str,
    to: String,
}

/// A host name.
#[derive(Serialize)]
pub(super) struct Name<'p> {
    host: String,
    service: &'p str,
    machine: &'p str,
    upstream: String,
    via: &'p str,
    via_machine: &'p str,
    from: Vec<&'p str>,
    pub(super) public: bool,
    auth: Option<&'p str>,
    /// What the proxy does on the way.
    handled: Vec<String>,
    place: String,
}

/// Collects the ports of every machine that listens or may be connected to.
pub(super) fn access<'p>(plan: &'p Plan<'_>, sources: &Sources) -> Access<'p> {
    let model = plan.model;
    let columns = columns(plan);
    let addresses = |machine: &'p Machine| {
        machine.addresses.iter().map(|address| (address.address, machine.name.as_str()))
    };
    let owners: BTreeMap<IpAddr, &str> = model.machines.iter().flat_map(addresses).collect();
    let mut listeners: BTreeMap<MachineId, Listeners> = BTreeMap::new();
    for (machine, port, transport, endpoint) in plan.listeners() {
        listeners.entry(machine).or_default().entry((port, transport)).or_default().push(endpoint);
    }
    let machines = model.machines().filter_map(|(id, machine)| {
        let ports = ports(plan, id, listeners.remove(&id).unwrap_or_default(), &columns, sources);
        let guard = plan.guard(id);
        (!ports.is_empty()).then(|| MachinePorts {
            name: &machine.name,
            guard: guard_name(guard),
            unguarded: guard == Guard::Nothing,
            ports,
        })
    });
    Access {
        machines: machines.collect(),
        meets: meets(plan, sources),
        behind: model.machines().flat_map(|(id, _)| behind(plan, id, &owners)).collect(),
        zones: columns
            .into_iter()
            .map(|zone| Column { name: &model[zone].name, internet: plan.is_internet(zone) })
            .collect(),
    }
}

/// The endpoints that listen on a port, and the flows that open it.
type Found<'p> = (Vec<EndpointId>, Vec<&'p Flow>);

/// The endpoints that listen on each port of a machine.
type Listeners = BTreeMap<(Ports, Transport), Vec<EndpointId>>;

/// Lists the zones that may connect to something, the internet first. Zones of a single machine are
/// left out.
fn columns(plan: &Plan<'_>) -> Vec<ZoneId> {
    let shared = |zone: ZoneId| !matches!(plan.model[zone].kind, ZoneKind::Machine(_));
    let mut zones: Vec<ZoneId> = plan
        .flows
        .iter()
        .filter_map(|flow| match flow.from {
            FlowSource::Zone(zone) if shared(zone) => Some(zone),
            _ => None,
        })
        .collect();
    zones.sort_by_key(|zone| (!plan.is_internet(*zone), *zone));
    zones.dedup();
    zones
}

fn ports<'p>(
    plan: &'p Plan<'_>,
    machine: MachineId,
    listeners: Listeners,
    columns: &[ZoneId],
    sources: &Sources,
) -> Vec<PortRow<'p>> {
    let model = plan.model;
    let mut all: BTreeMap<(Ports, Transport), Found<'_>> = BTreeMap::new();
    for (port, endpoints) in listeners {
        all.entry(port).or_default().0 = endpoints;
    }
    for flow in plan.inbound(machine) {
        let (endpoints, flows) = all.entry((flow.ports, flow.transport)).or_default();
        endpoints.extend(flow.endpoint);
        flows.push(flow);
    }
    let published = &plan.machine(machine).published;
    let view = |((port, transport), (mut endpoints, flows)): ((Ports, Transport), Found<'_>)| {
        endpoints.sort_unstable();
        endpoints.dedup();
        let from =
            |zone: ZoneId| flows.iter().filter(move |flow| flow.from == FlowSource::Zone(zone));
        let reasons = |zone| {
            let mut reasons: Vec<&str> = from(zone).map(|flow| flow.reason.name()).collect();
            reasons.sort_unstable();
            reasons.dedup();
            reasons
        };
        let in_column =
            |source| matches!(source, FlowSource::Zone(zone) if columns.contains(&zone));
        let mut single: Vec<Cow<'_, str>> = flows
            .iter()
            .filter(|flow| !in_column(flow.from))
            .map(|flow| source(plan, flow.from))
            .collect();
        single.sort_unstable();
        single.dedup();
        let inside = published
            .iter()
            .find(|published| (published.host_ports, published.transport) == (port, transport));
        PortRow {
            port,
            proto: transport.name(),
            what: what(model, &endpoints, &flows),
            inside: inside
                .map(|published| format!("{}:{}", published.container, published.container_ports)),
            admin: endpoints.iter().any(|endpoint| model.endpoint(*endpoint).admin),
            database: endpoints.iter().any(|endpoint| model.endpoint(*endpoint).database),
            internet: columns
                .iter()
                .any(|zone| plan.is_internet(*zone) && from(*zone).next().is_some()),
            zones: columns.iter().map(|zone| reasons(*zone)).collect(),
            single,
            because: because(plan, &flows, sources),
        }
    };
    all.into_iter().map(view).collect()
}

fn what(model: &Model, endpoints: &[EndpointId], flows: &[&Flow]) -> Vec<String> {
    let named = endpoints.iter().map(|endpoint| {
        format!("{}.{}", model[endpoint.service].name, model.endpoint(*endpoint).name)
    });
    let unnamed = flows
        .iter()
        .find(|flow| flow.endpoint.is_none())
        .map(|flow| flow.reason.answers().to_owned());
    named.chain(unnamed).collect()
}

/// Merges the flows that one declaration opens for one reason.
fn because<'p>(plan: &'p Plan<'_>, flows: &[&Flow], sources: &Sources) -> Vec<Because<'p>> {
    let mut joined: BTreeMap<_, Vec<Cow<'_, str>>> = BTreeMap::new();
    for flow in flows {
        joined
            .entry((flow.reason, flow.span, flow.endpoint))
            .or_default()
            .push(source(plan, flow.from));
    }
    let model = plan.model;
    let view = |((reason, span, endpoint), mut from): (
        (crate::plan::FlowReason, _, Option<EndpointId>),
        Vec<Cow<'p, str>>,
    )| {
        from.sort_unstable();
        from.dedup();
        let what = endpoint.map(|endpoint| {
            format!("{}.{}", model[endpoint.service].name, model.endpoint(endpoint).name)
        });
        Because {
            reason: reason.name(),
            what: what.unwrap_or_default(),
            place: sources.place(span),
            from,
        }
    };
    joined.into_iter().map(view).collect()
}

fn source<'p>(plan: &'p Plan<'_>, from: FlowSource) -> Cow<'p, str> {
    match from {
        FlowSource::Zone(zone) => plan.model[zone].name.as_str().into(),
        FlowSource::Containers(service) => {
            format!("containers of {}", plan.model[service].name).into()
        }
        FlowSource::Neighbours(_) => plan.source_name(from),
    }
}

const fn guard_name(guard: Guard) -> &'static str {
    match guard {
        Guard::Own(FirewallBackend::Ufw) => "guarded by ufw and nftables",
        Guard::Own(_) => "guarded by nftables",
        Guard::Proxmox => "guarded by the firewall of Proxmox",
        Guard::Nothing => "guarded by nothing in this release",
    }
}

fn behind<'p>(
    plan: &'p Plan<'_>,
    machine: MachineId,
    owners: &BTreeMap<IpAddr, &str>,
) -> Vec<Behind<'p>> {
    let model = plan.model;
    let target = |target: &ForwardTarget| match target {
        ForwardTarget::Port { addresses, ports, transport } => {
            let first = addresses.first();
            let owner =
                first.and_then(|address| owners.get(address)).map(|name| (*name).to_owned());
            let owner = owner.or_else(|| first.map(ToString::to_string)).unwrap_or_default();
            format!("{owner}:{ports}/{}", transport.name())
        }
        ForwardTarget::Zone(zone) => format!("all of {}", model[*zone].name),
    };
    let clients = plan.machine(machine).clients.iter();
    clients
        .map(|clients| Behind {
            network: &model[clients.network].name,
            machine: &model[machine].name,
            reaches: clients.targets.iter().map(target).collect(),
            masquerade: clients.masquerade,
        })
        .collect()
}

/// Lists the ports that the whole internet may connect to.
pub(super) fn internet<'p>(plan: &'p Plan<'_>, sources: &Sources) -> Vec<InternetPort<'p>> {
    let model = plan.model;
    let mut ports: BTreeMap<(MachineId, Ports, Transport), Vec<&Flow>> = BTreeMap::new();
    for flow in &plan.flows {
        if matches!(flow.from, FlowSource::Zone(zone) if plan.is_internet(zone)) {
            ports.entry((flow.to, flow.ports, flow.transport)).or_default().push(flow);
        }
    }
    let mut forwards: BTreeMap<(MachineId, Ports, Transport), Vec<Forward<'p>>> = BTreeMap::new();
    for forward in plan.router_forwards() {
        let (router, to) = (
            &model.routers[forward.router as usize].name,
            format!("{}:{}", forward.address, forward.ports),
        );
        forwards
            .entry((forward.machine, forward.ports, forward.transport))
            .or_default()
            .push(Forward { router, to });
    }
    let view =
        |((machine, port, transport), flows): ((MachineId, Ports, Transport), Vec<&Flow>)| {
            let mut endpoints: Vec<EndpointId> =
                flows.iter().filter_map(|flow| flow.endpoint).collect();
            endpoints.sort_unstable();
            endpoints.dedup();
            InternetPort {
                machine: &model[machine].name,
                address: model[machine].address().map(|address| address.to_string()),
                port,
                proto: transport.name(),
                what: what(model, &endpoints, &flows),
                admin: endpoints.iter().any(|endpoint| model.endpoint(*endpoint).admin),
                unguarded: plan.guard(machine) == Guard::Nothing,
                forwards: forwards.remove(&(machine, port, transport)).unwrap_or_default(),
                because: because(plan, &flows, sources),
            }
        };
    ports.into_iter().map(view).collect()
}

fn handled((what, how): &(String, String)) -> String {
    let how = if may_hold_secret(what) { "set" } else { how };
    format!("{what}: {how}")
}

/// Lists the host names.
pub(super) fn names<'p>(plan: &'p Plan<'_>, sources: &Sources) -> Vec<Name<'p>> {
    let model = plan.model;
    let view = |route: &'p crate::plan::RoutePlan| Name {
        host: route.name(),
        service: &model[route.service].name,
        machine: &model[model[route.service].machine].name,
        upstream: route.upstream.url(route.upstream_protocol.scheme()),
        via: &model[route.via].name,
        via_machine: &model[model[route.via].machine].name,
        from: route.from.iter().map(|zone| model[*zone].name.as_str()).collect(),
        public: route.public,
        auth: route.auth.as_ref().map(|auth| model[auth.endpoint.service].name.as_str()),
        handled: route.handled(model).iter().map(handled).collect(),
        place: sources.place(route.span),
    };
    let mut names: Vec<Name<'p>> = plan.routes.iter().map(view).collect();
    // The names that the internet sees come first, as a reader must not miss them.
    names.sort_by(|one, other| (!one.public, &one.host).cmp(&(!other.public, &other.host)));
    names
}
