//! A folder of plain files that is written whole, and belongs to labwright when its first page says
//! so.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use super::interrupt::Interrupt;
use super::staging::{OutputError, Staging};
use super::{above, folder};

/// The differences between a tree and the folder that should hold it, each sorted.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Differences {
    /// Files with other bytes.
    pub stale: Vec<String>,
    /// Files that the folder lacks.
    pub missing: Vec<String>,
    /// Files that the tree does not have.
    pub leftover: Vec<String>,
}

impl Differences {
    /// Returns whether the two are equal.
    pub fn is_empty(&self) -> bool {
        self.stale.is_empty() && self.missing.is_empty() && self.leftover.is_empty()
    }
}

/// Compares a folder with the tree that it should hold. A folder that does not exist is empty.
pub fn compare(
    target: &Path,
    tree: &BTreeMap<String, Vec<u8>>,
) -> Result<Differences, OutputError> {
    let found = match folder::list(target) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeSet::default(),
        found => found.map_err(|error| unreadable(target, &error))?,
    };
    let mut differences = Differences::default();
    for (path, bytes) in tree {
        if !found.contains(path) {
            differences.missing.push(path.clone());
        } else if folder::read(target, path).ok().as_ref() != Some(bytes) {
            differences.stale.push(path.clone());
        }
    }
    differences.leftover = found.into_iter().filter(|path| !tree.contains_key(path)).collect();
    Ok(differences)
}

/// Replaces a folder by a tree in one step. The folder must be empty or missing, or its `page` must
/// be the tree's own. When a signal stops it, the folder is unchanged.
pub fn replace(
    target: &Path,
    tree: &BTreeMap<String, Vec<u8>>,
    page: &str,
    interrupt: &Interrupt,
) -> Result<(), OutputError> {
    let staging = interrupt.begin(|| {
        above::unless_inside(target)?;
        // This comes first, because it moves a folder back that an interrupted run has moved aside.
        let staging = Staging::new(target)?;
        let undo = staging.undo();
        Ok((staging, undo))
    })?;
    let empty = match folder::is_empty(target) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => true,
        empty => empty.map_err(|error| unreadable(target, &error))?,
    };
    let ours = || Some(folder::read(target, page).ok()?.as_slice() == tree.get(page)?.as_slice());
    if !empty && ours() != Some(true) {
        return Err(OutputError::refused(
            target,
            &format!("its `{page}` is not the one that labwright writes there"),
            "move the folder away, or name another one with `--out`",
        ));
    }
    for (path, bytes) in tree {
        OutputError::unless_asked(interrupt)?;
        staging.write(path, bytes)?;
    }
    OutputError::unless_asked(interrupt)?;
    interrupt.finish(|| staging.commit())
}

fn unreadable(target: &Path, error: &io::Error) -> OutputError {
    let target: PathBuf = target.to_owned();
    OutputError::refused(&target, &error.to_string(), "name a folder that you may read and write")
}
