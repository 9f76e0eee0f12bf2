//! Emits the guests of Proxmox hosts: one script that creates missing guests and sets what differs.
//!
//! The host's bundle carries the cloud-init files of its guests, because the host passes them on.

mod property;
mod view;

use std::sync::LazyLock;

use super::{Context, Emitter, cloud_init};
use crate::artifact::{Artifacts, OneWay, Slot};
use crate::diag::{Diagnostic, Diagnostics};
use crate::format::{Templates, VALUE_NOT_WRITABLE};
use crate::kind::Kind;
use crate::model::{MachineId, MachineKind};

static TEMPLATES: LazyLock<Templates> =
    LazyLock::new(|| Templates::new(&[("guests.sh.j2", include_str!("guests.sh.j2"))]));

/// The emitter of the guests of Proxmox hosts.
pub const EMITTER: Emitter = Emitter { name: "guests", folders: &["proxmox"], emit };

const SCRIPT: &str = "proxmox/guests.sh";

fn emit(context: &Context<'_>, artifacts: &mut Artifacts, diagnostics: &mut Diagnostics) {
    let host = context.this();
    let guests = context.model().guests(context.machine);
    if host.kind != MachineKind::Proxmox || guests.is_empty() {
        return;
    }
    let view = match view::guests(context.plan, context.machine, &guests) {
        Ok(view) => view,
        Err(why) => {
            let message = format!("`{SCRIPT}` of `{}` can't be written: {why}", host.name);
            diagnostics.push(Diagnostic::lab(&VALUE_NOT_WRITABLE, message).on(&host.name));
            return;
        }
    };
    let Some(script) = TEMPLATES.write("guests.sh.j2", &view, &host.name, diagnostics) else {
        return;
    };
    let mut origin = context.origin();
    origin.extend(
        guests.iter().map(|(_, machine, _)| format!("{} {}", machine.kind.name(), machine.name)),
    );
    origin.sort();
    artifacts.add(SCRIPT, Kind::Shell, script, origin.clone());
    for (id, machine, guest) in &guests {
        // labwright does not set up the system of an appliance, so it reads no cloud-init.
        if machine.kind != MachineKind::Appliance {
            copy_cloud_init(context, *id, guest.id, artifacts);
        }
        let fact = OneWay::guest(&guest.id.to_string(), machine.kind.name(), &machine.name);
        artifacts.one_way.push(fact);
    }
    let inputs = [SCRIPT, "proxmox/cloud-init/"];
    artifacts.step(
        Slot::PLAN_GUESTS,
        "guests",
        &inputs,
        &format!("LABWRIGHT_PLAN=1 exec sh {SCRIPT}\n"),
        origin.clone(),
    );
    artifacts.step(Slot::GUESTS, "guests", &inputs, &format!("exec sh {SCRIPT}\n"), origin);
}

/// Copies a guest's cloud-init files into its host's bundle.
fn copy_cloud_init(
    context: &Context<'_>,
    machine: MachineId,
    vmid: u32,
    artifacts: &mut Artifacts,
) {
    let guest = Context { machine, ..*context };
    let mut made = Artifacts::default();
    // A value that can't be written is reported for the guest's own bundle.
    (cloud_init::EMITTER.emit)(&guest, &mut made, &mut Diagnostics::default());
    for (path, file) in made.files {
        if let Some(name) = path.strip_prefix("cloud-init/") {
            artifacts.files.insert(format!("proxmox/cloud-init/{vmid}/{name}"), file);
        }
    }
}
