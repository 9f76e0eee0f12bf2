//! Joins two definitions of a service, as compose does for several files and for `extends`.

use super::files::{is_path, join};
use super::yaml::{Merging, Node, Value};

/// The keys of a service that compose reads as a map, also when they are written as a list of
/// `NAME=VALUE` or of names.
const MAPS: &[&str] =
    &["environment", "labels", "annotations", "sysctls", "depends_on", "networks"];

/// The keys whose later value replaces the earlier one although it is a list.
const REPLACED: &[&str] = &["command", "entrypoint", "test"];

/// Writes what compose reads in several forms in one: lists of `NAME=VALUE` as maps, and paths from
/// the folder that they begin in.
pub fn normalize(service: &mut Node, folder: &str) {
    for key in MAPS {
        let separators: &[char] = &['='];
        as_map(service.get_mut(key), separators);
    }
    if let Some(build) = service.get_mut("build") {
        if let Some(context) = build.scalar().map(str::to_owned) {
            let place = build.place;
            let context = ("context".to_owned(), Node::text(place, context));
            *build = Node::map(place, vec![context]);
        }
        as_map(build.get_mut("args"), &['=']);
        as_map(build.get_mut("labels"), &['=']);
        if let Some(context) = build.get_mut("context") {
            lead(context, folder);
        }
    }
    if let Some(deploy) = service.get_mut("deploy") {
        as_map(deploy.get_mut("labels"), &['=']);
    }
    for key in ["env_file", "label_file"] {
        if let Some(files) = service.get_mut(key) {
            if let Value::Scalar { .. } = files.value {
                *files = Node::list(files.place, vec![files.clone()]);
            }
            for file in items_mut(files) {
                if file.entries().is_empty() {
                    lead(file, folder);
                } else if let Some(path) = file.get_mut("path") {
                    lead(path, folder);
                }
            }
        }
    }
    if let Some(volumes) = service.get_mut("volumes") {
        for volume in items_mut(volumes) {
            if volume.get("type").and_then(Node::scalar) == Some("bind") {
                if let Some(source) = volume.get_mut("source") {
                    lead(source, folder);
                }
            } else if let Value::Scalar { text, .. } = &mut volume.value
                && let Some((source, rest)) = text.split_once(':')
                && is_path(source)
            {
                *text = format!("{}:{rest}", led(folder, source));
            }
        }
    }
    if let Some(volumes) = service.get_mut("tmpfs")
        && volumes.scalar().is_some()
    {
        *volumes = Node::list(volumes.place, vec![volumes.clone()]);
    }
}

/// Makes a path one that begins at the root of the disk or of the sources.
pub fn lead(node: &mut Node, folder: &str) {
    if let Value::Scalar { text, .. } = &mut node.value
        && !text.contains("://")
        && !text.starts_with("git@")
    {
        *text = led(folder, text);
    }
}

/// Returns where a path leads from a folder. One in a home folder stays as it is written, because
/// that folder is not known. One that leads out of the folder keeps its `..`: what is above the
/// folder here has other names on the machine.
fn led(folder: &str, path: &str) -> String {
    if path.starts_with('~') {
        return path.to_owned();
    }
    let own = join(".", path);
    if own.starts_with("..") { format!("{folder}/{own}") } else { join(folder, path) }
}

fn items_mut(node: &mut Node) -> &mut [Node] {
    if let Value::List(items) = &mut node.value { items } else { &mut [] }
}

/// Turns a list of `NAME=VALUE`, or of names, into a map.
pub fn as_map(node: Option<&mut Node>, separators: &[char]) {
    let Some(node) = node else { return };
    let Value::List(items) = &node.value else { return };
    let mut entries: Vec<(String, Node)> = Vec::with_capacity(items.len());
    for item in items {
        let Some(text) = item.scalar() else { return };
        let (name, value) = match text.split_once(separators) {
            Some((name, value)) => (name, Node::text(item.place, value)),
            None => (text, Node { place: item.place, ..Node::default() }),
        };
        match entries.iter_mut().find(|(known, _)| known == name) {
            Some((_, known)) => *known = value,
            None => entries.push((name.to_owned(), value)),
        }
    }
    node.value = Value::Map(entries);
}

/// Joins a later definition with an earlier one.
pub fn merge(earlier: Node, later: Node) -> Node {
    join_values("", earlier, later)
}

fn join_values(key: &str, earlier: Node, mut later: Node) -> Node {
    if later.merging == Merging::Replace || REPLACED.contains(&key) {
        return later;
    }
    // A logging driver's options mean nothing to another driver.
    let driver = |node: &Node| node.get("driver").and_then(Node::scalar).map(str::to_owned);
    if key == "logging" && driver(&later).is_some_and(|new| driver(&earlier) != Some(new)) {
        return later;
    }
    match (earlier.value, later.value) {
        (Value::Map(mut own), Value::Map(other)) => {
            for (key, node) in other {
                let at = own.iter().position(|(name, _)| *name == key);
                match at {
                    Some(at) if node.merging == Merging::Remove => drop(own.remove(at)),
                    None if node.merging == Merging::Remove => {}
                    Some(at) => {
                        let (name, old) = own.remove(at);
                        let joined = join_values(&key, old, node);
                        own.insert(at, (name, joined));
                    }
                    None => own.push((key, node)),
                }
            }
            later.value = Value::Map(own);
        }
        (Value::List(mut own), Value::List(other)) => {
            for item in other {
                let same = |known: &Node| identity(key, known) == identity(key, &item);
                match own.iter().position(same) {
                    Some(at) => {
                        if let Some(known) = own.get_mut(at) {
                            *known = item;
                        }
                    }
                    None => own.push(item),
                }
            }
            later.value = Value::List(own);
        }
        (own, Value::Null) => later.value = own,
        (_, value) => later.value = value,
    }
    later
}

/// Returns what makes an item of a list the same as another.
fn identity(key: &str, node: &Node) -> String {
    let whole = written(node);
    match key {
        // Compose lets a later mount replace one with the same place in the container.
        "volumes" => node.get("target").map_or_else(
            || {
                let mut parts = whole.split(':');
                let first = parts.next().unwrap_or_default().to_owned();
                parts.next().map_or(first, str::to_owned)
            },
            written,
        ),
        "secrets" | "configs" | "devices" => {
            node.get("target").or_else(|| node.get("source")).map_or_else(|| whole.clone(), written)
        }
        _ => whole,
    }
}

/// Writes a value on one line, to compare it with another.
pub fn written(node: &Node) -> String {
    match &node.value {
        Value::Null => String::new(),
        Value::Scalar { text, .. } => text.clone(),
        Value::List(items) => {
            format!("[{}]", items.iter().map(written).collect::<Vec<_>>().join(","))
        }
        Value::Map(entries) => {
            let entries = entries.iter().map(|(key, node)| format!("{key}:{}", written(node)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(","))
        }
    }
}
