//! Finds machines that have no way out because they are the gateway of their own network.

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::plan::Plan;

/// Finds managed machines at their gateway's address, from which nothing else leads out.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code =
    codes::code!("gateway-to-itself", Warning, "a machine is its own way to the internet");

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    let model = plan.model;
    for (id, machine) in model.machines() {
        let interfaces = &plan.machine(id).interfaces;
        let leads_out = machine.lease.is_some()
            || interfaces.iter().any(|interface| !interface.gateways.is_empty());
        // Who is a router has a way out that labwright knows nothing of.
        let is_router = model.routers.iter().any(|router| router.name == machine.name);
        if leads_out || is_router || !machine.kind.is_managed() {
            continue;
        }
        let is_gateway =
            |one: &&crate::model::Address| model[one.network].gateways.contains(&one.address);
        let Some(address) = machine.addresses.iter().find(is_gateway) else { continue };
        let network = &model[address.network];
        let message = format!(
            "`{}` is the gateway of `{}` itself, so nothing leads from it to the internet",
            machine.name, network.name
        );
        diagnostics.push(
            Diagnostic::new(&CODE, address.span, message)
                .label(network.span, "the network names this gateway")
                .help(
                    "give the machine another address, or declare a `router` with its name if it \
                     is one",
                )
                .on(machine.name.clone()),
        );
    }
}
