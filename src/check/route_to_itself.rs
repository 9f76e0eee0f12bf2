//! Finds routes by which a proxy would ask itself.

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::plan::Plan;

/// Finds routes that lead to the listener of the proxy that they go through.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code = codes::code!("route-to-itself", Error, "a proxy would ask itself for ever");

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    for (id, service) in plan.model.services() {
        let Some(proxy) = &service.proxy else { continue };
        let listens = |endpoint| [proxy.http, proxy.https].contains(&Some(endpoint));
        let own = service.routes.iter().filter(|route| route.via == id);
        for route in own.filter(|route| listens(route.endpoint)) {
            diagnostics.push(
                Diagnostic::new(
                    &CODE,
                    route.span,
                    format!("`{}` leads from `{}` to itself", route.host.value, service.name),
                )
                .help("route the name to the service that answers it, or leave the route out")
                .on(service.name.clone()),
            );
        }
    }
}
