//! Host names of a lab that nobody answers.

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, Severity};
use crate::model::Role;
use crate::plan::Plan;

/// Finds names that are given by hand in a lab without a name server.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code = Code {
    name: "name-without-dns",
    severity: Severity::Warning,
    summary: "a host name is given to a lab that has no name server to answer it",
    explain: "`name` goes into the name servers that the lab runs. Without one it goes nowhere, and whoever answers names in the house, such as the router, knows nothing of it.\n\n```kdl\nname \"printer.example.org\" address=\"192.168.1.12\"\n```\n\nRun `adguard-home` or `pihole`, or give the router the name by hand and accept this finding.",
};

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    let model = plan.model;
    if model.services().any(|(_, service)| service.has(Role::Dns)) {
        return;
    }
    // A route's name is the proxy's business, and `name-leads-elsewhere`'s.
    for name in
        model.names.iter().filter(|name| plan.routes.iter().all(|route| route.host != name.host))
    {
        diagnostics.push(
            Diagnostic::new(
                &CODE,
                name.span,
                format!("no service of this lab answers `{}`", name.host),
            )
            .help("add a service that does, such as `adguard-home`, or leave the name out")
            .on(name.host.clone()),
        );
    }
}
