//! Finds what containers mount of their machine and nothing of the lab puts there.

use std::collections::{BTreeMap, BTreeSet};

use super::store::is_below;
use crate::model::{
    Machine, Model, MountKind, Script, ScriptPhase, Service, ServiceFileTarget, Unit,
};
use crate::source::Span;

/// A folder or file that containers mount, and that must be on the machine already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unmade<'m> {
    /// The path.
    pub path: &'m str,
    /// The services whose containers mount it, by name.
    pub services: Vec<&'m str>,
    /// The place of the first of them.
    pub service: Span,
    /// The place of its mount.
    pub mount: Span,
}

/// The folders whose content is the system's or its packages'.
const SYSTEM: &[&str] = &[
    "/bin", "/boot", "/dev", "/etc", "/lib", "/lib64", "/proc", "/root", "/run", "/sbin", "/sys",
    "/tmp", "/usr", "/var",
];

/// The folders that each machine has, empty at first.
const THERE: &[&str] = &["/", "/home", "/media", "/mnt", "/opt", "/srv"];

/// Lists the paths that nothing makes, sorted.
pub(super) fn unmade<'m>(
    model: &'m Model,
    machine: &'m Machine,
    services: &[&'m Service],
) -> Vec<Unmade<'m>> {
    let made = made(model, machine, services);
    let mut found: BTreeMap<&str, Unmade<'m>> = BTreeMap::new();
    for service in services.iter().filter(|service| !may_make(service)) {
        let mounts = service.containers.iter().flat_map(|container| &container.mounts);
        for mount in mounts.filter(|mount| mount.kind == MountKind::Path) {
            let path = mount.source.as_str();
            if is_made(&made, path) {
                continue;
            }
            let services = Vec::new();
            let (of, span) = (service.span, mount.span);
            let new = Unmade { path, services, service: of, mount: span };
            let names = &mut found.entry(path).or_insert(new).services;
            if names.last() != Some(&service.name.as_str()) {
                names.push(&service.name);
            }
        }
    }
    found.into_values().collect()
}

/// Returns whether a service may put folders on the machine in a way that can't be seen: by a
/// package, or by a script of the lab. Those of the library make no folders but what they declare.
fn may_make(service: &Service) -> bool {
    let own = |script: &Script| script.of_lab && script.phase == ScriptPhase::Activate;
    !service.packages.is_empty() || service.scripts.iter().any(own)
}

/// Lists what the bundle makes or mounts.
fn made<'m>(model: &'m Model, machine: &'m Machine, services: &[&'m Service]) -> BTreeSet<String> {
    let mut made: BTreeSet<String> = THERE.iter().map(|path| (*path).to_owned()).collect();
    made.insert(machine.appdata.clone());
    made.extend(model.admins.iter().map(|admin| format!("/home/{}", admin.name)));
    made.extend(machine.shares.iter().map(|share| share.at.clone()));
    made.extend(machine.exports.iter().map(|export| export.path.clone()));
    for pool in &machine.pools {
        made.insert(pool.mountpoint.clone());
        made.extend(pool.datasets.iter().map(|dataset| dataset.mountpoint.clone()));
    }
    for service in services {
        made.extend(service.units.iter().filter_map(mounted));
        made.extend(service.states.iter().map(|state| state.path.clone()));
        made.extend(service.files.iter().filter_map(|file| match &file.target {
            ServiceFileTarget::Machine(path) => Some(path.clone()),
            _ => None,
        }));
    }
    made
}

/// Returns where a unit of a module mounts something.
fn mounted(unit: &Unit) -> Option<String> {
    let sections = unit.sections.iter().filter(|(name, _)| name == "Mount");
    let mut lines = sections.flat_map(|(_, lines)| lines);
    lines.find_map(|(name, words)| (name == "Where").then(|| words.concat()))
}

fn is_made(made: &BTreeSet<String>, path: &str) -> bool {
    let contains = |folder: &str| made.contains(folder) && !THERE.contains(&folder);
    let mut folders = path.match_indices('/').filter_map(|(end, _)| path.get(..end));
    // What is in a folder of the lab may be there. A folder around one is there.
    let around = format!("{path}/");
    made.contains(path)
        || SYSTEM.iter().any(|folder| is_below(path, folder))
        || folders.any(contains)
        || made.range(around.clone()..).next().is_some_and(|next| next.starts_with(&around))
}
