//! Packages are installed in one way on every kind of machine: after apt has read what there is.

use crate::emit::payload::compiled;
use crate::trixie::{Room, text};

const LAB: &str = r#"
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
    let lab = compiled(lab, &[]);
    let folder = tempfile::tempdir().expect("a folder");
    lab.unpack(machine, folder.path());
    let scripts = |(path, _): &(&String, _)| path.as_str() != "RUNBOOK.md";
    for (path, file) in lab.machines[machine].files.iter().filter(scripts) {
        let text = String::from_utf8_lossy(&file.bytes);
        let installs = |line: &str| line.contains("apt-get") && line.contains(" install");
        assert_eq!(text.lines().any(installs), path.ends_with("packages.sh"), "{path}");
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

const OLD_DEBIAN: &str = "lxc infra id=200 on=pve {
    os debian-12
    memory \"1GiB\"
    disk root size=\"8GiB\"
    address lan \"192.168.1.20\"
}
service flaresolverr on=infra";

/// Runs the step with an apt that only fetches nothing, then asks the real one what it knows.
const STEP: &str = "
    mkdir /stand-ins
    printf '#!/bin/sh\\nexit 0\\n' >/stand-ins/apt-get
    printf '#!/bin/sh\\nexit 1\\n' >/stand-ins/docker
    chmod +x /stand-ins/*
    PATH=/stand-ins:$PATH sh activate.d/10-packages.sh
    apt-get update --print-uris | grep -c 'docker.com/linux/debian/dists/bookworm/InRelease'
    ls /etc/apt/sources.list.d
";

#[test]
fn dockers_archive_is_known_to_a_machine_that_was_there_before() {
    let infra = super::payload(OLD_DEBIAN, "infra");
    let Some((fine, said)) = super::run(&infra, STEP) else { return };
    assert!(fine, "{said}");
    assert_eq!(said, "1\ndocker.sources\n");
    // Two entries with two keys would be an error to apt, so that it would read no archive at all.
    let known = "deb [signed-by=/etc/apt/keyrings/mine.gpg] \
        https://download.docker.com/linux/debian bookworm stable";
    let before = format!("echo '{known}' >/etc/apt/sources.list.d/mine.list\n");
    let (fine, said) = super::run(&infra, &format!("{before}{STEP}")).expect("a room");
    assert!(fine && said == "1\nmine.list\n", "{said}");
}

#[test]
fn the_key_of_dockers_archive_comes_with_the_first_boot_and_needs_no_gpg() {
    let infra = super::payload(OLD_DEBIAN, "infra");
    let user_data = super::read(&infra, "cloud-init/user-data");
    assert!(!user_data.contains("keyid"), "{user_data}");
    for path in ["/etc/apt/keyrings/docker.asc", "/etc/apt/sources.list.d/docker.sources"] {
        assert!(user_data.contains(path), "{path}");
    }
    // RFC 4880: the fingerprint is the SHA-1 of the packet with the key, which begins with 0x99 and
    // two bytes of length.
    let script = "python3 - <<'END'\n\
        import base64, hashlib\n\
        text = open('machine/docker.asc').read().split('\\n\\n', 1)[1].split('\\n=')[0]\n\
        key = base64.b64decode(text)\n\
        assert key[0] == 0x99\n\
        print(hashlib.sha1(key[:3 + int.from_bytes(key[1:3], 'big')]).hexdigest())\n\
        END";
    let Some((_, said)) = super::run(&infra, script) else { return };
    assert_eq!(said, "9dc858229fc7dd38854ae2d88d81803c0ebfcd88\n");
}
