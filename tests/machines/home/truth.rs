//! Probes every port that something listens on or the lab names, from everywhere.

use super::super::{Answer, Machine, Probe, Proto};
use super::lab::Lab;
use labwright::compile::analyze;
use labwright::reach::{Files, Verdict};
use std::collections::BTreeSet;
use std::thread;

use Proto::{Tcp, Udp};

/// A place to probe from, with the zone that the lab counts it in, for each address family.
pub struct Place {
    pub name: &'static str,
    pub probe: Probe,
    pub zone_v4: Option<&'static str>,
    pub zone_v6: Option<&'static str>,
    /// What `labwright reach` calls it, by address family.
    pub words: [&'static str; 2],
}

/// A machine to probe, with its name and addresses.
pub struct Asked<'m, 'rig> {
    pub name: &'static str,
    pub machine: &'m Machine<'rig>,
    pub v4: &'static str,
    pub v6: &'static str,
}

/// An allowed connection: from a zone, to a machine, on these ports.
type Opening = (&'static str, &'static str, &'static [(Proto, u16)]);

/// The access model of the lab's KDL, written by hand: who may connect to what. Nobody else may
/// connect to anything.
const OPEN: &[Opening] = &[
    ("internet", "extranet", &[(Tcp, 80), (Tcp, 443), (Udp, 1194)]),
    ("lan", "extranet", &[(Tcp, 22), (Tcp, 80), (Tcp, 81), (Tcp, 443)]),
    ("tunnel", "extranet", &[(Tcp, 80), (Tcp, 443)]),
    // A machine of the LAN, whose Prometheus scrapes this one.
    (
        "intranet",
        "extranet",
        &[(Tcp, 22), (Tcp, 80), (Tcp, 81), (Tcp, 443), (Tcp, 8080), (Tcp, 9100)],
    ),
    ("lan", "intranet", &[(Tcp, 22), (Tcp, 2283), (Tcp, 3000), (Tcp, 8096)]),
    ("tunnel", "intranet", &[(Tcp, 2283), (Tcp, 3000), (Tcp, 8096)]),
    ("extranet", "intranet", &[(Tcp, 2283), (Tcp, 3000), (Tcp, 8096)]),
];

/// The ports that containers publish. Where the lab gives a machine no IPv6, nobody reaches them
/// over it: a visitor would arrive with the address of Docker's bridge.
const PUBLISHED: &[u16] = &[80, 81, 443, 2283, 3000, 8080, 8096];

/// The ports of programs that the lab does not know: a program on the machine, and a container that
/// publishes.
pub const STRAY_PROGRAM: u16 = 9999;
pub const STRAY_CONTAINER: u16 = 7777;

/// Probes everything from everywhere and fails with each port that differs from the access model.
///
/// The VPN answers only clients with a key. `mute` lists its port unless something else listens in
/// its place.
///
/// What `labwright reach` says of the lab must be the same, on every question.
pub fn check(when: &str, lab: &Lab, places: &[Place], asked: &[Asked], mute: &[(Proto, u16)]) {
    let mut ports: BTreeSet<u16> =
        OPEN.iter().flat_map(|(_, _, ports)| ports.iter().map(|(_, port)| *port)).collect();
    for Asked { machine, .. } in asked {
        let listening = machine.sh("ss -Hlntu | awk '{ sub(/.*:/, \"\", $5); print $5 }'");
        ports.extend(listening.lines().filter_map(|port| port.parse::<u16>().ok()));
    }
    assert!(
        ports.contains(&STRAY_PROGRAM) && ports.contains(&STRAY_CONTAINER),
        "{when}: the strays listen: {ports:?}"
    );
    let ports: Vec<_> = ports
        .iter()
        .flat_map(|port| [(Tcp, *port), (Udp, *port)])
        .filter(|port| !mute.contains(port))
        .collect();

    let dual = {
        let sources = lab.sources();
        let mut analyzed = analyze(&sources);
        let plan = analyzed.check(&sources).plan.expect("a lab");
        plan.model.machines().any(|(_, machine)| machine.has_ipv6())
    };
    let told = told(lab, places, asked, &ports, dual);
    assert!(
        told.is_empty(),
        "{when}: reach is wrong about {} ports:\n{}",
        told.len(),
        told.join("\n")
    );
    let (addresses, ports) = (&asked_addresses(asked), &ports);
    let wrong: Vec<String> = thread::scope(|scope| {
        let asking: Vec<_> = places
            .iter()
            .map(|place| scope.spawn(move || wrong_from(place, addresses, ports, dual)))
            .collect();
        asking.into_iter().flat_map(|place| place.join().expect("the answers")).collect()
    });
    assert!(wrong.is_empty(), "{when}: {} ports are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// Asks `reach` every question; lists those that it answers otherwise than the access model.
fn told(
    lab: &Lab,
    places: &[Place],
    asked: &[Asked],
    ports: &[(Proto, u16)],
    dual: bool,
) -> Vec<String> {
    let sources = lab.sources();
    let mut analyzed = analyze(&sources);
    let plan = analyzed.check(&sources).plan.expect("a lab");
    let mut files = Files::new(&plan, &sources);
    for Asked { name, v6, .. } in asked {
        let id = plan.model.machines().find(|(_, machine)| machine.name == *name);
        let (id, _) = id.expect("a machine of the lab");
        files = files.also_at(id, &[v6.parse().expect("an address")]);
    }
    let mut wrong = Vec::new();
    for place in places {
        for Asked { name, v4, v6, .. } in asked.iter().filter(|asked| asked.name != place.name) {
            for (zone, word, address) in [
                (place.zone_v4, place.words[0], (*v4).to_owned()),
                (place.zone_v6, place.words[1], format!("[{v6}]")),
            ] {
                let Some(zone) = zone else { continue };
                for (proto, port) in ports {
                    let to = format!("{address}:{port}/{}", proto.name());
                    let answers = files.reach(word, &to).unwrap_or_else(|why| panic!("{why}"));
                    let allowed = answers.iter().any(|answer| answer.verdict != Verdict::Closed);
                    let named = dual || !address.starts_with('[');
                    if allowed != is_open(zone, name, (*proto, *port), named) {
                        wrong.push(format!("{word} -> {to}: {answers:?}"));
                    }
                }
            }
        }
    }
    wrong
}

/// `named` is whether the lab gives the machine an address of the family that is asked.
fn is_open(zone: &str, machine: &str, port: (Proto, u16), named: bool) -> bool {
    if !named && PUBLISHED.contains(&port.1) {
        return false;
    }
    OPEN.iter()
        .find(|(from, to, _)| (*from, *to) == (zone, machine))
        .is_some_and(|(_, _, ports)| ports.contains(&port))
}

type Addresses = Vec<(&'static str, &'static str, &'static str)>;

fn asked_addresses(asked: &[Asked]) -> Addresses {
    asked.iter().map(|Asked { name, v4, v6, .. }| (*name, *v4, *v6)).collect()
}

fn wrong_from(place: &Place, asked: &Addresses, ports: &[(Proto, u16)], dual: bool) -> Vec<String> {
    let mut targets = Vec::new();
    for (machine, v4, v6) in asked.iter().filter(|(machine, _, _)| *machine != place.name) {
        for (zone, address) in [(place.zone_v4, *v4), (place.zone_v6, *v6)] {
            let Some(zone) = zone else { continue };
            let named = dual || !address.contains(':');
            targets.extend(ports.iter().map(|port| {
                ((port.0, address.to_owned(), port.1), is_open(zone, machine, *port, named))
            }));
        }
    }
    let answers =
        place.probe.ask(&targets.iter().map(|(target, _)| target.clone()).collect::<Vec<_>>());
    let pairs = targets
        .iter()
        .zip(answers)
        .filter(|((_, open), answer)| *open != (*answer == Answer::Open));
    pairs
        .map(|(((proto, address, port), open), answer)| {
            let proto = proto.name();
            let should = if *open { "must be open" } else { "must be closed" };
            format!("{} -> {address} {proto}/{port}: {answer:?}, {should}", place.name)
        })
        .collect()
}
