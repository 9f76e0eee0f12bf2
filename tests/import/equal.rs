//! Compares a compose file with that of the lab made of it, both as docker-compose reads them. They
//! are equal but for what the import says, and for what every container of a lab gets.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Map, Value, json};

use rayon::prelude::*;

use super::{import, samples, text};
use crate::cli::{case, labwright};
use crate::consumers::{available, compose_config};

/// What every container of a lab gets, whatever its compose file says: docs/moving-in.md lists it.
const ALWAYS: &[&str] = &["container_name", "logging", "networks", "restart", "image"];

/// The variable with a folder of more samples, such as the compose files of a public repository:
/// each is a folder with a `compose.yaml`.
const MORE: &str = "LABWRIGHT_COMPOSE";

/// Reads a compose file through docker-compose, or returns why it refuses the file.
fn config(folder: &Path, files: &[&str], project: &str) -> Result<Value, String> {
    let read = compose_config(folder, files, project)?;
    Ok(serde_json::from_str(&read).expect("JSON"))
}

/// Brings what means the same into one form.
fn plain(service: &Value, names: &BTreeMap<String, String>) -> Map<String, Value> {
    let mut plain = service.as_object().cloned().unwrap_or_default();
    for key in ["command", "entrypoint"] {
        if plain.get(key).is_some_and(Value::is_null) {
            plain.remove(key);
        }
    }
    if let Some(test) = plain.get_mut("healthcheck").and_then(|check| check.get_mut("test"))
        && test[0] == "CMD-SHELL"
    {
        *test = json!(["CMD", "sh", "-c", test[1]]);
    }
    // What docker-compose adds by itself, and one container, which is what there is without it.
    if let Some(Value::Object(deploy)) = plain.get_mut("deploy") {
        let says_nothing = |key: &str, value: &Value| {
            key == "placement" || key == "replicas" && *value == 1 || *value == json!({})
        };
        deploy.retain(|key, value| !says_nothing(key, value));
    }
    // Without a registry, Docker asks its own.
    if let Some(Value::String(image)) = plain.get_mut("image") {
        let short = image.strip_prefix("docker.io/").unwrap_or(image);
        *image = short.strip_prefix("library/").unwrap_or(short).to_owned();
    }
    // One number is both limits.
    for limit in plain.get_mut("ulimits").and_then(Value::as_object_mut).into_iter().flatten() {
        if limit.1["soft"] == limit.1["hard"] && limit.1.is_object() {
            *limit.1 = limit.1["soft"].clone();
        }
    }
    if let Some(Value::Object(depends)) = plain.get_mut("depends_on") {
        let renamed = depends
            .iter()
            .map(|(name, how)| (names.get(name).unwrap_or(name).clone(), how.clone()));
        *depends = renamed.collect();
    }
    if let Some(mode) = plain.get("network_mode").and_then(Value::as_str)
        && let Some(name) = mode.strip_prefix("service:")
    {
        let name = names.get(name).map_or(name, String::as_str);
        plain.insert("network_mode".to_owned(), json!(format!("service:{name}")));
    }
    plain
}

/// Returns the parts of a key that can differ on their own: variables, mounts, ports.
fn parts(key: &str, value: &Value) -> BTreeMap<String, Value> {
    let part = |item: &Value| match key {
        "volumes" => {
            let mut item = item.clone();
            if let Some(item) = item.as_object_mut() {
                // The folders of states are made by labwright.
                if let Some(Value::Object(bind)) = item.get_mut("bind") {
                    bind.remove("create_host_path");
                    if bind.is_empty() {
                        item.remove("bind");
                    }
                }
                item.remove("volume");
                if let Some(Value::String(source)) = item.get_mut("source")
                    && source.len() > 1
                {
                    source.truncate(source.trim_end_matches('/').len());
                    *source = source.replace("//", "/");
                }
            }
            (text(&item["target"]).to_owned(), item)
        }
        "ports" => {
            let port = json!([item["target"], item["published"], item["protocol"]]);
            (port.to_string(), port)
        }
        _ => (item.to_string(), item.clone()),
    };
    match value {
        Value::Object(entries) => {
            entries.iter().map(|(name, value)| (format!(".{name}"), value.clone())).collect()
        }
        Value::Array(items) if !matches!(key, "command" | "entrypoint") => {
            items.iter().map(part).collect()
        }
        other => BTreeMap::from([(String::new(), other.clone())]),
    }
}

/// Unpacks the bundle of the machine `box`, and returns its compose folder.
fn bundle(release: &Path) -> PathBuf {
    let entries = std::fs::read_dir(release).expect("a release");
    let archive = entries
        .map(|entry| entry.expect("a file").path())
        .find(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with("home-box-") && name.ends_with(".tar.gz")
        })
        .expect("an archive");
    let status = Command::new("tar").arg("-C").arg(release).arg("-xzf").arg(&archive).status();
    assert!(status.expect("tar starts").success());
    let name = archive.file_name().expect("a name").to_string_lossy();
    release.join(name.trim_end_matches(".tar.gz")).join("payload/compose")
}

#[test]
fn what_is_not_said_is_equal() {
    if !available() {
        return;
    }
    let own = samples().into_iter().map(|name| case("import").join(name));
    let problems: Vec<String> = own.flat_map(|source| compare(&source)).collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn what_is_not_said_is_equal_in_files_of_others() {
    let Some(folder) = std::env::var_os(MORE).filter(|_| available()) else { return };
    let entries = std::fs::read_dir(folder).expect("a folder");
    let mut sources: Vec<PathBuf> = entries.map(|entry| entry.expect("a sample").path()).collect();
    sources.sort();
    // What compose itself refuses, such as a file whose variables nobody has set, says nothing.
    let accepted = |source: &PathBuf| config(source, &["compose.yaml"], "x").is_ok();
    let problems: Vec<Vec<String>> = sources
        .par_iter()
        .filter(|source| accepted(source))
        .map(|source| compare(source))
        .collect();
    println!("{} of {} are accepted by compose", problems.len(), sources.len());
    let problems = problems.concat();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

fn compare(source: &Path) -> Vec<String> {
    let name = source.file_name().expect("a name").to_string_lossy();
    // In the room of docker-compose, the sources are in `/in`.
    let (folder, run) = import(source, &["--into", "home", "--at", "/in", "--format", "json"]);
    if run.code != 0 {
        return vec![format!("{name}: the import failed: {}", run.all())];
    }
    let facts = run.json();
    let built = labwright(folder.path(), &["build", "home", "--out", "release"]);
    if built.code != 0 {
        return vec![format!("{name}: the lab does not build: {}", built.all())];
    }
    let folder = bundle(&folder.path().join("release"));
    // A lab without containers has no compose file.
    let made = match folder.exists().then(|| config(&folder, &["compose.yaml"], "home")) {
        Some(Ok(made)) => made,
        Some(Err(words)) => return vec![format!("{name}: the bundle's compose file: {words}")],
        None => json!({}),
    };
    let mut problems = Vec::new();
    for project in facts["projects"].as_array().expect("projects") {
        let called = text(&project["name"]);
        let names: BTreeMap<String, String> = project["containers"]
            .as_object()
            .expect("containers")
            .iter()
            .map(|(compose, container)| (compose.clone(), text(container).to_owned()))
            .collect();
        let (at, files) = files_of(source, called);
        let files: Vec<&str> = files.iter().map(String::as_str).collect();
        let place = at.strip_prefix(source).expect("below").display().to_string();
        let original = match config(&at, &files, called) {
            Ok(original) => original.to_string(),
            Err(words) => {
                problems.push(format!("{name}: {words}"));
                continue;
            }
        };
        let here = format!("/in/{place}").trim_end_matches('/').to_owned();
        let original = original.replace("\"/in/", &format!("\"{here}/"));
        let original: Value = serde_json::from_str(&original).expect("JSON");
        let keys = project["keys"].as_array().expect("keys");
        problems
            .extend(above(&original, &made, called, keys).iter().map(|it| format!("{name}: {it}")));
        for (compose, container) in &names {
            let before = plain(&original["services"][compose], &names);
            let after = plain(&made["services"][container], &BTreeMap::new());
            if before.is_empty() || after.is_empty() {
                problems.push(format!("{name}: {compose} or {container} is missing"));
                continue;
            }
            let said = |key: &str, part: &str| {
                // The account speaks of containers by their names in the compose file.
                let old = names.iter().find(|(_, new)| part == format!(".{new}"));
                let part = old.map_or(part.to_owned(), |(old, _)| format!(".{old}"));
                let path = format!("services.{compose}.{key}{part}");
                keys.iter().any(|entry| {
                    let own = text(&entry["key"]);
                    entry["fate"] != "kept"
                        && (own.starts_with(&path)
                            || path
                                .strip_prefix(own)
                                .is_some_and(|rest| rest.starts_with(['.', '['])))
                })
            };
            // A module of the library adds what its program needs.
            let library = project["library"].as_object().expect("services").values();
            let mut library = library.flat_map(|names| names.as_array().expect("names"));
            let adopted = library.any(|name| name == compose.as_str());
            let added = after.keys().filter(|_| !adopted);
            let all: std::collections::BTreeSet<&String> = before.keys().chain(added).collect();
            for key in all {
                let empty = json!({});
                let (one, two) =
                    (before.get(key).unwrap_or(&empty), after.get(key).unwrap_or(&empty));
                if one == two
                    || ALWAYS.contains(&key.as_str()) && !said_kept(keys, compose, key, one, two)
                {
                    continue;
                }
                let (one, two) = (parts(key, one), parts(key, two));
                let whole: std::collections::BTreeSet<&String> =
                    one.keys().chain(two.keys()).collect();
                for part in whole {
                    let (old, new) = (one.get(part), two.get(part));
                    let written = if part.starts_with('.') { part.as_str() } else { "" };
                    let elsewhere = key == "environment"
                        && (said("env_file", "") || said("secrets", "") || said("command", ""));
                    // A container that uses a network waits until its owner is healthy.
                    let owner = before.get("network_mode").and_then(Value::as_str);
                    let owner = owner.and_then(|mode| mode.strip_prefix("service:"));
                    if key == "depends_on" && owner == part.strip_prefix('.') {
                        continue;
                    }
                    let added = old.is_none() && (adopted || labwright_adds(key, part));
                    if old != new
                        && !said(key, written)
                        && !elsewhere
                        && !added
                        && !moved(key, &said)
                    {
                        problems
                            .push(format!("{name}: {compose}.{key}{part}: {old:?} became {new:?}"));
                    }
                }
            }
        }
    }
    problems
}

/// Compares what the containers share: networks, volumes, configurations and secrets. Returns what
/// the lab has not, though nothing says that it is changed or lost.
fn above(original: &Value, made: &Value, project: &str, keys: &[Value]) -> Vec<String> {
    let mut problems = Vec::new();
    for section in ["networks", "volumes", "configs", "secrets"] {
        let entries = original[section].as_object().into_iter().flatten();
        for (name, entry) in entries {
            for (key, value) in entry.as_object().into_iter().flatten() {
                // What docker-compose writes where the file says nothing.
                let implied = *value == json!({})
                    || key == "name" && *value == format!("{project}_{name}")
                    || key == "name" && entry["external"] == true && *value == name.as_str();
                let path = format!("{section}.{name}.{key}");
                let said = keys.iter().any(|entry| {
                    let own = text(&entry["key"]);
                    let about = own.starts_with(&path)
                        || path.strip_prefix(own).is_some_and(|rest| rest.starts_with('.'));
                    about && entry["fate"] != "kept"
                });
                if !implied && !said && made[section][name][key] != *value {
                    problems.push(format!("{path}: {value} is gone"));
                }
            }
        }
    }
    problems
}

/// Returns whether a key that every container of a lab has is said to be kept, and differs.
fn said_kept(keys: &[Value], compose: &str, key: &str, one: &Value, two: &Value) -> bool {
    let path = format!("services.{compose}.{key}");
    let kept = keys.iter().any(|entry| entry["key"] == path.as_str() && entry["fate"] == "kept");
    kept && one != two
}

/// Returns what labwright adds to what a compose file says.
fn labwright_adds(key: &str, part: &str) -> bool {
    match key {
        "labels" => part.starts_with(".labwright."),
        // The times of a check that its compose file leaves to docker.
        "healthcheck" => part != ".test",
        // The groups of devices, which only the machine knows.
        "group_add" => part.starts_with("\"21474830"),
        // What the machine builds is in no registry, and a container that uses a network waits for
        // its owner.
        "pull_policy" | "depends_on" => true,
        _ => false,
    }
}

/// Returns whether a key of compose has another name in the lab's compose file.
fn moved(key: &str, said: &impl Fn(&str, &str) -> bool) -> bool {
    match key {
        "mem_limit" | "cpus" | "pids_limit" | "mem_reservation" => said("deploy", ""),
        "secrets" | "env_file" => said("environment", "") || said("env_file", ""),
        "volumes" => said("configs", ""),
        "tmpfs" => said("volumes", ""),
        "deploy" => said("gpus", ""),
        _ => false,
    }
}

/// Returns the compose files of a sample's project, with their folder.
fn files_of(source: &Path, project: &str) -> (PathBuf, Vec<String>) {
    let own = source.join(project);
    let folder = if own.is_dir() { own } else { source.to_owned() };
    let names = [
        "compose.yaml",
        "compose.yml",
        "docker-compose.yml",
        "docker-compose.yaml",
        "compose.override.yaml",
    ];
    let files: Vec<String> = names
        .iter()
        .filter(|name| folder.join(name).exists())
        .map(|name| (*name).to_owned())
        .collect();
    (folder, files)
}
