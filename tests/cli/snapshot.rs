//! `labwright snapshot`: what it writes, what it leaves alone, and what `--check` names.

use std::fs;
use std::path::Path;

use super::{Run, case, copy, files, labwright};
use crate::snapshots::assert_snapshot;

fn snapshot(folder: &Path, arguments: &[&str]) -> Run {
    labwright(folder, &[&["snapshot"], arguments].concat())
}

#[test]
fn a_tree_has_every_file_as_its_reader_sees_it() {
    let copy = copy("tiny");
    let lab = copy.path().join("tiny");
    let run = snapshot(&lab, &[]);
    assert_eq!((run.code, run.err.as_str()), (0, ""));
    let tree = files(&lab.join("snapshots"));
    let names: String = tree.keys().map(|name| format!("{name}\n")).collect();
    assert_snapshot("cli", "snapshot-tree", &names);
    assert!(tree["box/compose/compose.yaml"].starts_with(b"name:"));
    let again = snapshot(&lab, &["--check"]);
    assert_eq!(again.code, 0, "{again:?}");
    assert_eq!(snapshot(copy.path(), &["tiny", "--check"]).code, 0);
    assert_eq!(labwright(&lab, &["build"]).code, 0, "the tree is no source");
}

#[test]
fn check_names_what_differs_and_writes_nothing() {
    let copy = copy("tiny");
    let lab = copy.path().join("tiny");
    assert_eq!(snapshot(&lab, &[]).code, 0);
    fs::write(lab.join("snapshots/box/compose/compose.yaml"), "name: x\n").expect("it is written");
    fs::remove_file(lab.join("snapshots/box/RUNBOOK.md")).expect("it is there");
    fs::write(lab.join("snapshots/box/old.conf"), "").expect("it is written");
    let before = files(&lab);
    let run = snapshot(&lab, &["--check"]);
    assert_eq!(run.code, 1);
    assert_snapshot("cli", "snapshot-check", &run.out);
    let json = snapshot(&lab, &["--check", "--format", "json"]).json();
    assert_eq!(json["stale"], serde_json::json!(["box/compose/compose.yaml"]));
    assert_eq!(json["missing"], serde_json::json!(["box/RUNBOOK.md"]));
    assert_eq!(json["leftover"], serde_json::json!(["box/old.conf"]));
    assert_eq!(files(&lab), before);
    let run = snapshot(&lab, &[]);
    assert_eq!(run.code, 0);
    assert_snapshot("cli", "snapshot", &run.out);
    assert_eq!(snapshot(&lab, &["--check"]).code, 0);
}

#[test]
fn a_folder_that_is_not_ours_stays_as_it_is() {
    let copy = copy("tiny");
    let lab = copy.path().join("tiny");
    fs::create_dir(lab.join("snapshots")).expect("a folder");
    fs::write(lab.join("snapshots/holiday.txt"), "mine").expect("it is written");
    let before = files(&lab);
    let run = snapshot(&lab, &[]);
    assert_eq!(run.code, 3);
    assert!(run.err.contains("output-not-ours"), "{run:?}");
    assert_eq!(files(&lab), before);
}

#[test]
fn a_change_of_one_service_touches_no_line_of_another() {
    let folder = case("../../modules/labs/media-server-home");
    let copy = tempfile::tempdir().expect("a folder");
    for (name, bytes) in files(&folder) {
        super::put(copy.path(), &name, &bytes);
    }
    assert_eq!(snapshot(copy.path(), &[]).code, 0);
    let before = files(&copy.path().join("snapshots"));
    let source = fs::read_to_string(copy.path().join("services.kdl")).expect("text");
    let changed = source.replacen(
        "    transcode vaapi\n",
        "    transcode vaapi\n    resources memory=(size)\"3GiB\"\n",
        1,
    );
    assert_ne!(source, changed);
    fs::write(copy.path().join("services.kdl"), changed).expect("it is written");
    let run = snapshot(copy.path(), &[]);
    assert_eq!(run.code, 0, "{run:?}");
    let after = files(&copy.path().join("snapshots"));
    let mut lines = Vec::new();
    for (name, bytes) in &after {
        let old = String::from_utf8_lossy(before.get(name).map_or(&[][..], |bytes| bytes));
        let new = String::from_utf8_lossy(bytes);
        let old: Vec<&str> = old.lines().collect();
        lines.extend(
            new.lines().filter(|line| !old.contains(line)).map(|line| format!("{name}: {line}\n")),
        );
    }
    assert_snapshot("cli", "snapshot-change", &lines.concat());
}
