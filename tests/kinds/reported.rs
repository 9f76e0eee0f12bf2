//! Plays what people wrote for real homelabs and got nothing of.

use super::{found, payload, read};
use crate::trixie::Room;

/// Shares that a NAS of somebody else exports.
const NAS: &str = r#"
host nas kind=unmanaged {
    address lan "192.168.1.9"
    export backups path="/export/backups" backup=never
    export isos path="/export/isos" backup=never
}
"#;

#[test]
fn a_share_is_mounted_on_a_hypervisor_too() {
    let lab = format!(
        "{NAS}extend host pve {{\n\
         share nas.backups at=\"/mnt/nas\" via=nfs\n\
         share nas.isos at=\"/mnt/isos\" via=cifs user=me \
         password=(secret)key read-only=#true\n\
         }}"
    );
    let payload = payload(&lab, "pve");
    for (unit, lines) in [
        ("nas", ["What=192.168.1.9:/export/backups", "Where=/mnt/nas", "Type=nfs"]),
        ("isos", ["What=//192.168.1.9/isos", "Where=/mnt/isos", "Type=cifs"]),
    ] {
        let text = read(&payload, &format!("systemd/mnt-{unit}.mount"));
        for line in lines {
            assert!(text.contains(&format!("{line}\n")), "no {line} in\n{text}");
        }
    }
    let Some(room) = Room::new() else { return };
    let answer = room.show(payload.path(), "/payload").sh(
        "mkdir -p /stand-ins
        printf '#!/bin/sh\\necho \"$*\" >>/tmp/calls\\n' >/stand-ins/systemctl
        chmod +x /stand-ins/systemctl
        cd /payload
        PATH=/stand-ins:$PATH sh activate.d/20-mounts.sh || :
        cat /tmp/calls",
        &[],
    );
    let calls = crate::trixie::text(&answer.stdout);
    for unit in ["nas", "isos"] {
        assert!(calls.contains(&format!("mnt-{unit}.mount")), "{calls}");
    }
}

/// The role of its endpoint is all that a module says.
#[test]
fn who_provides_a_role_is_found_by_those_that_need_it() {
    let lab = |role: &str, port: u16, service: &str| {
        format!(
            "host box kind=debian {{ os debian-13; address lan \"192.168.1.10\"\n\
             appdata \"/srv\"; }}\nmodule own version=\"1\" {{ summary \"x\"\n\
             container own {{ image \"docker.io/library/busybox:1.37\"; health none=\"x\"; }}\n\
             provides web container=own port={port} protocol=http role={role}; }}\n\
             service own on=box\n{service}"
        )
    };
    let alerts = payload(&lab("alertmanager", 9093, "service prometheus on=box"), "box");
    let written = read(&alerts, "prometheus/prometheus.yml");
    assert!(written.contains("alertmanagers:"), "{written}");
    assert!(written.contains("- 'own:9093'"), "{written}");
    let logs = payload(&lab("loki", 3100, "service alloy on=box"), "box");
    let written = read(&logs, "alloy/config.alloy");
    assert!(written.contains("http://own:3100/loki/api/v1/push"), "{written}");
    let both = lab("alertmanager", 9093, "service grafana on=box { admin-password (secret)key; }");
    let sources = payload(&both, "box");
    let written = read(&sources, "grafana/datasources/labwright.yaml");
    assert!(written.contains("http://own:9093"), "{written}");
    // Without it, that nobody hears of an alert is said.
    let silent = found(&lab("chat", 9093, "service prometheus on=box"));
    assert!(silent.iter().any(|one| one.contains("alert")), "{silent:?}");
}

#[test]
fn a_program_without_ipv6_is_published_at_no_such_address() {
    let said = |module: &str| {
        found(&format!(
            "host box kind=debian {{ os debian-13; address lan \"192.168.1.10\" }}\n\
             service app module={module} on=box {{ port web address=\"::1\"; }}"
        ))
    };
    let deaf = "`web` of `app` listens on IPv4 alone, so nothing answers at ::1";
    assert!(said("tautulli").iter().any(|one| one == deaf), "{:?}", said("tautulli"));
    assert!(!said("grocy").iter().any(|one| one.contains("IPv4 alone")), "{:?}", said("grocy"));
}

/// Nothing of what a module needs is dropped in silence, and what a person installs is there.
#[test]
fn what_no_bundle_installs_is_said_and_is_a_step_of_the_runbook() {
    let lab = "host nas kind=unmanaged { address lan \"192.168.1.9\"; }\n\
               module own version=\"1\" {\n\
               summary \"x\"\n\
               package tool\n\
               unit \"tool.service\"\n\
               unit \"own.service\" {\n\
               section Service { set ExecStart \"/usr/bin/tool\"; }\n\
               section Install { set WantedBy \"multi-user.target\"; }\n}\n}\n\
               service own on=nas";
    let said = found(lab);
    let needs = "`own` needs the package `tool`, the unit `tool.service`, the unit `own.service`";
    assert!(said.iter().any(|one| one == needs), "{said:?}");
    let payload = payload(lab, "nas");
    let runbook = read(&payload, "RUNBOOK.md");
    for step in [
        "- [ ] own: install what Debian calls `tool`",
        "- [ ] own: install `payload/systemd/own.service` and start it: \
         `systemctl enable --now own.service`",
        "- [ ] own: start `tool.service`, now and at boot",
    ] {
        assert!(runbook.lines().any(|line| line == step), "no {step} in\n{runbook}");
    }
    assert!(read(&payload, "systemd/own.service").contains("ExecStart="));
}

#[test]
fn a_guest_asks_each_name_server_of_its_network() {
    let lab = "network iot cidr=\"192.168.7.0/24\" gateway=\"192.168.7.1\" \
               dns=\"192.168.7.1, 9.9.9.9\"\n\
               vm things id=107 on=pve {\n\
               os debian-13; memory \"1GiB\"; disk root size=\"8GiB\"\n\
               address iot \"192.168.7.10\"\n}";
    let written = read(&payload(lab, "things"), "cloud-init/network-config");
    for server in ["- '192.168.7.1'\n", "- '9.9.9.9'\n"] {
        assert!(written.contains(server), "no {server} in\n{written}");
    }
}
