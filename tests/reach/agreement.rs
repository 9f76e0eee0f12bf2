//! The emitted files say what the plan says: for every zone, machine, port, protocol and address
//! family.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::IpNet;
use labwright::model::{MachineId, MachineKind, Ports, Transport, ZoneId, ZoneKind};
use labwright::plan::{CidrSet, FlowSource, ForwardTarget, Guard, Plan};
use labwright::reach::{Files, LinkKind, Verdict};

use super::{LABS, lab, with_plan};

/// What Proxmox lets its managers use.
const MANAGED: [u16; 2] = [22, 8006];
/// Ports that no lab names.
const STRAY: [u16; 3] = [1, 9999, 65535];

#[test]
fn every_lab_is_as_open_as_its_plan() {
    for name in LABS {
        let sources = lab(name);
        let (asked, wrong) =
            with_plan(&sources, |plan| compare(plan, || Files::new(plan, &sources)));
        assert!(asked > 100, "{name}: {asked} questions");
        assert!(
            wrong.is_empty(),
            "{name}: {} of {asked} wrong:\n{}",
            wrong.len(),
            wrong.join("\n")
        );
    }
}

/// Asks everything from every zone; lists what is not as the plan says.
///
/// Where several filters guard a machine, each of them must say what the plan says, since a mistake
/// of one is hidden by the other. No lab gives its machines IPv6, but a router may, so each has an
/// address of it here.
pub fn compare<'p>(plan: &'p Plan<'p>, files: impl Fn() -> Files<'p>) -> (usize, Vec<String>) {
    let (mut asked, mut wrong) = (0, Vec::new());
    for ignored in [
        &[][..],
        &[LinkKind::Hypervisor, LinkKind::Router],
        &[LinkKind::Firewall, LinkKind::Router],
    ] {
        let mut files = files();
        for (number, (machine, _)) in plan.model.machines().enumerate() {
            let v6 = format!("2001:db8:99::{number:x}").parse().expect("an address");
            files = files.also_at(machine, &[v6]);
        }
        files = files.ignoring(ignored);
        let (more, faults) = compare_with(plan, &files, ignored);
        asked += more;
        wrong.extend(faults);
    }
    (asked, wrong)
}

fn compare_with(plan: &Plan<'_>, files: &Files<'_>, ignored: &[LinkKind]) -> (usize, Vec<String>) {
    let model = plan.model;
    let mut ports: BTreeSet<u16> = plan.flows.iter().flat_map(|flow| ends(flow.ports)).collect();
    ports.extend(plan.listeners().flat_map(|(_, ports, ..)| ends(ports)));
    ports.extend(MANAGED);
    ports.extend(STRAY);
    let (mut asked, mut wrong) = (0, Vec::new());
    for (to, machine) in model.machines() {
        let v6 = BTreeSet::from([false, true]);
        let is_guest = machine.guest.is_some() && machine.kind != MachineKind::Appliance;
        let is_guarded = match ignored {
            [] => true,
            [LinkKind::Hypervisor, ..] => matches!(plan.guard(to), Guard::Own(_)),
            _ => is_guest,
        };
        if !is_guarded {
            continue;
        }
        for zone in (0..model.zones.len()).map(ZoneId::at) {
            if model[zone].kind == ZoneKind::Machine(to) {
                continue;
            }
            for (port, transport) in
                ports.iter().flat_map(|port| [(*port, Transport::Tcp), (*port, Transport::Udp)])
            {
                let from = &model[zone].name;
                let text = format!("{}:{port}/{}", machine.name, transport.name());
                let answers = files.reach(from, &text).unwrap_or_else(|why| panic!("{why}"));
                let [answer] = &answers[..] else { panic!("{from} {text}: {answers:?}") };
                let whole = of_families(&plan.zone(zone).set(), &v6);
                let got = match &answer.verdict {
                    Verdict::Open => whole.clone(),
                    Verdict::Partly(part) => part.clone(),
                    Verdict::Closed => CidrSet::default(),
                };
                let mut wanted = allowed(plan, &whole, to, transport, port);
                // Without IPv6 in the lab, containers publish at IPv4 addresses alone.
                let published = plan.machine(to).published.iter();
                let mut published =
                    published.filter(|one| one.at.is_empty() && one.transport == transport);
                if !machine.has_ipv6()
                    && !ignored.contains(&LinkKind::Firewall)
                    && published.any(|one| one.host_ports.contains(port))
                {
                    wanted = of_families(&wanted, &BTreeSet::from([false]));
                }
                asked += v6.len();
                if got != wanted {
                    wrong.push(format!(
                        "{from} -> {text}: {:?}, planned {:?}, without {ignored:?}: {:#?}",
                        got.prefixes(),
                        wanted.prefixes(),
                        answer.chain
                    ));
                }
                let last = answer.chain.last().expect("a chain has an end");
                assert_eq!(last.passes, answer.verdict != Verdict::Closed, "{answer:?}");
            }
        }
    }
    (asked, wrong)
}

fn ends(ports: Ports) -> [u16; 2] {
    [ports.first, ports.last]
}

fn of_families(set: &CidrSet, v6: &BTreeSet<bool>) -> CidrSet {
    let prefixes: Vec<IpNet> = set
        .prefixes()
        .iter()
        .filter(|prefix| v6.contains(&prefix.addr().is_ipv6()))
        .copied()
        .collect();
    CidrSet::new(&prefixes, &[])
}

/// Says by the definition of flows and zones alone who of a place may connect.
fn allowed(
    plan: &Plan<'_>,
    from: &CidrSet,
    to: MachineId,
    transport: Transport,
    port: u16,
) -> CidrSet {
    let machine = &plan.model[to];
    let mut allowed = CidrSet::default();
    for v6 in [false, true] {
        let from = of_families(from, &BTreeSet::from([v6]));
        let own: Vec<IpAddr> = machine
            .addresses
            .iter()
            .map(|own| own.address)
            .filter(|own| own.is_ipv6() == v6)
            .collect();
        let mut direct = from.clone();
        for (gateway, _) in plan.model.machines().filter(|(id, _)| *id != to) {
            for clients in &plan.machine(gateway).clients {
                let network = CidrSet::new(&plan.model[clients.network].prefixes, &[]);
                let inside = from.intersection(&network);
                direct = direct.difference(&inside);
                let forwards = clients.targets.iter().any(|target| match target {
                    ForwardTarget::Port { addresses, ports, transport: by } => {
                        *by == transport
                            && ports.contains(port)
                            && own.iter().any(|own| addresses.contains(own))
                    }
                    ForwardTarget::Zone(zone) => {
                        own.iter().any(|own| plan.zone(*zone).set().contains(*own))
                    }
                });
                if inside.is_empty() || !forwards {
                    continue;
                }
                let known = own.iter().any(|own| clients.way_back.contains(own));
                if clients.masquerade && !known {
                    let appears = plan.zone(plan.model[gateway].own_zone).set();
                    let appears = of_families(&appears, &BTreeSet::from([v6]));
                    if !open(plan, &appears, to, transport, port).is_empty() {
                        allowed = CidrSet::union([&allowed, &inside]);
                    }
                } else {
                    let open = open(plan, &inside, to, transport, port);
                    allowed = CidrSet::union([&allowed, &open]);
                }
            }
        }
        let open = open(plan, &direct, to, transport, port);
        allowed = CidrSet::union([&allowed, &open]);
    }
    allowed
}

/// Says who of some addresses a machine's own rules let in.
fn open(
    plan: &Plan<'_>,
    from: &CidrSet,
    to: MachineId,
    transport: Transport,
    port: u16,
) -> CidrSet {
    let guard = plan.guard(to);
    let host_guards =
        plan.model[to].guest.is_some() && plan.model[to].kind != MachineKind::Appliance;
    if guard == Guard::Nothing && !host_guards {
        // Routers do not know that a machine is not guarded: what nobody opened stays out.
        let routed =
            plan.model.routers.iter().any(|router| {
                plan.model[to].addresses.iter().any(|own| own.network == router.network)
            });
        let known: Vec<IpNet> =
            plan.model.networks.iter().flat_map(|network| network.prefixes.clone()).collect();
        let internet = from.difference(&CidrSet::new(&known, &[]));
        let internet = of_families(&internet, &BTreeSet::from([false]));
        return if routed { from.difference(&internet) } else { from.clone() };
    }
    let mut zones: Vec<ZoneId> = plan
        .inbound(to)
        .filter(|flow| flow.transport == transport && flow.ports.contains(port))
        .filter(|flow| {
            let mut own = plan.model[to].addresses.iter().map(|own| own.address);
            let v6 = from.prefixes().iter().any(|prefix| prefix.addr().is_ipv6());
            flow.at.is_empty() || own.any(|own| own.is_ipv6() == v6 && flow.is_at(own))
        })
        .filter_map(|flow| match flow.from {
            FlowSource::Zone(zone) => Some(zone),
            FlowSource::Containers(_) | FlowSource::Neighbours(_) => None,
        })
        .collect();
    if guard == Guard::Proxmox && transport == Transport::Tcp && MANAGED.contains(&port) {
        zones.extend(plan.managers(to));
    }
    from.intersection(&plan.joined(&zones))
}
