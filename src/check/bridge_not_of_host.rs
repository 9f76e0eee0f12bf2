//! Finds bridges of guests that their host does not name.

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::plan::Plan;

/// Finds guests on a bridge that is not among those of their host.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code = codes::code!(
    "bridge-not-of-host",
    Warning,
    "a guest joins a bridge that its host does not name"
);

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    let model = plan.model;
    for machine in &model.machines {
        let Some(guest) = &machine.guest else { continue };
        let host = &model[guest.host];
        let own = host.addresses.iter().map(|one| (one.bridge.as_deref(), one.nic.as_deref()));
        let asked = host.lease.iter().map(|one| (one.bridge.as_deref(), one.nic.as_deref()));
        let ports: Vec<_> = own.chain(asked).collect();
        let bridges: Vec<&str> = ports.iter().filter_map(|(bridge, _)| *bridge).collect();
        if bridges.is_empty() {
            continue;
        }
        let named = machine.addresses.iter().map(|one| (one.bridge.as_deref(), one.span));
        let leased = machine.lease.iter().map(|one| (one.bridge.as_deref(), one.span));
        for (bridge, span) in named.chain(leased) {
            let Some(bridge) = bridge.filter(|bridge| !bridges.contains(bridge)) else { continue };
            let is_port = ports.iter().any(|(_, nic)| *nic == Some(bridge));
            let message = if is_port {
                format!(
                    "`{bridge}` of `{}` is the interface of a bridge, and none itself",
                    host.name
                )
            } else {
                format!("`{}` names no bridge `{bridge}`", host.name)
            };
            let help = if is_port {
                "join the bridge that it is in"
            } else {
                "name a bridge of the host, or accept the finding if the host has this one without \
                 an address in it"
            };
            diagnostics.push(
                Diagnostic::new(&CODE, span, message)
                    .label(host.span, format!("it has {}", bridges.join(", ")))
                    .help(help)
                    .on(machine.name.clone()),
            );
        }
    }
}
