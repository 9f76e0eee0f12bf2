//! Plays what exporters really write against every rule and every panel.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};

use super::built::built;
use super::lab::compile_folder;
use crate::trixie::{Room, text};

#[test]
fn each_alert_fires_on_its_fault_and_none_in_a_healthy_week_and_each_panel_has_data() {
    let folder = built();
    let emitted = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(emitted.path(), emitted_by_labs_and_modules().to_string()).expect("a list");
    let Some(room) = Room::new() else { return };
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let answer = room
        .show(&folder.join("bare"), "/payload")
        .show(&here.join("src/emit/prometheus/rules"), "/rules")
        .show(&here.join("tests/emit/scrapes"), "/scrapes")
        .show(&here.join("tests/emit/measured.py"), "/measured.py")
        .show(emitted.path(), "/emitted.json")
        .sh("python3 /measured.py", &[]);
    assert!(answer.status.success(), "{}{}", text(&answer.stdout), text(&answer.stderr));
}

/// Lists the alerts and the panels that the labs of the repository get, and the alerts of every
/// module. Those that a lab declares itself are left out: `tests/labs` plays them.
fn emitted_by_labs_and_modules() -> Value {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut alerts, mut panels) = (BTreeSet::new(), BTreeSet::new());
    for lab in std::fs::read_dir(here.join("modules/labs")).expect("the labs") {
        let compiled = compile_folder(&lab.expect("a lab").path());
        for (path, file) in compiled.machines.values().flat_map(|one| &one.files) {
            let text = String::from_utf8_lossy(&file.bytes);
            if path.starts_with("prometheus/rules/") && !path.ends_with("/lab.yml") {
                let named = text.lines().filter_map(|line| line.trim().split_once("alert: "));
                alerts.extend(named.map(|(_, name)| name.trim_matches('\'').to_owned()));
            }
            if path.starts_with("grafana/dashboards/labwright/") {
                let board: Value = serde_json::from_str(&text).expect("a dashboard");
                for panel in board["panels"].as_array().into_iter().flatten() {
                    for target in panel["targets"].as_array().into_iter().flatten() {
                        let words = [&board["title"], &panel["title"], &target["expr"]];
                        let [title, panel, query] = words.map(|word| word.as_str().expect("text"));
                        // The overview has the name of its lab before its own.
                        let title = title.rsplit(": ").next().unwrap_or_default();
                        panels.insert([title, panel, query].map(str::to_owned));
                    }
                }
            }
        }
    }
    for module in std::fs::read_dir(here.join("modules/std")).expect("the modules") {
        let module = module.expect("a module").path().join("module.kdl");
        let text = std::fs::read_to_string(module).expect("a module");
        let named = text.lines().filter_map(|line| line.trim().strip_prefix("alert "));
        alerts.extend(named.filter_map(|rest| rest.split(' ').next()).map(str::to_owned));
    }
    json!({ "alerts": alerts, "panels": panels })
}
