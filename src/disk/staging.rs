//! Writes a folder next to its place and moves it there in one step, or not at all.
//!
//! For a target `outputs/home-1`, everything is written below
//! `outputs/.labwright-staging-home-1-XXXXXX/`. Whatever ends the program before the step, even a
//! full disk or a power cut, leaves the target unchanged. The next run removes the leftovers.

#![expect(clippy::disallowed_methods, reason = "the one place that writes to the disk")]

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::codes;
use super::interrupt::{Interrupt, Undo};
use crate::diag::Code;
use crate::load::LabsAbove;

/// A failure to write, with advice.
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
    /// Makes the error that nothing may be written at `path`, for the reason `why`.
    pub fn refused(path: &Path, why: &str, help: &str) -> Self {
        Self {
            code: &codes::OUTPUT_NOT_OURS,
            problem: format!("won't write to `{}`: {why}", path.display()),
            help: help.to_owned(),
        }
    }

    /// Fails once the program was asked to stop.
    pub(super) fn unless_asked(interrupt: &Interrupt) -> Result<(), Self> {
        if !interrupt.asked() {
            return Ok(());
        }
        let (problem, help) = ("interrupted".to_owned(), "what was there is unchanged".to_owned());
        Err(Self { code: &codes::BUILD_INTERRUPTED, problem, help })
    }

    /// Fails if a lab would read a file as one of its own, by the file's path below `target`.
    pub(super) fn unless_read(labs: &LabsAbove, target: &Path, name: &str) -> Result<(), Self> {
        let Some(lab) = labs.reader(name) else { return Ok(()) };
        let why = format!("the lab in `{}` would read it", lab.display());
        Err(Self::refused(target, &why, "name a folder outside of that lab"))
    }

    /// Makes the error that the disk refused to write `path`.
    pub(super) fn disk(path: &Path, error: &io::Error) -> Self {
        // The descriptions of these kinds are short and the same on every system.
        let kind = error.kind();
        let (why, help) = match kind {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                (kind.to_string(), "free some space, then run the command again")
            }
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                (kind.to_string(), "name a folder that you may write to with `--out`")
            }
            io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => (
                "a file is in the way".to_owned(),
                "remove it, or name another folder with `--out`",
            ),
            // The system's own words are used here, without the name of the staging folder.
            _ => (
                error
                    .get_ref()
                    .and_then(|error| error.source())
                    .map_or_else(|| error.to_string(), ToString::to_string),
                "check that the disk works, then run the command again",
            ),
        };
        Self {
            code: &codes::OUTPUT_UNWRITABLE,
            problem: format!("can't write `{}`: {why}", path.display()),
            help: format!("{help}; what was there is unchanged"),
        }
    }
}

/// A folder that is written next to its final place.
#[derive(Debug)]
pub struct Staging {
    target: PathBuf,
    /// The folder with the lock and `NEW`, which becomes the target. Dropping it removes everything
    /// that is left in it.
    folder: TempDir,
    /// The lock file. It stays open because its lock shows other runs that this one is alive.
    _lock: File,
    /// The folders above the target that did not exist before.
    made: Vec<PathBuf>,
    /// The labs that the target lies in.
    labs: LabsAbove,
}

const NEW: &str = "new";
const LOCK: &str = "lock";
const GONE: &str = "gone";

impl Staging {
    /// Starts a folder that will replace `target`.
    pub fn new(target: &Path) -> Result<Self, OutputError> {
        // A link to a folder is kept: the folder that it leads to is replaced.
        let target = target.canonicalize().unwrap_or_else(|_| target.to_owned());
        let Some(name) = target.file_name().map(|name| name.to_string_lossy().into_owned()) else {
            return Err(OutputError::refused(
                &target,
                "it does not end in the name of a folder",
                "name a folder, such as `--out release`",
            ));
        };
        let labs = LabsAbove::of(&target);
        // Any file stands for those that are written later, so that nothing is made in vain.
        OutputError::unless_read(&labs, &target, "file")?;
        let parent = parent_of(&target);
        let mut made = Vec::new();
        make_folders(parent, &mut made).map_err(|error| OutputError::disk(parent, &error))?;
        mend(&target, &name);
        let start = || -> io::Result<(TempDir, File)> {
            let folder =
                tempfile::Builder::new().prefix(&staging_prefix(&name)).tempdir_in(parent)?;
            let unlocked = folder.path().join(NEW);
            let lock = File::create(&unlocked)?;
            // If the file system has no locks, leftovers of dead runs are never removed.
            let _ = lock.try_lock();
            // The lock gets its name only once it is held, so that no other run takes this run for
            // dead before.
            fs::rename(unlocked, folder.path().join(LOCK))?;
            fs::create_dir(folder.path().join(NEW))?;
            set_mode(&folder.path().join(NEW), 0o755)?;
            Ok((folder, lock))
        };
        match start() {
            Ok((folder, lock)) => Ok(Self { target, folder, _lock: lock, made, labs }),
            Err(error) => {
                remove_empty(&made);
                Err(OutputError::disk(&target, &error))
            }
        }
    }

    /// Returns how to remove what exists of it, from any thread and while others write.
    pub fn undo(&self) -> Undo {
        let (folder, made) = (self.folder.path().to_owned(), self.made.clone());
        Box::new(move || {
            // Under another name, nobody can add to it while it is removed.
            let _ = fs::rename(folder.join(NEW), folder.join(GONE));
            let _ = fs::remove_dir_all(&folder);
            remove_empty(&made);
        })
    }

    /// Writes a new file, and makes the folders above it.
    pub fn write(&self, path: &str, bytes: &[u8]) -> Result<(), OutputError> {
        OutputError::unless_read(&self.labs, &self.target, path)?;
        let new = self.folder.path().join(NEW);
        let write = || -> io::Result<()> {
            let mut folder = new.clone();
            let (above, _) = path.rsplit_once('/').unwrap_or_default();
            for part in above.split('/').filter(|part| !part.is_empty()) {
                folder.push(part);
                match fs::create_dir(&folder) {
                    Ok(()) => set_mode(&folder, 0o755)?,
                    // Another thread may have made it in the meantime.
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

    /// Moves the folder to its place. The caller has made sure that the current target may be
    /// replaced.
    pub fn commit(mut self) -> Result<(), OutputError> {
        let new = self.folder.path().join(NEW);
        replace(&new, &self.target).map_err(|error| OutputError::disk(&self.target, &error))?;
        // These folders now contain the release, so dropping this must not try to remove them.
        self.made.clear();
        Ok(())
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if !self.made.is_empty() {
            // `TempDir` would do this too, but only after the folders above it have to be empty.
            let _ = fs::remove_dir_all(self.folder.path());
            remove_empty(&self.made);
        }
    }
}

/// Moves `new` to `target`. The current `target`, if there is one, moves to where `new` was.
fn replace(new: &Path, target: &Path) -> io::Result<()> {
    if target.symlink_metadata().is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
        match fs::rename(new, target) {
            // Another run has put a folder there in the meantime, so the two are exchanged below.
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {}
            renamed => return renamed,
        }
    }
    if exchange(new, target).is_ok() {
        return Ok(());
    }
    // Not every file system can exchange two folders. Here the old folder has another name between
    // the two steps, and `mend` finds it under that name after a power cut.
    let aside = aside(target);
    fs::rename(target, &aside)?;
    if let Err(error) = fs::rename(new, target) {
        fs::rename(&aside, target)?;
        return Err(error);
    }
    // The new folder is in place. The next run removes an old one that can't be moved.
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

/// Repairs what interrupted runs left next to the target: moves a folder back that was moved aside,
/// and removes staging folders.
///
/// Failures are ignored, because leftovers must not prevent a build.
fn mend(target: &Path, name: &str) {
    let aside = aside(target);
    if target.symlink_metadata().is_err() {
        let _ = fs::rename(&aside, target);
    } else {
        let _ = fs::remove_dir_all(&aside);
    }
    let prefix = staging_prefix(name);
    let siblings = fs::read_dir(parent_of(target));
    for entry in siblings.into_iter().flatten().flatten() {
        let is_ours = entry
            .file_name()
            .to_str()
            .and_then(|name| name.strip_prefix(&prefix))
            // The folders of a target with a longer name, such as `home-1`, have this prefix too.
            .is_some_and(|rest| !rest.contains('-'));
        // A run that is alive holds the lock.
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
        // Another run did the same at the same time.
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

/// Sets the mode regardless of the umask.
#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

#[cfg(not(unix))]
fn set_mode(_: &Path, _: u32) -> io::Result<()> {
    Ok(())
}
