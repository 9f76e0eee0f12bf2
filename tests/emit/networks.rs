//! Checks the networks of containers: who is on which, under which names, and that a service which
//! comes or goes changes nothing of the others.

use std::collections::BTreeSet;

use super::lab::{Compiled, compile};
use crate::trixie::{Room, text};

const LAB: &str = r#"
edition 1
lab home version="1.0"
network lan cidr="192.168.1.0/24" cidr6="fd00:1::/64" gateway="192.168.1.1"
host box kind=debian {
    os debian-13
    address lan "192.168.1.2" nic=eth0
    address lan "fd00:1::2" nic=eth0
}
host far kind=debian { os debian-13; address lan "192.168.1.3" nic=eth0; }
"#;

const APP: &str = r#"
edition 1
module app version="1.0" {
    summary "A program with a database"
    container app { image "x/app:1.0"; health none="a stand-in"; }
    container db { image "x/db:1.0"; health none="a stand-in"; }
    provides web container=app port=8000 protocol=http
    provides sql container=db port=5432 protocol=tcp database=#true
}
"#;

const INSIDE: &str = r#"
edition 1
module inside version="1.0" {
    summary "Uses the network of another one"
    container inside { image "x/in:1.0"; network service service=one; health none="a stand-in"; }
    provides page container=inside port=80
}
"#;

const DIVIDED: &str = r#"
edition 1
module divided version="1.0" {
    summary "Divides its containers"
    container-network backend internal=#true subnet="10.77.5.0/24,fd77::/64"
    container divided {
        image "x/app:1.0"
        on-network default
        on-network backend
        health none="a stand-in"
    }
    container store {
        image "x/db:1.0"
        on-network backend alias="postgres,sql" address="10.77.5.10,fd77::10"
        health none="a stand-in"
    }
    provides web container=divided port=8000 protocol=http
}
"#;

fn lab(services: &str) -> Compiled {
    let compiled = compile(&[
        ("lab.kdl", LAB),
        ("services.kdl", services),
        ("modules/app/module.kdl", APP),
        ("modules/inside/module.kdl", INSIDE),
        ("modules/divided/module.kdl", DIVIDED),
    ]);
    assert!(compiled.findings.is_empty(), "{:?}", compiled.findings);
    compiled
}

/// Lists the containers on a network of `box`, each with its aliases, who puts it there, and what
/// happens to it then.
fn members(compiled: &Compiled, network: &str) -> Vec<String> {
    let table = compiled.text("box", "compose/networks.tsv");
    let beginning = format!("member\thome_{network}\t");
    table.lines().filter_map(|row| Some(row.strip_prefix(&beginning)?.replace('\t', " "))).collect()
}

#[test]
fn containers_of_different_services_are_on_a_network_for_the_two() {
    let compiled = lab("service one module=app on=box { port web 8001; }\n\
                        service two module=app on=box { port web 8002; link one; }\n\
                        service three module=app on=box { link one endpoint=sql container=db; }\n");
    assert_eq!(members(&compiled, "one"), ["one app compose run", "one-db db compose run"]);
    assert_eq!(members(&compiled, "two.one"), ["one - labctl run", "two - labctl run"]);
    assert_eq!(
        members(&compiled, "three.one-db"),
        ["one-db - labctl run", "three-db - labctl run"]
    );
    let table = compiled.text("box", "compose/networks.tsv");
    let networks = table.lines().filter(|row| row.starts_with("network\t"));
    assert_eq!(networks.count(), 5);
    let rules = compiled.text("box", "firewall/nftables.nft");
    assert!(rules.contains("iifname \"lw-one\" oifname \"lw-one\" accept"), "{rules}");
    assert!(rules.contains("oifname \"lw-*\" drop"), "{rules}");
}

#[test]
fn a_newcomer_changes_nothing_of_the_others() {
    let known = "service one module=app on=box { port web 8001; }\n\
                 service two module=app on=box { port web 8002; link one; }\n";
    let newcomer = "service three module=app on=box { link one; link two; }\n";
    let (before, after) = (lab(known), lab(&format!("{known}{newcomer}")));
    for path in ["compose/networks.tsv", "compose/containers.tsv"] {
        let rows = |compiled: &Compiled| -> BTreeSet<String> {
            compiled.text("box", path).lines().map(str::to_owned).collect()
        };
        assert!(rows(&before).is_subset(&rows(&after)), "{path}");
        assert!(rows(&before) != rows(&after), "{path}");
    }
}

#[test]
fn a_link_to_another_machine_opens_its_firewall() {
    let compiled = lab("service one module=app on=box { link two; }\n\
                        service two module=app on=far\n");
    let flows = compiled.text("far", "firewall/flows.tsv");
    assert_eq!(flows, "box\ttcp\t8000\tlink two.web\t192.168.1.2/32,fd00:1::2/128\t-\n");
}

#[test]
fn who_uses_anothers_network_is_met_there() {
    let compiled = lab("service one module=app on=box\n\
                        service guest module=inside on=box\n\
                        service two module=app on=box { port web 8002; link guest; }\n");
    assert_eq!(members(&compiled, "two.one"), ["one guest labctl restart", "two - labctl run"]);
    assert_eq!(members(&compiled, "guest"), [""; 0]);
}

#[test]
fn a_module_divides_its_containers() {
    let compiled = lab("service shop module=divided on=box\n");
    let Some(room) = Room::new() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    compiled.unpack("box", folder.path());
    let script = "cd /payload; docker-compose -f compose/compose.yaml config --format json";
    let answer = room.show(folder.path(), "/payload").sh(script, &[]);
    assert!(answer.status.success(), "{}", text(&answer.stderr));
    let seen: serde_json::Value = serde_json::from_slice(&answer.stdout).expect("JSON");
    let store = &seen["services"]["shop-store"]["networks"];
    assert_eq!(store["shop_backend"]["ipv4_address"], "10.77.5.10");
    assert_eq!(store["shop_backend"]["ipv6_address"], "fd77::10");
    assert_eq!(
        store["shop_backend"]["aliases"],
        serde_json::json!(["postgres", "sql", "store"]),
        "{store}"
    );
    assert_eq!(store.as_object().map(serde_json::Map::len), Some(1), "{store}");
    let networks = &seen["networks"];
    assert_eq!(networks["shop_backend"]["internal"], true);
    assert_eq!(networks["shop_backend"]["ipam"]["config"][0]["subnet"], "10.77.5.0/24");
    assert_ne!(networks["shop"]["internal"], true);
}

#[test]
fn containers_ask_the_name_server_of_their_machine_where_its_networks_name_it() {
    let lab = |dns: &str| {
        let lab = format!(
            r#"
edition 1
lab home version="1.0" {{ domain "example.org"; }}
network lan cidr="192.168.1.0/24" gateway="192.168.1.1" dns="{dns}"
host box kind=debian {{
    os debian-13
    address lan "192.168.1.2" nic=eth0
    ssh from=lan
    firewall ufw
}}
secret adguard-hash
service adguard-home on=box {{
    admin-password (secret)adguard-hash
    expose dns to=lan
    expose dns-tcp to=lan
}}
service homepage on=box {{ port web 3002; expose web to=lan; }}
"#
        );
        compile(&[("lab.kdl", &lab)])
    };
    let asks = |compiled: &Compiled| {
        let [nft, ufw] = ["firewall/nftables.nft", "firewall/ufw.sh"]
            .map(|file| compiled.text("box", file).to_owned());
        ["udp", "tcp"].map(|transport| {
            let rule = format!(
                "meta l4proto {transport} ct original proto-dst 53 iifname \"lw-*\" accept"
            );
            // Docker's own proxy takes it, or it is forwarded: that depends on Docker's version.
            let by_ufw = format!("allow {transport} 53 lw-+ 0.0.0.0/0");
            (nft.contains(&rule), ufw.contains(&by_ufw))
        })
    };
    assert_eq!(asks(&lab("192.168.1.2,192.168.1.1")), [(true, true); 2]);
    assert_eq!(asks(&lab("192.168.1.1")), [(false, false); 2]);
}

#[test]
fn what_watches_routes_on_the_machine_of_their_proxy_finds_them_there_and_is_let_in() {
    let lab = |proxy: &str, from: &str| {
        let lab = format!(
            r#"
edition 1
lab home version="1.0" {{ domain "example.org"; email "ada@example.org"; }}
network lan cidr="192.168.1.0/24" gateway="192.168.1.1" dns="192.168.1.1"
network far cidr="192.168.9.0/24"
host box kind=debian {{ os debian-13; address lan "192.168.1.2" nic=eth0; ssh from=lan; }}
secret grafana-password
secret edge-admin-password
service prometheus on=box
service blackbox module=blackbox-exporter on=box
service edge module={proxy} on=box
service grafana on=box {{
    admin-password (secret)grafana-password
    route "grafana.example.org" to=web via=edge from={from}
}}
"#
        );
        compile(&[("lab.kdl", &lab)])
    };
    for proxy in ["caddy", "traefik", "nginx-proxy-manager"] {
        let compiled = lab(proxy, "lan");
        let table = compiled.text("box", "compose/networks.tsv");
        let row = |word: &str| {
            let mut lines = table.lines().filter(|line| line.contains(word));
            lines.next().unwrap_or_else(|| panic!("{word}: {table}")).to_owned()
        };
        let cells = |line: String| line.split('\t').map(str::to_owned).collect::<Vec<_>>();
        let member = cells(row("member\thome_blackbox.edge\tedge"));
        assert!(member[3].split(',').any(|name| name == "grafana.example.org"), "{member:?}");
        let subnet = cells(row("network\thome_blackbox.edge\t"))[3].clone();
        let says = |compiled: &Compiled| {
            let files = &compiled.machines["box"].files;
            let of_proxy = files
                .iter()
                .filter(|(path, _)| path.starts_with("edge/") || path.starts_with("npm/"));
            of_proxy
                .map(|(_, file)| String::from_utf8_lossy(&file.bytes).into_owned())
                .collect::<String>()
        };
        assert!(says(&compiled).contains(&subnet), "{proxy} {subnet}: {}", says(&compiled));
        // Where the machine itself may not, neither may they.
        let elsewhere = lab(proxy, "far");
        assert!(!says(&elsewhere).contains(&subnet), "{proxy}: {}", says(&elsewhere));
    }
}
