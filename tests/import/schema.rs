//! Every key that compose's own schema knows is kept, changed or lost: none disappears in silence.
//!
//! The schema is the one that `raw` is held against.

use std::collections::BTreeMap;
use std::fs;

use serde_json::{Map, Value, json};

use crate::cli::labwright;

/// How deep values are made from the schema.
const DEEPEST: usize = 9;

/// Makes values that fit a schema: one for each form that it allows.
fn values(schema: &Value, root: &Value, depth: usize) -> Vec<Value> {
    if depth > DEEPEST {
        return vec![json!("deep")];
    }
    if let Some(name) = schema["$ref"].as_str() {
        let name = name.trim_start_matches("#/definitions/");
        return values(&root["definitions"][name], root, depth + 1);
    }
    if let Some(forms) = schema["oneOf"].as_array().or(schema["anyOf"].as_array()) {
        return forms.iter().flat_map(|form| values(form, root, depth + 1)).collect();
    }
    if let Some(words) = schema["enum"].as_array() {
        return words.iter().take(1).cloned().collect();
    }
    let kinds: Vec<&str> = match &schema["type"] {
        Value::String(kind) => vec![kind],
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => vec!["string"],
    };
    kinds.into_iter().flat_map(|kind| value(kind, schema, root, depth)).collect()
}

fn value(kind: &str, schema: &Value, root: &Value, depth: usize) -> Vec<Value> {
    match kind {
        "string" if schema["format"] == "duration" => vec![json!("10s")],
        "string" => vec![json!("word")],
        "integer" | "number" => vec![json!(7)],
        "boolean" => vec![json!(true)],
        "null" => vec![Value::Null],
        "array" => {
            let items = values(&schema["items"], root, depth + 1);
            items.into_iter().map(|item| json!([item])).collect()
        }
        _ => {
            // All properties at once, in as many variants as the richest of them has.
            let mut all: BTreeMap<String, Vec<Value>> = BTreeMap::new();
            for (name, property) in schema["properties"].as_object().into_iter().flatten() {
                all.insert(name.clone(), values(property, root, depth + 1));
            }
            for (pattern, property) in schema["patternProperties"].as_object().into_iter().flatten()
            {
                if pattern != "^x-" {
                    all.insert("any".to_owned(), values(property, root, depth + 1));
                }
            }
            let most = all.values().map(Vec::len).max().unwrap_or_default().max(1);
            (0..most)
                .map(|variant| {
                    let entries = all.iter().filter(|(_, values)| !values.is_empty());
                    let entries = entries.map(|(name, values)| {
                        (name.clone(), values[variant % values.len()].clone())
                    });
                    Value::Object(entries.collect::<Map<String, Value>>())
                })
                .collect()
        }
    }
}

/// Returns the paths of all values that have no values below, as the import writes them.
fn leaves(value: &Value, path: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(entries) if !entries.is_empty() => {
            for (key, value) in entries {
                leaves(value, &format!("{path}.{key}"), found);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for (number, value) in items.iter().enumerate() {
                leaves(value, &format!("{path}[{number}]"), found);
            }
        }
        _ => found.push(path.to_owned()),
    }
}

/// Lists that compose also writes as maps, under which the import accounts for them.
const MAPS: &[&str] = &[
    "environment",
    "labels",
    "annotations",
    "sysctls",
    "depends_on",
    "networks",
    "args",
    "extra_hosts",
];

/// Returns whether the account speaks of a key: of itself, or of what it is a part of.
fn spoken(path: &str, said: &[String]) -> bool {
    said.iter().any(|said| {
        path == said
            || path.strip_prefix(said.as_str()).is_some_and(|rest| rest.starts_with(['.', '[']))
            || MAPS.iter().any(|map| {
                path.split_once(&format!(".{map}[")).is_some_and(|(before, _)| {
                    said.starts_with(&format!("{before}.{map}"))
                })
            })
            // A text for what is a list of one, such as `env_file`.
            || said.strip_prefix(path).is_some_and(|rest| rest == "[0]" || rest == ".context")
            || (path.contains(".build.") && said.rsplit('.').next() == Some("build"))
    })
}

#[test]
fn every_key_of_the_schema_is_kept_changed_or_lost() {
    let schema = include_str!("../../src/resolve/compose-spec.json");
    let schema: Value = serde_json::from_str(schema).expect("JSON");
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("word"), "A=b\n").expect("a file");
    let mut problems = Vec::new();
    let mut asked = 0;
    // Asks about values, each with the path of its key, of which a file has all.
    let mut ask = |mut file: Value, values: &[(String, Value)]| {
        file["services"]["other"] = json!({"image": "x:1"});
        let text = serde_json::to_string(&file).expect("JSON");
        fs::write(folder.path().join("compose.yaml"), &text).expect("a file");
        let run =
            labwright(folder.path(), &["import", "compose", "compose.yaml", "--format", "json"]);
        // `extends`, `include` and others name what is not there.
        if run.code == 1 && run.json()["faults"].as_array().is_some_and(|faults| !faults.is_empty())
        {
            let is_known =
                |(path, _): &(String, Value)| path.ends_with(".extends") || path == "include";
            assert!(values.iter().all(is_known), "{text}: {}", run.out);
            return;
        }
        assert_eq!(run.code, 0, "{text}: {}", run.all());
        let facts = run.json();
        if facts["errors"] != json!([]) {
            problems.push(format!("{text}: the lab has errors: {}", facts["errors"]));
        }
        let keys = facts["projects"][0]["keys"].as_array().expect("keys");
        let said: Vec<String> =
            keys.iter().map(|key| key["key"].as_str().expect("a key").to_owned()).collect();
        for (path, value) in values {
            let mut wanted = Vec::new();
            leaves(value, path, &mut wanted);
            for leaf in wanted {
                asked += 1;
                if !spoken(&leaf, &said) {
                    problems.push(format!("{leaf} = {value}: nobody speaks of it: {said:?}"));
                }
            }
        }
    };
    // One file has a service for each key, with its first value, the next one the second values.
    let mut files: Vec<(Value, Vec<(String, Value)>)> = Vec::new();
    let service = &schema["definitions"]["service"];
    for (key, property) in service["properties"].as_object().expect("keys") {
        for (number, value) in values(property, &schema, 0).into_iter().enumerate() {
            let name = format!("any-{}", key.replace('_', "-"));
            let path = format!("services.{name}.{key}");
            if key == "extends" {
                let mut file = json!({});
                file["services"][&name] = json!({"image": "x:1", key: value});
                ask(file, &[(path, value)]);
                continue;
            }
            if files.len() <= number {
                files.push((json!({}), Vec::new()));
            }
            let (file, values) = &mut files[number];
            file["services"][&name] = json!({"image": "x:1"});
            file["services"][&name][key] = value.clone();
            values.push((path, value));
        }
    }
    for (file, values) in files {
        ask(file, &values);
    }
    for (key, property) in schema["properties"].as_object().expect("keys") {
        if key != "services" {
            for value in values(property, &schema, 0) {
                let mut file = json!({});
                file[key] = value.clone();
                ask(file, &[(key.clone(), value)]);
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    assert!(asked > 300, "only {asked} keys");
}
