//! Packages are installed in one way on every kind of machine: after apt has read what there is.

use crate::emit::lab::compile;
use crate::trixie::{Room, text};

const LAB: &str = r#"
edition 1
lab home version="1.0" { timezone "Europe/Brussels"; }
network lan cidr="192.168.1.0/24" gateway="192.168.1.1" dns="192.168.1.1"
host pve kind=proxmox version="8.4" {
    address lan "192.168.1.2" nic=eno1 bridge=vmbr0
    disk hdd device="/dev/disk/by-id/hdd" size="1TB"
    pool tank disk=hdd {
        dataset media quota="500GiB" backup=never { snapshots daily=7; }
    }
}
vm media id=101 on=pve {
    os debian-13
    memory "4GiB"
    disk root size="20GiB"
    address lan "192.168.1.101"
    share tank.media at="/mnt/media" via=nfs
}
service node-pve module=node-exporter on=pve
"#;

/// Runs the step that installs packages with a recording apt. Returns the calls.
fn calls(lab: &str, machine: &str, update: &str) -> Option<String> {
    let lab = compile(&[("lab.kdl", lab)]);
    let folder = tempfile::tempdir().expect("a folder");
    lab.unpack(machine, folder.path());
    for (path, file) in &lab.machines[machine].files {
        let text = String::from_utf8_lossy(&file.bytes);
        assert_eq!(
            text.contains("apt-get") && text.contains(" install"),
            path.ends_with("packages.sh"),
            "{path}"
        );
    }
    let answer = Room::new()?.show(folder.path(), "/payload").sh(
        &format!(
            "mkdir /stand-ins
            cat >/stand-ins/apt-get <<'END'\n#!/bin/sh\n\
            case $* in *update*) echo update; {update} ;; *) shift 9; echo install \"$@\" ;; esac\n\
            END\n\
            printf '#!/bin/sh\\nexit 1\\n' >/stand-ins/dpkg-query
            chmod +x /stand-ins/*
            PATH=/stand-ins:$PATH
            cd /payload && sh activate.d/10-packages.sh"
        ),
        &[],
    );
    assert!(answer.status.success(), "{}", text(&answer.stderr));
    Some(text(&answer.stdout))
}

#[test]
fn a_host_gets_all_its_packages_at_once_after_an_update() {
    let Some(calls) = calls(LAB, "pve", "exit 0") else { return };
    assert_eq!(calls, "update\ninstall nfs-kernel-server prometheus-node-exporter sanoid\n");
}

#[test]
fn the_repository_for_subscribers_does_not_keep_debians_from_answering() {
    // What apt says on a Proxmox host without a subscription.
    let Some(calls) = calls(LAB, "pve", "exit 100") else { return };
    assert!(calls.ends_with("sanoid\n"), "{calls}");
}
