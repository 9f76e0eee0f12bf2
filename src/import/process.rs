//! Converts how the processes of a container run.

use super::kdl::{Line, line};
use super::ledger::At;
use super::stack::Around;
use super::words;
use crate::decl::schema::ULIMITS;
use crate::decl::types::Type;

/// The keys with one value, with the node of each and the type of its value.
const TEXTS: &[(&str, &str, Type)] = &[
    ("hostname", "hostname", Type::Host),
    ("working_dir", "working-dir", Type::Path),
    ("stop_signal", "stop-signal", Type::Signal),
    ("pull_policy", "pull-policy", Type::Enum(&["always", "missing", "never"])),
    ("platform", "platform", Type::Platform),
    ("runtime", "runtime", Type::Word),
];

/// The keys that are numbers, each with the limits that the kernel sets.
const NUMBERS: &[(&str, &str, i64, i64)] =
    &[("pids_limit", "pids", 1, 4_194_304), ("cpu_shares", "cpu-shares", 2, 262_144)];

/// Converts keys that are true or false, with the node of each.
pub fn flags(
    keys: &[(&str, &str)],
    service: &At<'_>,
    around: &mut Around<'_>,
    lines: &mut Vec<Line>,
) {
    for (key, node) in keys {
        let Some(at) = service.get(key) else { continue };
        match at.node.truth() {
            Some(true) => lines.push(line(node).flag(true)),
            Some(false) => {}
            None => {
                around.ledger.lost(&at, "it is neither true nor false");
                continue;
            }
        }
        around.ledger.kept(&at, *node);
    }
}

/// Converts the keys about the processes of a container.
pub fn process(service: &At<'_>, around: &mut Around<'_>) -> Vec<Line> {
    let mut lines = Vec::new();
    for (key, node, ty) in TEXTS {
        let Some(at) = service.get(key) else { continue };
        let text = at.text().filter(|text| words::accepted(*ty, text));
        match text.filter(|text| !around.secrets.hides(text)) {
            Some(text) => {
                lines.push(line(node).arg(text));
                around.ledger.kept(&at, *node);
            }
            None => around.ledger.lost(&at, "it is not a value that a lab accepts"),
        }
    }
    flags(&[("tty", "tty"), ("stdin_open", "stdin")], service, around, &mut lines);
    for (key, node, least, most) in NUMBERS {
        let Some(at) = service.get(key) else { continue };
        let number = at.text().and_then(|text| text.parse::<i64>().ok());
        match number.filter(|number| (least..=most).contains(&number)) {
            Some(number) => {
                lines.push(line(node).number(number));
                around.ledger.kept(&at, *node);
            }
            None => around.ledger.lost(&at, "it is not a number that a lab accepts"),
        }
    }
    for (name, at) in service.get("ulimits").iter().flat_map(At::entries) {
        lines.extend(ulimit(name, &at, around));
    }
    let dns = service.get("dns");
    let dns: Vec<At<'_>> = dns.iter().flat_map(At::items).collect();
    let mut node = line("dns");
    let mut any = false;
    for at in dns {
        match at.text().filter(|text| words::accepted(Type::Address, text)) {
            Some(text) => {
                node = node.arg(text);
                any = true;
                around.ledger.kept(&at, "dns");
            }
            None => around.ledger.lost(&at, "it is not an address"),
        }
    }
    if any {
        lines.push(node);
    }
    lines
}

fn ulimit(name: &str, at: &At<'_>, around: &mut Around<'_>) -> Option<Line> {
    let number = |text: Option<&str>| {
        text.and_then(|text| text.parse::<i64>().ok()).filter(|number| *number >= -1)
    };
    let field = |key: &str| at.get(key).and_then(|at| number(at.text()));
    let (soft, hard) = (field("soft"), field("hard"));
    let fits = match (soft, hard) {
        (Some(soft), Some(hard)) => hard == -1 || (soft != -1 && soft <= hard),
        _ => true,
    };
    let start = line("ulimit").arg(name);
    let made = match (number(at.text()), soft, hard) {
        (Some(both), _, _) => Some(start.number(both)),
        (None, Some(soft), Some(hard)) if fits => {
            Some(start.prop_number("soft", soft).prop_number("hard", hard))
        }
        _ => None,
    };
    let made = made.filter(|_| words::accepted(Type::Enum(ULIMITS), name));
    if made.is_some() {
        around.ledger.kept(at, "ulimit");
    } else {
        around.ledger.lost(at, "it is not a limit that a lab accepts");
    }
    made
}
