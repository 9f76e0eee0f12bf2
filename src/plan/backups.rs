//! Plans what each backup service saves: the folders with a backup class on its machine, and the
//! databases that it dumps first.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::store::{Store, class_at, datasets, is_below};
use crate::digest::sha256_hex;
use crate::model::{
    BackupClass, Cron, Database, DatasetRef, Machine, MachineId, Model, Service, ServiceId, Size,
    State, StateBackup,
};
use crate::source::Span;

/// What one backup service does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupPlan {
    /// The backup service.
    pub service: ServiceId,
    /// The folders, by path.
    pub sources: Vec<BackupSource>,
    /// The databases that are dumped first.
    pub dumps: Vec<DumpPlan>,
    /// The dataset with the repository, if it is in one.
    pub repository_dataset: Option<DatasetRef>,
    /// The schedule of each class that has something to do.
    pub schedule: BTreeMap<BackupClass, Cron>,
    /// When the repository is checked.
    pub check: Option<Cron>,
}

impl BackupPlan {
    /// Returns the unit of systemd that runs a class of the backup service called `service`, or its
    /// check, without the unit's ending.
    pub fn unit(service: &str, what: &str) -> String {
        format!("{service}-{what}")
    }
}

/// A folder to back up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupSource {
    /// The path on the backup service's machine.
    pub path: String,
    /// The backup class.
    pub class: BackupClass,
    /// Paths below it that are left out: dumped databases, and states with `never`.
    pub exclude: Vec<String>,
    /// Its greatest size, if known.
    pub size: Option<Size>,
    /// The dataset it is in.
    pub dataset: Option<DatasetRef>,
    /// A description for people: `dataset tank-ssd/appdata`.
    pub what: String,
    /// The declaration.
    pub span: Span,
}

/// A database to dump.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DumpPlan {
    /// The service that uses the database.
    pub service: ServiceId,
    /// The database, by index in its service.
    pub database: u32,
    /// The machine it runs on.
    pub machine: MachineId,
    /// The backup class.
    pub class: BackupClass,
    /// The folder of the dumps, on the machine that runs the database.
    pub folder: String,
}

/// Returns the folder of a backup service's scripts on its machine.
pub fn scripts(service: &Service) -> String {
    format!("/usr/local/lib/labwright/{}", service.name)
}

/// A folder on a machine, with the place that contains it.
struct Folder {
    path: String,
    store: Store,
    span: Span,
}

fn folders(model: &Model, machine: MachineId) -> Vec<Folder> {
    let shares = model[machine].shares.iter().map(|share| Folder {
        path: share.at.clone(),
        store: Store::from(&share.source),
        span: share.span,
    });
    let own = datasets(model, machine).map(|(dataset, path)| Folder {
        path: path.to_owned(),
        store: Store::Dataset(dataset),
        span: model.dataset(&dataset).span,
    });
    let exports = model[machine].exports.iter().zip(0..).map(|(export, index)| Folder {
        path: export.path.clone(),
        store: Store::Export(machine, index),
        span: export.span,
    });
    let mut list: Vec<Folder> = shares.chain(own).chain(exports).collect();
    list.sort_by(|a, b| a.path.cmp(&b.path));
    list.dedup_by(|a, b| a.store == b.store);
    list
}

/// The states of services by the place that contains them, with the path below that.
type States<'m> = BTreeMap<Store, Vec<(&'m Service, &'m State, String)>>;

/// Plans every backup service. `services` are those of each machine.
pub fn backups(model: &Model, services: &[Vec<ServiceId>]) -> Vec<BackupPlan> {
    if !model.services.iter().any(|service| service.backup.is_some()) {
        return Vec::new();
    }
    let mut kept: States<'_> = BTreeMap::new();
    for service in &model.services {
        for state in &service.states {
            let (store, below) = Store::at(model, service.machine, &state.path);
            kept.entry(store).or_default().push((service, state, below));
        }
    }
    let with_backup = model.services().filter(|(_, service)| service.backup.is_some());
    with_backup
        .map(|(id, service)| {
            backup(id, service, model, service.machine.of::<Vec<_>>(services), &kept)
        })
        .collect()
}

fn backup(
    id: ServiceId,
    service: &Service,
    model: &Model,
    neighbours: &[ServiceId],
    kept: &States<'_>,
) -> BackupPlan {
    let machine = service.machine;
    let repository =
        service.backup.as_ref().map(|backup| backup.repository.value.as_str()).unwrap_or_default();
    // A repository that is not a path is on no disk of this machine.
    let repository_store =
        repository.starts_with('/').then(|| Store::at(model, machine, repository).0);
    let mut sources = Vec::new();
    for folder in folders(model, machine) {
        let Some(class) = folder.store.class(model).filter(|class| *class != BackupClass::Never)
        else {
            continue;
        };
        let inside = kept.get(&folder.store).map(Vec::as_slice).unwrap_or_default();
        let left_out = inside.iter().filter(|(_, state, _)| is_left_out(&state.backup));
        let mut exclude: Vec<String> =
            left_out.map(|(.., below)| format!("{}{below}", folder.path)).collect();
        exclude.sort();
        exclude.dedup();
        // A backup must not contain its own repository.
        if exclude.contains(&folder.path) || is_below(repository, &folder.path) {
            continue;
        }
        let (size, dataset) = match folder.store {
            Store::Dataset(dataset) => {
                (model.dataset(&dataset).quota.as_ref().map(|quota| quota.value), Some(dataset))
            }
            Store::Export(machine, index) => (model.export(machine, index).size, None),
            Store::Local(_) => (None, None),
        };
        let what = folder.store.name(model);
        sources.push(BackupSource {
            path: folder.path,
            class,
            exclude,
            size,
            dataset,
            what,
            span: folder.span,
        });
    }
    let local = kept.get(&Store::Local(machine)).map(Vec::as_slice).unwrap_or_default();
    sources.extend(appdata(model, machine, repository, local));
    // A disk has no class of its own. So a state on it that has one is a source by itself.
    for (owner, state, _) in local {
        if let StateBackup::Class(class) = &state.backup
            && *class != BackupClass::Never
        {
            let what = format!("{} of service {}", state.name, owner.name);
            let left_out = local.iter().filter(|(_, other, _)| {
                is_left_out(&other.backup) && is_below(&other.path, &state.path)
            });
            let mut exclude: Vec<String> =
                left_out.map(|(_, other, _)| other.path.clone()).collect();
            exclude.sort();
            exclude.dedup();
            let source = BackupSource {
                path: state.path.clone(),
                class: *class,
                exclude,
                size: None,
                dataset: None,
                what,
                span: owner.span,
            };
            sources.push(source);
        }
    }
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    sources.dedup_by(|a, b| a.path == b.path);
    let mut dumps = dumps(service, model, neighbours);
    if let Some(backup) = service.backup.as_ref().filter(|backup| !backup.classes.is_empty()) {
        sources.retain(|source| backup.classes.contains(&source.class));
        dumps.retain(|dump| backup.classes.contains(&dump.class));
    }
    // Further targets of a machine have their turn later, so that its databases are dumped and its
    // disks read for one at a time.
    let before = neighbours.iter().filter(|other| **other < id && model[**other].backup.is_some());
    let later = u8::try_from(before.count()).unwrap_or_default().wrapping_mul(20);
    let minute = own_minute(&model[machine].name).wrapping_add(later) % 60;
    let schedule = schedule(
        service,
        minute,
        sources.iter().map(|source| source.class).chain(dumps.iter().map(|dump| dump.class)),
    );
    let repository_dataset = match repository_store {
        Some(Store::Dataset(dataset)) => Some(dataset),
        _ => None,
    };
    let check = service.backup.as_ref().and_then(|backup| backup.check.clone());
    let check = check.or_else(|| Cron::parse(&format!("{minute} 10 * * 0")));
    BackupPlan { service: id, sources, dumps, repository_dataset, schedule, check }
}

/// Returns the folder of the services on the machine's own disk, if it has a backup class. `local`
/// are the states on that disk.
fn appdata(
    model: &Model,
    machine: MachineId,
    repository: &str,
    local: &[(&Service, &State, String)],
) -> Option<BackupSource> {
    let (path, class) = (&model[machine].appdata, model[machine].appdata_backup.as_ref()?);
    if Store::at(model, machine, path).0 != Store::Local(machine)
        || class.value == BackupClass::Never
        || is_below(repository, path)
    {
        return None;
    }
    let left_out = local
        .iter()
        .filter(|(_, state, _)| is_left_out(&state.backup) && is_below(&state.path, path));
    let mut exclude: Vec<String> = left_out.map(|(_, state, _)| state.path.clone()).collect();
    exclude.sort();
    exclude.dedup();
    let what = format!("{path} on the disk of {}", model[machine].name);
    Some(BackupSource {
        path: path.clone(),
        class: class.value,
        exclude,
        size: None,
        dataset: None,
        what,
        span: class.span,
    })
}

/// Returns the minute at which a machine does what all machines do, so that they do not all begin
/// at once.
fn own_minute(machine: &str) -> u8 {
    let digest = sha256_hex(machine.as_bytes());
    let number = digest.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
    number.unwrap_or_default() % 60
}

/// Chooses when each class runs. No zone changes its clocks at these hours, nor in the hour before,
/// in which other machines dump their databases.
fn schedule(
    service: &Service,
    minute: u8,
    classes: impl Iterator<Item = BackupClass>,
) -> BTreeMap<BackupClass, Cron> {
    let given = service.backup.as_ref().map(|backup| &backup.schedule);
    classes
        .filter_map(|class| {
            let usual = match class {
                BackupClass::Hourly => "* * * *",
                BackupClass::Daily => "5 * * *",
                BackupClass::Weekly => "6 * * 0",
                BackupClass::Monthly => "7 1 * *",
                BackupClass::Never => return None,
            };
            let cron = given
                .and_then(|given| given.get(&class))
                .cloned()
                .or_else(|| Cron::parse(&format!("{minute} {usual}")))?;
            Some((class, cron))
        })
        .collect()
}

/// Returns the state that contains a database.
pub fn state_of<'m>(service: &'m Service, database: &Database) -> Option<&'m State> {
    let name = database.state.as_ref()?;
    service.states.iter().find(|state| state.name == *name)
}

/// Lists the databases of `services` with their indexes.
pub(super) fn databases<'m>(
    model: &'m Model,
    services: &[ServiceId],
) -> impl Iterator<Item = (ServiceId, u32, &'m Service, &'m Database)> {
    services.iter().copied().flat_map(|id| {
        let service = &model[id];
        (0..).zip(&service.databases).map(move |(index, database)| (id, index, service, database))
    })
}

/// Plans the dumps that a backup service makes itself: those of its own machine.
fn dumps(backup: &Service, model: &Model, neighbours: &[ServiceId]) -> Vec<DumpPlan> {
    databases(model, neighbours)
        .map(|(id, index, service, database)| {
            let class = state_of(service, database)
                .and_then(|state| class_at(model, service.machine, &state.path));
            DumpPlan {
                service: id,
                database: index,
                machine: service.machine,
                // The class of a folder is about its files. Where they are never saved, a dump is
                // still made every day.
                class: class
                    .filter(|class| *class != BackupClass::Never)
                    .unwrap_or(BackupClass::Daily),
                folder: format!("/var/backups/labwright/{}", backup.name),
            }
        })
        .collect()
}

/// Returns whether backups of files leave a state out.
pub(super) const fn is_left_out(backup: &StateBackup) -> bool {
    matches!(
        backup,
        StateBackup::Dump | StateBackup::Never(_) | StateBackup::Class(BackupClass::Never)
    )
}

/// Splits `sftp:user@server:/folder`, `sftp://user@server/folder` and `rest:http://server:8000/…`
/// into the server and, where it is known, the folder there.
pub fn server(repository: &str) -> Option<(&str, Option<&str>)> {
    let (kind, rest) = repository.split_once(':')?;
    let (login, folder) = match (kind, rest.split_once("//")) {
        // The path in such a URL is below a folder of the server that only the server knows.
        ("rest", Some((_, url))) => (url.split('/').next()?, None),
        ("sftp", Some(("", url))) => {
            let (login, folder) = url.split_once('/')?;
            (login, Some(folder).filter(|folder| folder.starts_with('/')))
        }
        ("sftp", _) => {
            let (login, folder) = rest.split_once(':')?;
            (login, Some(folder).filter(|folder| folder.starts_with('/')))
        }
        _ => return None,
    };
    let server = login.rsplit_once('@').map_or(login, |(_, server)| server);
    let name = match server.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        None => server.split_once(':').map_or(server, |(name, _)| name),
    };
    Some((name, folder))
}

/// The machine that has an address, by address.
pub type Owners = BTreeMap<IpAddr, MachineId>;

/// Finds the machine of every address of the lab.
pub fn owners(model: &Model) -> Owners {
    let own = |(id, machine): (MachineId, &Machine)| {
        machine.addresses.iter().map(move |own| (own.address, id)).collect::<Vec<_>>()
    };
    model.machines().flat_map(own).collect()
}

/// Finds the machine of the lab that serves a repository, with the folder there if it is known.
pub fn holder<'r>(
    model: &Model,
    owners: &Owners,
    repository: &'r str,
) -> Option<(MachineId, Option<&'r str>)> {
    let (name, folder) = server(repository)?;
    let domain = model.lab.domain.as_deref();
    let short = domain.and_then(|domain| name.strip_suffix(domain)?.strip_suffix('.'));
    let named = |(_, machine): &(MachineId, &Machine)| {
        machine.name == name || Some(machine.name.as_str()) == short
    };
    let by_name = || model.machines().find(named).map(|(id, _)| id);
    let by_address = name.parse().ok().and_then(|address: IpAddr| owners.get(&address).copied());
    Some((by_address.or_else(by_name)?, folder))
}

/// Finds the place that holds a repository of a machine, and the path below that, if it is in the
/// lab and known.
pub fn home(
    model: &Model,
    machine: MachineId,
    repository: &str,
    owners: &Owners,
) -> Option<(Store, String)> {
    if repository.starts_with('/') {
        return Some(Store::at(model, machine, repository));
    }
    let (machine, folder) = holder(model, owners, repository)?;
    Some(Store::at(model, machine, folder?))
}

#[cfg(test)]
mod tests {
    use super::server;

    #[test]
    fn the_server_of_a_repository_is_read() {
        assert_eq!(server("rest:http://a:b@192.168.1.20:8000/lab"), Some(("192.168.1.20", None)));
        assert_eq!(server("rest:http://a:b@[fd00::20]:8000/lab"), Some(("fd00::20", None)));
        assert_eq!(server("sftp:me@nas:/srv/a"), Some(("nas", Some("/srv/a"))));
        assert_eq!(server("sftp:nas:here"), Some(("nas", None)));
        assert_eq!(server("sftp://me@nas:22//srv/a"), Some(("nas", Some("/srv/a"))));
        assert_eq!(server("s3:https://s3.example.org/lab"), None);
    }
}
