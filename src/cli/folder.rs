//! Lists and reads a folder that is a release, or claims to be one.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use crate::bundle::read::LARGEST;

/// Lists the files below `folder`, with `/` between the parts of their names.
///
/// A release holds regular files and folders; anything else in it is an error that names it.
pub fn list(folder: &Path) -> io::Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    let mut waiting = vec![String::new()];
    while let Some(below) = waiting.pop() {
        #[expect(clippy::disallowed_methods, reason = "the cli reads releases from the disk")]
        let entries = fs::read_dir(folder.join(&below))?;
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name();
            let name = name.to_str().ok_or_else(|| io::Error::other(format!("`{}` is no text", name.display())))?;
            let name = if below.is_empty() { name.to_owned() } else { format!("{below}/{name}") };
            let kind = entry.file_type()?;
            if kind.is_dir() {
                waiting.push(name);
            } else if kind.is_file() {
                names.insert(name);
            } else {
                return Err(io::Error::other(format!("`{name}` is neither a file nor a folder")));
            }
        }
    }
    Ok(names)
}

/// Reads one file of the release in `folder`, whose names come from [`list`].
pub fn read(folder: &Path, name: &str) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(folder.join(name))?.take(LARGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST { Err(io::Error::other(format!("it has more than {LARGEST} bytes"))) } else { Ok(bytes) }
}
