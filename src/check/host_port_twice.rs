//! Finds two programs of one machine that use the same port.

use std::collections::{BTreeMap, BTreeSet};

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::model::{EndpointId, MachineId, MachineKind, Transport};
use crate::plan::Plan;

/// Finds ports that two endpoints of a machine use.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code =
    codes::code!("host-port-twice", Error, "two services want the same port of one machine");

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    let model = plan.model;
    let used: BTreeSet<(MachineId, u16)> =
        plan.listeners().map(|(machine, port, ..)| (machine, port)).collect();
    let mut taken: BTreeMap<(MachineId, Transport, u16), EndpointId> = BTreeMap::new();
    for (machine, port, transport, endpoint) in plan.listeners() {
        let host = &model[machine];
        let ssh = host.ssh.iter().find(|access| access.port == port);
        if let Some(ssh) = ssh.filter(|_| {
            transport == Transport::Tcp
                && !matches!(host.kind, MachineKind::Appliance | MachineKind::Unmanaged)
        }) {
            let (service, name) = (&model[endpoint.service], &model.endpoint(endpoint).name);
            let message = format!("port {port}/tcp of `{}` is used twice", host.name);
            diagnostics.push(
                Diagnostic::new(&CODE, service.span, message)
                    .caption(format!("by `{name}` of `{}`", service.name))
                    .label(ssh.span, "and by sshd")
                    .help(format!(
                        "give the service another port: `port {name} {}`",
                        (port..=u16::MAX)
                            .find(|port| !used.contains(&(machine, *port)))
                            .unwrap_or(port)
                    ))
                    .on(service.name.clone()),
            );
        }
        let Some(first) = taken.get(&(machine, transport, port)).copied() else {
            taken.insert((machine, transport, port), endpoint);
            continue;
        };
        let (one, other) = (&model[first.service], &model[endpoint.service]);
        let (a, b) = (model.endpoint(first), model.endpoint(endpoint));
        if (first.service, &a.container, a.port) == (endpoint.service, &b.container, b.port) {
            continue;
        }
        diagnostics.push(
            Diagnostic::new(
                &CODE,
                other.span,
                format!(
                    "port {port}/{} of `{}` is used twice",
                    transport.name(),
                    model[machine].name
                ),
            )
            .caption(format!("by `{}` of `{}`", b.name, other.name))
            .label(one.span, format!("and by `{}` of `{}`", a.name, one.name))
            .help(format!(
                "give one of them another port: `port {} {}`",
                b.name,
                (port..=u16::MAX).find(|port| !used.contains(&(machine, *port))).unwrap_or(port)
            ))
            .on(other.name.clone()),
        );
    }
}
