//! Finds two containers of one machine with one name.

use std::collections::BTreeMap;

use super::Rule;
use crate::artifact::OWN_FOLDERS;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::plan::Plan;

/// Finds names that two containers of a machine have in common, or a service and a folder of the
/// bundle.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code =
    codes::code!("container-name-twice", Error, "a container's or service's name is taken");

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    let model = plan.model;
    for machine in &plan.machines {
        let mut taken = BTreeMap::new();
        for service in machine.services.iter().map(|id| &model[*id]) {
            for container in &service.containers {
                if let Some(first) = taken.insert(container.name.as_str(), service) {
                    diagnostics.push(
                        Diagnostic::new(
                            &CODE,
                            service.span,
                            format!(
                                "two containers of a machine would be called `{}`",
                                container.name
                            ),
                        )
                        .label(first.span, format!("the other one belongs to `{}`", first.name))
                        .help("rename one of the services")
                        .on(service.name.clone()),
                    );
                }
            }
        }
    }
    for service in
        model.services.iter().filter(|service| OWN_FOLDERS.contains(&service.name.as_str()))
    {
        diagnostics.push(
            Diagnostic::new(
                &CODE,
                service.span,
                format!("`{}` is the name of a folder that every bundle has", service.name),
            )
            .help("rename the service and name its module: `service NAME module=… …`")
            .on(service.name.clone()),
        );
    }
}
