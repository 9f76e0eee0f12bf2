//! Checks the rule files that don't depend on the lab: each is valid, and each alert fires when it
//! should and only then.

use std::path::{Path, PathBuf};

use crate::trixie::{Room, text};

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/emit/prometheus")
}

fn in_room(script: &str) {
    let Some(room) = Room::new() else { return };
    let answer = room.show(&source(), "/rules").sh(script, &[]);
    assert!(answer.status.success(), "{}{}", text(&answer.stdout), text(&answer.stderr));
}

#[test]
fn every_rule_file_is_sound_and_passes_its_tests() {
    in_room(
        "promtool check rules --lint=all --lint-fatal /rules/rules/*.yml && promtool test rules \
         /rules/tests/*.yml",
    );
}

#[test]
fn no_alert_is_untested() {
    in_room(
        "cp -r /rules /tmp/rules && cd /tmp/rules
        for file in rules/*.yml; do
            name=$(basename \"$file\")
            for alert in $(sed -n 's/.*- alert: //p' \"$file\"); do
                sed \"s/- alert: $alert$/- alert: Nobody/\" \"/rules/$file\" >\"$file\"
                ! promtool test rules \"tests/$name\" >/dev/null 2>&1 || { echo \"$alert is \
                tested by nothing\"; exit 1; }
                cp \"/rules/$file\" \"$file\"
            done
        done",
    );
}

#[test]
fn every_alert_says_what_a_person_needs() {
    for file in std::fs::read_dir(source().join("rules")).expect("the rules") {
        let path = file.expect("a file").path();
        let text = std::fs::read_to_string(&path).expect("a rule file");
        let rules: Vec<&str> = text.split("- alert: ").skip(1).collect();
        assert!(!rules.is_empty(), "{}", path.display());
        for rule in rules {
            for field in ["expr:", "for:", "severity:", "summary:", "description:"] {
                assert!(rule.contains(field), "{} has no {field} {rule}", path.display());
            }
        }
    }
}

#[test]
fn containers_are_missed_that_stay_on_a_machine_that_measures_them() {
    let kinds = "host box kind=debian { os debian-13; address lan \"192.168.1.10\"; ssh from=lan; }
host bare kind=debian { os debian-13; address lan \"192.168.1.11\"; ssh from=lan; }
service prometheus on=box
service cadvisor on=box
service navidrome on=bare { library \"/srv/music\"; }
";
    let ends = "module job version=\"1.0.0\" {
    summary \"A job\"
    container stays { image \"docker.io/library/job:1\"; health none=\"it is a test\"; }
    container ends { image \"docker.io/library/job:1\"; once; }
    container gives-up { image \"docker.io/library/job:1\"; restart no; health none=\"a test\"; }
}
";
    let lab = format!("{kinds}service job on=box\n");
    let payload = super::payload::payload(&lab, &[("modules/job/module.kdl", ends)], "box");
    let rules = payload.path().join("prometheus/rules/container-expected.yml");
    let rules = std::fs::read_to_string(rules).expect("the containers");
    let names: Vec<&str> =
        rules.lines().filter_map(|line| line.trim().strip_prefix("name: 'job")).collect();
    assert!(rules.contains("name: 'cadvisor'") && rules.contains("machine: 'box'"), "{rules}");
    assert_eq!(names, ["-stays'"], "{rules}");
    assert!(!rules.contains("bare") && !rules.contains("navidrome"), "{rules}");
}

#[test]
fn a_check_and_a_drill_are_late_by_their_own_schedule() {
    let lab = r#"
host box kind=debian { os debian-13; address lan "192.168.1.10"; ssh from=lan; }
service prometheus on=box
service node-box module=node-exporter on=box
service navidrome on=box { library "/srv/music"; }
service often module=restic on=box {
    repository "/mnt/a"
    password (secret)p
    check "0 10 * * *"
}
service usual module=restic on=box { repository "/mnt/b"; password (secret)p; }
service seldom module=restic on=box {
    repository "/mnt/c"
    password (secret)p
    check "0 10 1,15 * *"
}
secret p
"#;
    let payload = super::payload::payload(lab, &[], "box");
    let rules = std::fs::read_to_string(payload.path().join("prometheus/rules/backup.yml"));
    let rules = rules.expect("the rules of backups");
    // Seventeen days may be between two that are asked for twice a month.
    for (backup, limit) in [("often", 129_600), ("usual", 781_200), ("seldom", 1_897_200)] {
        for what in ["check", "drill"] {
            let matchers = format!("{{machine=\"box\",backup=\"{backup}\"}}");
            let series = format!("labwright_backup_{what}_timestamp_seconds{matchers}");
            let old = format!("time() - max by (machine, backup) ({series}) > {limit}");
            assert!(rules.contains(&old), "{old}: {rules}");
            // Its timer may be off from the first day on.
            let never = format!("expr: 'absent({series})'\n    for: '{limit}s'");
            assert!(rules.contains(&never), "{never}: {rules}");
        }
    }
    let Some(room) = Room::new() else { return };
    let script = "promtool test rules /payload/prometheus/tests/backup.yml";
    let answer = room.show(payload.path(), "/payload").sh(script, &[]);
    assert!(answer.status.success(), "{}{}", text(&answer.stdout), text(&answer.stderr));
}
