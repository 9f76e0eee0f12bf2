//! Knows which settings a unit file may have, and what their values may be.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::times::{is_calendar, is_span};
use crate::decl::grammar;
use crate::diag::nearest;

/// The grammars of values, by section and name.
static SETTINGS: LazyLock<BTreeMap<&str, BTreeMap<&str, &str>>> = LazyLock::new(|| {
    let mut sections: BTreeMap<&str, BTreeMap<&str, &str>> = BTreeMap::new();
    let mut section = "";
    for line in include_str!("settings.txt").lines().filter(|line| !line.starts_with('#')) {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            section = name;
        } else if let Some((grammar, names)) = line.split_once(' ') {
            let names = names.split(' ').map(|name| (name, grammar));
            sections.entry(section).or_default().extend(names);
        }
    }
    sections
});

/// The section whose settings [Service], [Socket] and [Mount] have too.
const PROCESS: &str = "Process";

/// Lists the settings of a section with their grammars.
fn of_section(section: &str) -> impl Iterator<Item = (&'static str, &'static str)> {
    let shared = ["Service", "Socket", "Mount"].contains(&section).then_some(PROCESS);
    let sections = std::iter::once(section.to_owned()).chain(shared.map(str::to_owned));
    sections
        .flat_map(|name| SETTINGS.get(name.as_str()).into_iter().flatten())
        .map(|(a, b)| (*a, *b))
}

/// Returns what is wrong with a setting, if systemd would ignore it or refuse the unit.
pub fn refused(section: &str, name: &str, words: &[String]) -> Option<String> {
    // Names that begin like this are for other programs.
    if name.starts_with("X-") || section.starts_with("X-") {
        return None;
    }
    let Some((_, grammar)) = of_section(section).find(|(known, _)| *known == name) else {
        let near = nearest(name, of_section(section).map(|(known, _)| known));
        let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        return Some(format!("[{section}] of a unit has no setting `{name}`{near}"));
    };
    let values = match grammar {
        "command" => return None,
        "assignments" => words,
        // More values than one are refused where the file is written.
        _ => words.get(..1).unwrap_or_default(),
    };
    let wrong = values.iter().find(|value| !value.is_empty() && !is(grammar, value))?;
    Some(format!("`{name}` of a unit can't be `{wrong}`: write {}", describe(grammar)))
}

/// Returns whether a value has one of the forms that a grammar names.
fn is(grammar: &str, value: &str) -> bool {
    let filled = filled(value);
    grammar
        .split('|')
        .any(|form| is_form(form, value) || (SPECIFIED.contains(&form) && is_form(form, &filled)))
}

/// The forms in which systemd fills in specifiers.
const SPECIFIED: &[&str] =
    &["account", "file", "folders", "path", "paths", "slice", "stream", "unit", "units"];

/// Fills in specifiers such as `%i` or, for a path, `%h`.
fn filled(value: &str) -> String {
    let mut filled = String::with_capacity(value.len());
    let mut rest = value;
    while let Some((before, after)) = rest.split_once('%') {
        filled.push_str(before);
        let folder =
            after.starts_with(['h', 't', 'S', 'C', 'L', 'E', 'T', 'V', 'd', 'D', 'y', 'Y']);
        let Some(letter) = after.chars().next().filter(char::is_ascii_alphabetic) else {
            filled.push('%');
            rest = after;
            continue;
        };
        filled.push_str(if folder { "/x" } else { "x" });
        rest = after.get(letter.len_utf8()..).unwrap_or_default();
    }
    filled.push_str(rest);
    filled
}

fn is_form(form: &str, value: &str) -> bool {
    let each = |fits: &dyn Fn(&str) -> bool| value.split_whitespace().all(fits);
    // `-` before a path means that it may be missing, `+` that it is below the root folder.
    let is_path = |path: &str| path.trim_start_matches(['-', '+', '!', ':']).starts_with('/');
    match form {
        "text" | "command" => true,
        "boolean" => BOOLEANS.contains(&value.to_ascii_lowercase().as_str()),
        "span" => is_span(value),
        "calendar" => is_calendar(value),
        "unit" => is_unit(value),
        "slice" => is_unit(value) && value.strip_suffix(".slice").is_some(),
        "units" => each(&is_unit),
        "path" | "file" => is_path(value),
        "paths" => each(&is_path),
        "folders" => each(&|path| !path.starts_with('/') && !path.contains("..")),
        "unsigned" => value.parse::<u32>().is_ok(),
        "integer" => value.parse::<i64>().is_ok(),
        "size" => is_size(value),
        "percent" => value.strip_suffix('%').is_some_and(|number| number.parse::<f64>().is_ok()),
        "limit" => {
            value.splitn(2, ':').all(|one| one == "infinity" || is_size(one) || is_span(one))
        }
        "signal" => grammar::is_signal(value),
        "mode" => {
            (1..=5).contains(&value.len()) && value.bytes().all(|byte| matches!(byte, b'0'..=b'7'))
        }
        "account" => grammar::is_owner(value),
        "interface" => grammar::is_interface(value),
        "assignments" => value.split_once('=').is_some_and(|(name, _)| grammar::is_variable(name)),
        "capabilities" => value.trim_start_matches('~').split_whitespace().all(|one| {
            one.strip_prefix("CAP_")
                .is_some_and(|name| name != "ALL" && grammar::is_capability(name))
        }),
        "listen" => is_socket(value),
        "action" => ACTIONS.contains(&value),
        "job" => JOBS.contains(&value),
        "stream" => {
            ["file:/", "append:/", "truncate:/", "fd:"].iter().any(|how| value.starts_with(how))
        }
        _ => match form.split_once("..") {
            Some((least, most)) => {
                let (least, most) = (least.parse::<i64>(), most.parse::<i64>());
                value.parse::<i64>().is_ok_and(|value| {
                    least.is_ok_and(|least| least <= value) && most.is_ok_and(|most| value <= most)
                })
            }
            None => form == value,
        },
    }
}

/// Describes the forms of a value, for a message.
fn describe(grammar: &str) -> String {
    let words: Vec<String> = grammar.split('|').map(describe_form).collect();
    match words.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => words.concat(),
    }
}

fn describe_form(form: &str) -> String {
    let list = |words: &[&str]| {
        let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
        format!("one of {}", words.join(", "))
    };
    match form {
        "boolean" => "`yes`, `no`".to_owned(),
        "span" => "a time such as `5min`".to_owned(),
        "calendar" => "times such as `daily` or `Mon *-*-* 04:00:00`".to_owned(),
        "unit" => "a unit with its suffix, such as `x.service`".to_owned(),
        "slice" => "a slice such as `x.slice`".to_owned(),
        "units" => "units with their suffixes, such as `network-online.target`".to_owned(),
        "path" | "file" => "an absolute path".to_owned(),
        "paths" => "absolute paths".to_owned(),
        "folders" => "names of folders, without `/` at the beginning".to_owned(),
        "unsigned" | "integer" => "a whole number".to_owned(),
        "size" => "a size such as `512M`".to_owned(),
        "percent" => "a share such as `50%`".to_owned(),
        "limit" => "a limit such as `65536`, or `infinity`".to_owned(),
        "signal" => "a signal such as `SIGINT`".to_owned(),
        "mode" => "a mode such as `0750`".to_owned(),
        "account" => "a user or group, by name or number".to_owned(),
        "interface" => "a network interface".to_owned(),
        "assignments" => "assignments such as `NAME=value`, each by itself".to_owned(),
        "capabilities" => "capabilities such as `CAP_NET_ADMIN`".to_owned(),
        "listen" => "a port, a path, or an address and a port".to_owned(),
        "stream" => "`append:` and a path".to_owned(),
        "action" => list(ACTIONS),
        "job" => list(JOBS),
        _ => match form.split_once("..") {
            Some((least, most)) => format!("a number from {least} to {most}"),
            None => format!("`{form}`"),
        },
    }
}

const BOOLEANS: &[&str] =
    &["1", "yes", "y", "true", "t", "on", "0", "no", "n", "false", "f", "off"];

#[rustfmt::skip] // A table is read line by line.
const ACTIONS: &[&str] = &[
    "none", "exit", "exit-force", "reboot", "reboot-force", "reboot-immediate", "poweroff",
    "poweroff-force", "poweroff-immediate", "soft-reboot", "soft-reboot-force", "kexec",
    "kexec-force", "halt", "halt-force", "halt-immediate",
];

#[rustfmt::skip] // A table is read line by line.
const JOBS: &[&str] = &[
    "fail", "replace", "replace-irreversibly", "isolate", "flush", "ignore-dependencies",
    "ignore-requirements", "restart-dependencies",
];

/// Returns whether text is the name of a unit of any kind, those among them that nobody declares.
fn is_unit(text: &str) -> bool {
    grammar::is_unit(text)
        || ["-.mount", "-.slice"].contains(&text)
        || ["device", "scope"].iter().any(|suffix| {
            let stem = text.strip_suffix(suffix).and_then(|stem| stem.strip_suffix('.'));
            stem.is_some_and(|stem| grammar::is_unit(&format!("{stem}.service")))
        })
}

fn is_size(text: &str) -> bool {
    let number = text.trim_end_matches('B').trim_end_matches(['K', 'M', 'G', 'T', 'P', 'E']);
    text.len() - number.len() <= 2 && number.parse::<f64>().is_ok_and(|number| number >= 0.0)
}

fn is_socket(text: &str) -> bool {
    let is_port = |port: &str| port.parse::<u16>().is_ok_and(|port| port > 0);
    let with_port = |text: &str| {
        text.rsplit_once(':').is_some_and(|(host, port)| {
            let host =
                host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
            is_port(port) && host.parse::<std::net::IpAddr>().is_ok()
        })
    };
    let other = text.starts_with(['/', '@']) && text.len() > 1;
    other || text.starts_with("vsock:") || is_port(text) || with_port(text)
}
