//! Checks that the output folder stays unchanged when the disk is full, the folder belongs to
//! someone else, or the build is interrupted.

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

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
    let Some(disk) = SmallDisk::new("1m") else { return };
    let folder = copy("tiny");
    let release = disk.path().join("release");
    let build =
        || labwright(folder.path(), &["build", "tiny", "--out", release.to_str().expect("text")]);
    assert_eq!(build().code, 0);
    let before = files(&release);
    std::fs::write(disk.path().join("filler"), vec![0; 2 * 1024 * 1024])
        .expect_err("the disk is full");
    let run = build();
    assert_eq!((run.code, run.out.as_str()), (3, ""));
    assert!(run.says("no storage space") && run.says("free some space"), "{}", run.err);
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
            "host more-{number} kind=debian {{ os debian-13; address wide \"{address}\"; ssh \
             from=wide; }}"
        );
    }
    let _ = writeln!(more, "network wide cidr=\"10.0.0.0/16\"");
    put(&folder.path().join("tiny"), "more.kdl", more.as_bytes());
    folder
}

/// A moment in the life of a build.
#[derive(Debug, Clone, Copy, PartialEq)]
enum When {
    /// As soon as it can hear a signal.
    Early,
    /// While it writes.
    Writing,
    /// While it writes, twice, as `timeout` and impatient people do.
    Twice,
}

/// The command that the tests interrupt most.
const BUILD: &[&str] = &["build", "tiny", "--out", "out/release"];

/// Starts a command that writes below `out`, sends it `signal`, and returns how it ended.
fn interrupted(folder: &Path, arguments: &[&str], signal: Signal, when: When) -> Run {
    let mut command = program(folder);
    command.env("RAYON_NUM_THREADS", "1").args(arguments);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs");
    let out = folder.join("out");
    let status = format!("/proc/{}/status", child.id());
    let is_time = || match when {
        When::Early => listens(&status, signal),
        // The release of an earlier build may be there.
        When::Writing | When::Twice => {
            out.is_dir() && names(&out).iter().any(|name| name != "release")
        }
    };
    while !is_time() {
        assert!(child.try_wait().expect("its state").is_none(), "it ended before {when:?}");
        std::thread::yield_now();
    }
    // This is a system call because starting a `kill` takes longer than the build on a busy
    // machine.
    kill_process(Pid::from_child(&child), signal).expect("it runs still");
    if when == When::Twice {
        // A signal that is pending is not sent again.
        while pending(&status, signal) {
            std::thread::yield_now();
        }
        let _ = kill_process(Pid::from_child(&child), signal);
    }
    child.wait_with_output().expect("it ends").into()
}

/// Returns whether the process whose `/proc` status this is has a handler for `signal`.
fn listens(status: &str, signal: Signal) -> bool {
    in_mask(status, "SigCgt:", signal)
}

fn pending(status: &str, signal: Signal) -> bool {
    in_mask(status, "ShdPnd:", signal)
}

fn in_mask(status: &str, field: &str, signal: Signal) -> bool {
    let text = std::fs::read_to_string(status).unwrap_or_default();
    let mask = text.lines().find_map(|line| line.strip_prefix(field)).unwrap_or("0");
    let mask = u64::from_str_radix(mask.trim(), 16).expect("a mask");
    (mask >> (signal.as_raw() - 1)) & 1 == 1
}

#[test]
fn a_build_that_is_told_to_stop_leaves_the_old_release() {
    let folder = slow_lab();
    let release = folder.path().join("out/release");
    let moments = [When::Early, When::Writing, When::Twice];
    let signals = [Signal::HUP, Signal::INT, Signal::TERM];
    for (when, signal) in moments.iter().flat_map(|when| signals.map(|signal| (*when, signal))) {
        let run = interrupted(folder.path(), BUILD, signal, when);
        assert_eq!((run.code, run.out.as_str()), (3, ""), "{when:?} {signal:?}: {run:?}");
        assert!(run.err.starts_with("error") && run.err.contains("interrupted"), "{run:?}");
        if when == When::Writing {
            assert!(run.err.contains("error[build-interrupted]"), "{run:?}");
        }
        assert!(!folder.path().join("out").exists(), "{when:?}: something is left");
    }

    let tiny = copy("tiny");
    assert_eq!(
        labwright(tiny.path(), &["build", "tiny", "--out", release.to_str().expect("text")]).code,
        0
    );
    let before = files(&release);
    for signal in signals {
        let run = interrupted(folder.path(), BUILD, signal, When::Twice);
        assert_eq!(run.code, 3, "{signal:?}");
        assert_eq!(files(&release), before);
        assert_eq!(names(&folder.path().join("out")), ["release"]);
    }
}

/// Makes a folder with many compose projects.
fn many_projects(folder: &Path) {
    for number in 0..150 {
        let text = format!("services:\n  web{number}:\n    image: nginx:1.27.{number}\n");
        put(folder, &format!("stacks/p{number}/compose.yaml"), text.as_bytes());
    }
}

#[test]
fn every_command_that_writes_leaves_nothing_half_done() {
    let folder = slow_lab();
    many_projects(folder.path());
    let commands = [
        &["snapshot", "tiny", "--out", "out/tree"][..],
        &["import", "compose", "stacks", "--into", "out/lab"],
    ];
    let signals = [Signal::HUP, Signal::INT, Signal::TERM];
    for (arguments, signal) in commands.iter().flat_map(|it| signals.map(|signal| (*it, signal))) {
        for when in [When::Early, When::Writing] {
            let run = interrupted(folder.path(), arguments, signal, when);
            assert_eq!((run.code, run.out.as_str()), (3, ""), "{when:?} {signal:?}: {run:?}");
            assert!(run.err.contains("interrupted"), "{run:?}");
            let left = folder.path().join("out").exists();
            assert!(!left, "{arguments:?} {when:?} {signal:?}: something is left");
        }
    }
}

/// `nohup` starts a program with a signal that it must not hear.
#[test]
fn a_signal_that_is_ignored_stays_ignored() {
    let folder = slow_lab();
    let mut shell = Command::new("sh");
    shell.args(["-c", "trap '' HUP; exec \"$@\"", "sh"]).arg(program(folder.path()).get_program());
    shell.args(["build", "tiny", "--out", "out/release"]).current_dir(folder.path());
    let child = shell.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it runs");
    let status = format!("/proc/{}/status", child.id());
    while !listens(&status, Signal::TERM) {
        std::thread::yield_now();
    }
    kill_process(Pid::from_child(&child), Signal::HUP).expect("it runs");
    assert!(child.wait_with_output().expect("it ends").status.success());
    assert!(folder.path().join("out/release/release.json").is_file());
}

/// A release in another one, or in a tree of snapshots, would spoil it or be lost with it.
#[test]
fn nothing_is_written_into_what_labwright_or_git_keeps() {
    let folder = copy("tiny");
    let run = |arguments: &[&str]| labwright(folder.path(), arguments);
    std::fs::create_dir(folder.path().join(".git")).expect("a folder");
    std::fs::write(folder.path().join("compose.yaml"), "services: {}\n").expect("a file");
    assert_eq!(run(&["build", "tiny", "--out", "release"]).code, 0);
    assert_eq!(run(&["snapshot", "tiny", "--out", "tree"]).code, 0);
    std::os::unix::fs::symlink("release/review", folder.path().join("link")).expect("a link");
    for place in ["release/new", "release/review/new/er", "link/new", "tree/box/new", ".git/new"] {
        for command in [
            &["build", "tiny", "--out"][..],
            &["snapshot", "tiny", "--out"],
            &["import", "compose", "compose.yaml", "--into"],
        ] {
            let run = run(&[command, &[place]].concat());
            assert_eq!(run.code, 3, "{command:?} {place}: {run:?}");
        }
    }
    assert_eq!(run(&["verify", "release"]).code, 0);
    assert_eq!(run(&["snapshot", "tiny", "--out", "tree", "--check"]).code, 0);
    assert_eq!(run(&["build", "tiny", "--out", "release"]).code, 0, "a release is replaced");
    assert_eq!(run(&["build", "tiny", "--out", "new/release"]).code, 0);
}

/// What is written there would belong to the lab of the next build.
#[test]
fn nothing_is_written_where_the_lab_is_read() {
    let folder = copy("tiny");
    let lab = folder.path().join("tiny");
    std::fs::create_dir_all(lab.join("modules/m")).expect("a folder");
    std::os::unix::fs::symlink("tiny/modules", folder.path().join("link")).expect("a link");
    let build =
        |at: &Path, lab: &str, out: &[&str]| labwright(at, &[&["build", lab][..], out].concat());
    for (at, lab, out) in [
        (folder.path(), "tiny", &["--out", "tiny/modules/release"][..]),
        (folder.path(), "tiny", &["--out", "tiny/modules/m/new/release"]),
        (folder.path(), "tiny", &["--out", "tiny/modules"]),
        (folder.path(), "tiny", &["--out", "tiny/new/../modules/release"]),
        (folder.path(), "tiny", &["--out", "link/release"]),
        (&lab.join("modules"), "..", &[]),
    ] {
        let run = build(at, lab, out);
        assert_eq!(run.code, 3, "{out:?}: {run:?}");
        assert!(run.says("name a folder outside `modules/`"), "{out:?}: {run:?}");
    }
    let run = labwright(folder.path(), &["snapshot", "tiny", "--out", "tiny/modules/tree"]);
    assert_eq!(run.code, 3, "{run:?}");
    assert!(run.says("name a folder outside `modules/`"), "{run:?}");
    assert_eq!(names(&lab.join("modules")), ["echo", "m"]);
    for out in ["tiny/modules/.release", "tiny/outputs/release", "tiny/release", "modules/release"]
    {
        for _ in 0..2 {
            let run = build(folder.path(), "tiny", &["--out", out]);
            assert_eq!(run.code, 0, "{out}: {run:?}");
        }
    }
}

/// What is written below a lab may become a part of it, whoever writes it.
#[test]
fn nothing_is_written_where_another_lab_is_read() {
    let folder = copy("tiny");
    std::fs::create_dir_all(folder.path().join("other/modules/m")).expect("a folder");
    super::put(folder.path(), "other/lab.kdl", b"edition 1\nlab other version=\"1\"\n");
    super::put(folder.path(), "compose.yaml", b"services: {web: {image: 'nginx:1.29'}}\n");
    let import = ["import", "compose", "compose.yaml", "--into"];
    let commands: [(&[&str], &[&str]); 3] = [
        (&["build", "tiny", "--out"], &["other/modules/x", "other/modules/m/deep/x"]),
        (&["snapshot", "tiny", "--out"], &["other/modules/x"]),
        (&import, &["other/modules/x", "other/x", "other/deep/er/x"]),
    ];
    let tree = || -> Vec<String> {
        let found = walk(&folder.path().join("other"));
        found.into_iter().map(|path| path.display().to_string()).collect()
    };
    let before = tree();
    for (command, outs) in commands {
        for out in outs {
            let run = labwright(folder.path(), &[command, &[*out][..]].concat());
            assert_eq!(run.code, 3, "{command:?} {out}: {run:?}");
            assert!(run.says("would read it"), "{command:?} {out}: {run:?}");
            assert_eq!(tree(), before, "{command:?} {out}");
        }
    }
    // A new lab would read those that are below its folder.
    let run = labwright(folder.path(), &[&import[..], &["."]].concat());
    assert_eq!(run.code, 3, "{run:?}");
    assert!(run.says("would become a part of the new lab"), "{run:?}");
    assert!(!folder.path().join("lab.kdl").exists());
    for (command, out) in [
        (&["build", "tiny", "--out"][..], "other/release"),
        (&["snapshot", "tiny", "--out"], "other/tree"),
        (&import, "other/outputs/home"),
    ] {
        let run = labwright(folder.path(), &[command, &[out]].concat());
        assert_eq!(run.code, 0, "{command:?} {out}: {run:?}");
    }
}

/// Lists everything below a folder.
fn walk(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let mut found: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    let below: Vec<_> =
        found.iter().filter(|path| path.is_dir()).flat_map(|path| walk(path)).collect();
    found.extend(below);
    found.sort();
    found
}
