//! Converts projects, one after the other, into the files of a lab.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::additions::Additions;
use super::container::{self, Neighbours};
use super::files::Files;
use super::fronts::{self, Fronts};
use super::group::{Group, groups};
use super::hosts::{names_host, told};
use super::kdl::{document, line};
use super::ledger::{At, Entry, Fate, Ledger};
use super::library::{self, Module};
use super::names::Names;
use super::project::Project;
use super::secrets::Secrets;
use super::servers::NewNetwork;
use super::shares::{Shares, Surroundings};
use super::stack::{self, Around, LabNames, Rename, Stack};
use super::yaml::{Node, Place};
use super::{
    Account, Imported, Target, adopt, guests, middlewares, routes, running, streams, top, write,
};
use crate::around::certificates::is_private;
use crate::decl::Block;
use crate::decl::types::timezones;
use crate::model::ProxyProgram;

/// A conversion of projects into one lab.
pub struct Conversion<'i> {
    files: &'i dyn Files,
    target: &'i Target,
    library: Vec<Module<'i>>,
    secrets: Secrets,
    lab: LabNames,
    /// The names of modules, services and files that are taken.
    modules: Names,
    services: Names,
    file_names: Names,
    /// The network of a new lab.
    network: NewNetwork,
    /// The addresses that services have for themselves.
    addresses: Vec<IpAddr>,
    fronts: Fronts,
    /// The projects so far: the name of the file, and what is written into it.
    written: Vec<(String, Project, Vec<Stack>)>,
    imported: Imported,
}

impl<'i> Conversion<'i> {
    /// Begins a conversion. The secrets of all projects are learnt before anything is written.
    pub fn new(
        files: &'i dyn Files,
        target: &'i Target,
        modules: &'i [Block<'i>],
        projects: &[(Project, Ledger)],
        imported: Imported,
    ) -> Self {
        let [taken_modules, taken_services, taken_secrets, taken_files] = &target.taken;
        let mut secrets = Secrets::default();
        for name in taken_secrets {
            secrets.reserve(name);
        }
        for (project, _) in projects {
            learn(project, &mut secrets);
        }
        let all: Vec<&Project> = projects.iter().map(|(project, _)| project).collect();
        let network = NewNetwork::of(&all);
        let surroundings = target.surroundings.clone().unwrap_or_else(|| Surroundings {
            word: "host",
            networks: vec![(target.zone.clone(), network.prefix.into())],
            names: vec![target.zone.clone(), target.machine.clone()],
            ..Surroundings::default()
        });
        let name = surroundings.lab.clone().or_else(|| target.new_lab.clone());
        let name = name.unwrap_or_default();
        let mut lab = LabNames {
            // Two hyphens, and twelve digits of its content's digest.
            bundle: name.len() + target.machine.len() + 14,
            shares: Shares::new(surroundings),
            zone: target.zone.clone(),
            timezone: target.timezone.clone().unwrap_or_else(|| common_timezone(projects)),
            via: target.via.clone(),
            program: target.program,
            moved: target.moved.clone(),
            newest: target.images.clone(),
            additions: Additions::new(&target.declared),
            ..LabNames::default()
        };
        let services = projects.iter().flat_map(|(project, _)| &project.services);
        for (_, service) in services {
            let labels = service.get("labels").map(Node::entries).unwrap_or_default().iter();
            let labels = labels.map(|(name, value)| {
                (name.as_str(), value.scalar().unwrap_or_default(), value.place)
            });
            middlewares::learn(labels, &mut lab.middlewares);
            streams::learn(service, &mut lab.entry_points);
        }
        // Port 22 stays free for the administrators' ssh.
        lab.ports.insert((22, false), "ssh".to_owned());
        // The proxy of the lab listens at these.
        for port in [80, 443] {
            lab.ports.extend(target.via.iter().map(|via| ((port, false), via.clone())));
        }
        let mut services = reserved(taken_services);
        // A service has a folder of its name in the bundle, next to these.
        for folder in crate::emit::own_folders() {
            services.reserve(folder);
        }
        // A new lab gets a proxy of this name.
        if let (Some(via), Some(_)) = (&target.via, &target.new_lab) {
            services.reserve(via);
        }
        let mut file_names = reserved(taken_files);
        file_names.reserve("lab");
        Self {
            files,
            target,
            library: library::modules(modules),
            secrets,
            lab,
            modules: reserved(taken_modules),
            services,
            file_names,
            network,
            addresses: Vec::new(),
            fronts: Fronts::default(),
            written: Vec::new(),
            imported,
        }
    }

    /// Converts a project.
    pub fn add(&mut self, mut project: Project, mut ledger: Ledger) {
        project.services.retain(|(name, node)| {
            let has = |key: &str| node.get(key).is_some();
            let provided = has("provider") && !has("image") && !has("build");
            for (_, at) in At::new(format!("services.{name}"), node).entries().filter(|_| provided)
            {
                ledger.lost(&at, "a plug-in of compose is the service, and a lab runs none");
            }
            !provided
        });
        if self.lab.via.is_none() {
            self.lab.findings.extend(proxied(&project, &self.lab.findings));
        }
        self.secrets.enter(&project.name);
        let groups = groups(&project, &mut self.modules, &mut self.services);
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
        self.fronts.learn((self.written.len(), &project), &groups, &renames);
        let listeners = guests::listeners(&project, &self.library);
        let (mut adopted, mut adopted_services) = (Vec::new(), Vec::new());
        for (number, (group, stack)) in groups.iter().zip(&mut stacks).enumerate() {
            let mut around = Around {
                ledger: &mut ledger,
                secrets: &mut self.secrets,
                files: self.files,
                read: &mut self.imported.read,
                project: &project,
                renames: &renames,
                listeners: &listeners,
                library: &self.library,
                number,
                lab: &mut self.lab,
            };
            // The modules of the library are for containers that stay, not for those that end.
            let ends = group.members.iter().any(|(name, _)| {
                let node = project.service(name);
                project.manual.contains(name)
                    || node.is_some_and(|node| running::is_job(&project, name, node))
            });
            let own = self.target.own.get(&group.service).map(String::as_str);
            let library = (self.library.as_slice(), own);
            let names = (!ends).then(|| use_library(group, library, stack, &mut around));
            if let Some(names) = names.flatten() {
                let members = group.members.iter().map(|(name, _)| name.clone());
                adopted_services.push((group.service.clone(), members.collect()));
                adopted.extend(names);
                continue;
            }
            let neighbours = Neighbours { own: group.members.clone(), services: owners.clone() };
            for (compose, container) in &group.members {
                let Some(node) = project.service(compose) else { continue };
                container::convert(compose, node, container, &neighbours, stack, &mut around);
            }
        }
        for (number, group) in groups.iter().enumerate() {
            let mut named = linked(&project, group, number, &renames);
            let first = group.members.first().and_then(|(name, _)| project.service(name));
            let place = first.map(|node| node.place).unwrap_or_default();
            for (rename, file) in
                stacks.get(number).map(|it| told(it, number, &renames)).unwrap_or_default()
            {
                named.insert(rename.stack);
                if rename.from != rename.to {
                    let what = format!(
                        "`{file}` of `{}` names the host `{}`, which is `{}` in the lab: change it \
                         there",
                        group.service, rename.from, rename.to
                    );
                    self.lab.findings.push((place, what));
                }
            }
            let behind = fronts::behind(&project, &groups, number);
            if !behind.is_subset(&named) {
                let told = fronts::told(&group.service, &behind, &renames);
                self.lab.findings.push((place, told));
                named.extend(behind);
            }
            let others =
                named.into_iter().filter_map(|other| Some(stacks.get(other)?.service.clone()));
            let links: Vec<_> = others.map(|other| line("link").arg(other.as_str())).collect();
            if let Some(stack) = stacks.get_mut(number) {
                stack.settings.extend(links);
            }
        }
        let own = stacks.iter().flat_map(|stack| stack.addresses.iter().copied());
        self.addresses.extend(own);
        top::convert(&project, &mut ledger);
        let own = groups.iter().zip(&stacks).filter(|(_, stack)| stack.library.is_none());
        let containers = own.flat_map(|(group, stack)| {
            let name = |(compose, container): &(String, String)| {
                (compose.clone(), stack.container_name(container))
            };
            group.members.iter().map(name)
        });
        let containers = containers.chain(adopted).collect();
        let file = self.file_names.take(&project.name);
        let (entries, remarks) = ledger.finish();
        let (name, library) = (project.name.clone(), adopted_services);
        self.imported.projects.push(Account { name, entries, remarks, containers, library });
        self.written.push((file, project, stacks));
    }

    /// Writes what belongs to no project.
    pub fn finish(self) -> Imported {
        let Self { target, secrets, mut lab, mut file_names, mut imported, .. } = self;
        let Self { network, mut addresses, fronts, mut written, .. } = self;
        let across = fronts.across();
        lab.findings.extend(across.findings);
        for link in across.links {
            let stacks = written.get_mut(link.project).map(|(_, _, stacks)| stacks);
            if let Some(stack) = stacks.and_then(|stacks| stacks.get_mut(link.number)) {
                stack.settings.push(line("link").arg(link.to.as_str()));
            }
        }
        for (file, project, stacks) in written {
            imported.files.extend(write::project(&file, &project, stacks, target));
        }
        imported.files.extend(lab.additions.files());
        if let Some(name) = &target.new_lab {
            addresses.extend(lab.shares.addresses());
            let new = (&network, network.machine(&addresses));
            let own = target.program.is_some_and(|it| it != ProxyProgram::NginxProxyManager);
            let internal = own && private(&mut lab);
            let text = write::lab(name, &lab.timezone, (lab.cores, internal), target, new);
            imported.files.insert("lab.kdl".to_owned(), text);
        }
        let shares = lab.shares.lines(&target.machine);
        if !shares.is_empty() {
            let path = format!("{}.kdl", file_names.take("servers"));
            imported.files.insert(path, document(shares));
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
}

/// Makes a group a service of the library's module that runs its images, if there is one and it
/// fits. Returns the names of its containers, in the compose file and on the machine.
///
/// `own` says why it can't be one, if that is known.
fn use_library(
    group: &Group,
    (library, own): (&[Module<'_>], Option<&str>),
    stack: &mut Stack,
    around: &mut Around<'_>,
) -> Option<Vec<(String, String)>> {
    let project = around.project;
    let image = |(name, _): &(String, String)| project.service(name)?.get("image")?.scalar();
    let images: Vec<&str> =
        group.members.iter().map(|member| image(member).unwrap_or_default()).collect();
    let first = group.members.first().and_then(|(name, _)| project.service(name));
    let place = first.map(|node| node.place).unwrap_or_default();
    let Some(fit) = library::find(&images, library) else {
        if let Some(name) = library::derived(&images, library) {
            let what = format!(
                "the library's module `{name}` runs this image with settings that follow the lab; \
                 those of this file are kept, so it becomes a module of its own"
            );
            stack.comment.clone_from(&what);
            around.ledger.remark(place, what);
        }
        return None;
    };
    let name = fit.module.name;
    let adopted = match own {
        Some(why) => Err(why.to_owned()),
        None => adopt::adopt(group, &fit, around),
    };
    match adopted {
        Ok(adopted) => {
            stack.library = Some(adopted.module);
            stack.addresses = adopted.addresses;
            stack.settings = adopted.settings;
            for (compose, _) in &adopted.containers {
                let path = format!("services.{compose}");
                let below = around.ledger.below(&path);
                let said: Vec<&Entry> = below.filter(|entry| entry.fate != Fate::Kept).collect();
                let text = stack::comment(&said, around.read, &path);
                stack.comment.push_str(&text);
                if !text.is_empty() {
                    stack.comment.push('\n');
                }
            }
            Some(adopted.containers)
        }
        Err(why) => {
            let what = format!(
                "the library's module `{name}` runs this image, but {why}; so it becomes a module \
                 of its own"
            );
            stack.comment.clone_from(&what);
            around.ledger.remark(place, what);
            None
        }
    }
}

/// Says that a proxy no longer reaches what it finds by labels, once.
fn proxied(project: &Project, said: &[(Place, String)]) -> Option<(Place, String)> {
    let what = "labels for a proxy stay labels, but each service has a network of its own, on \
                which the proxy is not: import with `--via`, so that they become routes, or write \
                `link` for each into the service of the proxy";
    let labels = |(_, service): &(String, Node)| {
        let labels = service.get("labels").map(Node::entries).unwrap_or_default().iter();
        labels.map(|(name, value)| (name.clone(), value.place)).collect::<Vec<_>>()
    };
    let mut labels = project.services.iter().flat_map(labels);
    let (_, place) =
        labels.find(|(name, _)| routes::is_about_proxies(name) && name != "traefik.enable")?;
    (!said.iter().any(|(_, known)| known == what)).then(|| (place, what.to_owned()))
}

/// Returns whether a new proxy must sign certificates itself, because no public authority signs
/// private names, and says so.
fn private(lab: &mut LabNames) -> bool {
    let name = |route: &str| route.split('/').next().unwrap_or_default().to_owned();
    let mut hosts = lab.hosts.iter().map(|(route, place)| (name(route), *place));
    let Some((host, place)) = hosts.find(|(host, _)| is_private(host)) else {
        return false;
    };
    let proxy = lab.via.as_deref().unwrap_or_default();
    let what = format!(
        "no public authority signs a certificate for `{host}`, so `{proxy}` signs them itself \
         (`certificates internal`): make your devices trust it, or use a domain that you own"
    );
    lab.findings.push((place, what));
    true
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
        let known = zone.filter(|zone| timezones().any(|known| known == *zone));
        if let Some(zone) = known {
            *counts.entry(zone).or_default() += 1;
        }
    }
    // Among equally common zones, the first by name wins, whatever the order of the files.
    let most = counts.into_iter().max_by_key(|(zone, count)| (*count, Reverse(*zone)));
    most.map_or("Etc/UTC", |(zone, _)| zone).to_owned()
}

/// Finds the other services of a project that a service names: in its variables and commands, or
/// because it waits for them.
fn linked(project: &Project, group: &Group, number: usize, renames: &[Rename]) -> BTreeSet<usize> {
    let mut named = BTreeSet::new();
    let nodes = group.members.iter().filter_map(|(compose, _)| {
        project.services.iter().find(|(name, _)| name == compose).map(|(_, node)| node)
    });
    // A container with a `network_mode` is on no network of compose, so no name leads to its
    // neighbours.
    for node in nodes.filter(|node| node.get("network_mode").is_none()) {
        let words = ["command", "entrypoint", "links"]
            .into_iter()
            .filter_map(|key| node.get(key))
            .flat_map(|node| node.items().iter().chain([node]))
            .filter_map(Node::scalar)
            .map(|word| ("", word));
        let variables = node.get("environment").map(Node::entries).unwrap_or_default();
        let variables =
            variables.iter().filter_map(|(name, value)| Some((name.as_str(), value.scalar()?)));
        let texts: Vec<(&str, &str)> = words.chain(variables).collect();
        let names = |rename: &&Rename| {
            texts.iter().any(|(name, text)| names_host(name, text, &rename.from))
                || node.get("depends_on").is_some_and(|all| all.get(&rename.from).is_some())
                || texts.iter().any(|(name, text)| {
                    name.is_empty() && text.split(':').next() == Some(rename.from.as_str())
                })
        };
        let others = renames.iter().filter(|rename| rename.stack != number);
        named.extend(others.filter(names).map(|rename| rename.stack));
    }
    named
}

/// Returns what the containers of a project are called, in the compose file and in the lab.
fn renames(project: &Project, groups: &[Group], stacks: &[Stack]) -> Vec<Rename> {
    let mut renames = Vec::new();
    for (number, (group, stack)) in groups.iter().zip(stacks).enumerate() {
        for (compose, container) in &group.members {
            let Some(node) = project.service(compose) else { continue };
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
                    // It keeps its host name, which may be in a certificate.
                    let kept =
                        text("hostname").is_some_and(|name| name == from && name.contains('.'));
                    let to = if kept { from.clone() } else { to.clone() };
                    renames.push(Rename { from, stack: number, container, to });
                }
            }
        }
    }
    renames
}
