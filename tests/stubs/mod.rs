//! Provides stand-ins for the programs that change a machine (`qm`, `zfs`, `ufw`, …). Each records
//! its call in a log, and keeps enough state that a script's second run sees what its first run
//! did.
//!
//! `bin/` contains one sh script for each program. They answer as the real ones do, also to wrong
//! calls. A call that they don't know ends with 64.

use crate::trixie::Room;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A complete set of stand-ins for one machine, with its own log and state.
pub struct Stubs {
    state: tempfile::TempDir,
}

impl Stubs {
    /// Prepares stand-ins without any calls.
    pub fn new() -> Self {
        Self { state: tempfile::tempdir().expect("a temporary folder") }
    }

    /// Prepares the state that a script will find, without a record in the log.
    pub fn given(&self, call: &[&str]) {
        let before = fs::read_to_string(self.log_file()).unwrap_or_default();
        let answer = self.sh("\"$@\"", call);
        assert!(answer.status.success(), "{call:?}: {answer:?}");
        fs::write(self.log_file(), before).expect("the log");
    }

    /// Runs an sh script on this machine, with the stand-ins first in `PATH`.
    ///
    /// Only the stand-ins are harmless. A script that also writes files must use [`Stubs::room`].
    pub fn sh(&self, script: &str, arguments: &[&str]) -> Output {
        let path = format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", folder().join("bin").display());
        Command::new("sh")
            .args(["-euc", script, "sh"])
            .args(arguments)
            .env_clear()
            .env("PATH", path)
            .env("STUBS", self.state.path())
            .output()
            .expect("sh starts")
    }

    /// Runs an sh script in a room with the stand-ins first in `PATH` and `payload` as the current
    /// folder, where it may write anywhere. Returns `None` when this machine has no trixie root.
    pub fn room(&self, payload: &Path, script: &str, arguments: &[&str]) -> Option<Output> {
        let room = self.shown(Room::new()?.show(payload, "/payload"));
        let script =
            format!("export STUBS=/stubs.state PATH=\"/stubs/bin:$PATH\"\ncd /payload\n{script}");
        Some(room.sh(&script, arguments))
    }

    /// Runs an sh script in a prepared room. With `. /stubs/proxmox.sh` the room becomes a Proxmox
    /// host that was installed a moment ago.
    pub fn room_with(&self, room: Room, script: &str) -> Output {
        self.shown(room).sh(&format!("export STUBS=/stubs.state\n{script}"), &[])
    }

    fn shown(&self, room: Room) -> Room {
        room.show(&folder(), "/stubs").lend(self.state.path(), "/stubs.state")
    }

    /// Returns every call since the start or since [`Stubs::forget`], one on each line. Words are
    /// quoted where needed.
    pub fn log(&self) -> Vec<String> {
        fs::read_to_string(self.log_file()).unwrap_or_default().lines().map(str::to_owned).collect()
    }

    /// Empties the log but keeps the state, as between two runs of one script.
    pub fn forget(&self) {
        fs::write(self.log_file(), "").expect("the log");
    }

    fn log_file(&self) -> PathBuf {
        self.state.path().join("log")
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stubs")
}

/// Runs a script, which must succeed, and returns its output.
fn told(stubs: &Stubs, script: &str) -> String {
    let answer = stubs.sh(script, &[]);
    assert!(answer.status.success(), "{script}: {answer:?}");
    crate::trixie::text(&answer.stdout)
}

#[test]
fn a_call_is_one_line_whatever_its_words_hold() {
    let stubs = Stubs::new();
    stubs.sh("systemctl start 'a b' \"it's\" 'one\ntwo' 'back\\slash' ''", &[]);
    assert_eq!(stubs.log(), [r"systemctl start 'a b' 'it\'s' 'one\ntwo' 'back\\slash' ''"]);
}

#[test]
fn the_second_run_of_a_storage_script_finds_what_the_first_made() {
    let stubs = Stubs::new();
    stubs.given(&["zpool", "create", "-O", "compression=lz4", "tank", "/dev/sdb"]);
    let script = "
        zpool list -H -o name | grep -qx tank
        zfs list -H -o name tank/media >/dev/null 2>&1 || zfs create -p -o recordsize=1M \
        tank/apps/media
        [ \"$(zfs get -Hp -o value quota tank/apps/media)\" = 268435456000 ] || zfs set \
        quota=250G tank/apps/media
        zfs get -H -o value quota tank/apps/media
        zfs get -H -o value,source compression,recordsize tank/apps/media
        zfs list -H -o name,mountpoint -r tank/apps
    ";
    let first = told(&stubs, script);
    assert_eq!(
        first,
        "250G\nlz4\tinherited from \
         tank\n1M\tlocal\ntank/apps\t/tank/apps\ntank/apps/media\t/tank/apps/media\n"
    );
    assert_eq!(stubs.log().iter().filter(|line| line.starts_with("zfs set")).count(), 1);
    stubs.forget();
    assert_eq!(told(&stubs, script), first);
    assert_eq!(stubs.log().iter().filter(|line| line.starts_with("zfs set")).count(), 0);
}

#[test]
fn a_guest_is_kept_as_proxmox_keeps_it() {
    let stubs = Stubs::new();
    assert_eq!(stubs.sh("qm config 101", &[]).status.code(), Some(2));
    let config = told(
        &stubs,
        "qm create 101 --name intranet --memory 12288 --net0 virtio,bridge=vmbr0,firewall=1 \
         --ide2 local:cloudinit \
         --scsi0 tank:40,discard=on
         qm config 101",
    );
    assert_eq!(
        config,
        "ide2: local:vm-101-cloudinit,media=cdrom\nmemory: 12288\nname: intranet\n\
         net0: virtio=BC:24:11:00:00:65,bridge=vmbr0,firewall=1\nscsi0: \
         tank:vm-101-disk-0,discard=on,size=40G\n"
    );
    assert_eq!(stubs.sh("qm create 101 --name again", &[]).status.code(), Some(255));
    let after = told(
        &stubs,
        "qm set 101 --memory 4096 --delete net0,ide2; qm resize 101 scsi0 +10G; qm start 101; qm \
         status 101; qm config 101",
    );
    assert_eq!(
        after,
        "status: running\nmemory: 4096\nname: intranet\nscsi0: \
         tank:vm-101-disk-0,discard=on,size=50G\n"
    );
    let container = told(
        &stubs,
        "pct create 200 local:vztmpl/debian-13.tar.zst --hostname dns --rootfs tank:8 --mp0 \
         /tank/apps,mp=/data --unprivileged 1
         pct config 200",
    );
    assert_eq!(
        container,
        "hostname: dns\nmp0: /tank/apps,mp=/data\nrootfs: \
         tank:subvol-200-disk-0,size=8G\nunprivileged: 1\n"
    );
}

#[test]
fn storage_and_the_api_answer_what_was_set() {
    let stubs = Stubs::new();
    let told = told(
        &stubs,
        "pvesm set local --content iso,vztmpl,backup,snippets
         pvesm status --storage tank >/dev/null 2>&1 || pvesm add zfspool tank --pool tank \
         --content images
         pvesm status | awk 'NR > 1 { print $1, $2 }'
         pvesm config local
         pvesh set /cluster/options --keyboard fr
         pvesh get /cluster/options --output-format json",
    );
    let expected = "local dir\nlocal-lvm lvmthin\ntank zfspool\ncontent: \
                    iso,vztmpl,backup,snippets\npath: /var/lib/vz\n\
                    type: dir\n{\"keyboard\":\"fr\"}\n";
    assert_eq!(told, expected);
}

#[test]
fn ufw_systemd_and_docker_remember() {
    let stubs = Stubs::new();
    let rule = "ufw allow proto tcp from 192.168.1.0/24 to any port 22 comment ssh";
    assert_eq!(told(&stubs, rule), "Rule added\n");
    assert_eq!(told(&stubs, rule), "Skipping adding existing rule\n");
    assert_eq!(told(&stubs, "ufw status"), "Status: inactive\n");
    told(
        &stubs,
        "ufw --force enable; systemctl enable --now --quiet docker; systemctl is-active \
         docker.service",
    );
    assert_eq!(stubs.sh("systemctl is-enabled nobody", &[]).status.code(), Some(1));
    assert_eq!(stubs.sh("systemctl frobnicate docker", &[]).status.code(), Some(64));
    told(
        &stubs,
        "docker network inspect lab >/dev/null 2>&1 || docker network create lab; docker network \
         inspect lab",
    );
    assert_eq!(
        stubs.sh("docker compose -f /nowhere/compose.yaml up -d", &[]).status.code(),
        Some(14)
    );
}

#[test]
fn in_a_room_a_script_may_write_anywhere() {
    let stubs = Stubs::new();
    let payload = tempfile::tempdir().expect("a temporary folder");
    fs::write(
        payload.path().join("storage.sh"),
        "zpool create tank \"$1\"\nmkdir -p /tank/media\n",
    )
    .expect("a script");
    if let Some(answer) =
        stubs.room(payload.path(), "sh -eu storage.sh \"$1\"; test -d /tank/media", &["/dev/sdb"])
    {
        assert!(answer.status.success(), "{answer:?}");
        assert_eq!(stubs.log(), ["zpool create tank /dev/sdb"]);
        assert!(!Path::new("/tank/media").exists());
    }
}
