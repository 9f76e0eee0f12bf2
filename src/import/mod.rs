//! Turns compose files into a lab.
//!
//! The files are read as compose reads them (`project`). Containers that belong together become a
//! module of the lab and a service (`group`, `stack`). What becomes of every key is accounted
//! for (`ledger`), and no value of a secret gets into anything that is written (`secrets`).

mod adopt;
mod command;
mod container;
mod dotenv;
mod files;
mod group;
mod interpolate;
mod kdl;
mod ledger;
mod library;
mod limits;
mod merge;
mod mounts;
mod names;
mod ports;
mod process;
mod project;
mod rest;
mod runtime;
mod secrets;
mod stack;
mod top;
mod variables;
mod words;
mod write;
mod yaml;

use std::collections::{BTreeMap, BTreeSet};

pub use files::{FileKind, Files, file_name, folder_of, join};
pub use ledger::{Entry, Fate};
pub use names::cut;
pub use project::{NAMES, Request, override_of};
pub use secrets::Needed;
pub use yaml::{Fault, Node, Place, Value, read as read_yaml};

use container::Neighbours;
use group::groups;
use ledger::Ledger;
use names::Names;
use project::{Loader, Project};
use secrets::Secrets;
use stack::{Around, LabNames, Rename, Stack};

use crate::decl::Block;

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
    /// Folders of the sources, with the folder of the machine that each is in there.
    pub moved: Vec<(String, String)>,
    /// The images that the library runs: their names, with the tag.
    pub images: BTreeMap<String, String>,
    /// The services that become modules of their own although the library runs their images.
    pub own: BTreeSet<String>,
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
    let library = library::modules(modules);
    let mut imported = Imported::default();
    let mut read: Vec<(Project, Ledger, Vec<Fault>)> = Vec::new();
    let mut parts = BTreeSet::new();
    for request in requests {
        let mut ledger = Ledger::default();
        let mut loader = Loader::new(files, &mut imported.read, &mut ledger);
        let project = loader.project(request);
        parts.append(&mut loader.parts);
        let faults = std::mem::take(&mut loader.faults);
        read.push((project, ledger, faults));
    }
    let mut loaded: Vec<(Project, Ledger)> = Vec::new();
    for (request, (project, ledger, mut faults)) in requests.iter().zip(read) {
        // A search also finds what other files include and extend.
        let part = request.files.first().is_some_and(|file| parts.contains(file));
        if !(request.searched && part) {
            imported.faults.append(&mut faults);
            loaded.push((project, ledger));
        }
    }
    let mut secrets = Secrets::default();
    for name in &target.taken[2] {
        secrets.reserve(name);
    }
    for (project, _) in &loaded {
        learn(project, &mut secrets);
    }
    let mut lab = LabNames {
        zone: target.zone.clone(),
        timezone: target.timezone.clone().unwrap_or_else(|| common_timezone(&loaded)),
        moved: target.moved.clone(),
        newest: target.images.clone(),
        ..LabNames::default()
    };
    // Administrators come in by ssh.
    lab.ports.insert((22, false), "ssh".to_owned());
    let [modules, services, _, files_there] = &target.taken;
    let (mut modules, mut services) = (reserved(modules), reserved(services));
    let mut file_names = reserved(files_there);
    file_names.reserve("lab");
    for (project, mut ledger) in loaded {
        let groups = groups(&project, &mut modules, &mut services);
        let mut stacks: Vec<Stack> = groups
            .iter()
            .map(|group| Stack::new(&group.module, &group.service, &project.name))
            .collect();
        let renames = renames(&project, &groups, &stacks);
        let owners: Vec<(String, String)> = groups
            .iter()
            .flat_map(|group| {
                group.members.iter().map(|(compose, _)| (compose.clone(), group.service.clone()))
            })
            .collect();
        let mut adopted_names = Vec::new();
        let mut adopted_services = Vec::new();
        for (number, (group, stack)) in groups.iter().zip(&mut stacks).enumerate() {
            let mut around = Around {
                ledger: &mut ledger,
                secrets: &mut secrets,
                files,
                read: &mut imported.read,
                project: &project,
                renames: &renames,
                number,
                lab: &mut lab,
            };
            let node_of = |name: &str| project.services.iter().find(|(own, _)| own == name);
            let images: Vec<&str> = group
                .members
                .iter()
                .map(|(name, _)| node_of(name).and_then(|(_, node)| node.get("image")?.scalar()))
                .map(Option::unwrap_or_default)
                .collect();
            let found = library::find(&images, &library);
            if let Some((module, containers)) =
                found.filter(|_| !target.own.contains(&group.service))
            {
                match adopt::adopt(group, module, &containers, &mut around) {
                    Ok(adopted) => {
                        stack.library = Some(adopted.module);
                        stack.settings = adopted.settings;
                        for (compose, _) in &adopted.containers {
                            let path = format!("services.{compose}");
                            let said: Vec<&Entry> = around
                                .ledger
                                .below(&path)
                                .filter(|entry| entry.fate != Fate::Kept)
                                .collect();
                            let text = stack::comment(&said, around.read, &path);
                            stack.comment.push_str(&text);
                            if !text.is_empty() {
                                stack.comment.push('\n');
                            }
                        }
                        let members = group.members.iter().map(|(name, _)| name.clone());
                        adopted_services.push((group.service.clone(), members.collect()));
                        adopted_names.extend(adopted.containers);
                        continue;
                    }
                    Err(why) => {
                        let first = group.members.first().and_then(|(name, _)| node_of(name));
                        let place = first.map(|(_, node)| node.place).unwrap_or_default();
                        let what = format!(
                            "the library's module `{}` runs this image, but {why}; so it becomes a \
                             module of its own",
                            module.name
                        );
                        around.ledger.remark(place, what);
                    }
                }
            }
            let neighbours = Neighbours { own: group.members.clone(), services: owners.clone() };
            for (compose, container) in &group.members {
                let found = project.services.iter().find(|(name, _)| name == compose);
                let Some((_, node)) = found else { continue };
                container::convert(compose, node, container, &neighbours, stack, &mut around);
            }
        }
        top::convert(&project, &mut ledger);
        let containers = groups
            .iter()
            .zip(&stacks)
            .filter(|(_, stack)| stack.library.is_none())
            .flat_map(|(group, stack)| {
                group
                    .members
                    .iter()
                    .map(|(compose, container)| (compose.clone(), stack.container_name(container)))
            })
            .chain(adopted_names)
            .collect();
        let file = file_names.take(&project.name);
        for (path, text) in write::project(&file, &project, stacks, target) {
            imported.files.insert(path, text);
        }
        let (entries, remarks) = ledger.finish();
        let name = project.name;
        let library = adopted_services;
        imported.projects.push(Account { name, entries, remarks, containers, library });
    }
    if let Some(name) = &target.new_lab {
        imported.files.insert("lab.kdl".to_owned(), write::lab(name, &lab.timezone, target));
    }
    if !secrets.needed.is_empty() {
        let text = write::secrets(&secrets.needed);
        imported.files.insert(format!("{}.kdl", file_names.take("secrets")), text);
    }
    imported.secrets = secrets.needed;
    imported.findings = lab.findings;
    imported.findings.sort();
    imported.findings.dedup();
    imported
}

/// Remembers the tag of an image that the library runs. Databases keep the version that their data
/// was written by.
pub fn newest(image: &str, images: &mut BTreeMap<String, String>) {
    let read = words::image(image);
    if let (Some(tag), false) = (&read.tag, words::is_backing(image)) {
        images.insert(read.repository.clone(), tag.clone());
    }
}

fn reserved(names: &[String]) -> Names {
    let mut reserved = Names::default();
    for name in names {
        reserved.reserve(name);
    }
    reserved
}

/// Learns the secrets of a project before anything of it is written.
fn learn(project: &Project, secrets: &mut Secrets) {
    for (name, value) in &project.variables.values {
        secrets.learn(name, value);
    }
    for (name, service) in &project.services {
        secrets.learn_word(name);
        for (name, value) in service.get("environment").map(Node::entries).unwrap_or_default() {
            secrets.learn(name, value.scalar().unwrap_or_default());
        }
    }
}

/// Returns the time zone that most containers have.
fn common_timezone(projects: &[(Project, Ledger)]) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for (_, service) in projects.iter().flat_map(|(project, _)| &project.services) {
        let zone = service.get("environment").and_then(|all| all.get("TZ")).and_then(Node::scalar);
        let known = zone.filter(|zone| crate::decl::types::timezones().any(|known| known == *zone));
        if let Some(zone) = known {
            *counts.entry(zone).or_default() += 1;
        }
    }
    let most = counts.into_iter().max_by_key(|(zone, count)| (*count, std::cmp::Reverse(*zone)));
    most.map_or("Etc/UTC", |(zone, _)| zone).to_owned()
}

/// Returns what the containers of a project are called, in the compose file and in the lab.
fn renames(project: &Project, groups: &[group::Group], stacks: &[Stack]) -> Vec<Rename> {
    let mut renames = Vec::new();
    for (number, (group, stack)) in groups.iter().zip(stacks).enumerate() {
        for (compose, container) in &group.members {
            let node = project.services.iter().find(|(name, _)| name == compose);
            let Some((_, node)) = node else { continue };
            let to = stack.container_name(container);
            let text = |key: &str| node.get(key).and_then(Node::scalar).map(str::to_owned);
            let aliases = node
                .get("networks")
                .map(Node::entries)
                .unwrap_or_default()
                .iter()
                .filter_map(|(_, network)| network.get("aliases"))
                .flat_map(Node::items)
                .filter_map(|alias| alias.scalar().map(str::to_owned));
            let names = std::iter::once(compose.clone())
                .chain(text("container_name"))
                .chain(text("hostname"))
                .chain(aliases);
            for from in names.filter(|from| !from.is_empty()) {
                if !renames.iter().any(|rename: &Rename| rename.from == from) {
                    let container = container.clone();
                    renames.push(Rename { from, stack: number, container, to: to.clone() });
                }
            }
        }
    }
    renames
}
