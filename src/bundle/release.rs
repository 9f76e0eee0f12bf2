//! Describes a release in `release.json` and in the `SHA256SUMS` next to it: its files and what its
//! lab means.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use super::ids::{self, Input};
use super::manifest::{order, sorted, to_json};
use super::{Bundle, BundleError, ImageEntry, OneWayEntry, SecretEntry};
use crate::diag::Accepted;
use crate::model::Ports;

/// The format that `release.json` names.
pub const FORMAT: &str = "labwright.release/1";

/// The name of the index in the release folder.
pub const INDEX: &str = "release.json";

/// The name of the list of hashes in the release folder.
pub const SUMS: &str = "SHA256SUMS";

/// The facts of the plan about the lab as a whole. The order of the lists has no meaning.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReleaseFacts {
    /// The lab's name.
    pub lab: String,
    /// The lab's version.
    pub version: String,
    /// The edition of the language.
    pub edition: u32,
    /// The compiler's version.
    pub compiler: String,
    /// The id of everything that decides the release, see [`ids::input_id`].
    pub input_id: String,
    /// The files that were read, see [`ids::inputs`].
    pub inputs: Vec<Input>,
    /// The facts about each machine, by name.
    pub machines: BTreeMap<String, MachineFacts>,
    /// The connections that the lab allows.
    pub flows: Vec<Flow>,
    /// The names that proxies serve.
    pub routes: Vec<Route>,
    /// The metrics endpoints that are scraped.
    pub scrapes: Vec<Scrape>,
    /// The findings that the lab accepts.
    pub accepted: Vec<Accepted>,
}

/// The facts about a machine that the release lists besides its bundle.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MachineFacts {
    /// Its addresses, in the order of its interfaces.
    pub addresses: Vec<String>,
    /// Its kind: `vm`, `lxc`, `proxmox`, `debian`.
    pub kind: String,
}

// From here on, fields are in the order of their names in JSON, which is the order they are written
// in. The fields that identify an element come first when a list is sorted.

order!(Flow: from, to, port, proto, reason, source);
order!(Route: host, machine, port, via, from);
order!(Scrape: job, target);
order!(Secret: name, machine, path, owner, mode);

/// All of `release.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReleaseIndex {
    /// The findings that the lab accepts.
    pub accepted: Vec<Accepted>,
    /// The compiler's version.
    pub compiler: String,
    /// The id of the content of all bundles, see [`ids::release_content_id`].
    pub content_id: String,
    /// The edition of the language.
    pub edition: u32,
    /// The connections that the lab allows.
    pub flows: Vec<Flow>,
    /// [`FORMAT`].
    pub format: String,
    /// The images that containers run.
    pub images: Vec<ImageEntry>,
    /// The id of everything that was read.
    pub input_id: String,
    /// The files that were read.
    pub inputs: Vec<Input>,
    /// The lab's name.
    pub lab: String,
    /// The machines by name.
    pub machines: BTreeMap<String, Machine>,
    /// The names that proxies serve.
    pub routes: Vec<Route>,
    /// The metrics endpoints that are scraped.
    pub scrapes: Vec<Scrape>,
    /// The secret files that machines must have.
    pub secrets: Vec<Secret>,
    /// The lab's version.
    pub version: String,
}

/// A machine and its bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Machine {
    /// Its addresses, in the order of its interfaces.
    pub addresses: Vec<String>,
    /// The archive's name in the release folder.
    pub archive: String,
    /// The id of its bundle's content.
    pub content_id: String,
    /// Its kind.
    pub kind: String,
    /// The SHA-256 of the archive, in hex.
    pub sha256: String,
}

/// A secret as a file on a machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Secret {
    /// The machine.
    pub machine: String,
    /// The mode, four octal digits.
    pub mode: String,
    /// The secret's name in the lab.
    pub name: String,
    /// The owner of the file.
    pub owner: String,
    /// The absolute path of the file.
    pub path: String,
}

impl Secret {
    /// Makes an entry for a secret file that `machine` needs.
    pub fn on(machine: &str, SecretEntry { mode, name, owner, path }: SecretEntry) -> Self {
        Self { machine: machine.to_owned(), mode, name, owner, path }
    }
}

/// An allowed connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flow {
    /// The zone or machine that connects.
    pub from: String,
    /// The last port, if there are several in a row.
    #[serde(rename = "lastPort", default, skip_serializing_if = "Option::is_none")]
    pub last_port: Option<u16>,
    /// The port, 0 for a protocol without ports.
    pub port: u16,
    /// The protocol: `tcp`, `udp`.
    pub proto: String,
    /// The reason why it is allowed.
    pub reason: String,
    /// The declaration that allows it.
    pub source: String,
    /// The machine that accepts the connection.
    pub to: String,
}

impl Flow {
    /// Writes the ports: `8080` or `50000-50100`.
    pub fn ports(&self) -> String {
        Ports { first: self.port, last: self.last_port.unwrap_or(self.port) }.to_string()
    }
}

/// A name that a proxy serves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// The zones that may ask for the name.
    pub from: Vec<String>,
    /// The name.
    pub host: String,
    /// The machine that the proxy forwards to.
    pub machine: String,
    /// The endpoint's port.
    pub port: u16,
    /// The proxy.
    pub via: String,
}

/// A metrics endpoint that is scraped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scrape {
    /// The name of the scrape job.
    pub job: String,
    /// The address and port.
    pub target: String,
}

/// The facts about a finished bundle that the index needs once the archive is written and dropped
/// from memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed {
    /// The archive's name in the release folder.
    pub archive: String,
    /// The id of its content.
    pub content_id: String,
    /// The SHA-256 of the archive, in hex.
    pub sha256: String,
    /// The size of the archive in bytes.
    pub size: u64,
    /// The number of files below `payload/`.
    pub files: usize,
    /// The images that its containers run.
    pub images: Vec<ImageEntry>,
    /// The secret files that it needs.
    pub secrets: Vec<SecretEntry>,
    /// The things that a later release can undo only with explicit permission.
    pub one_way: Vec<OneWayEntry>,
}

impl From<&Bundle> for Packed {
    fn from(bundle: &Bundle) -> Self {
        Self {
            archive: bundle.file_name(),
            content_id: bundle.content_id.clone(),
            sha256: bundle.archive_sha256.clone(),
            size: bundle.archive.len() as u64,
            files: bundle.files,
            images: bundle.images.clone(),
            secrets: bundle.secrets.clone(),
            one_way: bundle.one_way.clone(),
        }
    }
}

impl ReleaseIndex {
    /// Makes the index of the facts of the plan and of the bundles. Both must name the same
    /// machines.
    pub fn new(
        facts: ReleaseFacts,
        mut bundles: BTreeMap<String, Packed>,
    ) -> Result<Self, BundleError> {
        let lab = facts.lab;
        let error = |machine: &str, problem: &str| BundleError {
            whose: machine.to_owned(),
            problem: problem.to_owned(),
        };
        let (mut machines, mut all_images, mut all_secrets) =
            (BTreeMap::new(), Vec::new(), Vec::new());
        for (name, MachineFacts { addresses, kind }) in facts.machines {
            let Some(Packed { archive, content_id, sha256, images, secrets, .. }) =
                bundles.remove(&name)
            else {
                return Err(error(&name, "it was not built"));
            };
            all_images.extend(images);
            all_secrets.extend(secrets.into_iter().map(|secret| Secret::on(&name, secret)));
            machines.insert(name, Machine { addresses, archive, content_id, kind, sha256 });
        }
        if let Some(name) = bundles.keys().next() {
            return Err(error(name, "the lab has no such machine"));
        }
        let content_id = ids::release_content_id(
            machines.iter().map(|(name, machine)| (name.as_str(), machine.content_id.as_str())),
        );
        let index = Self {
            accepted: facts.accepted,
            compiler: facts.compiler,
            content_id,
            edition: facts.edition,
            flows: facts.flows,
            format: FORMAT.to_owned(),
            images: all_images,
            input_id: facts.input_id,
            inputs: facts.inputs,
            lab,
            machines,
            routes: facts.routes,
            scrapes: facts.scrapes,
            secrets: all_secrets,
            version: facts.version,
        };
        Ok(index.in_order())
    }

    /// Sorts the lists and removes duplicates, as the index is written.
    #[must_use]
    pub fn in_order(self) -> Self {
        let routes =
            self.routes.into_iter().map(|route| Route { from: sorted(route.from), ..route });
        Self {
            accepted: sorted(self.accepted),
            flows: sorted(self.flows),
            images: sorted(self.images),
            inputs: sorted(self.inputs),
            routes: sorted(routes),
            scrapes: sorted(self.scrapes),
            secrets: sorted(self.secrets),
            ..self
        }
    }

    /// Returns the name of the release folder.
    pub fn folder(&self) -> String {
        folder(&self.lab, &self.version)
    }

    /// Writes `release.json`.
    pub fn to_json(&self) -> Result<Vec<u8>, BundleError> {
        to_json(self).map_err(|problem| BundleError { whose: self.lab.clone(), problem })
    }
}

/// Returns the name of the folder of a release.
pub fn folder(lab: &str, version: &str) -> String {
    format!("{lab}-{version}")
}

/// Writes lines in the format of `sha256sum`, from hashes by path.
pub fn sums(hashes: &BTreeMap<String, String>) -> String {
    hashes.iter().fold(String::new(), |mut text, (path, hash)| {
        let _ = writeln!(text, "{hash}  {path}");
        text
    })
}
