//! Checks how commands end: 0 for success, 1 for errors or a difference, 2 for wrong usage, 3 for a
//! failure outside.

use std::fs;
use std::path::Path;

use super::{Run, case, copy, files, labwright, program, put};

fn ends(folder: &Path, arguments: &[&str], code: i32) -> Run {
    let run = labwright(folder, arguments);
    assert_eq!(run.code, code, "{arguments:?}: {run:?}");
    run
}

#[test]
fn what_works_ends_with_0() {
    let folder = copy("tiny");
    let lab = folder.path().join("tiny");
    for arguments in [
        &["check"] as &[&str],
        &["build"],
        &["build", "."],
        &["build", "--check"],
        &["build", "--out", "elsewhere/deep"],
        &["verify", "outputs/tiny-2026.1"],
        &["verify", "elsewhere/deep"],
        &["show"],
        &["explain"],
        &["explain", "unknown-name"],
        &["modules"],
        &["modules", "jellyfin"],
        &["modules", "--lab", ".", "echo"],
        &["man"],
        &["man", "build"],
        &["man", "import", "compose"],
        &["--help"],
        &["--version"],
    ] {
        let run = ends(&lab, arguments, 0);
        assert!(!run.out.is_empty(), "{arguments:?} says nothing");
        assert_eq!(run.err, "", "{arguments:?}");
    }
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        assert!(ends(&lab, &["completions", shell], 0).out.contains("labwright"));
    }
}

#[test]
fn errors_end_with_1() {
    for command in ["check", "build", "show"] {
        let run = ends(&case("."), &[command, "wrong"], 1);
        assert!(run.all().contains("unknown-name"), "{run:?}");
    }
    let empty = tempfile::tempdir().expect("a folder");
    assert!(ends(empty.path(), &["check"], 1).out.contains("lab-without-lab-kdl"));
}

/// Above a lab, what is wrong with files of other folders is no answer.
#[test]
fn a_folder_above_labs_names_one_of_them() {
    let folder = copy("tiny");
    std::fs::write(folder.path().join("notes.kdl"), b"\xff").expect("a file");
    let run = ends(folder.path(), &["check"], 1);
    assert!(run.says("name the lab's folder, such as `tiny`"), "{}", run.out);
    assert!(!run.out.contains("notes.kdl"), "{}", run.out);

    // A name in other letters is what is wrong with this one.
    let lab = folder.path().join("tiny");
    std::fs::rename(lab.join("lab.kdl"), lab.join("LAB.KDL")).expect("another name");
    let run = ends(&lab, &["check"], 1);
    assert!(run.out.contains("source-name-not-portable"), "{}", run.out);
}

#[test]
fn a_failed_build_writes_nothing() {
    let folder = copy("wrong");
    let before = files(folder.path());
    let run = ends(folder.path(), &["build", "wrong", "--out", "out/release"], 1);
    assert_eq!(run.out, "");
    assert!(run.err.ends_with("5 errors\n"), "{}", run.err);
    assert_eq!(files(folder.path()), before);
    assert!(!folder.path().join("out").exists());
}

#[test]
fn differences_end_with_1() {
    let folder = copy("tiny");
    let lab = folder.path().join("tiny");
    let nothing = ends(&lab, &["build", "--check"], 1);
    assert!(nothing.says("there is nothing there"), "{nothing:?}");
    assert!(!lab.join("outputs").exists(), "a check writes nothing");

    ends(&lab, &["build"], 0);
    let release = lab.join("outputs/tiny-2026.1");
    let whole = files(&release);
    let archive = whole.keys().find(|name| name.ends_with(".tar.gz")).expect("an archive").clone();
    for (name, bytes) in [
        ("release.json", Some(b"{}".as_slice())),
        (&archive, Some(b"")),
        ("notes.txt", Some(b"mine")),
        ("SHA256SUMS", None),
    ] {
        match bytes {
            Some(bytes) => put(&release, name, bytes),
            None => fs::remove_file(release.join(name)).expect("it was there"),
        }
        let check = ends(&lab, &["build", "--check"], 1);
        assert!(check.says(&format!("`{name}`")), "{check:?}");
        ends(&lab, &["verify", "outputs/tiny-2026.1"], 1);
        let _ = fs::remove_file(release.join(name));
        for (name, bytes) in &whole {
            put(&release, name, bytes);
        }
        ends(&lab, &["build", "--check"], 0);
    }

    let services = fs::read_to_string(lab.join("services.kdl")).expect("a file");
    put(&lab, "services.kdl", services.replace("hello", "hullo").as_bytes());
    let changed = ends(&lab, &["build", "--check"], 1);
    assert!(changed.says("does not belong to it") && changed.says("is missing"), "{changed:?}");
}

#[test]
fn wrong_use_ends_with_2() {
    let folder = copy("tiny");
    for arguments in [
        &[] as &[&str],
        &["biuld"],
        &["build", "--ouT", "x"],
        &["build", "a", "b"],
        &["check", "--format", "yaml"],
        &["show", "--format", "sarif"],
        &["verify"],
        &["explain", "unknown-nmae"],
        &["modules", "jelyfin"],
        &["completions", "cmd"],
        &["man", "nothing"],
        &["man", "import", "nothing"],
    ] {
        let run = ends(folder.path(), arguments, 2);
        assert_eq!(run.out, "", "{arguments:?}");
        assert!(!run.err.is_empty(), "{arguments:?}");
    }
    assert!(
        ends(folder.path(), &["explain", "unknown-nmae"], 2)
            .err
            .contains("did you mean `unknown-name`?")
    );
    assert!(
        ends(folder.path(), &["modules", "jelyfin"], 2).err.contains("did you mean `jellyfin`?")
    );
}

#[test]
fn what_fails_outside_ends_with_3() {
    let folder = copy("tiny");
    let lab = folder.path().join("tiny");
    for command in ["check", "build", "show", "verify"] {
        let run = ends(&lab, &[command, "no/such/folder"], 3);
        assert!(run.all().contains("no/such/folder"), "{run:?}");
    }
    // The path leads through a file where a folder would have to be made.
    let run = ends(&lab, &["build", "--out", "lab.kdl/release"], 3);
    assert!(run.err.contains("error[output-unwritable]") && run.out.is_empty(), "{run:?}");
    assert!(ends(&lab, &["modules", "--lab", "no/such/folder"], 3).err.contains("no/such/folder"));
    // A result that can't be printed is not a success.
    let full = fs::OpenOptions::new().write(true).open("/dev/full");
    if let Ok(full) = full {
        let output = program(&lab).arg("show").stdout(full).output().expect("it runs");
        assert_eq!(output.status.code(), Some(3), "{output:?}");
    }
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let mut child = program(&case("tiny"))
        .arg("explain")
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("it runs");
    drop(child.stdout.take());
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
}

#[test]
fn what_was_typed_controls_no_terminal() {
    let folder = copy("tiny");
    let name = "\u{1b}[31mx\u{202e}\u{9b}y";
    for arguments in [
        &[name] as &[&str],
        &["explain", name],
        &["modules", name],
        &["verify", name],
        &["why", name],
        &["check", "--format", name],
        &["import", "compose", name],
        &["build", "tiny", "--out", name],
        &["build", "tiny", "--out", name, "--check"],
        &["verify", name],
        &["snapshot", "tiny", "--out", name],
    ] {
        let run = labwright(folder.path(), arguments);
        let shown = run.all();
        assert!(!shown.contains(['\u{1b}', '\u{202e}', '\u{9b}']), "{arguments:?}: {shown:?}");
    }
}
