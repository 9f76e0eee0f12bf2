//! Finds VPN clients that may not connect to anything.

use ipnet::IpNet;

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::plan::{FlowSource, Plan};

/// Finds networks of clients that occur in no flow, and those that no client is in.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code =
    codes::code!("vpn-reaches-nothing", Warning, "the clients of a VPN can't reach anything");

/// The addresses of devices in a tailnet, which Headscale gives out too. Source:
/// <https://tailscale.com/kb/1304/ip-pool> and `net/tsaddr` of Tailscale.
const TAILNET: &str = "100.64.0.0/10";
const TAILNET_6: &str = "fd7a:115c:a1e0::/48";

fn is_of_tailnet(prefix: &IpNet) -> bool {
    let mut all = [TAILNET, TAILNET_6].into_iter().filter_map(|all| all.parse::<IpNet>().ok());
    all.any(|all| all.contains(prefix))
}

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    let model = plan.model;
    for service in &model.services {
        let Some(gateway) = &service.gateway else { continue };
        let network = &model[gateway.network];
        let foreign = network.prefixes.iter().find(|prefix| !is_of_tailnet(prefix));
        if let Some(prefix) = foreign.filter(|_| service.module == "tailscale") {
            diagnostics.push(
                Diagnostic::new(
                    &CODE,
                    service.span,
                    format!("no device of a tailnet has an address of {prefix}"),
                )
                .label(network.span, "what is open to this network is open to nobody")
                .help(format!("write the network with `cidr=\"{TAILNET}\"`"))
                .on(service.name.clone()),
            );
            continue;
        }
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
