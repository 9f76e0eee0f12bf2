//! Computes how much of a resource exists, and how much of it is promised.

use crate::model::{Dataset, Guest, Machine, MachineId, Pool, PoolLayout, Size};

/// Returns the memory that guests are promised.
pub fn guests_memory(guests: &[(MachineId, &Machine, &Guest)]) -> Size {
    guests.iter().filter_map(|(_, guest, _)| Some(guest.memory.as_ref()?.value)).sum()
}

/// Lists the pools on a disk, which is given by its index.
pub fn pools_on(machine: &Machine, disk: usize) -> impl Iterator<Item = &Pool> {
    machine.pools.iter().filter(move |pool| pool.disks.iter().any(|used| *used as usize == disk))
}

/// Returns the space of a disk that its pools take. A pool without a size takes the whole disk.
pub fn taken(machine: &Machine, disk: usize, size: Size) -> Size {
    pools_on(machine, disk).map(|pool| pool.size.unwrap_or(size)).sum()
}

/// Returns the space that the datasets of a pool are promised.
pub fn quotas(pool: &Pool) -> Size {
    counted(pool).filter_map(|dataset| Some(dataset.quota.as_ref()?.value)).sum()
}

/// Returns the size of a pool.
pub fn pool_size(machine: &Machine, pool: &Pool) -> Option<Size> {
    let disks: Vec<u64> = pool
        .disks
        .iter()
        .filter_map(|index| machine.disks.get(*index as usize))
        // A pool with a size takes that much of each of its disks.
        .map(|disk| pool.size.unwrap_or(disk.size).0)
        .collect();
    let (least, count) = (disks.iter().min().copied()?, disks.len() as u64);
    let raw = match pool.layout {
        PoolLayout::Stripe => disks.iter().sum(),
        // Except in a stripe, ZFS uses as much of each disk as the smallest one has.
        PoolLayout::Mirror => least,
        PoolLayout::Raidz => least.saturating_mul(count.saturating_sub(1)),
        PoolLayout::Raidz2 => least.saturating_mul(count.saturating_sub(2)),
    };
    Some(Size(raw))
}

/// Lists the datasets whose quotas add up. The quota of a nested dataset is a part of its parent's.
pub fn counted(pool: &Pool) -> impl Iterator<Item = &Dataset> {
    let nested = |name: &str| {
        pool.datasets
            .iter()
            .any(|other| name.strip_prefix(&other.name).is_some_and(|rest| rest.starts_with('/')))
    };
    pool.datasets.iter().filter(move |dataset| !nested(&dataset.name))
}

/// The smallest cache that ZFS takes.
const LEAST_ARC: Size = Size(64 << 20);

/// Returns the memory that ZFS may use as its cache: what the lab says, or half of what a host with
/// pools keeps for itself. Without either, ZFS decides by itself.
pub fn arc(machine: &Machine) -> Option<Size> {
    let half = || machine.reserve.filter(|_| !machine.pools.is_empty()).map(|all| Size(all.0 / 2));
    machine.arc.or_else(half).map(|arc| arc.max(LEAST_ARC))
}

/// Returns what the installation of a host may take of each disk that also has pools, in GiB. A GiB
/// is left over for the borders of partitions.
pub fn for_the_system(machine: &Machine) -> Vec<(&crate::model::Disk, u64)> {
    let shared = |(index, disk): (usize, &'_ crate::model::Disk)| {
        let taken = taken(machine, index, disk.size);
        let left = disk.size.0.checked_sub(taken.0)? >> 30;
        (taken.0 > 0 && left > 1).then(|| (index, left.saturating_sub(1)))
    };
    let found = machine.disks.iter().enumerate().filter_map(shared);
    found.filter_map(|(index, left)| Some((machine.disks.get(index)?, left))).collect()
}
