//! Builds an image on a real machine, whose service has an address of its own, and takes both back
//! again.

use super::{Machine, Proto, Rig};
use crate::emit::lab::{Lab, write};

const LAB: &str = r#"
edition 1
lab home version="VERSION" { domain "example.org"; timezone "Europe/Brussels"; }
admin ada {
    ssh-key "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExampleExampleExampleExampleExampleExampleE ada"
}
network lan cidr="192.168.1.0/24" gateway="192.168.1.1" dns="192.168.1.1"
host pve kind=proxmox version="8.4" { address lan "192.168.1.100" nic=eno1 bridge=vmbr0; }
vm box id=101 on=pve {
    os debian-13
    cores 2
    memory "4GiB"
    disk root size="20GiB"
    address lan "192.168.1.101"
    ssh from=lan
}
service site on=box {
    OWN
    expose web to=lan
}
"#;

const MODULE: &str = r#"
edition 1
module site version="1.0" {
    summary "A page of the lab's own"
    container site { build site; health "/bin/check"; }
    provides web container=site port=8000
}
"#;

const OWN: &str = "own-address \"192.168.1.53\"";

fn lab(version: &str, own: &str) -> Lab {
    write(&[
        ("lab.kdl", &LAB.replace("VERSION", version).replace("OWN", own)),
        ("modules/site/module.kdl", MODULE),
        ("modules/site/site/Dockerfile", "FROM x/base:1.0\nCOPY page /page\n"),
        ("modules/site/site/page", &format!("page {version}\n")),
    ])
}

fn apply(machine: &Machine, lab: &Lab) {
    let folder = tempfile::tempdir().expect("a folder");
    let bundle = lab.bundle("box", folder.path());
    machine.copy_in(&bundle, "/root");
    let name = bundle.file_name().expect("a name").to_string_lossy();
    machine.sh(&format!("labctl apply --confirm-within 0 /root/{name}"));
}

/// Returns the page in the container.
fn page(machine: &Machine) -> String {
    machine.sh("docker cp site:/page - | tar -xO").trim().to_owned()
}

/// Counts the images that the machine built.
fn built(machine: &Machine) -> usize {
    machine.sh("docker image ls --quiet --filter label=labwright.built=home").lines().count()
}

#[test]
fn a_built_image_and_an_address_come_and_go() {
    let Some(rig) = Rig::new() else { return };
    rig.network("lan", "192.168.1.0/24", "192.168.1.1");
    let first = lab("1.0", OWN);
    let payload = tempfile::tempdir().expect("a folder");
    first.compiled().unpack("box", payload.path());
    let mut machine = rig.machine("box", &["192.168.1.101"], &payload.path().join("cloud-init"));
    machine.stand_in("x/base:1.0", &[(Proto::Tcp, 8000)], &["/bin/check"]);
    let outside = rig.probe(&["192.168.1.50"]);
    let open = |address: &str| outside.tcp_open(address, 8000);

    apply(&machine, &first);
    assert_eq!((page(&machine).as_str(), built(&machine)), ("page 1.0", 1));
    assert!(open("192.168.1.53") && !open("192.168.1.101"), "at its own address alone");

    machine.reboot();
    assert!(open("192.168.1.53"), "after a reboot");

    apply(&machine, &lab("1.1", OWN));
    assert_eq!((page(&machine).as_str(), built(&machine)), ("page 1.1", 2));
    machine.sh("labctl rollback");
    assert_eq!(page(&machine), "page 1.0");

    apply(&machine, &lab("1.2", ""));
    assert_eq!((page(&machine).as_str(), built(&machine)), ("page 1.2", 3));
    assert!(open("192.168.1.101") && !open("192.168.1.53"), "the address is gone");
    let said = machine.sh("labctl gc --keep 0");
    assert!(said.contains("removed the image labwright.local/site:1-"), "{said}");
    // The one that runs, and the one before it.
    assert_eq!(built(&machine), 2);
    machine.sh("labctl rollback --confirm-within 0");
    assert_eq!(page(&machine), "page 1.0");
    assert!(open("192.168.1.53"), "and comes back");
}
