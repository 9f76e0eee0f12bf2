//! Finds endpoints that others have to reach, but that are published only for their own machine.

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::plan::Plan;

/// Finds connections from elsewhere to endpoints on the loopback interface.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code = codes::code!(
    "loopback-opened",
    Error,
    "others are to reach an endpoint that is published for its machine alone"
);

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    let model = plan.model;
    for flow in &plan.shut {
        let Some(id) = flow.endpoint else { continue };
        let (service, endpoint) = (&model[id.service], model.endpoint(id));
        let message = format!(
            "`{}` can't reach `{}` of `{}`: it is published for `{}` alone",
            plan.source_name(flow.from),
            endpoint.name,
            service.name,
            model[flow.to].name
        );
        diagnostics.push(
            Diagnostic::new(&CODE, flow.span, message)
                .label(endpoint.span, "its address is that of the machine itself")
                .help(
                    "open nothing to it, or leave out the `address`: what nothing opens is \
                     reached by nobody",
                )
                .on(service.name.clone()),
        );
    }
}
