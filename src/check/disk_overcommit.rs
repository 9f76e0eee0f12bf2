//! Finds more promised disk space than there is.

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::model::{Guest, Machine, MachineId, Pool, Size};
use crate::plan::Plan;
use crate::plan::capacity::{counted, pool_size};

/// Finds disks that promise too much to pools and guests, and pools that promise too much to
/// datasets.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code = codes::code!(
    "disk-overcommit",
    Warning,
    "pools, datasets or guests are promised more space than there is"
);

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    for (id, machine) in plan.model.machines() {
        guests(machine, &plan.model.guests(id), diagnostics);
        for pool in &machine.pools {
            quotas(machine, pool, diagnostics);
        }
        for (index, disk) in machine.disks.iter().enumerate() {
            let pools: Vec<&Pool> = machine
                .pools
                .iter()
                .filter(|pool| pool.disks.iter().any(|used| *used as usize == index))
                .collect();
            let promised: u64 = pools
                .iter()
                .filter_map(|pool| pool.size)
                .map(|size| size.0)
                .fold(0, u64::saturating_add);
            let whole = pools.iter().filter(|pool| pool.size.is_none()).count();
            if promised <= disk.size.0 && (whole == 0 || pools.len() == 1) {
                continue;
            }
            let message = if promised > disk.size.0 {
                format!(
                    "the pools on disk `{}` take {}, out of {}",
                    disk.name,
                    Size(promised),
                    gibibytes(disk.size)
                )
            } else {
                format!(
                    "a pool takes the whole of disk `{}`, but another pool is on it too",
                    disk.name
                )
            };
            let mut diagnostic =
                Diagnostic::new(&CODE, disk.span, message).on(machine.name.clone());
            for pool in pools {
                diagnostic = diagnostic.label(
                    pool.span,
                    format!(
                        "`{}` takes {}",
                        pool.name,
                        pool.size.map_or("the rest".to_owned(), |size| size.to_string())
                    ),
                );
            }
            diagnostics.push(diagnostic.help("make a pool smaller, or put it on another disk"));
        }
    }
}

/// Compares the disks of guests with what pools leave of the host's disks. If they leave nothing,
/// the guests are on a disk that the lab does not name.
fn guests(host: &Machine, guests: &[(MachineId, &Machine, &Guest)], diagnostics: &mut Diagnostics) {
    let total: u64 = host.disks.iter().map(|disk| disk.size.0).fold(0, u64::saturating_add);
    // A pool without a size uses all of its disks.
    let taken = |index: usize, size: u64| {
        let on = || {
            host.pools.iter().filter(|pool| pool.disks.iter().any(|disk| *disk as usize == index))
        };
        let sizes = on().map(|pool| pool.size.map_or(size, |part| part.0));
        sizes.fold(0, u64::saturating_add).min(size)
    };
    let pools: u64 = host
        .disks
        .iter()
        .enumerate()
        .map(|(index, disk)| taken(index, disk.size.0))
        .fold(0, u64::saturating_add);
    // A storage with the name of a pool is on that pool, whose space is counted already.
    let outside = |guest: &Guest| {
        let on_pool = |storage: &str| host.pools.iter().any(|pool| pool.name == storage);
        let disks = guest
            .disks
            .iter()
            .filter(|disk| !on_pool(disk.storage.as_deref().unwrap_or(&guest.storage)));
        disks.map(|disk| disk.size.0).fold(0, u64::saturating_add)
    };
    let promised: u64 =
        guests.iter().map(|(.., guest)| outside(guest)).fold(0, u64::saturating_add);
    let left = Size(total.saturating_sub(pools));
    if left.0 == 0 || promised <= left.0 {
        return;
    }
    let beside = if pools == 0 { "" } else { " that pools leave" };
    let message = format!(
        "the disks of the guests of `{}` take {}, out of {}{beside}",
        host.name,
        Size(promised),
        left.rounded()
    );
    let mut diagnostic = Diagnostic::new(&CODE, host.span, message).on(host.name.clone());
    for (_, machine, guest) in guests.iter().filter(|(.., guest)| outside(guest) > 0) {
        diagnostic = diagnostic
            .label(machine.span, format!("`{}` takes {}", machine.name, Size(outside(guest))));
    }
    diagnostics.push(diagnostic.help("make one smaller, or name the disk that they are on"));
}

fn gibibytes(size: Size) -> String {
    format!("{size} ({} GiB)", size.0 >> 30)
}

fn quotas(machine: &Machine, pool: &Pool, diagnostics: &mut Diagnostics) {
    let Some(capacity) = pool_size(machine, pool) else { return };
    let limited: Vec<_> =
        counted(pool).filter_map(|dataset| Some((dataset, dataset.quota.as_ref()?))).collect();
    let promised: u64 = limited.iter().map(|(_, quota)| quota.0).fold(0, u64::saturating_add);
    if promised <= capacity.0 {
        return;
    }
    let message = format!(
        "the datasets of pool `{}` are promised {}, out of {capacity}",
        pool.name,
        Size(promised)
    );
    let mut diagnostic = Diagnostic::new(&CODE, pool.span, message).on(pool.name.clone());
    for (dataset, quota) in limited {
        diagnostic =
            diagnostic.label(quota.span, format!("`{}` may hold {}", dataset.name, quota.value));
    }
    diagnostics.push(diagnostic.help("lower a quota"));
}
