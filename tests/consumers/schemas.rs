//! Checks the files of Loki, Traefik and Alloy, which Debian does not have, against our own lists
//! of the keys in their references.
//!
//! On 20 November 2026, Loki 3.7.6 (`-verify-config`, and started) and Traefik 3.7.15 accepted the
//! labs' files.

use super::{Verdict, json_schema, yaml};
use std::path::{Path, PathBuf};

/// Checks that Loki knows every key of a file.
pub fn loki(file: &Path) -> Verdict {
    yaml(file).and_then(|()| json_schema(&schema("loki.yaml"), file))
}

/// Checks that Traefik knows every key of a file, a static or a dynamic one.
pub fn traefik(file: &Path) -> Verdict {
    yaml(file).and_then(|()| json_schema(&schema("traefik.yaml"), file))
}

fn schema(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/consumers/schemas").join(name)
}

/// The blocks that we write for Alloy, each with its allowed content: grafana.com/docs/alloy,
/// reference of the components.
const ALLOY: &[(&str, &[&str])] = &[
    ("logging", &["level", "format"]),
    ("loki.write", &["endpoint", "external_labels"]),
    ("endpoint", &["url", "name", "tenant_id"]),
    ("discovery.docker", &["host", "refresh_interval", "filter"]),
    ("discovery.relabel", &["targets", "rule"]),
    ("loki.relabel", &["forward_to", "rule"]),
    ("rule", &["source_labels", "regex", "target_label", "replacement", "action"]),
    (
        "loki.source.docker",
        &["host", "targets", "relabel_rules", "forward_to", "labels", "refresh_interval"],
    ),
    (
        "loki.source.journal",
        &["max_age", "path", "relabel_rules", "labels", "forward_to", "matches"],
    ),
];

/// Checks that Alloy knows every block and attribute of a file, each on a line of its own, and that
/// what they refer to exists.
pub fn alloy(file: &Path) -> Verdict {
    let text =
        std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let refuse = |line: &str, why: &str| Err(format!("{}: refused: {why}: {line}", file.display()));
    let label = |line: &str| line.split('"').nth(1).unwrap_or_default().to_owned();
    let blocks = text.lines().filter(|line| line.ends_with(" {"));
    let known: Vec<String> = blocks
        .map(|line| {
            format!("{}.{}", line.split_whitespace().next().unwrap_or_default(), label(line))
        })
        .collect();
    let mut open: Vec<&[&str]> = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let word = line.split_whitespace().next().unwrap_or_default();
        if open.last().is_some_and(|inside| line != "}" && !inside.contains(&word)) {
            return refuse(line, "not known here");
        }
        if line == "}" {
            if open.pop().is_none() {
                return refuse(line, "closes nothing");
            }
        } else if line.ends_with(" {") {
            let Some((_, inside)) = ALLOY.iter().find(|(name, _)| *name == word) else {
                return refuse(line, "no such block");
            };
            open.push(inside);
        } else {
            let Some((_, value)) = line.split_once(" = ").or_else(|| line.split_once("= ")) else {
                return refuse(line, "no attribute");
            };
            let reference = value.trim().trim_start_matches('[').trim_end_matches(']');
            let refers = reference.starts_with("loki.") || reference.starts_with("discovery.");
            if refers && !known.iter().any(|name| reference.starts_with(&format!("{name}."))) {
                return refuse(line, "refers to nothing");
            }
        }
    }
    if open.is_empty() { Ok(()) } else { refuse("", "a block is not closed") }
}

const LOKI: &str = "schema_config: {configs: [{from: '2024-01-01', store: tsdb, object_store: \
                    filesystem, schema: v13, index: {prefix: index_, period: 24h}}]}
compactor: {working_directory: /loki/compactor, retention_enabled: true, delete_request_store: \
filesystem}
limits_config: {retention_period: 720h}
";

#[test]
fn refuses_a_key_that_loki_does_not_know() {
    super::tells_apart(
        "loki.yaml",
        LOKI,
        &LOKI.replace("retention_period", "retention_time"),
        "retention_time",
        loki,
    );
}

#[test]
fn refuses_a_retention_of_loki_that_nothing_enforces() {
    super::tells_apart(
        "loki.yaml",
        LOKI,
        &LOKI.replace("retention_enabled: true, ", ""),
        "retention_enabled",
        loki,
    );
}

#[test]
fn refuses_a_key_that_traefik_does_not_know() {
    let file = "entryPoints: {https: {address: ':443'}}\nproviders: {file: {directory: \
                /etc/traefik/dynamic, watch: true}}\n";
    super::tells_apart("traefik.yaml", file, &file.replace("watch", "wach"), "wach", traefik);
    let routes = "http:\n  routers:\n    a: {rule: 'Host(`a.example.org`)', service: a, tls: \
                  {}}\n  services:\n    a: {loadBalancer: {servers: [{url: 'http://a:80'}]}}\n";
    super::tells_apart(
        "routes.yaml",
        routes,
        &routes.replace("loadBalancer", "loadbalancer"),
        "loadbalancer",
        traefik,
    );
}

#[test]
fn refuses_what_alloy_does_not_know_and_what_is_not_there() {
    let file = "loki.write \"lab\" {\n  endpoint {\n    url = \
                \"http://loki:3100/loki/api/v1/push\"\n  }\n}\n\nloki.source.journal \"machine\" \
                {\n  forward_to = [loki.write.lab.receiver]\n}\n";
    super::tells_apart(
        "config.alloy",
        file,
        &file.replace("forward_to", "forwards_to"),
        "not known here",
        alloy,
    );
    super::tells_apart(
        "config.alloy",
        file,
        &file.replace("write \"lab\"", "write \"labs\""),
        "refers to nothing",
        alloy,
    );
    super::tells_apart(
        "config.alloy",
        file,
        &file.replace("loki.source.journal", "loki.source.journald"),
        "no such block",
        alloy,
    );
}
