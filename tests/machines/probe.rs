//! Finds out which ports answer from one place of a rig.

use super::rig::{feed, script};
use crate::trixie::text;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A transport protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Proto {
    /// TCP: open when a connection is made.
    Tcp,
    /// UDP: open when a datagram comes back, as from a stand-in.
    Udp,
}

impl Proto {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

/// The answer of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A program listens and can be reached.
    Open,
    /// No program listens, or a firewall rejects the packet.
    Refused,
    /// A router or firewall answers that there is no route.
    Unreachable,
    /// Nothing came back because a firewall drops the packet.
    Silent,
}

/// A port of an address.
pub type Target = (Proto, String, u16);

/// Makes a target of a TCP port.
pub fn tcp(address: &str, port: u16) -> Target {
    (Proto::Tcp, address.to_owned(), port)
}

/// Makes a target of a UDP port.
pub fn udp(address: &str, port: u16) -> Target {
    (Proto::Udp, address.to_owned(), port)
}

/// A place in a rig to probe from: a zone's address, or a machine's own.
pub struct Probe {
    /// The words that run a command in the rig.
    enter: Vec<String>,
    root: &'static Path,
    namespace: String,
}

impl Probe {
    pub(super) fn new(enter: Vec<String>, root: &'static Path, namespace: &str) -> Self {
        Self { enter, root, namespace: namespace.to_owned() }
    }

    /// Probes many ports at once. The answers are in the order of the targets.
    pub fn ask(&self, targets: &[Target]) -> Vec<Answer> {
        let mut lines = String::new();
        for (proto, address, port) in targets {
            writeln!(lines, "{} {address} {port}", proto.name()).expect("a string grows");
        }
        let peer = peer();
        let answer = feed(self.inside().arg(&peer).arg("ask"), lines.as_bytes());
        assert!(answer.status.success(), "peer ask: {}", text(&answer.stderr));
        let answers: Vec<Answer> = text(&answer.stdout)
            .lines()
            .map(|word| match word {
                "open" => Answer::Open,
                "refused" => Answer::Refused,
                "unreachable" => Answer::Unreachable,
                _ => Answer::Silent,
            })
            .collect();
        assert_eq!(answers.len(), targets.len());
        answers
    }

    /// Returns whether a TCP port can be connected to from here.
    pub fn tcp_open(&self, address: &str, port: u16) -> bool {
        self.ask(&[tcp(address, port)]) == [Answer::Open]
    }

    /// Returns whether a UDP port answers a datagram from here.
    pub fn udp_open(&self, address: &str, port: u16) -> bool {
        self.ask(&[udp(address, port)]) == [Answer::Open]
    }

    /// Runs a program of the trixie root from here, for example `curl` or `ssh`.
    pub fn exec(&self, program: &[&str]) -> Output {
        self.inside()
            .arg("chroot")
            .arg(self.root)
            .args(program)
            .output()
            .expect("the program starts")
    }

    fn inside(&self) -> Command {
        let mut command = Command::new(&self.enter[0]);
        command.args(&self.enter[1..]).args(["ip", "netns", "exec", &self.namespace]);
        command
    }
}

/// Returns the built `peer`, which probes and, as a stand-in, answers.
pub(super) fn peer() -> PathBuf {
    let source = script("peer.rs");
    let built = Path::new(env!("CARGO_TARGET_TMPDIR")).join("peer");
    let written = |path: &Path| fs::metadata(path).and_then(|file| file.modified());
    if !written(&built).is_ok_and(|built| written(&source).is_ok_and(|source| built > source)) {
        // Several tests may build it at the same time, so each writes its own file and then moves
        // it into place.
        let own = built.with_extension(std::process::id().to_string());
        let status = Command::new("rustc")
            .args([
                "--edition=2024",
                "-O",
                "-Cstrip=symbols",
                "-Cpanic=abort",
                "-Ctarget-feature=+crt-static",
                "-o",
            ])
            .args([&own, &source])
            .status()
            .expect("rustc starts");
        assert!(status.success(), "peer.rs does not build");
        fs::rename(&own, &built).expect("the built peer");
    }
    built
}
