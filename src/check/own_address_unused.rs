//! Finds addresses of services at which nothing answers.

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::plan::Plan;

/// Finds services with addresses of their own at which they publish no port.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code =
    codes::code!("own-address-unused", Warning, "a service publishes nothing at its own address");

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    for (_, service) in plan.model.services().filter(|(_, service)| !service.incomplete) {
        for own in &service.own_addresses {
            let mut endpoints = service.endpoints.iter();
            if endpoints.any(|endpoint| endpoint.addresses.contains(&own.value)) {
                continue;
            }
            let message = format!("`{}` publishes no port at {}", service.name, own.value);
            diagnostics.push(
                Diagnostic::new(&CODE, own.span, message)
                    .help(
                        "only ports of containers are published: what uses the machine's own \
                         network listens at all of its addresses",
                    )
                    .on(service.name.clone()),
            );
        }
    }
}
