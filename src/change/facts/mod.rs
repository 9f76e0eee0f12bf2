//! What there is to say of a lab, as a sorted set of facts: two labs are compared by comparing
//! these.
//!
//! Every file of every bundle is part of a fact too, so nothing can change in silence. No fact
//! holds a value that may be a secret: of environments, commands and options only names and digests
//! are kept.

mod access;
mod containers;
mod data;
pub(super) mod files;
mod machines;
mod monitoring;
mod names;
mod renames;

use std::collections::BTreeMap;

use crate::diag::{Accepted, Diagnostics};
use crate::model::Model;
use crate::plan::Plan;
use crate::plan::store::Store;

pub use files::group_of;
pub use renames::Renames;

/// What a fact is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// A port of a machine is open to a zone.
    Flow,
    /// What a machine may connect to.
    Outgoing,
    /// The zones that a machine is in. They are never an entry by themselves.
    Inside,
    /// A zone may use a host name of a proxy.
    RouteAccess,
    /// Who authenticates the users of a host name.
    RouteAuth,
    /// A path that a proxy hides.
    RouteHidden,
    /// What a proxy does with the requests of a host name.
    RouteHandling,
    /// The addresses of a zone.
    Zone,
    /// Whether anything leads out of a network of containers.
    ContainerNetwork,
    /// A container is on a network of its service.
    OnNetwork,
    /// The container whose network another one has.
    Through,
    /// What the clients of a network reach through a machine.
    Forward,
    /// A key that lets a person in.
    Login,
    /// What guards the ports of a machine.
    Guard,
    /// Where a service keeps something.
    State,
    /// How often it is saved.
    Saved,
    /// A dataset.
    Dataset,
    /// How often a dataset or an export is saved.
    StoreSaved,
    /// How many snapshots of a dataset are kept.
    Snapshots,
    /// A pool and its disks.
    Pool,
    /// A folder that a machine gets from another.
    Share,
    /// A folder that a machine exports.
    Export,
    /// Where a backup goes.
    Repository,
    /// When a backup runs.
    BackupRun,
    /// A folder in a backup.
    BackupSource,
    /// A folder that is copied elsewhere.
    Copied,
    /// How many backups are kept.
    Keep,
    /// How long measurements or logs are kept.
    Retention,
    /// A database that is dumped.
    Dump,
    /// The engine and the major version of a database.
    Database,
    /// A disk of a guest.
    GuestDisk,
    /// A secret that a machine holds.
    Secret,
    /// Something that a container may do beyond the usual.
    Privilege,
    /// A folder of the machine inside a container.
    Mount,
    /// The user that a container runs as.
    RunsAs,
    /// A limit on what a container may do.
    Hardening,
    /// Who may read and write a file on a machine.
    Mode,
    /// A device of a host inside a guest, or a feature of a Linux container.
    Passthrough,
    /// A key that `raw` sets.
    Raw,
    /// A machine.
    Machine,
    /// The operating system of a machine.
    System,
    /// The processors, the memory and the other parts of a machine.
    Shape,
    /// A package, a kernel module or a setting of the kernel that a machine has.
    Installed,
    /// A service, its module and its machine.
    Service,
    /// The version of a service's module.
    Module,
    /// A container as compose starts it.
    Container,
    /// A systemd unit.
    Unit,
    /// The image of a container.
    Image,
    /// The image of a container may migrate what its service keeps, which nothing undoes. It is
    /// never an entry by itself.
    OneWay,
    /// When a container runs that does not stay.
    Runs,
    /// How much of a machine's memory, disk or pool is promised.
    Room,
    /// What a container or a dataset may use.
    Limit,
    /// How a dataset is written.
    Layout,
    /// A target that is measured.
    Scrape,
    /// An alert.
    Alert,
    /// A way in which alerts reach people.
    Receiver,
    /// A dashboard.
    Dashboard,
    /// Where the logs of a machine go.
    Logs,
    /// A host name and where it leads.
    Host,
    /// An address of a machine.
    Address,
    /// A network.
    Network,
    /// A setting of the lab.
    Lab,
    /// The name of something that `moved` names.
    Name,
    /// A finding.
    Finding,
    /// A finding that is accepted.
    Accepted,
    /// Files of a bundle.
    Files,
}

/// Says which fact it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// What it is about.
    pub family: Family,
    /// The machine; nothing for what concerns the lab.
    pub machine: String,
    /// The entity.
    pub name: String,
    /// The part of it.
    pub part: String,
}

/// All facts of one state.
pub type Facts = BTreeMap<Key, String>;

/// Collects facts under the names of the new state.
#[derive(Debug)]
pub(super) struct Collector<'r> {
    facts: Facts,
    renames: &'r Renames,
}

impl<'r> Collector<'r> {
    pub(super) fn new(renames: &'r Renames) -> Self {
        Self { facts: Facts::new(), renames }
    }

    pub(super) fn finish(self) -> Facts {
        self.renames.applied(self.facts)
    }

    /// Adds a fact; several values of one key are joined.
    pub(super) fn add(
        &mut self,
        family: Family,
        machine: &str,
        name: &str,
        part: &str,
        value: impl Into<String>,
    ) {
        let key = Key {
            family,
            machine: machine.to_owned(),
            name: name.to_owned(),
            part: part.to_owned(),
        };
        let value = value.into();
        match self.facts.get_mut(&key) {
            Some(known) if *known != value => {
                known.push_str(", ");
                known.push_str(&value);
            }
            Some(_) => {}
            None => {
                self.facts.insert(key, value);
            }
        }
    }

    /// Returns the name that a machine has in the new state.
    pub(super) fn machine<'n>(&'n self, name: &'n str) -> &'n str {
        // `moved` names the kind, which a fact does not know. No two machines have the same name.
        ["vm", "lxc", "host"].iter().find_map(|kind| self.renamed(kind, name)).unwrap_or(name)
    }

    /// Returns the name that a service has in the new state.
    pub(super) fn service<'n>(&'n self, name: &'n str) -> &'n str {
        self.renamed("service", name).unwrap_or(name)
    }

    /// Returns the name that a thing of any kind has in the new state.
    pub(super) fn any<'n>(&'n self, name: &'n str) -> &'n str {
        let new = self.renames.names().iter().find(|((_, old), _)| old == name);
        new.map_or(name, |(_, new)| new.as_str())
    }

    /// Writes words about the lab with the names that things have in the new state.
    pub(super) fn words(&self, text: &str) -> String {
        self.renames.names().iter().fold(text.to_owned(), |text, ((_, old), new)| {
            text.replace(&format!("`{old}`"), &format!("`{new}`"))
        })
    }

    /// Names where something is kept, as the new state does.
    pub(super) fn store(&self, store: &Store, model: &Model) -> String {
        match store {
            Store::Dataset(_) => store.name(model),
            Store::Export(machine, _) | Store::Local(machine) => {
                let machine = self.machine(&model[*machine].name);
                format!("{} of {machine}", store.name_at_home(model))
            }
        }
    }

    fn renamed(&self, kind: &str, name: &str) -> Option<&str> {
        self.renames.name(kind, name)
    }
}

/// Lists every fact of a lab except those of its bundles.
pub(super) fn facts<'r>(
    plan: &Plan<'_>,
    findings: &Diagnostics,
    accepted: &[Accepted],
    renames: &'r Renames,
) -> Collector<'r> {
    let mut facts = Collector::new(renames);
    access::collect(plan, &mut facts);
    data::collect(plan, &mut facts);
    containers::collect(plan, &mut facts);
    machines::collect(plan, &mut facts);
    monitoring::collect(plan, &mut facts);
    names::collect(plan, findings, accepted, &mut facts);
    facts
}
