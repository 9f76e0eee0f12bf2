//! Finds VPN clients that may not connect to anything.

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::plan::{FlowSource, Plan};

/// Finds networks of clients that occur in no flow.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code =
    codes::code!("vpn-reaches-nothing", Warning, "the clients of a VPN can't reach anything");

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    let model = plan.model;
    for service in &model.services {
        let Some(gateway) = &service.gateway else { continue };
        let network = &model[gateway.network];
        let open = plan.flows.iter().any(|flow| flow.from == FlowSource::Zone(network.zone));
        // A zone in `reach` is not among the flows, because it names no endpoint.
        if !open && gateway.reach.is_empty() {
            diagnostics.push(
                Diagnostic::new(
                    &CODE,
                    service.span,
                    format!("clients of `{}` may reach nothing", service.name),
                )
                .label(network.span, "nothing is open to this network")
                .help(format!(
                    "open something to `{}`, or let its clients reach a whole zone with `reach`",
                    network.name
                ))
                .on(service.name.clone()),
            );
        }
    }
}
