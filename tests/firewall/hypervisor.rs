//! Checks the hypervisor's firewall: Proxmox accepts every line, and together they match the access
//! model.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;

use ipnet::IpNet;
use labwright::artifact::Artifacts;
use labwright::emit::proxmox_firewall;
use labwright::kind::Kind;
use labwright::model::Transport;
use labwright::plan::{FlowSource, Plan};

use super::lab::{self, Lab};
use crate::consumers;
use crate::trixie::{Room, text};

const PORTS: [u16; 11] = [22, 443, 2049, 2283, 8006, 8096, 8443, 9100, 40000, 40003, 40004];

/// The machines as guests of a Proxmox host.
const GUESTS: &str = r#"
host nas kind=proxmox version="8.4" {
    address lan "192.168.1.103" nic=eno1 bridge=vmbr0
    address lan "2001:db8:1::103"
    disk one device="/dev/disk/by-id/one" size="1TB"
    pool tank disk=one { dataset media; }
}
vm extranet id=100 on=nas {
    os debian-13
    address lan "192.168.1.111"
    address lan "2001:db8:1::111"
    zone dmz
    memory "1GiB"
    disk root size="8GiB"
    ssh from=lan
}
vm intranet id=101 on=nas {
    os debian-13
    address lan "192.168.1.101"
    address lan "2001:db8:1::101"
    memory "1GiB"
    disk root size="8GiB"
    share tank.media at="/mnt/media" via=nfs
}
vm media id=102 on=nas kind=appliance {
    address lan "192.168.1.102"
    address lan "2001:db8:1::102"
    memory "1GiB"
    disk root size="8GiB"
}
service extranet-443 module=door on=extranet {
    port tcp 443
    port udp 443
    expose tcp to=internet
    expose udp to=lan
}
service intranet-2283 module=door on=intranet { port tcp 2283; expose tcp to=extranet; }
service intranet-8096 module=door on=intranet { port tcp 8096; expose tcp to=lan,dmz; }
service bound module=door on=intranet {
    port tcp 8443 address="192.168.1.101"
    expose tcp to=lan,internet
}
service row module=row on=intranet { port udp "40000-40003"; expose udp to=lan; }
service measured module=program on=intranet { port tcp 9100; port udp 9100; }
service asker on=intranet { of measured; }
"#;

fn lab(ssh: bool) -> Lab {
    let login = if ssh { "extend host nas { ssh from=tunnel; }" } else { "" };
    Lab::of(&format!("{GUESTS}{login}"))
}

fn emitted(lab: &Lab) -> Artifacts {
    lab.emit("nas", &proxmox_firewall::EMITTER)
}

fn write(artifacts: &Artifacts, folder: &Path) {
    for (path, file) in &artifacts.files {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("write");
        std::fs::write(path, &file.bytes).expect("write");
    }
}

#[test]
fn every_line_is_understood() {
    let artifacts = emitted(&lab(true));
    let folder = tempfile::tempdir().expect("a temporary folder");
    write(&artifacts, folder.path());
    for (path, file) in &artifacts.files {
        match file.kind {
            Kind::PveFirewall => consumers::pve_firewall(&folder.path().join(path)),
            Kind::Shell => consumers::shellcheck(&folder.path().join(path)),
            _ => Ok(()),
        }
        .unwrap();
    }
    assert!(
        !artifacts.files.contains_key("proxmox/firewall/102.fw"),
        "a system that is not ours judges for itself"
    );
}

#[test]
fn rules_say_what_the_access_model_says() {
    for ssh in [true, false] {
        let lab = lab(ssh);
        let plan = lab.plan();
        let artifacts = emitted(&lab);
        let cluster = lab::text(&artifacts, "proxmox/firewall/cluster.fw");
        for (name, file) in [("nas", "cluster"), ("extranet", "100"), ("intranet", "101")] {
            let machine = lab.machine(name);
            let rules = lab::text(&artifacts, &format!("proxmox/firewall/{file}.fw"));
            let mut open = 0;
            for (who, transport, port) in everything() {
                let mut own = plan.model[machine].addresses.iter().map(|own| own.address);
                let at = own.find(|own| own.is_ipv4() == who.is_ipv4()).expect("both families");
                let mut wanted = plan.flows.iter().any(|flow| {
                    (flow.to, flow.transport) == (machine, transport)
                        && flow.ports.contains(port)
                        && flow.is_at(at)
                        && matches!(flow.from, FlowSource::Zone(zone) if in_zone(&plan, zone, who))
                });
                // Everyone who may log in manages the host. If nobody is named, its own network
                // does.
                if name == "nas" && transport == Transport::Tcp && [22, 8006].contains(&port) {
                    let manages = lab.zone(if ssh { "tunnel" } else { "lan" });
                    wanted |= in_zone(&plan, manages, who);
                }
                let lets_in = accepts(&cluster, &rules, (who, at), transport, port)
                    || name == "nas" && manages(&cluster, who, transport, port);
                assert_eq!(lets_in, wanted, "{file}.fw: {who} {port}/{}", transport.name());
                open += usize::from(wanted);
            }
            assert!(open > 0, "{file}.fw opens nothing");
        }
    }
}

fn everything() -> Vec<(IpAddr, Transport, u16)> {
    let people = [
        "203.0.113.7",
        "10.9.0.1",
        "192.168.1.50",
        "192.168.1.101",
        "192.168.1.110",
        "192.168.1.111",
        "10.8.0.2",
        "2a00::1",
        "2001:db8:1::50",
        "2001:db8:1::101",
        "2001:db8:1::111",
        "fd00:8::2",
    ];
    let people = people.map(|who| who.parse::<IpAddr>().expect("an address"));
    let ports = PORTS.into_iter().flat_map(|port| [(Transport::Tcp, port), (Transport::Udp, port)]);
    ports.flat_map(|(transport, port)| people.map(|who| (who, transport, port))).collect()
}

fn in_zone(plan: &Plan<'_>, zone: labwright::model::ZoneId, who: IpAddr) -> bool {
    let zone = plan.zone(zone);
    zone.include.iter().any(|prefix| prefix.contains(&who))
        && !zone.exclude.iter().any(|prefix| prefix.contains(&who))
}

/// Returns whether an address is in a set, as the kernel decides it: the longest prefix wins.
fn in_set(cluster: &str, set: &str, who: IpAddr) -> bool {
    let (_, after) =
        cluster.split_once(&format!("[IPSET {set}]\n")).unwrap_or_else(|| panic!("no set {set}"));
    let members = after.lines().take_while(|line| !line.is_empty() && !line.starts_with('['));
    let by_length: BTreeMap<u8, bool> = members
        .filter_map(|member| {
            let prefix = member.trim_start_matches('!');
            let prefix: IpNet = prefix
                .parse()
                .or_else(|_| prefix.parse::<IpAddr>().map(IpNet::from))
                .expect("a prefix");
            prefix.contains(&who).then(|| (prefix.prefix_len(), !member.starts_with('!')))
        })
        .collect();
    by_length.last_key_value().is_some_and(|(_, inside)| *inside)
}

fn accepts(
    cluster: &str,
    rules: &str,
    (who, at): (IpAddr, IpAddr),
    transport: Transport,
    port: u16,
) -> bool {
    rules.lines().filter_map(|line| line.strip_prefix("IN ACCEPT ")).any(|rule| {
        let words: Vec<&str> = rule.split(' ').collect();
        let flags: BTreeMap<&str, &str> =
            words.chunks(2).filter_map(|pair| Some((*pair.first()?, *pair.get(1)?))).collect();
        let Some(set) = flags.get("-source").and_then(|set| set.strip_prefix('+')) else {
            return false;
        };
        let (first, last) = flags["-dport"].split_once(':').unwrap_or([flags["-dport"]; 2].into());
        let number = |text: &str| text.parse::<u16>().expect("a port");
        flags["-p"] == transport.name()
            && (number(first)..=number(last)).contains(&port)
            && flags.get("-dest").is_none_or(|to| to.starts_with('+') || *to == at.to_string())
            && in_set(cluster, set, who)
    })
}

/// Returns whether Proxmox's own rules for the set `management`, which also contains its local
/// network, let an address in.
fn manages(cluster: &str, who: IpAddr, transport: Transport, port: u16) -> bool {
    let local =
        cluster.lines().find_map(|line| line.strip_prefix("local_network ")).expect("an alias");
    transport == Transport::Tcp
        && [22, 8006].contains(&port)
        && (in_set(cluster, "management", who) || local == who.to_string())
}

#[test]
fn files_are_put_kept_and_withdrawn() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    write(&emitted(&lab(true)), folder.path());
    let Some(room) = Room::new() else { return };
    let script = r#"
printf '#!/bin/sh\n' >/usr/sbin/pve-firewall
chmod 755 /usr/sbin/pve-firewall
mkdir -p /etc/pve/firewall
cp -r /payload /scratch
cd /scratch
echo '[OPTIONS]' >/etc/pve/firewall/101.fw
echo '[OPTIONS]' >/etc/pve/firewall/900.fw
echo '# Written by labwright. Old.' >/etc/pve/firewall/800.fw
LABWRIGHT_PLAN=1 sh proxmox/firewall.sh
[ "$(cat /etc/pve/firewall/101.fw)" = '[OPTIONS]' ]
echo --
sh proxmox/firewall.sh >/dev/null
sh proxmox/firewall.sh
cmp proxmox/firewall/101.fw /etc/pve/firewall/101.fw
ls /etc/pve/firewall
rm proxmox/firewall/101.fw
sh proxmox/firewall.sh
cat /etc/pve/firewall/101.fw
"#;
    let answer = room.show(folder.path(), "/payload").sh(script, &[]);
    assert!(answer.status.success(), "{}", text(&answer.stderr));
    assert_eq!(
        text(&answer.stdout),
        "firewall: write cluster.fw\nfirewall: write 100.fw\nfirewall: write 101.fw\nfirewall: \
         withdraw 800.fw\n--\n\
         100.fw\n101.fw\n900.fw\ncluster.fw\nfirewall: withdraw 101.fw\n[OPTIONS]\n"
    );
}
