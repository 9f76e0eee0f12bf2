//! Finds routes that nobody may use because of their lists of addresses.

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::plan::Plan;

/// Finds routes whose `allow` names no address of the zones that they are open to.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code = codes::code!(
    "route-open-to-nobody",
    Warning,
    "the addresses that a route allows are in none of its zones"
);

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    let guarded = plan.routes.iter().filter(|route| !route.handling.allow.is_empty());
    for route in guarded.filter(|route| plan.visitors(route).is_empty()) {
        let service = &plan.model[route.service];
        let zones: Vec<String> =
            route.from.iter().map(|zone| format!("`{}`", plan.model[*zone].name)).collect();
        let message =
            format!("`allow` lets nobody of {} use `{}`", zones.join(" and "), route.name());
        diagnostics.push(
            Diagnostic::new(&CODE, route.span, message)
                .help("allow addresses of these zones, or add the zone of the others to `from`")
                .on(service.name.clone()),
        );
    }
}
