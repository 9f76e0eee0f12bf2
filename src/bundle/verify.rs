//! Verifies that a release is complete, contains nothing else, and is consistent.
//!
//! The caller supplies the files. They are read one after another, and every problem is collected.

use std::collections::{BTreeMap, BTreeSet};

use super::agree::{self, FLOWS};
use super::derived::{self, CONNECTIONS, OWN, Summary};
use super::manifest::{self, Manifest};
use super::read::{ArchiveContents, read_archive};
use super::release::{self, INDEX, ReleaseIndex, SUMS};
use super::signature::{self, AllowedSigners};
use super::{FORMAT, claims, ids, mode_of, names, promised, review, saved, tables};
use crate::digest;

/// The contents of a sound bundle, as its `BUNDLE` and `manifest.json` describe it.
#[derive(Debug, PartialEq, Eq)]
pub struct VerifiedBundle {
    /// The lab.
    pub lab: String,
    /// The machine.
    pub machine: String,
    /// The lab's version.
    pub version: String,
    /// The content id.
    pub content_id: String,
    /// The manifest.
    pub manifest: Manifest,
    /// The files by their path below the root folder.
    pub files: BTreeMap<String, Vec<u8>>,
}

/// Reads one archive and compares it with its own `BUNDLE`, `SHA256SUMS` and `manifest.json`.
pub fn verify_bundle(file_name: &str, archive: &[u8]) -> Result<VerifiedBundle, String> {
    let ArchiveContents { root, files } = read_archive(file_name, archive)?;
    let text = |path: &str| -> Result<&str, String> {
        let bytes = files.get(path).ok_or_else(|| format!("`{path}` is missing"))?;
        std::str::from_utf8(bytes).map_err(|_| format!("`{path}` is not UTF-8 text"))
    };
    let [lab, machine, version, sequence, content_id, manifest_sha256] =
        read_head(text("BUNDLE")?)?;
    if ids::sequence(version)?.to_string() != sequence {
        return Err(format!("the sequence {sequence} is not that of the version `{version}`"));
    }
    let sums_text = text("SHA256SUMS")?;
    if digest::sha256_hex(sums_text.as_bytes()) != content_id {
        return Err("`SHA256SUMS` has another hash than `BUNDLE` says".to_owned());
    }
    if root != format!("{lab}-{machine}-{}", digest::short(content_id)) {
        return Err(format!(
            "`{root}` is not the name of machine `{machine}` of lab `{lab}` with this content"
        ));
    }
    let manifest_text = text("manifest.json")?;
    if digest::sha256_hex(manifest_text.as_bytes()) != manifest_sha256 {
        return Err("`manifest.json` has another hash than `BUNDLE` says".to_owned());
    }
    let value =
        serde_json::from_str(manifest_text).map_err(|error| format!("`manifest.json`: {error}"))?;
    if let Some(text) = unprintable(&value) {
        return Err(format!(
            "`manifest.json` holds `{}`, which no lab can say",
            text.escape_debug()
        ));
    }
    let manifest: Manifest =
        serde_json::from_str(manifest_text).map_err(|error| format!("`manifest.json`: {error}"))?;
    let payload: BTreeMap<&str, &Vec<u8>> = files
        .iter()
        .filter(|(path, _)| path.contains('/'))
        .map(|(path, bytes)| (path.as_str(), bytes))
        .collect();
    if let Some(extra) = files
        .keys()
        .find(|path| !path.starts_with("payload/") && !ROOT_FILES.contains(&path.as_str()))
    {
        return Err(format!("`{extra}` does not belong to a bundle"));
    }
    names::check_paths(&root, payload.keys().filter_map(|path| path.strip_prefix("payload/")))?;
    check_sums(&read_sums(sums_text)?, &payload)?;
    check_manifest(&manifest, &payload)?;
    if manifest::to_json(&manifest.clone().in_order())? != manifest_text.as_bytes() {
        return Err(format!("`manifest.json` {NOT_AS_WRITTEN}"));
    }
    let [lab, machine, version, content_id] =
        [lab, machine, version, content_id].map(str::to_owned);
    Ok(VerifiedBundle { lab, machine, version, content_id, manifest, files })
}

const ROOT_FILES: [&str; 3] = ["BUNDLE", "SHA256SUMS", "manifest.json"];

/// Reads `BUNDLE`: the lab, machine, version, sequence, content id and the manifest's hash.
fn read_head(text: &str) -> Result<[&str; 6], String> {
    // `lines` would accept a carriage return before the newline.
    let mut lines = text.split_terminator('\n');
    let mut value = |key: &str| {
        let value = lines
            .next()
            .and_then(|line| line.strip_prefix(key))
            .and_then(|rest| rest.strip_prefix(' '));
        value.ok_or_else(|| format!("`BUNDLE` has no `{key}` in its place"))
    };
    let format = value("format")?;
    if format != FORMAT {
        return Err(format!("`{format}` is not the format {FORMAT}"));
    }
    let head = [
        value("lab")?,
        value("machine")?,
        value("version")?,
        value("seq")?,
        value("content")?,
        value("manifest-sha256")?,
    ];
    if lines.next().is_some() || !text.ends_with('\n') {
        return Err("`BUNDLE` does not end where it should".to_owned());
    }
    Ok(head)
}

/// Reads lines in the format of `sha256sum` as hashes by path.
pub fn read_sums(text: &str) -> Result<BTreeMap<&str, &str>, String> {
    let mut sums = BTreeMap::new();
    // As in `read_head`, a carriage return must not pass.
    for line in text.split_terminator('\n') {
        let is_line =
            |(hash, path): &(&str, &str)| is_sha256(hash) && !path.contains(char::is_control);
        let Some((hash, path)) = line.split_once("  ").filter(is_line) else {
            return Err(format!("`{}` is not a line of `SHA256SUMS`", line.escape_debug()));
        };
        if sums.last_key_value().is_some_and(|(last, _)| *last >= path) {
            return Err(format!("`{path}` is out of order in `SHA256SUMS`"));
        }
        sums.insert(path, hash);
    }
    if text.is_empty() || text.ends_with('\n') {
        Ok(sums)
    } else {
        Err("`SHA256SUMS` is cut off".to_owned())
    }
}

fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn check_sums(
    sums: &BTreeMap<&str, &str>,
    payload: &BTreeMap<&str, &Vec<u8>>,
) -> Result<(), String> {
    for (path, bytes) in payload {
        match sums.get(path) {
            None => return Err(format!("`{path}` is not in `SHA256SUMS`")),
            Some(hash) if digest::sha256_hex(bytes) != **hash => {
                return Err(format!("`{path}` has another hash than `SHA256SUMS` says"));
            }
            Some(_) => {}
        }
    }
    match sums.keys().find(|path| !payload.contains_key(*path)) {
        Some(path) => Err(format!("`{path}` is in `SHA256SUMS`, but not in the archive")),
        None => Ok(()),
    }
}

fn check_manifest(manifest: &Manifest, payload: &BTreeMap<&str, &Vec<u8>>) -> Result<(), String> {
    if !manifest.files.iter().map(|file| file.path.as_str()).eq(payload.keys().copied()) {
        return Err("`manifest.json` lists other files than the archive holds".to_owned());
    }
    for (file, bytes) in manifest.files.iter().zip(payload.values()) {
        let path = &file.path;
        let holds = file.sha256 == digest::sha256_hex(bytes)
            && file.size == bytes.len() as u64
            && file.mode == format!("{:04o}", mode_of(path))
            && claims::is_kind_of(&file.kind, path)
            && claims::has_origin(file);
        if !holds {
            return Err(format!("`manifest.json` is wrong about `{path}`"));
        }
    }
    let is_there = |path: &str| payload.contains_key(format!("payload/{path}").as_str());
    for (name, text) in tables::write(manifest, is_there)? {
        let path = format!("payload/{name}");
        if payload.get(path.as_str()).is_none_or(|bytes| bytes.as_slice() != text.as_bytes()) {
            return Err(format!("`{path}` and `manifest.json` differ"));
        }
    }
    Ok(())
}

const NOT_AS_WRITTEN: &str = "is not as labwright writes it: keys and lists are sorted, nothing is \
                              twice, the indent is two spaces";

/// Lists the problems of a release that consists of the files `names`.
///
/// Reads every file once with `read`, whose errors count as problems. A signature may be present
/// next to an archive and next to the list of hashes, which covers all that is not in an archive.
/// With `signers`, each of them must have one, and it is checked.
pub fn verify_release(
    names: &BTreeSet<String>,
    signers: Option<&AllowedSigners>,
    mut read: impl FnMut(&str) -> Result<Vec<u8>, String>,
) -> Vec<String> {
    let (index_bytes, sums_bytes) = match (read(INDEX), read(SUMS)) {
        (Ok(index), Ok(sums)) => (index, sums),
        (index, sums) => {
            let both = [(INDEX, index), (SUMS, sums)];
            return both
                .into_iter()
                .filter_map(|(name, read)| read.err().map(|error| format!("`{name}`: {error}")))
                .collect();
        }
    };
    let sums_text = String::from_utf8_lossy(&sums_bytes);
    let (index, sums) = match (read_index(&index_bytes), read_sums(&sums_text)) {
        (Ok(index), Ok(sums)) => (index, sums),
        (index, sums) => return index.err().into_iter().chain(sums.err()).collect(),
    };
    let mut problems = Vec::new();
    problems.extend(
        sums.keys()
            .filter(|name| !names.contains(**name))
            .map(|name| format!("`{name}` is missing")),
    );

    let archives: BTreeSet<&String> =
        index.machines.values().map(|machine| &machine.archive).collect();
    let is_signature = |name: &str| {
        name.strip_suffix(signature::SUFFIX)
            .is_some_and(|signed| signed == SUMS || archives.iter().any(|known| *known == signed))
    };
    problems.extend(
        sums.keys()
            .filter(|name| **name == SUMS || is_signature(name))
            .map(|name| format!("`{name}` has no place in `{SUMS}`")),
    );
    if let Some(signers) = signers {
        problems.extend(check_signature(signers, SUMS, &sums_bytes, names, &mut read).err());
    }
    let (mut sound, mut read_by_people) = (BTreeMap::new(), BTreeMap::new());
    for name in names.iter().filter(|name| *name != SUMS && !is_signature(name)) {
        let Some(expected) = sums.get(name.as_str()) else {
            problems.push(format!("`{name}` is not in `{SUMS}`"));
            continue;
        };
        if !(name == INDEX || review::is_file(name) || archives.contains(name)) {
            problems.push(format!("`{name}` does not belong to this release"));
            continue;
        }
        // The index was read above. A second look could see another file.
        match if name == INDEX { Ok(index_bytes.clone()) } else { read(name) } {
            Err(problem) => problems.push(format!("`{name}`: {problem}")),
            Ok(bytes) if digest::sha256_hex(&bytes) != *expected => {
                problems.push(format!("`{name}` has another hash than `{SUMS}` says"));
            }
            Ok(bytes) if archives.contains(name) => match verify_bundle(name, &bytes) {
                Err(problem) => problems.push(format!("`{name}`: {problem}")),
                Ok(bundle) => {
                    let head = bundle.files.get("BUNDLE").map_or(&[][..], Vec::as_slice);
                    problems.extend(signers.and_then(|signers| {
                        check_signature(signers, name, head, names, &mut read).err()
                    }));
                    match summary(bundle, digest::sha256_hex(&bytes)) {
                        Ok(summary) => drop(sound.insert(name.clone(), summary)),
                        Err(problem) => problems.push(format!("`{name}`: {problem}")),
                    }
                }
            },
            Ok(bytes) => drop(read_by_people.insert(name.clone(), bytes)),
        }
    }
    derived::check(&index, &sound, names, &mut problems);
    if problems.is_empty() {
        let machines = sound.values().map(|bundle| (bundle.machine.as_str(), bundle)).collect();
        problems.extend(promised::wrong(&machines));
    }
    // The files for reviewers sum up all bundles.
    if problems.is_empty() {
        let named: Vec<_> = sound.into_values().map(|bundle| bundle.named).collect();
        review::check(&index, &read_by_people, &named, &mut problems);
    }
    if problems.is_empty() && index.in_order().to_json().ok() != Some(index_bytes) {
        problems.push(format!("`{INDEX}` {NOT_AS_WRITTEN}"));
    }
    problems
}

fn check_signature(
    signers: &AllowedSigners,
    signed: &str,
    text: &[u8],
    names: &BTreeSet<String>,
    read: &mut impl FnMut(&str) -> Result<Vec<u8>, String>,
) -> Result<(), String> {
    let name = format!("{signed}{}", signature::SUFFIX);
    if !names.contains(&name) {
        return Err(format!("`{signed}` is not signed: `{name}` is missing"));
    }
    let signature = read(&name).map_err(|error| format!("`{name}`: {error}"))?;
    signers.check(&signature, text).map_err(|problem| format!("`{name}` {problem}"))
}

fn summary(bundle: VerifiedBundle, sha256: String) -> Result<Summary, String> {
    let VerifiedBundle { lab, machine, version, content_id, manifest, files } = bundle;
    agree::check(&manifest, &files)?;
    saved::check(&files)?;
    let named = review::Named::of(&machine, &manifest);
    let Manifest { images, secrets, .. } = manifest;
    let file = |path: &str| files.get(path).map_or(&[][..], Vec::as_slice);
    let flows = derived::connections(&machine, file(FLOWS))?;
    let own = derived::own(file(OWN))?;
    Ok(Summary {
        lab,
        machine,
        version,
        content_id,
        sha256,
        images,
        secrets,
        named,
        flows,
        own,
        proxies: derived::proxies(file(FLOWS)),
        addresses: derived::addresses(file(CONNECTIONS)),
        reached: derived::reached(file(CONNECTIONS))?,
        open: agree::flows_of(&String::from_utf8_lossy(file(FLOWS)))?,
        scrapes: derived::scraped(&files),
    })
}

fn read_index(bytes: &[u8]) -> Result<ReleaseIndex, String> {
    let value: serde_json::Value =
        serde_json::from_slice(bytes).map_err(|error| format!("`{INDEX}`: {error}"))?;
    // Problems name parts of the index on a terminal, and in JSON any character can be escaped.
    if let Some(text) = unprintable(&value) {
        return Err(format!("`{INDEX}` holds `{}`, which no lab can say", text.escape_debug()));
    }
    let index: ReleaseIndex =
        serde_json::from_slice(bytes).map_err(|error| format!("`{INDEX}`: {error}"))?;
    if index.format == release::FORMAT {
        Ok(index)
    } else {
        Err(format!("`{INDEX}` has the format `{}`, not {}", index.format, release::FORMAT))
    }
}

/// Finds a text with a character that controls a terminal.
fn unprintable(value: &serde_json::Value) -> Option<&str> {
    use serde_json::Value;
    let is_hostile = |text: &&str| text.contains('\t') || !claims::is_plain(text);
    match value {
        Value::String(text) => Some(text.as_str()).filter(is_hostile),
        Value::Array(values) => values.iter().find_map(unprintable),
        Value::Object(fields) => fields.iter().find_map(|(name, value)| {
            Some(name.as_str()).filter(is_hostile).or_else(|| unprintable(value))
        }),
        _ => None,
    }
}
