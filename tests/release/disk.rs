//! Checks full disks, folders of other people and interrupted runs: the target is unchanged or
//! complete.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use labwright::bundle::Packer;
use labwright::disk::folder;
use labwright::disk::interrupt::Interrupt;
use labwright::disk::output::ReleaseWriter;
use labwright::disk::staging::OutputError;
use labwright::kind::Kind;
use rayon::prelude::*;
use tempfile::TempDir;

use crate::small_disk::SmallDisk;

use super::folder::{verify, write};
use super::{artifacts, identity};

fn base() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

/// Lists every name below `base`, hidden ones too.
fn names(base: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(base)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

fn says(error: &OutputError, base: &Path) -> String {
    format!("{error}\n{}", error.help).replace(&base.display().to_string(), "BASE")
}

#[test]
fn a_release_takes_the_place_of_the_one_before() {
    let base = base();
    let target = base.path().join("release");
    let old = ReleaseWriter::new(&target, &Interrupt::default()).expect("it starts");
    old.add_review(&BTreeMap::from([("old.html".to_owned(), Vec::new())])).expect("it is written");
    old.finish(b"{\"format\": \"labwright.release/1\"}").expect("it is written");
    assert!(target.join("review/old.html").exists());

    write(&target, &Interrupt::default()).expect("it is replaced");
    assert_eq!(verify(&target), Vec::<String>::new());
    assert_eq!(names(base.path()), ["release"]);
}

#[test]
fn what_no_build_wrote_is_never_replaced() {
    let base = base();
    let target = |name: &str| base.path().join(name);
    fs::write(target("file"), "mine").expect("write");
    fs::create_dir_all(target("folder/sub")).expect("a folder");
    fs::write(target("folder/sub/mine"), "mine").expect("write");
    fs::create_dir(target("claims")).expect("a folder");
    fs::write(target("claims/release.json"), "{}").expect("write");
    write(&target("release"), &Interrupt::default()).expect("it is written");
    fs::write(target("release/notes.txt"), "mine").expect("write");
    write(&target("hollow"), &Interrupt::default()).expect("it is written");
    fs::create_dir(target("hollow/mine")).expect("a folder");
    fs::create_dir_all(target("folders/mine")).expect("folders");
    std::os::unix::fs::symlink("nowhere", target("link")).expect("a link");
    let before = names(base.path());

    let errors: Vec<String> = ["file", "folder", "claims", "release", "hollow", "folders", "link"]
        .map(|name| {
            says(
                &write(&target(name), &Interrupt::default()).expect_err("it is refused"),
                base.path(),
            )
        })
        .into();
    insta::assert_snapshot!(errors.join("\n"), @r#"
    won't write to `BASE/file`: a file is there
    remove it, or name another folder with `--out`
    won't write to `BASE/folder`: it is not a release that labwright wrote
    name another folder with `--out`, or move this one away
    won't write to `BASE/claims`: it is not a release that labwright wrote
    name another folder with `--out`, or move this one away
    won't write to `BASE/release`: no build wrote `notes.txt` in it
    move it elsewhere, then run the command again
    won't write to `BASE/hollow`: no build wrote `mine/` in it
    move it elsewhere, then run the command again
    won't write to `BASE/folders`: it is not a release that labwright wrote
    name another folder with `--out`, or move this one away
    won't write to `BASE/link`: it is a link to something that does not exist
    remove it, or create the folder that it names
    "#);
    assert_eq!(names(base.path()), before);
    assert!(target("folder/sub/mine").exists() && target("release/notes.txt").exists());
    assert!(
        target("hollow/mine").exists()
            && target("folders/mine").exists()
            && target("link").is_symlink()
    );
}

#[test]
fn an_empty_folder_and_a_link_to_a_release_are_places_to_write_to() {
    let base = base();
    let empty = base.path().join("empty");
    fs::create_dir(&empty).expect("a folder");
    write(&empty, &Interrupt::default()).expect("it is written");
    let link = base.path().join("link");
    std::os::unix::fs::symlink(&empty, &link).expect("a link");
    write(&link, &Interrupt::default()).expect("it is written");
    assert!(link.is_symlink());
    assert_eq!(verify(&link), Vec::<String>::new());
    assert_eq!(names(base.path()), ["empty", "link"]);
}

#[test]
fn an_interrupted_build_leaves_nothing() {
    let base = base();
    let target = base.path().join("outputs/deeper/release");
    let interrupt = Interrupt::default();
    let writer = ReleaseWriter::new(&target, &interrupt).expect("it starts");
    writer
        .add_review(&BTreeMap::from([("report.html".to_owned(), Vec::new())]))
        .expect("it is written");
    interrupt.ask();
    let error = writer.finish(b"{}").expect_err("it was interrupted");
    insta::assert_snapshot!(says(&error, base.path()), @r#"
    interrupted
    what was there is unchanged
    "#);
    assert_eq!(names(base.path()), Vec::<String>::new());
}

#[test]
fn what_a_killed_build_left_is_removed_and_a_live_one_is_not() {
    let base = base();
    let target = base.path().join("release");
    let dead = base.path().join(".labwright-staging-release-dead00");
    fs::create_dir_all(dead.join("new")).expect("a folder");
    fs::write(dead.join("lock"), "").expect("write");
    let of_another_target = base.path().join(".labwright-staging-release-2-dead00");
    fs::create_dir(&of_another_target).expect("a folder");
    fs::write(of_another_target.join("lock"), "").expect("write");

    let first = ReleaseWriter::new(&target, &Interrupt::default()).expect("it starts");
    assert!(!dead.exists() && of_another_target.exists());
    write(&target, &Interrupt::default()).expect("a second build next to it");
    assert_eq!(verify(&target), Vec::<String>::new());
    first.finish(b"{\"format\": \"labwright.release/1\"}").expect("the first is still alive");
    assert_eq!(names(base.path()), [".labwright-staging-release-2-dead00", "release"]);
}

#[test]
fn builds_of_one_release_at_once_leave_one_of_them() {
    for _ in 0..20 {
        let base = base();
        let target = base.path().join("new/release");
        // There are as many threads as builds, because each waits for the disk and not for the
        // others.
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope
                    .spawn(|| write(&target, &Interrupt::default()).expect("every build succeeds"));
            }
        });
        assert_eq!(verify(&target), Vec::<String>::new());
        assert_eq!(names(&base.path().join("new")), ["release"]);
    }
}

#[test]
fn a_release_that_a_killed_build_had_moved_aside_comes_back() {
    let base = base();
    let target = base.path().join("release");
    write(&target, &Interrupt::default()).expect("it is written");
    fs::rename(&target, base.path().join(".labwright-aside-release")).expect("rename");
    drop(ReleaseWriter::new(&target, &Interrupt::default()).expect("it starts"));
    assert_eq!(verify(&target), Vec::<String>::new());
    assert_eq!(names(base.path()), ["release"]);
}

#[test]
fn a_file_written_twice_is_an_error() {
    let base = base();
    let writer =
        ReleaseWriter::new(&base.path().join("release"), &Interrupt::default()).expect("it starts");
    let bundle = || Packer::new().pack(&identity("a"), &artifacts()).expect("it packs");
    writer.add_bundle(&bundle()).expect("once");
    assert!(
        writer.add_bundle(&bundle()).expect_err("twice").problem.ends_with("a file is in the way")
    );
}

#[test]
fn bundles_are_written_from_many_threads() {
    let base = base();
    let target = base.path().join("release");
    let writer = ReleaseWriter::new(&target, &Interrupt::default()).expect("it starts");
    let packer = Packer::new();
    (0..64).into_par_iter().for_each(|index| {
        let mut artifacts = artifacts();
        artifacts.add("own.txt", Kind::Text, index.to_string(), Vec::new());
        let bundle = packer.pack(&identity(&format!("m{index}")), &artifacts).expect("it packs");
        writer.add_bundle(&bundle).expect("it is written");
    });
    writer.finish(b"{}").expect("it is written");
    assert_eq!(folder::list(&target).expect("a folder").len(), 66);
}

#[cfg(unix)]
#[test]
fn modes_do_not_depend_on_the_umask() {
    use std::os::unix::fs::PermissionsExt;
    let base = base();
    let target = base.path().join("release");
    write(&target, &Interrupt::default()).expect("it is written");
    let mode = |path: &Path| path.metadata().expect("it is there").permissions().mode() & 0o7777;
    assert_eq!([&target, &target.join("review")].map(|path| mode(path)), [0o755, 0o755]);
    for name in folder::list(&target).expect("a folder") {
        assert_eq!(mode(&target.join(&name)), 0o644, "{name}");
    }
}

#[test]
fn a_full_disk_is_one_clear_error_and_the_old_release_stands() {
    let Some(disk) = SmallDisk::new("64k") else { return };
    write(&disk.path().join("release"), &Interrupt::default()).expect("the first release fits");
    fs::write(disk.path().join("filler"), vec![0; 64 * 1024]).expect_err("the disk is full");
    let error = write(&disk.path().join("release"), &Interrupt::default())
        .expect_err("the second does not fit");
    insta::assert_snapshot!(says(&error, disk.path()), @r#"
    can't write `BASE/release/home-intranet-c90cb3bc1435.tar.gz`: no storage space
    free some space, then run the command again; what was there is unchanged
    "#);
    assert_eq!(names(disk.path()), ["filler", "release"]);
    assert_eq!(verify(&disk.path().join("release")), Vec::<String>::new());
}

#[test]
fn a_disk_that_fills_up_half_way_leaves_nothing_new() {
    let Some(disk) = SmallDisk::new("64k") else { return };
    let writer =
        ReleaseWriter::new(&disk.path().join("release"), &Interrupt::default()).expect("it starts");
    let review =
        |name: &str, size| writer.add_review(&BTreeMap::from([(name.to_owned(), vec![0; size])]));
    review("fits", 1024).expect("it fits");
    insta::assert_snapshot!(says(&review("too-large", 128 * 1024).expect_err("full"), disk.path()),
    @r#"
    can't write `BASE/release/review/too-large`: no storage space
    free some space, then run the command again; what was there is unchanged
    "#);
    drop(writer);
    assert_eq!(names(disk.path()), Vec::<String>::new());
}

#[test]
fn a_read_only_disk_is_one_clear_error() {
    let Some(disk) = SmallDisk::new("64k") else { return };
    write(&disk.path().join("release"), &Interrupt::default()).expect("the first release fits");
    disk.make_read_only();
    let error = write(&disk.path().join("release"), &Interrupt::default())
        .expect_err("nothing can be written");
    insta::assert_snapshot!(says(&error, disk.path()), @r#"
    can't write `BASE/release`: read-only filesystem or storage medium
    name a folder that you may write to with `--out`; what was there is unchanged
    "#);
    let deeper = disk.path().join("outputs/release");
    insta::assert_snapshot!(says(&write(&deeper, &Interrupt::default()).expect_err("nothing can \
        be written"), disk.path()), @r#"
    can't write `BASE/outputs`: read-only filesystem or storage medium
    name a folder that you may write to with `--out`; what was there is unchanged
    "#);
    assert_eq!(verify(&disk.path().join("release")), Vec::<String>::new());
}
