//! Finds one mount point that is used twice.

use std::collections::BTreeMap;

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::plan::Plan;

/// Finds mount points of a machine or container at which two things are mounted.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code = codes::code!("mount-twice", Error, "two things are mounted at one place");

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    for machine in &plan.model.machines {
        let mut taken = BTreeMap::new();
        for share in &machine.shares {
            if let Some(first) = taken.insert(share.at.as_str(), share.span) {
                diagnostics.push(
                    Diagnostic::new(
                        &CODE,
                        share.span,
                        format!("two shares are mounted at `{}` on `{}`", share.at, machine.name),
                    )
                    .label(first, "the first")
                    .help("give one of them another mount point")
                    .on(machine.name.clone()),
                );
            }
        }
    }
    for service in &plan.model.services {
        for container in &service.containers {
            let mut taken = BTreeMap::new();
            for mount in &container.mounts {
                if let Some(first) = taken
                    .insert(mount.at.as_str(), mount)
                    .filter(|first| first.source != mount.source)
                {
                    diagnostics.push(
                        Diagnostic::new(
                            &CODE,
                            service.span,
                            format!("`{}` has two mounts at `{}`", container.name, mount.at),
                        )
                        .label(first.span, format!("`{}`", first.source))
                        .label(mount.span, format!("`{}`", mount.source))
                        .help("mount one of them elsewhere")
                        .on(service.name.clone()),
                    );
                }
            }
        }
    }
}
