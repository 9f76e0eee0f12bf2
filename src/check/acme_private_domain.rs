//! Certificates that no public authority can issue.

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, Severity};
use crate::model::{ProxyProgram, Service};
use crate::plan::{Plan, RoutePlan};

/// Finds routes for whose names a public certificate authority is asked, and can't know them.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code = Code {
    name: "acme-private-domain",
    severity: Severity::Error,
    summary: "a public authority is asked for a certificate of a private name",
    explain: "Let's Encrypt and other public authorities sign names of the public DNS. `home.arpa`, `.internal`, `.lan`, `.local` and the like are nobody's, so nobody can show that they are theirs.\n\n```kdl\nservice traefik on=box { certificates acme; }\nservice media module=jellyfin on=box { library \"/srv/films\"; route \"media.home.arpa\" to=web via=traefik from=lan; }\n```\n\nLet the proxy have an authority of its own (`certificates internal`), or use a domain that you own: with the DNS challenge, its names need not be reachable from outside.",
};

/// Lists the domains that are in no public DNS: RFC 6762 (`local` and the names in its appendix G), RFC 6761, RFC 8375 (`home.arpa`), and
/// `internal`, which ICANN keeps free for good.
const PRIVATE: &[&str] = &[
    "corp",
    "example",
    "home",
    "home.arpa",
    "internal",
    "intranet",
    "invalid",
    "lan",
    "local",
    "localdomain",
    "localhost",
    "private",
    "test",
];

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    for route in &plan.routes {
        let proxy = &plan.model[route.via];
        if !asks_publicly(proxy, route) || !is_private(&route.host) {
            continue;
        }
        diagnostics.push(
            Diagnostic::new(&CODE, route.span, format!("no public authority signs a certificate for `{}`", route.host))
                .label(proxy.option_span("certificates"), format!("`{}` asks one", proxy.name))
                .help(help(proxy))
                .on(plan.model[route.service].name.clone()),
        );
    }
}

/// Says whether a proxy asks a public authority for a route's certificate.
fn asks_publicly(proxy: &Service, route: &RoutePlan) -> bool {
    match proxy.proxy.as_ref().map(|proxy| proxy.program) {
        // It asks only for what the internet may see.
        Some(ProxyProgram::NginxProxyManager) => route.public,
        _ => proxy.option("certificates").as_text() == Some("acme") && proxy.option("acme-server").as_text().is_none(),
    }
}

fn is_private(host: &str) -> bool {
    !host.contains('.') || PRIVATE.iter().any(|domain| host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.')))
}

fn help(proxy: &Service) -> &'static str {
    if proxy.option("certificates").as_text().is_some() {
        "write `certificates internal`, or use a domain that you own"
    } else {
        "close the route to the internet, use a domain that you own, or a proxy with an authority of its own: traefik, caddy"
    }
}

#[cfg(test)]
mod tests {
    use super::is_private;

    #[test]
    fn names_of_the_public_dns_are_told_from_others() {
        for host in ["media.home.arpa", "nas", "nas.lan", "a.b.local", "x.internal"] {
            assert!(is_private(host), "{host}");
        }
        for host in ["media.example.org", "lan.example.org", "home.arpa.example.org", "mylan.be", "arpa"] {
            assert_eq!(is_private(host), host == "arpa", "{host}");
        }
    }
}
