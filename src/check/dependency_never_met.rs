//! Finds containers that wait for what never happens.

use std::collections::BTreeMap;

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::model::{Container, Runs, Until};
use crate::plan::Plan;

/// Finds containers that wait for the end of one that stays, for the health of one that ends,
/// or for one that nothing starts.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code =
    codes::code!("dependency-never-met", Error, "a container waits for what never happens");

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    let model = plan.model;
    for machine in &plan.machines {
        let services = || machine.services.iter().map(|id| &model[*id]);
        let members: BTreeMap<&str, &Container> = services()
            .flat_map(|service| service.containers.iter().map(|one| (one.name.as_str(), one)))
            .collect();
        for service in services() {
            for container in &service.containers {
                for dependency in &container.depends_on {
                    let Some(other) = members.get(dependency.container.as_str()) else { continue };
                    // Both are started by the same person.
                    let both = [&container.runs, &other.runs];
                    if both.iter().all(|runs| matches!(runs, Runs::ByHand)) {
                        continue;
                    }
                    let Some((why, help)) = never(other, dependency.until) else { continue };
                    let message = format!("`{}` waits for `{}`, {why}", container.name, other.name);
                    diagnostics.push(
                        Diagnostic::new(&CODE, service.span, message)
                            .label(container.span, "it waits")
                            .label(other.span, "for this one")
                            .help(help)
                            .on(service.name.clone()),
                    );
                }
            }
        }
    }
}

/// Returns why what is waited for never happens, and what to write instead.
fn never(other: &Container, until: Until) -> Option<(&'static str, &'static str)> {
    match (&other.runs, until) {
        (Runs::ByHand | Runs::Every(_), _) => {
            Some(("which is not started with the others", "leave out the `depends-on`"))
        }
        (Runs::Always, Until::Completed) => Some((
            "which does not end",
            "add `once` to the container that ends by itself, or remove `completed`",
        )),
        (Runs::Once, Until::Healthy) => Some((
            "which ends, and so does not become healthy",
            "write `depends-on … completed`, to wait until it has ended without a fault",
        )),
        _ => None,
    }
}
