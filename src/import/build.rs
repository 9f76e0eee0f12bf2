//! Takes the folders that images are built from into the lab, where they travel to the machine.

use super::files::{FileKind, file_name, join};
use super::kdl::{Line, line};
use super::ledger::At;
use super::stack::{Around, Stack};
use super::words;
use crate::bundle::names::LONGEST;
use crate::decl::types::Type;

/// The most files of a folder, and the most bytes of them together.
const MOST: usize = 300;
const LARGEST: usize = 2 << 20;

/// The keys of `build` that a lab has words for.
const KNOWN: &[&str] = &["context", "dockerfile", "dockerfile_inline", "args", "target"];

/// Converts `build`. Says why it can't.
pub fn build(
    at: &At<'_>,
    name: &str,
    container: &str,
    stack: &mut Stack,
    around: &mut Around<'_>,
) -> Result<Line, String> {
    let text = |key: &str| at.get(key).and_then(|at| at.text()).map(str::to_owned);
    let context = text("context").ok_or("it names no folder")?;
    if context.contains("://") || context.starts_with("git@") {
        return Err("its files are in a repository of git".to_owned());
    }
    for key in ["additional_contexts", "secrets", "ssh"] {
        if at.get(key).is_some() {
            return Err(format!("a lab has nothing for `{key}`"));
        }
    }
    let known = stack.built.get(&context).cloned();
    let inline = text("dockerfile_inline");
    let taken = |stack: &Stack, wanted: &str| {
        let below = format!("{wanted}/");
        stack.files.iter().any(|(name, _)| name.starts_with(&below))
    };
    // The text of `dockerfile_inline` becomes a file in the folder, so no other build shares it.
    let known = known.filter(|_| inline.is_none());
    let is_new = known.is_none();
    let folder = if let Some(folder) = known {
        folder
    } else {
        let own = format!("{container}-build");
        let folder = if taken(stack, "build") { own } else { "build".to_owned() };
        let (mut files, left) = files(&context, around)?;
        if let Some(text) = &inline {
            files.retain(|(name, _)| name != "Dockerfile");
            files.push(("Dockerfile".to_owned(), text.clone()));
        } else {
            stack.built.insert(context.clone(), folder.clone());
        }
        if !left.is_empty() {
            let left = left.iter().take(3).cloned().collect::<Vec<_>>().join("`, `");
            let finding = format!("`{name}`: `{left}` of the folder that it is built from stays");
            around.lab.findings.push((at.node.place, finding));
        }
        stack
            .files
            .extend(files.into_iter().map(|(path, text)| (format!("{folder}/{path}"), text)));
        folder
    };
    if let Some(path) = too_long(&folder, container, stack, around) {
        if is_new {
            stack.forget(&folder, &context);
        }
        return Err(format!("the path of its file `{path}` is too long for a bundle"));
    }
    let mut node = line("build").arg(folder.as_str());
    let dockerfile = text("dockerfile").filter(|_| inline.is_none());
    let dockerfile = join("", &dockerfile.unwrap_or_else(|| "Dockerfile".to_owned()));
    let dockerfile = dockerfile.trim_start_matches('/').to_owned();
    if !stack.files.iter().any(|(name, _)| *name == format!("{folder}/{dockerfile}")) {
        if is_new {
            stack.forget(&folder, &context);
        }
        return Err(format!("there is no `{dockerfile}` in its folder"));
    }
    if dockerfile != "Dockerfile" {
        node = node.prop("dockerfile", dockerfile.as_str());
    }
    if let Some(target) = text("target").filter(|target| words::accepted(Type::Word, target)) {
        node = node.prop("target", target.as_str());
    }
    for (name, value) in at.get("args").iter().flat_map(At::entries) {
        match value.text() {
            Some(_) if !words::accepted(Type::Variable, name) => {
                around.ledger.lost(&value, "it is not the name of an argument");
            }
            Some(text) if around.secrets.hides(text) => {
                around.ledger.lost(&value, "an image shows its arguments to everybody");
            }
            Some(text) => node = node.child(line("arg").arg(name).arg(text)),
            None => around.ledger.lost(&value, "its value is that of a variable of the shell"),
        }
    }
    for (_, other) in at.entries().filter(|(key, _)| !KNOWN.contains(key)) {
        around.ledger.lost(&other, "a build of a lab has no such setting");
    }
    around.ledger.changed(at, format!("build, of the folder `{folder}` of the module"));
    Ok(node)
}

/// Finds a file of a folder whose path in the bundle would be longer than a bundle's may be.
fn too_long(folder: &str, container: &str, stack: &Stack, around: &Around<'_>) -> Option<String> {
    let (service, container) = (stack.service.as_str(), stack.container_name(container));
    let below = format!("{folder}/");
    let mut paths = stack.files.iter().filter_map(|(name, _)| name.strip_prefix(&below));
    let length = |path: &str| {
        let own = format!("/payload/{service}/build/{container}/{path}");
        around.lab.bundle + own.len()
    };
    paths.find(|path| length(path) > LONGEST).map(str::to_owned)
}

/// Files, each with its path and text, and the names of those that are left out.
type Found = (Vec<(String, String)>, Vec<String>);

/// Reads the files below a folder; says why they can't travel.
fn files(context: &str, around: &Around<'_>) -> Result<Found, String> {
    if around.files.kind(context) != FileKind::Folder {
        return Err("its folder is not here".to_owned());
    }
    let ignored = around.files.read(&join(context, ".dockerignore")).unwrap_or_default();
    let ignored: Vec<&str> = ignored
        .lines()
        .map(|line| line.trim().trim_start_matches("./").trim_matches('/'))
        // Only plain names are understood. A pattern leaves out nothing.
        .filter(|line| !line.is_empty() && !line.contains(['*', '?', '!', '#', '[']))
        .collect();
    let is_ignored = |path: &str| {
        ignored.iter().any(|own| {
            path.strip_prefix(own).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    };
    let (mut found, mut left) = (Vec::new(), Vec::new());
    let mut size = 0;
    for path in around.files.below(context, MOST).ok_or("it has too many files")? {
        let whole = join(context, &path);
        if is_ignored(&path) || around.read.contains(&whole) {
            continue;
        }
        let plain = |part: &str| {
            let valid = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
            !part.starts_with('.') && part.bytes().all(valid)
        };
        // KDL would be read as a part of the lab.
        let kdl = path.rsplit_once('.').is_some_and(|(_, end)| end.eq_ignore_ascii_case("kdl"));
        if kdl || !path.split('/').all(plain) {
            if file_name(&path) != ".dockerignore" && !path.starts_with(".git/") {
                left.push(path);
            }
            continue;
        }
        let text =
            around.files.read(&whole).map_err(|why| format!("`{path}` can't be read ({why})"))?;
        size += text.len();
        let control = |c: char| c.is_control() && !matches!(c, '\n' | '\t' | '\r');
        if text.contains(control) {
            return Err(format!("`{path}` is no text"));
        }
        if around.secrets.hides(&text) {
            return Err(format!("a secret is in `{path}`"));
        }
        if size > LARGEST {
            return Err("its files are too large".to_owned());
        }
        found.push((path, text));
    }
    Ok((found, left))
}
