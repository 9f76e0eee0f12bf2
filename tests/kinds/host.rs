//! A hypervisor is brought up in the order that its hardware and its network need.

use super::{HOME, payload, read, run};
use crate::emit;
use crate::stubs::Stubs;
use crate::trixie::text;

/// A host whose way to the internet is one of its own guests.
const ROUTED: &str = r#"
host pve kind=proxmox version="8.4" { address lan "192.168.1.2" nic=eno1 bridge=vmbr0; }
vm early id=101 on=pve {
    os debian-13
    memory "1GiB"
    disk root size="8GiB"
    address lan "192.168.1.90"
}
vm router id=200 on=pve kind=appliance {
    memory "2GiB"
    disk root size="16GiB"
    address lan "192.168.1.1"
    image "local:iso/OPNsense.iso"
    boot #true order=1 wait="1m"
}
"#;

/// Runs `guests.sh` with stand-ins, and an internet that `curl` says is there or not.
fn guests(stubs: &Stubs, lab: &str, internet: bool) -> Option<(bool, String)> {
    let folder = emit::payload::payload(lab, &[], "pve");
    let script = format!(
        "mkdir /fake && printf '#!/bin/sh\nexit {}\n' >/fake/curl && chmod +x /fake/curl
        mkdir -p /var/lib/labwright/images
        : >/var/lib/labwright/images/debian-13-generic-amd64.qcow2
        PATH=/fake:$PATH LABWRIGHT_WAIT=0 sh proxmox/guests.sh",
        u8::from(!internet)
    );
    let answer = stubs.room(folder.path(), &script, &[])?;
    Some((answer.status.success(), text(&answer.stdout) + &text(&answer.stderr)))
}

fn made(stubs: &Stubs) -> Vec<String> {
    let word = |line: &String| line.split(' ').nth(2).map(str::to_owned);
    let created = |line: &String| line.starts_with("qm create ");
    stubs.log().iter().filter(|line| created(line)).filter_map(word).collect()
}

#[test]
fn the_router_is_made_first_and_the_others_once_it_leads_to_the_internet() {
    let stubs = Stubs::new();
    let Some((fine, said)) = guests(&stubs, ROUTED, false) else { return };
    assert!(fine, "{said}");
    assert_eq!(made(&stubs), ["200"]);
    assert!(said.contains("note: guest 101 (early) is made once"), "{said}");
    assert!(said.contains("guest 200 (router): set that one up"), "{said}");
    // Not even the template of its disk was fetched, and nothing was half made.
    assert!(!stubs.log().iter().any(|line| line.contains(" 101 ")), "{:?}", stubs.log());
    stubs.forget();
    let (fine, said) = guests(&stubs, ROUTED, true).expect("a room");
    assert!(fine, "{said}");
    assert_eq!(made(&stubs), ["101"]);
    let config = text(&stubs.sh("qm config 200", &[]).stdout);
    assert!(config.contains("startup: order=1,up=60"), "{config}");
    // Once it is there, a guest needs no internet any more.
    stubs.forget();
    let (fine, said) = guests(&stubs, ROUTED, false).expect("a room");
    assert!(fine && !said.contains("is made once"), "{said}");
}

#[test]
fn an_image_that_is_not_there_is_reported_before_anything_is_changed() {
    let folder = emit::payload::payload(ROUTED, &[], "pve");
    let ask =
        |file: &str| super::on_proxmox(&folder, &format!("{file}\nsh check.d/05-requirements.sh"));
    let Some((fine, said)) = ask("") else { return };
    assert!(!fine && said.contains("router starts from local:iso/OPNsense.iso"), "{said}");
    assert!(ask(": >/var/lib/vz/template/iso/OPNsense.iso").expect("a room").0);
}

/// A host with a pool on a part of the disk that its system is on.
const POOLED: &str = r#"
host other kind=proxmox version="8.4" {
    hardware "Box" cores=4 memory="16GiB"
    reserve memory="3GiB" ARC
    address lan "192.168.1.3" nic=eno1 bridge=vmbr0
    disk nvme device="/dev/disk/by-id/nvme-A" size="256GB"
    disk hdd device="/dev/disk/by-id/ata-B" size="1TB"
    pool fast disk=nvme size="150GiB"
    pool slow disk=hdd
}
"#;

#[test]
fn the_runbook_says_what_the_installer_must_leave_free() {
    let other = payload(&POOLED.replace("ARC", ""), "other");
    let runbook = read(&other, "RUNBOOK.md");
    let steps = runbook.split("## From nothing").nth(1).expect("the steps");
    // 256 GB are 238 GiB, of which the pool takes 150.
    assert!(
        steps.contains(
            "If it goes to `/dev/disk/by-id/nvme-A`, set `hdsize` under \"Options\" to 87, \
             because the rest is for fast."
        ),
        "{steps}"
    );
    assert_eq!(steps.matches("hdsize").count(), 1, "{steps}");
    assert!(steps.contains("sgdisk --new=0:0:+157286400K"), "{steps}");
    // What must come first does: the installer, the repositories, the partition, the bundle.
    let order = ["1. ", "hdsize", "2. ", "dist-upgrade", "3. ", "sgdisk", "4. ", "scp FILE root@"];
    let mut rest = steps;
    for part in order {
        rest = rest.split_once(part).unwrap_or_else(|| panic!("{part}: {steps}")).1;
    }
}

#[test]
fn the_cache_of_zfs_is_held_to_what_is_kept_for_it() {
    for (arc, least, most) in
        [("", 805_306_368_u64, 1_610_612_736_u64), ("arc=\"1GiB\"", 536_870_912, 1_073_741_824)]
    {
        let other = payload(&POOLED.replace("ARC", arc), "other");
        assert_eq!(
            read(&other, "proxmox/zfs.conf"),
            format!("options zfs zfs_arc_min={least} zfs_arc_max={most}\n")
        );
        let step = "
            mount -t tmpfs tmpfs /sys/module && mkdir -p /sys/module/zfs/parameters
            echo 0 >/sys/module/zfs/parameters/zfs_arc_max
            printf '#!/bin/sh\necho \"$@\"\n' >/usr/local/bin/update-initramfs
            chmod +x /usr/local/bin/update-initramfs
            sh activate.d/15-arc.sh
            cat /sys/module/zfs/parameters/zfs_arc_min /sys/module/zfs/parameters/zfs_arc_max
        ";
        let Some((fine, said)) = run(&other, step) else { return };
        assert!(fine, "{said}");
        assert_eq!(said, format!("-u -k all\n{least}\n{most}\n"));
    }
    // Without a pool, nothing is kept for ZFS.
    let pve = payload("", "pve");
    assert!(!pve.path().join("proxmox/zfs.conf").exists() && HOME.contains("host pve"));
}
