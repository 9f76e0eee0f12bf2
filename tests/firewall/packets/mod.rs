//! Loads the emitted rules and sends packets from everywhere: what comes through must be exactly
//! what the access model allows.

mod allowed;
mod dock;
mod network;
mod world;

use std::path::Path;

use labwright::artifact::Artifacts;
use labwright::compile::analyze;
use labwright::emit::firewall;
use labwright::kind::Kind;
use labwright::load::read_lab;
use labwright::model::MachineId;
use labwright::plan::Plan;
use labwright::reach::{Files, LinkKind, Verdict};

use super::lab::{self, Lab};
use super::wire::{Probe, try_all};
use dock::{Dock, Docker};
use world::World;

/// The ports that containers publish and listen on without a declaration. Nobody may reach them.
const UNDECLARED: [u16; 2] = [5432, 9999];
const INTERNET: [&str; 2] = ["203.0.113.7", "2001:db8:ffff::7"];

/// Everything that may open a port, between all zones.
const OPEN: &str = r#"
extend host extranet { ssh from=lan; }
extend host intranet { ssh from=lan; }
extend host media { ssh from=lan,dmz; }
service road on=extranet { expose road to=internet; reach REACH; }

service extranet-80 module=door on=extranet { port tcp 80; expose tcp to=internet; }
service extranet-443 module=door on=extranet { port tcp 443; expose tcp to=internet,lan; }
service extranet-81 module=door on=extranet { port tcp 81; expose tcp to=lan,tunnel; }
service extranet-53 module=door on=extranet { port udp 53; expose udp to=lan; }
service intranet-8096 module=door on=intranet {
    port tcp 8096
    expose tcp to=lan,tunnel,extranet
}
service intranet-2283 module=door on=intranet { port tcp 2283; expose tcp to=extranet; }
service intranet-3000 module=door on=intranet { port tcp 3000; expose tcp to=tunnel; }
service intranet-53 module=door on=intranet { port udp 53; expose udp to=lan; }
service media-8080 module=door on=media { port tcp 8080; expose tcp to=lan,internet; }
service media-8123 module=program on=media {
    port tcp 8123
    port udp 8123
    expose tcp to=internet,dmz,intranet
    expose udp to=lan
}
service media-row module=row on=media { port udp "40000-40003"; expose udp to=lan; }
service media-bound module=door on=media {
    port tcp 8090 address="192.168.1.102"
    expose tcp to=lan,internet
}
service media-twice module=door on=media {
    port tcp 8090 address="2001:db8:1::102"
    expose tcp to=dmz
}
service media-own module=door on=media { port tcp 8091 address="127.0.0.1"; }
service media-alone module=door on=media {
    port tcp 8092
    own-address "192.168.1.110"
    expose tcp to=lan
}
service intranet-bound module=door on=intranet {
    port tcp 8090 address="2001:db8:1::101"
    expose tcp to=lan
}

service measured-extranet module=program on=extranet { port tcp 9100; port udp 9100; }
service measured-intranet module=program on=intranet { port tcp 9100; port udp 9100; }
service measured-media module=program on=media { port tcp 9100; port udp 9100; }
service intranet-asks-extranet module=asker on=intranet { of measured-extranet; }
service intranet-asks-itself module=asker on=intranet { of measured-intranet; }
service intranet-asks-media module=asker on=intranet { of measured-media; }
service media-asks-itself module=asker on=media { of measured-media; }
"#;

/// Makes the lab in which everything is open that [`OPEN`] opens, and whose tunnel's clients reach
/// every address of a zone.
fn lab(backends: [&str; 3], reach: &str) -> Lab {
    Lab::new(backends, &OPEN.replace("REACH", reach))
}

#[test]
fn ufw_lets_through_the_access_model() {
    compare(&lab(["ufw", "ufw", "nftables"], "nas").plan());
}

#[test]
fn nftables_lets_through_the_access_model() {
    compare(&lab(["nftables", "nftables", "ufw"], "lan").plan());
}

/// Docker's own rules refuse more since version 28. What the lab opens must stay open.
#[test]
fn what_is_open_stays_open_with_the_rules_of_docker_28() {
    compare_with(&lab(["ufw", "nftables", "ufw"], "nas").plan(), Docker::Iptables28);
}

/// Next to ufw it would not: what ufw forwards for nobody, no other table lets through. `labctl`
/// refuses such a machine.
#[test]
fn what_is_open_stays_open_with_the_nftables_of_docker_29() {
    compare_with(&lab(["nftables"; 3], "nas").plan(), Docker::Nftables29);
}

#[test]
fn a_real_lab_is_as_closed_as_it_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("modules/labs/media-server-home");
    let sources = read_lab(&folder).unwrap_or_else(|_| panic!("{} can be read", folder.display()));
    let mut analyzed = analyze(&sources);
    compare(&analyzed.check(&sources).plan.expect("a lab"));
}

fn compare(plan: &Plan<'_>) {
    compare_with(plan, Docker::Lenient);
}

fn compare_with(plan: &Plan<'_>, docker: Docker) {
    let Some(world) = World::new(plan, docker) else { return };
    let probes = world.probes();
    let open = probes.iter().filter(|probe| probe.open).count();
    assert!(open > 20 && probes.len() - open > 200, "{open} of {}", probes.len());
    agrees(plan, &probes);
    let wrong = try_all(&world.nets(), &probes, &world.listeners);
    let line = |probe: &Probe| {
        let Probe { who, from, to, transport, port, open, .. } = probe;
        format!(
            "{who} {from} -> {to} {port}/{}: {}",
            transport.name(),
            if *open { "closed, must be open" } else { "open, must be closed" }
        )
    };
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.iter().map(line).collect::<Vec<_>>().join("\n")
    );
}

/// Compares what `reach` reads from the emitted files with what is measured, question by question.
///
/// Packets go around the routers and the hypervisor here, so these do not count.
fn agrees(plan: &Plan<'_>, probes: &[Probe]) {
    let around = [LinkKind::Router, LinkKind::Hypervisor];
    let files =
        Files::from_emitted(plan, |machine| with_published(plan, machine)).ignoring(&around);
    let mut asked = 0;
    for probe in probes {
        let Probe { who, from, to, transport, port, open, .. } = probe;
        let machine = plan.model.machines.iter().find(|machine| machine.name == *who);
        let from_machine =
            machine.is_some_and(|machine| machine.addresses.iter().any(|own| own.address == *from));
        let is_client = who.starts_with("client to the ");
        if !(from_machine || is_client || ["outside", "client"].contains(&who.as_str())) {
            continue;
        }
        let to = if to.is_ipv6() { format!("[{to}]") } else { to.to_string() };
        let to = format!("{to}:{port}/{}", transport.name());
        let answers = files.reach(&from.to_string(), &to).unwrap_or_else(|why| panic!("{why}"));
        let [answer] = &answers[..] else { panic!("{answers:?}") };
        assert_eq!(
            answer.verdict != Verdict::Closed,
            *open,
            "{who} {from} -> {to}: measured and answered otherwise: {:#?}",
            answer.chain
        );
        asked += 1;
    }
    assert!(asked > 200, "{asked} questions");
}

/// Emits a machine's firewall, and a compose file that publishes what its [`Dock`] does.
fn with_published(plan: &Plan<'_>, machine: MachineId) -> Artifacts {
    let mut artifacts = lab::emit(plan, machine, &firewall::EMITTER);
    if let Some(network) = Dock::network(plan, machine) {
        let ports: String = Dock::published(plan, machine)
            .iter()
            .flat_map(|port| ["tcp", "udp"].map(|proto| format!("    - '{port}:{port}/{proto}'\n")))
            .collect();
        let (name, interface) = (&network.name, &network.interface);
        let text = format!(
            "services:\n  dock:\n    ports:\n{ports}    networks:\n      {name}: {{}}\n\
             networks:\n  {name}:\n    driver_opts:\n      \
             com.docker.network.bridge.name: '{interface}'\n"
        );
        artifacts.add("compose/compose.yaml", Kind::Compose, text, Vec::new());
    }
    artifacts
}
