//! What the making of a service may look at: nothing else of the lab decides what it becomes.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::views::{lab_view, machine_view};
use crate::decl::advice::plain_name;
use crate::decl::layer::Lab;
use crate::decl::moved::last_names;
use crate::decl::types::is_name;
use crate::model::{Data, MachineId, Model, SecretId, ZoneKind};

/// The parts of a lab that its services may look at.
#[derive(Debug)]
pub struct Visible {
    /// The name of the lab.
    pub name: String,
    /// Its time zone.
    pub timezone: String,
    /// What expressions see of it.
    pub lab: Data,
    /// The secrets.
    pub secrets: Secrets,
    /// The names of the networks, sorted.
    pub networks: Vec<String>,
    /// The names of the zones, sorted, each with whether it is a machine.
    pub zones: Vec<(String, bool)>,
    /// The first names of services that have another one now, by that.
    pub former: BTreeMap<String, String>,
}

impl Visible {
    /// Returns what services may look at of a lab.
    pub fn of(lab: &Lab<'_>, model: &Model) -> Self {
        let is_machine = |kind: ZoneKind| matches!(kind, ZoneKind::Machine(_));
        let zones = model.zones.iter().map(|zone| (zone.name.clone(), is_machine(zone.kind)));
        Self {
            name: model.lab.name.clone(),
            timezone: model.lab.timezone.clone(),
            lab: lab_view(model),
            secrets: Secrets::of(model),
            networks: model.networks.iter().map(|network| network.name.clone()).collect(),
            zones: zones.collect(),
            former: former(lab),
        }
    }

    /// Returns whether what every service sees is the same in another lab.
    pub fn is_common(&self, other: &Self) -> bool {
        self.name == other.name
            && self.timezone == other.timezone
            && self.lab == other.lab
            && self.former == other.former
    }

    /// Returns whether the lab has a network.
    pub fn has_network(&self, name: &str) -> bool {
        self.networks.binary_search_by(|known| known.as_str().cmp(name)).is_ok()
    }

    /// Returns whether a zone is a machine; nothing if the lab does not have it.
    pub fn is_machine(&self, zone: &str) -> Option<bool> {
        let found = self.zones.binary_search_by(|(name, _)| name.as_str().cmp(zone)).ok()?;
        self.zones.get(found).map(|(_, is_machine)| *is_machine)
    }
}

/// Lists the first names of the services that have another one now: one may have had several.
fn former(lab: &Lab<'_>) -> BTreeMap<String, String> {
    let services = lab.moved.iter().filter(|node| node.key() == "service");
    let before: BTreeMap<&str, &str> = services
        .filter_map(|node| Some((node.property("to")?.text()?, node.argument(1)?.text()?)))
        .collect();
    let first = last_names(&before).into_iter();
    first.map(|(name, first)| (name.to_owned(), first.to_owned())).collect()
}

/// The most secrets that are looked at for an unknown name, so that many unknown names take no
/// longer for many secrets.
const LOOKED_AT: usize = 1_000;

/// The names of a lab's secrets, sorted.
#[derive(Debug, PartialEq)]
pub struct Secrets(Vec<String>);

impl Secrets {
    /// Returns the names of a lab's secrets.
    pub fn of(model: &Model) -> Self {
        Self(model.secrets.iter().map(|secret| secret.name.clone()).collect())
    }

    /// Finds a secret. One whose name can't be right, as is already reported, is found by what the
    /// name would be.
    pub fn id(&self, name: &str) -> Option<SecretId> {
        let found = self.0.binary_search_by(|known| known.as_str().cmp(name)).ok();
        let meant = |known: &String| !is_name(known) && plain_name(known) == name;
        found.or_else(|| self.0.iter().take(LOOKED_AT).position(meant)).map(SecretId::at)
    }

    /// Lists the names that can be right.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str).filter(|name| is_name(name))
    }
}

/// The machine that a service is on, as the service sees it.
#[derive(Debug, Clone)]
pub struct Home {
    /// Its id, which no service looks at.
    pub id: MachineId,
    /// Its first address.
    pub address: Option<IpAddr>,
    /// What expressions see of it.
    pub view: Data,
}

impl Home {
    /// Looks at a machine.
    pub fn of(model: &Model, id: MachineId) -> Self {
        Self { id, address: model[id].address(), view: machine_view(model, id) }
    }

    /// Returns the folder below which its services keep their data.
    pub fn appdata(&self) -> Option<&str> {
        let Data::Record(view) = &self.view else { return None };
        view.get("appdata")?.as_text()
    }

    /// Returns whether a service sees the same of another machine.
    pub fn is_alike(&self, other: &Self) -> bool {
        self.address == other.address && self.view == other.view
    }
}
