//! The names that are joined from several names of the lab, such as the file of a dump. Different
//! names can join to the same one: `m` and `web-data`, or `m-web` and `data`.

use super::backups::BackupPlan;
use super::{MachinePlan, Plan, secret_path};
use crate::model::{
    Database, Disk, Engine, FirstStart, Machine, MachineId, Model, MountKind, Pool, Role,
    SecretUse, Service,
};
use crate::source::Span;

/// A joined name, which must be unique in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joined {
    /// The kind of thing that gets the name: `dump`.
    pub kind: &'static str,
    /// The place in which the name must be unique: `restic`.
    pub place: String,
    /// The name.
    pub name: String,
    /// The thing that gets it: ``database `web-data` of `m` ``.
    pub what: String,
    /// The entity that it belongs to.
    pub owner: String,
    /// Its declaration.
    pub span: Span,
}

/// Lists all joined names of the lab.
pub fn joined(plan: &Plan<'_>) -> Vec<Joined> {
    let mut names = Vec::new();
    for (id, machine) in plan.model.machines() {
        names.extend(machine.pools.iter().flat_map(|pool| partitions(plan.model, id, pool)));
        names.extend(exports(machine));
        names.extend(first_starts(plan.model, id, plan.machine(id)));
        names.extend(dumps(plan.model, id, plan.machine(id)));
        names.extend(volumes(plan.model, id, plan.machine(id)));
        names.extend(secrets(plan.model, id, plan.machine(id)));
    }
    names.extend(measurements(plan));
    names.extend(jobs(plan));
    names.extend(boards(plan.model));
    names
}

/// Lists the names that a host's exports have for SMB.
fn exports(machine: &Machine) -> impl Iterator<Item = Joined> + '_ {
    machine.exports.iter().map(|export| Joined {
        kind: "SMB share",
        place: machine.name.clone(),
        name: export.smb.as_ref().unwrap_or(&export.name).to_ascii_lowercase(),
        what: format!("export `{}`", export.name),
        owner: machine.name.clone(),
        span: machine.span,
    })
}

/// Lists the names under which a machine notes the values that count at a first start alone.
fn first_starts<'p>(
    model: &'p Model,
    machine: MachineId,
    planned: &'p MachinePlan,
) -> impl Iterator<Item = Joined> + 'p {
    let joined = move |service: &Service, key: String, what: String| Joined {
        kind: "note of a first start",
        place: model[machine].name.clone(),
        name: key,
        what,
        owner: service.name.clone(),
        span: service.span,
    };
    let services = planned.services.iter().map(|id| &model[*id]);
    services.flat_map(move |service| {
        let of_containers = service.containers.iter().flat_map(move |container| {
            let secrets = container.secrets.iter().filter(|used| used.first_start.is_some());
            let secrets = secrets.map(move |used| {
                let name = &model[used.secret].name;
                let what = format!("secret `{name}` for `{}` of `{}`", used.owner, container.name);
                joined(service, secret_note(&container.name, used, name), what)
            });
            let has_start = |start: &Option<FirstStart>| start.is_some();
            let variables =
                container.environment.iter().filter(move |one| has_start(&one.first_start));
            let variables = variables.map(move |one| {
                let what = format!("variable `{}` of `{}`", one.name, container.name);
                joined(service, note(&container.name, &one.name), what)
            });
            secrets.chain(variables)
        });
        let own = service.secrets.iter().filter(|used| used.first_start.is_some());
        let own = own.map(move |used| {
            let name = &model[used.secret].name;
            let what = format!("secret `{name}` of `{}` itself", service.name);
            joined(service, secret_note(&service.name, used, name), what)
        });
        of_containers.chain(own)
    })
}

/// Returns the name under which a value that counts at the first start alone is noted.
pub fn note(of: &str, name: &str) -> String {
    format!("{of}/{name}")
}

/// Returns the name under which a secret that counts at the first start alone is noted.
pub fn secret_note(of: &str, used: &SecretUse, name: &str) -> String {
    let variable = used.file_variable.as_deref().or(used.value_variable.as_deref());
    note(of, variable.unwrap_or(name))
}

fn dumps<'p>(
    model: &'p Model,
    machine: MachineId,
    planned: &'p MachinePlan,
) -> impl Iterator<Item = Joined> + 'p {
    let services = planned.services.iter().map(|id| &model[*id]);
    services.flat_map(move |service| {
        service.databases.iter().map(move |database| Joined {
            kind: "dump",
            place: model[machine].name.clone(),
            name: dump_name(database),
            what: format!("database `{}` of `{}`", database.database, service.name),
            owner: service.name.clone(),
            span: service.span,
        })
    })
}

/// Returns the name of a dump's file.
pub fn dump_file(database: &Database) -> String {
    let suffix = match database.engine {
        Engine::Postgres => "dump",
        Engine::Mariadb => "sql",
        Engine::Sqlite => "sqlite",
        Engine::Folder | Engine::Undeclared => "tar",
    };
    format!("{}.{suffix}", dump_name(database))
}

/// Returns the name of a dump: a part of file names, a word in commands, the value of a label.
pub fn dump_name(database: &Database) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
    database.name.chars().map(|letter| if plain(letter) { letter } else { '-' }).collect()
}

/// Lists the files of measurements that backups write.
fn measurements<'p>(plan: &'p Plan<'_>) -> impl Iterator<Item = Joined> + 'p {
    plan.backups.iter().flat_map(|backup| {
        let service = &plan.model[backup.service];
        let joined = |name| Joined {
            kind: "file of measurements",
            place: plan.model[service.machine].name.clone(),
            name,
            what: format!("backup service `{}`", service.name),
            owner: service.name.clone(),
            span: service.span,
        };
        measured(backup, &service.name).into_iter().map(joined)
    })
}

/// Lists the names of the files, without their ending, in which a backup service says how its last
/// runs were.
pub fn measured(backup: &BackupPlan, service: &str) -> Vec<String> {
    let classes = backup.schedule.keys().flat_map(|class| {
        ["", "dump-"].map(|what| format!("labwright-backup-{service}-{what}{}", class.name()))
    });
    let checks = backup.check.iter().flat_map(|_| ["check", "drill"]);
    let checks = checks.map(|what| format!("labwright-backup-{service}-{what}"));
    classes.chain(checks).collect()
}

fn partitions<'p>(
    model: &'p Model,
    machine: MachineId,
    pool: &'p Pool,
) -> impl Iterator<Item = Joined> + 'p {
    let machine = &model[machine];
    let disks = pool.disks.iter().filter_map(|index| machine.disks.get(*index as usize));
    disks.filter(|disk| takes_part_of(pool, disk)).map(move |disk| Joined {
        kind: "partition",
        place: machine.name.clone(),
        name: partition_label(pool, disk),
        what: format!("disk `{}` of pool `{}`", disk.name, pool.name),
        owner: machine.name.clone(),
        span: machine.span,
    })
}

/// Returns whether a pool takes only a part of a disk, so that it needs a partition.
pub fn takes_part_of(pool: &Pool, disk: &Disk) -> bool {
    pool.size.is_some_and(|size| size < disk.size)
}

/// Returns the label of the partition that a pool takes of a disk.
pub fn partition_label(pool: &Pool, disk: &Disk) -> String {
    if pool.disks.len() == 1 { pool.name.clone() } else { format!("{}-{}", pool.name, disk.name) }
}

fn volumes<'p>(
    model: &'p Model,
    machine: MachineId,
    planned: &'p MachinePlan,
) -> impl Iterator<Item = Joined> + 'p {
    let services = planned.services.iter().map(|id| &model[*id]);
    services.flat_map(move |service| {
        let mounts = service.containers.iter().flat_map(|container| &container.mounts);
        mounts.filter(|mount| mount.kind == MountKind::Volume).map(move |mount| Joined {
            kind: "volume",
            place: model[machine].name.clone(),
            name: mount.source.clone(),
            what: format!("a volume of `{}`", service.name),
            owner: service.name.clone(),
            span: service.span,
        })
    })
}

/// Lists the keys of secrets in compose, and the files and folders of their copies on the machine.
fn secrets<'p>(
    model: &'p Model,
    machine: MachineId,
    planned: &'p MachinePlan,
) -> impl Iterator<Item = Joined> + 'p {
    let services = planned.services.iter().map(|id| &model[*id]);
    services.flat_map(move |service| {
        let used = service.containers.iter().flat_map(|container| &container.secrets);
        used.chain(&service.secrets).flat_map(move |SecretUse { secret, owner, .. }| {
            let secret = &model[*secret];
            let copy = format!("secret `{}` for `{owner}`", secret.name);
            let folder = format!("the folder of secrets for `{owner}`");
            let path = secret_path(&secret.name, owner);
            let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent).to_owned();
            let joined = |kind, name, what| Joined {
                kind,
                place: model[machine].name.clone(),
                name,
                what,
                owner: service.name.clone(),
                span: service.span,
            };
            // A secret of root that is called like the owner would be a file in the place of this
            // folder.
            let folder = (owner != "root").then(|| joined("file", parent, folder));
            [
                joined("secret", secret_key(&secret.name, owner), copy.clone()),
                joined("file", path, copy),
            ]
            .into_iter()
            .chain(folder)
        })
    })
}

/// Returns the name of a secret in the compose file. Programs that run as different users read
/// different copies of a secret.
pub fn secret_key(name: &str, owner: &str) -> String {
    // Compose allows no colon in the name of a secret.
    if owner == "root" { name.to_owned() } else { format!("{name}-of-{}", owner.replace(':', "-")) }
}

fn jobs<'p>(plan: &'p Plan<'_>) -> impl Iterator<Item = Joined> + 'p {
    plan.scrapes.iter().map(|scrape| {
        let service = &plan.model[scrape.endpoint.service];
        Joined {
            kind: "job",
            place: plan.model[scrape.by].name.clone(),
            name: scrape.job.clone(),
            what: format!(
                "endpoint `{}` of `{}`",
                plan.model.endpoint(scrape.endpoint).name,
                service.name
            ),
            owner: service.name.clone(),
            span: service.span,
        }
    })
}

fn boards(model: &Model) -> impl Iterator<Item = Joined> + '_ {
    let of_modules = model.services.iter().flat_map(|service| {
        service.dashboards.iter().map(|board| Joined {
            kind: "dashboard",
            place: String::new(),
            name: board_name(&service.module, &board.name),
            what: format!("`{}` of module `{}`", board.name, service.module),
            owner: service.name.clone(),
            span: service.span,
        })
    });
    let of_lab = model.dashboards.iter().map(|board| Joined {
        kind: "dashboard",
        place: String::new(),
        name: board_name(&model.lab.name, &board.name),
        what: format!("`{}` of the lab", board.name),
        owner: board.name.clone(),
        span: board.span,
    });
    // Dashboards become files only where a Grafana reads them.
    let read = model.services.iter().any(|service| service.has(Role::Grafana));
    of_modules.chain(of_lab).filter(move |_| read)
}

/// Returns the name of a dashboard's file.
pub fn board_name(owner: &str, board: &str) -> String {
    format!("{owner}-{board}")
}
