//! VPN clients that nothing lets in.

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, Severity};
use crate::plan::{FlowSource, Plan};

/// Finds client networks that appear in no flow.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code = Code {
    name: "vpn-reaches-nothing",
    severity: Severity::Warning,
    summary: "the clients of a VPN may reach nothing",
    explain: "A VPN's network is a zone like any other: it reaches what is opened to it, and nothing is.\n\n```kdl\nnetwork tunnel cidr=\"10.8.0.0/24\"\nservice openvpn on=edge { clients tunnel; expose tunnel to=internet; }\n```\n\nOpen something to it (`expose web to=lan,tunnel`, `ssh from=tunnel`), or let its clients reach a whole zone (`reach lan`).",
};

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    let model = plan.model;
    for service in &model.services {
        let Some(gateway) = &service.gateway else { continue };
        let network = &model[gateway.network];
        let open = plan.flows.iter().any(|flow| flow.from == FlowSource::Zone(network.zone));
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
