//! Makes one edit at a time to a whole lab. What a machine could not work with is found, with no
//! other finding beside it, and its right neighbours are not.

use std::fmt::Write as _;

use labwright::compile;
use labwright::source::{Layer, SourceFile, Sources};

const LAB: &str = include_str!("whole.kdl");

#[rustfmt::skip] // A table is read line by line.
/// What is edited, what it becomes, and the code of the finding. Without one, there must be none.
const EDITS: &[(&str, &str, &str)] = &[
    // OpenSSH reads nothing between a key and its comment.
    ("ExampleE ada", "ExampleExa ada", "admin-without-key"),
    ("ExampleE ada", "ExampleE==== ada", "wrong-type"),
    ("ExampleE ada", "ExampleE", ""),
    // Lists.
    ("dns=\"192.168.1.1\"", "dns=\"192.168.1.1,192.168.1.1\"", "duplicate-value"),
    ("dns=\"192.168.1.1\"", "dns=\"192.168.1.1,9.9.9.9\"", ""),
    ("    ssh from=lan\n", "    ssh from=lan,lan\n", "duplicate-value"),
    ("from=internet,lan", "from=internet,lan,internet", "duplicate-value"),
    ("library \"/mnt/media\"", "library \"/mnt/media\" \"/mnt/media\"", "duplicate-value"),
    ("disk=hdd {", "disk=hdd,hdd {", "duplicate-value"),
    // Name servers.
    ("dns=\"192.168.1.1\"", "dns=\"192.168.1.101,192.168.1.1\"", "name-server-silent"),
    ("dns=\"192.168.1.1\"", "dns=\"192.168.1.53,192.168.1.1\"", ""),
    ("dns=\"192.168.1.1\"", "dns=\"192.168.1.5\"", ""),
    ("vlan=30", "vlan=30 dns=\"192.168.1.53\"", ""),
    ("vlan=30", "vlan=30 dns=\"192.168.1.53\"
host far kind=debian { os debian-13; address iot \"192.168.30.9\"; }
service node-far module=node-exporter on=far", "name-server-silent"),
    // Ports of the system.
    ("    ssh from=lan\n}\n\nhost nas",
        "    ssh from=lan port=8006\n}\n\nhost nas", "host-port-twice"),
    ("    ssh from=lan\n}\n\nhost nas", "    ssh from=lan port=2222\n}\n\nhost nas", ""),
    // Shares.
    ("at=\"/mnt/media\" via=virtiofs",
        "at=\"/mnt/media\" via=local", "share-transport-unsupported"),
    ("at=\"/mnt/backup\" via=nfs", "at=\"/mnt/backup\" via=local", "share-transport-unsupported"),
    // Guests.
    ("disk root size=(size)\"20GiB\"", "disk root size=(size)\"20GiB\"
    storage local-lvm snippets=local-lvm", "wrong-type"),
    ("disk root size=(size)\"20GiB\"", "disk root size=(size)\"20GiB\"
    storage local-lvm snippets=shared", ""),
    ("memory (size)\"8GiB\"", "memory (size)\"8GiB\" least=(size)\"128MiB\"", "guest-too-small"),
    ("memory (size)\"8GiB\"", "memory (size)\"8GiB\" least=(size)\"1GiB\"", ""),
    ("memory (size)\"1GiB\"", "memory (size)\"1GiB\" least=(size)\"512MiB\"", "unknown-node"),
    ("lxc dns id=200 on=pve {", "lxc stick id=201 on=pve {
    os debian-13
    memory (size)\"1GiB\"
    disk root size=(size)\"8GiB\"
    address lan \"192.168.1.54\"
    passthrough zigbee
}
service node-stick module=node-exporter on=stick
lxc dns id=200 on=pve {", ""),
    // Storage.
    ("dataset media quota=(size)\"2TiB\"",
        "dataset media reservation=(size)\"6TiB\"", "pool-impossible"),
    ("dataset media quota=(size)\"2TiB\"", "dataset media reservation=(size)\"3TB\"", ""),
    ("dataset media quota=(size)\"2TiB\"", "dataset media owner=\"nosuchuser\"", "account-unknown"),
    ("dataset media quota=(size)\"2TiB\"", "dataset media owner=\"www-data\"", ""),
    ("dataset media quota=(size)\"2TiB\"", "dataset media owner=\"1000:ada\"", ""),
    ("dataset media quota=(size)\"2TiB\"",
        "dataset media mountpoint=\"/mnt/pve/x\"", "system-path"),
    ("dataset media quota=(size)\"2TiB\"", "dataset media mountpoint=\"/mnt/x\"", ""),
    ("reserve memory=(size)\"4GiB\"",
        "reserve memory=(size)\"4GiB\" arc=(size)\"32MiB\"", "memory-overcommit"),
    ("reserve memory=(size)\"4GiB\"", "reserve memory=(size)\"4GiB\" arc=(size)\"64MiB\"", ""),
    // What containers mount.
    ("library \"/mnt/media\"", "library \"/mnt/meda\"", "mount-without-source"),
    ("library \"/mnt/media\"", "library \"/mnt/media/films\"", ""),
    ("library \"/mnt/media\"", "library \"/home/ada\"", ""),
    ("library \"/mnt/media\"", "library \"/srv/films\"", "mount-without-source"),
    // Repositories of restic.
    ("repository \"/mnt/backup\"", "repository \"sftp:ada@nas.example.org\"", "assertion-failed"),
    ("repository \"/mnt/backup\"", "repository \"sftp:ada@nas.example.org:/b\"", ""),
    ("repository \"/mnt/backup\"", "repository \"sftp://ada@nas.example.org//b\"", ""),
    ("repository \"/mnt/backup\"", "repository \"rest:ftp://x\"", "assertion-failed"),
    ("repository \"/mnt/backup\"", "repository \"rest:https://b.example.org/\"", ""),
    // Networks of VPNs.
    ("secret npm-admin", "secret key
service tailscale on=media { clients tunnel; auth-key (secret)key; reach lan; }
secret npm-admin", "vpn-reaches-nothing"),
    ("network tunnel cidr=\"10.8.0.0/24\"", "network tunnel cidr=\"100.64.0.0/10\"
secret key
service tailscale on=media { clients tunnel; auth-key (secret)key; reach lan; }", ""),
    // Folders of two.
    ("secret npm-admin", "secret key
service family module=immich on=media { database-password (secret)key; uploads \"/mnt/photos\"; }
secret npm-admin", "state-shared"),
    ("secret npm-admin", "secret key
service family module=immich on=media { database-password (secret)key; uploads \"/mnt/photos/b\"; }
secret npm-admin", ""),
    // Two that say different things.
    ("    expose web to=lan\n    route", "    resources memory=\"1GiB\"
    resources memory=\"2GiB\"\n    route", "conflicting-values"),
    ("    expose web to=lan\n    route", "    resources memory=\"1GiB\"
    resources cpus=1\n    expose web to=lan\n    route", ""),
    ("secret npm-admin", "moved service a to=jellyfin\nmoved service a to=immich
secret npm-admin", "conflicting-values"),
    ("secret npm-admin", "moved service a to=jellyfin\nremoved service a reason=\"x\"
secret npm-admin", "conflicting-values"),
    // Networks and addresses.
    ("nic=eno1 bridge=vmbr0", "nic=eno1 bridge=lo", "wrong-type"),
    ("nic=eno1 bridge=vmbr0", "nic=eno1 bridge=docker0", "wrong-type"),
    ("nic=eno1 bridge=vmbr0", "nic=eno1 bridge=br0", ""),
    ("email \"ada@example.org\"\n    timezone",
        "email \"ada@localhost\"\n    timezone", "wrong-type"),
];

/// Returns the codes of a lab's findings.
fn codes(lab: &str) -> Vec<&'static str> {
    let path = "lab.kdl".to_owned();
    let file = SourceFile { path, text: lab.to_owned(), layer: Layer::Lab };
    let sources = Sources::with_standard_library(vec![file]);
    let (found, _) = compile::check(&sources);
    found.iter().map(|found| found.code.name).collect()
}

#[test]
fn what_a_machine_could_not_work_with_is_found() {
    assert!(codes(LAB).is_empty(), "{:?}", codes(LAB));
    let mut wrong = String::new();
    for (from, to, code) in EDITS {
        assert!(LAB.contains(from), "the lab has no `{from}`");
        let found = codes(&LAB.replacen(from, to, 1));
        let as_expected = match &found[..] {
            [] => code.is_empty(),
            found => found.iter().all(|found| found == code),
        };
        if !as_expected {
            let _ = writeln!(wrong, "{from} -> {to}\n    expected `{code}`, found {found:?}");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}
