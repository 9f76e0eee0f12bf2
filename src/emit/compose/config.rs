//! Sorts the configuration files that a container sees by how it learns of a change.

use crate::artifact::Artifacts;
use crate::digest::sha256_hex;
use crate::model::{Container, MountKind, Service, ServiceFileTarget};

/// The files of the bundle that a container reads.
pub(super) struct ConfigFiles {
    /// The hash of the files whose change recreates the container.
    pub(super) hash: Option<String>,
    /// The files, below `payload/`, that the container reads again on its reload signal.
    pub(super) reloaded: Vec<String>,
}

/// Finds the files of the bundle that a container mounts.
///
/// A file is replaced on the machine by a rename. A container that mounts the file itself still
/// sees the old one, so a change recreates the container even if it has a reload signal. A
/// container that mounts the folder sees the new file.
pub(super) fn files(
    artifacts: &Artifacts,
    service: &Service,
    container: &Container,
) -> ConfigFiles {
    let folder = service.config_folder();
    let bound = container
        .mounts
        .iter()
        .filter(|mount| mount.kind != MountKind::Volume)
        .map(|mount| mount.source.clone());
    let given = service.files.iter().filter_map(|file| match &file.target {
        ServiceFileTarget::Container { container: to, .. } if *to == container.name => {
            Some(format!("{folder}/{}", file.name))
        }
        _ => None,
    });
    let mounted: Vec<String> = bound.chain(given).collect();

    let (mut hashed, mut reloaded) = (Vec::new(), Vec::new());
    for install in &artifacts.installs {
        let in_folder = |source: &String| {
            install
                .destination
                .strip_prefix(source.as_str())
                .is_some_and(|rest| rest.starts_with('/'))
        };
        // A file that is mounted itself is the old one until the container is made anew.
        if mounted.contains(&install.destination)
            || (container.reload_signal.is_none() && mounted.iter().any(in_folder))
        {
            hashed.push(install);
        } else if mounted.iter().any(in_folder) {
            reloaded.push(install.source.clone());
        }
    }
    // The emitters before this one may run in any order, which must not change the hash.
    hashed.sort();
    reloaded.sort();
    let hash = (!hashed.is_empty()).then(|| {
        let mut summary = Vec::new();
        for install in hashed {
            let bytes = artifacts.files.get(&install.source).map_or(&[][..], |file| &file.bytes);
            let parts = [
                &install.destination,
                &install.owner,
                &install.group,
                &install.mode,
                &sha256_hex(bytes),
            ];
            summary.extend(parts.iter().flat_map(|part| part.bytes().chain([b'\n'])));
        }
        sha256_hex(&summary)
    });
    ConfigFiles { hash, reloaded }
}
