//! The files of bundles as facts: containers and units as they start, and groups of files that are
//! one thing.

use std::collections::BTreeMap;

use super::{Collector, Family};
use crate::digest::sha256_hex;

/// The table that names the containers of a machine, with what decides whether they are recreated.
const CONTAINERS: &str = "compose/containers.tsv";

/// The table of what is installed where, with owner, group and mode.
const INSTALL: &str = "install.tsv";

/// A file of a bundle.
#[derive(Debug, Clone, Copy)]
pub struct File<'f> {
    /// The path below `payload/`.
    pub path: &'f str,
    /// The content.
    pub bytes: &'f [u8],
    /// Its SHA-256.
    pub digest: &'f str,
}

/// Collects what the files of one bundle say.
pub(in crate::change) fn collect<'f>(
    machine: &str,
    files: impl Iterator<Item = File<'f>>,
    facts: &mut Collector<'_>,
) {
    let mut groups: BTreeMap<String, String> = BTreeMap::new();
    for File { path, bytes, digest } in files {
        if path == CONTAINERS {
            containers(machine, bytes, facts);
        }
        if path == INSTALL {
            modes(machine, bytes, facts);
        }
        // `units.tsv` lists the units and is not one itself.
        if let Some(unit) = path.strip_prefix("systemd/").filter(|unit| *unit != "units.tsv") {
            facts.add(Family::Unit, machine, unit, "", digest);
        }
        let sums = groups.entry(group_of(path).to_owned()).or_default();
        sums.push_str(&format!("{digest} {path}\n"));
    }
    for (group, sums) in groups {
        facts.add(Family::Files, machine, &group, "", sha256_hex(sums.as_bytes()));
    }
}

fn containers(machine: &str, table: &[u8], facts: &mut Collector<'_>) {
    for line in String::from_utf8_lossy(table).lines() {
        let mut columns = line.split('\t');
        if let (Some(name), Some(_), Some(digest)) =
            (columns.next(), columns.next(), columns.next())
        {
            facts.add(Family::Container, machine, name, "", digest);
        }
    }
}

fn modes(machine: &str, table: &[u8], facts: &mut Collector<'_>) {
    for line in String::from_utf8_lossy(table).lines() {
        if let [_, path, owner, group, mode] = line.split('\t').collect::<Vec<_>>()[..] {
            facts.add(Family::Mode, machine, path, "", format!("{owner}:{group} {mode}"));
        }
    }
}

/// Names what a file of a bundle belongs to: its folder, or the service whose files lie there.
pub fn group_of(path: &str) -> &str {
    let Some((folder, _)) = path.split_once('/') else { return path };
    let cut = |parts: usize| {
        let end = path.match_indices('/').nth(parts - 1).map_or(path.len(), |(at, _)| at);
        path.get(..end).unwrap_or(path)
    };
    match folder {
        // Each step and each unit does a thing of its own.
        "activate.d" | "check.d" | "health.d" | "plan.d" | "systemd" => path,
        "proxmox" => cut(3),
        _ => folder,
    }
}
