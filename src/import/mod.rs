//! Turns compose files into a lab.
//!
//! The files are read as compose reads them (`project`). Containers that belong together become a
//! module of the lab and a service (`group`, `stack`). What becomes of every key is accounted
//! for (`ledger`), and no value of a secret gets into anything that is written (`secrets`).

mod additions;
mod adopt;
mod build;
mod command;
mod container;
mod conversion;
mod databases;
mod dotenv;
mod files;
mod flags;
mod fronts;
mod gpu;
mod group;
mod guests;
mod hosts;
mod inside;
mod internal;
mod interpolate;
mod kdl;
mod lan;
mod ledger;
mod library;
mod limits;
mod merge;
mod middlewares;
mod moments;
mod mounts;
mod names;
mod numbers;
mod partial;
mod ports;
mod process;
mod project;
mod rest;
mod routes;
mod running;
mod runtime;
mod secrets;
mod servers;
mod shares;
mod shell;
mod sites;
mod stack;
mod streams;
mod top;
mod traefik;
mod travel;
mod usual;
mod variables;
mod way;
mod words;
mod write;
mod yaml;

use std::collections::{BTreeMap, BTreeSet};

pub use files::{FileKind, Files, file_name, folder_of, join};
pub use ledger::{Entry, Fate};
pub use names::cut;
pub use project::{NAMES, Request, named_files, override_of};
pub use secrets::Needed;
pub use shares::{KnownMachine, Surroundings};
pub use yaml::{Fault, Node, Place, Value, read as read_yaml};

use conversion::Conversion;
use ledger::Ledger;
use project::{Loader, Project};

use crate::decl::Block;
use crate::model::ProxyProgram;

/// What the import knows of the lab that it writes for.
#[derive(Debug, Clone, Default)]
pub struct Target {
    /// The machine that the services run on.
    pub machine: String,
    /// The zone that published ports are opened to.
    pub zone: String,
    /// The name of the lab, if it is new.
    pub new_lab: Option<String>,
    /// The lab's time zone; nothing for a new lab.
    pub timezone: Option<String>,
    /// The names of modules, services, secrets and files that are taken, in this order.
    pub taken: [Vec<String>; 4],
    /// The modules that the lab declares itself, also those that add to one of the library.
    pub declared: Vec<String>,
    /// The proxy of the lab that routes go through. Without one, labels for proxies stay labels.
    pub via: Option<String>,
    /// The program of that proxy.
    pub program: Option<ProxyProgram>,
    /// Folders of the sources, with the folder of the machine that each is in there.
    pub moved: Vec<(String, String)>,
    /// The images that the library runs: their names, with the tag.
    pub images: BTreeMap<String, String>,
    /// What is around the machine of a lab that exists.
    pub surroundings: Option<Surroundings>,
    /// The services that become modules of their own although the library runs their images, with
    /// the reason.
    pub own: BTreeMap<String, String>,
}

/// The result of an import.
#[derive(Debug, Default)]
pub struct Imported {
    /// The files of the lab, by their paths in it.
    pub files: BTreeMap<String, String>,
    /// The files that were read.
    pub read: Vec<String>,
    /// What becomes of every key, by project.
    pub projects: Vec<Account>,
    /// The secrets that the machine must have.
    pub secrets: Vec<Needed>,
    /// What a person should look at.
    pub findings: Vec<(Place, String)>,
    /// What stops compose.
    pub faults: Vec<Fault>,
}

/// What becomes of a project.
#[derive(Debug, Default)]
pub struct Account {
    /// The project's name.
    pub name: String,
    /// Its keys, sorted by place.
    pub entries: Vec<Entry>,
    /// What a reader should know.
    pub remarks: Vec<(Place, String)>,
    /// Its services, each with the name of its container on the machine.
    pub containers: Vec<(String, String)>,
    /// The services of the lab that use a module of the library, with the services of the project
    /// that became part of each.
    pub library: Vec<(String, Vec<String>)>,
}

/// Imports projects into a lab. `modules` are those of the library.
pub fn import(
    requests: &[Request],
    files: &dyn Files,
    target: &Target,
    modules: &[Block<'_>],
) -> Imported {
    let mut imported = Imported::default();
    let projects = load(requests, files, &mut imported);
    let mut conversion = Conversion::new(files, target, modules, &projects, imported);
    for (project, ledger) in projects {
        conversion.add(project, ledger);
    }
    conversion.finish()
}

/// Reads projects. Those that only a search found are left out where they are a part of another.
fn load(
    requests: &[Request],
    files: &dyn Files,
    imported: &mut Imported,
) -> Vec<(Project, Ledger)> {
    let mut read = Vec::new();
    let mut parts = BTreeSet::new();
    for request in requests {
        let mut ledger = Ledger::default();
        let mut loader = Loader::new(files, &mut imported.read, &mut ledger);
        let project = loader.project(request);
        parts.append(&mut loader.parts);
        let faults = std::mem::take(&mut loader.faults);
        read.push((project, ledger, faults));
    }
    let mut loaded = Vec::new();
    for (request, (project, ledger, mut faults)) in requests.iter().zip(read) {
        // A search also finds what other files include and extend.
        let part = request.files.first().is_some_and(|file| parts.contains(file));
        if !(request.searched && part) {
            imported.faults.append(&mut faults);
            loaded.push((project, ledger));
        }
    }
    loaded
}

/// Remembers the tag of an image that the library runs. Databases keep the version that their data
/// was written by.
pub fn newest(image: &str, images: &mut BTreeMap<String, String>) {
    let read = words::image(image);
    if let (Some(tag), false) = (&read.tag, words::is_backing(image)) {
        images.insert(read.repository.clone(), tag.clone());
    }
}
