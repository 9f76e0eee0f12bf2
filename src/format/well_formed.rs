//! Finds text that is not of the format that its file is said to have.

use serde::de::IgnoredAny;

use crate::kind::Kind;

/// What is wrong with a text.
#[derive(Debug)]
pub struct Malformed {
    /// The line, counted from 1.
    pub line: usize,
    /// What it is.
    pub problem: String,
    /// What to do about it.
    pub help: &'static str,
}

/// The deepest nesting of YAML that is read.
const DEEPEST: usize = 100;

/// Finds the first fault of a text that its reader would refuse.
pub fn malformed(kind: Kind, name: &str, text: &str) -> Option<Malformed> {
    match kind {
        Kind::Json | Kind::GrafanaDashboard => json(text),
        Kind::Yaml
        | Kind::Compose
        | Kind::CloudInitUserData
        | Kind::CloudInitMetaData
        | Kind::CloudInitNetworkConfig
        | Kind::PrometheusConfig
        | Kind::PrometheusRules
        | Kind::Alertmanager
        | Kind::Loki
        | Kind::GrafanaProvisioning => yaml(text),
        Kind::Traefik if matches!(name.rsplit('.').next(), Some("yaml" | "yml")) => yaml(text),
        Kind::Shell => shell(text),
        _ => None,
    }
}

fn json(text: &str) -> Option<Malformed> {
    let error = serde_json::from_str::<IgnoredAny>(text).err()?;
    Some(Malformed {
        line: error.line().max(1),
        problem: format!("it is not JSON: {error}"),
        help: "correct it, or write `kind=text` if its program reads more than JSON, such as \
               comments",
    })
}

fn yaml(text: &str) -> Option<Malformed> {
    let options = granit_parser::options! {
        flow_nesting_limit: DEEPEST,
        block_nesting_limit: DEEPEST,
    };
    let mut events = granit_parser::Parser::new_from_str_with_options(text, options);
    let error = events.find_map(Result::err)?;
    Some(Malformed {
        line: error.marker().line().max(1),
        problem: format!("it is not YAML: {}", error.info()),
        help: "correct it, or write `kind=text` if its program reads something else",
    })
}

fn shell(text: &str) -> Option<Malformed> {
    let at = text.find("\r\n")?;
    Some(Malformed {
        line: text.get(..at).unwrap_or_default().lines().count().max(1),
        problem: "its lines end as on Windows, which sh takes for a part of its words".to_owned(),
        help: "let the lines end in a line feed alone, as `dos2unix` makes them",
    })
}

#[cfg(test)]
mod tests {
    use super::malformed;
    use crate::kind::Kind;

    #[test]
    fn only_what_its_reader_refuses_is_found() {
        let line = |kind, text| malformed(kind, "x.yaml", text).map(|found| found.line);
        for (kind, text) in [
            (Kind::Json, "{\"a\": [1, 2]}\n"),
            (Kind::Yaml, ""),
            (Kind::Yaml, "a: !include b.yaml\n---\nc: d\n"),
            (Kind::Text, "{"),
            (Kind::Ini, "{"),
            (Kind::Shell, "echo 'a\r'\n"),
        ] {
            assert_eq!(line(kind, text), None, "{text}");
        }
        assert_eq!(line(Kind::Json, "{\n\"a\": }"), Some(2));
        assert_eq!(line(Kind::Json, ""), Some(1));
        assert_eq!(line(Kind::Yaml, "a: b\nc: [d\n"), Some(2));
        assert_eq!(line(Kind::Traefik, "a: b: c\n"), Some(1));
        assert_eq!(line(Kind::Shell, "#!/bin/sh\r\nid\r\n"), Some(1));
        assert_eq!(line(Kind::Yaml, &"[".repeat(100_000)), Some(1));
    }
}
