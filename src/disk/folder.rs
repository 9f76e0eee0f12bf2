//! Lists and reads a folder that is, or claims to be, a release.

#![expect(clippy::disallowed_methods, reason = "reads what claims to be a release")]

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use crate::bundle::read::LARGEST;
use crate::bundle::release::INDEX;

/// Lists what is below `folder`, with `/` between the parts of names.
///
/// A release contains regular files, and no empty folders. Anything else is listed too, like an
/// empty folder with a name that ends in `/`, so that a comparison of names finds it.
pub fn list(folder: &Path) -> io::Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    let mut waiting = vec![String::new()];
    while let Some(below) = waiting.pop() {
        let mut is_empty = true;
        let entries = fs::read_dir(folder.join(&below))?;
        for entry in entries {
            let entry = entry?;
            is_empty = false;
            let name = format!("{below}{}", entry.file_name().display());
            // This type is that of a link itself, so no link leads out of the folder or in a
            // circle.
            if entry.file_type()?.is_dir() {
                waiting.push(format!("{name}/"));
            } else {
                names.insert(name);
            }
        }
        if is_empty && !below.is_empty() {
            names.insert(below);
        }
    }
    Ok(names)
}

/// Returns whether `folder` is empty.
pub fn is_empty(folder: &Path) -> io::Result<bool> {
    let mut entries = fs::read_dir(folder)?;
    Ok(entries.next().is_none())
}

/// Reads a regular file of the release in `folder`. Names come from [`list`].
pub fn read(folder: &Path, name: &str) -> io::Result<Vec<u8>> {
    let path = folder.join(name);
    // Opening a named pipe could block forever, and a link may lead out of the release.
    if !path.symlink_metadata()?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(LARGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST {
        Err(io::Error::other(format!("it has more than {LARGEST} bytes")))
    } else {
        Ok(bytes)
    }
}

/// Returns whether a folder has the index of a release.
pub fn is_release(target: &Path) -> bool {
    #[derive(serde::Deserialize)]
    struct Format {
        format: String,
    }
    // Nothing else of the index is read, so that a release of another version can be replaced.
    let index = read(target, INDEX).ok();
    let index = index.and_then(|index| serde_json::from_slice(&index).ok());
    index.is_some_and(|Format { format }| format.starts_with("labwright.release/"))
}
