//! Computes how much of a resource exists, and how much of it is promised.

use crate::model::{Dataset, Machine, Pool, PoolLayout, Size};

/// Returns the size of a pool.
pub fn pool_size(machine: &Machine, pool: &Pool) -> Option<Size> {
    let disks: Vec<u64> = pool
        .disks
        .iter()
        .filter_map(|index| machine.disks.get(*index as usize))
        .map(|disk| disk.size.0)
        .collect();
    let (least, count) = (disks.iter().min().copied()?, disks.len() as u64);
    let raw = match pool.layout {
        PoolLayout::Stripe => disks.iter().sum(),
        PoolLayout::Mirror => least,
        PoolLayout::Raidz => least.saturating_mul(count.saturating_sub(1)),
        PoolLayout::Raidz2 => least.saturating_mul(count.saturating_sub(2)),
    };
    Some(pool.size.unwrap_or(Size(raw)))
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
