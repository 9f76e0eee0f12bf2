//! Finds more promised disk space than there is.

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::model::{Guest, Machine, MachineId, Pool, Size};
use crate::plan::{Plan, capacity};

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
            let pools: Vec<&Pool> = capacity::pools_on(machine, index).collect();
            let promised: Size = pools.iter().filter_map(|pool| pool.size).sum();
            let whole = pools.iter().filter(|pool| pool.size.is_none()).count();
            if promised <= disk.size && (whole == 0 || pools.len() == 1) {
                continue;
            }
            let message = if promised > disk.size {
                format!(
                    "the pools on disk `{}` take {}, out of {}",
                    disk.name,
                    promised,
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
    let total: Size = host.disks.iter().map(|disk| disk.size).sum();
    let taken = host.disks.iter().enumerate();
    let pools: Size =
        // Pools that take more than their disk has are reported at the disk, and count here as all
        // of it.
        taken.map(|(index, disk)| capacity::taken(host, index, disk.size).min(disk.size)).sum();
    // A storage with the name of a pool is on that pool, whose space is counted already.
    let outside = |guest: &Guest| {
        let on_pool = |storage: &str| host.pools.iter().any(|pool| pool.name == storage);
        let disks = guest
            .disks
            .iter()
            .filter(|disk| !on_pool(disk.storage.as_deref().unwrap_or(&guest.storage)));
        disks.map(|disk| disk.size).sum::<Size>()
    };
    let promised: Size = guests.iter().map(|(.., guest)| outside(guest)).sum();
    let left = Size(total.0.saturating_sub(pools.0));
    if left == Size::default() || promised <= left {
        return;
    }
    let beside = if pools == Size::default() { "" } else { " that pools leave" };
    let message = format!(
        "the disks of the guests of `{}` take {}, out of {}{beside}",
        host.name,
        promised,
        left.rounded()
    );
    let mut diagnostic = Diagnostic::new(&CODE, host.span, message).on(host.name.clone());
    for (_, machine, guest) in guests.iter().filter(|(.., guest)| outside(guest) > Size::default())
    {
        diagnostic =
            diagnostic.label(machine.span, format!("`{}` takes {}", machine.name, outside(guest)));
    }
    diagnostics.push(diagnostic.help("make one smaller, or name the disk that they are on"));
}

fn gibibytes(size: Size) -> String {
    format!("{size} ({} GiB)", size.0 >> 30)
}

fn quotas(machine: &Machine, pool: &Pool, diagnostics: &mut Diagnostics) {
    let Some(size) = capacity::pool_size(machine, pool) else { return };
    let limited: Vec<_> = capacity::counted(pool)
        .filter_map(|dataset| Some((dataset, dataset.quota.as_ref()?)))
        .collect();
    let promised = capacity::quotas(pool);
    if promised <= size {
        return;
    }
    let message =
        format!("the datasets of pool `{}` are promised {}, out of {size}", pool.name, promised);
    let mut diagnostic = Diagnostic::new(&CODE, pool.span, message).on(pool.name.clone());
    for (dataset, quota) in limited {
        diagnostic =
            diagnostic.label(quota.span, format!("`{}` may hold {}", dataset.name, quota.value));
    }
    diagnostics.push(diagnostic.help("lower a quota"));
}
