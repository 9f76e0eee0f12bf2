//! Finds addresses of services that their machine can't be given.

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::plan::Plan;

/// Finds services with addresses of their own on a machine whose system labwright does not manage.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code = codes::code!(
    "own-address-unfit",
    Error,
    "a service has an address of its own that labwright can't give to its machine"
);

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    for (_, service) in plan.model.services() {
        let Some(own) = service.own_addresses.first() else { continue };
        let (machine, address) = (&plan.model[service.machine], own.value);
        if machine.kind.offers().system {
            continue;
        }
        let message = format!(
            "labwright does not manage the system of `{}`, and can't give it {address}",
            machine.name
        );
        let help = format!(
            "set the address up there, write `address NETWORK \"{address}\"` in the machine, and \
             `port ENDPOINT address=\"{address}\"` in the service"
        );
        diagnostics.push(
            Diagnostic::new(&CODE, own.span, message)
                .label(machine.span, "this machine")
                .help(help)
                .on(service.name.clone()),
        );
    }
}
