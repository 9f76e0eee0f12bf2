//! Finds two containers of one machine with one name.

use std::collections::{BTreeMap, BTreeSet};

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::model::Model;
use crate::plan::Plan;

/// Finds names that two containers of a machine have in common.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code = codes::code!(
    "container-name-twice",
    Error,
    "a container's or service's name is already in use"
);

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
}

/// Finds services with the name of a folder of the bundle.
pub(super) fn check_folders(
    model: &Model,
    own_folders: &BTreeSet<&str>,
    diagnostics: &mut Diagnostics,
) {
    for service in
        model.services.iter().filter(|service| own_folders.contains(service.name.as_str()))
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
