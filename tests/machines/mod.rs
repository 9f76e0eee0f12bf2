//! Real machines: Debian 13 with systemd, cloud-init and Docker, joined by networks, and probes that ask from a zone
//! what answers. `tests/README.md` shows how a test uses them.

mod machine;
mod probe;
mod published_ports;
mod rig;

pub use machine::Machine;
pub use probe::{Answer, Probe, Proto, tcp, udp};
pub use rig::Rig;

/// Waits a moment between two looks at something that is about to happen.
fn pause() {
    std::thread::sleep(std::time::Duration::from_millis(20));
}
