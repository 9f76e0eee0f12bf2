//! Does what help lines say in words, in the cases of their codes: a finding must be gone, and no
//! other may have come.

use std::collections::BTreeSet;

use super::{Help, checked, own_files, shape, title};
use crate::cli::case;

/// A code, text of its case, and what a person writes there who does what the help says.
#[rustfmt::skip] // A table is read line by line.
const DONE: &[(&str, &str, &str)] = &[
    (
        "address-outside-network",
        "192.168.2.10",
        "192.168.1.10",
    ),
    (
        "address-twice",
        r#"host nas kind=unmanaged {
    address lan "192.168.1.10""#,
        r#"host nas kind=unmanaged {
    address lan "192.168.1.11""#,
    ),
    (
        "admin-exposed",
        "to=internet",
        "to=lan",
    ),
    (
        "alerts-reach-nobody",
        "service alertmanager on=box",
        r#"service alertmanager on=box { ntfy "https://ntfy.sh/x"; }"#,
    ),
    (
        "ambiguous-zone",
        "host lan kind",
        "host box kind",
    ),
    (
        "container-name-twice",
        "service compose module=web",
        "service pages module=web",
    ),
    (
        "admin-without-key",
        "admin bob",
        r#"admin bob {
    ssh-key "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExampleExampleExampleExampleExampleExampleE bob"
}"#,
    ),
    (
        "database-on-nfs",
        "service web on=box",
        r#"service web on=box { state store path="/srv/appdata/web/store"; }"#,
    ),
    (
        "database-shared",
        r#""/srv/more"
    database-folder "/srv/postgres""#,
        r#""/srv/more"
    database-folder "/srv/postgres-more""#,
    ),
    (
        "device-not-passed",
        r#"    address lan "192.168.1.20"
"#,
        r#"    address lan "192.168.1.20"
    passthrough stick
    passthrough igpu
"#,
    ),
    (
        "device-twice",
        r#"ata-A" size="4TB"
    disk b device="/dev/disk/by-id/ata-A""#,
        r#"ata-A" size="4TB"
    disk b device="/dev/disk/by-id/ata-B""#,
    ),
    (
        "device-twice",
        r#"    address lan "192.168.1.101"
    passthrough igpu"#,
        r#"    address lan "192.168.1.101""#,
    ),
    (
        "disk-overcommit",
        r#"quota=(size)"400GiB""#,
        r#"quota=(size)"200GiB""#,
    ),
    (
        "disk-overcommit",
        r#"disk films size="400GiB""#,
        r#"disk films size="100GiB""#,
    ),
    (
        "dns-asks-itself",
        r#"dns="192.168.1.2""#,
        r#"dns="192.168.1.2,192.168.1.1""#,
    ),
    (
        "name-server-silent",
        r#"dns="192.168.1.10,192.168.1.11""#,
        r#"dns="192.168.1.10,192.168.1.1""#,
    ),
    (
        "duplicate-name",
        r#"host box kind=debian {
    os debian-13
    address lan "192.168.1.11""#,
        r#"host other kind=debian {
    os debian-13
    address lan "192.168.1.11""#,
    ),
    (
        "families-disjoint",
        r#"address dmz "2001:db8::80""#,
        r#"address dmz "2001:db8::80"
    address lan "192.168.1.80""#,
    ),
    (
        "guest-id-twice",
        "vm mail id=100",
        "vm mail id=101",
    ),
    (
        "host-port-twice",
        "service blog module=web on=box {",
        r"service blog module=web on=box {
    port http 8081",
    ),
    (
        "memory-overcommit",
        r#"vm mail id=101 on=pve {
    os debian-13
    cores 2
    memory (size)"8GiB""#,
        r#"vm mail id=101 on=pve {
    os debian-13
    cores 2
    memory (size)"4GiB""#,
    ),
    (
        "mount-twice",
        r#"share tank.photos at="/mnt/data""#,
        r#"share tank.photos at="/mnt/photos""#,
    ),
    (
        "name-without-dns",
        r#"name "printer.example.org" address="192.168.1.12""#,
        "",
    ),
    (
        "name-without-dns",
        r#"name "printer.example.org" address="192.168.1.12""#,
        r#"name "printer.example.org" address="192.168.1.12"
secret pw
service adguard-home on=box { admin-password (secret)pw; expose dns to=lan; }"#,
    ),
    (
        "passthrough-without-device",
        r#"    address lan "192.168.1.2" nic=eno1 bridge=vmbr0"#,
        r#"    address lan "192.168.1.2" nic=eno1 bridge=vmbr0
    gpu igpu pci="0000:00:02.0""#,
    ),
    (
        "pool-impossible",
        "pool alone disk=a layout=mirror",
        "pool alone disk=a",
    ),
    (
        "pool-impossible",
        "pool tank disk=b,b layout=mirror",
        "pool tank disk=b",
    ),
    (
        "pool-impossible",
        r#"recordsize="10KiB""#,
        r#"recordsize="16KiB""#,
    ),
    (
        "pool-impossible",
        r#"reservation="200GiB""#,
        r#"reservation="50GiB""#,
    ),
    (
        "route-twice",
        r#"port http 8081
    route "www.example.org""#,
        r#"port http 8081
    route "blog.example.org""#,
    ),
    (
        "schedule-at-clock-change",
        r#"daily="30 2 * * *""#,
        r#"daily="30 3 * * *""#,
    ),
    (
        "state-without-backup",
        r#"    address lan "192.168.1.10"
}

service web on=box"#,
        r#"    address lan "192.168.1.10"
    appdata "/srv/appdata" backup=daily
}
secret pw
service restic on=box { repository "sftp:a@backup.example.org:/r"; password (secret)pw; }
service web on=box { state pages path="/srv/appdata/web"; }"#,
    ),
    (
        "system-path",
        r#"data "/var/lib/docker""#,
        r#"data "/srv/notes""#,
    ),
    (
        "undeclared-secret",
        "service web on=box",
        r"secret api-token
service web on=box",
    ),
    (
        "vpn-reaches-nothing",
        "expose tunnel to=internet",
        r"expose tunnel to=internet
    reach lan",
    ),
];

#[test]
fn what_a_help_says_in_words_helps() {
    for (code, from, to) in DONE {
        let mut lab = own_files(&case("diagnostics").join(code)).expect("a lab");
        let before: Vec<_> = checked(&lab).1.iter().map(title).collect();
        let file = lab.iter_mut().find(|file| file.path == "lab.kdl").expect("its file");
        assert!(file.text.contains(from), "{code} has no {from:?}");
        file.text = file.text.replacen(from, to, 1);
        let after: Vec<_> = checked(&lab).1.iter().map(title).collect();
        let count = |found: &[(String, String)]| found.iter().filter(|one| one.0 == *code).count();
        assert!(count(&after) < count(&before), "{code} with {to:?}: {after:?}");
        let known: BTreeSet<_> = before.iter().collect();
        let new: Vec<_> = after.iter().filter(|one| !known.contains(one)).collect();
        assert!(new.is_empty(), "{code} with {to:?}: {new:?}");
    }
}

/// Lists the helps that are followed here: those of findings that are gone afterwards.
pub fn shapes() -> impl Iterator<Item = Help> {
    DONE.iter().flat_map(|(code, from, to)| {
        let mut lab = own_files(&case("diagnostics").join(code)).expect("a lab");
        let before = checked(&lab).1;
        if let Some(file) = lab.iter_mut().find(|file| file.path == "lab.kdl") {
            file.text = file.text.replacen(from, to, 1);
        }
        let after: BTreeSet<_> = checked(&lab).1.iter().map(title).collect();
        let gone = before.into_iter().filter(|one| one.code.name == *code);
        let gone = gone.filter(|one| !after.contains(&title(one)));
        gone.map(|one| ((*code).to_owned(), shape(one.help.as_deref().unwrap_or_default())))
            .collect::<Vec<_>>()
    })
}
