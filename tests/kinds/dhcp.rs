//! A machine that asks for its address by DHCP.

use super::{found, on_proxmox, payload, read};
use crate::consumers;

const GUESTS: &str = r#"
network garden cidr="192.168.7.0/24" cidr6="2001:db8:7::/64" vlan=7
vm trial id=120 on=pve {
    os debian-13
    memory "2GiB"
    disk root size="20GiB"
    address garden dhcp
    ssh from=garden
}
lxc small id=121 on=pve {
    os debian-13
    memory "1GiB"
    disk root size="8GiB"
    address garden dhcp
    ssh from=garden
}
vm router id=122 kind=appliance on=pve {
    image "local:iso/opnsense.iso"
    memory "2GiB"
    disk root size="20GiB"
    address garden dhcp
}
host shed kind=debian {
    os debian-13
    address lan dhcp nic=eno1
    ssh from=lan
}
service it-tools on=trial { expose web to=garden; }
"#;

#[test]
fn the_network_gives_the_machine_its_address() {
    for (machine, said, silent) in [
        ("trial", "dhcp4: true\n    dhcp6: true", "dhcp4: false"),
        ("shed", "dhcp4: true\n    dhcp6: false", "dhcp4: false"),
    ] {
        let unpacked = payload(GUESTS, machine);
        let config = read(&unpacked, "cloud-init/network-config");
        assert!(config.contains(said) && !config.contains(silent), "{machine}: {config}");
        assert!(!config.contains("addresses:\n    - 192"), "{machine}: {config}");
        consumers::netplan(&unpacked.path().join("cloud-init/network-config")).unwrap();
        let index = read(&unpacked, "reach/index.tsv");
        assert!(!index.contains("address\t"), "{machine}: {index}");
    }
    let pve = payload(GUESTS, "pve");
    let guests = read(&pve, "proxmox/guests.sh");
    assert!(
        guests.contains("name=eth0,bridge=vmbr0,firewall=1,ip=dhcp,ip6=auto,tag=7"),
        "{guests}"
    );
    assert_eq!(guests.matches("virtio,bridge=vmbr0,firewall=1,tag=7").count(), 2, "{guests}");
    let Some((fine, said)) = on_proxmox(&pve, "sh proxmox/guests.sh && sh proxmox/guests.sh")
    else {
        return;
    };
    assert!(fine, "{said}");
}

/// Programs that tell people their own address need one.
#[test]
fn a_program_that_must_know_its_address_says_so() {
    let trial = "vm trial id=120 on=pve {
        os debian-13
        memory \"2GiB\"
        disk root size=\"20GiB\"
        address lan dhcp
    }";
    for (service, wanted) in
        [("homepage", "write `allowed-hosts`"), ("mealie", "write `url`"), ("ntfy", "write `url`")]
    {
        let said = found(&format!("{trial}\nservice {service} on=trial"));
        assert!(said.iter().any(|one| one.contains(wanted)), "{service}: {said:?}");
    }
}

#[test]
fn a_zone_still_reaches_it_and_a_person_is_told_where_it_is() {
    let trial = payload(GUESTS, "trial");
    let rules = read(&trial, "firewall/nftables.nft");
    assert!(rules.contains("# garden: expose it-tools.web"), "{rules}");
    // IPv6 visitors keep their addresses, so the containers have IPv6 too.
    assert!(read(&trial, "compose/compose.yaml").contains("enable_ipv6: true"));
    let runbook = read(&trial, "RUNBOOK.md");
    for said in [
        "- Address: one in garden that it asks for by DHCP.",
        "`qm guest cmd 120 network-get-interfaces` on pve shows it.",
        "ssh root@ADDRESS",
    ] {
        assert!(runbook.contains(said), "{said}: {runbook}");
    }
    let small = read(&payload(GUESTS, "small"), "RUNBOOK.md");
    assert!(small.contains("`pct exec 121 -- ip -brief address` on pve shows it."), "{small}");
    let shed = read(&payload(GUESTS, "shed"), "RUNBOOK.md");
    assert!(shed.contains("`ip -brief address` at its console shows it."), "{shed}");
}
