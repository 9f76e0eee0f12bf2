//! Lists and reads a folder that is a release, or claims to be one.

#![expect(clippy::disallowed_methods, reason = "reads what claims to be a release")]

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use crate::bundle::read::LARGEST;

/// Lists what is below `folder`, with `/` between the parts of names.
///
/// A release holds regular files and folders with something in them. What else there is has a name
/// here too, that of an empty folder ending in `/`, so that whoever compares names finds it.
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

/// Says whether there is nothing at all in `folder`.
pub fn is_empty(folder: &Path) -> io::Result<bool> {
    let mut entries = fs::read_dir(folder)?;
    Ok(entries.next().is_none())
}

/// Reads one regular file of the release in `folder`; names come from [`list`].
pub fn read(folder: &Path, name: &str) -> io::Result<Vec<u8>> {
    let path = folder.join(name);
    // Opening a pipe could wait for ever, and a link leads out of the release.
    if !path.symlink_metadata()?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(LARGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST {
        Err(io::Error::other(format!("it has more than {LARGEST} bytes")))
    } else {
        Ok(bytes)
    }
}
