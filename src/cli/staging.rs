//! A folder that is written beside its place and takes it in one step, or not at all.
//!
//! For a target `outputs/home-1`, everything is written below
//! `outputs/.labwright-staging-home-1-XXXXXX/`. Whatever ends the program before the step, a full
//! disk or a power cut included, leaves the target as it was; the next run removes what was left.

#![expect(clippy::disallowed_methods, reason = "the one place that writes to the disk")]

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::codes;
use crate::diag::Code;

/// Says what could not be written, and what to do.
#[derive(Debug)]
pub struct OutputError {
    /// The kind of failure.
    pub code: &'static Code,
    /// What is wrong, in lower case without a final stop.
    pub problem: String,
    /// What to do about it.
    pub help: String,
}

impl fmt::Display for OutputError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.problem)
    }
}

impl std::error::Error for OutputError {}

impl OutputError {
    /// Says that nothing may be written at `path`, for the reason `why`.
    pub fn refused(path: &Path, why: &str, help: &str) -> Self {
        Self {
            code: &codes::OUTPUT_NOT_OURS,
            problem: format!("won't write to `{}`: {why}", path.display()),
            help: help.to_owned(),
        }
    }

    fn disk(path: &Path, error: &io::Error) -> Self {
        // The kind's own words are short and the same on every system.
        let kind = error.kind();
        let (why, help) = match kind {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                (kind.to_string(), "make room, then run the command again")
            }
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                (kind.to_string(), "name a folder that you may write to with `--out`")
            }
            io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => (
                "a file is in the way".to_owned(),
                "remove it, or name another folder with `--out`",
            ),
            // The system's own words, without the name of the staging folder.
            _ => (
                error
                    .get_ref()
                    .and_then(|error| error.source())
                    .map_or_else(|| error.to_string(), ToString::to_string),
                "see that the disk is well, then run the command again",
            ),
        };
        Self {
            code: &codes::OUTPUT_UNWRITABLE,
            problem: format!("can't write `{}`: {why}", path.display()),
            help: format!("{help}; what was there is as it was"),
        }
    }
}

/// Is a folder on its way to its place.
#[derive(Debug)]
pub struct Staging {
    target: PathBuf,
    /// Holds the lock and `NEW`, which becomes the target; goes away with everything left in it.
    folder: TempDir,
    /// Kept open: its lock tells the next run that this one is alive.
    _lock: File,
    /// The folders above the target that did not exist before.
    made: Vec<PathBuf>,
}

const NEW: &str = "new";
const LOCK: &str = "lock";

impl Staging {
    /// Starts a folder that will take the place of `target`.
    pub fn new(target: &Path) -> Result<Self, OutputError> {
        // A link to a folder stays a link; what it leads to is replaced.
        let target = target.canonicalize().unwrap_or_else(|_| target.to_owned());
        let Some(name) = target.file_name().map(|name| name.to_string_lossy().into_owned()) else {
            return Err(OutputError::refused(
                &target,
                "it has no name of its own",
                "name a folder, such as `--out release`",
            ));
        };
        let parent = parent_of(&target);
        let mut made = Vec::new();
        make_folders(parent, &mut made).map_err(|error| OutputError::disk(parent, &error))?;
        mend(&target, &name);
        let start = || -> io::Result<(TempDir, File)> {
            let folder =
                tempfile::Builder::new().prefix(&staging_prefix(&name)).tempdir_in(parent)?;
            let unlocked = folder.path().join(NEW);
            let lock = File::create(&unlocked)?;
            // Where the file system knows no locks, nobody removes what a dead run left.
            let _ = lock.try_lock();
            // It has its name only now, so that no other run takes this one for dead before it
            // holds its lock.
            fs::rename(unlocked, folder.path().join(LOCK))?;
            fs::create_dir(folder.path().join(NEW))?;
            set_mode(&folder.path().join(NEW), 0o755)?;
            Ok((folder, lock))
        };
        match start() {
            Ok((folder, lock)) => Ok(Self { target, folder, _lock: lock, made }),
            Err(error) => {
                remove_empty(&made);
                Err(OutputError::disk(&target, &error))
            }
        }
    }

    /// Writes a file that is not there yet, with the folders above it.
    pub fn write(&self, path: &str, bytes: &[u8]) -> Result<(), OutputError> {
        let new = self.folder.path().join(NEW);
        let write = || -> io::Result<()> {
            let mut folder = new.clone();
            let (above, _) = path.rsplit_once('/').unwrap_or_default();
            for part in above.split('/').filter(|part| !part.is_empty()) {
                folder.push(part);
                match fs::create_dir(&folder) {
                    Ok(()) => set_mode(&folder, 0o755)?,
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                    Err(error) => return Err(error),
                }
            }
            let path = new.join(path);
            File::create_new(&path)?.write_all(bytes)?;
            set_mode(&path, 0o644)
        };
        write().map_err(|error| OutputError::disk(&self.target.join(path), &error))
    }

    /// Puts the folder in its place; the caller has made sure that what stands there may go.
    pub fn commit(mut self) -> Result<(), OutputError> {
        let new = self.folder.path().join(NEW);
        replace(&new, &self.target).map_err(|error| OutputError::disk(&self.target, &error))?;
        self.made.clear();
        Ok(())
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if !self.made.is_empty() {
            let _ = fs::remove_dir_all(self.folder.path());
            remove_empty(&self.made);
        }
    }
}

/// Puts `new` where `target` is and `target`, if there is one, where `new` was.
fn replace(new: &Path, target: &Path) -> io::Result<()> {
    if target.symlink_metadata().is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
        match fs::rename(new, target) {
            // Another run was there first.
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {}
            renamed => return renamed,
        }
    }
    if exchange(new, target).is_ok() {
        return Ok(());
    }
    // Not every file system can exchange. Between the two steps the old folder has another name,
    // under which `mend` finds it.
    let aside = aside(target);
    fs::rename(target, &aside)?;
    if let Err(error) = fs::rename(new, target) {
        fs::rename(&aside, target)?;
        return Err(error);
    }
    // The new folder stands; an old one that can't be moved is removed by the next run.
    let _ = fs::rename(&aside, new);
    Ok(())
}

#[cfg(any(target_os = "linux", target_vendor = "apple"))]
fn exchange(one: &Path, other: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    Ok(renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE)?)
}

#[cfg(not(any(target_os = "linux", target_vendor = "apple")))]
fn exchange(_: &Path, _: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Puts right what runs that were cut off left beside the target: brings back a folder that was
/// moved aside, removes stagings.
///
/// Does what it can; what it can't do is no reason not to build.
fn mend(target: &Path, name: &str) {
    let aside = aside(target);
    if target.symlink_metadata().is_err() {
        let _ = fs::rename(&aside, target);
    } else {
        let _ = fs::remove_dir_all(&aside);
    }
    let prefix = staging_prefix(name);
    let beside = fs::read_dir(parent_of(target));
    for entry in beside.into_iter().flatten().flatten() {
        let is_ours = entry
            .file_name()
            .to_str()
            .and_then(|name| name.strip_prefix(&prefix))
            .is_some_and(|rest| !rest.contains('-'));
        // A live run holds the lock.
        let dead = || File::open(entry.path().join(LOCK)).is_ok_and(|lock| lock.try_lock().is_ok());
        if is_ours && dead() {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn staging_prefix(name: &str) -> String {
    format!(".labwright-staging-{name}-")
}

fn aside(target: &Path) -> PathBuf {
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    target.with_file_name(format!(".labwright-aside-{name}"))
}

fn parent_of(target: &Path) -> &Path {
    target.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn make_folders(folder: &Path, made: &mut Vec<PathBuf>) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    make_folders(parent_of(folder), made)?;
    match fs::create_dir(folder) {
        Ok(()) => made.push(folder.to_owned()),
        // Another run was faster.
        Err(_) if folder.is_dir() => {}
        Err(error) => return Err(error),
    }
    Ok(())
}

fn remove_empty(made: &[PathBuf]) {
    for folder in made.iter().rev() {
        let _ = fs::remove_dir(folder);
    }
}

/// Sets the mode whatever the umask is.
#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

#[cfg(not(unix))]
fn set_mode(_: &Path, _: u32) -> io::Result<()> {
    Ok(())
}
