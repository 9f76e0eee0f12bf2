//! May one place of the lab connect to another: through which rules, on which machines, from which
//! declarations.
//!
//! Answers from the [`Plan`] alone, as the emitted firewalls would: what is measured between
//! network namespaces in the tests.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;

use crate::diag::nearest;
use crate::model::{FirewallBackend, MachineId, ServiceId, Transport, ZoneId};
use crate::plan::way::{self, Place};
use crate::plan::{CidrSet, Flow, FlowSource, ForwardTarget, Guard, Plan};
use crate::source::Span;

/// The answer for one port of one machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The machine that is connected to.
    pub machine: MachineId,
    /// tcp or udp.
    pub transport: Transport,
    /// The port on that machine.
    pub port: u16,
    /// Whether the connection comes through.
    pub verdict: Verdict,
    /// What decides, in the order in which packets meet it.
    pub steps: Vec<Step>,
}

/// Says whether a connection comes through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// From every address of the place.
    Open,
    /// From these of its addresses only.
    Partly(CidrSet),
    /// From none.
    Closed,
}

/// A place on the way that lets a connection through or stops it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The machine on which it happens.
    pub machine: MachineId,
    /// What happens: `nftables: expose jellyfin.web from lan`.
    pub what: String,
    /// Whether it lets the connection through.
    pub passes: bool,
    /// The declaration behind it.
    pub span: Option<Span>,
}

/// Says that a word of the question names nothing in the lab.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unknown {
    /// The word.
    pub word: String,
    /// What it was taken for: `a zone, machine, service, host name or address`.
    pub expected: &'static str,
    /// A name that is like it.
    pub like: Option<String>,
}

impl fmt::Display for Unknown {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "`{}` is not {} of the lab", self.word, self.expected)?;
        self.like.as_ref().map_or(Ok(()), |like| write!(out, "; there is `{like}`"))
    }
}

/// The place where a connection begins.
#[derive(Debug, Clone)]
struct Origin {
    addresses: CidrSet,
    /// The machine it is on, when it is one.
    machine: Option<MachineId>,
    /// Whether it is a container on its machine's compose network.
    container: bool,
}

/// A port that is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Target {
    machine: MachineId,
    transport: Transport,
    port: u16,
}

/// Answers for every port that `to` names, or for all that are known there.
///
/// `from` is a zone, machine, service or address; `to` is a machine, service, host name of a route
/// or address of a machine, with `:PORT` or `:PORT/udp` behind it or, for a service, `:ENDPOINT`.
pub fn reach(plan: &Plan<'_>, from: &str, to: &str) -> Result<Vec<Answer>, Unknown> {
    let origin = origin(plan, from)?;
    Ok(targets(plan, to)?.into_iter().map(|target| answer(plan, &origin, target)).collect())
}

fn origin(plan: &Plan<'_>, word: &str) -> Result<Origin, Unknown> {
    let model = plan.model;
    if let Ok(address) = word.parse::<IpAddr>() {
        let addresses = CidrSet::new(&[IpNet::from(address)], &[]);
        return Ok(Origin { addresses, machine: machine_at(plan, address), container: false });
    }
    if let Some((id, service)) = model.services().find(|(_, service)| service.name == word) {
        let on_bridge = service
            .containers
            .first()
            .is_some_and(|container| is_on_bridge(plan, id, &container.name));
        let addresses = plan.zone(model[service.machine].own_zone).set();
        return Ok(Origin { addresses, machine: Some(service.machine), container: on_bridge });
    }
    let zone = model.zones.iter().position(|zone| zone.name == word).map(ZoneId::at);
    let zone = zone.ok_or_else(|| {
        let names = model
            .zones
            .iter()
            .map(|zone| zone.name.as_str())
            .chain(model.services.iter().map(|service| service.name.as_str()));
        Unknown {
            word: word.to_owned(),
            expected: "a zone, machine, service or address",
            like: nearest(word, names).map(str::to_owned),
        }
    })?;
    let machine = model.machines().find(|(_, machine)| machine.own_zone == zone).map(|(id, _)| id);
    Ok(Origin { addresses: plan.zone(zone).set(), machine, container: false })
}

fn targets(plan: &Plan<'_>, text: &str) -> Result<BTreeSet<Target>, Unknown> {
    let model = plan.model;
    // An IPv6 address has colons of its own; with a port it stands in brackets.
    let (word, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, rest)) => (address, rest.strip_prefix(':')),
        None if text.parse::<IpAddr>().is_ok() => (text, None),
        None => text.split_once(':').map_or((text, None), |(word, port)| (word, Some(port))),
    };
    let unknown = |word: &str, expected, names: &mut dyn Iterator<Item = &str>| Unknown {
        word: word.to_owned(),
        expected,
        like: nearest(word, names).map(str::to_owned),
    };
    if let Some((id, service)) = model.services().find(|(_, service)| service.name == word) {
        let endpoints = service.endpoints.iter().filter(|endpoint| {
            port.is_none_or(|port| {
                endpoint.name == port
                    || port.split('/').next() == Some(endpoint.host_port.to_string().as_str())
            })
        });
        let targets: BTreeSet<Target> = endpoints
            .map(|endpoint| Target {
                machine: model[id].machine,
                transport: endpoint.protocol.transport(),
                port: endpoint.host_port,
            })
            .collect();
        let mut names = service.endpoints.iter().map(|endpoint| endpoint.name.as_str());
        return if targets.is_empty() {
            Err(unknown(port.unwrap_or(word), "an endpoint", &mut names))
        } else {
            Ok(targets)
        };
    }
    if let Some(route) = plan.routes.iter().find(|route| route.host == word) {
        let proxy = &model[route.via];
        let listeners = proxy.proxy.iter().flat_map(|proxy| [proxy.https, proxy.http]).flatten();
        let endpoints = listeners.filter_map(|index| proxy.endpoints.get(index as usize));
        return Ok(endpoints
            .map(|endpoint| Target {
                machine: proxy.machine,
                transport: endpoint.protocol.transport(),
                port: endpoint.host_port,
            })
            .collect());
    }
    let by_name = model.machines().find(|(_, machine)| machine.name == word).map(|(id, _)| id);
    let machine = by_name.or_else(|| machine_at(plan, word.parse().ok()?)).ok_or_else(|| {
        let services = model.services.iter().map(|service| service.name.as_str());
        let mut names = model.machines.iter().map(|machine| machine.name.as_str()).chain(services);
        unknown(word, "a machine, service, host name or address of a machine", &mut names)
    })?;
    let Some(port) = port else {
        let flows = plan.inbound(machine).map(|flow| Target {
            machine,
            transport: flow.transport,
            port: flow.port,
        });
        let listeners = plan.listeners().filter(|(on, ..)| *on == machine);
        return Ok(flows
            .chain(listeners.map(|(_, port, transport, _)| Target { machine, transport, port }))
            .collect());
    };
    let (number, transport) = match port.split_once('/') {
        None => (port, Some(Transport::Tcp)),
        Some((number, "tcp")) => (number, Some(Transport::Tcp)),
        Some((number, "udp")) => (number, Some(Transport::Udp)),
        Some((number, _)) => (number, None),
    };
    match (number.parse(), transport) {
        (Ok(port), Some(transport)) => Ok(BTreeSet::from([Target { machine, transport, port }])),
        _ => Err(unknown(port, "a port", &mut std::iter::empty())),
    }
}

fn answer(plan: &Plan<'_>, origin: &Origin, target: Target) -> Answer {
    let mut steps = Vec::new();
    let verdict = if origin.machine == Some(target.machine) {
        within(plan, origin, target, &mut steps)
    } else {
        across(plan, origin, target, &mut steps)
    };
    Answer {
        machine: target.machine,
        transport: target.transport,
        port: target.port,
        verdict,
        steps,
    }
}

/// Answers for a connection that does not leave its machine.
fn within(plan: &Plan<'_>, origin: &Origin, target: Target, steps: &mut Vec<Step>) -> Verdict {
    let step = |what: &str, passes, span| Step {
        machine: target.machine,
        what: what.to_owned(),
        passes,
        span,
    };
    if !origin.container {
        steps.push(step("nothing is filtered on the way from a machine to itself", true, None));
        return Verdict::Open;
    }
    if plan
        .machine(target.machine)
        .published
        .iter()
        .any(|port| (port.host_port, port.transport) == (target.port, target.transport))
    {
        steps.push(step("containers of one machine share a network", true, None));
        return Verdict::Open;
    }
    let subnet =
        plan.machine(target.machine).bridge.iter().map(|bridge| bridge.subnet).collect::<Vec<_>>();
    let containers = CidrSet::new(&subnet, &[]);
    let opens = |flow: &&Flow| match flow.from {
        FlowSource::Containers => true,
        FlowSource::Zone(zone) => containers.intersection(&plan.zone(zone).set()) == containers,
    };
    if let Some(flow) = flows(plan, target).find(opens) {
        steps.push(step(&rule(plan, flow), true, Some(flow.span)));
        return Verdict::Open;
    }
    if plan.guard(target.machine) == Guard::Nothing {
        steps.push(step(UNGUARDED, true, None));
        return Verdict::Open;
    }
    steps.push(step("no rule lets its own containers in", false, None));
    Verdict::Closed
}

const UNGUARDED: &str = "labwright writes no firewall for this machine";

/// Answers for a connection over the network.
fn across(plan: &Plan<'_>, origin: &Origin, target: Target, steps: &mut Vec<Step>) -> Verdict {
    let mut left = origin.addresses.clone();
    // The clients of a network behind a machine come through it, and may appear as it.
    for (gateway, clients) in plan
        .model
        .machines()
        .flat_map(|(id, _)| plan.machine(id).clients.iter().map(move |clients| (id, clients)))
    {
        let network = &plan.model[clients.network];
        let inside = left.intersection(&CidrSet::new(&network.prefixes, &[]));
        if inside.is_empty() || gateway == target.machine {
            continue;
        }
        let addresses: Vec<IpAddr> =
            plan.model[target.machine].addresses.iter().map(|address| address.address).collect();
        let passes = clients.targets.iter().any(|to| match to {
            ForwardTarget::Port { addresses: to, port, transport } => {
                (*port, *transport) == (target.port, target.transport)
                    && addresses.iter().any(|address| to.contains(address))
            }
            ForwardTarget::Zone(zone) => {
                addresses.iter().any(|address| plan.zone(*zone).set().contains(*address))
            }
        });
        let (forwards, to) = (
            if passes { "forwards" } else { "does not forward" },
            &plan.model[target.machine].name,
        );
        let what = format!("{forwards} {target} from {} to {to}", network.name);
        steps.push(Step { machine: gateway, what, passes, span: Some(network.span) });
        if !passes {
            left = left.difference(&inside);
        } else if clients.masquerade
            && !addresses.iter().any(|address| clients.way_back.contains(address))
        {
            let own = plan.zone(plan.model[gateway].own_zone).set();
            left = CidrSet::union([&left.difference(&inside), &own]);
            steps.push(Step {
                machine: gateway,
                what: "they appear as this machine".to_owned(),
                passes: true,
                span: None,
            });
        }
    }
    if left.is_empty() {
        return Verdict::Closed;
    }
    if plan.guard(target.machine) == Guard::Nothing {
        steps.push(Step {
            machine: target.machine,
            what: UNGUARDED.to_owned(),
            passes: true,
            span: None,
        });
        return verdict(origin, left);
    }
    let mut open = CidrSet::default();
    for flow in flows(plan, target) {
        let FlowSource::Zone(zone) = flow.from else { continue };
        let inside = left.intersection(&plan.zone(zone).set());
        if !inside.is_empty() {
            steps.push(Step {
                machine: target.machine,
                what: rule(plan, flow),
                passes: true,
                span: Some(flow.span),
            });
            open = CidrSet::union([&open, &inside]);
        }
    }
    if open.is_empty() {
        let what = format!(
            "{}: no rule opens {target} from there",
            guard_name(plan.guard(target.machine))
        );
        steps.push(Step { machine: target.machine, what, passes: false, span: None });
        return Verdict::Closed;
    }
    if left.difference(&open).is_empty() { verdict(origin, left) } else { Verdict::Partly(open) }
}

/// Says how much of the place is left; those that appear as another machine count as they began.
fn verdict(origin: &Origin, left: CidrSet) -> Verdict {
    let stopped = origin.addresses.difference(&left);
    if stopped.is_empty() || origin.addresses.intersection(&left).is_empty() {
        Verdict::Open
    } else {
        Verdict::Partly(left)
    }
}

fn flows<'p>(plan: &'p Plan<'_>, target: Target) -> impl Iterator<Item = &'p Flow> {
    plan.inbound(target.machine)
        .filter(move |flow| (flow.transport, flow.port) == (target.transport, target.port))
}

fn rule(plan: &Plan<'_>, flow: &Flow) -> String {
    format!(
        "{}: {} from {}",
        guard_name(plan.guard(flow.to)),
        plan.reason(flow),
        plan.source_name(flow.from)
    )
}

fn guard_name(guard: Guard) -> &'static str {
    match guard {
        Guard::Own(FirewallBackend::Ufw) => "ufw and nftables",
        Guard::Own(FirewallBackend::Nftables) => "nftables",
        Guard::Proxmox => "the Proxmox firewall",
        Guard::Own(FirewallBackend::None) | Guard::Nothing => "no firewall",
    }
}

fn machine_at(plan: &Plan<'_>, address: IpAddr) -> Option<MachineId> {
    plan.model
        .machines()
        .find(|(_, machine)| machine.addresses.iter().any(|own| own.address == address))
        .map(|(id, _)| id)
}

fn is_on_bridge(plan: &Plan<'_>, service: ServiceId, container: &str) -> bool {
    let services = &plan.machine(plan.model[service].machine).services;
    matches!(way::place(plan.model, services, Some(container)), Place::Container(_))
}

impl fmt::Display for Target {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.port, self.transport.name())
    }
}
