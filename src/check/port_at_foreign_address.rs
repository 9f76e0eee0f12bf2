//! Finds ports that are to be published at addresses where nothing can publish them.

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::plan::Plan;
use crate::plan::way::{self, Place};

/// Finds endpoints with addresses that their machine does not have, or that labwright can't choose.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code = codes::code!(
    "port-at-foreign-address",
    Error,
    "a port is published at an address that its machine or its program does not have"
);

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    for (_, service) in plan.model.services() {
        let machine = &plan.model[service.machine];
        let services = &plan.machine(service.machine).services;
        for endpoint in &service.endpoints {
            let Some(first) = endpoint.addresses.first() else { continue };
            let place = way::place(plan.model, services, endpoint.container.as_deref());
            let found = |message: String| {
                Diagnostic::new(&CODE, endpoint.span, message).on(service.name.clone())
            };
            if !matches!(place, Place::Container(_)) {
                let message = format!(
                    "`{}` of `{}` is no container's port, so its program chooses its addresses",
                    endpoint.name, service.name
                );
                diagnostics.push(
                    found(message).help(format!("leave `address=\"{first}\"` out of the `port`")),
                );
                continue;
            }
            // An address that the service wants for itself and can't have is already reported.
            let own = |address| {
                machine.addresses.iter().any(|own| own.address == address)
                    || service.own_addresses.iter().any(|own| own.value == address)
            };
            let mut foreign = endpoint.addresses.iter().filter(|address| !address.is_loopback());
            if let Some(address) = foreign.find(|address| !own(**address)) {
                let message = format!("`{}` does not have the address {address}", machine.name);
                let known: Vec<String> =
                    machine.addresses.iter().map(|own| own.address.to_string()).collect();
                diagnostics.push(found(message).help(format!(
                    "it has {} in the lab, and 127.0.0.1 for itself",
                    if known.is_empty() { "none".to_owned() } else { known.join(" and ") }
                )));
                continue;
            }
            let mut deaf = endpoint.addresses.iter().filter(|address| address.is_ipv6());
            if let Some(address) = deaf.next().filter(|_| !endpoint.ipv6) {
                let message = format!(
                    "`{}` of `{}` listens on IPv4 alone, so nothing answers at {address}",
                    endpoint.name, service.name
                );
                diagnostics.push(found(message).help("name addresses of IPv4 alone"));
            }
        }
    }
}
