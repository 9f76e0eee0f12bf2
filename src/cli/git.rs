//! Reads a lab from a revision of a git repository, through the user's own git. Nothing is checked
//! out, and git is asked for objects alone, so no filter, hook or text conversion of the repository
//! runs.

#![expect(clippy::disallowed_methods, reason = "asks the user's git for files of a revision")]

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::load::{is_left_out, layer_of};
use crate::source::{SourceFile, Sources};

/// The most bytes that a source may have; the same as in a folder.
const LARGEST: usize = 16 * 1024 * 1024;

/// The most files that a lab may have; the same as in a folder.
const MOST: usize = 50_000;

/// The most bytes that all files of a lab may have. One object may be in a tree many times.
const ALL: usize = 512 * 1024 * 1024;

/// The most bytes that the target of a link may have, as for the kernel.
const LONGEST_LINK: usize = 4096;

/// The file that makes a folder a lab.
const LAB: &str = "lab.kdl";

/// The most folders that are named of those that have a lab at a revision.
const NAMED: usize = 3;

/// How many links are followed one after another.
const LINKS: usize = 40;

/// An entry of a tree.
struct Entry {
    mode: String,
    object: String,
    size: usize,
}

/// Reads the lab in `folder` as it is at a revision, and joins it with the standard library.
pub fn read_lab(folder: &Path, revision: &str) -> Result<Sources, String> {
    let (folder, below) = existing(folder);
    let commit = commit(folder, revision)?;
    let mut tree = tree(folder, &commit, &below)?;
    if !tree.contains_key(LAB) {
        tree = moved(folder, &commit)?.ok_or_else(|| {
            let named = if below.as_os_str().is_empty() { folder } else { &folder.join(&below) };
            let others = elsewhere(folder, &commit).unwrap_or_default();
            let others: Vec<String> =
                others.iter().take(NAMED).map(|other| format!("`{other}`")).collect();
            let place = named.display();
            match others.as_slice() {
                [] => format!("`{place}` has no `lab.kdl` at `{revision}`"),
                some => {
                    let some = some.join(", ");
                    format!(
                        "`{place}` has no `lab.kdl` at `{revision}`, but there is one in {some}"
                    )
                }
            }
        })?;
    }
    let mut wanted: BTreeMap<String, &Entry> = BTreeMap::new();
    for (path, entry) in &tree {
        // A link to a folder brings in what is below it.
        match entry.mode.as_str() {
            "120000" => {
                for (name, entry) in follow(folder, &tree, path, LINKS)? {
                    if layer_of(&name).is_some() {
                        wanted.insert(name, entry);
                    }
                }
            }
            _ if layer_of(path).is_some() => {
                wanted.insert(path.clone(), entry);
            }
            _ => {}
        }
        // Many links may lead to a folder with many files.
        if wanted.len() > MOST {
            return Err(format!("the lab has more than {MOST} files at `{revision}`"));
        }
    }
    // Before anything is read, so that a large file takes no memory.
    if let Some((path, entry)) = wanted.iter().find(|(_, entry)| entry.size > LARGEST) {
        let size = entry.size;
        return Err(format!("`{path}` has {size} bytes, the most is {LARGEST}"));
    }
    let all = wanted.values().fold(0_usize, |sum, entry| sum.saturating_add(entry.size));
    if all > ALL {
        return Err(format!("the lab has {all} bytes at `{revision}`, the most is {ALL}"));
    }
    let objects: Vec<&str> = wanted.values().map(|entry| entry.object.as_str()).collect();
    let mut files = Vec::with_capacity(wanted.len());
    for (path, bytes) in wanted.keys().zip(read(folder, &objects)?) {
        let text = String::from_utf8(bytes)
            .map_err(|_| format!("`{path}` is not UTF-8 text at `{revision}`"))?;
        if let Some(layer) = layer_of(path) {
            files.push(SourceFile { path: path.clone(), text, layer });
        }
    }
    Ok(Sources::with_standard_library(files))
}

/// Parts a folder into what of it exists and the rest, since git runs in folders that exist alone.
fn existing(folder: &Path) -> (&Path, PathBuf) {
    let found = folder.ancestors().find(|above| above.is_dir());
    let found = found.unwrap_or_else(|| Path::new("."));
    let below = folder.strip_prefix(found).unwrap_or(folder).to_owned();
    (found, below)
}

/// Lists the lab of a revision that is in another folder now: the only one, in a folder that no
/// longer has one.
fn moved(folder: &Path, commit: &str) -> Result<Option<BTreeMap<String, Entry>>, String> {
    let others = elsewhere(folder, commit)?;
    let [only] = others.as_slice() else { return Ok(None) };
    let top = git(folder, &["rev-parse", "--show-toplevel"])?;
    let top = PathBuf::from(String::from_utf8_lossy(&top).trim_end());
    if top.join(only).join(LAB).exists() {
        return Ok(None);
    }
    tree(&top, commit, Path::new(only)).map(Some)
}

/// Lists the folders of the repository that have a `lab.kdl` at a revision.
fn elsewhere(folder: &Path, commit: &str) -> Result<Vec<String>, String> {
    let listed = git(folder, &["ls-tree", "-r", "-z", "--name-only", "--full-tree", commit])?;
    let paths = listed.split(|byte| *byte == 0).map(String::from_utf8_lossy);
    let folders = paths.filter_map(|path| {
        let folder = path.strip_suffix(LAB)?;
        (folder.is_empty() || folder.ends_with('/')).then(|| match folder.trim_end_matches('/') {
            "" => ".".to_owned(),
            folder => folder.to_owned(),
        })
    });
    Ok(folders.collect())
}

/// Finds the commit that a revision names.
fn commit(folder: &Path, revision: &str) -> Result<String, String> {
    // This follows a tag to its commit, and refuses a file or a tree.
    let commit = format!("{revision}^{{commit}}");
    // `--end-of-options` keeps git from taking a revision such as `--all` for an option.
    let commit = git(folder, &["rev-parse", "--verify", "--quiet", "--end-of-options", &commit])
        .map_err(|problem| match problem.as_str() {
            // With `--quiet`, git says nothing of an unknown revision. Other problems have words.
            "" if revision == "HEAD" => "the repository has no commit yet".to_owned(),
            "" => format!("`{revision}` is not a revision of the repository"),
            _ => problem,
        })?;
    Ok(String::from_utf8_lossy(&commit).trim().to_owned())
}

/// Lists what a commit has below a folder, by path from there. `folder` exists; `below` may not.
fn tree(folder: &Path, commit: &str, below: &Path) -> Result<BTreeMap<String, Entry>, String> {
    // Run in the lab's folder, git lists only what is below it, by paths from there.
    // Without `-z`, it would quote unusual names.
    let listed = git(folder, &["ls-tree", "-r", "-z", "--long", commit])?;
    let mut tree = BTreeMap::new();
    for line in listed.split(|byte| *byte == 0).filter(|line| !line.is_empty()) {
        let line = String::from_utf8_lossy(line);
        let (head, path) = line.split_once('\t').ok_or("git lists a tree in an unknown way")?;
        let mut words = head.split_ascii_whitespace();
        if let (Some(mode), Some(_), Some(object)) = (words.next(), words.next(), words.next()) {
            // A submodule has no size.
            let size = words.next().and_then(|size| size.parse().ok()).unwrap_or_default();
            let entry = Entry { mode: mode.to_owned(), object: object.to_owned(), size };
            if let Ok(path) = Path::new(path).strip_prefix(below) {
                tree.insert(path.to_string_lossy().into_owned(), entry);
            }
        }
    }
    Ok(tree)
}

/// Lists the files that a link leads to, by the names that they have through it.
fn follow<'t>(
    folder: &Path,
    tree: &'t BTreeMap<String, Entry>,
    link: &str,
    left: usize,
) -> Result<Vec<(String, &'t Entry)>, String> {
    let lost = || format!("the link `{link}` leads out of the lab at that revision");
    let fits = |entry: &&Entry| left > 0 && entry.size <= LONGEST_LINK;
    let entry = tree.get(link).filter(fits).ok_or_else(lost)?;
    let target = read(folder, &[entry.object.as_str()])?.pop().unwrap_or_default();
    let target = String::from_utf8_lossy(&target).into_owned();
    // As in a folder, what is left out of the lab does not come back by a link.
    let to = join(link, &target).filter(|to| !is_left_out(to)).ok_or_else(lost)?;
    if let Some(file) = tree.get(&to) {
        if file.mode == "120000" {
            let found = follow(folder, tree, &to, left - 1)?;
            let renamed = found.into_iter().map(|(name, entry)| {
                (format!("{link}{}", name.strip_prefix(&to).unwrap_or_default()), entry)
            });
            return Ok(renamed.collect());
        }
        return Ok(vec![(link.to_owned(), file)]);
    }
    let below = format!("{to}/");
    let found: Vec<(String, &Entry)> = tree
        .range(below.clone()..)
        .take_while(|(path, _)| path.starts_with(&below))
        .filter_map(|(path, entry)| Some((format!("{link}/{}", path.strip_prefix(&below)?), entry)))
        .collect();
    if found.is_empty() && layer_of(link).is_some() { Err(lost()) } else { Ok(found) }
}

/// Follows `target` from the folder of `link`; nothing when that leads out of the lab.
fn join(link: &str, target: &str) -> Option<String> {
    let mut parts: Vec<&str> = link.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "" if target.starts_with('/') => return None,
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// Reads objects, all by one process.
fn read(folder: &Path, objects: &[&str]) -> Result<Vec<Vec<u8>>, String> {
    let mut child = command(folder)
        .args(["cat-file", "--batch"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| no_git(&error))?;
    let asked: String = objects.iter().map(|object| format!("{object}\n")).collect();
    let stdin = child.stdin.take();
    // Git answers while it reads, and waits when nobody listens.
    let writer = std::thread::spawn(move || stdin.map(|mut pipe| pipe.write_all(asked.as_bytes())));
    let mut answer = Vec::new();
    let read = child.stdout.take().map(|mut pipe| pipe.read_to_end(&mut answer));
    let ended = child.wait().map_err(|error| no_git(&error))?;
    drop(writer.join());
    if !ended.success() || !matches!(read, Some(Ok(_))) {
        return Err("git can't read the files of that revision".to_owned());
    }
    let mut rest = answer.as_slice();
    objects.iter().map(|_| blob(&mut rest)).collect()
}

/// Takes one object from the answer of `cat-file --batch`.
fn blob(rest: &mut &[u8]) -> Result<Vec<u8>, String> {
    let broken = || "git answers in an unknown way".to_owned();
    let end = rest.iter().position(|byte| *byte == b'\n').ok_or_else(broken)?;
    let (head, behind) = rest.split_at_checked(end).ok_or_else(broken)?;
    let head = String::from_utf8_lossy(head);
    if head.ends_with(" missing") {
        return Err("the repository does not hold the files of that revision".to_owned());
    }
    let size: usize =
        head.rsplit(' ').next().and_then(|size| size.parse().ok()).ok_or_else(broken)?;
    let behind = behind.get(1..).ok_or_else(broken)?;
    let (bytes, after) = behind.split_at_checked(size).ok_or_else(broken)?;
    // git writes a newline after each object, which is not part of it.
    *rest = after.get(1..).ok_or_else(broken)?;
    Ok(bytes.to_vec())
}

fn git(folder: &Path, arguments: &[&str]) -> Result<Vec<u8>, String> {
    let Output { status, stdout, stderr } =
        command(folder).args(arguments).output().map_err(|error| no_git(&error))?;
    if status.success() {
        return Ok(stdout);
    }
    let said = String::from_utf8_lossy(&stderr);
    Err(said.lines().next().unwrap_or_default().trim_start_matches("fatal: ").to_owned())
}

fn command(folder: &Path) -> Command {
    let mut command = Command::new("git");
    // A partial clone must not fetch, and no question may be asked.
    command.arg("-C").arg(folder).env("GIT_NO_LAZY_FETCH", "1").env("GIT_TERMINAL_PROMPT", "0");
    command
}

fn no_git(error: &std::io::Error) -> String {
    format!("can't run `git`: {error}")
}
