//! Converts containers that a module of the library runs into a service of that module.
//!
//! What the module has no option for is set by `raw`, so that the program sees what it saw before.
//! Where that is impossible, nothing is converted, and the containers become a module of their own.

mod limits;
mod places;
mod required;
mod rest;
mod variables;

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::import::group::Group;
use crate::import::guests;
use crate::import::kdl::{Line, line};
use crate::import::lan;
use crate::import::ledger::{At, Fate};
use crate::import::library::{Container, Fit, Module, Settings, is_default, option};
use crate::import::mounts::{HIDDEN, standing};
use crate::import::routes;
use crate::import::secrets::is_secret_label;
use crate::import::stack::Around;
use crate::import::variables::filed;
use crate::import::yaml::{Node, Place};

/// A service of a module of the library.
#[derive(Debug)]
pub struct Adopted {
    /// The module.
    pub module: String,
    /// The service's nodes.
    pub settings: Vec<Line>,
    /// The addresses that the service has for itself.
    pub addresses: Vec<IpAddr>,
    /// The names that its containers have on the machine, by those in the compose file.
    pub containers: Vec<(String, String)>,
}

/// What is found out before anything is said.
#[derive(Debug, Default)]
struct Draft {
    options: Settings,
    secrets: Vec<(String, String, Place, String)>,
    /// The options that the lab adds to the module, by container and variable.
    added: Vec<((String, String), String)>,
    lines: Vec<Line>,
    said: Vec<(String, Place, Fate, String)>,
    findings: Vec<(Place, String)>,
    opened: Vec<(u16, bool)>,
    kept: Vec<String>,
    /// The folders that containers have besides those of the module, each with its container.
    besides: Vec<(String, String)>,
    /// The ports at which programs listen, by endpoint, where variables say so.
    ports: BTreeMap<String, u16>,
    addresses: Vec<IpAddr>,
    /// The containers in the network of the machine, of which every port was reached.
    on_host: Vec<String>,
}

/// A container of compose on its way to become one of a module.
struct Becoming<'b, 's, 'a> {
    /// The module.
    module: &'b Module<'s>,
    /// The module's container.
    container: &'b Container<'s>,
    /// What was found out so far.
    draft: &'b mut Draft,
    around: &'b mut Around<'a>,
    /// The image that it runs in the compose file.
    image: &'b str,
}

impl Becoming<'_, '_, '_> {
    /// Starts a node that sets a key of compose.
    fn raw(&self, key: &str) -> Line {
        self.of_container(line("raw").arg(format!("compose.{key}")))
    }

    /// Makes a node of the service one about the container.
    fn of_container(&self, node: Line) -> Line {
        let name = self.container.name;
        let first = self.module.containers.first().is_some_and(|first| first.name == name);
        if first { node } else { node.prop("container", name) }
    }

    /// Sets a list of compose, if it has anything in it.
    fn list(&mut self, key: &str, words: Vec<String>) {
        if !words.is_empty() {
            self.draft.lines.push(self.raw(key).listed(words));
        }
    }

    fn say(&mut self, at: &At<'_>, fate: Fate, what: impl Into<String>) {
        self.draft.say(at, fate, what);
    }
}

/// Why containers do not become a service of a module.
type Misfit = String;

/// Tries to convert a group. `Err` says why a module that runs the images does not fit.
pub fn adopt(group: &Group, fit: &Fit<'_, '_>, around: &mut Around<'_>) -> Result<Adopted, Misfit> {
    let (module, containers) = (fit.module, &fit.containers);
    // A misfit may show late, so nothing is said or written before all containers fit.
    let mut draft = Draft::default();
    let choices = fit.options.iter();
    draft
        .options
        .extend(choices.map(|(name, word)| ((*name).to_owned(), vec![(*word).to_owned()])));
    let name_of = |container: &Container<'_>| {
        if container.name == module.name {
            group.service.clone()
        } else {
            format!("{}-{}", group.service, container.name)
        }
    };
    for ((compose, _), container) in group.members.iter().zip(containers) {
        let Some(node) = around.project.service(compose) else { continue };
        let path = format!("services.{compose}");
        let service = At::new(path.as_str(), node);
        let image = node.get("image").and_then(Node::scalar).unwrap_or_default();
        one(&service, &mut Becoming { module, container, draft: &mut draft, around, image })?;
    }
    places::listen(module, &mut draft);
    let zone = around.lab.zone.clone();
    open_addresses(module, &mut draft, &zone);
    places::open_host(module, &mut draft, around);
    required::fill(group, fit, &mut draft, around)?;
    let mut settings = Vec::new();
    for (name, value, place, doc) in draft.secrets {
        let wanted = format!("{}-{name}", group.service);
        let secret = around.secrets.declare(&value, &wanted, place, &doc);
        if !settings.iter().any(|line: &Line| line.name() == name) {
            settings.push(line(&name).typed("secret", &secret));
        }
    }
    for (name, values) in draft.options {
        let known = option(&format!("opt.{name}"), &module.options);
        if known.is_some_and(|option| is_default(option, &values)) {
            continue;
        }
        let kind = known.map(|option| option.kind);
        let mut node = line(&name);
        for value in values {
            node = match kind {
                Some("boolean") => node.flag(value == "true"),
                // `fits` accepted it as a whole number.
                Some("integer" | "number" | "port") => node.number(value.parse().unwrap_or(0)),
                _ => node.arg(value),
            };
        }
        settings.push(node);
    }
    settings.extend(draft.lines);
    for (path, place, fate, what) in draft.said {
        around.ledger.note(place, &path, fate, &what);
    }
    around.lab.findings.extend(draft.findings);
    for (set, option) in draft.added {
        around.lab.additions.add(module.name, set, option);
    }
    for key in draft.opened {
        around.lab.ports.insert(key, group.service.clone());
    }
    for path in draft.kept {
        around.lab.kept.insert(path, group.service.clone());
    }
    for ((compose, _), container) in group.members.iter().zip(containers) {
        let Some(node) = around.project.service(compose) else { continue };
        let path = format!("services.{compose}");
        let (service, all) = (group.service.clone(), endpoints(module, container));
        let endpoints = routes::Endpoints::Known { service, all };
        let service = &At::new(path.as_str(), node);
        let (container, settings) = (container.name, &mut settings);
        routes::routes(routes::Target { service, container, endpoints, settings }, around);
    }
    let names = group.members.iter().zip(containers);
    let containers = names.map(|((compose, _), container)| (compose.clone(), name_of(container)));
    let (module, containers) = (module.name.to_owned(), containers.collect());
    Ok(Adopted { module, settings, addresses: draft.addresses, containers })
}

/// Lists the endpoints of a container, but databases.
fn endpoints(module: &Module<'_>, container: &Container<'_>) -> Vec<(String, u16, bool)> {
    let own = module.endpoints.iter().filter(|endpoint| endpoint.container == container.name);
    own.filter(|endpoint| !endpoint.database)
        .map(|endpoint| (endpoint.name.to_owned(), endpoint.port, endpoint.udp))
        .collect()
}

impl Draft {
    fn say(&mut self, at: &At<'_>, fate: Fate, what: impl Into<String>) {
        self.said.push((at.path.clone(), at.node.place, fate, what.into()));
    }
}

/// Converts one container.
fn one(service: &At<'_>, becoming: &mut Becoming<'_, '_, '_>) -> Result<(), Misfit> {
    let (module, container) = (becoming.module, becoming.container);
    // Variables say at which port the program listens.
    let is_early = |key: &str| matches!(key, "environment" | "env_file");
    let (early, late): (Vec<_>, Vec<_>) = service.entries().partition(|(key, _)| is_early(key));
    for (key, at) in early.into_iter().chain(late) {
        match key {
            "image" => rest::image(&at, container, becoming.draft),
            "environment" => {
                let mut words = Vec::new();
                for (name, at) in at.entries() {
                    let given =
                        becoming.around.project.variables.values.get(name).map(String::as_str);
                    let Some(value) = at.text().or(given).map(str::to_owned) else {
                        becoming.say(&at, Fate::Lost, "its value is in no file");
                        continue;
                    };
                    let setting = variables::Setting { name, value: &value, at: &at };
                    words.extend(variables::variable(&setting, becoming)?);
                }
                becoming.list("environment", words);
            }
            "env_file" => {
                let filed = filed(service, becoming.around);
                for (at, fate, what) in filed.said {
                    if fate == Fate::Lost {
                        return Err(what);
                    }
                    becoming.say(&at, fate, what);
                }
                let mut words = Vec::new();
                let own = service.get("environment");
                for (name, value, place) in filed.variables {
                    if own.as_ref().is_some_and(|own| own.get(&name).is_some()) {
                        continue;
                    }
                    let node = Node::text(place, value.as_str());
                    let at = At::new(format!("{}.env_file.{name}", service.path), &node);
                    let setting = variables::Setting { name: &name, value: &value, at: &at };
                    words.extend(variables::variable(&setting, becoming)?);
                }
                becoming.list("environment", words);
            }
            "volumes" => {
                let (standing, hidden) = standing(service);
                for at in hidden {
                    becoming.say(&at, Fate::Lost, HIDDEN);
                }
                for at in standing {
                    places::volume(&at, becoming)?;
                }
            }
            // Those that others publish for it are below.
            "ports" => {}
            "restart" if at.text() == Some("unless-stopped") => {
                becoming.say(&at, Fate::Kept, "the restart of every container");
            }
            "restart" | "logging" => becoming.say(&at, Fate::Changed, "as every container"),
            "container_name" | "healthcheck" | "depends_on" | "networks" | "links" | "expose"
            | "stop_grace_period" => {
                if key == "networks" {
                    addresses(service, becoming.draft, becoming.around);
                }
                becoming.say(&at, Fate::Changed, format!("as the module `{}` has it", module.name));
            }
            "hostname" | "tty" | "stdin_open" | "oom_score_adj" | "mem_reservation"
            | "cpu_shares" | "dns" | "working_dir" | "platform" | "pull_policy" | "stop_signal"
            | "runtime" => {
                let listed = at.node.items().is_empty();
                let text = at.text().filter(|text| !becoming.around.secrets.hides(text));
                match (listed, text) {
                    (true, Some(text))
                        if at.node.truth().is_none() || text.parse::<i64>().is_err() =>
                    {
                        let flag = matches!(key, "tty" | "stdin_open");
                        let node = becoming.raw(key);
                        becoming.draft.lines.push(match (flag, text.parse::<i64>()) {
                            (true, _) => node.flag(at.node.truth() == Some(true)),
                            (_, Ok(number)) => node.number(number),
                            _ => node.arg(text),
                        });
                        becoming.say(&at, Fate::Kept, format!("raw compose.{key}"));
                    }
                    _ => return Err(format!("it has no option for `{key}`")),
                }
            }
            "labels" => {
                let mut words = Vec::new();
                for (name, at) in at.entries() {
                    // Routes are made once it is known that the module fits.
                    if becoming.around.lab.via.is_some() && routes::is_about_proxies(name) {
                        continue;
                    }
                    let value = at.text().unwrap_or_default();
                    if becoming.around.secrets.hides(value) || is_secret_label(name, value) {
                        becoming.say(
                            &at,
                            Fate::Lost,
                            "it has a secret in it, which no label may hold",
                        );
                    } else {
                        words.push(format!("{name}={value}"));
                        becoming.say(&at, Fate::Kept, "raw compose.labels");
                    }
                }
                becoming.list("labels", words);
            }
            "devices" => {
                for at in at.items() {
                    let text = at.text().ok_or("it has no option for the long form of a device")?;
                    let path = text.split(':').next().unwrap_or_default();
                    let own = container.block.all("device").any(|device| device.key() == path);
                    if own {
                        becoming.say(&at, Fate::Kept, "the module's");
                    } else {
                        becoming.draft.lines.push(becoming.raw("devices").arg(text));
                        becoming.say(&at, Fate::Kept, "raw compose.devices");
                    }
                }
            }
            "cap_add" => {
                for at in at.items() {
                    let name = at.text().unwrap_or_default();
                    let own = container
                        .block
                        .all("cap-add")
                        .any(|caps| caps.arguments.iter().any(|own| own.text() == Some(name)));
                    if own {
                        becoming.say(&at, Fate::Kept, "the module's");
                    } else {
                        becoming.draft.lines.push(becoming.raw("cap_add").arg(name));
                        becoming.say(&at, Fate::Kept, "raw compose.cap_add");
                    }
                }
            }
            "security_opt" => {
                for at in at.items() {
                    let text = at.text().unwrap_or_default();
                    let own =
                        container.block.all("security-option").any(|option| option.key() == text);
                    if !own {
                        becoming.draft.lines.push(becoming.raw("security_opt").arg(text));
                    }
                    becoming.say(&at, Fate::Kept, "the confinement");
                }
            }
            "privileged" if at.node.truth() == Some(true) => {
                becoming.draft.lines.push(becoming.raw("privileged").flag(true));
                becoming.say(&at, Fate::Kept, "raw compose.privileged");
            }
            key if limits::KEYS.contains(&key) => {
                let first = service.entries().find(|(key, _)| limits::KEYS.contains(key));
                if first.is_some_and(|(first, _)| first == key) {
                    limits::convert(service, becoming)?;
                }
            }
            "profiles" => {
                becoming.say(&at, Fate::Changed, "it always runs, since its profile is chosen");
            }
            "scale" if at.text() == Some("1") => becoming.say(&at, Fate::Kept, "one container"),
            "command" => places::command(&at, becoming)?,
            "network_mode" => places::network(&at, becoming)?,
            key if key.starts_with("x-") => {
                becoming.say(&at, Fate::Lost, "compose itself ignores it");
            }
            "privileged" | "read_only" | "init" if at.node.truth() == Some(false) => {
                becoming.say(&at, Fate::Kept, "not set");
            }
            "user" => rest::user(&at, becoming)?,
            "shm_size" if container.block.child("shm-size").is_some() => {
                becoming.say(&at, Fate::Changed, "the module's");
            }
            key => rest::convert(key, &at, becoming)?,
        }
    }
    for at in guests::published(service, becoming.around) {
        let said = becoming.draft.said.len();
        places::port(&at, becoming)?;
        // What another container publishes is in the account of that one.
        if !at.path.starts_with(&format!("{}.", service.path)) {
            becoming.draft.said.truncate(said);
        }
    }
    Ok(())
}

/// Converts the addresses of the LAN that a container has for itself.
fn addresses(service: &At<'_>, draft: &mut Draft, around: &Around<'_>) {
    for (at, found) in lan::addresses(service, around) {
        let families: Vec<bool> = draft.addresses.iter().map(IpAddr::is_ipv4).collect();
        match found {
            Ok(address) if families.contains(&address.is_ipv4()) => {
                draft.say(&at, Fate::Lost, "another container of the service has one already");
            }
            Ok(address) => {
                draft.addresses.push(address);
                draft.say(&at, Fate::Changed, lan::KEPT);
            }
            Err(why) => draft.say(&at, Fate::Lost, why),
        }
    }
}

/// Opens what others reached at an address of the service's own.
fn open_addresses(module: &Module<'_>, draft: &mut Draft, zone: &str) {
    if draft.addresses.is_empty() {
        return;
    }
    let own = draft.addresses.iter().map(ToString::to_string);
    draft.lines.push(own.fold(line("own-address"), Line::arg));
    // Whoever was in the LAN reached all of its ports.
    for endpoint in module.endpoints.iter().filter(|endpoint| !endpoint.database) {
        let opened = |line: &Line| line.name() == "expose" && line.first() == Some(endpoint.name);
        if !draft.lines.iter().any(opened) {
            draft.lines.push(line("expose").arg(endpoint.name).prop("to", zone));
        }
    }
}
