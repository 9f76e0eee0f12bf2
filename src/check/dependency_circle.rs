//! Finds containers that wait for each other.

use std::collections::{BTreeMap, BTreeSet};

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::model::{Container, Service};
use crate::plan::Plan;

/// Finds containers of a machine that depend on themselves, directly or through others.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code = codes::code!("dependency-circle", Error, "containers wait for each other");

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    let model = plan.model;
    for machine in &plan.machines {
        let services = machine.services.iter().map(|id| &model[*id]);
        let members: BTreeMap<&str, (&Service, &Container)> = services
            .flat_map(|service| {
                service.containers.iter().map(move |one| (one.name.as_str(), (service, one)))
            })
            .collect();
        let mut reported = BTreeSet::new();
        for (name, (service, container)) in &members {
            let circle = reached(&members, name);
            // One circle is one finding, at the first of its containers.
            if !circle.contains(name) || reported.contains(name) {
                continue;
            }
            // A container that is only reached from the circle does not wait for it, and is not
            // part of it.
            let others = circle.into_iter().filter(|other| reached(&members, other).contains(name));
            let names: Vec<&str> = others.collect();
            reported.extend(names.iter().copied());
            let message = match names[..] {
                [_] => format!("`{name}` waits for itself"),
                _ => format!("these containers wait for each other: {}", names.join(", ")),
            };
            diagnostics.push(
                Diagnostic::new(&CODE, service.span, message)
                    .label(container.span, "one of them")
                    .help("leave out the `depends-on` of the one that can start first")
                    .on(service.name.clone()),
            );
        }
    }
}

/// Lists the containers that one waits for, also through others, by name.
fn reached<'m>(
    members: &BTreeMap<&'m str, (&'m Service, &'m Container)>,
    name: &str,
) -> BTreeSet<&'m str> {
    let mut known = BTreeSet::new();
    let mut open = vec![name];
    while let Some(name) = open.pop() {
        let Some((_, container)) = members.get(name) else { continue };
        for dependency in &container.depends_on {
            if known.insert(dependency.container.as_str()) {
                open.push(&dependency.container);
            }
        }
    }
    known
}
