//! What the runbook tells a person at night: it must be what the plan does.

use super::payload::payload;

const LAB: &str = r#"
    host box kind=debian {
        os debian-13
        address lan "192.168.1.10"
        appdata "/srv/appdata" backup=weekly
        ssh from=lan
    }
    service keeper on=box
"#;

const RESTIC: &str = r#"
    secret restic-password
    service restic on=box { repository "/mnt/elsewhere"; password (secret)restic-password; }
"#;

const MODULE: &str = r#"
    edition 1
    module keeper version="1.0.0" {
        summary "Keeps folders"
        state inside path=(f)"{machine.appdata}/inside"
        state beside path="/srv/beside"
        state daily path="/srv/daily" backup=daily
        state scratch path="/srv/appdata/scratch" backup=never reason="made anew"
    }
"#;

/// Returns what the runbook says of the states, by their names.
fn backups(lab: &str) -> Vec<String> {
    let payload = payload(lab, &[("modules/keeper/module.kdl", MODULE)], "box");
    let runbook = std::fs::read_to_string(payload.path().join("RUNBOOK.md")).expect("a runbook");
    let row = |line: &str| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        matches!(cells[..], ["", "keeper", _, _, _, _, ""]).then(|| format!("{}: {}", cells[2], cells[5]))
    };
    runbook.lines().filter(|line| line.matches('|').count() == 6).filter_map(row).collect()
}

#[test]
fn states_are_told_as_they_are_saved() {
    let saved = backups(&format!("{LAB}{RESTIC}"));
    assert_eq!(saved, ["inside: weekly", "beside: none: no backup contains it", "daily: daily", "scratch: none: made anew"]);
}

#[test]
fn a_class_without_a_backup_service_saves_nothing() {
    let lost = backups(LAB);
    assert_eq!(
        lost,
        [
            "inside: none: no backup contains it",
            "beside: none: no backup contains it",
            "daily: none: no backup contains it",
            "scratch: none: made anew"
        ]
    );
}
