//! Finds host names that no name server of the lab answers.

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::model::Role;
use crate::plan::Plan;

/// Finds names that are given by hand in a lab without a name server.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code = codes::code!(
    "name-without-dns",
    Warning,
    "a host name is declared in a lab that has no name server to answer it"
);

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    let model = plan.model;
    if model.services().any(|(_, service)| service.has(Role::Dns)) {
        return;
    }
    // The names of routes belong to their proxies, and `name-leads-elsewhere` checks them.
    for name in
        model.names.iter().filter(|name| plan.routes.iter().all(|route| route.host != name.host))
    {
        diagnostics.push(
            Diagnostic::new(
                &CODE,
                name.span,
                format!("no service of this lab answers `{}`", name.host),
            )
            .help("add a service that does, such as `adguard-home`, or remove the name")
            .on(name.host.clone()),
        );
    }
}
