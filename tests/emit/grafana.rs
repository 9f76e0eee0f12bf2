//! Checks Grafana's provisioning: dashboards that query what is measured, and the script that
//! fetches the others.

use std::collections::BTreeSet;

use serde_json::Value;

use super::built::built;
use crate::trixie::{Room, text};

fn boards() -> Vec<(String, Value)> {
    let folder = built().join("bare/grafana/dashboards/labwright");
    let mut boards: Vec<_> = std::fs::read_dir(folder)
        .expect("the dashboards")
        .map(|entry| {
            let path = entry.expect("a dashboard").path();
            let text = std::fs::read_to_string(&path).expect("a dashboard");
            let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
            (name, serde_json::from_str(&text).expect("a dashboard is JSON"))
        })
        .collect();
    boards.sort_by(|one, other| one.0.cmp(&other.0));
    boards
}

#[test]
fn the_datasource_that_dashboards_ask_is_there() {
    let sources = std::fs::read_to_string(built().join("bare/grafana/datasources/labwright.yaml"))
        .expect("the datasources");
    let boards = boards();
    assert_eq!(
        boards.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
        ["containers", "machines", "overview"]
    );
    for (name, board) in boards {
        for panel in board["panels"].as_array().expect("panels") {
            let uid = panel["datasource"]["uid"].as_str().expect("a uid");
            assert!(sources.contains(&format!("uid: '{uid}'")), "{name} asks {uid}");
        }
    }
}

#[test]
fn panels_stand_beside_and_below_each_other() {
    for (name, board) in boards() {
        let mut taken = BTreeSet::new();
        for panel in board["panels"].as_array().expect("panels") {
            let place = |key: &str| panel["gridPos"][key].as_u64().expect("a number");
            assert!(place("x") + place("w") <= 24, "{name}: {}", panel["title"]);
            for x in place("x")..place("x") + place("w") {
                for y in place("y")..place("y") + place("h") {
                    assert!(taken.insert((x, y)), "{name}: {} covers another", panel["title"]);
                }
            }
        }
    }
}

#[test]
fn a_colour_is_chosen_and_a_title_names_one_panel() {
    for (name, board) in boards() {
        let mut titles = BTreeSet::new();
        for panel in board["panels"].as_array().expect("panels") {
            let (title, kind) = (&panel["title"], panel["type"].as_str().expect("a type"));
            assert!(titles.insert(title.to_string()), "{name}: {title} twice");
            // Grafana's own thresholds turn red from 80 on, such as 80 days until a certificate
            // expires or a backup that is 80 seconds old.
            let chosen = !panel["fieldConfig"]["defaults"]["color"].is_null();
            assert!(chosen || !["stat", "bargauge"].contains(&kind), "{name}: {title}");
        }
    }
}

/// Runs the script that fetches dashboards twice with a stand-in for grafana.com, after `prepare`.
fn fetch(curl: &str, check: &str) {
    let folder = built();
    let Some(room) = Room::new() else { return };
    let script = format!(
        "mkdir /tmp/bin && cat >/tmp/bin/curl <<'END'
#!/bin/sh
for url do :; done
while [ \"$1\" != --output ]; do shift; done
echo \"$url\" >>/tmp/asked
{curl}
END
chmod 0755 /tmp/bin/curl
export PATH=/tmp/bin:$PATH
cd /payload
shown=/etc/labwright/services/grafana/dashboards/grafana-com
{check}"
    );
    let answer = room.show(&folder.join("bare"), "/payload").sh(&script, &[]);
    assert!(answer.status.success(), "{}{}", text(&answer.stdout), text(&answer.stderr));
}

const GRAFANA_COM: &str = r#"case $url in
*/download) echo '{
    "__inputs": [{"name": "DS_PROM", "type": "datasource", "pluginId": "prometheus"}],
    "id": 7, "uid": "x", "panels": [{"datasource": "${DS_PROM}", "title": "${DS_OTHER}",
    "targets": [{"datasource": {"uid": "${DS_PROM}"}, "expr": "up"}]}]}' ;;
*) echo '{"revision": 4}' ;;
esac >"$2""#;

#[test]
fn fetches_pinned_revisions_once_and_points_them_at_ours() {
    fetch(
        GRAFANA_COM,
        r#"sh activate.d/50-dashboards-grafana.sh
        [ "$(ls "$shown")" = "$(printf '%s\n' 11074.json 15662.json 1860.json 893.json)" ]
        jq -e '.uid == "grafana-com-1860" and .id == null and (has("__inputs") | not)
            and .panels[0].datasource == "prometheus-prometheus"
            and .panels[0].targets[0].datasource.uid == "prometheus-prometheus"
            and .panels[0].title == "${DS_OTHER}"' "$shown/1860.json"
        grep -qx https://grafana.com/api/dashboards/1860/revisions/42/download /tmp/asked
        grep -qx https://grafana.com/api/dashboards/11074/revisions/4/download /tmp/asked
        grep -qx https://grafana.com/api/dashboards/15662/revisions/3/download /tmp/asked
        [ "$(stat -c %a "$shown/1860.json")" = 644 ]
        rm /tmp/asked; touch "$shown/1.json"
        sh activate.d/50-dashboards-grafana.sh
        [ ! -e /tmp/asked ] && [ ! -e "$shown/1.json" ]"#,
    );
}

#[test]
fn goes_on_without_a_network_and_says_so() {
    fetch(
        "exit 6",
        r#"sh activate.d/50-dashboards-grafana.sh 2>said
        grep -q 'dashboard 1860 of grafana.com: grafana.com is out of reach' said
        grep -q 'run: sh /etc/labwright/services/grafana/fetch-dashboards.sh' said
        [ "$(wc -l </tmp/asked)" = 1 ]
        [ -d "$shown" ]"#
            .replace("said", "/tmp/said")
            .as_str(),
    );
}

#[test]
fn refuses_a_dashboard_that_is_not_what_it_was() {
    fetch(
        GRAFANA_COM,
        r#"cp grafana/fetch-dashboards.sh /tmp/fetch.sh
        sed -i "s/^fetch 1860 42 ''/fetch 1860 42 $(printf x | sha256sum | cut -d ' ' -f 1)/" \
            /tmp/fetch.sh
        sh /tmp/fetch.sh 2>/tmp/said
        grep -q 'revision 42 is not what it was' /tmp/said
        [ ! -e "$shown/1860.json" ] && [ -e "$shown/893.json" ]"#,
    );
}
