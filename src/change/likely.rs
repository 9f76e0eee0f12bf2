//! What was likely given another name without a `moved` that says so.

use std::collections::BTreeMap;

use super::facts::{Facts, Family, Key};

/// A machine or a service that is gone, and a new one that is the same but for its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Likely {
    /// The kind, as `moved` has it.
    pub kind: &'static str,
    /// The old name.
    pub was: String,
    /// The new one.
    pub is: String,
}

impl Likely {
    /// Returns the node that says so.
    pub fn moved(&self) -> String {
        format!("moved {} {} to={}", self.kind, self.was, self.is)
    }

    /// Says what it may be, before [`Self::moved`].
    pub fn question(&self) -> String {
        format!("{} may be what {} was: it keeps its data with", self.is, self.was)
    }
}

/// Lists what may have another name. Where several could be the same, none is.
pub(super) fn likely(old: &Facts, new: &Facts) -> Vec<Likely> {
    let mut found = Vec::new();
    for family in [Family::Machine, Family::Service] {
        let (gone, come) = (only(family, old, new), only(family, new, old));
        for (value, gone) in gone {
            if let ([was], Some([is])) = (gone.as_slice(), come.get(value).map(Vec::as_slice)) {
                let kind = kind(family, value);
                if kind != "host" || addresses(old, was) == addresses(new, is) {
                    found.push(Likely { kind, was: (*was).to_owned(), is: (*is).to_owned() });
                }
            }
        }
    }
    found
}

/// Lists the names of what one state has and the other has not, by what it is.
fn only<'f>(family: Family, of: &'f Facts, other: &Facts) -> BTreeMap<&'f str, Vec<&'f str>> {
    let mut names: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (key, value) in of.iter().filter(|(key, _)| key.family == family) {
        if !other.contains_key(key) {
            let name = if family == Family::Machine { &key.machine } else { &key.name };
            names.entry(value).or_default().push(name);
        }
    }
    names
}

/// Returns the kind of something that `facts/machines.rs` calls `vm 100 on pve`.
fn kind(family: Family, value: &str) -> &'static str {
    match value.split(' ').next() {
        _ if family == Family::Service => "service",
        Some("vm") => "vm",
        Some("lxc") => "lxc",
        _ => "host",
    }
}

/// Lists the addresses of a machine.
fn addresses<'f>(facts: &'f Facts, machine: &str) -> Vec<(&'f str, &'f str)> {
    let own = |(key, _): &(&Key, &String)| key.family == Family::Address && key.machine == machine;
    facts.iter().filter(own).map(|(key, value)| (key.name.as_str(), value.as_str())).collect()
}
