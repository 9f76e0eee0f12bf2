//! Derives the Debian packages of a machine.

use std::collections::BTreeSet;

use serde::Serialize;

use super::exports::ExportPlan;
use super::mounts::Mount;
use super::requirements::drivers;
use crate::model::{
    Engine, FirewallBackend, Machine, MachineId, MachineKind, Model, Os, ServiceId, ShareTransport,
    Snapshots,
};

/// The packages that apt must install.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Packages<'m> {
    /// The packages that are needed in any case.
    pub packages: BTreeSet<&'m str>,
    /// The packages with docker and its compose plugin, for a machine without them.
    pub docker: &'static [&'static str],
    /// The archives that some of the packages come from, in addition to those of the system.
    pub archives: Vec<Archive>,
}

/// An archive of packages that a fresh system does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Archive {
    /// Docker's own, since the compose of Debian 12 is too old.
    Docker,
    /// Debian's firmware, which is not free software.
    Firmware,
}

impl Archive {
    /// Returns its name, which is also that of its files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Firmware => "firmware",
        }
    }
}

/// Lists the packages of a machine: those of its services and those that their containers, mounts,
/// storage and firewall need.
pub fn packages<'m>(
    model: &'m Model,
    id: MachineId,
    services: &[ServiceId],
    mounts: &[Mount],
    exports: &[ExportPlan],
) -> Packages<'m> {
    let machine = &model[id];
    let services = || services.iter().map(|service| &model[*service]);
    let mut packages: BTreeSet<&str> = services()
        .flat_map(|service| &service.packages)
        .map(|package| package.name.as_str())
        .collect();
    packages.extend(match machine.firewall {
        // Published ports bypass ufw, so nftables guards them with either firewall.
        FirewallBackend::Ufw => &["ufw", "nftables"][..],
        FirewallBackend::Nftables => &["nftables"],
        FirewallBackend::None => &[],
    });
    let is_sqlite = |engine: Engine| matches!(engine, Engine::Sqlite | Engine::Undeclared);
    if services().flat_map(|service| &service.databases).any(|one| is_sqlite(one.engine)) {
        // The machine dumps SQLite itself, with this program.
        packages.insert("sqlite3");
    }
    if mounts.iter().any(|mount| mount.via == ShareTransport::Nfs) {
        packages.insert("nfs-common");
    }
    if mounts.iter().any(|mount| mount.via == ShareTransport::Cifs) {
        packages.insert("cifs-utils");
    }
    if matches!(machine.kind, MachineKind::Proxmox | MachineKind::Debian) {
        packages.extend(has_snapshots(machine).then_some("sanoid"));
        packages.extend((!exports.is_empty()).then_some("nfs-kernel-server"));
    }
    let containers = services().any(|service| !service.containers.is_empty());
    let mut all = services().flat_map(|service| &service.containers);
    if all.any(|container| container.build.is_some()) {
        // Docker's own old builder does not understand what newer Dockerfiles say.
        packages.insert(match machine.os {
            Some(Os::Debian12) => "docker-buildx-plugin",
            _ => "docker-buildx",
        });
    }
    let mut archives = Vec::new();
    if containers && machine.os == Some(Os::Debian12) {
        archives.push(Archive::Docker);
    }
    let drivers = drivers(machine).unwrap_or_default();
    packages.extend(drivers);
    if !drivers.is_empty() && matches!(machine.os, Some(Os::Debian12 | Os::Debian13)) {
        archives.push(Archive::Firmware);
    }
    Packages { packages, docker: if containers { docker(machine.os) } else { &[] }, archives }
}

fn has_snapshots(machine: &Machine) -> bool {
    let mut datasets = machine.pools.iter().flat_map(|pool| &pool.datasets);
    datasets.any(|dataset| dataset.snapshots != Snapshots::default())
}

/// Returns the packages of docker with compose 2. For Debian 12 they come from Docker's own
/// archive, because Debian's has only compose 1.
const fn docker(os: Option<Os>) -> &'static [&'static str] {
    match os {
        Some(Os::Debian12) => {
            &["containerd.io", "docker-ce", "docker-ce-cli", "docker-compose-plugin"]
        }
        Some(Os::Ubuntu2404) => &["docker-compose-v2", "docker.io"],
        Some(Os::Debian13) | None => &["docker-cli", "docker-compose", "docker.io"],
    }
}
