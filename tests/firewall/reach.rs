//! Checks that `reach` gives the same answers as the packets of [`super::packets`].

use std::net::IpAddr;

use labwright::model::FirewallBackend;
use labwright::model::Transport::{Tcp, Udp};
use labwright::reach::{Answer, Verdict, reach};

use super::lab::{self, EXTRANET, MACHINES, NAS};
use super::packets::{self, INTERNET, PORTS, TUNNEL, address, allowed, lan_clients, through};

fn one(plan: &labwright::plan::Plan<'_>, from: &str, to: &str) -> Answer {
    let answers = reach(plan, from, to).unwrap_or_else(|unknown| panic!("{unknown}"));
    assert_eq!(answers.len(), 1, "{from} {to}");
    answers[0].clone()
}

#[test]
fn every_address_gets_the_answer_that_packets_give() {
    for whole_lan in [true, false] {
        let model = lab::model([FirewallBackend::Nftables; 3]);
        let plan = packets::plan(&model, whole_lan);
        let machines = model
            .machines
            .iter()
            .flat_map(|machine| machine.addresses.iter().map(|address| address.address));
        let people: Vec<IpAddr> = lan_clients(&plan)
            .into_iter()
            .chain(INTERNET.map(address))
            .chain(TUNNEL.map(address))
            .chain(machines)
            .collect();
        let (mut open, mut closed) = (0, 0);
        for to in MACHINES {
            for (from, port, transport) in people.iter().flat_map(|from| {
                PORTS.iter().flat_map(move |port| [(from, *port, Tcp), (from, *port, Udp)])
            }) {
                let itself = model[to].addresses.iter().any(|own| own.address == *from);
                let from_tunnel = TUNNEL.map(address).contains(from);
                let wanted = itself
                    || if from_tunnel && to != EXTRANET {
                        through(&plan, EXTRANET, *from, to, transport, port)
                    } else {
                        allowed(&plan, *from, to, transport, port)
                    };
                let answer = one(
                    &plan,
                    &from.to_string(),
                    &format!("{}:{port}/{}", model[to].name, transport.name()),
                );
                assert_eq!(
                    answer.verdict == Verdict::Open,
                    wanted,
                    "{from} -> {} {port}/{}: {answer:?}",
                    model[to].name,
                    transport.name()
                );
                assert_eq!(
                    answer.verdict == Verdict::Closed,
                    !wanted,
                    "one address is never partly let in"
                );
                assert_eq!(answer.steps.last().map(|step| step.passes), Some(wanted), "{answer:?}");
                *(if wanted { &mut open } else { &mut closed }) += 1;
            }
        }
        assert!(open > 100 && closed > 100);
    }
}

#[test]
fn a_zone_is_answered_as_a_whole() {
    let model = lab::model([FirewallBackend::Nftables; 3]);
    let plan = packets::plan(&model, false);
    assert_eq!(one(&plan, "lan", "intranet:8096").verdict, Verdict::Open);
    assert_eq!(
        one(&plan, "dmz", "intranet:8096").verdict,
        Verdict::Open,
        "extranet alone is in it, and it may"
    );
    assert_eq!(one(&plan, "internet", "intranet:8096").verdict, Verdict::Closed);
    // Extranet is allowed, and its address is in the LAN's prefixes, but it is not in the LAN's
    // zone.
    assert_eq!(one(&plan, "lan", "intranet:2283").verdict, Verdict::Closed);
}

#[test]
fn part_of_a_zone_is_named() {
    let model = lab::model([FirewallBackend::Nftables; 3]);
    let plan = packets::plan(&model, false);
    let Verdict::Partly(part) = one(&plan, "lan", "extranet:9100").verdict else {
        panic!("intranet is in the LAN, and it alone may")
    };
    assert_eq!(
        part.prefixes().iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["192.168.1.101/32", "2001:db8:1::101/128"]
    );
}

#[test]
fn the_answer_tells_where_and_why() {
    let model = lab::model([FirewallBackend::Ufw; 3]);
    let plan = packets::plan(&model, false);
    let told = |from: &str, to: &str| -> Vec<String> {
        one(&plan, from, to)
            .steps
            .iter()
            .map(|step| format!("{}: {}", model[step.machine].name, step.what))
            .collect()
    };
    assert_eq!(told("lan", "intranet:8096"), ["intranet: ufw and nftables: expose from lan"]);
    assert_eq!(
        told("internet", "intranet:22"),
        ["intranet: ufw and nftables: no rule opens 22/tcp from there"]
    );
    assert_eq!(
        told("tunnel", "intranet:8096"),
        [
            "extranet: forwards 8096/tcp from tunnel to intranet",
            "intranet: ufw and nftables: expose from tunnel"
        ]
    );
    assert_eq!(
        told("tunnel", "intranet:22"),
        ["extranet: does not forward 22/tcp from tunnel to intranet"]
    );
    assert_eq!(
        told("tunnel", "nas:9100"),
        [
            "extranet: forwards 9100/tcp from tunnel to nas",
            "extranet: they appear as this machine",
            "nas: labwright writes no firewall for this machine"
        ]
    );
    assert_eq!(one(&plan, "lan", "nas:22").machine, NAS);
    assert_eq!(
        reach(&plan, "lna", "intranet").expect_err("no such zone").to_string(),
        "`lna` is not a zone, machine, service or address of the lab; there is `lan`"
    );
    assert!(
        reach(&plan, "lan", "intranet:seven").is_err() && reach(&plan, "lan", "intranett").is_err()
    );
}
