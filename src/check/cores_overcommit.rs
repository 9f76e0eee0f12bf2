//! Finds guests that are larger than their host.

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::plan::Plan;

/// Finds guests with more cores than their host has.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code =
    codes::code!("cores-overcommit", Warning, "a guest has more cores than its host");

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    let model = plan.model;
    for machine in &model.machines {
        let Some(host) = machine.guest.as_ref().map(|guest| &model[guest.host]) else { continue };
        let (Some(cores), Some(all)) = (machine.cores, host.cores) else { continue };
        if cores > all {
            diagnostics.push(
                Diagnostic::new(
                    &CODE,
                    machine.span,
                    format!("`{}` has {cores} cores, but its host has {all}", machine.name),
                )
                .label(host.span, format!("`{}` has {all}", host.name))
                .help("give it fewer, or say in `hardware` how many the host has")
                .on(machine.name.clone()),
            );
        }
    }
}
