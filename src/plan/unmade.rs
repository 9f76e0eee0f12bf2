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
    let own = services.iter().filter(|service| !may_make(service));
    let mounts = own.flat_map(|service| {
        let mounts = service.containers.iter().flat_map(|container| &container.mounts);
        mounts.map(move |mount| (*service, mount))
    });
    let is_asked = |path: &str| !SYSTEM.iter().any(|folder| is_below(path, folder));
    let mut mounts = mounts
        .filter(|(_, mount)| mount.kind == MountKind::Path && is_asked(&mount.source))
        .peekable();
    if mounts.peek().is_none() {
        return Vec::new();
    }
    let made = made(model, machine, services);
    let mut found: BTreeMap<&str, Unmade<'m>> = BTreeMap::new();
    for (service, mount) in mounts {
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
        made.extend(service.units.iter().filter_map(Unit::mount_point));
        made.extend(service.states.iter().map(|state| state.path.clone()));
        made.extend(service.files.iter().filter_map(|file| match &file.target {
            ServiceFileTarget::Machine(path) => Some(path.clone()),
            _ => None,
        }));
    }
    made
}

fn is_made(made: &BTreeSet<String>, path: &str) -> bool {
    let contains = |folder: &str| made.contains(folder) && !THERE.contains(&folder);
    let mut folders = path.match_indices('/').filter_map(|(end, _)| path.get(..end));
    // What is in a folder of the lab may be there. A folder around one is there.
    let around = format!("{path}/");
    made.contains(path)
        || folders.any(contains)
        || made.range(around.clone()..).next().is_some_and(|next| next.starts_with(&around))
}
