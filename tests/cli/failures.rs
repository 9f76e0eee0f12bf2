//! Checks that the output folder stays unchanged when the disk is full, the folder belongs to
//! someone else, or the build is interrupted.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::small_disk::SmallDisk;

use super::{Run, copy, files, labwright, names, program, put};

#[test]
fn what_no_build_wrote_is_not_replaced() {
    let folder = copy("tiny");
    put(folder.path(), "mine/notes.txt", b"mine");
    let run = labwright(folder.path(), &["build", "tiny", "--out", "mine"]);
    assert_eq!(run.code, 3);
    insta::assert_snapshot!(run.err, @r"
    error[output-not-ours]: won't write to `mine`: it is not a release that
                            labwright wrote
     |
     = help: name another folder with `--out`, or move this one away

    1 error
    ");
    assert_eq!(names(&folder.path().join("mine")), ["notes.txt"]);
}

#[test]
fn a_full_disk_leaves_the_old_release() {
    let Some(disk) = SmallDisk::new("512k") else { return };
    let folder = copy("tiny");
    let release = disk.path().join("release");
    let build =
        || labwright(folder.path(), &["build", "tiny", "--out", release.to_str().expect("text")]);
    assert_eq!(build().code, 0);
    let before = files(&release);
    std::fs::write(disk.path().join("filler"), vec![0; 1024 * 1024]).expect_err("the disk is full");
    let run = build();
    assert_eq!((run.code, run.out.as_str()), (3, ""));
    assert!(
        run.err.contains("no storage space") && run.err.contains("free some space"),
        "{}",
        run.err
    );
    assert_eq!(files(&release), before);
    assert_eq!(names(disk.path()), ["filler", "release"]);
}

/// Makes a lab that takes a while to build: the tiny one with many more machines.
fn slow_lab() -> TempDir {
    let folder = copy("tiny");
    let mut more = String::new();
    for number in 0..200 {
        let address = format!("10.0.{}.{}", number / 200, number % 200 + 10);
        let _ = writeln!(
            more,
            "host more-{number} kind=debian {{ os debian-13; address wide \"{address}\"; ssh from=wide; }}"
        );
    }
    let _ = writeln!(more, "network wide cidr=\"10.0.0.0/16\"");
    put(&folder.path().join("tiny"), "more.kdl", more.as_bytes());
    folder
}

/// Starts a build, sends it `signal` once it has begun to write, and returns how it ended.
fn interrupted(folder: &Path, signal: Signal) -> Run {
    let mut child = program(folder)
        .env("RAYON_NUM_THREADS", "1")
        .args(["build", "tiny", "--out", "out/release"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    let out = folder.join("out");
    let writes = || {
        out.is_dir()
            && names(&out).iter().any(|name| name.starts_with(".labwright-staging-release"))
    };
    while !writes() {
        assert!(child.try_wait().expect("its state").is_none(), "it ended before it wrote");
        std::thread::yield_now();
    }
    // This is a system call because starting a `kill` takes longer than the build on a busy
    // machine.
    kill_process(Pid::from_child(&child), signal).expect("it runs still");
    child.wait_with_output().expect("it ends").into()
}

#[test]
fn a_build_that_is_told_to_stop_leaves_the_old_release() {
    let folder = slow_lab();
    let release = folder.path().join("out/release");
    for signal in [Signal::INT, Signal::TERM] {
        let run = interrupted(folder.path(), signal);
        assert_eq!((run.code, run.out.as_str()), (3, ""), "{run:?}");
        assert!(run.err.contains("error[build-interrupted]: interrupted"), "{run:?}");
        assert!(!folder.path().join("out").exists(), "nothing is left of the first build");
    }

    let tiny = copy("tiny");
    assert_eq!(
        labwright(tiny.path(), &["build", "tiny", "--out", release.to_str().expect("text")]).code,
        0
    );
    let before = files(&release);
    for signal in [Signal::INT, Signal::TERM] {
        assert_eq!(interrupted(folder.path(), signal).code, 3);
        assert_eq!(files(&release), before);
        assert_eq!(names(&folder.path().join("out")), ["release"]);
    }
}
