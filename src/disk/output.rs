//! Writes a release. Archives are written as they are made, from any thread. The index comes last,
//! and then the whole folder takes its place at once.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::interrupt::Interrupt;
use super::staging::{OutputError, Staging};
use super::{above, folder};
use crate::bundle::Bundle;
use crate::bundle::release::{self, INDEX, Packed, SUMS};
use crate::bundle::verify::read_sums;
use crate::digest;

/// A writer of one release. It keeps hashes and not archives, so its memory stays small however
/// many machines there are.
#[derive(Debug)]
pub struct ReleaseWriter {
    target: PathBuf,
    staging: Staging,
    interrupt: Interrupt,
    hashes: Mutex<BTreeMap<String, String>>,
}

impl ReleaseWriter {
    /// Starts a release whose final folder is `target`.
    pub fn new(target: &Path, interrupt: &Interrupt) -> Result<Self, OutputError> {
        let staging = interrupt.begin(|| {
            above::unless_inside(target)?;
            let staging = Staging::new(target)?;
            // This comes after `Staging::new`, which moves a release back that an interrupted run
            // has moved aside.
            check_replaceable(target)?;
            let undo = staging.undo();
            Ok((staging, undo))
        })?;
        Ok(Self {
            target: target.to_owned(),
            staging,
            interrupt: interrupt.clone(),
            hashes: Mutex::default(),
        })
    }

    /// Writes a machine's archive, and returns what the index needs to know about it.
    pub fn add_bundle(&self, bundle: &Bundle) -> Result<Packed, OutputError> {
        self.add(&bundle.file_name(), &bundle.archive, bundle.archive_sha256.clone())?;
        Ok(Packed::from(bundle))
    }

    /// Writes the files for reviewers, by their path below `review/`.
    pub fn add_review(&self, files: &BTreeMap<String, Vec<u8>>) -> Result<(), OutputError> {
        files.iter().try_for_each(|(name, bytes)| {
            self.add(&format!("review/{name}"), bytes, digest::sha256_hex(bytes))
        })
    }

    /// Writes the index and the hashes, and moves the release to its place.
    pub fn finish(self, index: &[u8]) -> Result<(), OutputError> {
        self.add(INDEX, index, digest::sha256_hex(index))?;
        let sums = release::sums(&self.hashes.lock().unwrap_or_else(PoisonError::into_inner));
        // The list comes last, because it has the hash of the index too.
        self.staging.write(SUMS, sums.as_bytes())?;
        // Check again right before the step, because another program may have put something there
        // since the build began.
        check_replaceable(&self.target)?;
        OutputError::unless_asked(&self.interrupt)?;
        self.interrupt.finish(|| self.staging.commit())
    }

    fn add(&self, path: &str, bytes: &[u8], sha256: String) -> Result<(), OutputError> {
        OutputError::unless_asked(&self.interrupt)?;
        self.staging.write(path, bytes)?;
        self.hashes.lock().unwrap_or_else(PoisonError::into_inner).insert(path.to_owned(), sha256);
        Ok(())
    }
}

/// Refuses a target that contains anything that a build did not write. While another build puts its
/// release there, a look at the folder sees parts of two, so one look is not enough to refuse it.
fn check_replaceable(target: &Path) -> Result<(), OutputError> {
    const LOOKS: usize = 3;
    let mut looks = (0..LOOKS).map(|_| look_at(target));
    let first = looks.next().unwrap_or(Ok(()));
    first.or_else(|refused| looks.find(Result::is_ok).unwrap_or(Err(refused)))
}

fn look_at(target: &Path) -> Result<(), OutputError> {
    let refused = |why: &str, help: &str| Err(OutputError::refused(target, why, help));
    match target.metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound && target.is_symlink() => {
            return refused(
                "it is a link to something that does not exist",
                "remove it, or create the folder that it names",
            );
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Ok(metadata) if !metadata.is_dir() => {
            return refused("a file is there", "remove it, or name another folder with `--out`");
        }
        Err(_) | Ok(_) => {}
    }
    let unreadable = |error: io::Error| OutputError::refused(target, &error.to_string(), ANOTHER);
    // This comes first because a folder that is not a release may be as large as a disk.
    let Some(made) = made_by_a_build(target) else {
        return if folder::is_empty(target).map_err(unreadable)? {
            Ok(())
        } else {
            refused("it is not a release that labwright wrote", ANOTHER)
        };
    };
    match folder::list(target).map_err(unreadable)?.difference(&made).next() {
        Some(name) => refused(
            &format!("no build wrote `{name}` in it"),
            "move it elsewhere, then run the command again",
        ),
        None => Ok(()),
    }
}

const ANOTHER: &str = "name another folder with `--out`, or move this one away";

/// Returns the names of the files that the build of the release in `target` wrote, or nothing if it
/// is not a release.
fn made_by_a_build(target: &Path) -> Option<BTreeSet<String>> {
    if !folder::is_release(target) {
        return None;
    }
    let sums = String::from_utf8(folder::read(target, SUMS).ok()?).ok()?;
    let names = read_sums(&sums).ok()?.into_keys().chain([SUMS]).map(str::to_owned).collect();
    Some(names)
}
