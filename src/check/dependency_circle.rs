//! Finds containers that wait for each other.

use std::collections::BTreeMap;

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::model::{Container, Service};
use crate::plan::Plan;
use crate::resolve::circles::circles;

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
        let numbers: BTreeMap<&str, usize> =
            members.keys().enumerate().map(|(number, name)| (*name, number)).collect();
        let next: Vec<Vec<usize>> =
            members.values().map(|(_, one)| awaited(one, &numbers)).collect();
        let all: Vec<_> = members.iter().collect();
        // One circle is one finding, at the first of its containers.
        for circle in circles(&next) {
            let circle: Vec<_> = circle.iter().filter_map(|at| all.get(*at)).collect();
            let Some((name, (service, container))) = circle.first() else { continue };
            let names: Vec<&str> = circle.iter().map(|(name, _)| **name).collect();
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

/// Lists the containers that one waits for, by number.
fn awaited(container: &Container, numbers: &BTreeMap<&str, usize>) -> Vec<usize> {
    let dependencies = container.depends_on.iter();
    dependencies.filter_map(|one| numbers.get(one.container.as_str()).copied()).collect()
}
