//! Checks several Proxmox hosts in one cluster, which has one folder of firewall files for all of
//! them.

use std::collections::BTreeMap;
use std::path::Path;

use super::payload::payload;
use crate::consumers;

const LAB: &str = r#"
    network far cidr="10.7.0.0/24"
    host a kind=proxmox cluster=attic { address lan "192.168.1.2"; ssh from=lan; }
    host b kind=proxmox cluster=attic { address lan "192.168.1.3"; ssh from=far port=2222; }
    host alone kind=proxmox { address lan "192.168.1.4"; ssh from=lan; }
    vm one id=100 on=a {
        os debian-13
        address lan "192.168.1.11"
        ssh from=lan
        disk root size=(size)"8GiB"
        cores 1
        memory "1GiB"
    }
    vm two id=101 on=b {
        os debian-13
        address lan "192.168.1.12"
        ssh from=far
        disk root size=(size)"8GiB"
        cores 1
        memory "1GiB"
    }
    vm three id=100 on=alone {
        os debian-13
        address lan "192.168.1.13"
        ssh from=lan
        disk root size=(size)"8GiB"
        cores 1
        memory "1GiB"
    }
"#;

/// Returns the firewall files that a host's bundle installs.
fn files(host: &str) -> BTreeMap<String, String> {
    let payload = payload(LAB, &[], host);
    let read = |path: &Path| {
        consumers::pve_firewall(path).expect("Proxmox reads it");
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        (name, std::fs::read_to_string(path).expect("a file"))
    };
    let folder = std::fs::read_dir(payload.path().join("proxmox/firewall")).expect("a folder");
    folder.map(|entry| read(&entry.expect("an entry").path())).collect()
}

#[test]
fn every_host_writes_the_files_of_all() {
    let cluster = files("a");
    assert_eq!(cluster, files("b"), "what one host writes, the other does not take back");
    assert_eq!(
        cluster.keys().map(String::as_str).collect::<Vec<_>>(),
        ["100.fw", "101.fw", "cluster.fw"]
    );
    let rules: Vec<&str> =
        cluster["cluster.fw"].lines().filter(|line| line.contains("-dport")).collect();
    assert_eq!(
        rules,
        [
            "IN ACCEPT -source +zone-lan-4 -dest +zone-a-4 -p tcp -dport 22 # a, lan: ssh",
            "IN ACCEPT -source +zone-far-4 -dest +zone-b-4 -p tcp -dport 2222 # b, far: ssh",
        ]
    );
    let (_, management) =
        cluster["cluster.fw"].split_once("[IPSET management]\n").expect("the set");
    assert!(management.starts_with("10.7.0.0/24\n192.168.1.0/24\n"), "{management}");
}

#[test]
fn a_host_alone_writes_its_own() {
    let alone = files("alone");
    assert_eq!(alone.keys().map(String::as_str).collect::<Vec<_>>(), ["100.fw", "cluster.fw"]);
    assert!(alone["100.fw"].contains("three") && !alone["cluster.fw"].contains("-dest"));
}
