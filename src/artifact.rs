//! What the emitters make: the files of one machine's bundle, before they are hashed and packed.

use std::collections::BTreeMap;

use crate::digest::sha256_hex;
use crate::kind::Kind;
use crate::model::UnitAction;

/// Lists the folders of a payload that are no service's, so that no service may be named like one.
/// A file of a service lies in the folder of its name.
pub const OWN_FOLDERS: &[&str] = &[
    "activate.d",
    "backup",
    "check.d",
    "cloud-init",
    "compose",
    "firewall",
    "health.d",
    "labctl",
    "machine",
    "plan.d",
    "proxmox",
    "storage",
    "systemd",
];

/// Names what a file or a line came from: a declaration such as `service jellyfin`, or `fixed by
/// the emitter NAME`.
///
/// Names, not lines: moving a declaration to another line or file changes no bundle.
pub type Origin = String;

/// Is one emitted file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// Who reads it.
    pub kind: Kind,
    /// The content.
    pub bytes: Vec<u8>,
    /// The declarations it was made from, sorted.
    pub origin: Vec<Origin>,
}

/// Says that a file of the bundle goes to a place outside the generation.
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

/// Says that the machine must hold a secret as a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RequiredSecret {
    /// The secret's name in the lab.
    pub name: String,
    /// The absolute path of its file.
    pub path: String,
    /// Who owns the file.
    pub owner: String,
    /// Its mode, four octal digits.
    pub mode: String,
}

/// Names an image that a container of the machine runs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ImageUse {
    /// The reference as compose has it.
    pub reference: String,
    /// The digest, when the reference or the lock has one.
    pub digest: Option<String>,
    /// The service it runs for.
    pub service: String,
}

/// Is a fact whose change can't be undone: a database's major version, a dataset.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct OneWay {
    /// What it is about: `postgres-major immich`.
    pub key: String,
    /// Its value now: `14`.
    pub value: String,
    /// What a change of it does, for a person.
    pub what: String,
}

/// Names a systemd unit of the machine and says what is done with it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnitUse {
    /// The name with its suffix. When it is ours, `systemd/NAME` below `payload/` is its file.
    pub unit: String,
    /// What to do with it.
    pub action: UnitAction,
    /// The paths below `payload/` whose change restarts it, beside its own file.
    pub inputs: Vec<String>,
}

/// Is when a step of the bundle runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Before anything changes.
    Check,
    /// Shows what an activate step would do; reads only.
    Plan,
    /// Changes the machine.
    Activate,
    /// Says whether the machine is well.
    Health,
}

impl Phase {
    /// Returns the folder of the phase's steps.
    pub const fn folder(self) -> &'static str {
        match self {
            Self::Check => "check.d",
            Self::Plan => "plan.d",
            Self::Activate => "activate.d",
            Self::Health => "health.d",
        }
    }
}

/// Collects what the emitters make for one machine.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Artifacts {
    /// The files, by path below `payload/`.
    pub files: BTreeMap<String, Artifact>,
    /// What goes outside the generation.
    pub installs: Vec<Install>,
    /// What the machine must hold.
    pub secrets: Vec<RequiredSecret>,
    /// What its containers run.
    pub images: Vec<ImageUse>,
    /// What can't be undone.
    pub one_way: Vec<OneWay>,
    /// Its systemd units.
    pub units: Vec<UnitUse>,
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
        self.files.insert(path.into(), Artifact { kind, bytes: bytes.into(), origin });
    }

    /// Adds a file and says where on the machine it goes, owned by root.
    pub fn install(
        &mut self,
        path: &str,
        kind: Kind,
        bytes: impl Into<Vec<u8>>,
        origin: Vec<Origin>,
        destination: &str,
        mode: &str,
    ) {
        self.add(path, kind, bytes, origin);
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
            Kind::SystemdUnit,
            text,
            origin,
            &format!("/etc/systemd/system/{unit}"),
            "0644",
        );
        self.units.push(UnitUse { unit: unit.to_owned(), action, inputs });
    }

    /// Adds the step `NN-name.sh`; `inputs` are the paths below `payload/` whose change makes it
    /// run again (nothing: always).
    pub fn step(
        &mut self,
        phase: Phase,
        number: u8,
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
        // A value of the lab may hold a dollar or a backquote, and then it means just that.
        let script = format!("#!/bin/sh\n{inputs}# shellcheck disable=SC2016\nset -eu\n{body}");
        self.add(step_path(phase, number, name), Kind::Shell, script, origin);
    }
}

/// Is the length from which the name of a step is cut: tar's names have an end, and long ones are
/// made of several names.
const LONG_NAME: usize = 36;

/// Returns the path of the step `NN-name.sh` below `payload/`; a long name ends in a digest of
/// itself.
pub fn step_path(phase: Phase, number: u8, name: &str) -> String {
    if name.len() <= LONG_NAME || !name.is_ascii() {
        return format!("{}/{number:02}-{name}.sh", phase.folder());
    }
    let digest = sha256_hex(name.as_bytes());
    format!("{}/{number:02}-{}-{}.sh", phase.folder(), &name[..LONG_NAME - 9], &digest[..8])
}
