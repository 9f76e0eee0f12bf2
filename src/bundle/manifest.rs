//! Describes a bundle in `manifest.json`, for programs. The machine itself reads the tables.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Payload;
use crate::artifact::Artifacts;

// Fields are in the order of their names in JSON, which is the order they are written in. The
// fields that identify an element come first when a list is sorted.

/// Orders the elements of a list by their fields, in the order given.
macro_rules! order {
    ($type:ty: $($field:ident),+) => {
        impl Ord for $type {
            fn cmp(&self, other: &Self) -> std::cmp::Ordering {
                ($(&self.$field,)+).cmp(&($(&other.$field,)+))
            }
        }

        impl PartialOrd for $type {
            fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
                Some(self.cmp(other))
            }
        }
    };
}
pub(super) use order;

order!(ImageEntry: reference, digest, service);
order!(InstallEntry: src, dst, owner, group, mode);
order!(OneWayEntry: key, value, what);
order!(SecretEntry: name, path, owner, mode);

/// All of `manifest.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Manifest {
    /// The files below `payload/`.
    pub files: Vec<FileEntry>,
    /// What the containers run.
    pub images: Vec<ImageEntry>,
    /// The files that are installed outside the generation.
    pub installs: Vec<InstallEntry>,
    /// The things that can't be undone.
    pub one_way: Vec<OneWayEntry>,
    /// The secret files that the machine must have.
    pub secrets: Vec<SecretEntry>,
}

/// A file of the bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// Who reads it, a word of [`crate::kind::Kind`].
    pub kind: String,
    /// The mode, four octal digits.
    pub mode: String,
    /// The declarations that it was made from.
    pub origin: Vec<String>,
    /// The path below the root folder, as in `SHA256SUMS`.
    pub path: String,
    /// The SHA-256 of its content, in hex.
    pub sha256: String,
    /// Its length in bytes.
    pub size: u64,
}

/// An image that a container runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageEntry {
    /// Its digest, if known.
    pub digest: Option<String>,
    /// The reference as the compose file writes it.
    #[serde(rename = "ref")]
    pub reference: String,
    /// The service that it runs for.
    pub service: String,
}

/// A row of `install.tsv`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InstallEntry {
    /// The absolute path on the machine.
    pub dst: String,
    /// The group.
    pub group: String,
    /// The mode, four octal digits.
    pub mode: String,
    /// The owner.
    pub owner: String,
    /// The path below `payload/`.
    pub src: String,
}

/// A row of `one-way.tsv`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OneWayEntry {
    /// The thing that can't be undone.
    pub key: String,
    /// Its value.
    pub value: String,
    /// The effect of a change.
    pub what: String,
}

/// A row of `secrets.required`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretEntry {
    /// The mode, four octal digits.
    pub mode: String,
    /// The secret's name in the lab.
    pub name: String,
    /// The owner of the file.
    pub owner: String,
    /// The absolute path of its file.
    pub path: String,
}

/// Lists what an emitter added to `artifacts` besides files.
pub(super) fn lists(artifacts: &Artifacts) -> Manifest {
    let images = artifacts.images.iter().map(|image| ImageEntry {
        digest: image.digest.clone(),
        reference: image.reference.clone(),
        service: image.service.clone(),
    });
    let installs = artifacts.installs.iter().map(|install| InstallEntry {
        dst: install.destination.clone(),
        group: install.group.clone(),
        mode: install.mode.clone(),
        owner: install.owner.clone(),
        src: install.source.clone(),
    });
    let one_way = artifacts.one_way.iter().map(|fact| OneWayEntry {
        key: fact.key.clone(),
        value: fact.value.clone(),
        what: fact.what.clone(),
    });
    let secrets = artifacts.secrets.iter().map(|secret| SecretEntry {
        mode: secret.mode.clone(),
        name: secret.name.clone(),
        owner: secret.owner.clone(),
        path: secret.path.clone(),
    });
    Manifest {
        files: Vec::new(),
        images: sorted(images),
        installs: sorted(installs),
        one_way: sorted(one_way),
        secrets: sorted(secrets),
    }
}

/// Describes the files of `payload`.
pub(super) fn files(payload: &BTreeMap<&str, Payload<'_>>) -> Vec<FileEntry> {
    payload.iter().map(|(path, file)| file_entry(path, file)).collect()
}

impl Manifest {
    /// Sorts the lists and removes duplicates, as the manifest is written.
    #[must_use]
    pub(super) fn in_order(self) -> Self {
        let files =
            self.files.into_iter().map(|file| FileEntry { origin: sorted(file.origin), ..file });
        Self {
            files: files.collect(),
            images: sorted(self.images),
            installs: sorted(self.installs),
            one_way: sorted(self.one_way),
            secrets: sorted(self.secrets),
        }
    }
}

fn file_entry(path: &str, file: &Payload<'_>) -> FileEntry {
    let path = format!("payload/{path}");
    FileEntry {
        kind: file.kind.name().to_owned(),
        mode: format!("{:04o}", super::mode_of(&path)),
        origin: sorted(file.origin.iter().cloned()),
        sha256: file.sha256.clone(),
        size: file.bytes.len() as u64,
        path,
    }
}

/// Writes `value` as JSON, indented by two spaces, with a final line feed.
pub(super) fn to_json(value: &impl Serialize) -> Result<Vec<u8>, String> {
    let mut bytes = serde_json::to_vec_pretty(value).map_err(|error| error.to_string())?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// Sorts a list and removes duplicates.
pub(super) fn sorted<T: Ord>(list: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut list: Vec<T> = list.into_iter().collect();
    list.sort_unstable();
    list.dedup();
    list
}
