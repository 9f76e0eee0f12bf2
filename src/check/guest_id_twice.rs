//! Finds two guests with one id.

use std::collections::BTreeMap;

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::plan::Plan;

/// Finds ids that two guests of a host or a cluster have in common.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code =
    codes::code!("guest-id-twice", Error, "two guests of one host or cluster have the same id");

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    let mut taken = BTreeMap::new();
    for (machine, guest) in plan.model.all_guests() {
        let cluster = plan.model[guest.host].cluster.as_deref().ok_or(guest.host);
        if let Some((first, span)) = taken.get(&(cluster, guest.id)) {
            diagnostics.push(
                Diagnostic::new(
                    &CODE,
                    guest.span,
                    format!("{} is the id of `{first}` already", guest.id),
                )
                .label(*span, format!("given to `{first}` here"))
                .help("choose a free id")
                .on(machine.name.clone()),
            );
            continue;
        }
        taken.insert((cluster, guest.id), (machine.name.as_str(), guest.span));
    }
}
