//! Reads folders of labs, good and bad: what is read, what is left out, what is refused.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use labwright::bundle::ids;
use labwright::load::{Links, Unreadable, layer_of, read_lab, read_lab_with};
use labwright::source::{Layer, Sources};
use tempfile::TempDir;

/// Makes a lab folder with these files.
fn lab(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("write");
    }
    folder
}

fn read(folder: &TempDir) -> Sources {
    read_lab(folder.path()).unwrap_or_else(|error| panic!("{:?}", error.diagnostics))
}

/// Returns the findings, one on each line, and whether the disk is at fault.
fn refusal(folder: &Path) -> (String, bool) {
    words(folder, read_lab(folder).expect_err("it is refused"))
}

fn words(folder: &Path, Unreadable { diagnostics, outside }: Unreadable) -> (String, bool) {
    let lines: Vec<String> = diagnostics
        .iter()
        .map(|found| {
            format!(
                "{}: {} ({})",
                found.code.name,
                found.message,
                found.help.as_deref().expect("a help line")
            )
        })
        .collect();
    (lines.join("\n").replace(&folder.display().to_string(), "LAB"), outside)
}

/// Damages a good lab, and returns the only line about it.
fn spoiled(spoil: impl FnOnce(&Path)) -> (String, bool) {
    let folder = lab(&[("lab.kdl", "edition 1\n"), ("sub/vm.kdl", "vm a\n")]);
    spoil(folder.path());
    refusal(folder.path())
}

#[test]
fn what_belongs_to_a_lab_is_read_in_the_same_order_everywhere() {
    let folder = lab(&[
        ("services.kdl", "b"),
        ("lab.kdl", "a"),
        ("deep/er/x.kdl", "c"),
        ("modules/plex/module.kdl", "d"),
        ("modules/plex/config.xml.j2", "e"),
        ("labwright.lock", "f"),
        ("README.md", "not read"),
        ("lab.kdl~", "not read"),
        (".git/x.kdl", "not read"),
        (".hidden.kdl", "not read"),
        ("modules/plex/.module.kdl.swp", "not read"),
        ("outputs/home-1/x.kdl", "not read"),
        ("snapshots/home/x.kdl", "not read"),
        ("target/x.kdl", "not read"),
        ("sub/target/y.kdl", "g"),
    ]);
    let sources = read(&folder);
    let seen: Vec<String> = sources
        .files()
        .filter(|(_, file)| file.layer != Layer::Builtin)
        .map(|(_, file)| format!("{:?} {} {}", file.layer, file.path, file.text))
        .collect();
    insta::assert_snapshot!(seen.join("\n"), @r#"
    Site modules/plex/config.xml.j2 e
    Site modules/plex/module.kdl d
    Lab deep/er/x.kdl c
    Lab lab.kdl a
    Lab labwright.lock f
    Lab services.kdl b
    Lab sub/target/y.kdl g
    "#);
    for (_, file) in sources.files().filter(|(_, file)| file.layer != Layer::Builtin) {
        assert_eq!(layer_of(&file.path), Some(file.layer), "{}", file.path);
    }
    let inputs: Vec<String> = ids::inputs(&sources).into_iter().map(|input| input.path).collect();
    assert_eq!(inputs.len(), seen.len());
    assert!(inputs.is_sorted());
}

#[test]
fn the_input_id_tells_every_file_and_no_folder() {
    let files = [("lab.kdl", "a"), ("services.kdl", "b")];
    let id = |files: &[(&str, &str)], compiler: &str| {
        ids::input_id("labwright.release/1", compiler, &read(&lab(files)))
    };
    let first = id(&files, "1.0.0");
    assert_eq!(first, id(&files, "1.0.0"), "another folder, the same files");
    let others = [
        id(&files, "1.0.1"),
        id(&[("lab.kdl", "a"), ("services.kdl", "B")], "1.0.0"),
        id(&[("lab.kdl", "a"), ("service.kdl", "b")], "1.0.0"),
        id(&[("lab.kdl", "a"), ("services.kdl", "b"), ("labwright.lock", "")], "1.0.0"),
    ];
    assert!(others.iter().all(|other| *other != first));
}

#[test]
fn links_that_leave_the_lab_are_followed_only_when_asked_for() {
    let shared = lab(&[("plex/module.kdl", "module plex"), ("net.kdl", "network lan")]);
    let folder = lab(&[("lab.kdl", "a")]);
    symlink(shared.path(), folder.path().join("modules")).expect("a link");
    symlink(shared.path().join("net.kdl"), folder.path().join("net.kdl")).expect("a link");
    symlink("nowhere", folder.path().join("notes.txt")).expect("a link");
    let sources = read_lab_with(folder.path(), Links::Everywhere)
        .unwrap_or_else(|error| panic!("{:?}", error.diagnostics));
    assert!(sources.find(Layer::Site, "modules/plex/module.kdl").is_some());
    assert!(sources.find(Layer::Lab, "net.kdl").is_some());
    crate::snapshots::assert_snapshot("source", "links", &refusal(folder.path()).0);
}

/// The owner of a repository must not be able to have the files of its reader built into a bundle.
#[test]
fn no_link_brings_in_what_does_not_belong_to_the_lab() {
    let key = lab(&[("key", "secret"), ("deep/key", "secret")]);
    let link = |to: &Path, name: &str| {
        spoiled(|lab| {
            fs::create_dir_all(lab.join("modules/m")).expect("a folder");
            fs::create_dir_all(lab.join(".git")).expect("a folder");
            fs::create_dir_all(lab.join("outputs")).expect("a folder");
            fs::write(lab.join(".git/config"), "token").expect("write");
            symlink(to, lab.join(name)).expect("a link");
        })
        .0
    };
    for (to, name) in [
        (key.path().join("key"), "modules/m/leak.txt"),
        (key.path().join("deep"), "modules/m/leak"),
        (key.path().join("deep"), "photos"),
        ("/".into(), "root"),
        ("../../../../../../../../etc/passwd".into(), "modules/m/leak.txt"),
        ("../../.git/config".into(), "modules/m/leak.txt"),
        (".git".into(), "history"),
        ("outputs".into(), "built"),
        ("/etc/passwd".into(), "labwright.lock"),
    ] {
        let line = link(&to, name);
        let start = format!("link-leaves-lab: `{name}` is a link to something that does not");
        assert!(line.starts_with(&start), "{}: {line}", to.display());
    }
    // A chain of links is one link, and the lab's folder may be a link itself.
    let folder = lab(&[("lab.kdl", "a"), ("modules/m/a.txt", "b"), ("part.txt", "c")]);
    symlink("a.txt", folder.path().join("modules/m/b.txt")).expect("a link");
    symlink("../../part.txt", folder.path().join("modules/m/c.txt")).expect("a link");
    let beside = tempfile::tempdir().expect("a folder");
    symlink(folder.path(), beside.path().join("lab")).expect("a link");
    let sources = read_lab(&beside.path().join("lab"))
        .unwrap_or_else(|error| panic!("{:?}", error.diagnostics));
    for name in ["modules/m/b.txt", "modules/m/c.txt"] {
        assert!(sources.find(Layer::Site, name).is_some(), "{name}");
    }
    symlink("b.txt", folder.path().join("modules/m/d.txt")).expect("a link");
    fs::remove_file(folder.path().join("modules/m/a.txt")).expect("remove");
    symlink(key.path().join("key"), folder.path().join("modules/m/a.txt")).expect("a link");
    assert_eq!(refusal(folder.path()).0.lines().count(), 3);
}

#[test]
fn what_the_lab_did_wrong_is_said_in_a_line() {
    let mut problems = vec![
        spoiled(|lab| fs::remove_file(lab.join("lab.kdl")).expect("remove")),
        spoiled(|lab| symlink("..", lab.join("sub/loop")).expect("a link")),
        spoiled(|lab| symlink("sub", lab.join("twin")).expect("a link")),
        spoiled(|lab| fs::write(lab.join("latin.kdl"), b"caf\xe9").expect("write")),
        spoiled(|lab| {
            fs::create_dir(lab.join("modules")).expect("a folder");
            fs::write(lab.join("modules/logo.png"), b"\x89PNG").expect("write");
        }),
        spoiled(|lab| {
            fs::File::create(lab.join("large.kdl"))
                .expect("a file")
                .set_len(16 * 1024 * 1024 + 1)
                .expect("a sparse file");
        }),
        spoiled(|lab| fs::write(lab.join("sub/VM.kdl"), "").expect("write")),
        spoiled(|lab| fs::write(lab.join("Services.KDL"), "").expect("write")),
        spoiled(|lab| fs::write(lab.join("a\\b.kdl"), "").expect("write")),
        spoiled(|lab| {
            fs::write(lab.join(std::ffi::OsStr::from_bytes(b"\xff.kdl")), "").expect("write");
        }),
        spoiled(|lab| {
            assert!(
                Command::new("mkfifo")
                    .arg(lab.join("pipe.kdl"))
                    .status()
                    .expect("mkfifo")
                    .success()
            );
        }),
    ];
    problems.sort();
    assert!(problems.iter().all(|(_, outside)| !outside));
    let lines: Vec<String> = problems.into_iter().map(|(line, _)| line).collect();
    crate::snapshots::assert_snapshot("source", "refusals", &lines.join("\n"));
}

#[test]
fn what_the_disk_did_wrong_is_said_in_a_line() {
    let nowhere = tempfile::tempdir().expect("a temporary folder").path().to_owned();
    let problems = [
        refusal(&nowhere),
        spoiled(|lab| symlink("nowhere", lab.join("gone.kdl")).expect("a link")),
        spoiled(|lab| symlink("self.kdl", lab.join("self.kdl")).expect("a link")),
        // A file that contains more than its size says, like a file that grows while it is read.
        {
            let folder = lab(&[("lab.kdl", "edition 1\n")]);
            symlink("/proc/self/status", folder.path().join("grows.kdl")).expect("a link");
            let read = read_lab_with(folder.path(), Links::Everywhere);
            words(folder.path(), read.expect_err("it is refused"))
        },
    ];
    assert!(problems.iter().all(|(_, outside)| *outside));
    let lines: Vec<String> = problems.into_iter().map(|(line, _)| line).collect();
    crate::snapshots::assert_snapshot("source", "unreadable", &lines.join("\n"));
    let folder = lab(&[("lab.kdl", "a")]);
    assert!(
        refusal(&folder.path().join("lab.kdl"))
            .0
            .ends_with("(name the folder that holds `lab.kdl`)")
    );
}

#[test]
fn everything_wrong_is_said_at_once() {
    let (lines, _) = spoiled(|lab| {
        fs::write(lab.join("latin.kdl"), b"caf\xe9").expect("write");
        fs::write(lab.join("utf16.kdl"), b"\xff\xfea\0").expect("write");
        symlink("..", lab.join("sub/loop")).expect("a link");
    });
    assert_eq!(lines.lines().count(), 3, "{lines}");
}

/// A link to a whole disk, followed because the user asked for it.
#[test]
fn a_folder_with_too_many_names_is_refused() {
    let folder = lab(&[("lab.kdl", "edition 1\n")]);
    let disk = tempfile::tempdir().expect("a temporary folder");
    for number in 0..=50_000 {
        fs::File::create(disk.path().join(number.to_string())).expect("a file");
    }
    symlink(disk.path(), folder.path().join("disk")).expect("a link");
    let unreadable = read_lab_with(folder.path(), Links::Everywhere).expect_err("it is refused");
    let (said, outside) = words(folder.path(), unreadable);
    assert!(
        said.contains("source-too-large: the lab's folder has more than 50000 names"),
        "{said}"
    );
    assert!(!outside);
}
