//! Finds machines that can't look up names until a service of their own runs.

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::model::Role;
use crate::plan::Plan;

/// Finds machines that run the lab's name server and know no other.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code = codes::code!(
    "dns-asks-itself",
    Warning,
    "a machine can't look up names until its own name server runs"
);

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    let model = plan.model;
    for (_, service) in model.services().filter(|(_, service)| service.has(Role::Dns)) {
        let machine = &model[service.machine];
        let networks = || machine.networks().map(|network| &model[network]);
        let own = |server| machine.addresses.iter().any(|address| address.address == server);
        let mut servers = networks().flat_map(|network| &network.dns).peekable();
        if !machine.kind.is_managed()
            || servers.peek().is_none()
            || !servers.all(|server| own(*server))
        {
            continue;
        }
        let Some(network) = networks().find(|network| !network.dns.is_empty()) else { continue };
        diagnostics.push(
            Diagnostic::new(
                &CODE,
                service.span,
                format!("`{}` can't look up names until `{}` runs", machine.name, service.name),
            )
            .label(network.span, "this network names no other server")
            .help("name a second server in `dns=`, such as the router")
            .on(machine.name.clone()),
        );
    }
}
