//! What `labctl reach` tries from the machine, and what the release's index says of the machine.

use super::{Context, Emitter};
use crate::artifact::Artifacts;
use crate::diag::Diagnostics;
use crate::kind::Kind;
use crate::model::MachineKind;

/// The emitter of the list of connections, and of the machine's own facts.
pub const EMITTER: Emitter = Emitter { name: "reach", folders: &["reach"], emit };

fn emit(context: &Context<'_>, artifacts: &mut Artifacts, _: &mut Diagnostics) {
    own(context, artifacts);
    // Only a machine with labctl can ask.
    if context.this().kind != MachineKind::Appliance {
        connections(context, artifacts);
    }
}

/// Emits the kind and the addresses of the machine, and the routes of its proxies. The index of the
/// release repeats them, and is verified by them.
fn own(context: &Context<'_>, artifacts: &mut Artifacts) {
    let (model, machine) = (context.model(), context.this());
    let mut origin = context.origin();
    let mut text = format!("kind\t{}\n", machine.kind.name());
    for address in &machine.addresses {
        text += &format!("address\t{}\n", address.address);
    }
    for route in &context.plan.routes {
        if model[route.via].machine != context.machine {
            continue;
        }
        let mut from: Vec<&str> =
            route.from.iter().map(|zone| model[*zone].name.as_str()).collect();
        from.sort_unstable();
        from.dedup();
        text += &format!(
            "route\t{}\t{}\t{}\t{}\t{}\n",
            route.host,
            model[model[route.service].machine].name,
            route.upstream.port,
            model[route.via].name,
            from.join(",")
        );
        origin.push(format!("service {}", model[route.service].name));
    }
    origin.sort();
    origin.dedup();
    // The addresses are not sorted, because their order is that of the interfaces.
    artifacts.add("reach/index.tsv", Kind::Table, text, origin);
}

fn connections(context: &Context<'_>, artifacts: &mut Artifacts) {
    let model = context.model();
    let mut origin = context.origin();
    let mut rows = Vec::new();
    for connection in &context.planned().connections {
        let machine = &model[connection.to];
        origin.push(format!("{} {}", machine.kind.name(), machine.name));
        rows.push(format!(
            "{}\t{}\t{}\t{}\t{}\n",
            if connection.open { "open" } else { "closed" },
            connection.address,
            connection.port,
            machine.name,
            connection.what
        ));
    }
    origin.sort();
    origin.dedup();
    if !rows.is_empty() {
        artifacts.add("reach/connections.tsv", Kind::Table, rows.concat(), origin);
    }
}
