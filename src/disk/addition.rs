//! Adds files to a folder without changing any that is there.

#![expect(clippy::disallowed_methods, reason = "the files of an import are written here")]

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::above;
use super::interrupt::{Interrupt, Undo};
use super::staging::OutputError;
use crate::load::{LabsAbove, ROOT_FILE, source_below};

/// The files and folders that were made so far. Another thread may remove them at any time.
type Made = Arc<Mutex<Vec<PathBuf>>>;

/// Writes files below `folder`. If one of them is there already, or can't be written, or a signal
/// stops it, nothing is.
pub fn write(
    folder: &Path,
    files: &BTreeMap<String, String>,
    interrupt: &Interrupt,
) -> Result<(), OutputError> {
    above::unless_in(folder)?;
    let labs = LabsAbove::of(folder);
    // A new lab reads all that is below its folder.
    if let Some(name) = files.contains_key(ROOT_FILE).then(|| source_below(folder)).flatten() {
        let help = "name another folder with `--into`, or move it away";
        let why = "it would become a part of the new lab";
        return Err(OutputError::refused(&folder.join(name), why, help));
    }
    for name in files.keys() {
        OutputError::unless_read(&labs, folder, name)?;
        let path = folder.join(name);
        // A link that leads nowhere is there, too.
        if path.symlink_metadata().is_ok() {
            let help = "remove it, or name another folder with `--into`";
            return Err(OutputError::refused(&path, "it is there already", help));
        }
    }
    let made = Made::default();
    let undo = made.clone();
    interrupt.begin(|| Ok(((), Box::new(move || remove(&undo)) as Undo)))?;
    let added = files.iter().try_for_each(|(name, text)| {
        OutputError::unless_asked(interrupt)?;
        let path = folder.join(name);
        add(&path, text, &made).map_err(|error| OutputError::disk(&path, &error))
    });
    let added = added.and_then(|()| OutputError::unless_asked(interrupt));
    interrupt.finish(|| added.inspect_err(|_| remove(&made)))
}

/// Removes what was made. Files were made after their folders, and only an empty folder can be
/// removed.
fn remove(made: &Made) {
    for path in made.lock().unwrap_or_else(PoisonError::into_inner).iter().rev() {
        let _ = fs::remove_file(path).or_else(|_| fs::remove_dir(path));
    }
}

fn add(path: &Path, text: &str, made: &Made) -> io::Result<()> {
    let made = |path: &Path| {
        made.lock().unwrap_or_else(PoisonError::into_inner).push(path.to_owned());
    };
    let above: Vec<&Path> = path.ancestors().skip(1).collect();
    for folder in above.into_iter().rev().filter(|folder| !folder.as_os_str().is_empty()) {
        if !folder.exists() {
            fs::create_dir(folder)?;
            made(folder);
        }
    }
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    made(path);
    file.write_all(text.as_bytes())?;
    file.sync_all()
}
