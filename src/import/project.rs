//! Reads the compose files of a project into one: variables, several files, `include`, `extends`
//! and profiles.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use super::dotenv;
use super::files::{FileKind, Files, file_name, folder_of, join};
use super::interpolate::{Found, Variables, interpolate};
use super::ledger::{Fate, Ledger};
use super::merge::{as_map, lead, merge, normalize};
use super::yaml::{self, Fault, Node, Place, Value};

/// How many files may include or extend each other in a row.
const DEEPEST: usize = 16;

/// How many services may extend each other in a row.
const MOST_EXTENDED: usize = 100;

/// The most files that a project reads, each counted as often as it is included or extended.
const MOST_FILES: usize = 1_000;

/// The most services of a project: each is held against each other, to find what belongs together.
const MOST_SERVICES: usize = 1_000;

/// The files of a project, and what the caller says about it.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// The compose files, the first before those that change it.
    pub files: Vec<String>,
    /// The name that the project has unless it says another.
    pub name: String,
    /// Files with variables; without any, the `.env` next to the first compose file.
    pub env: Vec<String>,
    /// The profiles that are selected.
    pub profiles: Vec<String>,
    /// Whether a search found it, so that it may be a part of another project.
    pub searched: bool,
}

impl Request {
    /// Returns whether a file is one of the project's.
    pub fn has(&self, file: &str) -> bool {
        self.files.iter().any(|own| own == file)
    }
}

/// A project, read.
#[derive(Debug, Default)]
pub struct Project {
    /// Its name.
    pub name: String,
    /// Its services, in the order of the files.
    pub services: Vec<(String, Node)>,
    /// The services that compose does not start, because none of their profiles is chosen.
    pub manual: BTreeSet<String>,
    /// Everything else at the top: `volumes`, `networks`, `secrets`, …
    pub top: Node,
    /// The variables that fill `environment` entries without a value.
    pub variables: Variables,
}

impl Project {
    /// Returns a service as its compose file has it.
    pub fn service(&self, name: &str) -> Option<&Node> {
        self.services.iter().find(|(own, _)| own == name).map(|(_, node)| node)
    }
}

/// Returns the name of a project as compose writes it: in small letters, without what it takes for
/// no part of a name.
fn normal(name: &str) -> String {
    let name = name.to_lowercase();
    let kept = name.chars().filter(|c| c.is_ascii_alphanumeric() || "_-".contains(*c));
    kept.collect::<String>().trim_start_matches(['_', '-']).to_owned()
}

/// The reading of one project.
pub struct Loader<'a> {
    /// Where files come from.
    pub files: &'a dyn Files,
    /// The files that were read. A place names one by its number.
    pub read: &'a mut Vec<String>,
    /// What becomes of every key.
    pub ledger: &'a mut Ledger,
    /// What stops compose.
    pub faults: Vec<Fault>,
    /// The files that others include or extend.
    pub parts: BTreeSet<String>,
    /// How many files were opened.
    opened: usize,
    variables: Variables,
}

impl<'a> Loader<'a> {
    /// Starts to read.
    pub fn new(files: &'a dyn Files, read: &'a mut Vec<String>, ledger: &'a mut Ledger) -> Self {
        Self {
            files,
            read,
            ledger,
            faults: Vec::new(),
            parts: BTreeSet::new(),
            opened: 0,
            variables: Variables::default(),
        }
    }

    /// Reads a project. With faults, what can be read is still returned.
    pub fn project(&mut self, request: &Request) -> Project {
        let first = request.files.first().map(String::as_str).unwrap_or_default();
        let folder = folder_of(first).to_owned();
        self.environment(&request.env, &folder);
        let mut root: Option<Node> = None;
        for file in &request.files {
            let Some(node) = self.file(file, &folder, 0) else { continue };
            root = Some(match root {
                Some(earlier) => merge(earlier, node),
                None => node,
            });
        }
        let mut root = root.unwrap_or_else(|| Node::map(Place::default(), Vec::new()));
        let name = root.take("name");
        if let Some(name) = &name {
            self.ledger.note(name.place, "name", Fate::Changed, "a lab has no projects");
        }
        let name = name.and_then(|name| name.scalar().map(str::to_owned));
        // Docker's names of volumes begin with it, so it is what compose makes of it.
        let given = self.variables.values.get("COMPOSE_PROJECT_NAME").cloned();
        let given = given.filter(|name| !name.is_empty()).or(name);
        let name = normal(given.as_deref().unwrap_or(&request.name));
        let services = root.take("services").unwrap_or_default();
        let mut services =
            if let Value::Map(services) = services.value { services } else { Vec::new() };
        self.limit(&mut services);
        let chosen = self.variables.values.get("COMPOSE_PROFILES").map(String::as_str);
        let chosen = chosen.into_iter().flat_map(|names| names.split(',').map(str::trim));
        let selected: Vec<&str> =
            request.profiles.iter().map(String::as_str).chain(chosen).collect();
        let manual = services
            .iter()
            .filter(|(_, service)| !is_selected(service, &selected))
            .map(|(name, _)| name.clone())
            .collect();
        Project {
            name: if name.is_empty() { request.name.clone() } else { name },
            services,
            manual,
            top: root,
            variables: std::mem::take(&mut self.variables),
        }
    }

    fn environment(&mut self, named: &[String], folder: &str) {
        let usual = join(folder, ".env");
        let own = [usual.clone()];
        let names = if named.is_empty() { &own[..] } else { named };
        // As `~`: compose is run by root, or by somebody who may do all that root may. It is run
        // where the project is.
        let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
        let shell = [("HOME", "/root"), ("USER", "root"), ("PATH", path), ("PWD", folder)];
        for (name, value) in shell {
            self.variables.values.entry(name.to_owned()).or_insert_with(|| value.to_owned());
        }
        for name in names {
            match self.files.read(name) {
                Ok(text) => {
                    let found = dotenv::read(&text, &self.variables);
                    let found = found.into_iter().map(|(name, value, _)| (name, value));
                    self.variables.values.extend(found);
                }
                // Compose needs no `.env`.
                Err(_) if *name == usual => {}
                Err(problem) => {
                    let file = self.number(name);
                    self.fault(Place { file, line: 1 }, format!("it can't be read: {problem}"));
                }
            }
        }
    }

    /// Refuses more services than can be held against each other.
    fn limit(&mut self, services: &mut Vec<(String, Node)>) {
        if let Some((_, first)) = services.get(MOST_SERVICES) {
            let problem = format!(
                "the project has {} services, and at most {MOST_SERVICES} are read at once: \
                 divide it",
                services.len()
            );
            self.fault(first.place, problem);
            services.clear();
        }
    }

    fn fault(&mut self, place: Place, problem: String) {
        let fault = Fault { place, problem };
        if !self.faults.contains(&fault) {
            self.faults.push(fault);
        }
    }

    fn number(&mut self, path: &str) -> usize {
        if let Some(known) = self.read.iter().position(|name| name == path) {
            return known;
        }
        self.read.push(path.to_owned());
        self.read.len() - 1
    }

    /// Reads a file with all that it includes and extends. Its paths begin in `folder`.
    fn file(&mut self, path: &str, folder: &str, depth: usize) -> Option<Node> {
        let file = self.number(path);
        let start = Place { file, line: 1 };
        if depth > 0 {
            self.parts.insert(path.to_owned());
        }
        if depth > DEEPEST {
            self.fault(start, "files include each other without an end".to_owned());
            return None;
        }
        self.opened += 1;
        if self.opened > MOST_FILES {
            let first = Place { file: 0, line: 1 };
            self.fault(
                first,
                format!("it includes and extends files more than {MOST_FILES} times"),
            );
            return None;
        }
        let text = match self.files.read(path) {
            Ok(text) => text,
            Err(problem) => {
                self.fault(start, format!("it can't be read: {problem}"));
                return None;
            }
        };
        let mut root = match yaml::documents(&text, file) {
            // Compose lays the documents of a file over each other.
            Ok(documents) => documents
                .into_iter()
                .filter(|node| !node.is_null())
                .reduce(merge)
                .unwrap_or_else(|| Node { place: start, ..Node::default() }),
            Err(fault) => {
                self.faults.push(fault);
                return None;
            }
        };
        if !matches!(root.value, Value::Map(_)) {
            self.fault(root.place, "it is not a compose file: it has no `services`".to_owned());
            return None;
        }
        let mut found = Found::default();
        interpolate(&mut root, &self.variables, &mut found);
        for fault in found.faults {
            self.fault(fault.place, fault.problem);
        }
        for (name, place) in found.unset {
            let what = format!("`{name}` has no value, and is replaced by nothing as compose does");
            self.ledger.remark(place, what);
        }
        self.normalize(&mut root, folder);
        let included = root.take("include");
        self.extend_services(&mut root, path, folder, depth);
        match included {
            Some(included) => Some(self.include(&included, folder, depth, root)),
            None => Some(root),
        }
    }

    /// Brings the forms that compose accepts into one.
    fn normalize(&mut self, root: &mut Node, folder: &str) {
        // The first compose files had services at the top.
        let old = root.get("services").is_none()
            && root.entries().iter().any(|(_, node)| node.get("image").is_some());
        if old {
            let place = root.place;
            self.fault(place, "it has no `services`, which compose refuses".to_owned());
        }
        if let Some(services) = root.get("services")
            && !matches!(services.value, Value::Map(_) | Value::Null)
        {
            let place = services.place;
            self.fault(place, "`services` is not a map".to_owned());
        }
        if let Some(services) = root.get_mut("services")
            && let Value::Map(services) = &mut services.value
        {
            let (whole, other): (Vec<_>, Vec<_>) = std::mem::take(services)
                .into_iter()
                .partition(|(_, node)| matches!(node.value, Value::Map(_)));
            *services = whole;
            for (name, node) in other {
                self.fault(node.place, format!("the service `{name}` is not a map"));
            }
        }
        if let Some(Node { value: Value::Map(services), .. }) = root.get_mut("services") {
            self.limit(services);
            for (_, service) in services {
                normalize(service, folder);
            }
        }
        for kind in ["secrets", "configs"] {
            if let Some(Node { value: Value::Map(entries), .. }) = root.get_mut(kind) {
                for file in entries.iter_mut().filter_map(|(_, entry)| entry.get_mut("file")) {
                    lead(file, folder);
                }
            }
        }
        for kind in ["volumes", "networks", "secrets", "configs"] {
            if let Some(Node { value: Value::Map(entries), .. }) = root.get_mut(kind) {
                for (_, entry) in entries {
                    as_map(entry.get_mut("labels"), &['=']);
                }
            }
        }
    }

    fn include(&mut self, included: &Node, folder: &str, depth: usize, root: Node) -> Node {
        let mut whole: Option<Node> = None;
        for item in included.items() {
            let list = |key: &str| -> Vec<String> {
                let node = if item.scalar().is_some() && key == "path" {
                    Some(item)
                } else {
                    item.get(key)
                };
                let scalars = node.map(|node| match node.scalar() {
                    Some(text) => vec![text.to_owned()],
                    None => node
                        .items()
                        .iter()
                        .filter_map(|item| item.scalar().map(str::to_owned))
                        .collect(),
                });
                scalars.unwrap_or_default()
            };
            let paths: Vec<String> = list("path").iter().map(|path| join(folder, path)).collect();
            let Some(first) = paths.first() else { continue };
            let base = list("project_directory")
                .first()
                .map_or_else(|| folder_of(first).to_owned(), |base| join(folder, base));
            let mut inner: Vec<String> = Vec::new();
            let mut named = list("env_file");
            let usual = named.is_empty();
            named.retain(|name| name != "/dev/null");
            let mut names: Vec<String> = named.iter().map(|name| join(folder, name)).collect();
            if usual {
                names.push(join(&base, ".env"));
            }
            for name in names {
                let text = self.files.read(&name).unwrap_or_else(|problem| {
                    // Compose needs no `.env`.
                    if !usual {
                        let name = name.rsplit('/').next().unwrap_or_default();
                        let problem = format!("its `env_file` `{name}` can't be read: {problem}");
                        self.fault(item.place, problem);
                    }
                    String::new()
                });
                let found = dotenv::read(&text, &self.variables).into_iter();
                let found: BTreeMap<_, _> = found.map(|(name, value, _)| (name, value)).collect();
                // What the outer project says wins.
                for (name, value) in found {
                    if let Entry::Vacant(place) = self.variables.values.entry(name) {
                        inner.push(place.key().clone());
                        place.insert(value);
                    }
                }
            }
            let mut one: Option<Node> = None;
            for path in &paths {
                let Some(node) = self.file(path, &base, depth + 1) else { continue };
                one = Some(match one {
                    Some(earlier) => merge(earlier, node),
                    None => node,
                });
            }
            // The variables of an included file are for that file alone.
            for name in inner {
                self.variables.values.remove(&name);
            }
            let what = "what it names is read as part of the project";
            self.ledger.note(item.place, "include", Fate::Changed, what);
            whole = match (whole, one) {
                (Some(whole), Some(mut one)) => {
                    // The name of an included file is not the name of this project.
                    drop(one.take("name"));
                    Some(merge(whole, one))
                }
                (whole, one) => whole.or(one),
            };
        }
        match whole {
            Some(mut whole) => {
                drop(whole.take("name"));
                merge(whole, root)
            }
            None => root,
        }
    }

    /// Merges what `extends` names into the services of a file.
    fn extend_services(&mut self, root: &mut Node, path: &str, folder: &str, depth: usize) {
        let names: Vec<String> = root
            .get("services")
            .map(Node::entries)
            .unwrap_or_default()
            .iter()
            .map(|(name, _)| name.clone())
            .collect();
        for name in names {
            let mut seen = BTreeSet::new();
            let Some(service) = self.extended(root, &name, (path, folder), depth, &mut seen) else {
                continue;
            };
            if let Some(services) = root.get_mut("services") {
                services.set(&name, service);
            }
        }
    }

    /// Returns a service with what it extends.
    fn extended(
        &mut self,
        root: &Node,
        name: &str,
        (path, folder): (&str, &str),
        depth: usize,
        seen: &mut BTreeSet<String>,
    ) -> Option<Node> {
        let mut service = root.get("services")?.get(name)?.clone();
        let Some(extends) = service.take("extends") else { return Some(service) };
        let place = extends.place;
        if !seen.insert(name.to_owned()) {
            self.fault(place, "services extend each other without an end".to_owned());
            return Some(service);
        }
        if seen.len() > MOST_EXTENDED {
            let first = Place { line: 1, ..place };
            let problem = format!("more than {MOST_EXTENDED} services extend each other in a row");
            self.fault(first, problem);
            return Some(service);
        }
        let key = format!("services.{name}.extends");
        let what = "what it names is merged in, as compose does";
        self.ledger.note(place, &key, Fate::Changed, what);
        let text = |key: &str| extends.get(key).and_then(Node::scalar).map(str::to_owned);
        let wanted = extends.scalar().map(str::to_owned).or_else(|| text("service"))?;
        let base = match text("file").map(|file| join(folder, &file)) {
            Some(file) if file != path => {
                // Paths in the other file begin in its own folder.
                let other = self.file(&file, folder_of(&file), depth + 1)?;
                other.get("services").and_then(|services| services.get(&wanted)).cloned()
            }
            _ => self.extended(root, &wanted, (path, folder), depth, seen),
        };
        let Some(base) = base else {
            self.fault(place, format!("there is no service `{wanted}` to extend"));
            return Some(service);
        };
        Some(merge(base, service))
    }
}

/// Returns whether compose starts a service: it has no profile, or one of them is selected.
fn is_selected(service: &Node, selected: &[&str]) -> bool {
    let profiles = service.get("profiles").map(Node::items).unwrap_or_default();
    let names: Vec<&str> = profiles.iter().filter_map(Node::scalar).collect();
    names.is_empty() || selected.contains(&"*") || names.iter().any(|name| selected.contains(name))
}

/// The names that compose itself looks for in a folder, the best first.
pub const NAMES: [&str; 4] =
    ["compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml"];

/// Lists the compose files that a `.env` names in the place of those that compose looks for.
pub fn named_files(env: &str) -> Vec<String> {
    let found = dotenv::read(env, &Variables::default());
    let given = |name: &str| {
        let last = found.iter().rev().find(|(own, ..)| own == name);
        last.map(|(_, value, _)| value).filter(|value| !value.is_empty())
    };
    let separator = given("COMPOSE_PATH_SEPARATOR").map_or(":", String::as_str);
    let files = given("COMPOSE_FILE").into_iter().flat_map(|files| files.split(separator));
    files.filter(|file| !file.is_empty()).map(str::to_owned).collect()
}

/// Returns the file that compose adds to a file of that name.
pub fn override_of(path: &str, files: &dyn Files) -> Option<String> {
    let name = file_name(path);
    if !NAMES.contains(&name) {
        return None;
    }
    let stem = name.split('.').next().unwrap_or_default();
    ["yaml", "yml"]
        .map(|extension| join(folder_of(path), &format!("{stem}.override.{extension}")))
        .into_iter()
        .find(|path| files.kind(path) == FileKind::File)
}
