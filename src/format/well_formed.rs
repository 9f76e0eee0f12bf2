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

/// Finds the first fault of a text that its reader would refuse. What has no kind of its own is
/// known by its name, unless that is empty.
pub fn malformed(kind: Kind, name: &str, text: &str) -> Option<Malformed> {
    let ending = name.rsplit('.').next().unwrap_or_default();
    // A program that is written in C ends a text there.
    if let Some(at) = text.find('\0') {
        return Some(Malformed {
            line: line_at(text, at),
            problem: "it has a NUL byte, at which many programs end a text".to_owned(),
            help: "remove that byte",
        });
    }
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
        Kind::Traefik if matches!(ending, "yaml" | "yml") => yaml(text),
        Kind::Traefik | Kind::Text if ending == "toml" => toml(text),
        Kind::Text if ending == "xml" => xml(text),
        Kind::Shell => shell(text),
        Kind::Env => env(text),
        // Other files of this kind, such as those that end in `.conf`, have any grammar.
        Kind::Ini if ending == "ini" => sections(text),
        Kind::SystemdUnit | Kind::Fail2ban => sections(text),
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

fn toml(text: &str) -> Option<Malformed> {
    let error = toml::de::DeTable::parse(text).err()?;
    let at = error.span().map_or(0, |span| span.start);
    Some(Malformed {
        line: line_at(text, at),
        problem: format!("it is not TOML: {}", error.message()),
        help: "correct it, or write `kind=text` if its program reads something else",
    })
}

fn xml(text: &str) -> Option<Malformed> {
    let error = roxmltree::Document::parse(text).err()?;
    // What a document type lets a document say, only its own reader knows.
    if matches!(error, roxmltree::Error::DtdDetected) {
        return None;
    }
    let line = usize::try_from(error.pos().row).unwrap_or(1);
    // The place is told by the finding.
    let told = error.to_string();
    let problem = told.rsplit_once(" at ").map_or(told.as_str(), |(problem, _)| problem);
    Some(Malformed {
        line: line.max(1),
        problem: format!("it is not XML: {problem}"),
        help: "correct it, or write `kind=text` if its program reads something else",
    })
}

/// Finds what no reader of `NAME=value` takes for a variable. In quotes, a value has several lines.
fn env(text: &str) -> Option<Malformed> {
    let found = |line: usize, problem: &str| {
        Some(Malformed {
            line: line + 1,
            problem: problem.to_owned(),
            help: "write `NAME=value`, and a `#` before what is a comment",
        })
    };
    // The line where a quote was opened, and the quote.
    let mut open: Option<(usize, char)> = None;
    for (number, line) in text.lines().enumerate() {
        let mut value = line;
        if open.is_none() {
            let line = line.trim();
            if line.is_empty() || line.starts_with(['#', ';']) {
                continue;
            }
            let line = line.strip_prefix("export ").unwrap_or(line).trim_start();
            let (name, given) = line.split_once('=').unwrap_or((line, ""));
            if !is_variable(name.trim_end()) {
                return found(number, "it has a line that sets no variable");
            }
            value = given.trim_start();
            let Some(quote) = value.chars().next().filter(|first| "\"'".contains(*first)) else {
                continue;
            };
            open = Some((number, quote));
            value = value.get(1..).unwrap_or_default();
        }
        if open.is_some_and(|(_, quote)| closes(value, quote)) {
            open = None;
        }
    }
    open.and_then(|(line, quote)| found(line, &format!("it has no `{quote}` that ends a value")))
}

fn is_variable(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
}

/// Returns whether a text has a quote in it that no backslash stands before.
fn closes(text: &str, quote: char) -> bool {
    let mut escaped = false;
    text.chars().any(|character| {
        let closes = character == quote && (!escaped || quote == '\'');
        escaped = character == '\\' && !escaped;
        closes
    })
}

/// Finds the name of a section that does not end.
fn sections(text: &str) -> Option<Malformed> {
    let open = |line: &str| line.starts_with('[') && !line.contains(']');
    let number = text.lines().position(open)?;
    Some(Malformed {
        line: number + 1,
        problem: "it has a section whose name has no `]` at its end".to_owned(),
        help: "write the name of the section as `[name]`",
    })
}

/// Returns the number of the line that has a byte.
fn line_at(text: &str, at: usize) -> usize {
    text.get(..at).unwrap_or(text).matches('\n').count() + 1
}

fn shell(text: &str) -> Option<Malformed> {
    let at = text.find("\r\n")?;
    Some(Malformed {
        line: line_at(text, at),
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
            (Kind::Ini, "[a"),
            (Kind::Shell, "echo 'a\r'\n"),
            (Kind::Env, "# a\nA=b\nexport B=\"c\nd \\\" e\"\n\nC = it's\nD\nE_1.x='a\\'\n"),
            (Kind::SystemdUnit, "[Unit]\nAfter=[\n"),
        ] {
            assert_eq!(line(kind, text), None, "{text}");
        }
        assert_eq!(line(Kind::Env, "A=b\nhello world\n"), Some(2));
        assert_eq!(line(Kind::Env, "A=b\nC='d\nE=f\n"), Some(2));
        assert_eq!(line(Kind::Env, "1A=b\n"), Some(1));
        assert_eq!(line(Kind::Fail2ban, "[a]\nb = c\n[d\n"), Some(3));
        for kind in [Kind::Text, Kind::Shell, Kind::Yaml, Kind::Ini] {
            assert_eq!(line(kind, "a\nb\0\n"), Some(2), "{kind:?}");
        }
        assert_eq!(line(Kind::Json, "{\n\"a\": }"), Some(2));
        assert_eq!(line(Kind::Json, ""), Some(1));
        assert_eq!(line(Kind::Yaml, "a: b\nc: [d\n"), Some(2));
        assert_eq!(line(Kind::Traefik, "a: b: c\n"), Some(1));
        assert_eq!(line(Kind::Shell, "#!/bin/sh\r\nid\r\n"), Some(1));
        assert_eq!(line(Kind::Yaml, &"[".repeat(100_000)), Some(1));
    }
    #[test]
    fn what_has_no_kind_is_known_by_its_name() {
        let line = |name, text| malformed(Kind::Text, name, text).map(|found| found.line);
        let deep = "<a>".repeat(100_000);
        for (name, text) in [
            ("x.toml", "# a\n[a.b]\nc = [1, 2979-05-27]\n"),
            ("x.toml", ""),
            ("x.xml", "<?xml version=\"1.0\"?>\n<a b=\"c\"><d/>&amp;</a>\n"),
            ("x.xml", "<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>"),
            ("x.html", "<br>"),
            ("", "<a>"),
        ] {
            assert_eq!(line(name, text), None, "{text}");
        }
        assert_eq!(line("x.toml", "a = 1\n[b\n"), Some(2));
        assert_eq!(line("x.toml", "a = 1\na = 2\n"), Some(2));
        assert_eq!(line("x.xml", "<a>\n</b>\n"), Some(2));
        assert_eq!(line("x.xml", "<a/>\n<b/>"), Some(2));
        assert_eq!(line("x.xml", &deep), Some(1));
        assert_eq!(line("x.toml", &format!("a = {}", "[".repeat(100_000))), Some(1));
        assert_eq!(malformed(Kind::Ini, "x.ini", "a=b\n[c\n").map(|found| found.line), Some(2));
    }
}
