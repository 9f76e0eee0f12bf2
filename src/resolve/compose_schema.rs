//! Holds values of `raw` against compose's own schema.
//!
//! `compose-spec.json` is `schema/compose-spec.json` of
//! <https://github.com/compose-spec/compose-spec>, of 23 June 2026.

use std::sync::LazyLock;

use serde_json::Value;

static SCHEMA: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("compose-spec.json")).unwrap_or_default());

/// How deep the schema is followed. Its own definitions nest less.
const DEEPEST: u8 = 40;

/// Returns a field of a value, or null where there is none.
fn at<'v>(value: &'v Value, field: &str) -> &'v Value {
    value.get(field).unwrap_or(&Value::Null)
}

fn definition(name: &str) -> &'static Value {
    at(at(&SCHEMA, "definitions"), name)
}

fn service() -> &'static Value {
    definition("service")
}

/// Returns the schema of a key of a service.
fn property(key: &str) -> &'static Value {
    at(at(service(), "properties"), key)
}

/// Lists the keys that a service in a compose file may have.
pub fn keys() -> impl Iterator<Item = &'static str> {
    at(service(), "properties").as_object().into_iter().flatten().map(|(key, _)| key.as_str())
}

/// Returns whether a key of a service takes several values, so that a single one is a list too.
pub fn is_list(key: &str) -> bool {
    // Compose splits a text in these two into words, as a shell does.
    takes(property(key), "array", DEEPEST) && !matches!(key, "command" | "entrypoint")
}

/// Returns nothing if a key of a service takes a value, or else what it takes.
pub fn refused(key: &str, value: &Value) -> Option<String> {
    let schema = property(key);
    if schema.is_null() || fits(schema, value, DEEPEST) {
        return None;
    }
    let kinds = [
        ("string", "text"),
        ("number", "a number"),
        ("integer", "a whole number"),
        ("boolean", "`#true` or `#false`"),
        ("array", "a list"),
        ("object", "names with values"),
    ];
    let known: Vec<&str> = kinds
        .into_iter()
        .filter(|(kind, _)| takes(schema, kind, DEEPEST))
        .map(|(_, words)| words)
        .collect();
    Some(known.join(" or "))
}

/// Returns a schema, or the one that it refers to.
fn resolved(schema: &Value) -> &Value {
    let name = at(schema, "$ref").as_str().and_then(|name| name.strip_prefix("#/definitions/"));
    name.map_or(schema, |name| definition(name))
}

fn forms(schema: &Value) -> Option<&Vec<Value>> {
    at(schema, "oneOf").as_array().or(at(schema, "anyOf").as_array())
}

/// Lists the types that a schema names.
fn kinds(schema: &Value) -> Vec<&str> {
    match at(schema, "type") {
        Value::String(kind) => vec![kind],
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

fn takes(schema: &Value, kind: &str, depth: u8) -> bool {
    let schema = resolved(schema);
    let Some(deeper) = depth.checked_sub(1) else { return false };
    match forms(schema) {
        Some(forms) => forms.iter().any(|form| takes(form, kind, deeper)),
        None => kinds(schema).contains(&kind),
    }
}

fn fits(schema: &Value, value: &Value, depth: u8) -> bool {
    let schema = resolved(schema);
    // What is too deep to be judged is left to compose.
    let Some(deeper) = depth.checked_sub(1) else { return true };
    if let Some(forms) = forms(schema)
        && !forms.iter().any(|form| fits(form, value, deeper))
    {
        return false;
    }
    if let Some(words) = at(schema, "enum").as_array()
        && !words.contains(value)
    {
        return false;
    }
    let kinds = kinds(schema);
    let is = |kind: &str| match kind {
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "null" => value.is_null(),
        _ => true,
    };
    if !kinds.is_empty() && !kinds.into_iter().any(is) {
        return false;
    }
    match value {
        Value::Array(items) => {
            at(schema, "items").is_null()
                || items.iter().all(|item| fits(at(schema, "items"), item, deeper))
        }
        Value::Object(fields) => {
            let required = at(schema, "required").as_array().into_iter().flatten();
            required.filter_map(Value::as_str).all(|name| fields.contains_key(name))
                && fields.iter().all(|(name, field)| has_field(schema, name, field, deeper))
        }
        _ => true,
    }
}

/// Returns whether an object of a schema may have a field with this value.
fn has_field(schema: &Value, name: &str, field: &Value, depth: u8) -> bool {
    let own = at(at(schema, "properties"), name);
    if !own.is_null() {
        return fits(own, field, depth);
    }
    // The schema has two patterns: one for extensions, and one for every other name.
    let patterns = at(schema, "patternProperties").as_object();
    let mut patterns = patterns.into_iter().flatten();
    if name.starts_with("x-") {
        return true;
    }
    match patterns.find(|(pattern, _)| *pattern != "^x-") {
        Some((_, pattern)) => fits(pattern, field, depth),
        None => match at(schema, "additionalProperties") {
            Value::Bool(any) => *any,
            Value::Null => true,
            other => fits(other, field, depth),
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{is_list, keys, refused};

    #[test]
    fn values_are_held_against_the_schema() {
        assert!(keys().any(|key| key == "oom_score_adj") && !keys().any(|key| key == "oom_score"));
        for (key, value) in [
            ("oom_score_adj", json!(-500)),
            ("annotations", json!({"a": "b"})),
            ("annotations", json!(["a=b"])),
            (
                "blkio_config",
                json!({"weight": 300, "device_read_bps": [{"path": "/dev/sda", "rate": "12mb"}]}),
            ),
            ("volumes", json!(["/a:/b", {"type": "bind", "source": "/a", "target": "/b"}])),
            ("environment", json!(["A=b"])),
        ] {
            assert_eq!(refused(key, &value), None, "{key}: {value}");
        }
        for (key, value) in [
            ("init", json!([1])),
            ("blkio_config", json!({"wieght": 300})),
            ("volumes", json!([{"source": "/a"}])),
            ("cap_add", json!({"a": "b"})),
        ] {
            assert!(refused(key, &value).is_some(), "{key}: {value}");
        }
        assert!(is_list("cap_add") && is_list("environment") && !is_list("command"));
        assert!(!is_list("init") && !is_list("oom_score_adj"));
    }
}
