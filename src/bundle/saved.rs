//! Compares what labctl saves before an image changes with the list of databases that are dumped,
//! and with the containers that use them.
//!
//! Which folders without a database a service keeps is nothing that another file says.

use std::collections::{BTreeMap, BTreeSet};

use super::agree::{COMPOSE, differ, rows, unquoted};
use super::claims::{LIST, listed};
use crate::model::Engine;

const DATABASES: &str = "payload/kept/databases.tsv";
const PLACES: &str = "payload/kept/places.tsv";
const WRITERS: &str = "payload/kept/writers.tsv";

type Files = BTreeMap<String, Vec<u8>>;

/// A database, as the list that the scripts of dumps read has it.
struct Listed {
    service: String,
    name: String,
    file: String,
    engine: String,
    container: Option<String>,
    /// The file or folder that it is in, if no server runs it.
    path: Option<String>,
    need: &'static str,
}

/// A container of the compose file: what it may write to, and its service.
#[derive(Default)]
struct Container {
    service: String,
    writes: Vec<String>,
}

/// Fails if labctl would save other databases than are dumped, or would not know that a container
/// writes one.
pub fn check(files: &Files) -> Result<(), String> {
    let text = |path: &str| files.get(path).map(|bytes| String::from_utf8_lossy(bytes));
    let read = |path: &str| text(path).unwrap_or_default().into_owned();
    let listed = databases(&read(LIST));
    let containers = containers(&read(COMPOSE));
    let table = read(WRITERS);
    let writers: BTreeSet<(&str, &str)> = table
        .lines()
        .filter_map(|line| {
            let mut cells = line.split('\t');
            Some((cells.next()?, cells.next()?))
        })
        .collect();
    let services: BTreeSet<&str> = writers.iter().map(|(service, _)| *service).collect();
    let known: Vec<&Listed> =
        listed.iter().filter(|one| services.contains(one.service.as_str())).collect();
    if rows::<7>(&read(DATABASES)) != known.iter().map(|one| one.row()).collect() {
        return Err(differ(DATABASES, LIST));
    }
    for database in &listed {
        let written = match (&database.container, &database.path) {
            (Some(container), _) => {
                !containers.contains_key(container)
                    || writers.contains(&(database.service.as_str(), container.as_str()))
            }
            (None, Some(path)) => {
                services.contains(database.service.as_str())
                    || !containers.values().any(|one| one.has(&database.service, path))
            }
            (None, None) => true,
        };
        if !written {
            return Err(differ(WRITERS, LIST));
        }
    }
    let places = read(PLACES);
    let mut kept = places.lines().filter_map(|line| line.split('\t').next());
    if kept.all(|service| services.contains(service)) {
        Ok(())
    } else {
        Err(differ(WRITERS, PLACES))
    }
}

impl Listed {
    /// Returns its row of the table for labctl.
    fn row(&self) -> Vec<String> {
        let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        vec![
            self.service.clone(),
            self.name.clone(),
            self.file.clone(),
            self.engine.clone(),
            or_none(&self.container),
            or_none(&self.path),
            self.need.to_owned(),
        ]
    }
}

impl Container {
    /// Returns whether it belongs to a service and may write to a path.
    fn has(&self, service: &str, path: &str) -> bool {
        let is_above = |folder: &String| {
            path.strip_prefix(folder.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.service == service && self.writes.iter().any(is_above)
    }
}

fn databases(script: &str) -> Vec<Listed> {
    let found = listed(script).into_iter().filter_map(|(name, mut variables)| {
        let mut value = |variable: &str| variables.remove(variable);
        let engine = value("engine")?;
        let mut known = Engine::ALL.into_iter();
        let is_on_disk = known.any(|known| known.name() == engine && known.is_on_disk());
        Some(Listed {
            service: value("service")?,
            name,
            file: value("file")?,
            container: value("container").filter(|name| !name.is_empty()),
            path: value("database").filter(|_| is_on_disk),
            need: if value("optional")? == "1" { "optional" } else { "needed" },
            engine,
        })
    });
    found.collect()
}

/// Reads a compose file as labwright writes it.
fn containers(compose: &str) -> BTreeMap<String, Container> {
    let mut found = BTreeMap::new();
    let (mut name, mut own, mut source) = (String::new(), Container::default(), None::<String>);
    let mut services = false;
    for line in compose.lines().chain(["end:"]) {
        let depth = line.len() - line.trim_start().len();
        let (key, value) = line.trim().split_once(':').unwrap_or((line.trim(), ""));
        // An entry of a list, or a key outside of it, ends the mount before.
        if depth <= 4 {
            own.writes.extend(source.take());
        }
        match (depth, key) {
            (0 | 2, _) => {
                if services && !name.is_empty() {
                    found.insert(std::mem::take(&mut name), std::mem::take(&mut own));
                }
                services = if depth == 0 { line == "services:" } else { services };
                name = if depth == 2 { unquoted(key) } else { String::new() };
            }
            (4, "container_name") => name = unquoted(value),
            (6, "source") => source = Some(unquoted(value)),
            (6, "read_only") if value.trim() == "true" => source = None,
            (6, "labwright.service") => own.service = unquoted(value),
            _ => {}
        }
    }
    found
}
