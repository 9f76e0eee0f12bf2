//! Certificates whose authority can't see that the names are ours.

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, Severity};
use crate::model::{EndpointId, Proxy, ServiceId};
use crate::plan::{Certificate, FlowSource, Plan, RoutePlan, is_private};

/// Finds proxies that ask a public authority for certificates at ports that the internet does not
/// reach.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code = Code {
    name: "acme-out-of-reach",
    severity: Severity::Warning,
    summary: "a public authority can't look at the names that it is asked to sign",
    explain: "Let's Encrypt and other public authorities sign a name after they have fetched a proof from it over port 80 or 443. A proxy that only the house reaches never gets a certificate so.\n\n```kdl\nservice traefik on=box { certificates acme; }\nservice media module=jellyfin on=box { library \"/srv/films\"; route \"media.example.org\" to=web via=traefik from=lan; }\n```\n\nProve the names by the DNS (`challenge dns` of traefik, `dns-provider` of caddy), which needs no open port; or let the proxy have an authority of its own (`certificates internal`).",
};

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    let model = plan.model;
    for (id, service) in model.services() {
        let Some(proxy) = &service.proxy else { continue };
        let by_dns = service.option("challenge").as_text() == Some("dns")
            || service.option("dns-provider").as_text().is_some();
        let elsewhere = service.option("acme-server").as_text().is_some();
        if by_dns || elsewhere || is_open(plan, id, proxy) {
            continue;
        }
        let asks = |route: &&RoutePlan| {
            route.via == id && route.certificate == Certificate::Public && !is_private(&route.host)
        };
        let Some(route) = plan.routes.iter().find(asks) else { continue };
        let message = format!(
            "the internet does not reach `{}`, so no public authority gives it certificates",
            service.name
        );
        diagnostics.push(
            Diagnostic::new(&CODE, service.span, message)
                .label(route.span, "it wants one for this name")
                .help("prove the names by the DNS, or write `certificates internal`")
                .on(service.name.clone()),
        );
    }
}

/// Says whether the internet reaches a listener of a proxy.
fn is_open(plan: &Plan<'_>, id: ServiceId, proxy: &Proxy) -> bool {
    let listeners = [proxy.http, proxy.https]
        .into_iter()
        .flatten()
        .map(|index| EndpointId { service: id, index });
    let from_internet = |from| matches!(from, FlowSource::Zone(zone) if plan.is_internet(zone));
    listeners.into_iter().any(|endpoint| {
        plan.inbound(plan.model[id].machine)
            .any(|flow| flow.endpoint == Some(endpoint) && from_internet(flow.from))
    })
}
