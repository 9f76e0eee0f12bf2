//! The files of one machine's bundle as the emitters make them, before they are hashed and packed.

mod step;

use std::collections::BTreeMap;
use std::path::Path;

use crate::kind::Kind;
use crate::model::{Engine, UnitAction};

pub use step::{Phase, Slot};

/// The folders of a payload that every emitter may write to: of steps and of systemd's units.
pub const SHARED_FOLDERS: &[&str] = &[
    Phase::Check.folder(),
    Phase::Plan.folder(),
    Phase::Activate.folder(),
    Phase::Health.folder(),
    "systemd",
];

/// The origin of a file or a line: a declaration such as `service jellyfin`, or
/// `fixed by the emitter NAME`.
///
/// It contains a name rather than a line number, so that moving a declaration to another place
/// changes no bundle.
pub type Origin = String;

/// An emitted file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// The program that reads it, by kind.
    pub kind: Kind,
    /// The content.
    pub bytes: Vec<u8>,
    /// The declarations that it was made from, sorted.
    pub origin: Vec<Origin>,
}

/// A file of the bundle that is installed outside the generation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Install {
    /// The path below `payload/`.
    pub source: String,
    /// The absolute path on the machine.
    pub destination: String,
    /// The owner, a name or a number.
    pub owner: String,
    /// The group, a name or a number.
    pub group: String,
    /// The mode, four octal digits.
    pub mode: String,
}

/// A secret that the machine must have as a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RequiredSecret {
    /// The secret's name in the lab.
    pub name: String,
    /// The absolute path of its file.
    pub path: String,
    /// The owner of the file.
    pub owner: String,
    /// Its mode, four octal digits.
    pub mode: String,
}

/// An image that a container of the machine runs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ImageUse {
    /// The reference as the compose file writes it.
    pub reference: String,
    /// The digest, if the reference or the lock has one.
    pub digest: Option<String>,
    /// The service that it runs for.
    pub service: String,
}

/// A fact whose change can't be undone: a database's major version, a dataset.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct OneWay {
    /// The thing that can't be undone: `postgres-major immich`.
    pub key: String,
    /// The current value: `14`.
    pub value: String,
    /// The effect of a change, for a person.
    pub what: String,
}

impl OneWay {
    /// Describes a dataset, which is named after its pool.
    pub fn dataset(name: &str, mountpoint: &str) -> Self {
        Self {
            key: format!("dataset {name}"),
            value: mountpoint.to_owned(),
            what: format!(
                "the lab forgets dataset {name}; its data stays until somebody destroys it"
            ),
        }
    }

    /// Describes a guest by its number, the word of its kind and its name.
    pub fn guest(id: &str, kind: &str, name: &str) -> Self {
        Self {
            key: format!("guest {id}"),
            value: kind.to_owned(),
            what: format!("guest {id} ({name}) is no longer looked after; nothing destroys it"),
        }
    }

    /// Describes the major version of a database.
    pub fn major(engine: Engine, service: &str, database: &str, major: &str) -> Self {
        let engine = engine.name();
        Self {
            key: format!("{engine}-major {service}/{database}"),
            value: major.to_owned(),
            what: format!("the data of {database} is written for one major version of {engine}"),
        }
    }
}

/// A systemd unit of the machine, with what is done with it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnitUse {
    /// The name with its suffix. If the unit is ours, its file is `systemd/NAME` below `payload/`.
    pub unit: String,
    /// What is done with it.
    pub action: UnitAction,
    /// The paths below `payload/` whose change restarts it, in addition to its own file.
    pub inputs: Vec<String>,
}

/// The files and lists that the emitters make for one machine.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Artifacts {
    /// The files, by path below `payload/`.
    pub files: BTreeMap<String, Artifact>,
    /// The files that are installed outside the generation.
    pub installs: Vec<Install>,
    /// The secret files that the machine must have.
    pub secrets: Vec<RequiredSecret>,
    /// The images that its containers run.
    pub images: Vec<ImageUse>,
    /// The facts that can't be undone.
    pub one_way: Vec<OneWay>,
    /// Its systemd units.
    pub units: Vec<UnitUse>,
    /// The files that were added twice with different bytes.
    pub clashes: Vec<Clash>,
}

/// Two different files with one path, in the bundle or on the machine.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Clash {
    /// The path below `payload/`, or the absolute path on the machine.
    pub path: String,
    /// The origins of both files.
    pub origins: [Vec<Origin>; 2],
}

impl Artifact {
    /// Makes a file.
    pub fn new(kind: Kind, bytes: impl Into<Vec<u8>>, origin: Vec<Origin>) -> Self {
        Self { kind, bytes: bytes.into(), origin }
    }
}

impl Artifacts {
    /// Adds a file at `path` below `payload/`.
    pub fn add(
        &mut self,
        path: impl Into<String>,
        kind: Kind,
        bytes: impl Into<Vec<u8>>,
        origin: Vec<Origin>,
    ) {
        self.put(path.into(), Artifact::new(kind, bytes, origin));
    }

    fn put(&mut self, path: String, artifact: Artifact) {
        if let Some(first) = self.files.get(&path).filter(|first| first.bytes != artifact.bytes) {
            let origins = [first.origin.clone(), artifact.origin.clone()];
            self.clashes.push(Clash { path: path.clone(), origins });
        }
        self.files.insert(path, artifact);
    }

    /// Adds a file that is installed on the machine, owned by root.
    pub fn install(&mut self, path: &str, artifact: Artifact, destination: &str, mode: &str) {
        self.put(path.to_owned(), artifact);
        self.installs.push(Install {
            source: path.to_owned(),
            destination: destination.to_owned(),
            owner: "root".to_owned(),
            group: "root".to_owned(),
            mode: mode.to_owned(),
        });
    }

    /// Adds a systemd unit of ours.
    pub fn unit(
        &mut self,
        unit: &str,
        action: UnitAction,
        text: impl Into<Vec<u8>>,
        origin: Vec<Origin>,
        inputs: Vec<String>,
    ) {
        self.install(
            &format!("systemd/{unit}"),
            Artifact::new(Kind::SystemdUnit, text, origin),
            &format!("/etc/systemd/system/{unit}"),
            "0644",
        );
        self.units.push(UnitUse { unit: unit.to_owned(), action, inputs });
    }

    fn origin_of(&self, path: &str) -> Vec<Origin> {
        self.files.get(path).map_or_else(Vec::new, |file| file.origin.clone())
    }

    /// Lists the files that share a path, in the bundle or on the machine.
    pub fn clashes(&self) -> Vec<Clash> {
        let mut clashes = self.clashes.clone();
        let mut taken: BTreeMap<&str, &Install> = BTreeMap::new();
        for install in &self.installs {
            // Two emitters may install one file of the bundle. Only a second file at its place is a
            // clash.
            let first = *taken.entry(&install.destination).or_insert(install);
            if first.source != install.source {
                let origins = [self.origin_of(&first.source), self.origin_of(&install.source)];
                clashes.push(Clash { path: install.destination.clone(), origins });
            }
        }
        // A file can't be the folder of another one.
        for install in &self.installs {
            let mut above = Path::new(&install.destination).ancestors().skip(1);
            let folder = above.find_map(|path| taken.get(path.to_str()?));
            // Files whose paths in the bundle clash in the same way are found there.
            let alike =
                |folder: &&&Install| !Path::new(&install.source).starts_with(&folder.source);
            if let Some(folder) = folder.filter(alike) {
                let origins = [self.origin_of(&folder.source), self.origin_of(&install.source)];
                clashes.push(Clash { path: folder.destination.clone(), origins });
            }
        }
        for path in self.files.keys() {
            let above = Path::new(path).ancestors().skip(1);
            let folder =
                above.filter_map(Path::to_str).find(|above| self.files.contains_key(*above));
            if let Some(folder) = folder {
                let origins = [self.origin_of(folder), self.origin_of(path)];
                clashes.push(Clash { path: folder.to_owned(), origins });
            }
        }
        clashes.sort();
        clashes.dedup();
        clashes
    }

    /// Adds the step `NN-name.sh`. It runs again when one of `inputs`, paths below `payload/`,
    /// changes, or always if there are none.
    pub fn step(
        &mut self,
        slot: Slot,
        name: &str,
        inputs: &[&str],
        body: &str,
        origin: Vec<Origin>,
    ) {
        let inputs = if inputs.is_empty() {
            String::new()
        } else {
            format!("# inputs: {}\n", inputs.join(" "))
        };
        // A value of the lab may contain a dollar or a backquote literally.
        let script = format!("#!/bin/sh\n{inputs}# shellcheck disable=SC2016\nset -eu\n{body}");
        self.add(slot.path(name), Kind::Shell, script, origin);
    }
}
