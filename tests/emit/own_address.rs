//! Gives services addresses of their own, and runs the script that adds them to the machine.

use super::lab::{Compiled, compile};
use crate::trixie::{Room, text};

const LAB: &str = r#"
edition 1
lab home version="1.0" { domain "example.org"; }
network lan cidr="192.168.1.0/24" cidr6="fd00:1::/64" gateway="192.168.1.1"
host box kind=debian {
    os debian-13
    address lan "192.168.1.2" nic=eth0
    address lan "fd00:1::2" nic=eth0
}
host far kind=debian { os debian-13; address lan "192.168.1.3" nic=eth0; }
secret edge-password
"#;

const THING: &str = r#"
edition 1
module thing version="1.0" {
    summary "A program"
    container thing { image "x/thing:1.0"; health none="a stand-in"; }
    provides web container=thing port=80 protocol=http
    provides api container=thing port=81 protocol=http
}
"#;

const SERVICES: &str = r#"
service thing on=box {
    own-address "192.168.1.53" "fd00:1::53"
    port api address="127.0.0.1"
    expose web to=lan
}
service edge module=caddy on=box {
    own-address "192.168.1.80"
}
service other module=thing on=far {
    expose web to=lan
    route "other.example.org" to=web via=edge from=lan
}
service names module=pihole on=far {
    admin-password (secret)edge-password
}
"#;

fn lab(services: &str) -> Compiled {
    compile(&[("lab.kdl", LAB), ("services.kdl", services), ("modules/thing/module.kdl", THING)])
}

#[test]
fn ports_names_and_rules_are_at_the_address() {
    let compiled = lab(SERVICES);
    let compose = compiled.text("box", "compose/compose.yaml");
    for port in ["192.168.1.53:80:80/tcp", "[fd00:1::53]:80:80/tcp", "127.0.0.1:81:81/tcp"] {
        assert!(compose.contains(port), "{port}\n{compose}");
    }
    // Both use port 80, each at an address of its own.
    assert!(compose.contains("192.168.1.80:80:80/tcp"), "{compose}");
    let rules = compiled.text("box", "firewall/nftables.nft");
    assert!(rules.contains("proto-dst 80 ct original ip daddr 192.168.1.53 ip saddr @zone-lan-4"));
    let names = compiled.text("far", "names/dnsmasq/labwright.conf");
    for name in [
        "thing.example.org,192.168.1.53",
        "thing.example.org,fd00:1::53",
        "other.example.org,192.168.1.80",
    ] {
        assert!(names.contains(name), "{name}\n{names}");
    }
    let cloud = compiled.text("box", "cloud-init/network-config");
    assert!(cloud.contains("192.168.1.2/24") && !cloud.contains("192.168.1.53"), "{cloud}");
}

/// Plays the script next to what a person has set up, with a service that goes and a reboot.
const LIFE: &str = r"
set -eu
ip link add eth0 type veth peer name far
ip link set eth0 up
ip link set far up
ip address add 192.168.1.2/24 dev eth0
ip -6 address add fd00:1::2/64 dev eth0 nodad
ip address add 192.168.1.80/24 dev eth0
mkdir -p /run
show() { ip -o address show dev eth0 scope global | awk '{ print $4 }' | sort | paste -sd ' '; }
sh /payload/one.sh check
sh /payload/one.sh apply
sh /payload/one.sh apply
show
ip -o -6 address show to fd00:1::53 | grep -c deprecated
ip route get 192.168.1.9 | grep -o 'src [0-9.]*'
sh /payload/two.sh apply
show
sh /payload/one.sh apply
sh /payload/one.sh clear
show
ip address del 192.168.1.2/24 dev eth0
sh /payload/one.sh apply && exit 1
echo refused
";

#[test]
fn the_machine_gets_the_addresses_and_loses_them_again() {
    let Some(room) = Room::new() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let script = |services: &str, name: &str| {
        let text = lab(services).text("box", "machine/addresses.sh").to_owned();
        std::fs::write(folder.path().join(name), text).expect("it is written");
    };
    script(SERVICES, "one.sh");
    script(&SERVICES.replace(" \"fd00:1::53\"", ""), "two.sh");
    let answer = room.show(folder.path(), "/payload").sh(LIFE, &[]);
    let (out, err) = (text(&answer.stdout), text(&answer.stderr));
    assert!(answer.status.success(), "{out}{err}");
    let own = "192.168.1.2/24";
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(
        lines,
        [
            &format!("{own} 192.168.1.53/32 192.168.1.80/24 fd00:1::2/64 fd00:1::53/128"),
            "1",
            "src 192.168.1.2",
            &format!("{own} 192.168.1.53/32 192.168.1.80/24 fd00:1::2/64"),
            // What was there before labctl stays.
            &format!("{own} 192.168.1.80/24 fd00:1::2/64"),
            "refused",
        ]
    );
    assert!(err.contains("no interface has 192.168.1.2"), "{err}");
}
