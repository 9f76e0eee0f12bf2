//! May one place of the lab connect to another: through which rules, on which machines, because of
//! which declarations.
//!
//! Answers come from the files that are emitted, read back by `read/`; the [`Plan`] only says what
//! names mean and which declaration a rule comes from. So an emitter that writes what was not meant
//! shows here.

mod advice;
mod asked;
mod at;
mod because;
mod by_port;
mod listeners;
mod passed;
mod places;
pub mod read;
mod stages;
mod tables;
pub mod view;
mod walk;

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::LazyLock;

use crate::artifact::Artifacts;
use crate::diag::Diagnostics;
use crate::emit::{Context, Shared, emit};
use crate::model::{MachineId, Transport, Zone, ZoneId, ZoneKind};
use crate::plan::{CidrSet, Clients, Flow, Plan};
use crate::source::{Sources, Span};

pub use advice::{Advice, Edit, Parsed};
pub use places::Unknown;
pub use read::{Line, Unreadable};

use listeners::Listeners;
use places::{Destination, Origin, Port};

/// The files of a lab, read machine by machine when a question comes to it.
pub struct Files<'p> {
    plan: &'p Plan<'p>,
    emitted: Box<dyn Fn(MachineId) -> Artifacts + 'p>,
    read: Vec<OnceCell<Result<read::Machine, Unreadable>>>,
    listeners: Vec<OnceCell<Listeners<'p>>>,
    /// Addresses that machines have in addition to those that the lab gives them.
    others: BTreeMap<MachineId, Vec<IpAddr>>,
    ignored: Vec<LinkKind>,
    /// The machines that others go through, with those others.
    gateways: Vec<(MachineId, &'p Clients)>,
}

/// The answer for one port of one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Where connections come from, as it was asked.
    pub from: String,
    /// Where they go.
    pub to: To,
    /// Whether they come through.
    pub verdict: Verdict,
    /// What decides, in the order in which packets meet it; it ends with the first that refuses.
    pub chain: Vec<Link>,
    /// What to write so that they come through; nothing when they do, or when nothing would help.
    pub advice: Option<Advice>,
}

/// One port of one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct To {
    /// The machine, the host name or the address.
    pub name: String,
    /// tcp or udp.
    pub transport: Transport,
    /// The port.
    pub port: u16,
    /// What listens there, as far as the lab says: `jellyfin.web`.
    pub what: Option<String>,
}

/// Says whether connections come through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// From every address of the place.
    Open,
    /// From these of its addresses only.
    Partly(CidrSet),
    /// From none.
    Closed,
}

/// Something on the way that lets connections through or stops them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The machine or router that it is on.
    pub at: String,
    /// What it is.
    pub kind: LinkKind,
    /// What it does.
    pub says: String,
    /// Whether it lets any connection through.
    pub passes: bool,
    /// The addresses that it lets through, where it stops others.
    pub only: Option<CidrSet>,
    /// The emitted lines that say so, in the bundle of the machine named first.
    pub rules: Vec<Quote>,
    /// The declarations that they come from.
    pub because: Vec<Span>,
}

/// A line of an emitted file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Quote {
    /// The machine in whose bundle the file is.
    pub machine: String,
    /// The file and the line.
    pub line: Line,
    /// What the line says.
    pub text: String,
}

/// Says what a link is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LinkKind {
    /// The port forwards of an unmanaged router.
    Router,
    /// A machine that others go through, such as a VPN's.
    Gateway,
    /// The firewall of the Proxmox host.
    Hypervisor,
    /// The machine's own firewall.
    Firewall,
    /// What takes the connection: a published port of a container, or a program.
    Listener,
    /// A host name of a proxy, and who may use it.
    Route,
    /// The network: addresses, and what nobody filters.
    Network,
}

impl LinkKind {
    /// Returns the word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Router => "router",
            Self::Gateway => "gateway",
            Self::Hypervisor => "hypervisor",
            Self::Firewall => "firewall",
            Self::Listener => "listener",
            Self::Route => "route",
            Self::Network => "network",
        }
    }
}

/// Says why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// A word of the question names nothing in the lab.
    Unknown(Unknown),
    /// An emitted file says something that is not understood here, which is a fault of labwright.
    Unreadable(Unreadable),
}

impl From<Unreadable> for Failure {
    fn from(unreadable: Unreadable) -> Self {
        Self::Unreadable(unreadable)
    }
}

impl From<Unknown> for Failure {
    fn from(unknown: Unknown) -> Self {
        Self::Unknown(unknown)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(unknown) => unknown.fmt(out),
            Self::Unreadable(unreadable) => unreadable.fmt(out),
        }
    }
}

impl<'p> Files<'p> {
    /// Emits the files of each machine that a question comes to.
    pub fn new(plan: &'p Plan<'p>, sources: &'p Sources) -> Self {
        let shared = Shared::default();
        Self::from_emitted(plan, move |machine| {
            let context = Context { plan, machine, sources, shared: &shared };
            emit(&context, &mut Diagnostics::default())
        })
    }

    /// Takes the files from somewhere else.
    pub fn from_emitted(plan: &'p Plan<'p>, emitted: impl Fn(MachineId) -> Artifacts + 'p) -> Self {
        let read = plan.model.machines.iter().map(|_| OnceCell::new()).collect();
        let machines = plan.machines.iter().enumerate();
        let gateways = machines
            .flat_map(|(index, planned)| {
                planned.clients.iter().map(move |clients| (MachineId::at(index), clients))
            })
            .collect();
        Self {
            plan,
            emitted: Box::new(emitted),
            read,
            listeners: plan.model.machines.iter().map(|_| OnceCell::new()).collect(),
            others: BTreeMap::new(),
            ignored: Vec::new(),
            gateways,
        }
    }

    /// Adds addresses that a machine has without the lab's knowledge, such as those that a router
    /// hands out over IPv6.
    #[must_use]
    pub fn also_at(mut self, machine: MachineId, addresses: &[IpAddr]) -> Self {
        self.others.entry(machine).or_default().extend(addresses);
        self
    }

    /// Leaves some kinds of filters out: where several guard one machine, each must do so alone.
    #[must_use]
    pub fn ignoring(mut self, kinds: &[LinkKind]) -> Self {
        self.ignored = kinds.to_vec();
        self
    }

    fn addresses(&self, machine: MachineId) -> Vec<IpAddr> {
        let model = &self.plan.model;
        let own = model[machine].addresses.iter().map(|own| own.address);
        // One stands for the addresses that a machine may be given.
        let asked = model[machine].lease.iter().flat_map(|lease| &model[lease.network].prefixes);
        let own = own.chain(asked.filter_map(|prefix| prefix.hosts().next_back()));
        own.chain(self.others.get(&machine).into_iter().flatten().copied()).collect()
    }

    /// Returns what the lab says about the ports of a machine.
    fn listeners(&self, machine: MachineId) -> &Listeners<'p> {
        static NOTHING: LazyLock<Listeners<'static>> = LazyLock::new(Listeners::default);
        let cell = self.listeners.get(machine.0 as usize);
        cell.map_or(&NOTHING, |cell| cell.get_or_init(|| Listeners::of(self.plan, machine)))
    }

    /// Lists what the lab opens at a port.
    fn flows(&self, to: Port) -> impl Iterator<Item = &'p Flow> {
        self.listeners(to.machine).flows.at(to.transport, to.port).copied()
    }

    fn of(&self, machine: MachineId) -> Result<&read::Machine, Unreadable> {
        static NOTHING: LazyLock<read::Machine> = LazyLock::new(read::Machine::default);
        match self.read.get(machine.0 as usize) {
            None => Ok(&NOTHING),
            Some(cell) => cell
                .get_or_init(|| read::Machine::read(&(self.emitted)(machine)))
                .as_ref()
                .map_err(Clone::clone),
        }
    }

    /// Answers for every port that `to` names, or for all that are known there.
    ///
    /// `from` is a zone, a machine, a service or an address; `to` is one of them or the host name
    /// of a route, with `:PORT`, `:PORT/udp` or, for a service, `:ENDPOINT` after it. `internet`
    /// is a zone.
    pub fn reach(&self, from: &str, to: &str) -> Result<Vec<Answer>, Failure> {
        let origin = Origin::find(self.plan, from)?;
        let destinations = asked::destinations(self, to)?;
        destinations.iter().map(|to| Ok(self.answer(&origin, to)?)).collect()
    }

    /// Answers for every port that is known anywhere in the lab, and for every host name.
    pub fn reach_all(&self, from: &str) -> Result<Vec<Answer>, Failure> {
        let origin = Origin::find(self.plan, from)?;
        let destinations = asked::everywhere(self)?;
        destinations.iter().map(|to| Ok(self.answer(&origin, to)?)).collect()
    }

    /// Answers for every port that is known anywhere, from every zone; from a machine where its
    /// zone as a whole may not, but some of it. Only what comes through is listed.
    pub fn matrix(&self) -> Result<Vec<Answer>, Failure> {
        let model = self.plan.model;
        let destinations = asked::everywhere(self)?;
        let is_machine = |zone: &Zone| matches!(zone.kind, ZoneKind::Machine(_));
        // What a zone reaches in part, by zone: its machines are asked one by one.
        let mut parted: BTreeMap<ZoneId, Vec<&Destination>> = BTreeMap::new();
        let mut all = Vec::new();
        let zones = model.zones.iter().enumerate().filter(|(_, zone)| !is_machine(zone));
        for (index, zone) in zones {
            let origin = Origin::find(self.plan, &zone.name)?;
            for to in &destinations {
                let answer = self.answer(&origin, to)?;
                if matches!(answer.verdict, Verdict::Partly(_)) {
                    parted.entry(ZoneId::at(index)).or_default().push(to);
                }
                all.push(answer);
            }
        }
        for (_, machine) in model.machines() {
            let origin = Origin::find(self.plan, &machine.name)?;
            let networks = || machine.addresses.iter().map(|own| own.network);
            let asked = if networks().all(|network| Some(network) == networks().next()) {
                parted.get(&machine.zone).cloned().unwrap_or_default()
            } else {
                // It is in several networks, and no zone covers all of it.
                destinations.iter().collect()
            };
            for to in asked {
                all.push(self.answer(&origin, to)?);
            }
        }
        // A machine reaches all of itself.
        all.retain(|answer| answer.verdict != Verdict::Closed && answer.to.name != answer.from);
        Ok(all)
    }

    fn answer(&self, origin: &Origin, to: &Destination) -> Result<Answer, Unreadable> {
        let (verdict, chain) = walk::walk(self, origin, to)?;
        let advice = match verdict {
            Verdict::Closed => advice::advice(self, origin, to, &chain),
            _ => None,
        };
        Ok(Answer { from: origin.word.clone(), to: to.name(self), verdict, chain, advice })
    }
}

impl fmt::Debug for Files<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Files").finish_non_exhaustive()
    }
}

impl fmt::Display for To {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.name.contains(':') {
            write!(out, "[{}]:{}/{}", self.name, self.port, self.transport.name())
        } else {
            write!(out, "{}:{}/{}", self.name, self.port, self.transport.name())
        }
    }
}
