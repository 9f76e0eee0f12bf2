//! Runs the script that tells the node exporter what only a machine's own system knows.

use super::lab::compile;
use crate::trixie::{Room, text};

const LAB: &str = r#"
edition 1
lab home version="1.0" { domain "example.org"; }
admin ada {
    ssh-key "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExampleExampleExampleExampleExampleExampleE ada"
}
network lan cidr="192.168.1.0/24" gateway="192.168.1.1"
host pve kind=proxmox {
    address lan "192.168.1.5" nic=eth0
    disk a device="/dev/disk/by-id/a" size=(size)"1TB"
    pool tank disk=a {
        dataset photos backup=daily { snapshots hourly=24 daily=7; }
        dataset papers { snapshots monthly=3; }
        dataset gone { snapshots daily=1; }
        dataset films
    }
}
host bare kind=debian { os debian-13; address lan "192.168.1.6" nic=eth0; }
service node-pve module=node-exporter on=pve { ignore-unit "fwupd-refresh.service" "a.service"; }
service restic on=pve { repository "/mnt/restic"; password (secret)p; }
secret p
"#;

/// Stand-ins for `systemctl` and `zfs`, which answer as on a machine with faults.
const STAND_INS: &str = r#"
bin=$(mktemp -d)
mkdir -p /var/lib/node_exporter/textfile
cat >"$bin/systemctl" <<'END'
#!/bin/sh
[ ! -e /tmp/broken ] || exit 1
[ -e /tmp/well ] || cat <<'UNITS'
fwupd-refresh.service loaded failed failed Refresh fwupd metadata
logrotate.service     loaded failed failed Rotate log files
restic-daily.service  loaded failed failed The daily backup of restic
restic-check.service  loaded failed failed The check and restore drill of restic
mnt-my\x2ddisk.mount  loaded failed failed /mnt/my-disk
UNITS
END
cat >"$bin/zfs" <<'END'
#!/bin/sh
case "$*" in
    'list -Hp -t snapshot -d 1 -s creation -o creation,name tank/photos')
        printf '100\ttank/photos@autosnap_2026-01-01_00:00:01_hourly\n'
        printf '200\ttank/photos@autosnap_2026-01-01_01:00:01_hourly\n'
        printf '900\ttank/photos@before-an-image\n' ;;
    'list '*' tank/papers') ;;
    'get -Hp -o value creation tank/papers') echo 50 ;;
    *' tank/gone') exit 1 ;;
    *) echo "zfs $*" >&2; exit 64 ;;
esac
END
cat >"$bin/zpool" <<'END'
#!/bin/sh
case "$*" in
    'list -H -o name') printf 'old\nspare\n' ;;
    # A pool of the lab that was not taken in after a start.
    'status -x tank') echo "cannot open 'tank': no such pool" >&2; exit 1 ;;
    'status -x old') echo "pool 'old' is healthy" ;;
    'status -x spare')
        printf '  pool: spare\n state: ONLINE\nstatus: One or more devices has experienced an\n'
        printf '\tunrecoverable error.\n' ;;
    *) echo "zpool $*" >&2; exit 64 ;;
esac
END
cat >"$bin/getent" <<'END'
#!/bin/sh
[ "$*" = 'ahosts deb.debian.org' ] && [ ! -e /tmp/well ]
END
chmod 0755 "$bin"/*
PATH=$bin:$PATH
"#;

#[test]
fn what_failed_and_what_is_old_is_measured() {
    let compiled = compile(&[("lab.kdl", LAB)]);
    assert!(!compiled.machines["bare"].files.contains_key("machine/measures.sh"));
    let Some(room) = Room::new() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    compiled.unpack("pve", folder.path());
    let script = format!(
        "{STAND_INS}
        file=/var/lib/node_exporter/textfile/labwright-measures.prom
        sh /payload/machine/measures.sh && cat $file && stat -c %a $file
        promtool check metrics <$file >&2 || [ $? = 3 ]
        touch /tmp/well && sh /payload/machine/measures.sh && grep ^labwright_names $file &&
            {{ grep -c failed.*1$ $file || :; }}
        touch /tmp/broken && ! sh /payload/machine/measures.sh
        ls -A /var/lib/node_exporter/textfile"
    );
    let answer = room.show(folder.path(), "/payload").sh(&script, &[]);
    let said = text(&answer.stdout);
    let lines: Vec<&str> = said
        .lines()
        .filter(|line| !line.starts_with("# ") && !line.contains("units_timestamp"))
        .collect();
    let newest = |dataset: &str, at: u32| {
        format!("labwright_snapshot_newest_timestamp_seconds{{dataset=\"tank/{dataset}\"}} {at}")
    };
    let late = |dataset: &str, after: u32| {
        format!("labwright_snapshot_late_after_seconds{{dataset=\"tank/{dataset}\"}} {after}")
    };
    let failed =
        |unit: &str, value: u32| format!("labwright_unit_failed{{unit=\"{unit}\"}} {value}");
    let mut expected = vec![
        failed("labwright-measures.service", 0),
        failed("logrotate.service", 1),
        // Nothing else says that a check could not begin. A backup has an alert of its own.
        failed("restic-check.service", 1),
        failed(r"mnt-my\\x2ddisk.mount", 1),
    ];
    expected.push("labwright_names_found 1".to_owned());
    for (pool, well) in [("old", 1), ("spare", 0), ("tank", 0)] {
        expected.push(format!("labwright_pool_well{{zpool=\"{pool}\"}} {well}"));
    }
    for (dataset, at, after) in
        [("photos", 200, 10_800), ("papers", 50, 40 * 86_400), ("gone", 0, 129_600)]
    {
        expected.extend([newest(dataset, at), late(dataset, after)]);
    }
    let rest = ["644", "labwright_names_found 0", "0", "labwright-measures.prom"];
    let rest = rest.map(str::to_owned);
    let got: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
    let mut measured = got.clone();
    let after: Vec<String> = got.iter().rev().take(rest.len()).rev().cloned().collect();
    measured.truncate(got.len().saturating_sub(rest.len()));
    measured.sort();
    expected.sort();
    assert_eq!((measured, after), (expected, rest.to_vec()), "{}", text(&answer.stderr));
}
