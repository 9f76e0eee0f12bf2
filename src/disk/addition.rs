//! Adds files to a folder without changing any that is there.

#![expect(clippy::disallowed_methods, reason = "the files of an import are written here")]

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::staging::OutputError;

/// Writes files below `folder`. If one of them is there already, or can't be written, nothing is.
pub fn write(folder: &Path, files: &BTreeMap<String, String>) -> Result<(), OutputError> {
    for name in files.keys() {
        let path = folder.join(name);
        // A link that leads nowhere is there, too.
        if path.symlink_metadata().is_ok() {
            let help = "remove it, or name another folder with `--into`";
            return Err(OutputError::refused(&path, "it is there already", help));
        }
    }
    let mut made: Vec<PathBuf> = Vec::new();
    for (name, text) in files {
        let path = folder.join(name);
        if let Err(error) = add(&path, text, &mut made) {
            // Files were made after their folders, and only an empty folder can be removed.
            for path in made.iter().rev() {
                let _ = fs::remove_file(path).or_else(|_| fs::remove_dir(path));
            }
            return Err(OutputError::disk(&path, &error));
        }
    }
    Ok(())
}

fn add(path: &Path, text: &str, made: &mut Vec<PathBuf>) -> io::Result<()> {
    let above: Vec<&Path> = path.ancestors().skip(1).collect();
    for folder in above.into_iter().rev().filter(|folder| !folder.as_os_str().is_empty()) {
        if !folder.exists() {
            fs::create_dir(folder)?;
            made.push(folder.to_owned());
        }
    }
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    made.push(path.to_owned());
    file.write_all(text.as_bytes())?;
    file.sync_all()
}
