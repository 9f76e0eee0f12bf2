//! The order of the rooms: each uses only those below it, as ARCHITECTURE.md draws them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Returns the rooms from the top down, as the picture in ARCHITECTURE.md lists them.
fn rooms() -> Vec<String> {
    let page = fs::read_to_string(root().join("ARCHITECTURE.md")).expect("it can be read");
    let (_, picture) = page.split_once("```text rooms\n").expect("the picture of the rooms");
    let (picture, _) = picture.split_once("\n```").expect("its end");
    let name = |line: &str| {
        Some(line.trim_start_matches(['│', ' ']).split_whitespace().next()?.to_owned())
    };
    picture.lines().filter_map(name).collect()
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Returns every Rust file below `src/` with its module path, without `lib.rs` and `main.rs`.
fn modules() -> BTreeMap<Vec<String>, String> {
    let mut modules = BTreeMap::new();
    let mut waiting = vec![root().join("src")];
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                waiting.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let module = module_path(&path);
                if !module.is_empty() {
                    modules.insert(module, fs::read_to_string(&path).expect("text"));
                }
            }
        }
    }
    modules
}

fn module_path(file: &Path) -> Vec<String> {
    let below = file.strip_prefix(root().join("src")).expect("below src").with_extension("");
    let parts = below.iter().map(|part| part.to_string_lossy().into_owned());
    parts.filter(|part| !["mod", "lib", "main"].contains(&part.as_str())).collect()
}

/// Returns the paths that a file names from `crate` on, its `use` trees unfolded; `super` is
/// replaced by what it means in `module`.
fn paths(module: &[String], text: &str) -> BTreeSet<Vec<String>> {
    let code: String = text
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .flat_map(|line| [line, "\n"])
        .collect();
    let mut found = BTreeSet::new();
    for start in ["crate::", "super::"] {
        for (at, _) in code.match_indices(start) {
            let before = code[..at].chars().next_back();
            if before.is_none_or(|c| !c.is_alphanumeric() && !"_:$".contains(c)) {
                unfold(Vec::new(), &code[at..], &mut found);
            }
        }
    }
    let absolute = |path: Vec<String>| {
        let ups = path.iter().take_while(|part| *part == "super").count();
        let rest = path.iter().skip(ups.max(1)).cloned();
        let own = module.iter().take(module.len() - ups.min(module.len()));
        if ups == 0 { rest.collect() } else { own.cloned().chain(rest).collect() }
    };
    found.into_iter().map(absolute).collect()
}

/// Reads one path, or a tree of them in braces, and returns what comes after it.
fn unfold<'t>(
    mut path: Vec<String>,
    mut text: &'t str,
    found: &mut BTreeSet<Vec<String>>,
) -> &'t str {
    loop {
        text = text.trim_start();
        if let Some(rest) = text.strip_prefix('{') {
            text = rest;
            loop {
                text = unfold(path.clone(), text, found).trim_start();
                match text.strip_prefix(',') {
                    Some(rest) => text = rest,
                    None => return text.strip_prefix('}').unwrap_or(text),
                }
            }
        }
        let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
        if end > 0 {
            path.push(text[..end].to_owned());
        }
        text = &text[end..];
        let Some(rest) = text.strip_prefix("::") else {
            found.insert(path);
            return after_alias(text);
        };
        text = rest;
    }
}

/// Skips ` as NAME`.
fn after_alias(text: &str) -> &str {
    let name = |c: char| c.is_alphanumeric() || c == '_';
    text.strip_prefix(" as ").map_or(text, |rest| rest.trim_start_matches(name))
}

#[test]
fn a_room_uses_only_rooms_below_it() {
    let rooms = rooms();
    let rank = |room: &str| rooms.iter().position(|other| other == room);
    let mut wrong = Vec::new();
    for (module, text) in modules() {
        let room = &module[0];
        let Some(own) = rank(room) else {
            wrong.push(format!("`{room}` is not in the picture"));
            continue;
        };
        for path in paths(&module, &text) {
            let Some(used) = path.first().filter(|used| *used != room) else { continue };
            if rank(used).is_some_and(|used| used < own) {
                wrong.push(format!(
                    "`{}` uses `{}`, which is above it",
                    module.join("/"),
                    path.join("::")
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_picture_shows_every_room_once() {
    let drawn = rooms();
    let mut sorted = drawn.clone();
    sorted.sort();
    let real: BTreeSet<String> = modules().into_keys().map(|module| module[0].clone()).collect();
    assert_eq!(sorted, real.into_iter().collect::<Vec<_>>());
}

/// A folder's own file and the files in the folder may use each other.
#[test]
fn no_files_of_a_room_go_in_a_circle() {
    let modules = modules();
    let is_parent =
        |one: &[String], other: &[String]| other.len() > one.len() && other.starts_with(one);
    let mut uses: BTreeMap<&Vec<String>, BTreeSet<&Vec<String>>> = BTreeMap::new();
    for (module, text) in &modules {
        for path in paths(module, text) {
            let longest =
                (1..=path.len()).rev().find_map(|length| modules.get_key_value(&path[..length]));
            let Some((used, _)) = longest else { continue };
            if used[0] == module[0]
                && used != module
                && !is_parent(used, module)
                && !is_parent(module, used)
            {
                uses.entry(module).or_default().insert(used);
            }
        }
    }
    let mut wrong = Vec::new();
    for module in uses.keys() {
        let mut seen = BTreeSet::new();
        let mut waiting: Vec<_> = uses[*module].iter().copied().collect();
        while let Some(next) = waiting.pop() {
            if next == *module {
                wrong.push(module.join("/"));
                break;
            }
            if seen.insert(next) {
                waiting.extend(uses.get(next).into_iter().flatten());
            }
        }
    }
    assert!(wrong.is_empty(), "these files use each other in a circle: {wrong:#?}");
}

#[test]
fn paths_are_read_from_use_trees_and_from_code() {
    let text = "use super::{Context, view::{self, Rule}};\nuse crate::plan::Plan as P;\nfn f() { \
                crate::diag::wrap() } // crate::cli";
    let module = ["emit".to_owned(), "firewall".to_owned()];
    let found: Vec<String> = paths(&module, text).into_iter().map(|path| path.join("::")).collect();
    assert_eq!(
        found,
        ["diag::wrap", "emit::Context", "emit::view::Rule", "emit::view::self", "plan::Plan"]
    );
}
