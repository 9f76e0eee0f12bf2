//! Reads the evaluated parts of a module into a service: containers, files, units, databases.

use super::container_faults;
use super::containers::{container, device, resources};
use super::files::{file, folder, script, template};
use super::names::compose_name;
use super::part_faults;
use super::read::{Report, secret, sysctl, text, words};
use super::service_networks::{check_networks, container_network};
use super::units;
use super::visible::Visible;
use crate::decl::Block;
use crate::diag::Diagnostics;
use crate::model::image::database_major;
use crate::model::{ByHandStep, Dashboard, Database, Engine, Package, Service, State, StateBackup};
use crate::source::{Sources, Spanned};

/// What reading the parts of a service needs.
#[derive(Clone, Copy)]
pub struct Reading<'r> {
    /// The lab.
    pub lab: &'r Visible,
    /// The files that contain the templates.
    pub sources: &'r Sources,
    /// Reports a fault at the service.
    pub report: Report<'r>,
}

/// Adds the evaluated parts to a service. Returns the containers that use another service's
/// network.
pub fn fill(
    service: &mut Service,
    block: &Block<'_>,
    concrete: &[Block<'_>],
    reading: Reading<'_>,
    diagnostics: &mut Diagnostics,
) -> Vec<(String, Spanned<String>)> {
    let Reading { lab, sources, report } = reading;
    let mut network_services = Vec::new();
    for part in concrete {
        match part.schema.name {
            "container" => {
                if let Some(name) =
                    part.child("network").and_then(|network| network.property("service"))
                {
                    network_services.push((
                        compose_name(&service.module, &service.name, part.key()),
                        Spanned::new(name.string().unwrap_or_default(), name.span),
                    ));
                }
                let raws = part.all("raw");
                service.raw.extend(raws.map(|raw| Spanned::new(raw.key().to_owned(), raw.span)));
                let made = container(part, service, (lab, sources), report, diagnostics);
                service.containers.extend(made.map(|mut made| {
                    super::raw::of_container(&mut made, part, diagnostics);
                    made
                }));
            }
            "container-network" => {
                service.networks.extend(container_network(part, report, diagnostics));
            }
            "database" => service.databases.extend(database(part, service, report, diagnostics)),
            "package" => {
                service.packages.extend(words(part).map(|name| Package { name, span: part.span }));
            }
            "unit" => service.units.push(units::unit(part, report, diagnostics)),
            "by-hand" => service.by_hand.push(by_hand(part)),
            "sysctl" => {
                container_faults::sysctl_value(part, report, diagnostics);
                service.sysctls.extend(sysctl(part));
            }
            "provides" => part_faults::endpoint(part, report, diagnostics),
            "state" => part_faults::state(part, report, diagnostics),
            "kernel-module" => service.kernel_modules.extend(words(part)),
            "uses-device" => service.devices.extend(device(part)),
            "uses-secret" => {
                service.secrets.extend(secret(part, &lab.secrets, report, diagnostics));
            }
            _ => {}
        }
    }
    check_networks(service, concrete, report, diagnostics);
    // Files and folders name containers, which must all be there first.
    for part in concrete {
        match part.schema.name {
            "file" => {
                part_faults::file_inside(part, report, diagnostics);
                service.files.extend(file(part, service, sources, report, diagnostics));
            }
            "folder" => folder(part, service, sources, report, diagnostics),
            "script" => service.scripts.extend(script(part, sources, report, diagnostics)),
            "dashboard" => {
                let Some(template) = template(part, sources, report, diagnostics) else { continue };
                let name = part.key().to_owned();
                service.dashboards.push(Dashboard {
                    name,
                    id: None,
                    revision: None,
                    sha256: None,
                    template: Some(template),
                    span: part.span,
                });
            }
            _ => {}
        }
    }
    for index in 0..service.containers.len() {
        let Some(container) = service.containers.get(index) else { continue };
        let mut units = super::running::units(container, service, lab);
        service.units.append(&mut units);
    }
    resources(service, block, diagnostics);
    // `raw` comes last, because it may change what the module has made.
    super::raw::fill(service, block, diagnostics);
    units::check(service, report, diagnostics);
    for database in &mut service.databases {
        let image = database.container.as_deref().and_then(|name| service.containers.called(name));
        // The tag of the image decides, also of one that `raw` names. Where it names no version,
        // the module's `major` counts, and else the whole reference, so that another image counts
        // as another version.
        let Some(image) = image.map(|container| container.image.value.as_str()) else { continue };
        let major = database_major(database.engine, image);
        database.major = major.or_else(|| database.major.take()).or_else(|| Some(image.to_owned()));
    }
    let undeclared = service.states.iter().filter_map(|state| undeclared(service, state));
    let undeclared: Vec<Database> = undeclared.collect();
    service.databases.extend(undeclared);
    network_services
}

/// Returns what looks for files of `SQLite` in a state that its module does not know: those of
/// plug-ins, of other versions, of programs that people install in it.
///
/// A folder that an option names is for files of people, which may be many.
fn undeclared(service: &Service, state: &State) -> Option<Database> {
    let is_of_people = !state.local_disk
        && service.options.values().any(|value| value.as_text() == Some(&state.path));
    // Such a folder is one database, or is saved whole.
    let is_dumped = state.backup == StateBackup::Dump
        || service.databases.iter().any(|database| {
            database.engine != Engine::Sqlite && database.state.as_ref() == Some(&state.name)
        });
    if is_of_people || is_dumped || !state.is_kept() || state.live_copy.is_some() {
        return None;
    }
    Some(Database {
        // No service has a dot in its name.
        name: format!("{}.sqlite-of-{}", service.name, state.name),
        engine: Engine::Undeclared,
        container: None,
        user: String::new(),
        database: state.path.clone(),
        major: None,
        state: Some(state.name.clone()),
        optional: true,
        span: state.span,
    })
}

fn database(
    block: &Block<'_>,
    service: &Service,
    report: Report<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Database> {
    let database = block.key().to_owned();
    let base = database.rsplit('/').next().unwrap_or_default();
    let engine = text(block, "engine")?;
    let engine = Engine::ALL.into_iter().find(|known| known.name() == engine)?;
    if engine.is_on_disk() != database.starts_with('/') {
        let problem = if engine.is_on_disk() {
            format!("`{database}` is not a path, which {} needs", engine.name())
        } else {
            format!("`{database}` is not the name of a database of {}", engine.name())
        };
        report(block.span, problem, diagnostics);
        return None;
    }
    Some(Database {
        name: if base == service.name {
            base.to_owned()
        } else {
            format!("{}-{base}", service.name)
        },
        engine,
        container: text(block, "container")
            .map(|name| compose_name(&service.module, &service.name, &name)),
        user: text(block, "user").unwrap_or_else(|| base.to_owned()),
        major: text(block, "major"),
        state: text(block, "state").or_else(|| containing(service, &database)),
        optional: block.property("optional").and_then(Spanned::bool).unwrap_or(false),
        span: block.span,
        database,
    })
}

fn by_hand(block: &Block<'_>) -> ByHandStep {
    ByHandStep {
        what: block.argument(1).map(super::read::plain).unwrap_or_default(),
        run: block.all("run").filter_map(|line| line.argument(0)?.string()).collect(),
        done: text(block, "done"),
    }
}

/// Returns the name of the state whose folder a file or folder is in, or is.
fn containing(service: &Service, file: &str) -> Option<String> {
    let below = |folder: &str| {
        let rest = file.strip_prefix(folder.trim_end_matches('/'));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let states = service.states.iter().filter(|state| below(&state.path));
    states.max_by_key(|state| state.path.len()).map(|state| state.name.clone())
}
