//! Reads a lab from a revision of a git repository, through the user's own git. Nothing is checked
//! out, and git is asked for objects alone, so no filter, hook or text conversion of the repository
//! runs.

#![expect(clippy::disallowed_methods, reason = "asks the user's git for files of a revision")]

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::load::layer_of;
use crate::source::{SourceFile, Sources};

/// The most bytes that a source may have; the same as in a folder.
const LARGEST: usize = 16 * 1024 * 1024;

/// The most files that a lab may have; the same as in a folder.
const MOST: usize = 50_000;

/// The most bytes that the target of a link may have, as for the kernel.
const LONGEST_LINK: usize = 4096;

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
    let tree = tree(folder, revision)?;
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
    }
    if !wanted.contains_key("lab.kdl") {
        let folder = folder.display();
        return Err(format!("`{folder}` has no `lab.kdl` at `{revision}`"));
    }
    if wanted.len() > MOST {
        return Err(format!("the lab has more than {MOST} files at `{revision}`"));
    }
    // Before anything is read, so that a large file takes no memory.
    if let Some((path, entry)) = wanted.iter().find(|(_, entry)| entry.size > LARGEST) {
        let size = entry.size;
        return Err(format!("`{path}` has {size} bytes, the most is {LARGEST}"));
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

/// Lists what is below the folder at a revision, by path from there.
fn tree(folder: &Path, revision: &str) -> Result<BTreeMap<String, Entry>, String> {
    // This follows a tag to its commit, and refuses a file or a tree.
    let commit = format!("{revision}^{{commit}}");
    // `--end-of-options` keeps git from taking a revision such as `--all` for an option.
    let commit = git(folder, &["rev-parse", "--verify", "--quiet", "--end-of-options", &commit])
        .map_err(|problem| match problem.as_str() {
            // With `--quiet`, git says nothing of an unknown revision. Other problems have words.
            "" => format!("`{revision}` is not a revision of the repository"),
            _ => problem,
        })?;
    let commit = String::from_utf8_lossy(&commit).trim().to_owned();
    // Run in the lab's folder, git lists only what is below it, by paths from there.
    // Without `-z`, it would quote unusual names.
    let listed = git(folder, &["ls-tree", "-r", "-z", "--long", &commit])?;
    let mut tree = BTreeMap::new();
    for line in listed.split(|byte| *byte == 0).filter(|line| !line.is_empty()) {
        let line = String::from_utf8_lossy(line);
        let (head, path) = line.split_once('\t').ok_or("git lists a tree in an unknown way")?;
        let mut words = head.split_ascii_whitespace();
        if let (Some(mode), Some(_), Some(object)) = (words.next(), words.next(), words.next()) {
            // A submodule has no size.
            let size = words.next().and_then(|size| size.parse().ok()).unwrap_or_default();
            let entry = Entry { mode: mode.to_owned(), object: object.to_owned(), size };
            tree.insert(path.to_owned(), entry);
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
    let to = join(link, &target).ok_or_else(lost)?;
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
