//! What is made of containers that belong together: a module of the lab, and the service that runs
//! it.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::additions::Additions;
use super::files::Files;
use super::kdl::{Line, line};
use super::ledger::{Entry, Ledger};
use super::library::Module;
use super::middlewares::Middlewares;
use super::names::Names;
use super::project::Project;
use super::secrets::Secrets;
use super::shares::Shares;
use super::streams::EntryPoints;
use super::yaml::Place;
use crate::model::ProxyProgram;

/// The names that a service's own nodes have, so that no option may have them.
pub const OWN: &[&str] = &[
    "expose",
    "route",
    "port",
    "resources",
    "raw",
    "state",
    "image",
    "link",
    "own-address",
    "health-within",
];

/// What is written above the first state that an import adopts.
pub const CHOOSE_A_CLASS: &str = "Choose how often each state is saved: add backup=daily or \
                                  another class, or backup=never with a reason=.";

/// A module and its service, in the making.
#[derive(Debug, Default)]
pub struct Stack {
    /// The module's name, which its main container has too.
    pub module: String,
    /// The service's name.
    pub service: String,
    /// The project that it comes from.
    pub project: String,
    /// The module of the library that it uses in place of one of its own.
    pub library: Option<String>,
    /// What a reader should know about the service.
    pub comment: String,
    /// The module's options.
    pub options: Vec<Line>,
    /// The module's states and databases.
    pub states: Vec<Line>,
    /// The module's databases.
    pub databases: Vec<Line>,
    /// The module's containers.
    pub containers: Vec<Line>,
    /// The module's networks of containers.
    pub networks: Vec<Line>,
    /// The module's endpoints.
    pub provides: Vec<Line>,
    /// The files in the module's folder, with their content.
    pub files: Vec<(String, String)>,
    /// The service's nodes.
    pub settings: Vec<Line>,
    /// The addresses that the service has for itself.
    pub addresses: Vec<IpAddr>,
    /// The names of options that are taken.
    pub option_names: Names,
    /// The names of states that are taken.
    pub state_names: Names,
    /// The names of endpoints that are taken.
    pub endpoint_names: Names,
    /// The states and options that stand for a folder of the machine.
    pub folders: BTreeMap<String, String>,
    /// The folders that images are built from, with their names in the module.
    pub built: BTreeMap<String, String>,
    /// The options that stand for a secret.
    pub secret_options: BTreeMap<String, String>,
}

impl Stack {
    /// Begins a module.
    pub fn new(module: &str, service: &str, project: &str) -> Self {
        let mut stack = Self {
            module: module.to_owned(),
            service: service.to_owned(),
            project: project.to_owned(),
            ..Self::default()
        };
        for name in OWN {
            stack.option_names.reserve(name);
        }
        stack
    }

    /// Leaves out a folder that an image was to be built from.
    pub fn forget(&mut self, folder: &str, context: &str) {
        let below = format!("{folder}/");
        self.files.retain(|(name, _)| !name.starts_with(&below));
        self.built.remove(context);
    }

    /// Adds an option that the service sets. Returns its name.
    pub fn option(&mut self, wanted: &str, kind: &str, doc: &str, value: &str) -> String {
        let name = self.option_names.take(wanted);
        self.options.push(
            line("option")
                .arg(name.as_str())
                .prop("type", kind)
                .child(line("required"))
                .child(line("doc").arg(doc)),
        );
        let setting = line(&name);
        self.settings.push(match kind {
            "secret" => setting.typed("secret", value),
            _ => setting.arg(value),
        });
        name
    }

    /// Returns the option that stands for a secret, and makes it if there is none.
    pub fn secret_option(&mut self, secret: &str, wanted: &str, doc: &str) -> String {
        if let Some(known) = self.secret_options.get(secret) {
            return known.clone();
        }
        let name = self.option(wanted, "secret", doc, secret);
        self.secret_options.insert(secret.to_owned(), name.clone());
        name
    }

    /// Says that the service keeps a state where it is today. The first of the import says what to
    /// add to each.
    pub fn adopt_state(&mut self, name: &str, path: &str, first: bool) {
        let node = line("state").arg(name).prop("path", path);
        self.settings.push(if first { node.comment(CHOOSE_A_CLASS) } else { node });
    }

    /// Returns the name that a container of the module has on the machine.
    pub fn container_name(&self, container: &str) -> String {
        if container == self.module {
            self.service.clone()
        } else {
            format!("{}-{container}", self.service)
        }
    }
}

/// Another name for a container, as its neighbours call it.
#[derive(Debug, Clone)]
pub struct Rename {
    /// What compose calls it.
    pub from: String,
    /// The number of its stack.
    pub stack: usize,
    /// Its name in the module.
    pub container: String,
    /// Its name on the machine.
    pub to: String,
}

/// The published ports of containers at which others listen: the name of the one that publishes,
/// and the number of the port in its list.
pub type Listeners = BTreeMap<(String, usize), Listener>;

/// A container that listens at a port that another one publishes.
#[derive(Debug)]
pub struct Listener {
    /// Its name in the compose file.
    pub name: String,
    /// Whether the module of the library has no such endpoint in the network of another.
    pub hidden: bool,
}

/// Everything around a container that is converted.
pub struct Around<'a> {
    /// What becomes of every key.
    pub ledger: &'a mut Ledger,
    /// The secrets so far.
    pub secrets: &'a mut Secrets,
    /// The sources.
    pub files: &'a dyn Files,
    /// The files that were read.
    pub read: &'a mut Vec<String>,
    /// The project.
    pub project: &'a Project,
    /// What the containers of the project are called.
    pub renames: &'a [Rename],
    /// Which containers listen at ports that others publish.
    pub listeners: &'a Listeners,
    /// The modules of the library.
    pub library: &'a [Module<'a>],
    /// The number of the stack.
    pub number: usize,
    /// What the import as a whole knows.
    pub lab: &'a mut LabNames,
}

/// What stacks of one lab must not take from each other, and what they agree on.
#[derive(Debug, Default)]
pub struct LabNames {
    /// The length of the name of the machine's bundle.
    pub bundle: usize,
    /// The most processors that a container may use.
    pub cores: i64,
    /// The zone that published ports are opened to.
    pub zone: String,
    /// The lab's time zone.
    pub timezone: String,
    /// The proxy that routes go through.
    pub via: Option<String>,
    /// The program of that proxy.
    pub program: Option<ProxyProgram>,
    /// The middlewares that labels of any container define.
    pub middlewares: Middlewares,
    /// The entry points of Traefik, by name.
    pub entry_points: EntryPoints,
    /// The folders of servers that the machine mounts.
    pub shares: Shares,
    /// The host names that have a route, with their paths, and where they are written.
    pub hosts: BTreeMap<String, Place>,
    /// Folders of the sources, with the folder of the machine that they are in there.
    pub moved: Vec<(String, String)>,
    /// The machine's ports, with what has them.
    pub ports: BTreeMap<(u16, bool), String>,
    /// Folders that a service keeps already.
    pub kept: BTreeMap<String, String>,
    /// The newest tags that the library knows, by image.
    pub newest: BTreeMap<String, String>,
    /// What modules of the library lack.
    pub additions: Additions,
    /// What a person should look at, with its place.
    pub findings: Vec<(Place, String)>,
}

impl LabNames {
    /// Returns the path on the machine of a path of the sources.
    pub fn on_machine(&self, path: &str) -> String {
        for (from, to) in &self.moved {
            if path == from {
                return to.clone();
            }
            if let Some(rest) = path.strip_prefix(from.as_str())
                && (rest.starts_with('/') || from.ends_with('/'))
            {
                return format!("{}/{}", to.trim_end_matches('/'), rest.trim_start_matches('/'));
            }
        }
        path.strip_prefix('~').map_or_else(|| path.to_owned(), |rest| format!("/root{rest}"))
    }
}

/// Says what is changed or lost, as a comment.
pub fn comment(entries: &[&Entry], read: &[String], below: &str) -> String {
    let mut said: Vec<String> = Vec::new();
    let mut entries = entries.to_vec();
    entries.sort_by_key(|entry| entry.place);
    // What the nodes below show themselves needs no comment.
    let shown = [
        "the secret `",
        "the state `",
        "the option `",
        "the network of the service `",
        "env, with",
        "endpoint `",
        "an endpoint of `",
        "a route through `",
        // What every service of a module of the library has.
        "as the module `",
        "as every container",
        "the module's",
    ];
    for entry in entries.iter().filter(|it| !shown.iter().any(|start| it.what.starts_with(start))) {
        let file = read.get(entry.place.file).map(String::as_str).unwrap_or_default();
        let file = super::files::file_name(file);
        let key = entry.path.strip_prefix(below).unwrap_or(&entry.path).trim_start_matches('.');
        let word = if entry.fate == super::ledger::Fate::Lost { "lost" } else { "changed" };
        let line = format!("{file}:{}: {key} is {word}: {}", entry.place.line, entry.what);
        if !said.contains(&line) {
            said.push(line);
        }
    }
    said.join("\n")
}
