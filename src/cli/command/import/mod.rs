//! `labwright import`: makes a lab of what people have today.

mod sources;
mod text;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde::Serialize;

use super::{Format, json};
use crate::cli::Exit;
use crate::cli::console::Console;
use crate::compile;
use crate::diag::Diagnostics;
use crate::disk::addition;
use crate::disk::interrupt::Interrupt;
use crate::import::{Entry, Fate, Imported, KnownMachine, Surroundings, Target, import};
use crate::load::read_lab;
use crate::model::{Machine, MachineKind, Model, ProxyProgram};
use crate::reference::modules::describe;
use crate::source::{Layer, SourceFile, Sources};
use crate::syntax::{self, Node, Scalar};

use sources::Disk;

/// Makes a lab of what runs today
#[derive(Debug, clap::Args)]
pub struct Import {
    #[command(subcommand)]
    from: From,
}

#[derive(Debug, Subcommand)]
enum From {
    Compose(Compose),
}

/// Makes a lab of compose files
///
/// The files are only read, and no machine is touched. What becomes of every key is printed. Values
/// of secrets are neither printed nor written.
#[derive(Debug, clap::Args)]
struct Compose {
    /// Compose files, or folders with such files below
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// A file with variables, in place of the `.env` next to each compose file
    #[arg(long, value_name = "FILE")]
    env: Vec<PathBuf>,
    /// Also import the services of a profile; `*` means all
    #[arg(long, value_name = "NAME")]
    profile: Vec<String>,
    /// The lab's folder: a new one, or that of a lab to add to
    #[arg(long, value_name = "LAB")]
    into: Option<PathBuf>,
    /// The machine that the services run on
    #[arg(long, value_name = "MACHINE")]
    on: Option<String>,
    /// The zone that published ports are opened to [default: the machine's network]
    #[arg(long, value_name = "ZONE")]
    zone: Option<String>,
    /// The proxy of the lab that the host names in labels of Traefik, Caddy and SWAG lead through
    #[arg(long, value_name = "SERVICE")]
    via: Option<String>,
    /// The folder of the machine that the files are in there, if these are copies
    #[arg(long, value_name = "DIR")]
    at: Option<String>,
    /// Also read files outside of the named folders, which compose files name or links lead to
    #[arg(long)]
    follow_links: bool,
    /// The format of the result
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

impl Import {
    pub fn run(self, console: &Console, interrupt: &Interrupt) -> io::Result<Exit> {
        let From::Compose(compose) = self.from;
        compose.run(console, interrupt)
    }
}

/// A reason to stop, with advice and the exit code.
struct Refusal(Exit, String, String);

impl Compose {
    fn run(self, console: &Console, interrupt: &Interrupt) -> io::Result<Exit> {
        match self.result(console, interrupt) {
            Ok((text, exit)) => {
                Console::result(&text)?;
                Ok(exit)
            }
            Err(Refusal(exit, problem, help)) => {
                console.error(&problem, &help);
                Ok(exit)
            }
        }
    }

    fn result(&self, console: &Console, interrupt: &Interrupt) -> Result<(String, Exit), Refusal> {
        let mut disk = Disk::new(self.follow_links);
        let mut requests = disk.requests(&self.files).map_err(|problem| {
            Refusal(Exit::Outside, problem, "name compose files, or folders with such files".into())
        })?;
        if requests.is_empty() {
            let names = "they are called `compose.yaml` or `docker-compose.yml`";
            return Err(Refusal(Exit::Use, "there is no compose file".into(), names.into()));
        }
        for request in &mut requests {
            if !self.env.is_empty() {
                request.env = self.env.iter().map(|path| disk.known(path)).collect();
            }
            request.profiles.clone_from(&self.profile);
        }
        let before = self.lab()?;
        let mut target = self.target(before.as_ref())?;
        target.moved = disk.moved(self.at.as_deref());
        target.via.clone_from(&self.via);
        let library = Sources::with_standard_library(Vec::new());
        let mut findings = Diagnostics::default();
        let modules = compile::modules(before.as_ref().unwrap_or(&library), &mut findings);
        let mut imported = import(&requests, &disk, &target, &modules);
        let mut result = Outcome::of(&imported, &disk);
        if result.faults.is_empty() {
            let mut wrong = result.check(before.as_ref(), &imported);
            // What a module asserts about its options can't be known before.
            for _ in 0..2 {
                let adopted = imported.projects.iter().flat_map(|account| &account.library);
                let adopted: BTreeSet<String> =
                    adopted.map(|(service, _)| service.clone()).collect();
                if result.errors.is_empty() || adopted.is_empty() {
                    break;
                }
                wrong.retain(|service, _| adopted.contains(service));
                // An error that names none of the services may come from any of them.
                if wrong.is_empty() {
                    let why = result.errors.first().cloned().unwrap_or_default();
                    wrong = adopted.into_iter().map(|service| (service, why.clone())).collect();
                }
                let known = target.own.clone();
                target.own.extend(wrong);
                let said = std::mem::take(&mut result.errors);
                imported = import(&requests, &disk, &target, &modules);
                result = Outcome::of(&imported, &disk);
                wrong = result.check(before.as_ref(), &imported);
                // What stays is no fault of these modules.
                if said.iter().all(|error| result.errors.contains(error)) {
                    target.own = known;
                    imported = import(&requests, &disk, &target, &modules);
                    result = Outcome::of(&imported, &disk);
                    result.check(before.as_ref(), &imported);
                    break;
                }
            }
            if let Some(folder) = &self.into {
                addition::write(folder, &imported.files, interrupt)
                    .map_err(|error| Refusal(Exit::Outside, error.problem, error.help))?;
                result.written = Some(folder.display().to_string());
            }
        }
        let exit = if result.faults.is_empty() { Exit::Fine } else { Exit::Findings };
        let text = if self.format == Format::Json {
            json(&result)
                .map_err(|error| Refusal(Exit::Outside, error.to_string(), String::new()))?
        } else {
            text::write(&result, console)
        };
        Ok((text, exit))
    }

    /// Reads the lab that is added to.
    fn lab(&self) -> Result<Option<Sources>, Refusal> {
        let Some(folder) = self.into.as_deref().filter(|folder| folder.join("lab.kdl").exists())
        else {
            return Ok(None);
        };
        read_lab(folder).map(Some).map_err(|unread| {
            let exit = if unread.outside { Exit::Outside } else { Exit::Findings };
            let problem = unread.diagnostics.iter().next().map(|found| found.message.clone());
            Refusal(exit, problem.unwrap_or_default(), "`labwright check` says more".into())
        })
    }

    /// Finds out what there is in the lab, and in the library.
    fn target(&self, sources: Option<&Sources>) -> Result<Target, Refusal> {
        let library = Sources::with_standard_library(Vec::new());
        let mut findings = Diagnostics::default();
        let blocks = compile::modules(sources.unwrap_or(&library), &mut findings);
        let mut modules = Vec::new();
        let mut images = BTreeMap::new();
        for block in &blocks {
            let module = describe(block);
            modules.push(module.name.clone());
            modules.extend(module.formerly.iter().cloned());
            for image in &module.images {
                crate::import::newest(image, &mut images);
            }
        }
        let mut target = Target { images, ..Target::default() };
        let model = sources.and_then(|sources| compile::analyze(sources).model);
        let mut services = Vec::new();
        let mut secrets = Vec::new();
        if let Some(model) = &model {
            (target.machine, target.zone) = self.place(model)?;
            target.surroundings = surroundings(model, &target.machine);
            target.program = self.proxy(model)?;
            target.timezone = Some(model.lab.timezone.clone());
            secrets.extend(model.secrets.iter().map(|secret| secret.name.clone()));
            for service in &model.services {
                services.push(service.name.clone());
                services.extend(service.containers.iter().map(|one| one.name.clone()));
            }
        } else {
            target.machine = self.on.clone().unwrap_or_else(|| "box".to_owned());
            target.zone = self.zone.clone().unwrap_or_else(|| "lan".to_owned());
            let name = self.into.as_deref().and_then(Path::file_name).map(Path::new);
            let name = name.map_or_else(|| "home".to_owned(), |name| name.display().to_string());
            target.program = self.new_proxy()?;
            target.new_lab = Some(crate::import::cut(&name, 16));
        }
        for name in [&target.machine, &target.zone] {
            if !crate::decl::types::is_name(name) {
                let problem = format!("`{name}` is not a name");
                let help = "a name has lower-case letters, digits and hyphens".to_owned();
                return Err(Refusal(Exit::Use, problem, help));
            }
        }
        target.declared = sources.map(declared).unwrap_or_default();
        let stems = sources.into_iter().flat_map(Sources::files).filter_map(|(_, file)| {
            file.path.strip_suffix(".kdl").filter(|_| file.layer == Layer::Lab).map(str::to_owned)
        });
        target.taken = [modules, services, secrets, stems.collect()];
        Ok(target)
    }

    /// Returns the program of the proxy that a new lab gets, whose module has its name.
    fn new_proxy(&self) -> Result<Option<ProxyProgram>, Refusal> {
        let Some(via) = &self.via else { return Ok(None) };
        if let Some(program) = ProxyProgram::ALL.into_iter().find(|it| it.name() == via) {
            return Ok(Some(program));
        }
        let names: Vec<&str> = ProxyProgram::ALL.iter().map(|program| program.name()).collect();
        let help = format!("a new lab gets one of these: {}", names.join(", "));
        Err(Refusal(Exit::Use, format!("there is no proxy `{via}`"), help))
    }

    /// Returns the program of the proxy. Refuses one that the lab does not have.
    fn proxy(&self, model: &Model) -> Result<Option<ProxyProgram>, Refusal> {
        let Some(via) = &self.via else { return Ok(None) };
        let proxies = model
            .services
            .iter()
            .filter_map(|service| Some((service.name.as_str(), service.proxy.as_ref()?.program)));
        let proxies: Vec<(&str, ProxyProgram)> = proxies.collect();
        if let Some((_, program)) = proxies.iter().find(|(name, _)| name == via) {
            return Ok(Some(*program));
        }
        let names: Vec<&str> = proxies.iter().map(|(name, _)| *name).collect();
        let help = match names.join(", ") {
            names if names.is_empty() => "add one to the lab: `service caddy on=…`".to_owned(),
            names => format!("there are: {names}"),
        };
        Err(Refusal(Exit::Use, format!("the lab has no proxy `{via}`"), help))
    }

    /// Returns the machine of a lab that the services run on, and its zone.
    fn place(&self, model: &Model) -> Result<(String, String), Refusal> {
        let able: Vec<_> = model.machines.iter().filter(|machine| machine.os.is_some()).collect();
        let names =
            || able.iter().map(|machine| machine.name.as_str()).collect::<Vec<_>>().join(", ");
        let found = match (&self.on, able.as_slice()) {
            (Some(name), _) => able.iter().find(|machine| machine.name == *name).copied(),
            (None, [only]) => Some(*only),
            (None, _) => None,
        };
        let Some(machine) = found else {
            let problem = "the lab does not say which machine the services run on".to_owned();
            return Err(Refusal(Exit::Use, problem, format!("write `--on MACHINE`: {}", names())));
        };
        let zone = self.zone.clone().unwrap_or_else(|| model[machine.zone].name.clone());
        if !model.zones.iter().any(|known| known.name == zone) {
            let zones = model.zones.iter().map(|zone| zone.name.as_str()).collect::<Vec<_>>();
            let problem = format!("there is no zone `{zone}`");
            return Err(Refusal(Exit::Use, problem, format!("there are: {}", zones.join(", "))));
        }
        Ok((machine.name.clone(), zone))
    }
}

/// Lists the modules that the files of a lab declare.
fn declared(sources: &Sources) -> Vec<String> {
    let own = sources.files().filter(|(_, file)| file.layer != Layer::Builtin && file.is_kdl());
    // What is wrong with a file, the check of the lab says.
    let mut ignored = Diagnostics::default();
    let documents = own.filter_map(|(id, file)| syntax::parse(&file.text, id, &mut ignored));
    let nodes = documents.flat_map(|document| document.nodes);
    let name = |node: Node<'_>| match &node.arguments.first()?.value.value {
        Scalar::Text(name) if node.name.value == "module" => Some(name.clone().into_owned()),
        _ => None,
    };
    nodes.filter_map(name).collect()
}

/// Describes what is around a machine of a lab.
fn surroundings(model: &Model, name: &str) -> Option<Surroundings> {
    let machine = model.machines.iter().find(|machine| machine.name == name)?;
    let networks = machine.addresses.iter().flat_map(|address| {
        let network = &model[address.network];
        network.prefixes.iter().map(|prefix| (network.name.clone(), *prefix))
    });
    let known = |machine: &Machine| KnownMachine {
        name: machine.name.clone(),
        addresses: machine.addresses.iter().map(|own| own.address).collect(),
        exports: machine
            .exports
            .iter()
            .map(|export| (export.name.clone(), export.path.clone()))
            .collect(),
        unmanaged: machine.kind == MachineKind::Unmanaged,
    };
    Some(Surroundings {
        lab: Some(model.lab.name.clone()),
        word: match machine.kind {
            MachineKind::Vm | MachineKind::Appliance => "vm",
            MachineKind::Lxc => "lxc",
            MachineKind::Proxmox | MachineKind::Debian | MachineKind::Unmanaged => "host",
        },
        networks: networks.collect(),
        machines: model.machines.iter().map(known).collect(),
        names: model.zones.iter().map(|zone| zone.name.clone()).collect(),
        mounts: machine.shares.iter().map(|share| share.at.clone()).collect(),
    })
}

/// A place in a file.
#[derive(Debug, Serialize)]
struct Location {
    file: String,
    line: usize,
}

#[derive(Debug, Serialize)]
struct Key {
    #[serde(flatten)]
    place: Location,
    #[serde(rename = "key")]
    path: String,
    fate: Fate,
    what: String,
}

#[derive(Debug, Serialize)]
struct Remark {
    #[serde(flatten)]
    place: Location,
    message: String,
}

#[derive(Debug, Serialize)]
struct Project {
    name: String,
    /// The name of the container on the machine, by the name of the service in the compose file.
    containers: BTreeMap<String, String>,
    /// The services of the lab that use a module of the library, with those of the compose file.
    library: BTreeMap<String, Vec<String>>,
    keys: Vec<Key>,
    remarks: Vec<Remark>,
}

#[derive(Debug, Serialize)]
struct Secret {
    name: String,
    #[serde(flatten)]
    place: Location,
    what: String,
    command: String,
}

/// What the command prints.
#[derive(Debug, Serialize)]
struct Outcome {
    faults: Vec<Remark>,
    projects: Vec<Project>,
    secrets: Vec<Secret>,
    findings: Vec<Remark>,
    files: BTreeMap<String, String>,
    written: Option<String>,
    /// The findings of `labwright check` about the lab that results.
    check: BTreeMap<String, usize>,
    errors: Vec<String>,
}

impl Outcome {
    fn of(imported: &Imported, disk: &Disk) -> Self {
        let location = |place: crate::import::Place| Location {
            file: disk.shown(imported.read.get(place.file).map(String::as_str).unwrap_or_default()),
            line: place.line,
        };
        let elsewhere = disk.taken_for().into_iter().map(|(file, own)| Remark {
            place: Location { file, line: 1 },
            message: format!(
                "nothing stays in this folder for long, so it is taken for `{own}` of the machine: \
                 `--at` says where it is there"
            ),
        });
        let unread = disk.unread(&imported.read).into_iter().map(|file| Remark {
            place: Location { file, line: 1 },
            message: "it has another name than those that compose looks for, so it was not read: \
                      name it too, after the file of its project or alone"
                .to_owned(),
        });
        let remark = |(place, message): &(crate::import::Place, String)| Remark {
            place: location(*place),
            message: message.clone(),
        };
        let key = |entry: &Entry| Key {
            place: location(entry.place),
            path: entry.path.clone(),
            fate: entry.fate,
            what: entry.what.clone(),
        };
        Self {
            faults: imported
                .faults
                .iter()
                .map(|fault| remark(&(fault.place, fault.problem.clone())))
                .collect(),
            projects: imported
                .projects
                .iter()
                .map(|account| Project {
                    name: account.name.clone(),
                    containers: account.containers.iter().cloned().collect(),
                    library: account.library.iter().cloned().collect(),
                    keys: account.entries.iter().map(key).collect(),
                    remarks: account.remarks.iter().map(remark).collect(),
                })
                .collect(),
            secrets: imported
                .secrets
                .iter()
                .map(|secret| Secret {
                    name: secret.name.clone(),
                    place: location(secret.place),
                    what: secret.doc.clone(),
                    command: format!("labctl secrets set {}", secret.name),
                })
                .collect(),
            findings: imported.findings.iter().map(remark).chain(unread).chain(elsewhere).collect(),
            files: imported.files.clone(),
            written: None,
            check: BTreeMap::new(),
            errors: Vec::new(),
        }
    }

    /// Checks the lab that results. Returns the services that errors are about, with what is wrong.
    fn check(&mut self, before: Option<&Sources>, imported: &Imported) -> BTreeMap<String, String> {
        let own = before
            .into_iter()
            .flat_map(Sources::files)
            .filter(|(_, file)| file.layer != Layer::Builtin);
        let mut files: BTreeMap<String, SourceFile> =
            own.map(|(_, file)| (file.path.clone(), file.clone())).collect();
        for (path, text) in &imported.files {
            let layer = if path.starts_with("modules/") { Layer::Site } else { Layer::Lab };
            let file = SourceFile { path: path.clone(), text: text.clone(), layer };
            files.insert(path.clone(), file);
        }
        let sources = Sources::with_standard_library(files.into_values().collect());
        let (findings, _) = compile::check(&sources);
        let mut wrong = BTreeMap::new();
        for found in &findings {
            *self.check.entry(found.code.name.to_owned()).or_default() += 1;
            if found.severity() == crate::diag::Severity::Error {
                self.errors.push(found.message.clone());
                for (service, _) in imported.projects.iter().flat_map(|account| &account.library) {
                    let named = format!("`{service}`");
                    if found.message.contains(&named) {
                        let why =
                            found.message.trim_start_matches(&format!("{named}: ")).to_owned();
                        wrong.entry(service.clone()).or_insert(why);
                    }
                }
            }
        }
        wrong
    }
}
