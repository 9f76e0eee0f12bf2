//! What each backup service saves: the folders with a backup class that its machine sees, and the databases that it dumps first.

use std::collections::{BTreeMap, BTreeSet};

use super::build::{is_below, share_of};
use super::{BackupPlan, BackupSource, DumpPlan, Plan, is_left_out};
use crate::model::{BackupClass, Cron, DatasetRef, Export, MachineId, Model, Service, ServiceId, ShareSource, Size, State, StateBackup};
use crate::source::{Span, Spanned};

/// Is where something is kept, whatever path a machine sees it at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Store {
    /// A ZFS dataset.
    Dataset(DatasetRef),
    /// An exported folder.
    Export(MachineId, u32),
    /// A disk of the machine's own.
    Local(MachineId),
}

/// Finds where a path of a machine is kept, and the path below that store.
pub fn store_of(model: &Model, machine: MachineId, path: &str) -> (Store, String) {
    let below = |folder: &str| path.get(folder.trim_end_matches('/').len()..).unwrap_or_default().to_owned();
    if let Some(share) = share_of(model, machine, path) {
        let store = match &share.source {
            ShareSource::Dataset(dataset) => Store::Dataset(*dataset),
            ShareSource::Export(exporter, index) => Store::Export(*exporter, *index),
        };
        return (store, below(&share.at));
    }
    let own = datasets(model, machine).filter(|(_, folder)| is_below(path, folder)).max_by_key(|(_, folder)| folder.len());
    if let Some((dataset, folder)) = own {
        return (Store::Dataset(dataset), below(folder));
    }
    let exports = model[machine].exports.iter().enumerate();
    if let Some((index, export)) = exports.filter(|(_, export)| is_below(path, &export.path)).max_by_key(|(_, export)| export.path.len()) {
        return (Store::Export(machine, u32::try_from(index).unwrap_or_default()), below(&export.path));
    }
    (Store::Local(machine), path.to_owned())
}

/// Returns how often a store's content is backed up.
pub fn class_of(model: &Model, store: &Store) -> Option<BackupClass> {
    match store {
        Store::Dataset(dataset) => model.dataset(dataset).backup.as_ref().map(|class| class.value),
        Store::Export(machine, index) => model[*machine].exports[*index as usize].backup.as_ref().map(|class| class.value),
        Store::Local(_) => None,
    }
}

/// Returns how often what lies at a path of a machine is backed up.
pub fn class_at(model: &Model, machine: MachineId, path: &str) -> Option<BackupClass> {
    match store_of(model, machine, path).0 {
        Store::Local(_) => {
            let class = model[machine].appdata_backup.as_ref().map(|class| class.value);
            class.filter(|_| is_below(path, &model[machine].appdata))
        }
        store => class_of(model, &store),
    }
}

fn datasets(model: &Model, machine: MachineId) -> impl Iterator<Item = (DatasetRef, &str)> {
    model[machine].pools.iter().enumerate().flat_map(move |(pool, entry)| {
        entry.datasets.iter().enumerate().filter_map(move |(index, dataset)| {
            let reference = DatasetRef { machine, pool: u32::try_from(pool).ok()?, dataset: u32::try_from(index).ok()? };
            Some((reference, dataset.mountpoint.as_str()))
        })
    })
}

/// Is what becomes of a service's state when the disk that it lies on is lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept<'m> {
    /// The service.
    pub service: ServiceId,
    /// The state.
    pub state: &'m State,
    /// What keeps it.
    pub store: Store,
    /// How often what lies there is backed up.
    pub class: Option<BackupClass>,
    /// What becomes of it.
    pub fate: Fate,
}

/// Says what becomes of a state when the disk that it lies on is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// A backup contains it, or a dump of it.
    Saved,
    /// It is gone, which somebody has written down.
    LeftOut,
    /// It is gone, and nobody said so.
    Lost,
}

/// Says of every state of every service what becomes of it.
pub fn kept<'m>(plan: &Plan<'m>) -> Vec<Kept<'m>> {
    let model = plan.model;
    let mut saved: BTreeMap<Store, Vec<&str>> = BTreeMap::new();
    let mut dumped: BTreeSet<(ServiceId, Option<&str>)> = BTreeSet::new();
    for backup in &plan.backups {
        for source in &backup.sources {
            saved.entry(store_of(model, model[backup.service].machine, &source.path).0).or_default().push(&source.path);
        }
        dumped
            .extend(backup.dumps.iter().map(|dump| (dump.service, model[dump.service].databases[dump.database as usize].state.as_deref())));
    }
    let states = model.services().flat_map(|(id, service)| service.states.iter().map(move |state| (id, service, state)));
    states
        .map(|(id, service, state)| {
            let (store, _) = store_of(model, service.machine, &state.path);
            let class = class_at(model, service.machine, &state.path);
            let saved = match &state.backup {
                StateBackup::Dump => dumped.contains(&(id, Some(&state.name))) || dumped.contains(&(id, None)),
                // A source on a machine's own disk is a folder of it; any other one is the whole store.
                _ => saved
                    .get(&store)
                    .is_some_and(|paths| !matches!(store, Store::Local(_)) || paths.iter().any(|path| is_below(&state.path, path))),
            };
            let fate = match &state.backup {
                StateBackup::Never(_) | StateBackup::Class(BackupClass::Never) => Fate::LeftOut,
                _ if class == Some(BackupClass::Never) => Fate::LeftOut,
                _ if saved => Fate::Saved,
                _ => Fate::Lost,
            };
            Kept { service: id, state, store, class, fate }
        })
        .collect()
}

/// Is a folder that a machine sees, with what keeps it.
struct Folder {
    path: String,
    store: Store,
    span: Span,
}

fn folders(model: &Model, machine: MachineId) -> Vec<Folder> {
    let shares = model[machine].shares.iter().map(|share| Folder {
        path: share.at.clone(),
        store: match &share.source {
            ShareSource::Dataset(dataset) => Store::Dataset(*dataset),
            ShareSource::Export(exporter, index) => Store::Export(*exporter, *index),
        },
        span: share.span,
    });
    let own = datasets(model, machine).map(|(dataset, path)| Folder {
        path: path.to_owned(),
        store: Store::Dataset(dataset),
        span: model.dataset(&dataset).span,
    });
    let exports = model[machine].exports.iter().enumerate().map(|(index, export): (usize, &Export)| Folder {
        path: export.path.clone(),
        store: Store::Export(machine, u32::try_from(index).unwrap_or_default()),
        span: export.span,
    });
    let mut list: Vec<Folder> = shares.chain(own).chain(exports).collect();
    list.sort_by(|a, b| a.path.cmp(&b.path));
    list.dedup_by(|a, b| a.store == b.store);
    list
}

/// Lists what services keep, by what keeps it, with the path below that.
type States<'m> = BTreeMap<Store, Vec<(&'m Service, &'m State, String)>>;

/// Plans every backup service; `services` are those of each machine.
pub fn backups(model: &Model, services: &[Vec<ServiceId>]) -> Vec<BackupPlan> {
    if !model.services.iter().any(|service| service.backup.is_some()) {
        return Vec::new();
    }
    let mut kept: States<'_> = BTreeMap::new();
    for service in &model.services {
        for state in &service.states {
            let (store, below) = store_of(model, service.machine, &state.path);
            kept.entry(store).or_default().push((service, state, below));
        }
    }
    let with_backup = model.services().filter(|(_, service)| service.backup.is_some());
    with_backup.map(|(id, service)| backup(id, service, model, &services[service.machine.0 as usize], &kept)).collect()
}

fn backup(id: ServiceId, service: &Service, model: &Model, neighbours: &[ServiceId], kept: &States<'_>) -> BackupPlan {
    let machine = service.machine;
    let repository = service.backup.as_ref().map(|backup| backup.repository.value.as_str()).unwrap_or_default();
    let repository_store = repository.starts_with('/').then(|| store_of(model, machine, repository).0);
    let mut sources = Vec::new();
    for folder in folders(model, machine) {
        let Some(class) = class_of(model, &folder.store).filter(|class| *class != BackupClass::Never) else { continue };
        let inside = kept.get(&folder.store).map(Vec::as_slice).unwrap_or_default();
        let left_out = inside.iter().filter(|(_, state, _)| is_left_out(&state.backup));
        let mut exclude: Vec<String> = left_out.map(|(.., below)| format!("{}{below}", folder.path)).collect();
        exclude.sort();
        exclude.dedup();
        if exclude.contains(&folder.path) || is_below(repository, &folder.path) {
            continue;
        }
        let (size, what, dataset) = describe(model, &folder.store);
        sources.push(BackupSource { path: folder.path, class, exclude, size, dataset, what, span: folder.span });
    }
    let local = kept.get(&Store::Local(machine)).map(Vec::as_slice).unwrap_or_default();
    sources.extend(appdata(model, machine, repository, local));
    for (owner, state, _) in local {
        if let StateBackup::Class(class) = &state.backup
            && *class != BackupClass::Never
        {
            let what = format!("{} of service {}", state.name, owner.name);
            let left_out = local.iter().filter(|(_, other, _)| is_left_out(&other.backup) && is_below(&other.path, &state.path));
            let mut exclude: Vec<String> = left_out.map(|(_, other, _)| other.path.clone()).collect();
            exclude.sort();
            exclude.dedup();
            let source =
                BackupSource { path: state.path.clone(), class: *class, exclude, size: None, dataset: None, what, span: owner.span };
            sources.push(source);
        }
    }
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    sources.dedup_by(|a, b| a.path == b.path);
    let dumps = dumps(service, model, neighbours);
    let schedule = schedule(service, sources.iter().map(|source| source.class).chain(dumps.iter().map(|dump| dump.class)));
    let repository_dataset = match repository_store {
        Some(Store::Dataset(dataset)) => Some(dataset),
        _ => None,
    };
    BackupPlan { service: id, sources, dumps, repository_dataset, schedule }
}

/// Returns the folder of the services on the machine's own disk, when it has a class; `local` is what services keep there.
fn appdata(model: &Model, machine: MachineId, repository: &str, local: &[(&Service, &State, String)]) -> Option<BackupSource> {
    let (path, class) = (&model[machine].appdata, model[machine].appdata_backup.as_ref()?);
    if store_of(model, machine, path).0 != Store::Local(machine) || class.value == BackupClass::Never || is_below(repository, path) {
        return None;
    }
    let left_out = local.iter().filter(|(_, state, _)| is_left_out(&state.backup) && is_below(&state.path, path));
    let mut exclude: Vec<String> = left_out.map(|(_, state, _)| state.path.clone()).collect();
    exclude.sort();
    exclude.dedup();
    let what = format!("{path} on the disk of {}", model[machine].name);
    Some(BackupSource { path: path.clone(), class: class.value, exclude, size: None, dataset: None, what, span: class.span })
}

fn describe(model: &Model, store: &Store) -> (Option<Size>, String, Option<DatasetRef>) {
    match store {
        Store::Dataset(dataset) => {
            let quota = model.dataset(dataset).quota.as_ref().map(|quota: &Spanned<Size>| quota.value);
            (quota, format!("dataset {}", model.dataset_path(dataset)), Some(*dataset))
        }
        Store::Export(machine, index) => {
            let export = &model[*machine].exports[*index as usize];
            (export.size, format!("export {} of {}", export.name, model[*machine].name), None)
        }
        Store::Local(machine) => (None, format!("disk of {}", model[*machine].name), None),
    }
}

fn dumps(backup: &Service, model: &Model, neighbours: &[ServiceId]) -> Vec<DumpPlan> {
    let mut dumps = Vec::new();
    for id in neighbours.iter().copied() {
        let service = &model[id];
        for (index, database) in service.databases.iter().enumerate() {
            let state = database.state.as_ref().and_then(|name| service.states.iter().find(|state| state.name == *name));
            let class = state.and_then(|state| class_at(model, service.machine, &state.path));
            dumps.push(DumpPlan {
                service: id,
                database: u32::try_from(index).unwrap_or_default(),
                machine: service.machine,
                class: class.filter(|class| *class != BackupClass::Never).unwrap_or(BackupClass::Daily),
                folder: format!("/var/backups/labwright/{}", backup.name),
            });
        }
    }
    dumps
}

fn schedule(service: &Service, classes: impl Iterator<Item = BackupClass>) -> BTreeMap<BackupClass, Cron> {
    let given = service.backup.as_ref().map(|backup| &backup.schedule);
    classes
        .filter_map(|class| {
            let usual = match class {
                BackupClass::Hourly => "0 * * * *",
                BackupClass::Daily => "30 2 * * *",
                BackupClass::Weekly => "30 3 * * 0",
                BackupClass::Monthly => "30 4 1 * *",
                BackupClass::Never => return None,
            };
            let cron = given.and_then(|given| given.get(&class)).cloned().or_else(|| Cron::parse(usual))?;
            Some((class, cron))
        })
        .collect()
}
