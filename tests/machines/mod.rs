//! Boots real machines: Debian 13 with systemd, cloud-init and Docker, connected by networks, and
//! probes that find out what answers in which zone. `tests/README.md` shows how a test uses them.

mod backup;
mod building;
mod data;
mod home;
mod interrupted;
mod leases;
mod machine;
mod moving;
mod networks;
mod node;
mod operating;
mod probe;
mod published_ports;
mod rig;
mod whole_life;

pub use machine::Machine;
pub use node::Node;
pub use probe::{Answer, Probe, Proto, tcp, udp};
pub use rig::Rig;

use crate::trixie::text;
use std::process::Output;

/// Waits briefly before looking again at something that is about to happen.
fn pause() {
    std::thread::sleep(std::time::Duration::from_millis(100));
}

/// Returns the output of a script.
///
/// # Panics
/// When it failed.
fn printed(place: &str, script: &str, answer: &Output) -> String {
    let (printed, words) = (text(&answer.stdout), text(&answer.stderr));
    assert!(answer.status.success(), "{place}: {script}: {}\n{printed}{words}", answer.status);
    printed
}
