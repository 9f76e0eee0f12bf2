//! Emits the storage of hosts: pools, datasets, snapshots, and the folders that are shared with VMs
//! by virtiofs and with others by NFS.
//!
//! One script compares and sets. It never destroys anything. `view` decides what the files contain.

mod view;

use std::sync::LazyLock;

use serde::Serialize;

use super::{Context, Emitter};
use crate::artifact::{Artifact, Artifacts, OneWay, Slot};
use crate::diag::Diagnostics;
use crate::format::Templates;
use crate::kind::Kind;
use crate::model::MachineKind;
use crate::plan::capacity::arc;

static TEMPLATES: LazyLock<Templates> = LazyLock::new(|| {
    Templates::new(&[
        ("arc.sh.j2", include_str!("arc.sh.j2")),
        ("storage.sh.j2", include_str!("storage.sh.j2")),
        ("sanoid.ini.j2", include_str!("sanoid.ini.j2")),
        ("labwright.exports.j2", include_str!("labwright.exports.j2")),
    ])
});

/// The emitter of the storage of hosts.
pub const EMITTER: Emitter = Emitter { name: "storage", folders: &["storage", "proxmox"], emit };

fn emit(context: &Context<'_>, artifacts: &mut Artifacts, diagnostics: &mut Diagnostics) {
    let folder = match context.this().kind {
        MachineKind::Proxmox => "proxmox",
        MachineKind::Debian => "storage",
        _ => return,
    };
    cache(context, folder, artifacts, diagnostics);
    pools(context, folder, artifacts, diagnostics);
    snapshots(context, folder, artifacts, diagnostics);
    exports(context, folder, artifacts, diagnostics);
}

#[derive(Debug, Serialize)]
struct Cache {
    least: u64,
    most: u64,
}

/// Holds ZFS's cache to what the lab keeps for it.
fn cache(
    context: &Context<'_>,
    folder: &str,
    artifacts: &mut Artifacts,
    diagnostics: &mut Diagnostics,
) {
    let machine = context.this();
    let Some(arc) = arc(machine) else { return };
    // ZFS ignores a limit that is not above its least size, a thirty-second of all memory.
    let view = Cache { least: (arc.0 / 2).max(32 << 20), most: arc.0 };
    let options = format!("options zfs zfs_arc_min={} zfs_arc_max={}\n", view.least, view.most);
    let path = format!("{folder}/zfs.conf");
    let origin = context.origin();
    // Of several files with one setting, the last by name counts, and an installation has zfs.conf.
    let destination = "/etc/modprobe.d/zz-labwright-zfs.conf";
    let file = Artifact::new(Kind::Text, options, origin.clone());
    artifacts.install(&path, file, destination, "0644");
    if let Some(text) = TEMPLATES.write("arc.sh.j2", &view, &machine.name, diagnostics) {
        artifacts.step(Slot::KERNEL, "arc", &[&path], &text, origin);
    }
}

fn pools(
    context: &Context<'_>,
    folder: &str,
    artifacts: &mut Artifacts,
    diagnostics: &mut Diagnostics,
) {
    let machine = context.this();
    if machine.pools.is_empty() {
        return;
    }
    let view = view::storage(machine, &context.planned().mappings);
    let Some(script) = TEMPLATES.write("storage.sh.j2", &view, &machine.name, diagnostics) else {
        return;
    };
    let origin = origins(context);
    let path = format!("{folder}/storage.sh");
    artifacts.add(&path, Kind::Shell, script, origin.clone());
    artifacts.step(
        Slot::PLAN_STORAGE,
        "storage",
        &[&path],
        &format!("LABWRIGHT_PLAN=1 exec sh {path}\n"),
        origin.clone(),
    );
    artifacts.step(
        Slot::CHECK_STORAGE,
        "storage",
        &[&path],
        &format!("if LABWRIGHT_PLAN=1 sh {path} | grep '^refused: ' >&2; then\n    exit 1\nfi\n"),
        origin.clone(),
    );
    artifacts.step(Slot::STORAGE, "storage", &[&path], &format!("exec sh {path}\n"), origin);
    for pool in &machine.pools {
        for dataset in &pool.datasets {
            let name = format!("{}/{}", pool.name, dataset.name);
            artifacts.one_way.push(OneWay::dataset(&name, &dataset.mountpoint));
        }
    }
}

fn snapshots(
    context: &Context<'_>,
    folder: &str,
    artifacts: &mut Artifacts,
    diagnostics: &mut Diagnostics,
) {
    let machine = context.this();
    let view = view::snapshots(machine);
    if view.datasets.is_empty() {
        return;
    }
    let Some(text) = TEMPLATES.write("sanoid.ini.j2", &view, &machine.name, diagnostics) else {
        return;
    };
    let origin: Vec<String> =
        view.datasets.iter().map(|dataset| format!("dataset {}", dataset.name)).collect();
    let path = format!("{folder}/sanoid.conf");
    artifacts.install(
        &path,
        Artifact::new(Kind::Ini, text, origin.clone()),
        "/etc/sanoid/sanoid.conf",
        "0644",
    );
    let body = "systemctl enable --now sanoid.timer
";
    artifacts.step(Slot::SNAPSHOTS, "snapshots", &[&path], body, origin);
}

fn exports(
    context: &Context<'_>,
    folder: &str,
    artifacts: &mut Artifacts,
    diagnostics: &mut Diagnostics,
) {
    let machine = context.this();
    if machine.exports.is_empty() && machine.pools.is_empty() {
        return;
    }
    let view = view::exports(&context.planned().exports);
    if view.exports.is_empty() {
        return;
    }
    let Some(text) = TEMPLATES.write("labwright.exports.j2", &view, &machine.name, diagnostics)
    else {
        return;
    };
    let origin: Vec<String> = view.exports.iter().map(|export| export.what.to_owned()).collect();
    let path = format!("{folder}/labwright.exports");
    artifacts.install(
        &path,
        Artifact::new(Kind::Text, text, origin.clone()),
        "/etc/exports.d/labwright.exports",
        "0644",
    );
    artifacts.step(Slot::EXPORTS, "exports", &[&path], "exportfs -ra\n", origin);
}

fn origins(context: &Context<'_>) -> Vec<String> {
    let machine = context.this();
    let mut origins = context.origin();
    for pool in &machine.pools {
        origins.push(format!("pool {}", pool.name));
        origins.extend(
            pool.datasets.iter().map(|dataset| format!("dataset {}/{}", pool.name, dataset.name)),
        );
    }
    origins.sort();
    origins
}
