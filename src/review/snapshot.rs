//! The files of a lab as a tree of plain files, for review in a repository.
//!
//! A line changes only when the lab changes what it says: nothing in the tree depends on all of the
//! lab, such as an id or a list of hashes.

use std::collections::BTreeMap;
use std::io::Read as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::read::GzDecoder;

use crate::artifact::Artifacts;
use crate::bundle::{self, BundleError};
use crate::kind::Kind;

/// The name of the page that says what the tree is. A folder with another page there is never
/// replaced.
pub const PAGE: &str = "README.md";

/// The text of [`PAGE`].
pub const PAGE_TEXT: &str = include_str!("snapshot.md");

/// labctl is the same on every machine, so it is in the tree once. No machine has a name with a
/// dot.
const LABCTL: &str = "labctl.sh";

/// The most bytes that a packed part of a file may unfold to.
const LARGEST: u64 = 16 * 1024 * 1024;

/// Returns the files of every machine as their readers see them, by path: `MACHINE/PATH`, where
/// PATH is a path below `payload/`.
pub fn snapshot(
    machines: &BTreeMap<String, Artifacts>,
) -> Result<BTreeMap<String, Vec<u8>>, BundleError> {
    let mut tree = BTreeMap::from([(PAGE.to_owned(), PAGE_TEXT.as_bytes().to_vec())]);
    for (machine, artifacts) in machines {
        let payload = bundle::payload(artifacts)
            .map_err(|problem| BundleError { whose: machine.clone(), problem })?;
        let labctl = payload.get("labctl").map(|(_, bytes)| bytes.clone());
        for (path, (kind, bytes)) in payload {
            if path == "labctl" {
                tree.insert(LABCTL.to_owned(), bytes);
            } else if kind == Kind::CloudInitUserData {
                let (text, parts) = unfold(&bytes, labctl.as_deref());
                for (part, bytes) in parts {
                    tree.insert(format!("{machine}/{path}.d{part}"), bytes);
                }
                tree.insert(format!("{machine}/{path}"), text);
            } else {
                tree.insert(format!("{machine}/{path}"), bytes);
            }
        }
    }
    Ok(tree)
}

/// Returns one file of a machine as its reader sees it, by its path in the tree below the machine's
/// folder. labctl is a file like any other.
pub fn file(artifacts: &Artifacts, path: &str) -> Option<Vec<u8>> {
    if let Some(file) = artifacts.files.get(path) {
        let packed = file.kind == Kind::CloudInitUserData;
        return Some(if packed {
            unfold(&file.bytes, labctl(artifacts)).0
        } else {
            file.bytes.clone()
        });
    }
    let parts = artifacts.files.iter().filter(|(_, file)| file.kind == Kind::CloudInitUserData);
    for (name, file) in parts {
        let Some(part) = path.strip_prefix(name).and_then(|rest| rest.strip_prefix(".d")) else {
            continue;
        };
        let (_, parts) = unfold(&file.bytes, labctl(artifacts));
        return parts.into_iter().find(|(name, _)| name == part).map(|(_, bytes)| bytes);
    }
    let (_, bytes) = bundle::payload(artifacts).ok()?.remove(path)?;
    Some(bytes)
}

/// Lists the paths of a machine's files in the tree, below the machine's folder.
pub fn paths(artifacts: &Artifacts) -> Result<Vec<String>, String> {
    let mut paths = Vec::new();
    for (path, (kind, bytes)) in bundle::payload(artifacts)? {
        if kind == Kind::CloudInitUserData {
            let (_, parts) = unfold(&bytes, labctl(artifacts));
            paths.extend(parts.into_iter().map(|(part, _)| format!("{path}.d{part}")));
        }
        paths.push(path);
    }
    Ok(paths)
}

fn labctl(artifacts: &Artifacts) -> Option<&[u8]> {
    artifacts.files.get("labctl").map(|file| file.bytes.as_slice())
}

/// Takes the packed files out of a user-data. Returns it with a word in the place of each, and the
/// files by their path on the machine; labctl is named and not returned.
fn unfold(user_data: &[u8], labctl: Option<&[u8]>) -> (Vec<u8>, Vec<(String, Vec<u8>)>) {
    let (mut text, mut parts, mut path) = (String::new(), Vec::new(), String::new());
    for line in String::from_utf8_lossy(user_data).split_inclusive('\n') {
        let trimmed = line.trim();
        if let Some(quoted) = trimmed.strip_prefix("- path: ") {
            quoted.trim_matches('\'').clone_into(&mut path);
        }
        // The emitter writes the path of a file before its content.
        let Some(bytes) = trimmed.strip_prefix("content: ").and_then(unpack) else {
            text.push_str(line);
            continue;
        };
        let indent = line.split("content:").next().unwrap_or_default();
        if labctl == Some(bytes.as_slice()) {
            text.push_str(&format!("{indent}content: (labctl)\n"));
        } else {
            text.push_str(&format!("{indent}content: (user-data.d{path})\n"));
            parts.push((path.clone(), bytes));
        }
    }
    (text.into_bytes(), parts)
}

/// Unpacks a quoted value in gzip and base64; anything else is nothing.
fn unpack(quoted: &str) -> Option<Vec<u8>> {
    let packed = STANDARD.decode(quoted.trim_matches('\'')).ok()?;
    let mut bytes = Vec::new();
    GzDecoder::new(packed.as_slice()).take(LARGEST).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn packed(text: &str) -> String {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(text.as_bytes()).expect("memory takes it");
        STANDARD.encode(gzip.finish().expect("memory takes it"))
    }

    #[test]
    fn packed_files_are_unfolded_and_labctl_is_named() {
        let user_data = format!(
            "write_files:\n  - path: '/usr/local/sbin/labctl'\n    content: '{}'\n  - path: \
             '/etc/x'\n    content: '{}'\n  - path: '/etc/y'\n    content: 'SGk='\n",
            packed("#!/bin/sh\n"),
            packed("x\n"),
        );
        let (text, parts) = unfold(user_data.as_bytes(), Some(b"#!/bin/sh\n"));
        assert_eq!(
            String::from_utf8_lossy(&text),
            "write_files:\n  - path: '/usr/local/sbin/labctl'\n    content: (labctl)\n  - path: \
             '/etc/x'\n    content: (user-data.d/etc/x)\n  - path: '/etc/y'\n    content: 'SGk='\n"
        );
        assert_eq!(parts, [("/etc/x".to_owned(), b"x\n".to_vec())]);
    }
}
