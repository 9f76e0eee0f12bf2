//! Plans the dumps of databases: which backup makes each, and what a machine does whose data
//! another machine saves.

use std::collections::{BTreeMap, BTreeSet};

use super::backups::{BackupPlan, databases, state_of};
use super::clock::Clock;
use super::store::{Store, is_below};
use crate::model::{BackupClass, Cron, Engine, MachineId, Model, ServiceId};

/// The name of the folder in a store for the dumps of the machines that use it.
const FOLDER: &str = "labwright-dumps";

/// The dumps that a machine without a backup of its own makes, into a folder that the backup of
/// another machine saves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DumpJob {
    /// The machine that runs the databases.
    pub machine: MachineId,
    /// The backup service that saves the folder.
    pub backup: ServiceId,
    /// The backup class.
    pub class: BackupClass,
    /// The mount point or dataset that contains the folder.
    pub root: String,
    /// The folder on this machine.
    pub folder: String,
    /// The same folder on the machine of the backup.
    pub folder_there: String,
    /// The databases, by service and index in it.
    pub databases: Vec<(ServiceId, u32)>,
    /// When the dumps are made, so that they are whole before the backup begins.
    pub schedule: Cron,
}

impl DumpJob {
    /// Returns the name of its unit of systemd and of its file of metrics, without their endings.
    pub fn unit(&self) -> String {
        format!("labwright-dumps-{}", self.class.name())
    }
}

/// Plans the dumps of machines without a backup of their own. `services` are those of each machine.
pub(super) fn jobs(
    model: &Model,
    services: &[Vec<ServiceId>],
    backups: &[BackupPlan],
) -> Vec<DumpJob> {
    let mut jobs: BTreeMap<(MachineId, ServiceId, BackupClass), DumpJob> = BTreeMap::new();
    for (machine, entry) in model.machines() {
        let services: &Vec<ServiceId> = machine.of(services);
        let saves_itself = services.iter().any(|id| model[*id].backup.is_some());
        // A backup of the machine itself also makes the dumps there.
        if saves_itself || !entry.kind.is_managed() {
            continue;
        }
        let mut elsewhere = Vec::new();
        for (id, index, service, database) in databases(model, services) {
            let place = state_of(service, database)
                .and_then(|state| saved_place(model, machine, &state.path, backups));
            match place {
                Some(place) => place.add(machine, &mut jobs, (id, index)),
                None => elsewhere.push((id, index)),
            }
        }
        // What lies where no backup looks is dumped to where one does.
        let states = services.iter().flat_map(|id| &model[*id].states);
        let other = states.filter_map(|state| saved_place(model, machine, &state.path, backups));
        // The first by path, so that the order of the services does not matter.
        let Some(other) = other.min_by(|a, b| a.root.cmp(&b.root)) else { continue };
        for database in elsewhere {
            other.clone().add(machine, &mut jobs, database);
        }
    }
    jobs.into_values().collect()
}

/// A folder of one machine that the backup of another one saves.
#[derive(Clone)]
struct SavedPlace {
    backup: ServiceId,
    class: BackupClass,
    root: String,
    root_there: String,
    dumped_at: Cron,
}

/// Chooses when dumps are made that a backup saves: before it, at a time that every day has.
fn time_before(backup: &Cron, timezone: &str) -> Cron {
    let clock = Clock::of(timezone);
    let mut time = backup.before();
    // No zone changes its clocks in more than three hours of a night.
    for _ in 0..3 {
        if clock.as_ref().is_none_or(|clock| clock.obstacle(&time).is_none()) {
            break;
        }
        time = time.before();
    }
    time
}

impl SavedPlace {
    fn add(
        self,
        machine: MachineId,
        jobs: &mut BTreeMap<(MachineId, ServiceId, BackupClass), DumpJob>,
        database: (ServiceId, u32),
    ) {
        let job = jobs.entry((machine, self.backup, self.class)).or_insert_with(|| DumpJob {
            machine,
            backup: self.backup,
            class: self.class,
            folder: self.root.clone(),
            folder_there: self.root_there,
            root: self.root,
            databases: Vec::new(),
            schedule: self.dumped_at,
        });
        job.databases.push(database);
    }
}

fn saved_place(
    model: &Model,
    machine: MachineId,
    path: &str,
    backups: &[BackupPlan],
) -> Option<SavedPlace> {
    let (store, below) = Store::at(model, machine, path);
    if matches!(store, Store::Local(_)) {
        return None;
    }
    backups.iter().find_map(|backup| {
        let there = model[backup.service].machine;
        let mut sources = backup.sources.iter();
        // Only a source that is the whole place surely has the folder of the dumps in it.
        let source = sources
            .find(|source| Store::at(model, there, &source.path) == (store, String::new()))?;
        Some(SavedPlace {
            backup: backup.service,
            class: source.class,
            root: path.strip_suffix(below.as_str()).unwrap_or(path).to_owned(),
            root_there: source.path.clone(),
            dumped_at: time_before(backup.schedule.get(&source.class)?, &model.lab.timezone),
        })
    })
}

/// Gives every job a folder of its own, and leaves the files of dumped databases out of the
/// backups: a copy that is made while they are written to is useless.
pub(super) fn settle(model: &Model, backups: &mut [BackupPlan], jobs: &mut [DumpJob]) {
    for job in jobs.iter_mut() {
        let below = format!("{FOLDER}/{}", model[job.machine].name);
        for folder in [&mut job.folder, &mut job.folder_there] {
            *folder = format!("{}/{below}", folder.trim_end_matches('/'));
        }
    }
    let files: BTreeSet<(Store, String, bool)> = dumped(backups, jobs)
        .into_iter()
        .filter_map(|(id, index)| {
            let (service, database) = (&model[id], model.database(id, index));
            let (store, below) = Store::at(model, service.machine, &database.database);
            let file = database.engine == Engine::Sqlite;
            // What nothing declares stays in the backup of files: whether it is found is not known
            // before.
            let left_out = database.engine.is_on_disk() && database.is_declared();
            left_out.then_some((store, below, file))
        })
        .collect();
    for backup in backups {
        let machine = model[backup.service].machine;
        for source in &mut backup.sources {
            let (store, root) = Store::at(model, machine, &source.path);
            let inside =
                files.iter().filter(|(of, below, _)| *of == store && is_below(below, &root));
            for (_, below, is_file) in inside {
                let rest = below.get(root.trim_end_matches('/').len()..).unwrap_or_default();
                let file = format!("{}{rest}", source.path.trim_end_matches('/'));
                // SQLite keeps writes that are not yet part of the database in files next to it.
                let endings: &[&str] =
                    if *is_file { &["", "-wal", "-shm", "-journal"] } else { &[""] };
                source.exclude.extend(endings.iter().map(|end| format!("{file}{end}")));
            }
            source.exclude.sort();
            source.exclude.dedup();
        }
    }
}

/// Lists the databases that are dumped, by service and index in it.
pub(super) fn dumped(backups: &[BackupPlan], jobs: &[DumpJob]) -> BTreeSet<(ServiceId, u32)> {
    let own = backups.iter().flat_map(|backup| &backup.dumps);
    own.map(|dump| (dump.service, dump.database))
        .chain(jobs.iter().flat_map(|job| job.databases.iter().copied()))
        .collect()
}
