//! Reads a lab's folder.
//!
//! A lab consists of every `*.kdl` file below its folder, every file below its `modules/`, and
//! `labwright.lock`. Names that begin with a dot are left out, because they belong to editors and
//! git. So are the folders `outputs`, `snapshots` and `target` directly in the lab's folder,
//! because they contain what is built. Nothing is read twice.
//!
//! A link may lead to what belongs to the lab. Other links are followed only if the caller asks for
//! that: git carries links, and what they lead to ends up in a bundle.

#![expect(clippy::disallowed_methods, reason = "the one place that reads a lab from the disk")]

pub mod codes;

use std::collections::BTreeMap;
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::source::{LOCK_FILE, Layer, SourceFile, Sources};

/// The largest size of a source file, in bytes.
const LARGEST: u64 = 16 * 1024 * 1024;

/// The most names below a lab's folder. A link to a whole disk has more.
const MOST_NAMES: usize = 50_000;

/// The file that makes a folder a lab.
pub const ROOT_FILE: &str = "lab.kdl";

/// The folders in a lab's folder that contain what is made from it.
const MADE: [&str; 3] = ["outputs", "snapshots", "target"];

/// The reasons why a lab's folder can't be read.
#[derive(Debug)]
pub struct Unreadable {
    /// Every fault.
    pub diagnostics: Diagnostics,
    /// Whether the disk is at fault for some of it, rather than the lab.
    pub outside: bool,
}

/// The links that are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Links {
    /// Those that lead to something that belongs to the lab.
    Inside,
    /// Every link, wherever it leads.
    Everywhere,
}

/// Reads the lab in `folder` and adds the standard library. Links must stay inside the lab.
pub fn read_lab(folder: &Path) -> Result<Sources, Unreadable> {
    read_lab_with(folder, Links::Inside)
}

/// Reads the lab in `folder`, following `links`, and adds the standard library.
pub fn read_lab_with(folder: &Path, links: Links) -> Result<Sources, Unreadable> {
    let mut faults = Faults::default();
    let found = list(folder, links, &mut faults);
    check_names(&found, &mut faults);
    if faults.is_empty() && !found.contains_key(ROOT_FILE) || !faults.outside && !has_root(folder) {
        return Err(without_root(folder, &found));
    }
    let files: Vec<SourceFile> =
        found.iter().filter_map(|(name, seen)| read_file(name, seen, &mut faults)).collect();
    // A second look shows whether all files that were read existed at the same time.
    if faults.is_empty() {
        let again = list(folder, links, &mut faults);
        let changed =
            found.iter().find(|(name, seen)| again.get(*name) != Some(seen)).map(|(name, _)| name);
        if let Some(name) = changed.or_else(|| again.keys().find(|name| !found.contains_key(*name)))
        {
            faults.changed(name);
        }
    }
    if !faults.is_empty() {
        return Err(Unreadable { diagnostics: faults.diagnostics, outside: faults.outside });
    }
    Ok(Sources::with_standard_library(files))
}

/// Returns whether a folder has what may be meant as a `lab.kdl`, such as a `LAB.KDL`.
fn has_root(folder: &Path) -> bool {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names = entries.map(|entry| entry.file_name());
    names.any(|name| name.eq_ignore_ascii_case(ROOT_FILE))
}

/// Says that a folder is no lab. What is wrong with files below it does not matter then.
fn without_root(folder: &Path, found: &BTreeMap<String, Seen>) -> Unreadable {
    let below = found.keys().find_map(|name| name.strip_suffix(ROOT_FILE)?.strip_suffix('/'));
    let example = below.map_or_else(String::new, |below| format!(", such as `{below}`"));
    let mut faults = Faults::default();
    faults.lab(
        &codes::LAB_WITHOUT_LAB_KDL,
        format!("`{}` has no `{ROOT_FILE}`", folder.display()),
        &format!("name the lab's folder{example}, or write a `{ROOT_FILE}` in this one"),
    );
    Unreadable { diagnostics: faults.diagnostics, outside: false }
}

/// Returns the layer of the file `name`, a path below the lab's folder, or nothing if the file does
/// not belong to the lab.
pub fn layer_of(name: &str) -> Option<Layer> {
    let extension = name.rsplit_once('.').map(|(_, extension)| extension);
    match name {
        _ if is_left_out(name) => None,
        _ if name.starts_with("modules/") => Some(Layer::Site),
        _ if extension == Some("kdl") || name == LOCK_FILE => Some(Layer::Lab),
        _ => None,
    }
}

/// Returns the first file in KDL that a lab in `folder`, which need not exist, would read.
pub fn source_below(folder: &Path) -> Option<String> {
    let found = list(folder, Links::Inside, &mut Faults::default());
    let is_kdl = |name: &str| name.rsplit_once('.').is_some_and(|(_, end)| end == "kdl");
    found.into_keys().find(|name| layer_of(name).is_some() && is_kdl(name))
}

/// Returns whether a file in `folder`, which need not exist, would belong to the lab in `lab`.
pub fn would_be_read(lab: &Path, folder: &Path) -> bool {
    let folder = real_path(folder);
    let of_lab = |at: &str, name: String| {
        let top = lab.join(at).canonicalize().ok()?;
        let below = folder.strip_prefix(top).ok()?;
        layer_of(&format!("{name}{}/file", below.display()))
    };
    // The modules may be a link to another folder.
    of_lab("", String::new()).or_else(|| of_lab("modules", "modules/".to_owned())).is_some()
}

/// The labs that a folder lies in. What is written to it may become a part of them.
#[derive(Debug, Default)]
pub struct LabsAbove(Vec<(PathBuf, String)>);

impl LabsAbove {
    /// Looks for the labs above a folder, which need not exist. A lab in the folder itself does not
    /// count.
    pub fn of(folder: &Path) -> Self {
        let folder = real_path(folder);
        let above = folder.ancestors().skip(1).filter(|above| above.join(ROOT_FILE).is_file());
        let labs = above.filter_map(|lab| {
            let below = folder.strip_prefix(lab).ok()?;
            // What has no name in UTF-8 is refused as a source.
            Some((lab.to_owned(), below.to_string_lossy().into_owned()))
        });
        Self(labs.collect())
    }

    /// Returns the lab that would read a file, by its path below the folder.
    pub fn reader(&self, name: &str) -> Option<&Path> {
        let reads = |below: &str| layer_of(&format!("{below}/{name}")).is_some();
        self.0.iter().find(|(_, below)| reads(below)).map(|(lab, _)| lab.as_path())
    }
}

/// Follows the links of a path as far as it exists.
pub fn real_path(path: &Path) -> PathBuf {
    for above in path.ancestors() {
        let real = if above.as_os_str().is_empty() { Path::new(".") } else { above }.canonicalize();
        if let (Ok(mut real), Ok(below)) = (real, path.strip_prefix(above)) {
            for part in below.components() {
                match part {
                    Component::ParentDir => {
                        real.pop();
                    }
                    part => real.push(part),
                }
            }
            return real;
        }
    }
    path.to_owned()
}

/// Returns whether a name below a lab's folder is of nothing that belongs to the lab.
pub fn is_left_out(name: &str) -> bool {
    name.split('/').any(|part| part.starts_with('.'))
        || name.split('/').next().is_some_and(|first| MADE.contains(&first))
}

/// A file to read, in the state in which it was listed.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    path: PathBuf,
    size: u64,
    modified: Option<Duration>,
}

/// Lists the lab's files, by their names in the release.
fn list(folder: &Path, links: Links, faults: &mut Faults) -> BTreeMap<String, Seen> {
    let mut found = BTreeMap::new();
    let real = folder.canonicalize().ok().filter(|_| links == Links::Inside);
    let mut real_folders = BTreeMap::new();
    let mut waiting = vec![String::new()];
    let mut names = 0;
    while let Some(name) = waiting.pop() {
        let path = if name.is_empty() { folder.to_owned() } else { folder.join(&name) };
        let mut below = match enter(&path, &name, &mut real_folders, faults) {
            Ok(entries) => entries,
            Err(error) => {
                faults.disk(&path.display().to_string(), &error);
                continue;
            }
        };
        names += below.len();
        if names > MOST_NAMES {
            let message = format!("the lab's folder has more than {MOST_NAMES} names");
            let help = "name the folder of the lab itself, and remove links to other folders";
            faults.lab(&codes::SOURCE_TOO_LARGE, message, help);
            break;
        }
        below.sort_unstable();
        // `waiting` is a stack, so the reverse order visits folders in the order of their names.
        for entry in below.into_iter().rev() {
            let below = (folder, real.as_deref(), name.as_str());
            sort_in(below, &entry, &mut found, &mut waiting, faults);
        }
    }
    found
}

/// Lists the names in a folder, or none if the folder was listed under another name.
fn enter(
    path: &Path,
    name: &str,
    real_folders: &mut BTreeMap<PathBuf, String>,
    faults: &mut Faults,
) -> io::Result<Vec<std::ffi::OsString>> {
    if let Some(first) = real_folders.insert(path.canonicalize()?, name.to_owned()) {
        let first = if first.is_empty() { "the lab's folder" } else { &format!("`{first}`") };
        faults.lab(
            &codes::FOLDER_READ_TWICE,
            format!("`{name}` and {first} are the same folder"),
            "remove the link",
        );
        return Ok(Vec::new());
    }
    let entries = std::fs::read_dir(path)?;
    entries.map(|entry| Ok(entry?.file_name())).collect()
}

/// Decides whether a name in a folder is a folder to list, a file to read, or does not belong to
/// the lab.
///
/// The folder is given as the lab's folder, its real path if links must stay inside it, and the
/// name below it.
fn sort_in(
    (folder, real, parent): (&Path, Option<&Path>, &str),
    entry: &std::ffi::OsStr,
    found: &mut BTreeMap<String, Seen>,
    waiting: &mut Vec<String>,
    faults: &mut Faults,
) {
    let text = entry.to_string_lossy();
    let name =
        if parent.is_empty() { text.clone().into_owned() } else { format!("{parent}/{text}") };
    // This comes before the disk is asked, so nothing that is left out can be at fault.
    if is_left_out(&name) {
        return;
    }
    let path = if parent.is_empty() { folder.join(entry) } else { folder.join(parent).join(entry) };
    let metadata = path.metadata();
    let is_folder = metadata.as_ref().is_ok_and(Metadata::is_dir);
    if !is_folder && layer_of(&name).is_none() {
        if Path::new(&name)
            .extension()
            .is_some_and(|extension| extension.eq_ignore_ascii_case("kdl"))
        {
            faults.lab(
                &codes::SOURCE_NAME_NOT_PORTABLE,
                format!("`{name}` does not end in `.kdl`"),
                "rename it",
            );
        }
        return;
    }
    if entry.to_str().is_none()
        || text.contains(|character: char| character.is_control() || character == '\\')
    {
        let message = format!("not every system can hold the name `{}`", name.escape_debug());
        faults.lab(&codes::SOURCE_NAME_NOT_PORTABLE, message, "rename it");
        return;
    }
    if real.is_some_and(|real| leads_out(&path, real)) {
        faults.lab(
            &codes::LINK_LEAVES_LAB,
            format!("`{name}` is a link to something that does not belong to the lab"),
            "put a copy in its place, or pass `--follow-links` if you trust every link in the \
             folder",
        );
        return;
    }
    match metadata {
        Err(error) => faults.disk(&path.display().to_string(), &error),
        Ok(_) if is_folder => waiting.push(name),
        Ok(metadata) if metadata.is_file() => {
            let modified =
                metadata.modified().ok().map(|time| match time.duration_since(UNIX_EPOCH) {
                    Ok(since) => since,
                    // Only a change of the time matters, so a time before 1970 may lose its sign.
                    Err(before) => before.duration(),
                });
            found.insert(name, Seen { path, size: metadata.len(), modified });
        }
        Ok(_) => {
            let message = format!("`{name}` is not a regular file");
            faults.lab(
                &codes::SOURCE_NOT_A_FILE,
                message,
                "remove it, or move it out of the lab's folder",
            );
        }
    }
}

/// Returns whether a path is a link to something outside the lab's folder, or in a part of it that
/// does not belong to the lab, such as `.git`.
fn leads_out(path: &Path, real: &Path) -> bool {
    if !path.is_symlink() {
        return false;
    }
    // A link that leads nowhere can't be read anyway.
    path.canonicalize().is_ok_and(|target| match target.strip_prefix(real) {
        Ok(inside) => is_left_out(&inside.to_string_lossy()),
        Err(_) => true,
    })
}

fn check_names(found: &BTreeMap<String, Seen>, faults: &mut Faults) {
    let mut folded = BTreeMap::new();
    for name in found.keys() {
        // The file systems of macOS and Windows take such names for the same file.
        if let Some(other) = folded.insert(name.to_lowercase(), name) {
            let message = format!("`{other}` and `{name}` differ only by case");
            faults.lab(&codes::SOURCE_NAMES_COLLIDE, message, "rename one of them");
        }
    }
}

fn read_file(name: &str, seen: &Seen, faults: &mut Faults) -> Option<SourceFile> {
    if seen.size > LARGEST {
        faults.lab(
            &codes::SOURCE_TOO_LARGE,
            format!("`{name}` has {} bytes; the limit is {LARGEST}", seen.size),
            "split it, or move it away",
        );
        return None;
    }
    let mut bytes = Vec::with_capacity(usize::try_from(seen.size).unwrap_or(0) + 1);
    // A file that grows in the meantime is read only as far as necessary to notice that.
    let read =
        File::open(&seen.path).and_then(|file| file.take(seen.size + 1).read_to_end(&mut bytes));
    match read {
        Err(error) => faults.disk(&seen.path.display().to_string(), &error),
        Ok(length) if length as u64 != seen.size => faults.changed(name),
        Ok(_) => match String::from_utf8(bytes) {
            Ok(text) => {
                return layer_of(name).map(|layer| SourceFile {
                    path: name.to_owned(),
                    text,
                    layer,
                });
            }
            Err(error) => {
                let message = format!(
                    "`{name}` is not UTF-8 text: byte {} is wrong",
                    error.utf8_error().valid_up_to()
                );
                faults.lab(
                    &codes::SOURCE_NOT_TEXT,
                    message,
                    "save it as UTF-8; move files that are not text out of `modules/`",
                );
            }
        },
    }
    None
}

/// The faults of a folder.
#[derive(Default)]
struct Faults {
    diagnostics: Diagnostics,
    outside: bool,
}

impl Faults {
    fn is_empty(&self) -> bool {
        self.diagnostics.is_empty()
    }

    fn lab(&mut self, code: &'static Code, message: String, help: &str) {
        self.diagnostics.push(Diagnostic::lab(code, message).help(help));
    }

    fn disk(&mut self, path: &str, error: &io::Error) {
        self.outside = true;
        let help = match error.kind() {
            io::ErrorKind::NotFound => {
                "name a folder that exists, and remove links that lead nowhere"
            }
            io::ErrorKind::NotADirectory => "name the folder that holds `lab.kdl`",
            io::ErrorKind::PermissionDenied => {
                "make it readable, or move it out of the lab's folder"
            }
            _ => {
                "check that no link leads to itself and that the disk works, then run the command \
                 again"
            }
        };
        self.lab(&codes::SOURCE_UNREADABLE, format!("can't read `{path}`: {error}"), help);
    }

    fn changed(&mut self, name: &str) {
        self.outside = true;
        let message = format!("`{name}` changed while the lab was read");
        self.lab(
            &codes::SOURCE_CHANGED_WHILE_READ,
            message,
            "run the command again when nothing writes to the folder",
        );
    }
}
