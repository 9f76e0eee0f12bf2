//! Finds certificates for names that the authority can't verify.

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::model::{EndpointId, Proxy, Service, ServiceId};
use crate::plan::{Certificate, FlowSource, Plan, RoutePlan, is_private};

/// Finds proxies that ask a public authority for certificates at ports that the internet does not
/// reach.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code = codes::code!(
    "acme-out-of-reach",
    Warning,
    "a public authority can't reach the names that it is asked to certify"
);

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    let model = plan.model;
    for (id, service) in model.services() {
        let Some(proxy) = &service.proxy else { continue };
        let by_dns = service.option("challenge").as_text() == Some("dns")
            || service.option("dns-provider").as_text().is_some();
        // Another authority may be inside the lab, and needs no way from the internet.
        let elsewhere = service.option("acme-server").as_text().is_some();
        if by_dns || elsewhere {
            continue;
        }
        wildcards(plan, id, service, diagnostics);
        if is_open(plan, id, proxy) {
            continue;
        }
        let asks = |route: &&RoutePlan| {
            route.via == id && route.certificate == Certificate::Public && !is_private(&route.host)
        };
        let Some(route) = plan.routes.iter().find(asks) else { continue };
        let help = if service.option("certificates").as_text().is_some() {
            format!("write `certificates internal` in `{}`, or use the DNS challenge", service.name)
        } else {
            "use the DNS challenge, or open the proxy to the internet".to_owned()
        };
        let message = format!(
            "the internet does not reach `{}`, so no public authority can issue its certificates",
            service.name
        );
        diagnostics.push(
            Diagnostic::new(&CODE, service.span, message)
                .label(route.span, "this name needs a certificate")
                .help(help)
                .on(service.name.clone()),
        );
    }
}

/// Finds names of which an authority wants another proof than an answer at port 80.
fn wildcards(plan: &Plan<'_>, id: ServiceId, service: &Service, diagnostics: &mut Diagnostics) {
    let asks = |route: &&RoutePlan| {
        route.via == id && route.certificate == Certificate::Public && route.above().is_some()
    };
    let Some(route) = plan.routes.iter().find(asks) else { return };
    diagnostics.push(
        Diagnostic::new(
            &CODE,
            route.span,
            format!("no public authority certifies `{}` without a proof by DNS", route.host),
        )
        .label(service.span, "this proxy has others")
        .help(format!("use the DNS challenge: `dns-provider` in `{}`", service.name))
        .on(service.name.clone()),
    );
}

/// Returns whether the internet reaches a listener of a proxy.
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
