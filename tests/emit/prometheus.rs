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
