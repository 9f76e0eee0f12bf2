//! What a home asks of its Proxmox host itself: backups of whole guests, repositories of packages,
//! and who may log in by ssh.

use super::{HOME, found, on_proxmox, payload, read};
use crate::emit::payload::compiled;
use crate::trixie::{Room, text};

const GUESTS: &str = r#"
vm media id=101 on=pve {
    os debian-13
    memory "2GiB"
    disk root size="10GiB"
    address lan "192.168.1.11"
}
lxc infra id=200 on=pve {
    os debian-13
    memory "1GiB"
    disk root size="8GiB"
    address lan "192.168.1.12"
}
"#;

/// Lists where the bundle of the host puts files.
fn installed(more: &str) -> Vec<String> {
    let lab = compiled(&format!("{HOME}{more}"), &[]);
    lab.machines["pve"].installs.iter().map(|one| one.destination.clone()).collect()
}

#[test]
fn guests_are_backed_up_as_a_whole_at_their_time() {
    let lab = format!(
        "{GUESTS}service vzdump on=pve {{\n\
         storage nas; except infra; keep last=2 weekly=5; bandwidth \"50MiB\"\n}}\n\
         service two module=vzdump on=pve {{\n\
         storage local; guest media infra; mode stop; schedule \"15 4 * * 1\"\n}}"
    );
    let payload = payload(&lab, "pve");
    let timer = |name: &str| read(&payload, &format!("systemd/labwright-{name}.timer"));
    assert!(timer("vzdump").contains("OnCalendar=Sat *-*-* 00:30:00 "), "{}", timer("vzdump"));
    assert!(timer("two").contains("OnCalendar=Mon *-*-* 04:15:00 "), "{}", timer("two"));
    let Some(room) = Room::new() else { return };
    let answer = room.show(payload.path(), "/payload").sh(
        r#"mkdir -p /stand-ins
        printf '#!/bin/sh\necho "$*" >>/tmp/calls\n[ ! -e /tmp/broken ]\n' >/stand-ins/vzdump
        chmod +x /stand-ins/vzdump
        export PATH=/stand-ins:$PATH
        sh /payload/two/run.sh
        sh /payload/vzdump/run.sh
        cat /tmp/calls
        prom=/var/lib/node_exporter/textfile/labwright-vzdump-vzdump.prom
        good=$(grep '^labwright_vzdump_last_success' $prom)
        touch /tmp/broken
        ! sh /payload/vzdump/run.sh || echo 'a failure is none'
        grep -qxF "$good" $prom || echo 'the last good run is forgotten'
        grep '^labwright_vzdump_last_run_success' $prom"#,
        &[],
    );
    assert_eq!(
        text(&answer.stdout),
        "101 200 --storage local --mode stop --compress zstd \
         --prune-backups keep-weekly=4,keep-monthly=3 --quiet 1\n\
         --all 1 --exclude 200 --bwlimit 51200 --storage nas --mode snapshot --compress zstd \
         --prune-backups keep-last=2,keep-weekly=5,keep-monthly=3 --quiet 1\n\
         labwright_vzdump_last_run_success{vzdump=\"vzdump\"} 0\n",
        "{}",
        text(&answer.stderr)
    );
}

#[test]
fn a_storage_that_takes_no_backups_is_reported_before_anything_is_changed() {
    let check = |storage: &str| {
        let lab = format!("service vzdump on=pve {{ storage {storage}; }}");
        let payload = payload(&lab, "pve");
        on_proxmox(&payload, "sh check.d/40-vzdump-storage.sh")
    };
    let Some((taken, _)) = check("local") else { return };
    assert!(taken);
    for storage in ["local-lvm", "nas"] {
        let (taken, said) = check(storage).expect("a room");
        assert!(!taken && said.contains(&format!("the storage {storage} ")), "{said}");
    }
    let said = found(
        "host box kind=debian { os debian-13; address lan \"192.168.1.9\"; }\n\
         service vzdump on=box { storage local; }",
    );
    assert!(said.iter().any(|one| one.contains("only a Proxmox host has guests")), "{said:?}");
}

#[test]
fn apt_asks_the_repository_in_the_place_of_the_one_for_subscribers() {
    let lab = r#"service pve-enterprise module=apt-source on=pve {
        uri "http://download.proxmox.com/debian/pve"
        suite trixie
        component pve-no-subscription
        signed-by "/usr/share/keyrings/proxmox-archive-keyring.gpg"
        prefer 400
    }"#;
    let installed = installed(lab);
    for path in ["sources.list.d/pve-enterprise.sources", "preferences.d/pve-enterprise"] {
        assert!(installed.contains(&format!("/etc/apt/{path}")), "{installed:?}");
    }
    let payload = payload(lab, "pve");
    assert_eq!(
        read(&payload, "pve-enterprise/source"),
        "Types: deb\nURIs: http://download.proxmox.com/debian/pve\nSuites: trixie\n\
         Components: pve-no-subscription\n\
         Signed-By: /usr/share/keyrings/proxmox-archive-keyring.gpg\n"
    );
    assert_eq!(
        read(&payload, "pve-enterprise/preferences"),
        "Package: *\nPin: origin download.proxmox.com\nPin-Priority: 400\n"
    );
    let Some(room) = Room::new() else { return };
    let answer = room.show(payload.path(), "/payload").sh(
        "rm -rf /etc/apt/sources.list /etc/apt/sources.list.d/*
        cp /payload/pve-enterprise/source /etc/apt/sources.list.d/pve-enterprise.sources
        cp /payload/pve-enterprise/preferences /etc/apt/preferences.d/pve-enterprise
        apt-get update --print-uris | cut -d ' ' -f 1
        apt-cache policy >/dev/null",
        &[],
    );
    let asked = text(&answer.stdout);
    assert!(answer.stderr.is_empty(), "{}", text(&answer.stderr));
    for path in ["InRelease", "pve-no-subscription/binary-amd64/Packages.xz"] {
        let url = format!("'http://download.proxmox.com/debian/pve/dists/trixie/{path}'");
        assert!(asked.lines().any(|line| line == url), "no {url} in\n{asked}");
    }
    assert!(!asked.contains("enterprise"), "{asked}");
}

/// sshd takes the first value of a setting, and cloud-init's file lets passwords in.
#[test]
fn sshd_lets_in_whom_the_lab_names_whatever_other_files_say() {
    let effective = |options: &str| {
        let payload = payload(&format!("service sshd on=pve {{ {options} }}"), "pve");
        let answer = Room::new()?.show(payload.path(), "/payload").sh(
            "cd /etc/ssh/sshd_config.d
            echo 'PasswordAuthentication yes' >50-cloud-init.conf
            echo 'PermitRootLogin yes' >>50-cloud-init.conf
            cp /payload/sshd/sshd.conf 10-labwright-sshd.conf
            ssh-keygen -A >/dev/null
            mkdir -p /run/sshd
            sshd -T",
            &[],
        );
        assert!(answer.status.success(), "{}", text(&answer.stderr));
        Some(text(&answer.stdout))
    };
    let path = "/etc/ssh/sshd_config.d/10-labwright-sshd.conf".to_owned();
    assert!(installed("service sshd on=pve").contains(&path));
    let Some(usual) = effective("") else { return };
    for line in [
        "passwordauthentication no",
        "kbdinteractiveauthentication no",
        "permitrootlogin without-password",
        "maxauthtries 3",
        "x11forwarding no",
    ] {
        assert!(usual.lines().any(|one| one == line), "no {line} in\n{usual}");
    }
    let other = effective("password #true; root yes; user root backup; tries 5").expect("a room");
    for line in
        ["passwordauthentication yes", "permitrootlogin yes", "allowusers root", "maxauthtries 5"]
    {
        assert!(other.lines().any(|one| one == line), "no {line} in\n{other}");
    }
}

#[test]
fn nobody_logs_in_as_root_where_the_lab_makes_accounts() {
    let admin = "admin ada { ssh-key \"ssh-ed25519 \
                 AAAAC3NzaC1lZDI1NTE5AAAAIExampleExampleExampleExampleExampleExampleE ada\"; }\n";
    let lab = format!(
        "{admin}{GUESTS}extend vm media {{ ssh from=lan; }}\n\
                       extend host pve {{ ssh from=lan; }}"
    );
    let guest = payload(&lab, "media");
    let user_data = read(&guest, "cloud-init/user-data");
    for line in ["disable_root: true", "ssh_pwauth: false"] {
        assert!(user_data.lines().any(|one| one == line), "no {line} in\n{user_data}");
    }
    let runbook = read(&guest, "RUNBOOK.md");
    assert!(runbook.contains("`ssh ada@192.168.1.11`") && !runbook.contains("root@"), "{runbook}");
    let host = read(&payload(&lab, "pve"), "RUNBOOK.md");
    assert!(host.contains("`ssh root@192.168.1.2`"), "{host}");
}
