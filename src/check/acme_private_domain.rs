//! Finds certificates that no public authority can issue.

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::model::Service;
use crate::plan::{Plan, is_private};

/// Finds routes whose names are private although a public certificate authority is asked for them.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code = codes::code!(
    "acme-private-domain",
    Error,
    "a public authority is asked for a certificate of a private name"
);

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
            .label(proxy.option_span("certificates"), format!("`{}` asks for one", proxy.name))
            .help(help(proxy))
            .on(plan.model[route.service].name.clone()),
        );
    }
}

fn help(proxy: &Service) -> String {
    if proxy.option("certificates").as_text().is_some() {
        format!("write `certificates internal` in `{}`, or use a domain that you own", proxy.name)
    } else {
        "close the route to the internet, use a domain that you own, or a proxy with an authority \
         of its own: traefik, caddy"
            .to_owned()
    }
}
