//! Emits what measures of a machine only its own system can tell: which units have failed, whether
//! it finds names, how its pools are, and how old the newest snapshots are. The node exporter shows
//! what the script leaves.

use std::collections::BTreeSet;

use serde::Serialize;

use super::{TEMPLATES, names};
use crate::artifact::Artifacts;
use crate::diag::Diagnostics;
use crate::emit::Context;
use crate::emit::recurring::Recurring;
use crate::model::{Data, Role};

#[derive(Debug, Serialize)]
struct View<'p> {
    /// The names that it must find.
    names: BTreeSet<String>,
    ignored: BTreeSet<&'p str>,
    /// Whether pools may be here, and those that must be.
    zfs: bool,
    pools: Vec<&'p str>,
    snapshots: Vec<Snapshotted>,
}

#[derive(Debug, Serialize)]
struct Snapshotted {
    dataset: String,
    late_after: u32,
}

/// Adds the script and its timer, on a machine with a node exporter.
pub(super) fn emit(
    context: &Context<'_>,
    artifacts: &mut Artifacts,
    diagnostics: &mut Diagnostics,
) {
    let exporters = || context.services().filter(|(_, service)| service.has(Role::NodeExporter));
    if exporters().next().is_none() {
        return;
    }
    let ignored = exporters().flat_map(|(_, service)| service.option("ignore-unit").items());
    let snapshots = context.this().snapshots().filter_map(|(dataset, interval)| {
        interval.late_after().map(|late_after| Snapshotted { dataset, late_after })
    });
    let pools: Vec<&str> = context.this().pools.iter().map(|pool| pool.name.as_str()).collect();
    let view = View {
        names: names::asked(context),
        ignored: ignored.filter_map(Data::as_text).collect(),
        // Those of a host are in the kernel of its guests too.
        zfs: context.this().guest.is_none() || !pools.is_empty(),
        pools,
        snapshots: snapshots.collect(),
    };
    let machine = &context.this().name;
    let Some(text) = TEMPLATES.write("measures.sh.j2", &view, machine, diagnostics) else { return };
    let script = Recurring {
        name: "labwright-measures",
        description: "Measures what the node exporter can't see",
        file: "machine/measures.sh",
        path: "/usr/local/lib/labwright/measures.sh",
        first: "1min",
        again: "5min",
    };
    script.add(text, context, artifacts, diagnostics);
}
