//! Follows a machine through its whole life: booted from what its lab emits, given its bundle,
//! changed, rebooted, emptied.

use super::{Machine, Proto, Rig};
use crate::emit::lab::{Lab, write};

const LAB: &str = r#"
edition 1
lab home version="VERSION" { domain "example.org"; timezone "Europe/Brussels"; }
admin ada {
    ssh-key "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExampleExampleExampleExampleExampleExampleE ada"
}
network lan cidr="192.168.1.0/24" gateway="192.168.1.1" dns="192.168.1.1"
secret token
host pve kind=proxmox version="8.4" {
    address lan "192.168.1.100" nic=eno1 bridge=vmbr0
    disk one device="/dev/disk/by-id/one" size="1TB"
    pool tank disk=one { dataset app-data backup=never; }
}
vm box id=101 on=pve {
    os debian-13
    cores 2
    memory "4GiB"
    disk root size="20GiB"
    address lan "192.168.1.101"
    share tank.app-data at="/mnt/app-data" via=virtiofs
    appdata "/mnt/app-data"
    ssh from=lan
}
"#;

const MODULE: &str = r#"
edition 1
module thing version="1.0" {
    summary "Thing"
    option word type=text { default "first"; }
    state data path=(f)"{machine.appdata}/{service.name}" owner=1000 group=1000 mode="0750" \
        backup=never reason="a test"
    sysctl "net.ipv4.ip_forward" 1
    unit "thing.service" {
        section Service {
            set Type oneshot
            set RemainAfterExit "yes"
            set ExecStart "/bin/cp" "/etc/thing.conf" "/run/thing.conf"
        }
        section Install { set WantedBy multi-user.target; }
    }
    file machine.conf from="word.j2" install="/etc/thing.conf" restart="thing.service"
    file single.conf from="word.j2" at="/single.conf" container=one
    file folder.conf from="word.j2"
    container one {
        image "x/one:1.0"
        mount (ref)state.data at="/data"
        health "/bin/check"
    }
    container two {
        image "x/two:1.0"
        secret token value-variable=TOKEN
        health "/bin/check"
    }
    container three {
        image "x/three:1.0"
        mount (ref)service.config at="/config" read-only=#true
        reload HUP
        health http=web path="/"
    }
    provides web container=three port=8080 protocol=http
}
"#;

fn lab(version: &str, services: &str) -> Lab {
    write(&[
        ("lab.kdl", &LAB.replace("VERSION", version)),
        ("services.kdl", services),
        ("modules/thing/module.kdl", MODULE),
        ("modules/thing/word.j2", "{{ opt.word }}\n"),
    ])
}

/// Applies a lab's bundle on the machine and returns labctl's output.
fn apply(machine: &Machine, lab: &Lab) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let bundle = lab.bundle("box", folder.path());
    machine.copy_in(&bundle, "/root");
    machine.sh(&format!(
        "labctl apply --confirm-within 0 /root/{}",
        bundle.file_name().expect("a name").to_string_lossy()
    ))
}

fn started(machine: &Machine) -> Vec<String> {
    let ids =
        "for name in thing-one thing-two thing-three; do docker inspect -f '{{.Id}}' $name; done";
    machine.sh(ids).lines().map(str::to_owned).collect()
}

#[test]
fn a_machine_boots_runs_changes_reboots_and_is_emptied() {
    let Some(rig) = Rig::new() else { return };
    rig.network("lan", "192.168.1.0/24", "192.168.1.1");
    let first = lab("1.0", "service thing on=box { expose web to=lan; }\n");
    let payload = tempfile::tempdir().expect("a folder");
    first.compiled().unpack("box", payload.path());
    let mut machine = rig.machine("box", &["192.168.1.101"], &payload.path().join("cloud-init"));

    assert_eq!(
        machine.sh("cloud-init status --format json | sed -n 's/.*\"status\": \
                    \"\\(.*\\)\".*/\\1/p' | head -n 1"),
        "done\n"
    );
    machine.sh("labctl --help >/dev/null; id -nG ada | grep -qw sudo; grep -q Example \
                /home/ada/.ssh/authorized_keys; mountpoint /mnt/app-data");
    assert_eq!(
        machine.sh(
            "hostname -f; cat /etc/timezone; ip -4 -o address show to 192.168.1.101/24 | wc -l"
        ),
        "box.example.org\nEurope/Brussels\n1\n"
    );

    for (image, ports) in
        [("x/one:1.0", &[][..]), ("x/two:1.0", &[]), ("x/three:1.0", &[(Proto::Tcp, 8080)])]
    {
        machine.stand_in(image, ports, &["/bin/sh", "/bin/check"]);
    }
    machine.sh("mkdir -p /etc/labwright/secrets; umask 077; echo 'se\"cr$t' \
                >/etc/labwright/secrets/token; chmod 400 /etc/labwright/secrets/token");
    apply(&machine, &first);
    let probe = rig.probe(&["192.168.1.50"]);
    assert!(probe.tcp_open("192.168.1.101", 8080));
    assert_eq!(
        machine.sh("cat /run/thing.conf; stat -c '%u:%g %a' /mnt/app-data/thing; sysctl -n \
                    net.ipv4.ip_forward"),
        "first\n1000:1000 750\n1\n"
    );
    assert_eq!(
        machine.sh(
            "docker inspect -f '{{range .Config.Env}}{{println .}}{{end}}' thing-two | grep TOKEN"
        ),
        "TOKEN=se\"cr$t\n"
    );
    assert!(!machine.sh("cat /etc/fstab").contains("cloudconfig"));

    let before = started(&machine);
    apply(&machine, &lab("1.1", "service thing on=box { expose web to=lan; word second; }\n"));
    let after = started(&machine);
    assert_ne!(before[0], after[0], "a file that it mounts by itself changed");
    assert_eq!(before[1..], after[1..], "nothing of the others changed but what they read again");
    assert_eq!(machine.sh("cat /run/thing.conf"), "second\n");
    machine.sh("labctl verify");

    machine.reboot();
    machine.sh(
        "until docker inspect -f '{{.State.Health.Status}}' thing-three | grep -qx healthy; do \
         sleep 0.2; done; mountpoint /mnt/app-data",
    );
    // The machine has another network card now, and hosts that have already talked to it don't know
    // that.
    let probe = rig.probe(&["192.168.1.51"]);
    assert!(probe.tcp_open("192.168.1.101", 8080));
    machine.sh("labctl status");

    apply(&machine, &lab("1.2", "\n"));
    assert_eq!(
        machine.sh(
            "docker ps --all --quiet; systemctl list-unit-files --no-legend thing.service || true"
        ),
        ""
    );
    assert!(!probe.tcp_open("192.168.1.101", 8080));

    machine.sh("labctl rollback --confirm-within 0");
    assert_eq!(started(&machine).len(), 3);
    assert!(probe.tcp_open("192.168.1.101", 8080));
}
