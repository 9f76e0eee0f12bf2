//! The lab whose firewall these tests load: a DMZ inside the LAN, a tunnel behind a machine, and a
//! machine of each kind of firewall.

use labwright::artifact::Artifacts;
use labwright::compile::analyze;
use labwright::diag::{Diagnostics, Severity};
use labwright::emit::{Context, Emitter, Shared};
use labwright::model::{MachineId, Model, ZoneId};
use labwright::plan::{Plan, plan};
use labwright::source::{Layer, SourceFile, Sources};

/// The networks, and modules that listen at whatever port a service gives them, or connect.
///
/// The machine `extranet` is in the LAN's prefixes but not in its zone, and is the way to the
/// tunnel.
const LAB: &str = r#"
edition 1
lab lab version="1" { timezone "Etc/UTC"; }
network lan cidr="192.168.1.0/24" cidr6="2001:db8:1::/64"
network tunnel cidr="10.8.0.0/24" cidr6="fd00:8::/64"
router box on=lan address="192.168.1.1"

module road version="1" {
    summary "Carries the tunnel"
    option reach type=zone list=#true { doc "The zones whose every address the clients reach."; }
    provides road port=1194 protocol=udp
    gateway tunnel reach=(ref)opt.reach
}
module door version="1" {
    summary "Listens in a container"
    container door { image "docker.io/library/busybox:1.37"; health none="a stand-in"; }
    provides tcp container=door port=1 role=door
    provides udp container=door port=1 protocol=udp
}
module row version="1" {
    summary "Listens at several ports in a row"
    container row { image "docker.io/library/busybox:1.37"; health none="a stand-in"; }
    provides udp container=row port="10-13" protocol=udp
}
module program version="1" {
    summary "Listens on the machine"
    container program {
        image "docker.io/library/busybox:1.37"
        command listen (f)"{port.tcp}" (f)"{port.udp}"
        network host
        health none="a stand-in"
    }
    provides tcp container=program port=1 role=program
    provides udp container=program port=1 protocol=udp
}
module asker version="1" {
    summary "Connects to a program from a container"
    option of type=service { required; doc "Whom it asks."; }
    container asker { image "docker.io/library/busybox:1.37"; health none="a stand-in"; }
    needs program role=program service=(ref)opt.of
}
"#;

/// The machines without a hypervisor. Nothing guards `nas`, and it knows no way back to the tunnel.
const MACHINES: &str = r#"
host extranet kind=debian {
    os debian-13
    address lan "192.168.1.111"
    address lan "2001:db8:1::111"
    zone dmz
    firewall EXTRANETS
}
host intranet kind=debian {
    os debian-13
    address lan "192.168.1.101"
    address lan "2001:db8:1::101"
    firewall INTRANETS
}
host media kind=debian {
    os debian-13
    address lan "192.168.1.102"
    address lan "2001:db8:1::102"
    firewall MEDIAS
}
host nas kind=unmanaged { address lan "192.168.1.103"; address lan "2001:db8:1::103"; }
"#;

/// A lab without an error.
pub struct Lab {
    pub model: Model,
}

impl Lab {
    /// Makes the lab with machines without a hypervisor: `extranet`, `intranet` and `media`, each
    /// with a backend, and `nas`. `more` declares the rest.
    pub fn new([extranet, intranet, media]: [&str; 3], more: &str) -> Self {
        let machines = MACHINES
            .replace("EXTRANETS", extranet)
            .replace("INTRANETS", intranet)
            .replace("MEDIAS", media);
        Self::of(&format!("{machines}{more}"))
    }

    /// Makes the lab with the machines and services that `more` declares.
    pub fn of(more: &str) -> Self {
        let text = format!("{LAB}{more}");
        let file = SourceFile { path: "lab.kdl".to_owned(), text, layer: Layer::Lab };
        let sources = Sources::with_standard_library(vec![file]);
        let mut analyzed = analyze(&sources);
        let found = analyzed.check(&sources).diagnostics;
        let errors = found.iter().filter(|one| one.severity() == Severity::Error);
        let errors: Vec<&str> = errors.map(|one| one.message.as_str()).collect();
        assert!(errors.is_empty(), "{errors:#?}");
        Self { model: analyzed.model.expect("a lab") }
    }

    pub fn plan(&self) -> Plan<'_> {
        plan(&self.model)
    }

    pub fn machine(&self, name: &str) -> MachineId {
        let called = self.model.machines().find(|(_, machine)| machine.name == name);
        called.unwrap_or_else(|| panic!("no machine `{name}`")).0
    }

    pub fn zone(&self, name: &str) -> ZoneId {
        let index = self.model.zones.iter().position(|zone| zone.name == name);
        let index = index.unwrap_or_else(|| panic!("no zone `{name}`"));
        ZoneId(u32::try_from(index).expect("few zones"))
    }

    /// Lets one emitter write one machine's files.
    pub fn emit(&self, machine: &str, emitter: &Emitter) -> Artifacts {
        emit(&self.plan(), self.machine(machine), emitter)
    }
}

/// Lets one emitter that reads no template of the lab write one machine's files.
pub fn emit(plan: &Plan<'_>, machine: MachineId, emitter: &Emitter) -> Artifacts {
    let (sources, shared) = (Sources::default(), Shared::default());
    let (mut artifacts, mut diagnostics) = (Artifacts::default(), Diagnostics::default());
    let context = Context { plan, machine, sources: &sources, shared: &shared };
    (emitter.emit)(&context, &mut artifacts, &mut diagnostics);
    assert!(diagnostics.is_empty(), "{diagnostics:?}");
    artifacts
}

/// Returns the text of an emitted file.
pub fn text(artifacts: &Artifacts, path: &str) -> String {
    let file = artifacts.files.get(path).unwrap_or_else(|| panic!("no {path}"));
    String::from_utf8(file.bytes.clone()).expect("text")
}
