//! Finds two machines with one address.

use std::collections::BTreeMap;

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::plan::Plan;

/// Finds addresses that two machines or routers have.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code = codes::code!("address-twice", Error, "two machines have the same address");

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    let mut taken = BTreeMap::new();
    // A router may be a machine of the lab: the one with the router's name is that router.
    let is_machine = |name: &str| plan.model.machines.iter().any(|machine| machine.name == name);
    let routers = plan
        .model
        .routers
        .iter()
        .filter(|router| !is_machine(&router.name))
        .map(|router| (router.address, router.name.as_str(), router.span));
    let machines = plan.model.machines.iter().flat_map(|machine| {
        machine
            .addresses
            .iter()
            .map(|address| (address.address, machine.name.as_str(), address.span))
    });
    let mut given: Vec<_> = routers.chain(machines).collect();
    // In the order of the sources, the finding is at the later of two places.
    given.sort_by_key(|(.., span)| *span);
    for (address, name, span) in given {
        if let Some((first, first_span)) = taken.insert(address, (name, span)) {
            // The first place is put back, so that a third one is compared with it too.
            taken.insert(address, (first, first_span));
            diagnostics.push(
                Diagnostic::new(
                    &CODE,
                    span,
                    format!("{address} is the address of `{first}` and of `{name}`"),
                )
                .caption("given again here")
                .label(first_span, format!("first given to `{first}` here"))
                .help("choose a free address for one of them")
                .on(name),
            );
        }
    }
}
