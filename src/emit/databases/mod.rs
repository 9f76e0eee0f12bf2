//! Emits what dumps and loads the databases of a machine, for its backups, for the backups of other
//! machines that save its data, and for labctl before an image changes.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use serde::Serialize;

use super::{Context, Emitter};
use crate::artifact::{Artifact, Artifacts, Slot};
use crate::diag::Diagnostics;
use crate::format::Templates;
use crate::kind::Kind;
use crate::model::{Database, Engine, MachineKind, UnitAction};
use crate::plan::joined::{dump_file, dump_name};
use crate::plan::store::is_below;
use crate::plan::{DumpJob, mount_name};

static TEMPLATES: LazyLock<Templates> = LazyLock::new(|| {
    Templates::new(&[
        ("list.sh.j2", include_str!("list.sh.j2")),
        ("dump.sh.j2", include_str!("dump.sh.j2")),
        ("load.sh.j2", include_str!("load.sh.j2")),
        ("size.sh.j2", include_str!("size.sh.j2")),
        ("scheduled.sh.j2", include_str!("scheduled.sh.j2")),
        ("folders.sh.j2", include_str!("folders.sh.j2")),
        ("unit.service.j2", include_str!("unit.service.j2")),
        ("unit.timer.j2", include_str!("../backup/unit.timer.j2")),
    ])
});

/// The emitter of `databases/`.
pub const EMITTER: Emitter = Emitter { name: "databases", folders: &["databases"], emit };

/// The folder of the scripts on a machine.
const INSTALLED: &str = "/usr/local/lib/labwright-databases";

/// The data of the scripts.
#[derive(Debug, Serialize)]
struct View<'p> {
    databases: Vec<DatabaseView<'p>>,
    engines: Engines,
    jobs: Vec<JobView<'p>>,
}

#[derive(Debug, Serialize)]
struct DatabaseView<'p> {
    name: String,
    service: &'p str,
    engine: &'static str,
    container: &'p str,
    user: &'p str,
    database: &'p str,
    file: String,
    optional: &'static str,
    /// Paths below that are another database, or another state.
    except: String,
}

/// The database engines that the scripts need.
#[derive(Debug, Serialize)]
struct Engines {
    postgres: bool,
    mariadb: bool,
    sqlite: bool,
    folder: bool,
    undeclared: bool,
}

#[derive(Debug, Serialize)]
struct JobView<'p> {
    class: &'static str,
    backup: &'p str,
    root: &'p str,
    folder: &'p str,
    names: Vec<String>,
}

#[derive(Debug, Serialize)]
struct ServiceUnit<'v> {
    description: &'v str,
    command: String,
    mount: String,
}

#[derive(Debug, Serialize)]
struct TimerUnit<'v> {
    description: &'v str,
    calendar: String,
    timezone: &'v str,
}

fn emit(context: &Context<'_>, artifacts: &mut Artifacts, diagnostics: &mut Diagnostics) {
    let databases: Vec<DatabaseView<'_>> = context
        .services()
        .flat_map(|(_, service)| {
            let view = |database| database_view(context, &service.name, database);
            service.databases.iter().map(view)
        })
        .collect();
    if databases.is_empty() || context.this().kind == MachineKind::Appliance {
        return;
    }
    let uses = |engine: Engine| databases.iter().any(|one| one.engine == engine.name());
    let jobs = context.plan.dump_jobs_at(context.machine);
    let view = View {
        engines: Engines {
            postgres: uses(Engine::Postgres),
            mariadb: uses(Engine::Mariadb),
            sqlite: uses(Engine::Sqlite) || uses(Engine::Undeclared),
            folder: uses(Engine::Folder),
            undeclared: uses(Engine::Undeclared),
        },
        jobs: jobs.iter().map(|job| job_view(context, job)).collect(),
        databases,
    };
    let origin: Vec<String> = view
        .databases
        .iter()
        .map(|one| one.service)
        .collect::<BTreeSet<_>>()
        .into_iter()
        .map(|service| format!("service {service}"))
        .collect();
    let machine = &context.this().name;
    // labctl uses these before an image changes, even where no backup dumps anything.
    let scripts = ["list.sh", "dump.sh", "load.sh", "size.sh"].into_iter();
    for name in scripts.chain((!jobs.is_empty()).then_some("scheduled.sh")) {
        if let Some(text) = TEMPLATES.write(&format!("{name}.j2"), &view, machine, diagnostics) {
            artifacts.install(
                &format!("databases/{name}"),
                Artifact::new(Kind::Shell, text, origin.clone()),
                &format!("{INSTALLED}/{name}"),
                "0755",
            );
        }
    }
    if jobs.is_empty() {
        return;
    }
    if let Some(body) = TEMPLATES.write("folders.sh.j2", &(), machine, diagnostics) {
        artifacts.step(Slot::FOLDERS, "databases", &["databases/"], &body, origin.clone());
    }
    for job in jobs {
        units(context, job, &origin, artifacts, diagnostics);
    }
}

fn database_view<'p>(
    context: &Context<'p>,
    service: &'p str,
    database: &'p Database,
) -> DatabaseView<'p> {
    let name = dump_name(database);
    DatabaseView {
        file: dump_file(database),
        name,
        service,
        engine: database.engine.name(),
        container: database.container.as_deref().unwrap_or_default(),
        user: &database.user,
        database: &database.database,
        optional: if database.optional { "1" } else { "0" },
        except: except(context, database),
    }
}

/// Lists what lies in the folder of a database that nothing declares and is another one, or in
/// another state, which is looked through by itself or is never saved.
fn except(context: &Context<'_>, database: &Database) -> String {
    if database.engine != Engine::Undeclared {
        return String::new();
    }
    let paths = context.services().flat_map(|(_, service)| {
        let databases = service.databases.iter().filter(|other| other.engine.is_on_disk());
        let databases = databases.map(|other| other.database.as_str());
        databases.chain(service.states.iter().map(|state| state.path.as_str()))
    });
    let inside: BTreeSet<&str> = paths
        .filter(|path| *path != database.database && is_below(path, &database.database))
        .collect();
    inside.into_iter().collect::<Vec<_>>().join("\n")
}

fn job_view<'p>(context: &Context<'p>, job: &'p DumpJob) -> JobView<'p> {
    let model = context.model();
    let names = job.databases.iter().map(|(id, index)| dump_name(model.database(*id, *index)));
    JobView {
        class: job.class.name(),
        backup: &model[job.backup].name,
        root: &job.root,
        folder: &job.folder,
        names: names.collect(),
    }
}

/// Adds the timer of a job and what it starts.
fn units(
    context: &Context<'_>,
    job: &DumpJob,
    origin: &[String],
    artifacts: &mut Artifacts,
    diagnostics: &mut Diagnostics,
) {
    let class = job.class.name();
    let name = job.unit();
    let description = format!("The {class} dumps of databases");
    let service = ServiceUnit {
        description: &description,
        command: format!("{INSTALLED}/scheduled.sh {class}"),
        mount: mount_name(&job.root),
    };
    let timer = TimerUnit {
        description: &description,
        calendar: job.schedule.calendar(),
        timezone: &context.model().lab.timezone,
    };
    let machine = &context.this().name;
    let texts = (
        TEMPLATES.write("unit.service.j2", &service, machine, diagnostics),
        TEMPLATES.write("unit.timer.j2", &timer, machine, diagnostics),
    );
    if let (Some(service), Some(timer)) = texts {
        let origin = || origin.to_vec();
        artifacts.unit(
            &format!("{name}.service"),
            UnitAction::Install,
            service,
            origin(),
            vec!["databases/".to_owned()],
        );
        artifacts.unit(
            &format!("{name}.timer"),
            UnitAction::EnableStart,
            timer,
            origin(),
            Vec::new(),
        );
    }
}
