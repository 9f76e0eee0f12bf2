//! Finds machines that must reach each other but use different versions of IP.

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::model::{Machine, ZoneKind};
use crate::plan::{FlowSource, Plan};

/// Finds flows between machines that have no family of addresses in common.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code = codes::code!(
    "families-disjoint",
    Error,
    "a machine has to reach another one, but their addresses are of different families"
);

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    let model = plan.model;
    for flow in &plan.flows {
        let FlowSource::Zone(zone) = flow.from else { continue };
        let ZoneKind::Machine(from) = model[zone].kind else { continue };
        let (from, to) = (&model[from], &model[flow.to]);
        let family = |machine: &Machine, v6: bool| {
            machine.addresses.iter().any(|address| address.address.is_ipv6() == v6)
        };
        // Nothing is known about the families of a machine without an address in the lab.
        let none = from.addresses.is_empty() || to.addresses.is_empty();
        if none || [false, true].into_iter().any(|v6| family(from, v6) && family(to, v6)) {
            continue;
        }
        let has = |machine: &Machine| if family(machine, true) { "IPv6 only" } else { "IPv4 only" };
        diagnostics.push(
            Diagnostic::new(
                &CODE,
                flow.span,
                format!("`{}` has to reach `{}` but can't", from.name, to.name),
            )
            .label(from.span, format!("`{}` has {}", from.name, has(from)))
            .label(to.span, format!("`{}` has {}", to.name, has(to)))
            .help("give one of the two an address of the other family")
            .on(from.name.clone()),
        );
    }
}
