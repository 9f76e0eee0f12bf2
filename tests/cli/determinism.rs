//! Checks that the same lab gives the same bytes, wherever and however it is built.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, UNIX_EPOCH};

use super::{case, files, labwright, program, put};
use crate::snapshots::assert_snapshot;

fn labs() -> Vec<PathBuf> {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("modules/labs");
    let shipped =
        fs::read_dir(shipped).expect("the labs").map(|entry| entry.expect("an entry").path());
    shipped.filter(|folder| folder.join("lab.kdl").exists()).chain([case("tiny")]).collect()
}

/// Writes the files in an order, each with an earlier time than the one before.
fn lay(folder: &Path, files: &[(String, Vec<u8>)]) {
    for (index, (name, bytes)) in files.iter().enumerate() {
        put(folder, name, bytes);
        let time = UNIX_EPOCH + Duration::from_secs(1_000_000_000 - 1000 * index as u64);
        File::options()
            .write(true)
            .open(folder.join(name))
            .and_then(|file| file.set_modified(time))
            .expect("a time");
    }
}

fn built(mut command: Command, out: &Path) -> BTreeMap<String, Vec<u8>> {
    let output = command.output().expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    files(out)
}

#[test]
fn the_same_lab_gives_the_same_bytes() {
    for lab in labs() {
        let mut sources: Vec<(String, Vec<u8>)> =
            files(&lab).into_iter().filter(|(name, _)| !name.starts_with("outputs/")).collect();
        let base = tempfile::tempdir().expect("a folder");
        let (one, other) = (base.path().join("one"), base.path().join("another place/b"));
        lay(&one, &sources);
        sources.reverse();
        lay(&other, &sources);

        let out = base.path().join("out-0");
        let mut first = program(&one);
        first.args(["build", ".", "--out"]).arg(&out);
        let expected = built(first, &out);
        assert!(expected.len() > 2);

        let environments: [&[(&str, &str)]; 4] = [
            &[("RAYON_NUM_THREADS", "1"), ("TZ", "Pacific/Kiritimati"), ("LC_ALL", "tr_TR.UTF-8")],
            &[
                ("RAYON_NUM_THREADS", "2"),
                ("TZ", "America/St_Johns"),
                ("LANG", "C"),
                ("HOME", "/nowhere"),
            ],
            &[
                ("RAYON_NUM_THREADS", "8"),
                ("SOURCE_DATE_EPOCH", "1"),
                ("USER", "somebody"),
                ("COLUMNS", "20"),
            ],
            &[("NO_COLOR", "1"), ("CI", "true"), ("TERM", "dumb"), ("RUST_BACKTRACE", "full")],
        ];
        for (index, environment) in environments.into_iter().enumerate() {
            let out = base.path().join(format!("out-{}", index + 1));
            let umask = ["0077", "0000", "0027", "0007"][index];
            let mut command = Command::new("/bin/sh");
            // The umask belongs to the program, so the folders above the release are made before.
            fs::create_dir_all(base.path()).expect("a folder");
            command
                .args(["-c", &format!("umask {umask}; exec \"$@\""), "sh"])
                .arg(program(&one).get_program());
            command.env_clear().envs(environment.iter().copied()).current_dir(base.path());
            command
                .args([
                    "build",
                    if index % 2 == 0 { "another place/b" } else { "one/../one" },
                    "--out",
                ])
                .arg(&out);
            assert!(
                built(command, &out) == expected,
                "{} differs under {environment:?}, umask {umask}",
                lab.display()
            );
        }
    }
}

#[test]
fn a_comment_changes_no_content_id() {
    let folder = super::copy("tiny");
    let lab = folder.path().join("tiny");
    let build = || labwright(&lab, &["build", "--format", "json"]).json();
    let before = build();
    for (name, bytes) in files(&lab)
        .into_iter()
        .filter(|(name, _)| Path::new(name).extension().is_some_and(|extension| extension == "kdl"))
    {
        let text = String::from_utf8(bytes).expect("text");
        let body = text.replace("edition 1\n", "");
        let edition = if text.contains("edition 1\n") { "edition 1 // the only one\n" } else { "" };
        put(
            &lab,
            &name,
            format!(
                "/* a remark\n   of two lines */\n{edition}\n{}// the end\n",
                body.replace("{\n", "{ // here\n\n")
            )
            .as_bytes(),
        );
    }
    let report = |folder: &Path| {
        fs::read_to_string(folder.join("outputs/tiny-2026.1/review/report.html")).expect("a report")
    };
    let told = report(&lab);
    let after = build();
    assert_ne!(before["inputId"], after["inputId"]);
    assert_ne!(told, report(&lab), "other lines");
    assert_eq!(without_lines(&told), without_lines(&report(&lab)), "nothing but other lines");
    assert_eq!(before["contentId"], after["contentId"]);
    assert_eq!(before["machines"], after["machines"], "the archives are the same to the byte");
}

/// Removes the line numbers of places such as `services.kdl:14`.
fn without_lines(report: &str) -> String {
    let parts = report.split(".kdl:").enumerate();
    let kept = parts.map(|(index, part)| {
        if index == 0 {
            part
        } else {
            part.trim_start_matches(|digit: char| digit.is_ascii_digit())
        }
    });
    kept.collect()
}

#[test]
fn a_report_that_was_changed_is_noticed() {
    let folder = super::copy("tiny");
    let lab = folder.path().join("tiny");
    assert_eq!(labwright(&lab, &["build"]).code, 0);
    assert_eq!(labwright(&lab, &["build", "--check"]).code, 0);
    put(&lab, "outputs/tiny-2026.1/review/report.html", b"<!DOCTYPE html>all is well");
    let check = labwright(&lab, &["build", "--check", "--format", "json"]);
    assert_eq!(
        check.json()["differences"],
        serde_json::json!(["`review/report.html` has different bytes"])
    );
    assert_eq!(check.code, 1);
}

#[test]
fn the_order_of_nodes_and_files_has_no_meaning() {
    let folder = super::copy("tiny");
    let lab = folder.path().join("tiny");
    let build = || labwright(&lab, &["build", "--format", "json"]).json();
    let before = build();
    let text = |name: &str| fs::read_to_string(lab.join(name)).expect("a file");
    let (machines, services, top) = (text("machines.kdl"), text("services.kdl"), text("lab.kdl"));
    fs::remove_file(lab.join("machines.kdl")).expect("it was there");
    put(&lab, "deep/er/a.kdl", services.as_bytes());
    put(&lab, "services.kdl", b"");
    put(&lab, "lab.kdl", format!("{machines}\n{top}").as_bytes());
    let after = build();
    assert_eq!(before["contentId"], after["contentId"]);
}

/// The archive of a lab that never changes has another hash only when an emitter changed. Review
/// that change before you accept the hash.
#[test]
fn the_archive_of_a_fixed_lab_is_pinned() {
    let folder = super::copy("tiny");
    let built = labwright(&folder.path().join("tiny"), &["build", "--format", "json"]).json();
    let machine = &built["machines"]["box"];
    let text = |value: &serde_json::Value| value.as_str().expect("text").to_owned();
    let pinned =
        format!("content {}\narchive {}\n", text(&machine["contentId"]), text(&machine["sha256"]));
    assert_snapshot("cli", "golden", &pinned);
}
