//! Writes findings as SARIF 2.1.0, for code scanners.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::places::Places;
use super::{Code, Diagnostic, Diagnostics, Severity, json};
use crate::source::Span;

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

pub(super) fn render(
    diagnostics: &Diagnostics,
    places: &Places<'_>,
    codes: &[&'static Code],
) -> String {
    let mut rules: Vec<&Code> =
        codes.iter().copied().chain(diagnostics.iter().map(|diagnostic| diagnostic.code)).collect();
    rules.sort_by_key(|code| code.name);
    rules.dedup_by_key(|code| code.name);
    let results: Vec<Value> =
        diagnostics.iter().map(|diagnostic| result(diagnostic, &rules, places)).collect();
    json::write(&json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "labwright",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules.iter().map(|code| rule(code)).collect::<Vec<Value>>(),
            }},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    }))
}

fn rule(code: &Code) -> Value {
    json!({
        "id": code.name,
        "shortDescription": {"text": code.summary},
        "help": {"text": code.explain, "markdown": code.explain},
        "defaultConfiguration": {"level": level(code.severity)},
    })
}

fn result(diagnostic: &Diagnostic, rules: &[&Code], places: &Places<'_>) -> Value {
    let mut message = diagnostic.message.clone();
    if let Some(help) = &diagnostic.help {
        message = format!("{message}\nhelp: {help}");
    }
    let mut result = Map::new();
    result.insert("ruleId".into(), diagnostic.code.name.into());
    result.insert(
        "ruleIndex".into(),
        // The rules include the codes of all findings, so this one is among them.
        rules.binary_search_by_key(&diagnostic.code.name, |code| code.name).unwrap_or(0).into(),
    );
    result.insert("level".into(), level(diagnostic.severity()).into());
    result.insert("message".into(), json!({"text": message}));
    result.insert(
        "locations".into(),
        diagnostic.span.iter().map(|span| location(*span, places)).collect(),
    );
    let others = diagnostic.labels.iter().map(|label| {
        let mut location = location(label.span, places);
        location["message"] = json!({"text": label.message});
        location
    });
    result.insert("relatedLocations".into(), others.collect());
    Value::Object(result)
}

fn location(span: Span, places: &Places<'_>) -> Value {
    let (start, end) = (places.start(span), places.end(span));
    json!({"physicalLocation": {
        "artifactLocation": {"uri": uri(&places.path(span.file))},
        "region": {
            "startLine": start.line,
            "startColumn": start.column,
            "endLine": end.line,
            "endColumn": end.column,
        },
    }})
}

const fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Advice => "note",
    }
}

/// Writes a path as a relative URI reference; `std:` stays a scheme.
fn uri(path: &str) -> String {
    let (scheme, path) = path.split_at(if path.starts_with("std:") { 4 } else { 0 });
    let mut uri = scheme.to_owned();
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            let _ = write!(uri, "%{byte:02X}");
        }
    }
    uri
}
