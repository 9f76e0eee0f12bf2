//! Takes the data for the backup scripts of one service from the plan.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::model::{Backup, BackupClass, Database, Engine, Model, Service};
use crate::plan::joined::{dump_file, dump_name};
use crate::plan::store::is_below;
use crate::plan::{BackupPlan, DumpPlan, Plan, secret_path};

/// The data for the scripts of one backup service.
#[derive(Debug, Serialize)]
pub struct View {
    pub service: String,
    pub machine: String,
    pub repository: Repository,
    pub classes: Vec<&'static str>,
    pub keep: Vec<Keep>,
    /// The tags of each snapshot, beside its class.
    pub tags: Vec<String>,
    /// The dumps, by class.
    pub dumps: Vec<ClassDumps>,
    pub has_dumps: bool,
    /// The databases that can be restored.
    pub databases: Vec<DatabaseView>,
    /// The mount points of the machine.
    #[serde(skip)]
    pub mounts: Vec<String>,
    /// The paths that each class saves and leaves out.
    #[serde(skip)]
    pub sources: BTreeMap<BackupClass, Sources>,
    /// The dumps that other machines make into what each class saves.
    #[serde(skip)]
    pub awaited: BTreeMap<BackupClass, Vec<String>>,
    /// The paths that the scripts write to, for the units' sandbox.
    #[serde(skip)]
    pub writes: Vec<String>,
    /// Those of the paths that are folders of the backup's own, to make beforehand.
    #[serde(skip)]
    pub folders: Vec<String>,
}

/// The place of a repository and how to open it.
#[derive(Debug, Serialize)]
pub struct Repository {
    location: String,
    password_file: String,
    /// The server of an `sftp:…` repository.
    pub server: Option<Server>,
    /// The server's public key, if the lab declares it.
    #[serde(skip)]
    pub host_key: Option<String>,
    file_variables: Vec<Variable>,
    value_variables: Vec<Variable>,
}

/// A server that is reached by ssh.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Server {
    user: Option<String>,
    host: String,
    port: Option<String>,
}

impl Server {
    /// Parses the server of `sftp:user@host:folder` or `sftp://user@host:port/folder`, as restic
    /// does.
    fn of(repository: &str) -> Option<Self> {
        let rest = repository.strip_prefix("sftp:")?;
        let url = rest.strip_prefix("//").map(|url| url.split('/').next().unwrap_or_default());
        let login = url.or_else(|| rest.split_once(':').map(|(login, _)| login))?;
        // The name of a user may contain an `@`, so the last one ends it.
        let (user, place) = login
            .rsplit_once('@')
            .map_or((None, login), |(user, place)| (Some(user.to_owned()), place));
        // A port follows the last colon of a URL, unless that colon is part of an address in
        // brackets.
        let port =
            url.and_then(|_| place.rsplit_once(':')).filter(|(_, port)| !port.ends_with(']'));
        let (host, port) = port.map_or((place, None), |(host, port)| (host, Some(port.to_owned())));
        Some(Self {
            user,
            host: host.trim_start_matches('[').trim_end_matches(']').to_owned(),
            port,
        })
    }
}

#[derive(Debug, Serialize)]
struct Variable {
    name: String,
    path: String,
}

/// The number of snapshots to keep of each age.
#[derive(Debug, Serialize)]
pub struct Keep {
    age: String,
    count: u32,
}

/// The dumps of one class.
#[derive(Debug, Serialize)]
pub struct ClassDumps {
    pub name: &'static str,
    dumps: Vec<DumpView>,
}

#[derive(Debug, Serialize)]
struct DumpView {
    name: String,
    folder: String,
}

/// A database that can be restored.
#[derive(Debug, Serialize)]
pub struct DatabaseView {
    name: String,
    class: &'static str,
    engine: &'static str,
    container: String,
    /// For sqlite, the file of the database.
    file: String,
    dump: String,
    optional: &'static str,
}

/// The paths that one class saves and leaves out.
#[derive(Debug, Default)]
pub struct Sources {
    pub paths: Vec<String>,
    pub excludes: Vec<String>,
}

/// Collects the data of a backup service. Returns nothing if the service is not for backups.
pub fn view(plan: &Plan<'_>, backup: &BackupPlan) -> Option<View> {
    let model = plan.model;
    let service = &model[backup.service];
    let settings = service.backup.as_ref()?;
    let machine = service.machine;
    let mounts = plan.machine(machine).mount_points.clone();
    let mut sources: BTreeMap<BackupClass, Sources> = BTreeMap::new();
    for source in &backup.sources {
        let class = sources.entry(source.class).or_default();
        class.paths.push(source.path.clone());
        class.excludes.extend(source.exclude.iter().map(|path| exclude_line(path)));
    }
    let dumps: Vec<(&DumpPlan, &Database)> = backup
        .dumps
        .iter()
        .map(|dump| (dump, model.database(dump.service, dump.database)))
        .collect();
    let (mut made, mut writes) = (Vec::new(), Vec::new());
    for (dump, database) in &dumps {
        let class = sources.entry(dump.class).or_default();
        if !class.paths.iter().any(|path| is_below(&dump.folder, path)) {
            class.paths.push(dump.folder.clone());
        }
        made.push(dump.folder.clone());
        // The folders of services are theirs to make, with an owner and a mode of their own.
        // sqlite keeps its lock and its log next to the file, and readers use them too.
        match database.engine {
            Engine::Sqlite => {
                let folder = database.database.rsplit_once('/').map(|(folder, _)| folder);
                writes.extend(folder.map(str::to_owned));
            }
            Engine::Undeclared => writes.push(database.database.clone()),
            _ => {}
        }
    }
    for class in sources.values_mut() {
        // These are restic's patterns already, so nothing in them is escaped.
        class.excludes.extend(settings.exclude.iter().cloned());
    }
    let location = &settings.repository.value;
    if location.starts_with('/') {
        made.push(location.clone());
    }
    made.sort();
    made.dedup();
    // No folder is made below a mount point: if the mount is missing, it would be made on the disk
    // below.
    let on_mount = |path: &str| mounts.iter().find(|mount| is_below(path, mount));
    let folders = made.iter().filter(|path| on_mount(path).is_none()).cloned().collect();
    writes.append(&mut made);
    let mut writes: Vec<String> =
        writes.iter().map(|path| on_mount(path).unwrap_or(path).clone()).collect();
    writes.sort();
    writes.dedup();
    Some(View {
        service: service.name.clone(),
        machine: model[machine].name.clone(),
        repository: repository(model, service, settings),
        classes: sources.keys().map(|class| class.name()).collect(),
        keep: settings
            .keep
            .iter()
            .map(|(age, count)| Keep { age: age.clone(), count: *count })
            .collect(),
        tags: settings.tags.clone(),
        has_dumps: !dumps.is_empty(),
        databases: dumps.iter().map(|(dump, database)| database_view(dump, database)).collect(),
        dumps: class_dumps(&dumps),
        awaited: awaited(plan, backup),
        mounts,
        sources,
        writes,
        folders,
    })
}

fn repository(model: &Model, service: &Service, settings: &Backup) -> Repository {
    let location = settings.repository.value.clone();
    let mut repository = Repository {
        password_file: secret_path(&model[settings.password].name, "root"),
        server: Server::of(&location),
        host_key: settings.host_key.clone(),
        location,
        file_variables: Vec::new(),
        value_variables: Vec::new(),
    };
    for secret in &service.secrets {
        let path = secret_path(&model[secret.secret].name, &secret.owner);
        if let Some(name) = &secret.file_variable {
            repository.file_variables.push(Variable { name: name.clone(), path: path.clone() });
        }
        if let Some(name) = &secret.value_variable {
            repository.value_variables.push(Variable { name: name.clone(), path });
        }
    }
    repository
}

fn awaited(plan: &Plan<'_>, backup: &BackupPlan) -> BTreeMap<BackupClass, Vec<String>> {
    let mut awaited: BTreeMap<BackupClass, Vec<String>> = BTreeMap::new();
    for job in plan.dump_jobs.iter().filter(|job| job.backup == backup.service) {
        let databases = job.databases.iter().map(|(id, index)| plan.model.database(*id, *index));
        awaited.entry(job.class).or_default().extend(
            databases
                // An optional database may not exist, and then no dump of it ever arrives.
                .filter(|database| !database.optional)
                .map(|database| format!("{}/{}", job.folder_there, dump_file(database))),
        );
    }
    awaited
}

fn class_dumps(dumps: &[(&DumpPlan, &Database)]) -> Vec<ClassDumps> {
    let mut classes: BTreeMap<BackupClass, Vec<DumpView>> = BTreeMap::new();
    for (dump, database) in dumps {
        classes
            .entry(dump.class)
            .or_default()
            .push(DumpView { name: dump_name(database), folder: dump.folder.clone() });
    }
    classes.into_iter().map(|(class, dumps)| ClassDumps { name: class.name(), dumps }).collect()
}

fn database_view(dump: &DumpPlan, database: &Database) -> DatabaseView {
    DatabaseView {
        dump: format!("{}/{}", dump.folder, dump_file(database)),
        name: dump_name(database),
        optional: if database.optional { "1" } else { "0" },
        class: dump.class.name(),
        engine: database.engine.name(),
        container: database.container.clone().unwrap_or_default(),
        file: if database.engine.is_on_disk() { database.database.clone() } else { String::new() },
    }
}

/// Writes a path as a line of restic's exclude file that leaves out nothing else. Such lines are
/// patterns with variables, and restic trims them.
fn exclude_line(path: &str) -> String {
    let mut line = String::with_capacity(path.len());
    for character in path.chars() {
        match character {
            '\\' | '*' | '?' | '[' | ']' => line.extend(['\\', character]),
            '$' => line.push_str("$$"),
            character => line.push(character),
        }
    }
    // In brackets, a blank at the end is a pattern of its own, which restic does not trim.
    let kept = line.trim_end().len();
    let trimmed: Vec<char> = line.split_off(kept).chars().collect();
    for space in trimmed {
        line.extend(['[', space, ']']);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_read_as_restic_reads_it() {
        let server = |user: Option<&str>, host: &str, port: Option<&str>| {
            Some(Server {
                user: user.map(str::to_owned),
                host: host.to_owned(),
                port: port.map(str::to_owned),
            })
        };
        assert_eq!(Server::of("sftp:me@nas:/srv/a"), server(Some("me"), "nas", None));
        assert_eq!(Server::of("sftp:nas:a:b"), server(None, "nas", None));
        assert_eq!(
            Server::of("sftp://me@x@nas:2222//srv"),
            server(Some("me@x"), "nas", Some("2222"))
        );
        assert_eq!(Server::of("sftp://[fd00::1]/srv"), server(None, "fd00::1", None));
        assert_eq!(Server::of("sftp://[fd00::1]:22/srv"), server(None, "fd00::1", Some("22")));
        assert_eq!(Server::of("rest:http://nas"), None);
    }

    #[test]
    fn an_exclude_line_means_one_path() {
        assert_eq!(exclude_line("/srv/plain"), "/srv/plain");
        assert_eq!(exclude_line(r"/srv/$HOME/[a]*\ "), r"/srv/$$HOME/\[a\]\*\\[ ]");
    }
}
