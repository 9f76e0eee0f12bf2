//! Draws a lab: hosts with their guests inside, services inside those, zones as areas, connections
//! as lines.
//!
//! [`Scene`] names what there is, [`layout()`] gives it places, and a template writes both. None of
//! them knows the rest of the page.

mod collect;
mod fold;
mod lanes;
mod layout;
mod view;
mod width;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

pub use layout::{Drawing, Placed, Shape, layout};
pub use view::{Picture, picture};

/// The template of a [`Picture`], which it expects as `picture`.
pub const TEMPLATE: (&str, &str) = ("picture.html.j2", include_str!("picture.html.j2"));

/// The styles of a picture, in addition to those of the report.
pub const STYLE: (&str, &str) = ("picture.css", include_str!("picture.css"));

/// What a picture shows, by name, so that two labs can be compared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scene {
    /// The zones that connections come from, the internet among them.
    pub zones: BTreeMap<String, Mark>,
    /// The machines.
    pub machines: BTreeMap<String, MachineNode>,
    /// The services.
    pub services: BTreeMap<String, ServiceNode>,
    /// The connections.
    pub lines: BTreeMap<Line, Ports>,
    /// What was left out to keep the picture readable, or nothing.
    pub grouped: Option<&'static str>,
}

/// A machine of a picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MachineNode {
    /// The host that it runs on.
    pub host: Option<String>,
    /// Its zone.
    pub zone: String,
    /// A few words about it: its kind.
    pub note: String,
    /// The number of machines that it represents.
    pub count: usize,
    /// Whether it is new or gone.
    pub mark: Mark,
}

/// A service of a picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceNode {
    /// Its machine.
    pub machine: String,
    /// Whether it is new or gone.
    pub mark: Mark,
}

/// One end of a line.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// A zone.
    Zone(String),
    /// A machine itself.
    Machine(String),
    /// A service.
    Service(String),
}

impl Place {
    /// Returns the name.
    pub fn name(&self) -> &str {
        match self {
            Self::Zone(name) | Self::Machine(name) | Self::Service(name) => name,
        }
    }
}

/// A connection, from the place that opens it. A backup's line leads to what it saves.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Line {
    /// The place that connects.
    pub from: Place,
    /// The kind.
    pub kind: Kind,
    /// The place that is connected to.
    pub to: Place,
}

/// The ports of a line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ports {
    /// Each as `443/tcp`.
    pub ports: BTreeSet<String>,
    /// Whether the line is new or gone.
    pub mark: Mark,
}

/// The kind of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Anyone on the internet may connect.
    Internet,
    /// A zone or a single machine may connect.
    Zone,
    /// A proxy leads to it.
    Proxy,
    /// A service or a machine needs it.
    Need,
    /// Prometheus scrapes it.
    Scrape,
    /// A backup saves it.
    Backup,
}

impl Kind {
    /// Every kind with its meaning.
    pub const ALL: [(Self, &'static str); 6] = [
        (Self::Internet, "opened to the internet"),
        (Self::Zone, "opened to a zone"),
        (Self::Proxy, "proxy to service"),
        (Self::Need, "needed service or share"),
        (Self::Scrape, "scrape"),
        (Self::Backup, "backup of state"),
    ];
}

/// How a part of a picture differs from the lab before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mark {
    /// It is in both labs, or nothing is compared.
    #[default]
    Same,
    /// It is new.
    New,
    /// It is gone.
    Gone,
}

impl Scene {
    /// Gives machines and services the names that they have in another lab, by kind and old name.
    #[must_use]
    pub fn renamed(self, names: &BTreeMap<(String, String), String>) -> Self {
        if names.is_empty() {
            return self;
        }
        let new = |kinds: &[&str], name: String| -> String {
            let found =
                kinds.iter().find_map(|kind| names.get(&((*kind).to_owned(), name.clone())));
            found.cloned().unwrap_or(name)
        };
        let machine = |name: String| new(&["vm", "lxc", "host"], name);
        let service = |name: String| new(&["service"], name);
        let place = |place: Place| match place {
            Place::Zone(name) => Place::Zone(new(&["network"], name)),
            Place::Machine(name) => Place::Machine(machine(name)),
            Place::Service(name) => Place::Service(service(name)),
        };
        let machines = self.machines.into_iter().map(|(name, node)| {
            let host = node.host.map(machine);
            (machine(name), MachineNode { host, zone: new(&["network"], node.zone), ..node })
        });
        let services = self.services.into_iter().map(|(name, node)| {
            (service(name), ServiceNode { machine: machine(node.machine), ..node })
        });
        let lines = self.lines.into_iter().map(|(line, ports)| {
            let Line { from, kind, to } = line;
            (Line { from: place(from), kind, to: place(to) }, ports)
        });
        let zones = self.zones.into_iter().map(|(name, mark)| (new(&["network"], name), mark));
        Self {
            machines: machines.collect(),
            services: services.collect(),
            lines: lines.collect(),
            zones: zones.collect(),
            grouped: self.grouped,
        }
    }

    /// Joins two scenes. What only the new one has is marked as new, and what only the old one has
    /// as gone.
    pub fn compared(old: &Self, new: &Self) -> Self {
        let mut all = new.clone();
        join(&mut all.zones, &old.zones, |mark| mark);
        join(&mut all.machines, &old.machines, |node| &mut node.mark);
        join(&mut all.services, &old.services, |node| &mut node.mark);
        join(&mut all.lines, &old.lines, |ports| &mut ports.mark);
        all
    }
}

fn join<K: Ord + Clone, V: Clone>(
    all: &mut BTreeMap<K, V>,
    old: &BTreeMap<K, V>,
    mark: fn(&mut V) -> &mut Mark,
) {
    for (_, value) in all.iter_mut().filter(|(key, _)| !old.contains_key(key)) {
        *mark(value) = Mark::New;
    }
    for (key, value) in old {
        all.entry(key.clone()).or_insert_with(|| {
            let mut value = value.clone();
            *mark(&mut value) = Mark::Gone;
            value
        });
    }
}
