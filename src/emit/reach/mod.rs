//! The connections that `labctl reach` tries from the machine.

use super::{Context, Emitter};
use crate::artifact::Artifacts;
use crate::diag::Diagnostics;
use crate::kind::Kind;
use crate::model::MachineKind;

/// The emitter of the list of connections.
pub const EMITTER: Emitter = Emitter { name: "reach", folders: &["reach"], emit };

fn emit(context: &Context<'_>, artifacts: &mut Artifacts, _: &mut Diagnostics) {
    // Only a machine with labctl can ask.
    if context.this().kind == MachineKind::Appliance {
        return;
    }
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
