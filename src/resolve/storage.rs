//! Resolves disks, pools and their datasets, devices and exports of a machine.

use std::collections::BTreeSet;

use super::names;
use super::read::string;
use crate::decl::Block;
use crate::diag::{Diagnostic, Diagnostics};
use crate::model::{BackupClass, Dataset, Disk, Export, HostDevice, Pool, PoolLayout, Snapshots};
use crate::source::Spanned;

pub fn disks(block: &Block<'_>) -> Vec<Disk> {
    let disk = |node: &Block<'_>| {
        Some(Disk {
            name: node.key().to_owned(),
            device: string(node.property("device"))?,
            size: node.property("size")?.size()?,
            span: node.key_span(),
        })
    };
    let mut disks: Vec<Disk> = block.all("disk").filter_map(disk).collect();
    disks.sort_by(|a, b| a.name.cmp(&b.name));
    disks
}

pub fn pools(block: &Block<'_>, disks: &[Disk], diagnostics: &mut Diagnostics) -> Vec<Pool> {
    let mut pools: Vec<Pool> = Vec::new();
    let declared: BTreeSet<&str> = block.all("disk").map(Block::key).collect();
    for node in block.all("pool") {
        let name = node.key().to_owned();
        let mut indices = Vec::new();
        for disk in node.property("disk").map(Spanned::items).unwrap_or_default() {
            let wanted = disk.text().unwrap_or_default();
            let is_known = disks.binary_search_by(|known| known.name.as_str().cmp(wanted)).is_ok();
            if !is_known && declared.contains(wanted) {
                // It lacks something, which is already reported.
                continue;
            }
            indices.extend(
                names::find("disk", disk, disks, |disk| &disk.name, diagnostics)
                    .and_then(|index| u32::try_from(index).ok()),
            );
        }
        // That it has no name is already reported.
        let folder = if name.is_empty() { "unnamed" } else { &name };
        let mountpoint =
            string(node.property("mountpoint")).unwrap_or_else(|| format!("/{folder}"));
        let mut datasets: Vec<Dataset> =
            node.all("dataset").map(|dataset| self::dataset(dataset, &mountpoint)).collect();
        datasets.sort_by(|a, b| a.name.cmp(&b.name));
        pools.push(Pool {
            disks: indices,
            layout: match node.property("layout").and_then(Spanned::text) {
                Some("mirror") => PoolLayout::Mirror,
                Some("raidz") => PoolLayout::Raidz,
                Some("raidz2") => PoolLayout::Raidz2,
                _ => PoolLayout::Stripe,
            },
            size: node.property("size").and_then(Spanned::size),
            mountpoint,
            datasets,
            span: node.key_span(),
            name,
        });
    }
    pools.sort_by(|a, b| a.name.cmp(&b.name));
    pools
}

pub fn dataset(node: &Block<'_>, pool: &str) -> Dataset {
    let size = |name: &str| node.property(name).and_then(Spanned::size);
    let kept = |name: &str| {
        node.child("snapshots")
            .and_then(|kept| kept.property(name))
            .and_then(Spanned::number)
            .unwrap_or(0)
    };
    Dataset {
        name: node.key().to_owned(),
        quota: node
            .property("quota")
            .and_then(|value| Some(Spanned::new(value.size()?, value.span))),
        reservation: size("reservation"),
        recordsize: size("recordsize"),
        compression: string(node.property("compression")).unwrap_or_else(|| "lz4".to_owned()),
        backup: backup(node),
        snapshots: Snapshots {
            hourly: kept("hourly"),
            daily: kept("daily"),
            weekly: kept("weekly"),
            monthly: kept("monthly"),
        },
        mountpoint: string(node.property("mountpoint"))
            .unwrap_or_else(|| format!("{}/{}", pool.trim_end_matches('/'), node.key())),
        owner: string(node.property("owner")),
        span: node.key_span(),
    }
}

/// Reads a backup class.
pub fn backup_class(word: &str) -> Option<BackupClass> {
    [
        BackupClass::Hourly,
        BackupClass::Daily,
        BackupClass::Weekly,
        BackupClass::Monthly,
        BackupClass::Never,
    ]
    .into_iter()
    .find(|class| class.name() == word)
}

pub fn backup(node: &Block<'_>) -> Option<Spanned<BackupClass>> {
    node.property("backup")
        .and_then(|value| Some(Spanned::new(backup_class(value.text()?)?, value.span)))
}

pub fn device(node: &Block<'_>, diagnostics: &mut Diagnostics) -> HostDevice {
    if node.property("path").is_none() && node.property("pci").is_none() && !node.key().is_empty() {
        let message = format!("`device {}` says neither its path nor its PCI address", node.key());
        diagnostics.push(
            Diagnostic::new(&crate::decl::codes::MISSING_VALUE, node.span, message)
                .help("add `path=\"/dev/…\"`, such as `/dev/serial/by-id/…`, or `pci=\"0000:…\"`"),
        );
    }
    HostDevice {
        name: node.key().to_owned(),
        path: string(node.property("path")),
        pci: string(node.property("pci")),
        span: node.key_span(),
    }
}

pub fn export(node: &Block<'_>) -> Option<Export> {
    Some(Export {
        name: node.key().to_owned(),
        path: string(node.property("path"))?,
        smb: string(node.property("smb")),
        size: node.property("size").and_then(Spanned::size),
        backup: backup(node),
        span: node.key_span(),
    })
}
