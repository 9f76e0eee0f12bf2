//! Collects what is kept: how much room is left, what is saved and where, and what is not saved.

use std::collections::BTreeSet;

use serde::Serialize;

use super::view::{self, Amount, BackupView};
use crate::model::{BackupClass, DatasetRef, Machine, Model, Service};
use crate::plan::store::Store;
use crate::plan::{Coverage, Crossing, Kept, KeptIn, Plan, StateCoverage};
use crate::source::Sources;

/// An amount of memory or disk, in bytes.
#[derive(Serialize)]
pub(super) struct Room {
    machine: String,
    /// `memory`, `disk` or `pool`, with the name of the disk or pool.
    kind: &'static str,
    name: String,
    total: Option<u64>,
    reserved: u64,
    promised: u64,
    left: Option<u64>,
    /// The amount by which the promises exceed what exists.
    missing: Option<u64>,
    /// The used percentage, or nothing if the total is unknown.
    used: Option<u64>,
}

/// A dataset and its quota.
#[derive(Serialize)]
pub(super) struct DatasetRow<'p> {
    machine: &'p str,
    name: String,
    quota: Option<u64>,
    backup: &'static str,
    snapshots: Vec<String>,
    place: String,
}

/// The state of a service, and how it is backed up.
#[derive(Serialize)]
pub(super) struct StateRow<'p> {
    service: &'p str,
    name: &'p str,
    machine: &'p str,
    path: &'p str,
    store: String,
    how: String,
    pub(super) saved: bool,
    pub(super) lost: bool,
    place: String,
}

/// A folder that no backup covers.
#[derive(Serialize)]
pub(super) struct Unsaved<'p> {
    what: String,
    machine: &'p str,
    why: String,
    place: String,
}

/// A folder through which a machine gets at data of another zone.
#[derive(Serialize)]
pub(super) struct CrossingRow<'p> {
    machine: &'p str,
    zone: &'p str,
    at: &'p str,
    folder: String,
    may: &'static str,
    of: Vec<&'p str>,
    place: String,
}

/// What labctl saves of a service before a new image of it starts.
#[derive(Serialize)]
pub(super) struct NewImageRow<'p> {
    service: &'p str,
    machine: &'p str,
    /// The dumps and snapshots that it makes.
    before: Vec<String>,
    /// The folders that it saves no copy of.
    uncopied: Vec<&'p str>,
    /// Why an older image can go on with what a newer one wrote, if it can.
    reversible: Option<&'p str>,
}

/// Lists what is saved before new images start, for services whose data they may change.
pub(super) fn new_images<'p>(plan: &'p Plan<'_>) -> Vec<NewImageRow<'p>> {
    let model = plan.model;
    let machines = model.machines().flat_map(|(id, machine)| {
        plan.machine(id).kept.iter().map(move |kept| (machine, &model[kept.service], kept))
    });
    let row = |(machine, service, kept): (&'p Machine, &'p Service, &'p Kept<'_>)| {
        let declared = service.databases.iter().filter(|database| database.is_declared());
        let dumps = declared.map(|database| format!("a dump of {}", database.name));
        let mut before: Vec<String> = dumps.collect();
        let mut uncopied = Vec::new();
        for (state, place) in &kept.states {
            match place {
                KeptIn::Dataset(dataset) => before.push(format!("a snapshot of {dataset}")),
                KeptIn::DatasetOf(..) | KeptIn::Folder => uncopied.push(state.path.as_str()),
            }
        }
        before.sort();
        before.dedup();
        NewImageRow {
            service: &service.name,
            machine: &machine.name,
            before,
            uncopied,
            reversible: service.reversible.as_deref(),
        }
    };
    machines.map(row).collect()
}

/// Lists what machines get of the data of other zones.
pub(super) fn crossings<'p>(plan: &'p Plan<'_>, sources: &Sources) -> Vec<CrossingRow<'p>> {
    let model = plan.model;
    let row = |crossing: &'p Crossing| {
        let machine = &model[crossing.machine];
        let share = machine.shares.get(crossing.share as usize)?;
        let mut of: Vec<&str> =
            crossing.states.iter().map(|(service, _)| model[*service].name.as_str()).collect();
        of.dedup();
        Some(CrossingRow {
            machine: &machine.name,
            zone: &model[machine.zone].name,
            at: &share.at,
            folder: crossing.store.name(model),
            may: if share.read_only { "reads" } else { "reads and writes" },
            of,
            place: sources.place(share.span),
        })
    };
    plan.crossings.iter().filter_map(row).collect()
}

/// Lists how much of each machine's memory, disks and pools is promised.
pub(super) fn rooms(plan: &Plan<'_>) -> Vec<Room> {
    let mut rooms = Vec::new();
    for view in plan.model.machines().filter_map(|(id, machine)| view::capacity(plan, id, machine))
    {
        let mut add =
            |kind, name: &str, amount: &Amount| rooms.push(room(&view.machine, kind, name, amount));
        if let Some(memory) = &view.memory {
            add("memory", "", memory);
        }
        for disk in &view.disks {
            add("disk", &disk.name, &disk.amount);
        }
        for pool in &view.pools {
            add("pool", &pool.pool.name, &pool.pool.amount);
        }
    }
    rooms
}

fn room(machine: &str, kind: &'static str, name: &str, amount: &Amount) -> Room {
    let taken = amount.reserved.saturating_add(amount.promised);
    let hundredths = |total: u64| {
        u64::try_from(u128::from(taken) * 100 / u128::from(total.max(1))).unwrap_or(u64::MAX)
    };
    Room {
        machine: machine.to_owned(),
        kind,
        name: name.to_owned(),
        total: amount.total,
        reserved: amount.reserved,
        promised: amount.promised,
        left: amount.total.and_then(|total| total.checked_sub(taken)),
        missing: amount
            .total
            .and_then(|total| taken.checked_sub(total))
            .filter(|missing| *missing > 0),
        used: amount.total.map(hundredths),
    }
}

/// Lists the datasets.
pub(super) fn quotas<'p>(plan: &'p Plan<'_>, sources: &Sources) -> Vec<DatasetRow<'p>> {
    let pools = plan
        .model
        .machines
        .iter()
        .flat_map(|machine| machine.pools.iter().map(move |pool| (machine, pool)));
    let datasets = pools.flat_map(|(machine, pool)| {
        pool.datasets.iter().map(move |dataset| (machine, pool, dataset))
    });
    datasets
        .map(|(machine, pool, dataset)| {
            let kept = dataset.snapshots;
            let ages = [
                ("hourly", kept.hourly),
                ("daily", kept.daily),
                ("weekly", kept.weekly),
                ("monthly", kept.monthly),
            ];
            DatasetRow {
                machine: &machine.name,
                name: format!("{}/{}", pool.name, dataset.name),
                quota: dataset.quota.as_ref().map(|quota| quota.value.0),
                backup: dataset.backup.as_ref().map_or("", |class| class.value.name()),
                snapshots: ages
                    .iter()
                    .filter(|(_, count)| *count > 0)
                    .map(|(age, count)| format!("{count} {age}"))
                    .collect(),
                place: sources.place(dataset.span),
            }
        })
        .collect()
}

/// Describes the backup services.
pub(super) fn backups(plan: &Plan<'_>) -> Vec<BackupView> {
    plan.backups.iter().map(|backup| view::backup_view(plan, backup)).collect()
}

/// Lists the state of services: first what would be lost, then what is deliberately left out, then
/// what is saved.
pub(super) fn states<'p>(plan: &Plan<'p>, sources: &Sources) -> Vec<StateRow<'p>> {
    let mut covered: Vec<&StateCoverage<'p>> = plan.states.iter().collect();
    covered.sort_by_key(|covered| std::cmp::Reverse(covered.coverage));
    covered.into_iter().map(|covered| state(plan.model, covered, sources)).collect()
}

fn state<'p>(model: &'p Model, covered: &StateCoverage<'p>, sources: &Sources) -> StateRow<'p> {
    let service = &model[covered.service];
    StateRow {
        service: &service.name,
        name: &covered.state.name,
        machine: &model[service.machine].name,
        path: &covered.state.path,
        store: covered.store.name(model),
        how: covered.in_words(model),
        saved: covered.coverage == Coverage::Saved,
        lost: covered.coverage == Coverage::Lost,
        place: sources.place(service.span),
    }
}

/// Lists the datasets and exports that are not backed up, except for the state of services in them.
pub(super) fn unsaved<'p>(plan: &'p Plan<'_>, sources: &Sources) -> Vec<Unsaved<'p>> {
    let model = plan.model;
    let why = |class: Option<BackupClass>| match class {
        None => Some("no class is given".to_owned()),
        Some(BackupClass::Never) => Some("backup=never".to_owned()),
        Some(_) => None,
    };
    // A repository is not saved into itself.
    let repositories: BTreeSet<Store> = model
        .services
        .iter()
        .filter_map(|service| {
            let repository = service
                .backup
                .as_ref()
                .map(|backup| &backup.repository.value)
                .filter(|path| path.starts_with('/'))?;
            Some(Store::at(model, service.machine, repository).0)
        })
        .collect();
    let instead = |store: Store, why: String| {
        if repositories.contains(&store) { "holds what backups save".to_owned() } else { why }
    };
    let mut list = Vec::new();
    for (id, machine) in model.machines() {
        let mut add = |what: String, why: Option<String>, span| {
            list.extend(why.map(|why| Unsaved {
                what,
                machine: &machine.name,
                why,
                place: sources.place(span),
            }));
        };
        for (pool, index) in machine.pools.iter().zip(0..) {
            for (dataset, position) in pool.datasets.iter().zip(0..) {
                let store =
                    Store::Dataset(DatasetRef { machine: id, pool: index, dataset: position });
                let why = why(dataset.backup.as_ref().map(|class| class.value))
                    .map(|why| instead(store, why));
                add(format!("dataset {}/{}", pool.name, dataset.name), why, dataset.span);
            }
        }
        for (export, index) in machine.exports.iter().zip(0..) {
            let why = why(export.backup.as_ref().map(|class| class.value));
            let why = why.map(|why| instead(Store::Export(id, index), why));
            add(format!("export {} ({})", export.name, export.path), why, export.span);
        }
    }
    list
}
