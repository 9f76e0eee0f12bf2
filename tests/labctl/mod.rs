//! Runs labctl as an operator does, on machines that are folders. Checks what a bundle may contain,
//! what happens to a machine, and what is left of it when the power fails at any point.
//!
//! `LABWRIGHT_ROOT` puts everything below a folder. The programs that would change the real machine
//! are stand-ins that record their calls. Every scenario runs under each of [`SHELLS`], with that
//! shell's own tools.

mod adopting;
mod applying;
mod calling;
mod confirming;
mod data;
mod forged;
mod power_cuts;
mod reaching;
mod scarcity;
mod secrets;
mod trust;

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use tempfile::TempDir;

use crate::left_out::left_out;

const MAKE_BUNDLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/labctl/make-bundle.sh");

/// The login that applies, and another one that began later: client address and port, server
/// address and port.
const LOGIN: &str = "192.168.1.50 50000 192.168.1.101 22";
const NEW_LOGIN: &str = "192.168.1.50 50001 192.168.1.101 22";

/// The shells that labctl promises to support. busybox has its own tar, gzip, awk and sha256sum.
const SHELLS: [&[&str]; 2] = [&["dash"], &["busybox", "ash"]];

/// Stand-ins for the programs that change a machine. Each records its call, and fails when asked
/// to. `nft` and `docker` also keep their input in `live/`, so that a test sees what is in force.
const STUBS: [(&str, &str); 6] = [
    (
        "nft",
        "case $1 in -f) cp \"$2\" \"$LABWRIGHT_ROOT/live/nft\" ;; delete) rm \
         \"$LABWRIGHT_ROOT/live/nft\" ;; esac",
    ),
    (
        "docker",
        "case $* in *' up '*) cp compose/compose.yaml \"$LABWRIGHT_ROOT/live/compose\"; rm -f \
         \"$LABWRIGHT_ROOT/live/stopped\" ;; *' ps '*) echo jellyfin ;;
        'stop '*) : >\"$LABWRIGHT_ROOT/live/stopped\" ;;
        'ps --format '*) [ -e \"$LABWRIGHT_ROOT/live/stopped\" ] || echo jellyfin ;;
        'ps --all --quiet '* | 'ps --quiet '*) [ ! -e \"$LABWRIGHT_ROOT/live/compose\" ] || \
        echo 0123 ;; rm*) rm \"$LABWRIGHT_ROOT/live/compose\" ;;
        'image ls '*) cat \"$LABWRIGHT_ROOT/built\" 2>/dev/null || : ;;
        'ps --all --format '*) cat \"$LABWRIGHT_ROOT/strangers\" 2>/dev/null || : ;; esac",
    ),
    (
        "systemctl",
        "case $* in enable*) : >\"$LABWRIGHT_ROOT/live/enabled\" ;; is-enabled*) [ \
         -e \"$LABWRIGHT_ROOT/live/enabled\" ] ;;
        'is-active --quiet labwright-watch.timer') [ -e \"$LABWRIGHT_ROOT/live/timer\" ] ;; \
        is-active*) echo active ;;
        'stop labwright-watch.timer') rm -f \"$LABWRIGHT_ROOT/live/timer\" ;; esac",
    ),
    ("systemd-run", ": >\"$LABWRIGHT_ROOT/live/timer\""),
    ("ufw", ":"),
    ("zfs", "case $1 in list) exit 1 ;; esac"),
];

/// Runs a scenario under every shell that labctl supports.
fn under_each_shell(scenario: impl Fn(Machine)) {
    for shell in SHELLS {
        if Command::new(shell[0])
            .arg(if shell.len() > 1 { "true" } else { "-c" })
            .arg("")
            .output()
            .is_ok()
        {
            eprintln!("under {shell:?}");
            scenario(Machine::new(shell));
        } else {
            left_out(&format!("`{}` is not installed", shell[0]));
        }
    }
}

/// The files of a bundle's `payload/`, and the content of its `BUNDLE`.
#[derive(Clone)]
pub struct Payload {
    files: Vec<(String, String)>,
    pub version: u32,
    lab: &'static str,
    machine: &'static str,
}

impl Payload {
    /// Returns a machine that does nothing.
    pub fn empty() -> Self {
        Self { files: Vec::new(), version: 1, lab: "home", machine: "intranet" }
    }

    /// Returns a small but complete machine: a firewall, a container, a unit, files and steps.
    fn sample() -> Self {
        let mut payload = Self::empty();
        payload.set("labctl", "#!/bin/sh\n");
        payload.set("etc/app.conf", "level 1\n");
        payload.set("systemd/app.service", "[Service]\nExecStart=/bin/true\n");
        payload.set("systemd/units.tsv", "app.service\tenable-start\n");
        payload.set("firewall/nftables.nft", "table inet labwright { }\n");
        payload.set(
            "firewall/flows.tsv",
            "lan\ttcp\t22\tssh of the \
             lan\t192.168.1.0/24,fd00::/8\t192.168.1.111\n\
             lan\ttcp\t8096\tjellyfin\t192.168.1.0/24\t\n",
        );
        payload.set("compose/compose.yaml", "services: {jellyfin: {image: \"jellyfin:1\"}}\n");
        payload.set("compose/containers.tsv", "jellyfin\tjellyfin:1\taaaa\n");
        payload.set("one-way.tsv", "postgres\t16\tPostgreSQL data directory 16\n");
        payload.install(&[
            ("etc/app.conf", "/etc/app.conf"),
            ("systemd/app.service", "/etc/systemd/system/app.service"),
        ]);
        payload.step("activate.d/20-firewall.sh", "firewall/", "nft -f firewall/nftables.nft");
        payload.step(
            "activate.d/60-compose.sh",
            "compose/",
            "docker compose -f compose/compose.yaml up -d",
        );
        payload.step(
            "activate.d/70-units.sh",
            "systemd/ etc/app.conf",
            "systemctl restart app.service",
        );
        payload.step(
            "health.d/10-app.sh",
            "",
            "[ ! -e \"$LABWRIGHT_ROOT/fail-health\" ] || [ \"$LABWRIGHT_REVERT\" = 1 ]",
        );
        payload
    }

    /// Returns the sample in a later release: the firewall, a container, files and steps differ.
    fn later() -> Self {
        let mut payload = Self::sample();
        payload.version = 2;
        payload.set("etc/app.conf", "level 2\n");
        payload.set("etc/extra.conf", "extra\n");
        payload.set("firewall/nftables.nft", "table inet labwright { chain input { } }\n");
        payload.set("compose/compose.yaml", "services: {jellyfin: {image: \"jellyfin:2\"}}\n");
        payload.set("compose/containers.tsv", "jellyfin\tjellyfin:2\tbbbb\n");
        payload
            .install(&[("etc/app.conf", "/etc/app.conf"), ("etc/extra.conf", "/etc/extra.conf")]);
        payload.remove("systemd/app.service");
        payload.remove("systemd/units.tsv");
        payload
    }

    /// Returns the sample with one changed file that affects neither the firewall nor ssh.
    fn harmless() -> Self {
        let mut payload = Self::sample();
        payload.version = 2;
        payload.set("etc/app.conf", "level 2\n");
        payload
    }

    pub fn set(&mut self, path: &str, text: &str) {
        self.remove(path);
        self.files.push((path.into(), text.into()));
    }

    fn text(&self, path: &str) -> &str {
        let mut files = self.files.iter();
        files.find(|(known, _)| known == path).map_or("", |(_, text)| text)
    }

    fn remove(&mut self, path: &str) {
        self.files.retain(|(known, _)| known != path);
    }

    pub fn install(&mut self, rows: &[(&str, &str)]) {
        let mut table = String::new();
        for (src, dst) in rows {
            writeln!(table, "{src}\t{dst}\troot\troot\t0644").unwrap();
        }
        self.set("install.tsv", &table);
    }

    pub fn step(&mut self, path: &str, inputs: &str, body: &str) {
        let header =
            if inputs.is_empty() { String::new() } else { format!("# inputs: {inputs}\n") };
        self.set(path, &format!("#!/bin/sh\n{header}set -e\n{body}\n"));
    }
}

/// The result of a call of labctl.
#[derive(Debug)]
struct Answer {
    /// The exit code, which is 137 after a kill.
    code: i32,
    out: String,
    err: String,
}

impl Answer {
    #[track_caller]
    fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}\n{}", self.out, self.err);
        self
    }

    #[track_caller]
    fn says(self, words: &str) -> Self {
        assert!(
            self.out.contains(words) || self.err.contains(words),
            "no `{words}` in:\n{}\n{}",
            self.out,
            self.err
        );
        self
    }

    fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|why| panic!("{why}: {}", self.out))
    }
}

/// A machine that is a folder.
struct Machine {
    folder: TempDir,
    shell: &'static [&'static str],
}

impl Machine {
    fn new(shell: &'static [&'static str]) -> Self {
        let machine = Self { folder: TempDir::new().unwrap(), shell };
        for folder in ["root/tmp", "root/live", "root/run/systemd/system", "stubs", "out"] {
            std::fs::create_dir_all(machine.folder.path().join(folder)).unwrap();
        }
        for (name, does) in STUBS {
            let text = format!(
                "#!/bin/sh\necho \"{name} $*\" >>\"$LABWRIGHT_ROOT/calls\"\n[ ! -e \
                 \"$LABWRIGHT_ROOT/fail-{name}\" ] || exit 1\n{does}\n"
            );
            machine.script(&format!("stubs/{name}"), &text);
        }
        machine.script("labctl", labwright::emit::labctl::SCRIPT);
        machine
    }

    fn script(&self, path: &str, text: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        let path = self.folder.path().join(path);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Returns a copy of the machine in its current state.
    fn copy(&self) -> Self {
        let copy = Self { folder: TempDir::new().unwrap(), shell: self.shell };
        run(Command::new("cp")
            .arg("-a")
            .arg(format!("{}/.", self.folder.path().display()))
            .arg(copy.folder.path()));
        copy
    }

    /// Returns the path of a file of the machine.
    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join("root").join(path.trim_start_matches('/'))
    }

    fn read(&self, path: &str) -> Option<String> {
        std::fs::read_to_string(self.path(path)).ok()
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Makes a bundle whose tree the sh script `meddle` damages before it is packed.
    fn spoilt_bundle(&self, payload: &Payload, meddle: &str, tar_extra: &str) -> PathBuf {
        pack_spoilt(payload, &self.folder.path().join("out"), meddle, tar_extra)
    }

    fn bundle(&self, payload: &Payload) -> PathBuf {
        pack(payload, &self.folder.path().join("out"))
    }

    /// Returns the words by which an sh script calls labctl under the machine's shell.
    fn call(&self) -> String {
        format!("{} {}", self.shell.join(" "), self.folder.path().join("labctl").display())
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.shell[0]);
        command.args(&self.shell[1..]).arg(self.folder.path().join("labctl")).args(arguments);
        self.environment(&mut command);
        command
    }

    fn environment(&self, command: &mut Command) {
        let stubs = self.folder.path().join("stubs");
        command
            .env_clear()
            .env("PATH", format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", stubs.display()))
            .env("LABWRIGHT_ROOT", self.folder.path().join("root"))
            .env("LABWRIGHT_TEST_NO_SYNC", "1")
            .env("LABWRIGHT_HEALTH_TIMEOUT", "0")
            .env("SSH_CONNECTION", LOGIN)
            .stdin(Stdio::null());
    }

    fn labctl(&self, arguments: &[&str]) -> Answer {
        answer(&mut self.command(arguments))
    }

    fn labctl_with(&self, variable: &str, value: &str, arguments: &[&str]) -> Answer {
        answer(self.command(arguments).env(variable, value))
    }

    /// Applies a bundle without asking for a confirmation.
    fn apply(&self, bundle: &Path) -> Answer {
        self.labctl(&["apply", bundle.to_str().unwrap(), "--confirm-within", "0"])
    }

    fn plan(&self, bundle: &Path) -> Answer {
        self.labctl(&["plan", bundle.to_str().unwrap()])
    }

    /// Starts an apply that waits for its confirmation. Returns as soon as it waits.
    fn apply_until_it_waits(&self, bundle: &Path, seconds: &str) -> Waiting {
        let mut command =
            self.command(&["apply", bundle.to_str().unwrap(), "--confirm-within", seconds]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        while !line.contains("Without it") {
            line.clear();
            assert_ne!(out.read_line(&mut line).unwrap(), 0, "apply ended without waiting");
        }
        Waiting { child, out }
    }

    /// Returns the recorded calls of stand-ins, and clears them.
    fn calls(&self) -> String {
        let calls = self.read("calls").unwrap_or_default();
        let _ = std::fs::remove_file(self.path("calls"));
        calls
    }

    /// Returns the version of the machine, after checking that every part of it has that version.
    #[track_caller]
    fn whole(&self) -> String {
        assert_eq!(self.read(&state("pending")), None);
        let bundle = self.read(&state("current/BUNDLE")).unwrap_or_default();
        let version = bundle
            .lines()
            .find_map(|line| line.strip_prefix("version "))
            .unwrap_or_default()
            .to_owned();
        if version.is_empty() {
            for path in ["etc/app.conf", "etc/extra.conf", "etc/systemd/system/app.service"] {
                assert_eq!(self.read(path), None, "{path} is left of nothing");
            }
            assert_eq!(self.read("live/nft"), None, "the firewall is left of nothing");
            assert_eq!(
                self.read("live/compose"),
                None,
                "containers are left of nothing, with no firewall before them"
            );
            return version;
        }
        self.labctl(&["verify"]).exits(0);
        let live = |part: &str, payload: &str| {
            assert_eq!(
                self.read(&format!("live/{part}")),
                self.read(&state(&format!("current/payload/{payload}"))),
                "{part}"
            );
        };
        live("nft", "firewall/nftables.nft");
        live("compose", "compose/compose.yaml");
        let extra = self.read("etc/extra.conf").is_some();
        assert_eq!(
            extra,
            self.read(&state("current/payload/etc/extra.conf")).is_some(),
            "what is dropped goes away"
        );
        version
    }
}

/// An apply that waits for its confirmation.
struct Waiting {
    child: Child,
    out: BufReader<ChildStdout>,
}

impl Waiting {
    fn ends(mut self) -> Answer {
        let mut out = String::new();
        self.out.read_to_string(&mut out).unwrap();
        let status = self.child.wait().unwrap();
        Answer { code: status.code().unwrap_or(137), out, err: String::new() }
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// Makes a bundle in the folder `out` and returns its path.
pub fn pack(payload: &Payload, out: &Path) -> PathBuf {
    pack_spoilt(payload, out, "", "")
}

fn pack_spoilt(payload: &Payload, out: &Path, meddle: &str, tar_extra: &str) -> PathBuf {
    let source = TempDir::new().unwrap();
    for (path, text) in &payload.files {
        let path = source.path().join("payload").join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let version = payload.version;
    let out = run(Command::new("sh")
        .arg(MAKE_BUNDLE)
        .arg(source.path())
        .arg(out)
        .args([format!("2025.{version}.0"), format!("20250000{version:02}000000")])
        .args([payload.lab, payload.machine])
        .env("MEDDLE", meddle)
        .env("TAR_EXTRA", tar_extra));
    PathBuf::from(out.trim())
}

/// Returns the path of a file of the lab's state.
fn state(path: &str) -> String {
    format!("var/lib/labwright/home/{path}")
}

/// Runs a helper program of the tests, which must succeed.
fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn answer(command: &mut Command) -> Answer {
    let output = command.output().unwrap();
    let killed = output.status.signal().map(|signal| 128 + signal);
    Answer {
        code: killed.or(output.status.code()).unwrap(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Does the same as [`answer`], with input on standard input.
fn answer_to(command: &mut Command, input: &str) -> Answer {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    Answer {
        code: output.status.code().unwrap_or(137),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}
