//! An emitter that writes what was not meant is noticed.

use labwright::artifact::Artifacts;
use labwright::diag::Diagnostics;
use labwright::emit::{Context, Shared, emit};
use labwright::model::MachineId;
use labwright::plan::Plan;
use labwright::reach::{Failure, Files};
use labwright::source::Sources;

use super::agreement::compare;
use super::{lab, with_plan};

fn emitted(plan: &Plan<'_>, sources: &Sources, machine: MachineId) -> Artifacts {
    let context = Context { plan, machine, sources, shared: &Shared::default() };
    emit(&context, &mut Diagnostics::default())
}

/// Changes one file of one machine.
fn change(artifacts: &mut Artifacts, path: &str, from: &str, to: &str) {
    let file = artifacts.files.get_mut(path).unwrap_or_else(|| panic!("no {path}"));
    let text = String::from_utf8(file.bytes.clone()).expect("text");
    assert!(text.contains(from), "no `{from}` in {path}:\n{text}");
    file.bytes = text.replacen(from, to, 1).into_bytes();
}

/// Each is a mistake that an emitter could make: lab, machine, file, what it wrote, what it should
/// not have.
const PLANTED: [(&str, &str, &str, &str, &str); 12] = [
    // A rule more, a rule less, a wrong port, a wrong protocol.
    (
        "media-server-home",
        "extranet",
        "firewall/ufw.sh",
        "allow tcp 22 - 192.168.1.0/24",
        "allow tcp 22 - 0.0.0.0/0",
    ),
    ("media-server-home", "intranet", "firewall/ufw.sh", "deny tcp 22 - 192.168.1.111\n", ""),
    (
        "media-server-home",
        "extranet",
        "firewall/ufw.sh",
        "allow udp 1194 - ::/0\n",
        "allow udp 1195 - ::/0\n",
    ),
    (
        "media-server-home",
        "intranet",
        "firewall/nftables.nft",
        "meta l4proto tcp ct original proto-dst 2283",
        "meta l4proto udp ct original proto-dst 2283",
    ),
    (
        "media-server-home",
        "intranet",
        "firewall/nftables.nft",
        "ct status dnat goto published",
        "ct status dnat accept",
    ),
    (
        "media-server-home",
        "extranet",
        "firewall/nftables.nft",
        "        ip daddr @zone-lan-4 ip daddr != @zone-lan-4-except accept\n",
        "",
    ),
    ("media-server-home", "extranet", "firewall/forward.sh", "pass iptables -s 10.8.0.0/24\n", ""),
    (
        "media-server-home",
        "pve",
        "proxmox/firewall/101.fw",
        "IN ACCEPT -source +zone-lan-4 -p tcp -dport 8096",
        "IN ACCEPT -source +zone-tunnel-4 -p tcp -dport 8096",
    ),
    ("media-server-home", "pve", "proxmox/firewall/cluster.fw", "!192.168.1.111\n", ""),
    (
        "media-server-home",
        "extranet",
        "firewall/router-forwards.tsv",
        "box\ttcp\t443\t192.168.1.111\t",
        "box\ttcp\t444\t192.168.1.111\t",
    ),
    ("blackbox", "media", "firewall/nftables.nft", "policy drop;", "policy accept;"),
    (
        "media-automation",
        "homelab",
        "compose/compose.yaml",
        "'0.0.0.0:8096:8096/tcp'",
        "'8097:8096/tcp'",
    ),
];

#[test]
fn a_mistake_of_an_emitter_is_noticed() {
    for (name, machine, path, from, to) in PLANTED {
        let sources = lab(name);
        let wrong = with_plan(&sources, |plan| {
            let files = || {
                Files::from_emitted(plan, |id| {
                    let mut artifacts = emitted(plan, &sources, id);
                    if plan.model[id].name == machine {
                        change(&mut artifacts, path, from, to);
                    }
                    artifacts
                })
            };
            compare(plan, files).1
        });
        assert!(!wrong.is_empty(), "nobody noticed `{to}` in {path} of {machine}");
    }
}

/// What no reader knows is refused, not skipped.
const STRANGE: [(&str, &str, &str, &str); 6] = [
    (
        "extranet",
        "firewall/nftables.nft",
        "        drop\n",
        "        meta mark 7 accept\n        drop\n",
    ),
    ("extranet", "firewall/nftables.nft", "@zone-lan-4 ", "@zone-land-4 "),
    ("extranet", "firewall/ufw.sh", "allow tcp 22 -", "limit tcp 22 -"),
    ("extranet", "firewall/ufw.sh", "default deny incoming", "default allow incoming"),
    ("pve", "proxmox/firewall/101.fw", "IN ACCEPT -source +zone-lan-4", "GROUP webserver"),
    ("pve", "proxmox/firewall/cluster.fw", "policy_in: DROP", "policy_in: ACCEPT"),
];

#[test]
fn a_rule_that_no_reader_knows_is_refused() {
    let sources = lab("media-server-home");
    with_plan(&sources, |plan| {
        for (machine, path, from, to) in STRANGE {
            let files = Files::from_emitted(plan, |id| {
                let mut artifacts = emitted(plan, &sources, id);
                if plan.model[id].name == machine {
                    change(&mut artifacts, path, from, to);
                }
                artifacts
            });
            let answer = files.reach_all("internet");
            let Err(Failure::Unreadable(fault)) = answer else {
                panic!("`{to}` in {path}: {answer:?}")
            };
            assert_eq!(fault.file, path);
        }
    });
}
