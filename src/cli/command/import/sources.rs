//! The files that compose files are read from.

#![expect(clippy::disallowed_methods, reason = "compose files belong to no lab")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::import::{
    FileKind, Files, NAMES, Request, file_name, folder_of, join, named_files, override_of,
};

/// The largest file that is read.
const LARGEST: u64 = 16 * 1024 * 1024;

/// How deep compose files are searched for.
const DEEPEST: usize = 8;

/// The most files and folders that are looked at below a folder.
const MOST: usize = 500_000;

/// The disk, and how the caller calls what is on it.
#[derive(Debug, Default)]
pub(super) struct Disk {
    /// Real folders, with the names that the caller gave them.
    named: Vec<(String, String)>,
    /// The files with services that a search of a folder passed over.
    passed: BTreeSet<String>,
    /// Folders that hold nothing for long here, with those that they are taken for on the machine.
    elsewhere: BTreeMap<String, String>,
    /// The files that the caller names by themselves.
    own: Vec<String>,
    /// Whether files outside of the named folders are read.
    everywhere: bool,
}

impl Files for Disk {
    fn read(&self, path: &str) -> Result<String, String> {
        let text = text_of(path)?;
        if self.everywhere || self.is_inside(path) {
            return Ok(text);
        }
        Err("it is outside of the folders that were named, and only `--follow-links` reads it"
            .to_owned())
    }

    fn below(&self, folder: &str, most: usize) -> Option<Vec<String>> {
        let mut found = Vec::new();
        list(Path::new(folder), "", most, 0, &mut found)?;
        Some(found)
    }

    fn kind(&self, path: &str) -> FileKind {
        match fs::metadata(path) {
            Ok(about) if about.is_dir() => FileKind::Folder,
            Ok(_) => FileKind::File,
            Err(_) => FileKind::Missing,
        }
    }
}

fn text_of(path: &str) -> Result<String, String> {
    let about = fs::metadata(path).map_err(|error| error.to_string())?;
    if !about.is_file() {
        return Err("it is not a file".to_owned());
    }
    if about.len() > LARGEST {
        return Err("it is too large".to_owned());
    }
    let bytes = fs::read(path).map_err(|error| error.to_string())?;
    String::from_utf8(bytes).map_err(|_| "it is not text".to_owned())
}

/// Lists the files below a folder, without those of git and of packages; nothing if there are more
/// than `most`.
fn list(folder: &Path, at: &str, most: usize, depth: usize, found: &mut Vec<String>) -> Option<()> {
    let mut entries: Vec<_> = fs::read_dir(folder).ok()?.flatten().collect();
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if at.is_empty() { name.clone() } else { format!("{at}/{name}") };
        let kind = entry.file_type().ok()?;
        if kind.is_dir() && name != ".git" && name != "node_modules" {
            if depth == DEEPEST {
                return None;
            }
            list(&entry.path(), &path, most, depth + 1, found)?;
        } else if kind.is_file() {
            found.push(path);
        }
        if found.len() > most {
            return None;
        }
    }
    Some(())
}

impl Disk {
    /// Reads files of the folders that the caller names, or those `everywhere`.
    pub(super) fn new(everywhere: bool) -> Self {
        Self { everywhere, ..Self::default() }
    }

    /// Returns the projects that files and folders contain.
    pub(super) fn requests(&mut self, paths: &[PathBuf]) -> Result<Vec<Request>, String> {
        let mut requests: Vec<Request> = Vec::new();
        let mut named = Vec::new();
        for path in paths {
            let real = path
                .canonicalize()
                .map_err(|error| format!("can't read `{}`: {error}", path.display()))?;
            let mut found = BTreeSet::new();
            if real.is_dir() {
                self.name(&real, path);
                let mut looked = Looked { depth: 0, left: MOST, passed: BTreeSet::new() };
                search(&real, &mut looked, &mut found, &mut named);
                if looked.left == 0 {
                    return Err(format!(
                        "`{}` has more than {MOST} files and folders: name the folders with the \
                         compose files",
                        path.display()
                    ));
                }
                self.passed.append(&mut looked.passed);
                found.retain(|file| !named.iter().any(|request: &Request| request.has(file)));
            } else {
                let folder = |path: &Path| path.parent().map(Path::to_path_buf).unwrap_or_default();
                self.name(&folder(&real), &folder(path));
                found.insert(real.to_string_lossy().into_owned());
            }
            for file in found {
                Self::add(&file, real.is_dir(), &mut requests);
            }
        }
        for request in &mut requests {
            let overrides = match request.files.as_slice() {
                [only] => override_of(only, self),
                _ => None,
            };
            request.files.extend(overrides);
        }
        requests.extend(named);
        Ok(requests)
    }

    /// Adds a file: to the project of its folder if its name is one that compose looks for, and
    /// else as a project of its own.
    fn add(file: &str, searched: bool, requests: &mut Vec<Request>) {
        let usual = |file: &str| {
            let name = file_name(file);
            name.starts_with("compose.") || name.starts_with("docker-compose.")
        };
        let same = |request: &&mut Request| {
            let first = request.files.first().map(String::as_str).unwrap_or_default();
            usual(first) && usual(file) && folder_of(first) == folder_of(file)
        };
        if let Some(request) = requests.iter_mut().find(same) {
            if !request.files.iter().any(|known| known == file) {
                request.files.push(file.to_owned());
            }
            return;
        }
        let name = if usual(file) {
            file_name(folder_of(file)).to_owned()
        } else {
            file_name(file).split('.').next().unwrap_or_default().to_owned()
        };
        requests.push(Request {
            files: vec![file.to_owned()],
            name,
            searched,
            ..Request::default()
        });
    }

    /// Returns whether a file is in a folder that the caller names, after all links. A compose file
    /// of somebody else may name any file of this computer, such as a key.
    fn is_inside(&self, path: &str) -> bool {
        let Ok(real) = Path::new(path).canonicalize() else { return false };
        let own = self.own.iter().any(|own| real == Path::new(own));
        own || self.named.iter().any(|(folder, _)| real.starts_with(folder))
    }

    fn name(&mut self, real: &Path, called: &Path) {
        let called = called.to_string_lossy().trim_end_matches('/').to_owned();
        self.named.push((real.to_string_lossy().into_owned(), called));
    }

    /// Returns the real path of a file that the caller names.
    pub(super) fn known(&mut self, path: &Path) -> String {
        let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let real = real.to_string_lossy().into_owned();
        self.own.push(real.clone());
        real
    }

    /// Returns a path as the caller would write it.
    pub(super) fn shown(&self, path: &str) -> String {
        for (real, called) in &self.named {
            if let Some(rest) =
                path.strip_prefix(real.as_str()).and_then(|rest| rest.strip_prefix('/'))
            {
                return match called.as_str() {
                    "" | "." => rest.to_owned(),
                    called => format!("{called}/{rest}"),
                };
            }
        }
        path.to_owned()
    }

    /// Lists the folders that are taken for others on the machine.
    pub(super) fn taken_for(&self) -> Vec<(String, String)> {
        let all = self.elsewhere.iter();
        all.map(|(real, own)| (self.shown(real), own.clone())).collect()
    }

    /// Lists the files with services that nothing read, although they are in a folder that was
    /// searched.
    pub(super) fn unread(&self, read: &[String]) -> Vec<String> {
        let unread = self.passed.iter().filter(|path| !read.contains(path));
        unread.map(|path| self.shown(path)).collect()
    }

    /// Returns where the folders are on the machine: there as here, unless the caller says where.
    pub(super) fn moved(&mut self, at: Option<&str>) -> Vec<(String, String)> {
        let mut moved = Vec::new();
        for (real, _) in &self.named {
            let own = kept_at(real);
            if at.is_none() && own != *real {
                self.elsewhere.insert(real.clone(), own.clone());
            }
            moved.push((real.clone(), at.map_or(own, str::to_owned)));
        }
        // The closest folder says most.
        moved.sort_by(|a, b| b.0.len().cmp(&a.0.len()).then_with(|| a.cmp(b)));
        moved.dedup();
        moved
    }
}

/// How far a search has come.
struct Looked {
    depth: usize,
    /// How many files and folders may still be looked at.
    left: usize,
    /// The files with services that it passed over.
    passed: BTreeSet<String>,
}

/// Returns where a folder is on a machine, if nobody says where. What is unpacked for an hour here
/// is no place for data there.
fn kept_at(real: &str) -> String {
    for folder in ["/tmp", "/var/tmp"] {
        match real.strip_prefix(folder) {
            Some("") => return "/opt/stacks".to_owned(),
            Some(below) if below.starts_with('/') => {
                return format!("/opt/stacks/{}", file_name(real));
            }
            _ => {}
        }
    }
    real.to_owned()
}

/// Finds the compose files below a folder, and the projects whose files a `.env` names. Where no
/// file has a usual name, every YAML file with services is one.
fn search(
    folder: &Path,
    looked: &mut Looked,
    found: &mut BTreeSet<String>,
    named: &mut Vec<Request>,
) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let entries = entries.flatten().take(looked.left);
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    looked.left -= paths.len();
    paths.sort();
    let usual = NAMES.iter().map(|name| folder.join(name)).find(|path| path.is_file());
    let own = folder.to_string_lossy();
    let env = join(&own, ".env");
    let files = named_files(&text_of(&env).unwrap_or_default());
    let yaml = paths.iter().filter(|path| {
        let end = path.extension().and_then(|end| end.to_str()).unwrap_or_default();
        matches!(end, "yml" | "yaml") && path.is_file()
    });
    let has_services = |path: &String| {
        let text = text_of(path).unwrap_or_default();
        text.lines().any(|line| line.trim_end() == "services:")
    };
    let with_services = yaml.map(|path| path.to_string_lossy().into_owned()).filter(has_services);
    if !files.is_empty() {
        named.push(Request {
            files: files.iter().map(|file| join(&own, file)).collect(),
            name: file_name(&own).to_owned(),
            env: vec![env],
            searched: true,
            ..Request::default()
        });
    } else if let Some(path) = usual {
        found.insert(path.to_string_lossy().into_owned());
        looked.passed.extend(with_services);
    } else {
        found.extend(with_services);
    }
    for path in paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        // A link may lead back to a folder that is searched already.
        let below = !name.starts_with('.') && name != "node_modules" && !path.is_symlink();
        if below && path.is_dir() && looked.depth < DEEPEST && looked.left > 0 {
            looked.depth += 1;
            search(&path, looked, found, named);
            looked.depth -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_ends() {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["a/b", "c", "d"] {
            fs::create_dir_all(folder.path().join(name)).expect("a folder");
            fs::write(folder.path().join(name).join("compose.yaml"), "").expect("a file");
        }
        for (most, ends, files) in [(100, false, 3), (7, true, 3), (3, true, 0)] {
            let (mut looked, mut found) =
                (Looked { depth: 0, left: most, passed: BTreeSet::new() }, BTreeSet::new());
            search(folder.path(), &mut looked, &mut found, &mut Vec::new());
            assert_eq!((looked.left == 0, found.len()), (ends, files), "{most}");
        }
    }
}
