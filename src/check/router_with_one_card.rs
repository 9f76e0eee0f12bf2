//! Finds routers among the guests that have no second network card to lead anywhere.

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::plan::Plan;

/// Finds guests that are the gateway of the only network that they are in.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code =
    codes::code!("router-with-one-card", Warning, "a router has no network card to lead out by");

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    let model = plan.model;
    for machine in model.machines.iter().filter(|machine| machine.has_one_card()) {
        let Some(host) = machine.guest.as_ref().map(|guest| &model[guest.host]) else { continue };
        let is_gateway =
            |own: &&crate::model::Address| model[own.network].gateways.contains(&own.address);
        let Some(address) = machine.addresses.iter().find(is_gateway) else { continue };
        let network = &model[address.network];
        let message = format!(
            "`{}` is the way of `{}` to the internet, and its only network card is in `{1}`",
            machine.name, network.name
        );
        diagnostics.push(
            Diagnostic::new(&CODE, address.span, message)
                .label(network.span, "the network names this gateway")
                .help(format!(
                    "give it another one: an `address …` in a second network, or a card of `{}` by \
                     `device NAME pci=\"…\"` there and `passthrough NAME` here; accept it if VLANs \
                     on the one card keep the two apart",
                    host.name
                ))
                .on(machine.name.clone()),
        );
    }
}
