//! Checks `storage.sh`: it makes what is missing, sets what differs, and removes nothing that
//! contains data.

use super::payload::payload;
use crate::consumers::shellcheck;
use crate::stubs::Stubs;
use crate::trixie::text;

const POOL: &str = "dataset media quota=(size)\"250GiB\" recordsize=(size)\"1MiB\"; dataset \
                    \"apps/db\" compression=zstd;";

/// Declares a host with one pool on one disk, and a guest that gets a dataset of it.
fn host(disk: &str, pool: &str, datasets: &str) -> String {
    format!(
        "host pve kind=proxmox version=\"8.4\" {{
            hardware \"Box\" cores=4 memory=(size)\"16GiB\"
            address lan \"192.168.1.100\" nic=eno1 bridge=vmbr0
            disk hdd device=\"{disk}\" size=(size)\"500GB\"
            pool tank disk=hdd {pool} {{ {datasets} }}
        }}
        vm box id=101 on=pve {{
            os debian-13
            cores 2
            memory (size)\"2GiB\"
            disk root size=(size)\"20GiB\"
            address lan \"192.168.1.101\"
            share tank.media at=\"/mnt/media\" via=virtiofs
            ssh from=lan
        }}"
    )
}

fn calls(stubs: &Stubs) -> Vec<String> {
    let reads = ["zpool list", "zfs list", "zfs get", "pvesh get"];
    stubs
        .log()
        .into_iter()
        .filter(|line| !reads.iter().any(|read| line.starts_with(read)))
        .collect()
}

/// Runs the script of a lab. Returns its output, and asserts how it ended.
fn run(stubs: &Stubs, lab: &str, variables: &str, succeeds: bool) -> String {
    let payload = payload(lab, &[], "pve");
    let script = payload.path().join("proxmox/storage.sh");
    shellcheck(&script).expect("ShellCheck accepts it");
    stubs.forget();
    let answer = stubs.sh(&format!("{variables} sh \"$1\""), &[&script.display().to_string()]);
    let said = text(&answer.stdout) + &text(&answer.stderr);
    assert_eq!(answer.status.success(), succeeds, "{said}");
    said
}

#[test]
fn makes_what_is_missing_and_then_has_nothing_to_do() {
    let stubs = Stubs::new();
    let lab = host("/dev/disk/by-id/nobody", "", POOL);
    let said = run(&stubs, &lab, "LABWRIGHT_PLAN=1", true);
    assert!(said.contains("would run: zpool create"), "{said}");
    assert_eq!(calls(&stubs), [""; 0], "a plan only reads");

    run(&stubs, &lab, "", true);
    let made = calls(&stubs);
    assert_eq!(
        made[..3],
        [
            "zpool create -o ashift=12 -O compression=lz4 -O atime=off -O xattr=sa -O \
             acltype=posix -O mountpoint=/tank tank /dev/disk/by-id/nobody",
            "zfs create -p -o recordsize=131072 -o compression=zstd -o mountpoint=/tank/apps/db \
             tank/apps/db",
            "zfs create -p -o quota=268435456000 -o recordsize=1048576 -o compression=lz4 -o \
             mountpoint=/tank/media tank/media",
        ]
    );
    assert!(
        made[3].starts_with("pvesh create /cluster/mapping/dir --id tank_media --map node="),
        "{made:?}"
    );
    assert_eq!(made.len(), 4);

    assert_eq!(run(&stubs, &lab, "", true), "");
    assert_eq!(calls(&stubs), [""; 0], "a second run finds nothing to do");
}

#[test]
fn sets_only_what_differs_and_leaves_what_it_does_not_know() {
    let stubs = Stubs::new();
    run(&stubs, &host("/dev/disk/by-id/nobody", "", POOL), "", true);
    stubs.given(&["zfs", "create", "tank/strange"]);
    stubs.given(&["zfs", "create", "tank/subvol-200-disk-0"]);
    stubs.given(&["zfs", "set", "atime=on", "tank"]);
    let said = run(
        &stubs,
        &host("/dev/disk/by-id/nobody", "", &POOL.replace("250GiB", "300GiB")),
        "",
        true,
    );
    assert_eq!(calls(&stubs), ["zfs set atime=off tank", "zfs set quota=322122547200 tank/media"]);
    assert!(said.contains("note: dataset tank/strange is not declared"), "{said}");
    assert!(!said.contains("subvol"), "{said}");
}

#[test]
fn a_pool_on_a_part_of_its_disk_needs_a_partition_that_a_person_made() {
    let stubs = Stubs::new();
    let lab = host("/dev/disk/by-id/nobody", "size=(size)\"150GiB\"", POOL);
    let said = run(&stubs, &lab, "", false);
    let command = "sgdisk --new=0:0:+157286400K --typecode=0:BF01 --change-name=0:tank \
                   /dev/disk/by-id/nobody";
    assert!(said.contains(command), "{said}");
    assert!(!calls(&stubs).iter().any(|call| call.starts_with('z')), "{:?}", calls(&stubs));
    assert!(run(&stubs, &lab, "LABWRIGHT_PLAN=1", true).contains(command));
}

#[test]
fn a_device_that_holds_something_is_refused() {
    let stubs = Stubs::new();
    let payload = payload(&host("/dev/disk/by-id/full", "", POOL), &[], "pve");
    // The room shows the devices of the machine at hand, which must not get another one.
    let script = "mkdir /devices; mount --rbind /dev /devices; mount -t tmpfs tmpfs /dev
                  for device in /devices/*; do ln -s \"$device\" \"/dev/${device##*/}\"; done
                  rm -f /dev/disk; mkdir -p /dev/disk/by-id
                  truncate -s 64M /dev/disk/by-id/full; mkswap -q /dev/disk/by-id/full
                  ! sh check.d/10-storage.sh; sh proxmox/storage.sh || echo \"ended with $?\"";
    let Some(answer) = stubs.room(payload.path(), script, &[]) else { return };
    let said = text(&answer.stdout) + &text(&answer.stderr);
    assert!(said.contains("refused: /dev/disk/by-id/full is not empty (swap"), "{said}");
    assert!(said.contains("ended with 1"), "{said}");
    assert!(
        !stubs
            .log()
            .iter()
            .any(|call| call.starts_with("zpool create") || call.starts_with("zfs create")),
        "{:?}",
        stubs.log()
    );
}

#[test]
fn snapshots_and_exports_are_written_for_their_programs() {
    let lab = "host nas kind=debian {
        os debian-13
        address lan \"192.168.1.5\"
        disk hdd device=\"/dev/disk/by-id/x\" size=(size)\"4TB\"
        pool tank disk=hdd { dataset photos { snapshots daily=7 weekly=4; }; dataset scratch; }
        export films path=\"/srv/films and more\"
    }
    host box kind=debian {
        os debian-13
        address lan \"192.168.1.6\"
        share nas.films at=\"/mnt/films\" via=nfs read-only=#true
        share tank.photos at=\"/mnt/photos\" via=nfs
    }";
    let payload = payload(lab, &[], "nas");
    let read = |name: &str| {
        std::fs::read_to_string(payload.path().join("storage").join(name)).expect(name)
    };
    assert_eq!(
        read("labwright.exports").lines().skip(1).collect::<Vec<_>>(),
        [
            r"/srv/films\040and\040more 192.168.1.6(ro,sync,no_subtree_check,no_root_squash)",
            "/tank/photos 192.168.1.6(rw,sync,no_subtree_check,no_root_squash)",
        ]
    );
    let sanoid = read("sanoid.conf");
    assert!(
        sanoid.contains("[tank/photos]\nfrequently = 0\nhourly = 0\ndaily = 7\nweekly = 4\n"),
        "{sanoid}"
    );
    assert!(!sanoid.contains("scratch"), "{sanoid}");
    if let Some(room) = crate::trixie::Room::new() {
        let script = "install -D /in/sanoid.conf /etc/sanoid/sanoid.conf
            printf '#!/bin/sh\\n' >/usr/sbin/zfs; chmod 755 /usr/sbin/zfs; sanoid \
            --take-snapshots --readonly --verbose 2>&1";
        let said = text(&room.show(&payload.path().join("storage"), "/in").sh(script, &[]).stdout);
        assert!(!said.to_lowercase().contains("unknown") && !said.contains("FATAL"), "{said}");
    }
}

#[test]
fn an_unprivileged_container_may_write_what_it_gets() {
    let lab = |share: &str, privileged: &str| {
        format!(
            "host pve kind=proxmox version=\"8.4\" {{
                address lan \"192.168.1.100\"
                disk hdd device=\"/dev/disk/by-id/nobody\" size=\"500GB\"
                pool tank disk=hdd {{ dataset media; dataset photos owner=\"1000:1000\"; }}
            }}
            lxc box id=200 on=pve {{
                os debian-13
                cores 1
                memory \"1GiB\"
                disk root size=\"8GiB\"
                address lan \"192.168.1.101\"
                share tank.media at=\"/mnt/media\" via=mount-point {share}
                share tank.photos at=\"/mnt/photos\" via=mount-point
                {privileged}
                ssh from=lan
            }}"
        )
    };
    let owners = |share: &str, privileged: &str| {
        let said = run(&Stubs::new(), &lab(share, privileged), "LABWRIGHT_PLAN=1", true);
        said.lines()
            .filter_map(|line| Some(line.split_once("chown ")?.1.to_owned()))
            .collect::<Vec<_>>()
    };
    // Root of the container is the user 100000 of the host, so folders of the host's root are
    // foreign to it.
    assert_eq!(owners("", ""), ["100000:100000 /tank/media", "1000:1000 /tank/photos"]);
    assert_eq!(owners("read-only=#true", ""), ["1000:1000 /tank/photos"]);
    assert_eq!(owners("", "privileged #true"), ["1000:1000 /tank/photos"]);
}
