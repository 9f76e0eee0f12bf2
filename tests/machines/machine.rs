//! A machine of a rig.

use super::probe::peer;
use super::rig::{Plug, Rig, feed, only_child, script};
use super::{Probe, Proto, printed};
use crate::trixie::text;
use std::fmt::Write as _;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};

/// A Debian 13 machine with systemd, Docker and what cloud-init set up.
pub struct Machine<'rig> {
    rig: &'rig Rig,
    name: String,
    nspawn: Child,
    /// The machine's first process, by its id outside.
    first: u32,
    plug: Plug,
    /// The router's end of its interface.
    port: String,
    files: tempfile::TempDir,
}

impl<'rig> Machine<'rig> {
    pub(super) fn boot(rig: &'rig Rig, name: &str, addresses: &[&str], seed: &Path) -> Self {
        let machine = Self::start(rig, name, addresses, seed);
        machine.wait_until_up();
        machine
    }

    /// Starts to boot a machine. [`Machine::wait_until_up`] returns when it can be used.
    pub fn start(rig: &'rig Rig, name: &str, addresses: &[&str], seed: &Path) -> Self {
        let files = tempfile::tempdir().expect("a temporary folder");
        let plug = Plug {
            addresses: addresses.iter().map(|&address| address.to_owned()).collect(),
            mac: Some(mac_address(seed).unwrap_or_else(|| own_mac_address(addresses[0]))),
        };
        let port = rig.plug(name, &plug);
        let home = rig.overlay(name);
        let prepare = r#"
            set -eu
            home=$1 seed=$2 network=$3 rig=$4
            mkdir "$home/docker"
            for service in docker systemd-networkd; do
                install -D -m 644 "$rig/$service.conf" \
                    "$home/root/etc/systemd/system/$service.service.d/rig.conf"
            done
            for type in virtiofs nfs nfs4; do
                install -m 755 "$rig/mount-share" "$home/root/usr/sbin/mount.$type"
            done
            # The machine is offline. apt would ask for names that nobody knows for half a minute.
            printf 'Acquire { Retries "0"; http::Proxy "http://127.0.0.1:9"; }\n' \
                >"$home/root/etc/apt/apt.conf.d/rig"
            # A GPU with its driver: the firmware is in no archive that this machine knows.
            mkdir -p "$home/root/etc/tmpfiles.d"
            echo 'c /dev/dri/renderD128 0660 root root - 226:128' \
                >"$home/root/etc/tmpfiles.d/gpu.conf"
            for firmware in firmware-amd-graphics firmware-intel-graphics; do
                printf 'Package: %s\nStatus: install ok installed\n' "$firmware"
                printf 'Maintainer: the rig\n'
                printf 'Architecture: all\nVersion: 1\nDescription: firmware\n\n'
            done >>"$home/root/var/lib/dpkg/status"
            nocloud=$home/root/var/lib/cloud/seed/nocloud
            mkdir -p "$nocloud"
            cp "$seed/user-data" "$seed/meta-data" "$nocloud/"
            if [ -e "$seed/network-config" ]; then network=$seed/network-config; fi
            cp "$network" "$nocloud/network-config"
        "#;
        let network = files.path().join("network-config");
        fs::write(&network, network_config(rig, addresses)).expect("a network-config");
        let paths =
            [&*home, seed, &network, &script("")].map(|path| path.to_string_lossy().into_owned());
        let arguments: Vec<&str> =
            ["-c", prepare, "sh"].into_iter().chain(paths.iter().map(String::as_str)).collect();
        let answer = rig.run("sh", &arguments);
        assert!(answer.status.success(), "{name}: {}", text(&answer.stderr));
        let (nspawn, first) = start(rig, name, files.path());
        Self { rig, name: name.to_owned(), nspawn, first, plug, port, files }
    }

    /// Runs a program as root and returns its output.
    pub fn exec(&self, program: &[&str]) -> Output {
        self.inside(program).output().expect("nsenter starts")
    }

    /// Runs an sh script as root and returns its output.
    ///
    /// # Panics
    /// When it fails.
    pub fn sh(&self, script: &str) -> String {
        printed(&self.name, script, &self.exec(&["sh", "-euc", script]))
    }

    /// Copies a file or a folder into a folder of the machine.
    pub fn copy_in(&self, source: &Path, folder: &str) {
        let source = source.canonicalize().expect("a file to copy");
        let (parent, name) =
            (source.parent().expect("a parent"), source.file_name().expect("a name"));
        let packed = Command::new("tar")
            .arg("-C")
            .arg(parent)
            .args(["-cf", "-"])
            .arg(name)
            .output()
            .expect("tar");
        let unpack = r#"mkdir -p "$1" && tar -C "$1" -xf - --no-same-owner"#;
        let answer = feed(&mut self.inside(&["sh", "-euc", unpack, "sh", folder]), &packed.stdout);
        assert!(answer.status.success(), "{}: {folder}: {}", self.name, text(&answer.stderr));
    }

    /// Makes an image under `reference` that replaces the real one. It listens on these ports, and
    /// answers HTTP with 200 and datagrams with their content. `programs` (such as `/usr/bin/curl`)
    /// exist in it and succeed, for health checks.
    pub fn stand_in(&self, reference: &str, ports: &[(Proto, u16)], programs: &[&str]) {
        let peer = fs::read(peer()).expect("the built peer");
        let mut image = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o755);
        header.set_size(peer.len() as u64);
        image.append_data(&mut header, "peer", &peer[..]).expect("the peer's entry");
        for program in programs {
            let mut header = tar::Header::new_gnu();
            header.set_mode(0o755);
            header.set_size(0);
            header.set_entry_type(tar::EntryType::Link);
            image
                .append_link(&mut header, program.trim_start_matches('/'), "peer")
                .expect("a program's entry");
        }
        let mut entrypoint = r#"ENTRYPOINT ["/peer","serve""#.to_owned();
        for (proto, port) in ports {
            write!(entrypoint, r#","{}/{port}""#, proto.name()).expect("a string grows");
        }
        entrypoint.push(']');
        // The first process of a container ignores SIGTERM unless it handles it, and stopping it
        // would take ten seconds.
        let changes = ["--change", &entrypoint, "--change", "STOPSIGNAL SIGKILL"];
        let mut import =
            self.inside(&[&["docker", "import"], &changes[..], &["-", reference]].concat());
        let answer = feed(&mut import, &image.into_inner().expect("an image"));
        assert!(answer.status.success(), "{reference}: {}", text(&answer.stderr));
    }

    /// Returns a probe from this machine's own addresses.
    pub fn probe(&self) -> Probe {
        self.rig.probe_in(&self.name)
    }

    /// Shuts the machine down, restarts it and waits until it is up.
    pub fn reboot(&mut self) {
        Self::reboot_together([self]);
    }

    /// Shuts machines down, restarts them all at once, and waits until they are up.
    pub fn reboot_together<const N: usize>(machines: [&mut Self; N]) {
        for machine in &machines {
            // The reboot may interrupt the call that asks for it.
            let _ = machine.exec(&["systemctl", "reboot"]);
        }
        for machine in machines.map(Self::start_again) {
            machine.wait_until_up();
        }
    }

    /// Cuts the machine's power, restores it and waits until it is up.
    pub fn cut_power(&mut self) {
        let killed = Command::new("kill")
            .args(["-KILL", &self.first.to_string()])
            .status()
            .expect("kill starts");
        assert!(killed.success());
        self.start_again().wait_until_up();
    }

    fn start_again(&mut self) -> &mut Self {
        self.nspawn.wait().expect("nspawn ends with its machine");
        // A machine that is off forgets the state of its network, but its namespace would not.
        self.rig.unplug(&self.name, &self.port);
        self.port = self.rig.plug(&self.name, &self.plug);
        (self.nspawn, self.first) = start(self.rig, &self.name, self.files.path());
        self
    }

    /// Waits until cloud-init and systemd are done.
    pub fn wait_until_up(&self) {
        // 0 means done. 2 means done with what cloud-init calls a recoverable error, which must
        // fail a test too.
        let cloud_init = self.exec(&["cloud-init", "status", "--wait", "--long"]);
        let systemd = self.exec(&["systemctl", "is-system-running", "--wait"]);
        if !cloud_init.status.success() || !systemd.status.success() {
            let failed = self.exec(&[
                "sh",
                "-c",
                "systemctl --failed --no-pager; journalctl --no-pager -p warning -n 60",
            ]);
            let console = fs::read_to_string(console(self.files.path())).unwrap_or_default();
            panic!(
                "{} does not come up:\n{}{}\n{console}",
                self.name,
                text(&cloud_init.stdout),
                text(&failed.stdout)
            );
        }
    }

    fn inside(&self, program: &[&str]) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--target={}", self.first)).args([
            "--all",
            "env",
            "--ignore-environment",
            "HOME=/root",
            "LC_ALL=C.UTF-8",
            // How long labctl waits for answers that do not come.
            "LABWRIGHT_REACH_WAIT=1",
        ]);
        command
            .arg("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
            .args(program);
        command
    }
}

impl Drop for Machine<'_> {
    fn drop(&mut self) {
        // Nothing is left of a machine that was switched off, and another process may have its id
        // by now.
        if matches!(self.nspawn.try_wait(), Ok(None)) {
            let _ = Command::new("kill").args(["-KILL", &self.first.to_string()]).status();
            let _ = self.nspawn.wait();
        }
    }
}

fn console(files: &Path) -> PathBuf {
    files.join("console")
}

/// Starts the machine. Returns its container's process and its own first one.
fn start(rig: &Rig, name: &str, files: &Path) -> (Child, u32) {
    let root = rig.root.to_string_lossy();
    let mut nsenter =
        rig.spawn(&script("boot.sh"), &[&root, name, &rig.cgroup(name)], &console(files));
    // The chain is nsenter, boot.sh that became nspawn, and the machine's first process once it is
    // systemd.
    for _ in 0..600 {
        let first = only_child(nsenter.id()).and_then(only_child);
        if let Some(first) = first.filter(|first| is_systemd(*first)) {
            return (nsenter, first);
        }
        if nsenter.try_wait().is_ok_and(|ended| ended.is_some()) {
            break;
        }
        super::pause();
    }
    panic!("{name} does not boot:\n{}", fs::read_to_string(console(files)).unwrap_or_default());
}

fn is_systemd(process: u32) -> bool {
    fs::read_to_string(format!("/proc/{process}/comm")).is_ok_and(|name| name == "systemd\n")
}

/// Returns the MAC address by which a seed's network-config finds its interface, if it does.
fn mac_address(seed: &Path) -> Option<String> {
    let config = fs::read_to_string(seed.join("network-config")).ok()?;
    let (_, rest) = config.split_once("macaddress:")?;
    Some(rest.trim_start().trim_start_matches(['"', '\'']).chars().take(17).collect())
}

/// Returns a fixed MAC address for a machine's interface, because other hosts remember it while the
/// machine is off.
pub(super) fn own_mac_address(address: &str) -> String {
    let last = match address.parse().expect("an address") {
        IpAddr::V4(v4) => v4.octets(),
        IpAddr::V6(v6) => {
            u32::try_from(v6.to_bits() & u128::from(u32::MAX)).expect("32 bits").to_be_bytes()
        }
    };
    let [a, b, c, d] = last;
    format!("02:00:{a:02x}:{b:02x}:{c:02x}:{d:02x}")
}

/// Writes a network-config with these addresses and their networks' gateways.
fn network_config(rig: &Rig, addresses: &[&str]) -> String {
    let (mut own, mut routes) = (Vec::new(), Vec::new());
    for address in addresses {
        let address: IpAddr = address.parse().expect("an address");
        rig.with_network(address, |network| {
            own.push(format!("'{address}/{}'", network.prefix));
            routes.push(format!("{{to: default, via: '{}'}}", network.gateway));
        });
    }
    let (own, routes) = (own.join(", "), routes.join(", "));
    format!("version: 2\nethernets:\n  eth0:\n    addresses: [{own}]\n    routes: [{routes}]\n")
}
