//! Checks that what is emitted suits the kind of machine: what a hypervisor, a Linux container, a
//! NAS or a board lacks is provided, or said.

mod bring_up;
mod devices;
mod dhcp;
mod exporter;
mod host;
mod hypervisor_services;
mod network;
mod packages;
mod reported;
mod system_paths;

use labwright::compile::analyze;
use labwright::source::{Layer, SourceFile, Sources};

use crate::emit;
use crate::stubs::Stubs;
use crate::trixie::{Room, text};

/// A Proxmox host, in which the tests put guests.
const HOME: &str = r#"
secret key
host pve kind=proxmox version="8.4" {
    address lan "192.168.1.2" nic=eno1 bridge=vmbr0
    gpu radeon pci="0000:c5:00.0" rom="vbios.bin"
    gpu intel pci="0000:00:02.0"
}
"#;

/// Unpacks the payload of a machine of [`HOME`] with more in it.
fn payload(more: &str, machine: &str) -> tempfile::TempDir {
    emit::payload::payload(&format!("{HOME}{more}"), &[], machine)
}

/// Reads a file of a payload.
fn read(payload: &tempfile::TempDir, path: &str) -> String {
    std::fs::read_to_string(payload.path().join(path)).unwrap_or_else(|_| panic!("{path}"))
}

/// Lists what is said about a lab of [`HOME`] with more in it.
fn found(more: &str) -> Vec<String> {
    let text = format!(
        "edition 1\nlab home version=\"1\"\nnetwork lan cidr=\"192.168.1.0/24\"\n{HOME}{more}"
    );
    let lab = SourceFile { path: "lab.kdl".to_owned(), text, layer: Layer::Lab };
    let sources = Sources::with_standard_library(vec![lab]);
    let found = analyze(&sources).check(&sources).diagnostics;
    found.iter().map(|one| one.message.clone()).collect()
}

/// Runs a script in a payload as root of a throwaway machine. Returns whether it succeeded, and
/// what it said. Without a root to run it in, returns nothing.
fn run(payload: &tempfile::TempDir, script: &str) -> Option<(bool, String)> {
    let script = format!("cd /payload\n{script}");
    let answer = Room::new()?.show(payload.path(), "/payload").sh(&script, &[]);
    Some((answer.status.success(), text(&answer.stdout) + &text(&answer.stderr)))
}

/// Runs a script in a payload as root of a Proxmox host that was installed a moment ago.
fn on_proxmox(payload: &tempfile::TempDir, script: &str) -> Option<(bool, String)> {
    let script = format!(". /stubs/proxmox.sh\ncd /payload\n{script}");
    let room = Room::new()?.show(payload.path(), "/payload");
    let answer = Stubs::new().room_with(room, &script);
    Some((answer.status.success(), text(&answer.stdout) + &text(&answer.stderr)))
}
