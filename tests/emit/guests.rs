//! Checks `guests.sh`: it creates guests once, and then tells Proxmox only what differs.

use super::payload::payload;
use crate::consumers::shellcheck;
use crate::stubs::Stubs;
use crate::trixie::text;

const LAB: &str = "host pve kind=proxmox version=\"8.4\" {
    hardware \"Box\" cores=8 memory=(size)\"32GiB\"
    address lan \"192.168.1.100\" nic=eno1 bridge=vmbr0
    gpu igpu pci=\"0000:00:02.0\"
    disk hdd device=\"/dev/disk/by-id/x\" size=(size)\"500GB\"
    pool tank disk=hdd { dataset media; }
}
vm fw id=100 on=pve kind=appliance {
    cores 2
    memory (size)\"2GiB\"
    image \"local:iso/OPNsense.iso\"
    disk root size=(size)\"16GiB\"
    address lan \"192.168.1.9\"
}
vm media id=110 on=pve {
    os debian-13
    cores 4
    memory (size)\"8GiB\"
    disk root size=(size)\"40GiB\"
    disk cache size=(size)\"100GiB\"
    address lan \"192.168.1.110\"
    passthrough igpu
    share tank.media at=\"/mnt/media\" via=virtiofs
    ssh from=lan
}
lxc infra id=200 on=pve {
    os debian-13
    cores 2
    memory (size)\"4GiB\"
    disk root size=(size)\"20GiB\"
    address lan \"192.168.1.20\"
    share tank.media at=\"/mnt/media\" via=mount-point read-only=#true
    ssh from=lan
}";

/// Runs `before` and then the script in a room that already contains the cloud image. Returns the
/// output.
fn run(stubs: &Stubs, lab: &str, before: &str) -> Option<String> {
    let payload = payload(lab, &[], "pve");
    shellcheck(&payload.path().join("proxmox/guests.sh")).expect("ShellCheck accepts it");
    stubs.forget();
    // The snippets of an earlier run are on the machine, but each room starts empty.
    let script = format!(
        "mkdir -p /var/lib/labwright/images /var/lib/vz/snippets
        : >/var/lib/labwright/images/debian-13-generic-amd64.qcow2
        for file in user-data meta-data network-config; do
            cp proxmox/cloud-init/110/$file /var/lib/vz/snippets/labwright-110-$file.yaml
        done
        {before}
        sh proxmox/guests.sh"
    );
    let answer = stubs.room(payload.path(), &script, &[])?;
    let said = text(&answer.stdout) + &text(&answer.stderr);
    assert!(answer.status.success(), "{said}");
    Some(said)
}

fn calls(stubs: &Stubs) -> Vec<String> {
    let read = |line: &str| {
        let verb = line.split(' ').nth(1).unwrap_or_default();
        matches!(verb, "config" | "status" | "list" | "available")
    };
    stubs.log().into_iter().filter(|line| !read(line)).collect()
}

fn shown(stubs: &Stubs, command: &str) -> String {
    text(&stubs.sh(command, &[]).stdout)
}

#[test]
fn creates_every_guest_once_and_then_has_nothing_to_do() {
    let stubs = Stubs::new();
    let Some(said) = run(&stubs, LAB, "export LABWRIGHT_PLAN=1") else { return };
    assert!(
        said.contains("would run: qm create 110") && said.contains("would run: pct create 200"),
        "{said}"
    );
    assert_eq!(calls(&stubs), [""; 0], "a plan only reads");

    run(&stubs, LAB, "");
    let made = calls(&stubs);
    let position = |call: &str| {
        made.iter()
            .position(|made| made == call)
            .unwrap_or_else(|| panic!("no `{call}` in {made:#?}"))
    };
    assert!(position("qm disk resize 110 scsi0 40G") < position("qm start 110"));
    assert!(position("pct start 200") < position("pct reboot 200"));
    assert!(
        !made.iter().any(|call| call.contains("start 100")),
        "an appliance is its owner's to start: {made:#?}"
    );
    assert!(!made.iter().any(|call| call.contains("destroy")), "{made:#?}");

    let vm = shown(&stubs, "qm config 110");
    for line in [
        "balloon: 0",
        "hostpci0: 0000:00:02.0,pcie=1",
        "ide2: local-lvm:vm-110-cloudinit,media=cdrom",
        "machine: q35",
        "net0: virtio=BC:24:11:00:00:6E,bridge=vmbr0,firewall=1",
        "scsi1: local-lvm:vm-110-disk-1,discard=on,iothread=1,ssd=1,size=100G",
        "virtiofs0: dirid=tank_media",
    ] {
        assert!(vm.lines().any(|other| other == line), "no `{line}` in {vm}");
    }
    let container = shown(&stubs, "pct config 200");
    assert!(container.contains("mp0: /tank/media,mp=/mnt/media,ro=1\n"), "{container}");
    assert!(container.contains("ip=192.168.1.20/24,gw=192.168.1.1"), "{container}");
    assert!(!vm.contains("labwright-new") && !container.contains("labwright-new"));

    assert_eq!(run(&stubs, LAB, "").as_deref(), Some(""));
    assert_eq!(calls(&stubs), [""; 0], "a second run finds nothing to do");
}

#[test]
fn a_change_sets_that_and_nothing_else() {
    let stubs = Stubs::new();
    if run(&stubs, LAB, "").is_none() {
        return;
    }
    let lab = LAB
        .replace("memory (size)\"8GiB\"", "memory (size)\"12GiB\"")
        .replace("address lan \"192.168.1.110\"", "address lan \"192.168.1.110\" bridge=vmbr1");
    let said = run(&stubs, &lab, "").expect("a room");
    assert_eq!(
        calls(&stubs),
        ["qm set 110 --memory 12288 --net0 virtio=BC:24:11:00:00:6E,bridge=vmbr1,firewall=1"]
    );
    assert!(said.contains("note: guest 110 is running"), "{said}");
    // Drift is corrected, an undeclared device is removed, and a stopped guest stays stopped.
    for call in [
        "qm set 110 --cores 1",
        "qm set 110 --virtiofs1 dirid=other",
        "qm stop 110",
        "pct set 200 --mp1 /etc,mp=/host",
    ] {
        stubs.given(&call.split(' ').collect::<Vec<_>>());
    }
    run(&stubs, &lab, "");
    assert_eq!(
        calls(&stubs),
        ["qm set 110 --cores 4", "qm set 110 --delete virtiofs1", "pct set 200 --delete mp1"]
    );
}

#[test]
fn disks_grow_and_never_shrink() {
    let stubs = Stubs::new();
    if run(&stubs, LAB, "").is_none() {
        return;
    }
    run(&stubs, &LAB.replace("100GiB", "150GiB"), "");
    assert_eq!(calls(&stubs), ["qm disk resize 110 scsi1 150G"]);
    let said = run(&stubs, LAB, "").expect("a room");
    assert_eq!(calls(&stubs), [""; 0]);
    assert!(
        said.contains("disk scsi1 of guest 110 has 150G, more than the declared 100G"),
        "{said}"
    );
    // A disk that is not declared any more is never removed.
    run(&stubs, &LAB.replace("disk cache size=(size)\"100GiB\"", ""), "");
    assert_eq!(calls(&stubs), [""; 0]);
}

#[test]
fn a_run_that_was_cut_off_is_finished_by_the_next() {
    let stubs = Stubs::new();
    if run(&stubs, LAB, "").is_none() {
        return;
    }
    // The power failed between `qm create` and the rest.
    for call in ["qm stop 110", "qm destroy 110", "qm create 110 --name media --tags labwright-new"]
    {
        stubs.given(&call.split(' ').collect::<Vec<_>>());
    }
    run(&stubs, LAB, "");
    assert!(shown(&stubs, "qm config 110").contains("scsi0: local-lvm:vm-110-disk-0"));
    assert_eq!(shown(&stubs, "qm status 110"), "status: running\n");
}

#[test]
fn an_image_with_another_sum_is_thrown_away() {
    let stubs = Stubs::new();
    let payload = payload(LAB, &[], "pve");
    let script = r#"
        cat >/usr/bin/curl <<'END'
#!/bin/sh
while [ $# -gt 1 ]; do [ "$1" != --output ] || file=$2; shift; done
case $1 in
    */SHA512SUMS) printf '%s  debian-13-generic-amd64.qcow2\n' \
        "$(printf good | sha512sum | cut -d ' ' -f 1)" >"$file" ;;
    *) printf '%s' "$IMAGE" >"$file" ;;
esac
END
        IMAGE=bad sh proxmox/guests.sh >/dev/null 2>/tmp/said && exit 1
        grep 'does not have the sum' /tmp/said
        [ -z "$(ls -A /var/lib/labwright/images)" ]
        IMAGE=good sh proxmox/guests.sh >/dev/null 2>&1
        ls /var/lib/labwright/images"#;
    let Some(answer) = stubs.room(payload.path(), &format!("export IMAGE; {script}"), &[]) else {
        return;
    };
    assert!(answer.status.success(), "{}", text(&answer.stderr));
    assert!(
        text(&answer.stdout).ends_with("\ndebian-13-generic-amd64.qcow2\n"),
        "{}",
        text(&answer.stdout)
    );
}

#[test]
fn a_guest_is_plugged_into_its_hosts_bridge_and_is_no_gateway_of_its_own() {
    let lab = r#"
        network inner cidr="10.9.0.0/24" gateway="10.9.0.1"
        host pve kind=proxmox version="8.4" {
            address lan "192.168.1.100" nic=eno1 bridge=vmbr0
            address inner "10.9.0.2" nic=eno2 bridge=vmbr8
        }
        lxc gate id=201 on=pve {
            os debian-13
            memory "1GiB"
            disk root size="8GiB"
            address inner "10.9.0.1"
            address lan "192.168.1.21"
        }
    "#;
    let payload = payload(lab, &[], "pve");
    let script =
        std::fs::read_to_string(payload.path().join("proxmox/guests.sh")).expect("a script");
    for net in [
        "name=eth0,bridge=vmbr8,firewall=1,ip=10.9.0.1/24'",
        "name=eth1,bridge=vmbr0,firewall=1,ip=192.168.1.21/24,gw=192.168.1.1'",
    ] {
        assert!(script.contains(net), "no {net} in {script}");
    }
}

#[test]
fn two_addresses_of_a_family_on_one_interface_are_refused_where_proxmox_takes_one() {
    let lab = r#"edition 1
lab home version="1.0.0"
network lan cidr="192.168.1.0/24"
host pve kind=proxmox version="8.4" { address lan "192.168.1.100"; }
lxc two id=201 on=pve {
    os debian-13
    memory "1GiB"
    disk root size="8GiB"
    address lan "192.168.1.20"
    address lan "192.168.1.21"
}
"#;
    let compiled = super::lab::compile(&[("lab.kdl", lab)]);
    let [finding] = compiled.findings.as_slice() else { panic!("{:?}", compiled.findings) };
    assert!(finding.starts_with("value-not-writable: ") && finding.contains("`ip`"), "{finding}");
}

#[test]
fn an_appliance_may_have_uefi_memory_that_shrinks_and_no_address() {
    let lab = format!(
        "{LAB}
        vm ha id=102 on=pve kind=appliance {{
            cores 2
            bios ovmf
            memory \"4GiB\" least=\"2GiB\"
            image \"local:iso/haos.iso\"
            disk root size=\"32GiB\"
        }}"
    );
    let stubs = Stubs::new();
    if run(&stubs, &lab, "").is_none() {
        return;
    }
    let calls_made = calls(&stubs).join("\n");
    for part in
        ["--bios ovmf --efidisk0 local-lvm:1,efitype=4m,pre-enrolled-keys=0", "--balloon 2048"]
    {
        assert!(calls_made.contains(part), "{part} is not in:\n{calls_made}");
    }
    let card = "--net0 virtio,bridge=vmbr0,firewall=1";
    let mut own = calls_made.lines().filter(|call| call.starts_with("qm set 102 "));
    assert!(own.any(|call| call.contains(card)), "{card} is not in:\n{calls_made}");
    run(&stubs, &lab, "");
    assert_eq!(calls(&stubs), Vec::<String>::new(), "the second run has nothing to do");
}
