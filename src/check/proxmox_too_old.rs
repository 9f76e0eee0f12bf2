//! Finds guests that need a newer Proxmox VE than their host has.

use super::Rule;
use super::share_transport_unsupported::is_older;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::model::{Guest, Machine, MachineKind};
use crate::plan::Plan;
use crate::plan::root_disk::{RootDisk, root};

/// Finds guests whose configuration has settings that the host's version does not know.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code =
    codes::code!("proxmox-too-old", Error, "a guest needs a newer Proxmox VE than its host has");

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    for machine in &plan.model.machines {
        let Some(guest) = &machine.guest else { continue };
        let host = &plan.model[guest.host];
        let Some(version) = &host.version else { continue };
        let lacks = |(_, since): &(&str, (u32, u32))| is_older(version, *since);
        let Some((what, (major, minor))) = needs(machine, guest).into_iter().find(lacks) else {
            continue;
        };
        let message = format!(
            "`{}` has {what}, which Proxmox VE {version} does not know; {major}.{minor} does",
            machine.name
        );
        diagnostics.push(
            Diagnostic::new(&CODE, machine.span, message)
                .label(host.span, "its host")
                .help("upgrade the host, and write its new version")
                .on(machine.name.clone()),
        );
    }
}

/// Lists what a guest has that not every version of Proxmox VE knows, with the first that does.
/// Source: the release notes, <https://pve.proxmox.com/wiki/Roadmap>.
fn needs(machine: &Machine, guest: &Guest) -> Vec<(&'static str, (u32, u32))> {
    let mut needs = Vec::new();
    let container = machine.kind == MachineKind::Lxc;
    if container && guest.passthrough.iter().any(|device| device.path.is_some() || device.gpu) {
        needs.push(("a device of its host", (8, 1)));
    }
    if matches!(root(machine, guest), RootDisk::Image(_) | RootDisk::Fetched { .. }) {
        needs.push(("a disk that is made from an image (`import-from`)", (7, 2)));
    }
    needs
}
