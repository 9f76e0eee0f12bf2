//! Finds two programs of one machine that use the same port.

use std::collections::BTreeMap;

use super::Rule;
use super::sockets::{Socket, sockets};
use super::systems::{SSHD, SystemPort, Systems};
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::model::{EndpointId, MachineId, Ports, Transport};
use crate::plan::Plan;
use crate::source::Span;

/// Finds ports that two endpoints of a machine use.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code =
    codes::code!("host-port-twice", Error, "two services want the same port of one machine");

/// What takes ports of a machine, by transport and first port.
type Taken = BTreeMap<(MachineId, Transport, u16), Vec<(Ports, EndpointId)>>;

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    let model = plan.model;
    let mut taken = Taken::new();
    let systems = Systems::new(plan);
    check_sshd(plan, &systems, diagnostics);
    let used = used(plan, &systems);
    // Ports of one row begin no further before a port than this.
    let mut longest = 0;
    for (machine, ports, transport, endpoint) in plan.listeners() {
        let host = &model[machine];
        let own = systems
            .of(machine)
            .iter()
            .find(|own| own.transport == transport && ports.contains(own.port));
        if let Some(own) = own {
            let (service, name) = (&model[endpoint.service], &model.endpoint(endpoint).name);
            let (port, word) = (own.port, transport.name());
            let message = format!("port {port}/{word} of `{}` is used twice", host.name);
            let help =
                format!("give the service another port: {}", free(plan, &used, machine, endpoint));
            diagnostics.push(
                Diagnostic::new(&CODE, service.span, message)
                    .caption(format!("by `{name}` of `{}`", service.name))
                    .label(own.span, format!("and by {}", own.what))
                    .help(help)
                    .on(service.name.clone()),
            );
        }
        let begin = ports.first.saturating_sub(longest);
        let near = taken.range((machine, transport, begin)..=(machine, transport, ports.last));
        let other = near.flat_map(|(_, others)| others).find_map(|(others, first)| {
            let both = ports.first.max(others.first);
            let meets = ports.overlaps(*others) && !are_same(plan, *first, endpoint);
            meets.then_some((both, *first))
        });
        if let Some((port, first)) = other {
            let (one, other) = (&model[first.service], &model[endpoint.service]);
            let (a, b) = (model.endpoint(first), model.endpoint(endpoint));
            diagnostics.push(
                Diagnostic::new(
                    &CODE,
                    other.span,
                    format!("port {port}/{} of `{}` is used twice", transport.name(), host.name),
                )
                .caption(format!("by `{}` of `{}`", b.name, other.name))
                .label(one.span, format!("and by `{}` of `{}`", a.name, one.name))
                .help(format!(
                    "give one of them another port: {}",
                    free(plan, &used, machine, endpoint)
                ))
                .on(other.name.clone()),
            );
        }
        longest = longest.max(ports.more());
        taken.entry((machine, transport, ports.first)).or_default().push((ports, endpoint));
    }
    check_sockets(plan, &systems, diagnostics);
}

/// Finds ports of sshd that another program of the system has.
fn check_sshd(plan: &Plan<'_>, systems: &Systems, diagnostics: &mut Diagnostics) {
    for (id, machine) in plan.model.machines() {
        let is_sshd = |own: &&SystemPort| own.what == SSHD;
        let (sshd, others): (Vec<_>, Vec<_>) = systems.of(id).iter().partition(is_sshd);
        for ssh in sshd {
            let has = |own: &&&SystemPort| (own.port, own.transport) == (ssh.port, ssh.transport);
            let Some(taken) = others.iter().find(has) else { continue };
            let message = format!("port {}/tcp of `{}` is used twice", ssh.port, machine.name);
            diagnostics.push(
                Diagnostic::new(&CODE, ssh.span, message)
                    .caption("by sshd")
                    .label(taken.span, format!("and by {}", taken.what))
                    .help("let sshd listen on another port, such as 22")
                    .on(machine.name.clone()),
            );
        }
    }
}

/// Finds ports on which systemd listens for a unit, and something else does too.
fn check_sockets(plan: &Plan<'_>, systems: &Systems, diagnostics: &mut Diagnostics) {
    let model = plan.model;
    let sockets = sockets(plan);
    if sockets.is_empty() {
        return;
    }
    let mut taken: BTreeMap<(MachineId, Transport, u16), Vec<&Socket<'_>>> = BTreeMap::new();
    for socket in &sockets {
        let machine = model[socket.service].machine;
        let host = &model[machine];
        let of = &model[socket.service];
        let mut report = |span: Span, by: String| {
            let name = socket.transport.name();
            let message = format!("port {}/{name} of `{}` is used twice", socket.port, host.name);
            diagnostics.push(
                Diagnostic::new(&CODE, of.span, message)
                    .label(socket.span, format!("by the unit `{}` of `{}`", socket.unit, of.name))
                    .label(span, by)
                    .help("let the unit listen on another port, or give the other one another")
                    .on(of.name.clone()),
            );
        };
        let mut own = systems.of(machine).iter();
        let is_its =
            |own: &&SystemPort| own.port == socket.port && own.transport == socket.transport;
        if let Some(own) = own.find(is_its) {
            report(own.span, format!("and by {}", own.what));
        }
        let others = taken.entry((machine, socket.transport, socket.port)).or_default();
        let meets = |other: &&&Socket<'_>| {
            other.address.is_none() || socket.address.is_none() || other.address == socket.address
        };
        if let Some(other) = others.iter().find(meets) {
            report(other.span, format!("and by the unit `{}`", other.unit));
        }
        others.push(socket);
    }
    for (machine, ports, transport, id) in plan.listeners() {
        let endpoint = model.endpoint(id);
        let from = (machine, transport, ports.first);
        let near = taken.range(from..=(machine, transport, ports.last)).flat_map(|(_, all)| all);
        // The endpoint of a program without a container is what its own unit listens for.
        let is_other = |socket: &&&Socket<'_>| {
            let apart = socket.address.is_some_and(|address| {
                !endpoint.addresses.is_empty() && !endpoint.addresses.contains(&address)
            });
            !apart && (socket.service != id.service || endpoint.container.is_some())
        };
        let Some(socket) = near.into_iter().find(is_other) else { continue };
        let (of, service) = (&model[socket.service], &model[id.service]);
        let (name, host) = (transport.name(), &model[machine].name);
        let message = format!("port {}/{name} of `{host}` is used twice", socket.port);
        diagnostics.push(
            Diagnostic::new(&CODE, service.span, message)
                .caption(format!("by `{}` of `{}`", endpoint.name, service.name))
                .label(socket.span, format!("and by the unit `{}` of `{}`", socket.unit, of.name))
                .help("let the unit listen on another port, or give the endpoint another")
                .on(service.name.clone()),
        );
    }
}

/// Returns whether two endpoints do not disturb each other: they are published once for both, or at
/// different addresses.
fn are_same(plan: &Plan<'_>, first: EndpointId, second: EndpointId) -> bool {
    let (a, b) = (plan.model.endpoint(first), plan.model.endpoint(second));
    let of_both = (first.service, &a.container, a.ports(), a.host_ports(), &a.addresses)
        == (second.service, &b.container, b.ports(), b.host_ports(), &b.addresses);
    of_both || !a.shares_an_address(b)
}

/// The ports of each machine that are taken, as rows with a free port between two of them.
type Used = BTreeMap<MachineId, Vec<Ports>>;

fn used(plan: &Plan<'_>, systems: &Systems) -> Used {
    let mut used = Used::new();
    for (machine, _) in plan.model.machines() {
        let own = systems.of(machine).iter().map(|own| Ports::one(own.port));
        used.entry(machine).or_default().extend(own);
    }
    for (machine, ports, ..) in plan.listeners() {
        used.entry(machine).or_default().push(ports);
    }
    for socket in sockets(plan) {
        let machine = plan.model[socket.service].machine;
        used.entry(machine).or_default().push(Ports::one(socket.port));
    }
    for rows in used.values_mut() {
        rows.sort_unstable();
        rows.dedup_by(|next, row| {
            let joins = next.first <= row.last.saturating_add(1);
            if joins {
                row.last = row.last.max(next.last);
            }
            joins
        });
    }
    used
}

/// Names the next ports of a machine that are free for an endpoint, or the lowest ones.
fn free(plan: &Plan<'_>, used: &Used, machine: MachineId, id: EndpointId) -> String {
    /// The first port that programs may have without being root.
    const LOWEST: u16 = 1024;
    let endpoint = plan.model.endpoint(id);
    let wanted = endpoint.host_ports();
    let rows = used.get(&machine).map_or(&[][..], Vec::as_slice);
    let found = gap(rows, wanted).or_else(|| gap(rows, Ports::row(LOWEST, wanted.more())));
    advice(&endpoint.name, found.unwrap_or(wanted))
}

/// Finds as many free ports as are wanted, from the first of them on.
fn gap(rows: &[Ports], wanted: Ports) -> Option<Ports> {
    let mut row = wanted;
    let from = rows.partition_point(|used| used.last < wanted.first);
    for used in rows.get(from..).unwrap_or_default() {
        if !used.overlaps(row) {
            break;
        }
        row = Ports::row(used.last.checked_add(1)?, wanted.more());
        // A row that reaches the last port there is may be shorter than the one that is wanted.
        if row.more() != wanted.more() {
            return None;
        }
    }
    Some(row)
}

fn advice(endpoint: &str, row: Ports) -> String {
    match row.more() {
        0 => format!("`port {endpoint} {row}`"),
        _ => format!("`port {endpoint} \"{row}\"`"),
    }
}
