//! Packs the emitted files of one machine as its archive, and lists all archives in the release's
//! index.
//!
//! Pure: bytes in, bytes out. Knows what a bundle is (`docs/bundle.md`), not what its files mean.

mod agree;
mod archive;
mod claims;
pub mod codes;
pub mod constant;
mod deflate;
mod derived;
pub mod facts;
pub mod ids;
mod manifest;
pub mod names;
mod promised;
pub mod read;
pub mod release;
mod review;
mod saved;
pub mod signature;
mod tables;
pub mod verify;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::fmt::Write as _;
use std::sync::Arc;

use crate::artifact::{Artifacts, Origin};
use crate::digest;
use crate::kind::Kind;
use archive::{Archiver, Entry, Segment};

pub use manifest::{FileEntry, ImageEntry, InstallEntry, Manifest, OneWayEntry, SecretEntry};

/// The format that `BUNDLE` names.
pub const FORMAT: &str = "labwright.bundle/1";

/// The machine and the release that a bundle belongs to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Identity {
    /// The lab's name.
    pub lab: String,
    /// The machine's name.
    pub machine: String,
    /// The lab's version.
    pub version: String,
}

/// The finished bundle of one machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    /// The name of the root folder, which is also the archive's name without `.tar.gz`.
    pub name: String,
    /// The SHA-256 of `SHA256SUMS`, in hex. It depends only on what the machine receives, not on
    /// how that is packed.
    pub content_id: String,
    /// The archive, gzip over ustar.
    pub archive: Vec<u8>,
    /// The SHA-256 of the archive, in hex.
    pub archive_sha256: String,
    /// The number of files below `payload/`.
    pub files: usize,
    /// The images that the machine's containers run.
    pub images: Vec<ImageEntry>,
    /// The secret files that the machine must have.
    pub secrets: Vec<SecretEntry>,
    /// The things that a later release can undo only with explicit permission.
    pub one_way: Vec<OneWayEntry>,
}

impl Bundle {
    /// Returns the name of the archive in the release folder.
    pub fn file_name(&self) -> String {
        format!("{}{}", self.name, ARCHIVE_SUFFIX)
    }
}

/// The origin of the tables, which follow from the manifest.
const FIXED: &str = "fixed by the bundle";

/// The end of the name of every archive.
pub const ARCHIVE_SUFFIX: &str = ".tar.gz";

/// The reason why artifacts can't become a bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BundleError {
    /// The machine, or the lab if the problem concerns the release.
    pub whose: String,
    /// What is wrong, in lower case without a final stop.
    pub problem: String,
}

impl fmt::Display for BundleError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "the bundle of `{}`: {}", self.whose, self.problem)
    }
}

impl std::error::Error for BundleError {}

/// Returns the reason why artifacts can't become a bundle, if there is one, without packing them.
pub fn check(identity: &Identity, artifacts: &Artifacts) -> Result<(), BundleError> {
    // Only the length of the name counts here, and every digest has the same length.
    let root = format!("{}-{}-{}", identity.lab, identity.machine, digest::short(&"0".repeat(64)));
    let paths = artifacts.files.keys().map(String::as_str);
    names::check_paths(&root, paths)
        .map_err(|problem| BundleError { whose: identity.machine.clone(), problem })
}

/// Returns the files below `payload/`, with the tables that are made from the lists of `artifacts`.
pub fn payload(artifacts: &Artifacts) -> Result<BTreeMap<String, (Kind, Vec<u8>)>, String> {
    let tables = tables(artifacts)?;
    let tables = tables.map(|(path, text)| (path.to_owned(), (Kind::Table, text.into_bytes())));
    let files = artifacts.files.iter();
    let files = files.map(|(path, file)| (path.clone(), (file.kind, file.bytes.clone())));
    Ok(files.chain(tables).collect())
}

/// Writes the tables of a bundle that sh reads, by path below `payload/`.
pub fn tables(artifacts: &Artifacts) -> Result<[(&'static str, String); 3], String> {
    let is_there = |path: &str| artifacts.files.contains_key(path);
    tables::write(&manifest::lists(artifacts), is_there)
}

/// Returns the mode of a file of a bundle, which follows from its path alone.
pub fn mode_of(path: &str) -> u32 {
    let script = path.rsplit_once('.').is_some_and(|(_, extension)| extension == "sh");
    if path == "payload/labctl" || script { 0o755 } else { 0o644 }
}

/// A packer of bundles. All machines of a build have one in common, which its threads share.
///
/// It keeps compressors for reuse and the deflated forms of big files. Both only save time: without
/// them, a bundle has the same bytes.
#[derive(Debug, Default)]
pub struct Packer {
    archiver: Archiver,
}

/// A file below `payload/` on its way into the archive.
struct Payload<'a> {
    kind: Kind,
    origin: Cow<'a, [Origin]>,
    bytes: Cow<'a, [u8]>,
    sha256: String,
    segments: Vec<(usize, Arc<Segment>)>,
}

impl Packer {
    /// Makes a packer that has seen no files.
    pub fn new() -> Self {
        Self::default()
    }

    /// Packs the files of one machine.
    pub fn pack(&self, identity: &Identity, artifacts: &Artifacts) -> Result<Bundle, BundleError> {
        self.pack_payload(identity, artifacts)
            .map_err(|problem| BundleError { whose: identity.machine.clone(), problem })
    }

    fn pack_payload(&self, identity: &Identity, artifacts: &Artifacts) -> Result<Bundle, String> {
        names::check_word("lab", &identity.lab)?;
        names::check_word("machine", &identity.machine)?;
        names::check_word("version", &identity.version)?;
        let mut manifest = manifest::lists(artifacts);
        let payload = self.payload(artifacts, &manifest)?;

        let mut sums = String::with_capacity(payload.len() * 112);
        for (path, file) in &payload {
            let _ = writeln!(sums, "{}  payload/{path}", file.sha256);
        }
        // The manifest is left out, so that an origin can change without a new content id.
        let content_id = digest::sha256_hex(sums.as_bytes());
        let name = format!("{}-{}-{}", identity.lab, identity.machine, digest::short(&content_id));
        names::check_paths(&name, payload.keys().copied())?;

        manifest.files = manifest::files(&payload);
        let manifest_json = manifest::to_json(&manifest)?;
        let head = head(identity, &content_id, &manifest_json)?;
        let root_file = |path: &str, bytes| Entry { path: path.to_owned(), bytes, segments: &[] };
        let mut entries = vec![
            root_file("BUNDLE", head.as_bytes()),
            root_file("SHA256SUMS", sums.as_bytes()),
            root_file("manifest.json", &manifest_json),
        ];
        entries.extend(payload.iter().map(|(path, file)| Entry {
            path: format!("payload/{path}"),
            bytes: &file.bytes,
            segments: &file.segments,
        }));
        let archive = self.archiver.write(&name, &entries)?;
        let archive_sha256 = digest::sha256_hex(&archive);
        let Manifest { files, images, secrets, one_way, .. } = manifest;
        Ok(Bundle {
            name,
            content_id,
            archive,
            archive_sha256,
            files: files.len(),
            images,
            secrets,
            one_way,
        })
    }

    fn payload<'a>(
        &self,
        artifacts: &'a Artifacts,
        manifest: &Manifest,
    ) -> Result<BTreeMap<&'a str, Payload<'a>>, String> {
        let mut payload = BTreeMap::new();
        let mut add = |path, kind, origin, bytes: Cow<'a, [u8]>| {
            let segments = self.archiver.segments(path, &bytes)?;
            let whole = segments.first().filter(|(_, segment)| segment.is_whole(&bytes));
            let sha256 = whole.map_or_else(
                || digest::sha256_hex(&bytes),
                |(_, segment)| segment.sha256().to_owned(),
            );
            match payload.insert(path, Payload { kind, origin, bytes, sha256, segments }) {
                Some(_) => Err(format!("an emitter wrote `{path}`, which is made from its lists")),
                None => Ok(()),
            }
        };
        for (path, artifact) in &artifacts.files {
            add(
                path.as_str(),
                artifact.kind,
                Cow::Borrowed(&artifact.origin),
                Cow::Borrowed(&artifact.bytes),
            )?;
        }
        for (path, text) in tables::write(manifest, |path| artifacts.files.contains_key(path))? {
            let origin = Cow::Owned(vec![FIXED.to_owned()]);
            add(path, Kind::Table, origin, Cow::Owned(text.into_bytes()))?;
        }
        Ok(payload)
    }
}

fn head(identity: &Identity, content_id: &str, manifest: &[u8]) -> Result<String, String> {
    let Identity { lab, machine, version } = identity;
    let sequence = ids::sequence(version)?;
    let manifest = digest::sha256_hex(manifest);
    Ok(format!(
        "format {FORMAT}\nlab {lab}\nmachine {machine}\nversion {version}\nseq {sequence}\n\
         content {content_id}\nmanifest-sha256 {manifest}\n"
    ))
}
