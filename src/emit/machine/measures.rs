//! Emits what measures of a machine only its own system can tell: which units have failed, and how
//! old the newest snapshots are. The node exporter shows what the script leaves.

use std::collections::BTreeSet;

use serde::Serialize;

use super::TEMPLATES;
use crate::artifact::{Artifact, Artifacts};
use crate::diag::{Diagnostic, Diagnostics};
use crate::emit::{Context, unit_file};
use crate::format::VALUE_NOT_WRITABLE;
use crate::kind::Kind;
use crate::model::{Data, Role, UnitAction};

/// The script on the machine.
const SCRIPT: &str = "/usr/local/lib/labwright/measures.sh";

#[derive(Debug, Serialize)]
struct View<'p> {
    ignored: BTreeSet<&'p str>,
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
    let view = View {
        ignored: ignored.filter_map(Data::as_text).collect(),
        snapshots: snapshots.collect(),
    };
    let machine = &context.this().name;
    let Some(text) = TEMPLATES.write("measures.sh.j2", &view, machine, diagnostics) else { return };
    let origin = context.origin();
    let script = Artifact::new(Kind::Shell, text, origin.clone());
    artifacts.install("machine/measures.sh", script, SCRIPT, "0755");
    let description = "Measures what the node exporter can't see".to_owned();
    let service = [
        ("Unit", vec![("Description", description.clone())]),
        (
            "Service",
            vec![
                ("Type", "oneshot".to_owned()),
                ("ExecStart", SCRIPT.to_owned()),
                // A run leaves no line in the journal.
                ("LogLevelMax", "notice".to_owned()),
                ("SyslogLevel", "notice".to_owned()),
            ],
        ),
    ];
    let timer = [
        ("Unit", vec![("Description", description)]),
        ("Timer", vec![("OnBootSec", "1min".to_owned()), ("OnUnitInactiveSec", "5min".to_owned())]),
        ("Install", vec![("WantedBy", "timers.target".to_owned())]),
    ];
    let mut unit = |name: &str, action, text: Result<String, String>| match text {
        Ok(text) => artifacts.unit(name, action, text, origin.clone(), Vec::new()),
        Err(why) => diagnostics.push(
            Diagnostic::lab(&VALUE_NOT_WRITABLE, format!("`{name}` can't be written: {why}"))
                .on(machine),
        ),
    };
    unit("labwright-measures.service", UnitAction::Install, unit_file::write(service));
    unit("labwright-measures.timer", UnitAction::EnableStart, unit_file::write(timer));
}
