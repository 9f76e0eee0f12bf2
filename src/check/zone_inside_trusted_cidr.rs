//! Finds machines that share a network with machines that don't trust them.

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::model::ZoneKind;
use crate::plan::Plan;

/// Finds machines with a zone of their own and an address in the prefix of a trusted network.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code = codes::code!(
    "zone-inside-trusted-cidr",
    Warning,
    "a machine is trusted less than its network, but has an address in that network's prefix"
);

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    let model = plan.model;
    // A machine that names no zone is in that of its network, and trusted like it.
    for machine in model.machines.iter().filter(|machine| machine.names_zone) {
        for address in &machine.addresses {
            let network = &model[address.network];
            let trusted = plan
                .flows
                .iter()
                .any(|flow| flow.from == crate::plan::FlowSource::Zone(network.zone));
            if network.zone == machine.zone
                || !trusted
                || !matches!(model[network.zone].kind, ZoneKind::Network(_))
            {
                continue;
            }
            let zone = &model[machine.zone].name;
            diagnostics.push(
                Diagnostic::new(
                    &CODE,
                    address.span,
                    format!(
                        "`{}` is in zone `{zone}`, inside the prefix of `{}`",
                        machine.name, network.name
                    ),
                )
                .caption(format!(
                    "a rule that allows `{}` by its prefix allows this machine",
                    network.name
                ))
                .label(network.span, "the network that is trusted")
                .help(format!(
                    "give zone `{zone}` a network of its own, such as a VLAN; labwright's own \
                     rules leave this machine out"
                ))
                .on(machine.name.clone()),
            );
        }
    }
}
