//! Holds what the manifest says of a bundle against the files: the kinds, the origins, the secrets,
//! the images and what can't be undone. labctl and people ask the manifest and its tables, so what
//! they say follows from the files, or has the one form in which labwright writes it.

use std::collections::{BTreeMap, BTreeSet};

use super::manifest::{FileEntry, Manifest};
use super::names::check_part;
use super::{FIXED, InstallEntry, OneWayEntry, tables};
use crate::artifact::{OneWay, Phase};
use crate::check::system_path::kept_from_files;
use crate::decl::grammar::is_text;
use crate::emit::{emitters, labctl, own_folders};
use crate::kind::Kind;
use crate::model::image::database_major;
use crate::model::{Engine, MachineKind};
use crate::plan::secret_path;

type Files = BTreeMap<String, Vec<u8>>;

/// The list of the databases that are dumped.
pub const LIST: &str = "payload/databases/list.sh";
const GUESTS: &str = "payload/proxmox/guests.sh";

/// The folder of the units that an administrator adds.
const UNITS: &str = "/etc/systemd/system/";

/// The files of the system, or in its folders, that labwright itself writes.
const OWN_INSTALLS: &[&str] = &[
    "/etc/labwright/firewall/forward.sh",
    "/etc/labwright/firewall/nftables.nft",
    "/etc/sysctl.d/60-labwright.conf",
];

/// Returns whether the text of a release or bundle shows what it says: nothing in it moves the
/// cursor, turns the direction of text or is invisible.
pub fn is_plain(text: &str) -> bool {
    is_text(text) && !text.contains(['\u{200b}', '\u{feff}', '\u{2060}', '\u{ad}'])
}

/// Returns the kind that a file of labwright's own has. A file of a module has the kind that the
/// module gives it.
fn own_kind(path: &str) -> Option<Kind> {
    let path = path.strip_prefix("payload/")?;
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    let is_cloud_init = folder == "cloud-init" || folder.starts_with("proxmox/cloud-init/");
    let is_below = |name: &str| folder.rsplit_once('/').is_some_and(|(_, last)| last == name);
    Some(match (folder, name, ending) {
        (_, _, "sh") | ("", "labctl", _) => Kind::Shell,
        ("", "RUNBOOK.md", _) => Kind::Markdown,
        ("", "secrets.required", _)
        | ("" | "compose" | "firewall" | "kept" | "reach" | "systemd", _, "tsv") => Kind::Table,
        ("compose", "compose.yaml", _) => Kind::Compose,
        ("firewall", _, "nft") => Kind::Nftables,
        ("proxmox/firewall", _, "fw") => Kind::PveFirewall,
        ("systemd", _, "") => Kind::Ini,
        ("systemd", ..) => Kind::SystemdUnit,
        (_, "labwright.yaml", _) if is_below("dashboards") || is_below("datasources") => {
            Kind::GrafanaProvisioning
        }
        (_, _, "json") if folder.ends_with("/dashboards/labwright") => Kind::GrafanaDashboard,
        (_, "user-data", _) if is_cloud_init => Kind::CloudInitUserData,
        (_, "meta-data", _) if is_cloud_init => Kind::CloudInitMetaData,
        (_, "network-config", _) if is_cloud_init => Kind::CloudInitNetworkConfig,
        _ => return None,
    })
}

/// Returns whether labwright or a service writes a file to this place of a bundle. The folder of a
/// service is returned by its name.
pub fn belongs(path: &str) -> Result<Option<&str>, String> {
    let below = path.strip_prefix("payload/").unwrap_or(path);
    let (folder, name) = below.split_once('/').unwrap_or((below, ""));
    let last = name.rsplit('/').next().unwrap_or_default();
    let ending = last.rsplit_once('.').map_or("", |(_, ending)| ending);
    let is_step = STEPS.iter().any(|phase| phase.folder() == folder);
    let own = own_folders();
    let fits = if name.is_empty() {
        own.contains(folder) || tables::is_table(path)
    } else if is_step {
        ending == "sh" && name == last && last.starts_with(|first: char| first.is_ascii_digit())
    } else {
        // Programs read files that are hidden without being told to, such as compose its `.env`.
        !own.contains(folder) || !last.starts_with('.')
    };
    if fits {
        Ok(Some(folder).filter(|folder| !name.is_empty() && !own.contains(folder)))
    } else {
        Err(format!("`{path}` is at a place to which labwright writes nothing"))
    }
}

const STEPS: [Phase; 4] = [Phase::Check, Phase::Plan, Phase::Activate, Phase::Health];

/// Returns whether a file with this path can be of this kind.
pub fn is_kind_of(kind: &str, path: &str) -> bool {
    let Some(kind) = Kind::ALL.into_iter().find(|known| known.name() == kind) else { return false };
    let folder = path.strip_prefix("payload/").and_then(|path| path.split('/').next());
    let is_own = || folder.is_some_and(|folder| own_folders().contains(folder));
    match own_kind(path) {
        Some(own) => own == kind,
        // What labwright starts or loads is at its own place.
        None => kind != Kind::Shell && !(LOADED.contains(&kind) && is_own()),
    }
}

/// The kinds of what a machine starts or loads by its path.
const LOADED: [Kind; 7] = [
    Kind::CloudInitMetaData,
    Kind::CloudInitNetworkConfig,
    Kind::CloudInitUserData,
    Kind::Compose,
    Kind::Nftables,
    Kind::PveFirewall,
    Kind::SystemdUnit,
];

/// Returns whether the manifest says what a file was made from, in the words of labwright.
pub fn has_origin(file: &FileEntry) -> bool {
    if tables::is_table(&file.path) {
        return file.origin == [FIXED];
    }
    let is_origin = |origin: &String| match origin.strip_prefix("fixed by ") {
        Some(emitter) => emitters().any(|known| emitter == format!("the emitter {}", known.name)),
        None => is_plain(origin) && origin.trim() == origin && origin.contains(' '),
    };
    !file.origin.is_empty() && file.origin.iter().all(is_origin)
}

/// Compares the lists of a manifest with the files of its bundle. The containers are given with
/// their images.
pub fn check(
    manifest: &Manifest,
    files: &Files,
    containers: &[(String, String)],
) -> Result<(), String> {
    for install in &manifest.installs {
        installed(install)?;
    }
    for file in &manifest.files {
        belongs(&file.path)?;
    }
    for secret in &manifest.secrets {
        let path = &secret.path;
        if check_part(&secret.name).is_err() || *path != secret_path(&secret.name, &secret.owner) {
            return Err(format!(
                "`{}` is not the file of the secret `{}` for `{}`",
                path.escape_debug(),
                secret.name.escape_debug(),
                secret.owner.escape_debug()
            ));
        }
    }
    for image in &manifest.images {
        let digest = image.reference.split_once('@').map(|(_, digest)| digest);
        let service = &image.service;
        let is_of = |name: &str| {
            name.strip_prefix(service.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
        };
        let runs = |(name, run): &(String, String)| *run == image.reference && is_of(name);
        if image.digest.as_deref() != digest || !containers.iter().any(runs) {
            return Err(format!(
                "`manifest.json` is wrong about the image `{}` of `{}`",
                image.reference.escape_debug(),
                service.escape_debug()
            ));
        }
    }
    one_way(manifest, files, containers)?;
    texts(files)
}

/// Fails if labwright would install no file at a place, because the machine needs it itself.
fn installed(install: &InstallEntry) -> Result<(), String> {
    let to = &install.dst;
    let why = match to.strip_prefix(UNITS) {
        Some(unit) if !unit.contains('/') => {
            let own = install.src.strip_prefix("systemd/") == Some(unit);
            (!own).then(|| "it is not the unit of that name".to_owned())
        }
        _ if OWN_INSTALLS.contains(&to.as_str()) => None,
        _ if to == labctl::PATH => {
            (install.src != "labctl").then(|| "it is not labctl itself".to_owned())
        }
        _ => kept_from_files(to),
    };
    match why {
        None => Ok(()),
        Some(why) => Err(format!("`{}` is to be installed at `{to}`: {why}", install.src)),
    }
}

/// Fails if a text that labctl or people read holds what moves the cursor or turns the text.
fn texts(files: &Files) -> Result<(), String> {
    let is_read = |path: &str| {
        path.rsplit_once('.').is_some_and(|(_, ending)| matches!(ending, "tsv" | "required"))
            || path == "payload/RUNBOOK.md"
    };
    let mut read = files.iter().filter(|(path, _)| is_read(path));
    let hidden = read.find(|(_, bytes)| !std::str::from_utf8(bytes).is_ok_and(is_plain));
    hidden.map_or(Ok(()), |(path, _)| {
        Err(format!("`{path}` holds characters that a terminal does not show"))
    })
}

/// Compares what can't be undone with the scripts that make it: datasets, guests, databases.
fn one_way(
    manifest: &Manifest,
    files: &Files,
    containers: &[(String, String)],
) -> Result<(), String> {
    let text = |path: &str| files.get(path).map(|bytes| String::from_utf8_lossy(bytes));
    let mut expected = BTreeSet::new();
    for (path, _) in files.iter().filter(|(path, _)| path.ends_with("/storage.sh")) {
        expected.extend(text(path).as_deref().map(datasets).unwrap_or_default());
    }
    expected.extend(text(GUESTS).as_deref().map(guests).unwrap_or_default());
    let databases = text(LIST).as_deref().map(databases).unwrap_or_default();
    let mut servers: BTreeMap<String, &Server> =
        databases.iter().map(|server| (server.key(), server)).collect();
    for fact in &manifest.one_way {
        let known = match servers.remove(&fact.key) {
            Some(server) => server.agrees(fact, containers),
            None => expected.remove(fact),
        };
        if !known {
            return Err(format!(
                "nothing in the bundle makes `{}` with the value `{}`, which can't be undone",
                fact.key.escape_debug(),
                fact.value.escape_debug()
            ));
        }
    }
    let left = expected.first().map(|fact| fact.key.as_str());
    let servers = servers.values().find(|server| server.runs_here()).map(|server| server.key());
    match left.map(str::to_owned).or(servers) {
        None => Ok(()),
        Some(key) => Err(format!("`manifest.json` leaves out `{key}`, which can't be undone")),
    }
}

fn entry(fact: OneWay) -> OneWayEntry {
    OneWayEntry { key: fact.key, value: fact.value, what: fact.what }
}

/// Lists the datasets that a script makes.
fn datasets(script: &str) -> Vec<OneWayEntry> {
    let lines = script.lines().filter(|line| line.starts_with("dataset "));
    let found = lines.filter_map(|line| match words(line).as_slice() {
        [_, name, mountpoint, ..] => Some(entry(OneWay::dataset(name, mountpoint))),
        _ => None,
    });
    found.collect()
}

/// Lists the guests that a script makes.
fn guests(script: &str) -> Vec<OneWayEntry> {
    let systems: BTreeSet<String> = script
        .lines()
        .filter(|line| line.starts_with("cloud_init "))
        .filter_map(|line| words(line).get(1).cloned())
        .collect();
    let found = script.lines().filter_map(|line| {
        let words = words(line.trim_start().strip_prefix("run ")?);
        let [tool, create, id, rest @ ..] = words.as_slice() else { return None };
        let option = if tool == "pct" { "--hostname" } else { "--name" };
        let at = rest.iter().position(|word| word == option)?;
        let kind = match tool.as_str() {
            "pct" => MachineKind::Lxc,
            _ if systems.contains(id) => MachineKind::Vm,
            _ => MachineKind::Appliance,
        };
        let name = rest.get(at + 1)?;
        (create == "create").then(|| entry(OneWay::guest(id, kind.name(), name)))
    });
    found.collect()
}

/// A database as the script of dumps lists it.
struct Server {
    name: String,
    service: String,
    engine: Engine,
    container: String,
}

/// Lists what the script of dumps lists: the name of each database, and its variables.
pub fn listed(script: &str) -> Vec<(String, BTreeMap<String, String>)> {
    let script = script.replace(" \\\n", " ");
    let found = script.lines().filter_map(|line| {
        let (name, rest) = line.trim_start().split_once(") service=")?;
        let mut variables = BTreeMap::new();
        for word in words(&format!("service={rest}")) {
            if let Some((variable, value)) = word.split_once('=') {
                variables.entry(variable.to_owned()).or_insert_with(|| value.to_owned());
            }
        }
        Some((words(name).first()?.clone(), variables))
    });
    found.collect()
}

/// Lists the databases of the script that dumps them.
fn databases(script: &str) -> Vec<Server> {
    let found = listed(script).into_iter().filter_map(|(name, mut variables)| {
        let engine = variables.remove("engine")?;
        Some(Server {
            name,
            service: variables.remove("service")?,
            engine: Engine::ALL.into_iter().find(|known| known.name() == engine)?,
            container: variables.remove("container")?,
        })
    });
    found.collect()
}

impl Server {
    fn key(&self) -> String {
        OneWay::major(self.engine, &self.service, &self.name, "").key
    }

    /// Returns whether a container of the bundle runs it, whose image decides the version.
    fn runs_here(&self) -> bool {
        !self.engine.is_on_disk() && !self.container.is_empty()
    }

    /// Returns whether a fact says of the database what its container's image says.
    fn agrees(&self, fact: &OneWayEntry, containers: &[(String, String)]) -> bool {
        let mut of = containers.iter().filter(|(name, _)| *name == self.container);
        let major = of.next().and_then(|(_, image)| database_major(self.engine, image));
        let as_image = major.is_none_or(|major| major == fact.value);
        let own = OneWay::major(self.engine, &self.service, &self.name, &fact.value);
        as_image && *fact == entry(own)
    }
}

/// Splits a line of sh into words as labwright quotes them.
pub fn words(line: &str) -> Vec<String> {
    let (mut words, mut word) = (Vec::new(), None::<String>);
    let (mut quoted, mut letters) = (false, line.chars());
    while let Some(letter) = letters.next() {
        match letter {
            '\'' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            '\\' if !quoted => word.get_or_insert_default().extend(letters.next()),
            ' ' if !quoted => words.extend(word.take()),
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    words
}
