//! Converts when a container runs, and what becomes of its output.

use super::kdl::{Line, line};
use super::ledger::At;
use super::project::Project;
use super::secrets::is_secret;
use super::stack::Around;
use super::variables::owner_name;
use super::words;
use super::yaml::Node;
use crate::decl::docker_words;
use crate::decl::types::Type;

/// Words in the names and commands of containers that end by themselves.
const JOBS: &[&str] = &["migrat", "init", "setup", "seed", "bootstrap", "chown", "permission"];

/// Returns whether a service waits until another one has ended.
pub fn is_awaited(project: &Project, name: &str) -> bool {
    project.services.iter().any(|(_, node)| {
        let waits = node.get("depends_on").and_then(|all| all.get(name));
        waits.and_then(|waits| waits.get("condition")).and_then(Node::scalar)
            == Some("service_completed_successfully")
    })
}

/// Returns whether a container ends by itself.
pub fn is_job(project: &Project, name: &str, node: &Node) -> bool {
    let text = |key: &str| node.get(key).and_then(Node::scalar).unwrap_or_default();
    let stays = matches!(text("restart"), "always" | "unless-stopped");
    let never = matches!(text("restart"), "no" | "false");
    let hints = format!("{name} {}", text("command")).to_ascii_lowercase();
    is_awaited(project, name) || (!stays && never && JOBS.iter().any(|word| hints.contains(word)))
}

/// Converts `profiles`, `restart`, `deploy.restart_policy` and `logging`.
pub fn running(service: &At<'_>, around: &mut Around<'_>) -> Vec<Line> {
    let mut lines = Vec::new();
    let name = owner_name(service).to_owned();
    let by_hand = around.project.manual.contains(&name);
    let ends = by_hand || is_job(around.project, &name, service.node);
    if by_hand {
        lines.push(line("manual"));
    } else if ends {
        lines.push(line("once"));
    }
    if let Some(at) = service.get("profiles") {
        let what = if by_hand {
            "manual: a person starts it; `--profile` imports it as one that always runs"
        } else {
            "it always runs, since its profile is chosen"
        };
        around.ledger.changed(&at, what);
    }
    let policy = service
        .get("deploy")
        .and_then(|deploy| deploy.get("restart_policy"))
        .filter(|_| service.get("restart").is_none());
    if let Some(at) = service.get("restart") {
        let text = at.text().unwrap_or_default();
        if restart(text, (&name, ends), &at, &mut lines, around) {
            around.ledger.kept(&at, "restart");
        }
    }
    if let Some(at) = &policy {
        let field = |key: &str| at.get(key).and_then(|at| at.text()).unwrap_or_default();
        let policy = match (field("condition"), field("max_attempts")) {
            ("none", _) => "no".to_owned(),
            ("on-failure", "" | "0") => "on-failure".to_owned(),
            ("on-failure", retries) => format!("on-failure:{retries}"),
            _ => "always".to_owned(),
        };
        if restart(&policy, (&name, ends), at, &mut lines, around) {
            around.ledger.changed(at, "restart, without times, which docker does not keep");
        }
    }
    lines.extend(logging(service, around));
    lines
}

/// Adds what docker does when the container ends. Returns whether it can be said.
fn restart(
    policy: &str,
    (name, ends): (&str, bool),
    at: &At<'_>,
    lines: &mut Vec<Line>,
    around: &mut Around<'_>,
) -> bool {
    let (word, retries) = policy.split_once(':').unwrap_or((policy, ""));
    match word {
        "always" | "unless-stopped" if ends => {
            let what = if around.project.manual.contains(name) {
                "a container that a person starts is not started again when it ends"
            } else {
                "others wait for its end, so it is not started again"
            };
            around.ledger.changed(at, what);
            return false;
        }
        "unless-stopped" => {}
        "no" | "false" | "" if ends => {}
        "no" | "false" => {
            lines.push(line("restart").arg("no"));
            let finding = format!(
                "`{name}` is not started again when it ends: if it ends by itself, write `once` in \
                 place of `restart no`"
            );
            around.lab.findings.push((at.node.place, finding));
        }
        "always" => lines.push(line("restart").arg(word)),
        "on-failure" => {
            let node = line("restart").arg(word);
            let retries = retries.parse::<i64>().ok().filter(|count| (1..=1000).contains(count));
            lines.push(match retries {
                Some(count) => node.prop_number("retries", count),
                None => node,
            });
        }
        _ => {
            around.ledger.lost(at, "docker has no such policy");
            return false;
        }
    }
    true
}

fn logging(service: &At<'_>, around: &mut Around<'_>) -> Option<Line> {
    let at = service.get("logging")?;
    let driver = at.get("driver");
    let name = driver.as_ref().and_then(At::text).unwrap_or("json-file");
    if !words::accepted(Type::Word, name) || docker_words::driver_fault(name).is_some() {
        around.ledger.lost(&at, "docker has no such driver");
        return None;
    }
    let mut node = line("logging").arg(name);
    let options = at.get("options");
    let mut same = name == "json-file";
    let mut number = 0;
    for (key, option) in options.iter().flat_map(At::entries) {
        let value = option.text().unwrap_or_default();
        let plain = words::accepted(Type::Key, key)
            && words::accepted(Type::Any, value)
            && docker_words::log_option_fault(name, key, value).is_none();
        if !plain || around.secrets.hides(value) || is_secret(key, value) {
            around.ledger.lost(&option, "no option of a driver can hold it");
            same = false;
            continue;
        }
        same &= matches!((key, value), ("max-size", "10m") | ("max-file", "3"));
        number += 1;
        node = node.child(line("set").arg(key).arg(value));
        around.ledger.kept(&option, "logging");
    }
    if let Some(driver) = &driver {
        around.ledger.kept(driver, "logging");
    } else {
        around.ledger.changed(&at, "logging json-file");
    }
    for (key, other) in at.entries() {
        if key != "driver" && key != "options" {
            around.ledger.lost(&other, "compose has no such key");
        }
    }
    // These are the options that every container of a lab gets.
    (!(same && number == 2)).then_some(node)
}
