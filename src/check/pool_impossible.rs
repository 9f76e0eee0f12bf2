//! Finds pools and datasets that ZFS refuses to make.

use std::collections::BTreeSet;

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::model::{Dataset, Machine, MachineKind, Pool, PoolLayout, Size};
use crate::plan::{Plan, capacity};

/// Finds pools with too few disks and datasets whose settings contradict each other.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code = codes::code!("pool-impossible", Error, "a pool or dataset that ZFS can't make");

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    for machine in &plan.model.machines {
        for pool in &machine.pools {
            if is_reserved(&pool.name) {
                let message = format!("a pool can't be called `{}`: ZFS keeps the name", pool.name);
                let help = "choose another name, such as `tank`";
                diagnostics.push(
                    Diagnostic::new(&CODE, pool.span, message).help(help).on(pool.name.clone()),
                );
            }
            if machine.kind == MachineKind::Proxmox && STORAGES.contains(&pool.name.as_str()) {
                let message = format!(
                    "a pool can't be called `{}`: Proxmox has a storage of that name",
                    pool.name
                );
                let help = "choose another name, such as `tank`";
                diagnostics.push(
                    Diagnostic::new(&CODE, pool.span, message).help(help).on(pool.name.clone()),
                );
            }
            disks(machine, pool, diagnostics);
            reserved(machine, pool, diagnostics);
            for dataset in &pool.datasets {
                settings(dataset, diagnostics);
                place(pool, dataset, diagnostics);
            }
        }
    }
}

/// The storages that the installer of Proxmox makes. Guests would be on them, not on the pool.
const STORAGES: &[&str] = &["local", "local-lvm", "local-zfs"];

/// How deep ZFS nests datasets: `zfs_max_dataset_nesting` of zfs(4).
const DEEPEST: usize = 50;

/// What an empty dataset takes on the disks, at most. ZFS refuses a quota below that.
const LEAST_QUOTA: Size = Size(1 << 20);

/// Returns whether zpool(8) refuses a name.
fn is_reserved(name: &str) -> bool {
    let begins = ["mirror", "raidz", "draid", "spare"].iter().any(|kept| name.starts_with(kept));
    begins || name == "log"
}

fn disks(machine: &Machine, pool: &Pool, diagnostics: &mut Diagnostics) {
    let different: BTreeSet<u32> = pool.disks.iter().copied().collect();
    let (layout, least) = match pool.layout {
        PoolLayout::Stripe => return,
        PoolLayout::Mirror => ("mirror", 2),
        PoolLayout::Raidz => ("raidz", 2),
        PoolLayout::Raidz2 => ("raidz2", 3),
    };
    let sizes = pool.disks.iter().filter_map(|index| machine.disks.get(*index as usize));
    let mut sizes = sizes.map(|disk| disk.size);
    if pool.size.is_none()
        && let Some(first) = sizes.next()
        && let Some(other) = sizes.find(|size| *size != first)
    {
        let message = format!(
            "the disks of pool `{}` have {first} and {other}, and zpool takes no {layout} of \
             different sizes",
            pool.name
        );
        diagnostics.push(
            Diagnostic::new(&CODE, pool.span, message)
                .help("add the part of each disk that it takes, as in `size=\"900GB\"`")
                .on(pool.name.clone()),
        );
    }
    // A pool without disks is already reported.
    if !different.is_empty() && different.len() < least {
        diagnostics.push(
            Diagnostic::new(
                &CODE,
                pool.span,
                format!(
                    "pool `{}` is a {layout} of {}, but needs at least {least}",
                    pool.name,
                    count(different.len())
                ),
            )
            .help(format!("name more disks, as in `disk=a,b`, or remove `layout={layout}`"))
            .on(pool.name.clone()),
        );
    }
}

fn count(disks: usize) -> String {
    if disks == 1 { "one disk".to_owned() } else { format!("{disks} disks") }
}

/// Finds reservations for which the whole pool has no room.
fn reserved(machine: &Machine, pool: &Pool, diagnostics: &mut Diagnostics) {
    let Some(size) = capacity::pool_size(machine, pool) else { return };
    let reserved: Vec<_> = pool.datasets.iter().filter(|one| one.reservation.is_some()).collect();
    let names: BTreeSet<&str> = reserved.iter().map(|one| one.name.as_str()).collect();
    // What is reserved below another reservation is a part of that one.
    let is_part = |name: &str| {
        name.match_indices('/').any(|(end, _)| name.get(..end).is_some_and(|up| names.contains(up)))
    };
    let whole = reserved.iter().filter(|one| !is_part(&one.name));
    let sum: Size = whole.filter_map(|one| one.reservation).sum();
    let Some(first) = reserved.first().filter(|_| sum > size) else { return };
    let message = format!("{sum} are reserved in pool `{}`, which has {size}", pool.name);
    diagnostics.push(
        Diagnostic::new(&CODE, first.span, message)
            .label(pool.span, "the pool")
            .help("lower a reservation")
            .on(pool.name.clone()),
    );
}

/// Finds a name that ZFS or Proxmox refuses below a pool, and a reservation for which the dataset
/// above leaves no room.
fn place(pool: &Pool, dataset: &Dataset, diagnostics: &mut Diagnostics) {
    let mut wrong = |message: String, help: &str| {
        diagnostics.push(Diagnostic::new(&CODE, dataset.span, message).help(help));
    };
    let name = &dataset.name;
    if name.split('/').count() >= DEEPEST {
        wrong(format!("`{name}` is nested deeper than ZFS allows"), "nest it less deeply");
    }
    if is_volume_of_guest(name) {
        wrong(
            format!("`{name}` is a name that Proxmox gives to the disks of guests"),
            "choose another name: Proxmox would remove it with the guest of that number",
        );
    }
    let Some(reservation) = dataset.reservation else { return };
    let above = pool.datasets.iter().filter_map(|above| {
        let below = name.strip_prefix(above.name.as_str())?;
        Some((above, &above.quota.as_ref().filter(|_| below.starts_with('/'))?.value))
    });
    if let Some((above, quota)) = above.min_by_key(|(_, quota)| *quota)
        && reservation > *quota
    {
        wrong(
            format!(
                "{reservation} are reserved for `{name}`, and `{}` above it may hold only {quota}",
                above.name
            ),
            "raise the quota of the one above, or lower the reservation",
        );
    }
}

/// Returns whether Proxmox calls the disk of a guest so: `vm-101-disk-0`.
fn is_volume_of_guest(name: &str) -> bool {
    let mut parts = name.splitn(3, '-');
    let (kind, number, rest) = (parts.next(), parts.next(), parts.next());
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    matches!(kind, Some("vm" | "subvol" | "base" | "basevol"))
        && number.is_some_and(is_number)
        && rest.is_some()
}

fn settings(dataset: &Dataset, diagnostics: &mut Diagnostics) {
    let mut wrong = |message: String, help: &str| {
        diagnostics.push(Diagnostic::new(&CODE, dataset.span, message).help(help));
    };
    if let Some(size) = dataset
        .recordsize
        .filter(|size| !size.0.is_power_of_two() || !(512..=16 << 20).contains(&size.0))
    {
        wrong(
            format!("`{}` can't have records of {size}", dataset.name),
            "write a power of two from 512 bytes to `16MiB`, such as `16KiB`, `128KiB` or `1MiB`",
        );
    }
    if let Some(quota) = dataset.quota.as_ref().filter(|quota| quota.value < LEAST_QUOTA) {
        wrong(
            format!("`{}` may hold {}, which an empty dataset takes", dataset.name, quota.value),
            "raise the quota to `1MiB` or more",
        );
    }
    if let (Some(reservation), Some(quota)) = (dataset.reservation, &dataset.quota)
        && reservation > quota.value
    {
        wrong(
            format!(
                "{reservation} are reserved for `{}`, which may hold only {}",
                dataset.name, quota.value
            ),
            "raise the quota, or lower the reservation",
        );
    }
}
