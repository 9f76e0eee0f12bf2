//! Checks JSON and YAML with Python's readers, and against a JSON schema.

use super::{Verdict, ask, ask_all};
use crate::trixie::Room;
use std::path::Path;

const JSON: &str = r#"exec python3 - "$@" <<'END'
import json, sys
for path in sys.argv[1:]:
    def once(pairs):
        keys = [key for key, _ in pairs]
        for key in keys:
            if keys.count(key) > 1:
                sys.exit(f"{path}: duplicate key {key!r}")
        return dict(pairs)
    def refuse(word):
        sys.exit(f"{path}: {word} is no JSON")
    json.load(open(path, encoding="utf-8"), object_pairs_hook=once, parse_constant=refuse)
END
"#;

/// Refuses text that is not JSON, and a duplicate key in an object.
pub fn json(file: &Path) -> Verdict {
    ask(file, JSON)
}

/// Does the same as [`json`] for many files below a folder.
pub fn json_all(folder: &Path, files: &[&Path]) -> Verdict {
    ask_all(folder, files, JSON)
}

const YAML: &str = r#"exec python3 - "$@" <<'END'
import sys, yaml
class Once(yaml.SafeLoader):
    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                sys.exit(f"duplicate key {key!r}{node.start_mark}")
        return super().construct_mapping(node, deep)
for path in sys.argv[1:]:
    for document in yaml.load_all(open(path, encoding="utf-8"), Once):
        pass
END
"#;

/// Refuses text that is not YAML, and a duplicate key in a mapping. A file may contain several
/// documents.
pub fn yaml(file: &Path) -> Verdict {
    ask(file, YAML)
}

/// Does the same as [`yaml`] for many files below a folder.
pub fn yaml_all(folder: &Path, files: &[&Path]) -> Verdict {
    ask_all(folder, files, YAML)
}

/// Checks a JSON or YAML file against a JSON schema.
pub fn json_schema(schema: &Path, file: &Path) -> Verdict {
    let Some(room) = Room::new() else { return Ok(()) };
    let check = r#"exec python3 - <<'END'
import jsonschema, yaml
schema = yaml.safe_load(open("/schema", encoding="utf-8"))
jsonschema.validators.validator_for(schema).check_schema(schema)
jsonschema.validate(yaml.safe_load(open("/file", encoding="utf-8")), schema)
END
"#;
    let answer = room.show(schema, "/schema").show(file, "/file").sh(check, &[]);
    super::refusal(&answer).map_or(Ok(()), |words| {
        Err(format!("{}: refused by {}: {words}", file.display(), schema.display()))
    })
}

#[test]
fn refuses_a_json_key_twice() {
    super::tells_apart(
        "a.json",
        "{\"a\": [1, {\"a\": 2}]}",
        "{\"b\": {\"a\": 1, \"a\": 2}}",
        "duplicate key 'a'",
        json,
    );
    super::tells_apart("a.json", "[1]", "[1,]", "JSONDecodeError", json);
}

#[test]
fn refuses_a_yaml_key_twice() {
    super::tells_apart(
        "a.yaml",
        "a: 1\nb: {a: 2}\n---\na: 3\n",
        "b:\n  a: 1\n  a: 2\n",
        "duplicate key 'a'",
        yaml,
    );
    super::tells_apart("a.yaml", "- a\n", "- a\nb: 1\n", "expected", yaml);
}

#[test]
fn refuses_what_a_schema_forbids() {
    let schema = r#"{
        "type": "object", "properties": {"port": {"type": "integer"}}, "additionalProperties": false
    }"#;
    let sample = super::Sample::new(&[
        ("schema.json", schema),
        ("good.yaml", "port: 80\n"),
        ("bad.yaml", "prot: 80\n"),
    ]);
    json_schema(&sample.path("schema.json"), &sample.path("good.yaml"))
        .expect("the good sample is accepted");
    if super::available() {
        let refusal = json_schema(&sample.path("schema.json"), &sample.path("bad.yaml"))
            .expect_err("the bad sample is refused");
        assert!(refusal.contains("prot"), "{refusal}");
    }
}
