//! Finds containers that must be reached, or reach something, through networks that lead nowhere.

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::model::{EndpointId, MachineId, Service};
use crate::plan::Plan;
use crate::plan::way::{self, Place};

/// Finds containers on internal networks alone whose ports are published, or which connect to
/// something outside of those networks.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code = codes::code!(
    "internal-network-leads-nowhere",
    Error,
    "a container on internal networks alone is reached from elsewhere, or reaches something there"
);

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    for (machine, _) in plan.model.machines() {
        let planned = plan.machine(machine);
        for published in &planned.published {
            if is_cut_off(plan, machine, &published.container) {
                let service = &plan.model[published.endpoint.service];
                let message = format!(
                    "`{}` is on internal networks alone, and nobody can reach its port {}",
                    published.container, published.container_ports
                );
                diagnostics.push(finding(service, message));
            }
        }
        for id in &planned.services {
            let service = &plan.model[*id];
            let needs = service.needs.iter().map(|need| (&need.container, &need.endpoints));
            let links = service.links.iter().map(|link| (&link.container, &link.endpoints));
            for (container, endpoints) in needs.chain(links) {
                let place = way::place(plan.model, &planned.services, container.as_deref());
                let Place::Container(owner) = place else { continue };
                let outside = endpoints.iter().find(|to| is_outside(plan, machine, **to));
                if let Some(to) = outside.filter(|_| is_cut_off(plan, machine, owner)) {
                    let message = format!(
                        "`{owner}` is on internal networks alone, and can't reach `{}`",
                        plan.model[to.service].name
                    );
                    diagnostics.push(finding(service, message));
                }
            }
        }
    }
}

fn finding(service: &Service, message: String) -> Diagnostic {
    Diagnostic::new(&CODE, service.span, message)
        .help("put the container on a network that is not internal as well, with `on-network`")
        .on(service.name.clone())
}

/// Returns whether all networks of a container are internal.
fn is_cut_off(plan: &Plan<'_>, machine: MachineId, container: &str) -> bool {
    let mut own = plan.machine(machine).networks.own(container).peekable();
    // A container without networks of its own uses that of the machine, or none at all.
    own.peek().is_some() && own.all(|network| network.internal)
}

/// Returns whether an endpoint is elsewhere than in a container of a machine.
fn is_outside(plan: &Plan<'_>, machine: MachineId, to: EndpointId) -> bool {
    let services = &plan.machine(machine).services;
    let container = plan.model.endpoint(to).container.as_deref();
    plan.model[to.service].machine != machine
        || way::place(plan.model, services, container) == Place::Machine
}
