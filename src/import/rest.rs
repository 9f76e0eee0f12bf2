//! Converts what the language has no node for, and says what becomes of what nothing can hold.

use super::kdl::{Line, line};
use super::ledger::At;
use super::stack::Around;

use super::yaml::Value;

/// How a key without a node of its own gets into the compose file.
enum Raw {
    Text,
    Number,
    Flag,
    List,
    Map,
}

/// The keys that `raw` sets.
const RAWS: &[(&str, Raw)] = &[
    ("annotations", Raw::Map),
    ("cgroup", Raw::Text),
    ("cgroup_parent", Raw::Text),
    ("cpu_count", Raw::Number),
    ("cpu_percent", Raw::Number),
    ("cpu_period", Raw::Text),
    ("cpu_quota", Raw::Text),
    ("cpu_rt_period", Raw::Text),
    ("cpu_rt_runtime", Raw::Text),
    ("cpuset", Raw::Text),
    ("device_cgroup_rules", Raw::List),
    ("dns_opt", Raw::List),
    ("dns_search", Raw::List),
    ("domainname", Raw::Text),
    ("mac_address", Raw::Text),
    ("mem_swappiness", Raw::Number),
    ("oom_kill_disable", Raw::Flag),
    ("oom_score_adj", Raw::Number),
    ("storage_opt", Raw::Map),
    ("userns_mode", Raw::Text),
    ("uts", Raw::Text),
];

/// Converts what the language has no node for, into the service's `raw`.
pub fn raw(service: &At<'_>, raws: &mut Vec<Line>, around: &mut Around<'_>) {
    for (key, kind) in RAWS {
        let Some(at) = service.get(key) else { continue };
        let start = line("raw").arg(format!("compose.{key}"));
        let hidden = around.secrets.hides(&super::merge::written(at.node));
        let node = if hidden { None } else { raw_value(start, &at, kind) };
        match node {
            Some(node) => {
                raws.push(node);
                around.ledger.kept(&at, format!("raw compose.{key}"));
            }
            None => around.ledger.lost(&at, "it is not a value that `raw` can hold"),
        }
    }
    for key in ["ipc", "pid"] {
        let Some(at) = service.get(key).filter(|at| at.text() != Some("host") || key == "ipc")
        else {
            continue;
        };
        match at.text() {
            Some(mode) if !mode.contains(':') && !mode.is_empty() => {
                raws.push(line("raw").arg(format!("compose.{key}")).arg(mode));
                around.ledger.kept(&at, format!("raw compose.{key}"));
            }
            _ => around.ledger.lost(&at, "a lab does not share it between two containers"),
        }
    }
}

fn raw_value(start: Line, at: &At<'_>, kind: &Raw) -> Option<Line> {
    let plain = |text: &str| !text.is_empty() && !text.contains('\0');
    match kind {
        Raw::Text => at.text().filter(|text| plain(text)).map(|text| start.arg(text)),
        Raw::Number => Some(start.number(at.text()?.parse().ok()?)),
        Raw::Flag => Some(start.flag(at.node.truth()?)),
        Raw::List => {
            let items = at.items();
            let all = items.iter().all(|item| item.text().is_some_and(plain));
            (all && !items.is_empty())
                .then(|| items.iter().filter_map(At::text).fold(start, Line::arg))
        }
        Raw::Map => {
            let Value::Map(entries) = &at.node.value else { return None };
            // A `raw` names its container or unit by these two, so they can't be entries of a map.
            let own = |name: &str| matches!(name, "container" | "unit");
            let all = entries.iter().all(|(name, node)| {
                plain(name) && !own(name) && node.scalar().is_some_and(|text| !text.contains('\0'))
            });
            (all && !entries.is_empty()).then(|| {
                entries.iter().fold(start, |line, (name, node)| {
                    line.prop(name, node.scalar().unwrap_or_default())
                })
            })
        }
    }
}

/// Says what becomes of keys that have no counterpart.
pub fn others(service: &At<'_>, around: &mut Around<'_>) {
    let lost = [
        ("attach", "it is only about what `docker compose up` prints"),
        ("blkio_config", "a lab does not share out the bandwidth of disks"),
        ("credential_spec", "it is for Windows"),
        ("develop", "labwright runs services, and helps nobody develop them"),
        ("external_links", "containers outside the lab have no names in it"),
        ("isolation", "it is for Windows"),
        ("models", "a lab runs no models of docker's own"),
        ("post_start", "a lab runs no command after a start; use a `script` of a module"),
        ("pre_stop", "a lab runs no command before a stop"),
        ("provider", "a lab runs no plug-ins of compose"),
        ("pull_refresh_after", "a lab pulls an image when its name changes"),
        ("use_api_socket", "mount the socket with `mount`, or put a proxy before it"),
    ];
    for (key, why) in lost {
        if let Some(at) = service.get(key) {
            around.ledger.lost(&at, why);
        }
    }
    if let Some(at) = service.get("scale") {
        if at.text() == Some("1") {
            around.ledger.kept(&at, "one container");
        } else {
            around.ledger.lost(&at, "a lab runs one container of each kind");
        }
    }
    if let Some(at) = service.get("container_name") {
        around.ledger.changed(&at, "labwright names containers after services");
    }
    for (key, _) in service.entries() {
        if key.starts_with("x-")
            && let Some(at) = service.get(key)
        {
            around.ledger.lost(&at, "compose itself ignores it");
        }
    }
}
