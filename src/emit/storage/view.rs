//! Takes the data for the storage files from the model.

use serde::Serialize;

use crate::model::{Dataset, Machine, Pool, PoolLayout, Size};
use crate::plan::joined::{partition_label, takes_part_of};
use crate::plan::{Client, ExportPlan, Mapping};

/// The data for `storage.sh`.
#[derive(Debug, Serialize)]
pub struct Storage<'p> {
    pools: Vec<PoolView>,
    mappings: &'p [Mapping],
}

#[derive(Debug, Serialize)]
struct PoolView {
    name: String,
    mountpoint: String,
    /// The word before the devices of `zpool create`, which is empty for a stripe.
    layout: &'static str,
    devices: Vec<String>,
    partitions: Vec<Partition>,
    datasets: Vec<DatasetView>,
}

#[derive(Debug, Serialize)]
struct Partition {
    label: String,
    disk: String,
    kibibytes: u64,
}

#[derive(Debug, Serialize)]
struct DatasetView {
    name: String,
    mountpoint: String,
    owner: String,
    quota: String,
    reservation: String,
    recordsize: u64,
    compression: String,
}

/// Collects the pools, datasets and virtiofs folders of a host.
pub fn storage<'p>(machine: &Machine, mappings: &'p [Mapping]) -> Storage<'p> {
    Storage { pools: machine.pools.iter().map(|pool| pool_view(machine, pool)).collect(), mappings }
}

fn pool_view(machine: &Machine, pool: &Pool) -> PoolView {
    let mut devices = Vec::new();
    let mut partitions = Vec::new();
    for disk in pool.disks.iter().filter_map(|index| machine.disks.get(*index as usize)) {
        match pool.size.filter(|_| takes_part_of(pool, disk)) {
            None => devices.push(disk.device.clone()),
            Some(size) => {
                let label = partition_label(pool, disk);
                devices.push(format!("/dev/disk/by-partlabel/{label}"));
                partitions.push(Partition {
                    label,
                    disk: disk.device.clone(),
                    kibibytes: size.0 >> 10,
                });
            }
        }
    }
    let layout = match pool.layout {
        PoolLayout::Stripe => "",
        PoolLayout::Mirror => "mirror",
        PoolLayout::Raidz => "raidz",
        PoolLayout::Raidz2 => "raidz2",
    };
    let datasets = pool.datasets.iter().map(|dataset| dataset_view(pool, dataset)).collect();
    PoolView {
        name: pool.name.clone(),
        mountpoint: pool.mountpoint.clone(),
        layout,
        devices,
        partitions,
        datasets,
    }
}

fn dataset_view(pool: &Pool, dataset: &Dataset) -> DatasetView {
    let bytes =
        |size: Option<Size>| size.map_or_else(|| "none".to_owned(), |size| size.0.to_string());
    DatasetView {
        name: format!("{}/{}", pool.name, dataset.name),
        mountpoint: dataset.mountpoint.clone(),
        owner: dataset.owner.clone().unwrap_or_default(),
        quota: bytes(dataset.quota.as_ref().map(|quota| quota.value)),
        reservation: bytes(dataset.reservation),
        // This is the default of ZFS. The script sets every property, so that one that the lab no
        // longer names goes back to its default.
        recordsize: dataset.recordsize.map_or(128 << 10, |size| size.0),
        compression: dataset.compression.clone(),
    }
}

/// The data for `sanoid.conf`.
#[derive(Debug, Serialize)]
pub struct SnapshotPolicies {
    /// The datasets with snapshots.
    pub datasets: Vec<SnapshotPolicy>,
}

/// The number of snapshots of a dataset to keep.
#[derive(Debug, Serialize)]
pub struct SnapshotPolicy {
    /// `pool/dataset`.
    pub name: String,
    hourly: u32,
    daily: u32,
    weekly: u32,
    monthly: u32,
}

/// Collects the datasets that have snapshots.
pub fn snapshots(machine: &Machine) -> SnapshotPolicies {
    let datasets = machine
        .pools
        .iter()
        .flat_map(|pool| pool.datasets.iter().map(move |dataset| (pool, dataset)));
    let datasets =
        datasets.filter(|(_, dataset)| dataset.snapshots != crate::model::Snapshots::default());
    SnapshotPolicies {
        datasets: datasets
            .map(|(pool, dataset)| SnapshotPolicy {
                name: format!("{}/{}", pool.name, dataset.name),
                hourly: dataset.snapshots.hourly,
                daily: dataset.snapshots.daily,
                weekly: dataset.snapshots.weekly,
                monthly: dataset.snapshots.monthly,
            })
            .collect(),
    }
}

/// The data for `/etc/exports.d/labwright.exports`.
#[derive(Debug, Serialize)]
pub struct Exports<'p> {
    /// The folders, with who may mount them.
    pub exports: Vec<ExportView<'p>>,
}

/// An exported folder.
#[derive(Debug, Serialize)]
pub struct ExportView<'p> {
    /// A description for people.
    #[serde(skip)]
    pub what: &'p str,
    folder: &'p str,
    clients: Vec<ClientView>,
}

#[derive(Debug, Serialize)]
struct ClientView {
    address: String,
    mode: &'static str,
}

/// Collects the folders of a machine that others mount by NFS.
pub fn exports<'e>(exports: &'e [ExportPlan]) -> Exports<'e> {
    let client = |client: &Client| ClientView {
        address: client.address.to_string(),
        mode: if client.read_only { "ro" } else { "rw" },
    };
    let view = |export: &'e ExportPlan| ExportView {
        what: &export.name,
        folder: &export.folder,
        clients: export.clients.iter().map(client).collect(),
    };
    Exports { exports: exports.iter().map(view).collect() }
}
