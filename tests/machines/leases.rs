//! Boots machines that ask for their addresses, beside a real server of DHCP and of IPv6's prefix.

use super::{Answer, Machine, Node, Proto, Rig, tcp};
use crate::emit::lab::{Lab, write};

const LAB: &str = r#"
edition 1
lab home version="1.0" { domain "example.org"; timezone "Europe/Brussels"; }
admin ada {
    ssh-key "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExampleExampleExampleExampleExampleExampleE ada"
}
network lan cidr="192.168.1.0/24" cidr6="fd00:1::/64" gateway="192.168.1.1" dns="192.168.1.1"
host pve kind=proxmox version="8.4" { address lan "192.168.1.100" nic=eno1 bridge=vmbr0; }
vm trial id=101 on=pve {
    os debian-13
    memory "4GiB"
    disk root size="20GiB"
    address lan dhcp
    ssh from=lan
}
vm walled id=102 on=pve {
    os debian-13
    memory "4GiB"
    disk root size="20GiB"
    address lan dhcp
    firewall ufw
    ssh from=lan
}
service tools module=page on=trial { expose web to=lan; port web 8001; }
service others module=page on=walled { expose web to=lan; port web 8001; }
"#;

const PAGE: &str = r#"
edition 1
module page version="1.0.0" {
    container page {
        image "docker.io/library/nginx:1.29.1"
        health http=web
    }
    provides web container=page port=80 protocol=http
}
"#;

/// Serves addresses with the last numbers from `first` on, for leases of two minutes.
fn serve(server: &Node, first: u16) {
    let last = first + 9;
    server.sh(&format!(
        "[ ! -e /run/dhcp.pid ] || kill \"$(cat /run/dhcp.pid)\"
        echo 1 >/proc/sys/net/ipv6/conf/all/forwarding
        rm -f /run/dhcp.pid /run/leases
        dnsmasq --port=0 --user=root --interface=eth0 --bind-interfaces --dhcp-authoritative \
            --dhcp-range=192.168.1.{first},192.168.1.{last},2m \
            --dhcp-option=option:router,192.168.1.1 \
            --dhcp-range=fd00:1::{first},fd00:1::{last},64,2m --enable-ra \
            --pid-file=/run/dhcp.pid --dhcp-leasefile=/run/leases \
            --log-dhcp --log-facility=/run/dhcp.log"
    ));
}

/// Waits until a machine has an address of each family that the server gave it, with its ways out,
/// and returns the addresses.
fn leased(machine: &Machine, first: u16) -> [String; 2] {
    let tens = first / 10;
    let script = format!(
        r#"
        found() {{ ip -brief "-$1" address show dev eth0 scope global | grep -oE "$2[0-9]"; }}
        for attempt in $(seq 150); do
            if found 4 '192[.]168[.]1[.]{tens}' && found 6 'fd00:1::{tens}' &&
                [ -z "$(ip -6 address show dev eth0 tentative)" ] &&
                ip -4 route show default | grep -q 'via 192.168.1.1 ' &&
                ip -6 route show default | grep -q 'via fe80::'; then exit; fi >/run/leased
            sleep 0.2
        done
        ip address show dev eth0; ip route; ip -6 route
        journalctl --no-pager --unit systemd-networkd | tail -n 30
        exit 1
        "#
    );
    machine.sh(&script);
    let found = machine.sh("cat /run/leased");
    let mut lines = found.lines().map(str::to_owned);
    [lines.next().expect("an address"), lines.next().expect("one of IPv6")]
}

fn apply(machine: &Machine, lab: &Lab, name: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let bundle = lab.bundle(name, folder.path());
    machine.copy_in(&bundle, "/root");
    let name = bundle.file_name().expect("a name").to_string_lossy();
    machine.sh(&format!("labctl apply --confirm-within 0 /root/{name}"));
}

/// A place of the network, and one behind its router.
const INSIDE: [&str; 2] = ["192.168.1.50", "fd00:1::50"];
const OUTSIDE: [&str; 2] = ["203.0.113.9", "2001:db8:9::9"];

/// Checks that a machine is as open as the lab says, at the addresses that it has now.
fn is_guarded(rig: &Rig, machine: &Machine, addresses: &[String; 2]) {
    machine
        .sh("[ -e /run/listens ] || { systemd-run --quiet python3 -m http.server --bind :: 9999; \
         until nc -z ::1 9999; do sleep 0.1; done; : >/run/listens; }");
    let targets: Vec<_> = addresses
        .iter()
        .flat_map(|address| [tcp(address, 22), tcp(address, 8001), tcp(address, 9999)])
        .collect();
    // Both at once, since each waits for answers that do not come.
    let [inside, outside] = std::thread::scope(|scope| {
        let ask = |from: &[&str]| {
            let (probe, targets) = (rig.probe(from), &targets);
            scope.spawn(move || probe.ask(targets))
        };
        [ask(&INSIDE), ask(&OUTSIDE)].map(|asking| asking.join().expect("the answers"))
    });
    let open = [Answer::Open, Answer::Open, Answer::Silent];
    assert_eq!(inside, [open, open].concat(), "{addresses:?} from {INSIDE:?}");
    assert_eq!(outside, [Answer::Silent; 6], "{addresses:?} from {OUTSIDE:?}");
    for (address, outside) in addresses.iter().zip(OUTSIDE) {
        // The routers on the way may still ask each other for addresses.
        let way_out = || machine.probe().ask(&[tcp(outside, 80)]) == [Answer::Refused];
        let found = (0..20).any(|_| way_out());
        let routes = || machine.sh("ip address; ip route; ip -6 route; ip neighbour");
        assert!(found, "{address} to {outside}\n{}", routes());
    }
}

#[test]
fn a_machine_gets_its_address_of_a_server_and_stays_as_closed_wherever_it_is() {
    // Each on networks of its own, at the same time.
    std::thread::scope(|scope| {
        scope.spawn(|| follow("trial", "192.168.1.101"));
        scope.spawn(|| follow("walled", "192.168.1.102"));
    });
}

/// Boots a machine whose address, which nothing gives it, says to which network its card is
/// connected.
fn follow(name: &str, own: &str) {
    let Some(rig) = Rig::new() else { return };
    let (before, after) = (150, 160);
    rig.network("lan", "192.168.1.0/24", "192.168.1.1").network("lan", "fd00:1::/64", "fd00:1::1");
    rig.network("internet", "203.0.113.0/24", "203.0.113.1");
    rig.network("internet", "2001:db8:9::/64", "2001:db8:9::1");
    let server = rig.node("server", &["192.168.1.2", "fd00:1::2"]);
    let lab = write(&[("lab.kdl", LAB), ("modules/page/module.kdl", PAGE)]);
    serve(&server, before);
    let payload = tempfile::tempdir().expect("a folder");
    lab.compiled().unpack(name, payload.path());
    let mut machine = rig.machine(name, &[own], &payload.path().join("cloud-init"));
    machine.stand_in("docker.io/library/nginx:1.29.1", &[(Proto::Tcp, 80)], &["/bin/sh"]);
    let first = leased(&machine, before);
    apply(&machine, &lab, name);
    is_guarded(&rig, &machine, &first);

    // The lease is extended through the firewall. Where its server is gone, any may answer.
    for how in ["renew", "reconfigure"] {
        server.sh(": >/run/dhcp.log");
        machine.sh(&format!("networkctl {how} eth0"));
        server.sh(&format!(
            "for attempt in $(seq 100); do
                if grep -q 'DHCPACK.* {} ' /run/dhcp.log; then exit; fi
                sleep 0.1
            done
            cat /run/dhcp.log; exit 1",
            first[0]
        ));
    }
    assert_eq!(leased(&machine, before), first);

    // The network gives other addresses, to a machine that starts and to one that runs.
    serve(&server, after);
    if name == "trial" {
        machine.reboot();
        machine.sh("until docker ps --filter health=healthy | grep -q tools; do sleep 0.2; done");
    } else {
        machine.sh("networkctl reconfigure eth0");
    }
    let second = leased(&machine, after);
    is_guarded(&rig, &machine, &second);
    machine.sh("labctl verify");
}
