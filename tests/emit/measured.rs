//! Plays what exporters really write against every rule and every panel.

use std::path::Path;

use super::built::built;
use crate::trixie::{Room, text};

#[test]
fn each_alert_fires_on_its_fault_and_none_in_a_healthy_week_and_each_panel_has_data() {
    let folder = built();
    let Some(room) = Room::new() else { return };
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let answer = room
        .show(&folder.join("bare"), "/payload")
        .show(&here.join("src/emit/prometheus/rules"), "/rules")
        .show(&here.join("tests/emit/scrapes"), "/scrapes")
        .show(&here.join("tests/emit/measured.py"), "/measured.py")
        .sh("python3 /measured.py", &[]);
    assert!(answer.status.success(), "{}{}", text(&answer.stdout), text(&answer.stderr));
}
