//! Certificates that no public authority can issue.

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, Severity};
use crate::model::Service;
use crate::plan::{Plan, is_private};

/// Finds routes for whose names a public certificate authority is asked, and can't know them.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code = Code {
    name: "acme-private-domain",
    severity: Severity::Error,
    summary: "a public authority is asked for a certificate of a private name",
    explain: "Let's Encrypt and other public authorities sign names of the public DNS. `home.arpa`, `.internal`, `.lan`, `.local` and the like are nobody's, so nobody can show that they are theirs.\n\n```kdl\nservice traefik on=box { certificates acme; }\nservice media module=jellyfin on=box { library \"/srv/films\"; route \"media.home.arpa\" to=web via=traefik from=lan; }\n```\n\nLet the proxy have an authority of its own (`certificates internal`), or use a domain that you own: with the DNS challenge, its names need not be reachable from outside.",
};

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    for route in &plan.routes {
        let proxy = &plan.model[route.via];
        // Another authority may know names that the public ones don't.
        if !route.certificate.is_public()
            || !is_private(&route.host)
            || proxy.option("acme-server").as_text().is_some()
        {
            continue;
        }
        diagnostics.push(
            Diagnostic::new(
                &CODE,
                route.span,
                format!("no public authority signs a certificate for `{}`", route.host),
            )
            .label(proxy.option_span("certificates"), format!("`{}` asks one", proxy.name))
            .help(help(proxy))
            .on(plan.model[route.service].name.clone()),
        );
    }
}

fn help(proxy: &Service) -> &'static str {
    if proxy.option("certificates").as_text().is_some() {
        "write `certificates internal`, or use a domain that you own"
    } else {
        "close the route to the internet, use a domain that you own, or a proxy with an authority of its own: traefik, caddy"
    }
}
