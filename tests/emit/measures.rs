//! Runs the script that tells the node exporter what only a machine's own system knows.

use super::lab::compile;
use crate::trixie::{Room, text};

const LAB: &str = r#"
edition 1
lab home version="1.0" { domain "example.org"; }
admin ada {
    ssh-key "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExampleExampleExampleExampleExampleExampleE ada"
}
network lan cidr="192.168.1.0/24" gateway="192.168.1.1" dns="192.168.1.1"
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
        touch /tmp/well && sh /payload/machine/measures.sh && grep ^labwright_name_ $file &&
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
        failed("restic-check.service", 1),
        // The alert leaves it out if it said itself that it failed.
        failed("restic-daily.service", 1),
        failed(r"mnt-my\\x2ddisk.mount", 1),
    ];
    expected.push("labwright_name_found{name=\"deb.debian.org\"} 1".to_owned());
    for (pool, well) in [("old", 1), ("spare", 0), ("tank", 0)] {
        expected.push(format!("labwright_pool_well{{zpool=\"{pool}\"}} {well}"));
    }
    for (dataset, at, after) in
        [("photos", 200, 10_800), ("papers", 50, 40 * 86_400), ("gone", 0, 129_600)]
    {
        expected.extend([newest(dataset, at), late(dataset, after)]);
    }
    let rest =
        ["644", "labwright_name_found{name=\"deb.debian.org\"} 0", "0", "labwright-measures.prom"];
    let rest = rest.map(str::to_owned);
    let got: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
    let mut measured = got.clone();
    let after: Vec<String> = got.iter().rev().take(rest.len()).rev().cloned().collect();
    measured.truncate(got.len().saturating_sub(rest.len()));
    measured.sort();
    expected.sort();
    assert_eq!((measured, after), (expected, rest.to_vec()), "{}", text(&answer.stderr));
}

/// A lab whose machines are led out or are not, and ask the lab's name servers or others.
const NAMES: &str = r#"
edition 1
lab home version="1.0" { domain "example.org"; }
admin ada {
    ssh-key "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExampleExampleExampleExampleExampleExampleExa ada"
}
network lan cidr="192.168.1.0/24" gateway="192.168.1.1" dns="192.168.1.2"
network mixed cidr="192.168.2.0/24" gateway="192.168.2.1" dns="192.168.1.2,192.168.2.1"
network closed cidr="192.168.3.0/24" dns="192.168.3.2"
network mute cidr="192.168.4.0/24"
network nameless cidr="192.168.5.0/24" gateway="192.168.5.1"
host ns kind=debian {
    os debian-13
    address lan "192.168.1.2" nic=eth0
    address closed "192.168.3.2" nic=eth1
}
host pve kind=proxmox {
    address lan "192.168.1.3" nic=eth0 bridge=vmbr0
}
host inside kind=debian { os debian-13; address lan "192.168.1.4" nic=eth0; }
host both kind=debian { os ubuntu-24.04; address mixed "192.168.2.4" nic=eth0; }
host vault kind=debian { os debian-13; address closed "192.168.3.4" nic=eth0; }
host island kind=debian { os debian-13; address mute "192.168.4.4" nic=eth0; }
host plain kind=debian { os debian-13; address nameless "192.168.5.4" nic=eth0; }
host told kind=debian { os debian-13; address lan "192.168.1.5" nic=eth0; }
host leased kind=debian { os debian-13; address lan dhcp nic=eth0; }
service adguard-home on=ns { admin-password (secret)p; }
service n-ns module=node-exporter on=ns
service n-pve module=node-exporter on=pve
service n-inside module=node-exporter on=inside
service n-both module=node-exporter on=both
service n-vault module=node-exporter on=vault
service n-island module=node-exporter on=island
service n-plain module=node-exporter on=plain
service n-told module=node-exporter on=told { must-find "localhost"; }
service n-leased module=node-exporter on=leased
secret p
"#;

#[test]
fn a_machine_looks_for_what_the_lab_says_that_it_finds() {
    let compiled = compile(&[("lab.kdl", NAMES)]);
    for (machine, names) in [
        // Its own name is in /etc/hosts.
        ("ns", &["both.example.org", "deb.debian.org"][..]),
        // Its name servers are named when it is installed.
        ("pve", &["deb.debian.org"]),
        ("inside", &["deb.debian.org", "ns.example.org"]),
        // The router, which is asked too, does not know the names of the lab.
        ("both", &["archive.ubuntu.com"]),
        ("vault", &["ns.example.org"]),
        ("island", &[]),
        ("plain", &[]),
        ("told", &["localhost"]),
        ("leased", &["deb.debian.org"]),
    ] {
        let script = compiled.text(machine, "machine/measures.sh");
        let asked = script.lines().filter_map(|line| line.trim().strip_prefix("name "));
        assert_eq!(asked.collect::<Vec<_>>(), names, "{machine}");
        assert_eq!(script.contains("labwright_name_found"), !names.is_empty(), "{machine}");
    }
}

/// Runs the emitted scripts with real name servers: one of the lab, behind which the internet may
/// be, on a network of its own.
#[test]
fn a_failed_name_server_is_told_and_a_closed_network_is_not() {
    let compiled = compile(&[("lab.kdl", NAMES)]);
    let Some(room) = Room::new() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    for machine in ["inside", "vault", "island"] {
        compiled.unpack(machine, &folder.path().join(machine));
    }
    let script = r#"
        bin=$(mktemp -d)
        printf '#!/bin/sh
' >"$bin/systemctl"
        chmod 0755 "$bin/systemctl"
        PATH=$bin:$PATH
        mkdir -p /var/lib/node_exporter/textfile
        file=/var/lib/node_exporter/textfile/labwright-measures.prom
        ip link set lo up
        echo 'nameserver 127.0.0.1' >/tmp/resolv.conf
        mount --bind /tmp/resolv.conf /etc/resolv.conf
        found() {
            for machine in inside vault island; do
                sh "/payload/$machine/machine/measures.sh" &&
                    sed -n "s/^labwright_name_found/$1 $machine /p" "$file"
            done
        }
        answer() {
            dnsmasq --no-daemon --no-resolv --no-hosts --bind-interfaces \
                --listen-address=127.0.0.1 --host-record=ns.example.org,192.168.1.2 \
                "$@" 2>/dev/null &
            server=$!
            until getent ahosts ns.example.org >/dev/null; do sleep 0.1; done
        }
        answer --host-record=deb.debian.org,192.0.2.1
        found well
        kill "$server" && wait "$server"
        # Its own upstream is away.
        answer
        found upstream
        kill "$server" && wait "$server"
        found gone
    "#;
    let answer = room.show(folder.path(), "/payload").sh(script, &[]);
    let expected = r#"well inside {name="deb.debian.org"} 1
well inside {name="ns.example.org"} 1
well vault {name="ns.example.org"} 1
upstream inside {name="deb.debian.org"} 0
upstream inside {name="ns.example.org"} 1
upstream vault {name="ns.example.org"} 1
gone inside {name="deb.debian.org"} 0
gone inside {name="ns.example.org"} 0
gone vault {name="ns.example.org"} 0
"#;
    assert_eq!(text(&answer.stdout), expected, "{}", text(&answer.stderr));
}
