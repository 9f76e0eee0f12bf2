//! Revisions of git: read without a checkout, below the top of the repository, in a worktree.

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::cli::{labwright, put};

const LAB: &str = "edition 1
lab attic version=\"2026.1\" { domain \"example.org\"; timezone \"Europe/Brussels\"; }
admin ada { ssh-key \"ssh-ed25519 \
AAAAC3NzaC1lZDI1NTE5AAAAIExampleExampleExampleExampleExampleExampleE ada\"; }
network lan cidr=\"192.168.1.0/24\" gateway=\"192.168.1.1\" dns=\"192.168.1.1\"
host box kind=debian {
    os debian-13
    hardware \"Intel NUC\" cores=4 memory=(size)\"16GiB\"
    address lan \"192.168.1.10\"
    ssh from=lan
}
";

fn git(folder: &Path, arguments: &[&str]) {
    let status = Command::new("git")
        .current_dir(folder)
        .args(["-c", "user.name=ada", "-c", "user.email=ada@example.org"])
        .args(arguments)
        .output()
        .expect("git runs");
    assert!(status.status.success(), "{}", String::from_utf8_lossy(&status.stderr));
}

/// Makes a repository with a lab in `home/lab`, and a second commit that lets the internet in.
fn repository() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    git(folder.path(), &["init", "--quiet", "--initial-branch=main"]);
    put(folder.path(), "home/lab/lab.kdl", LAB.as_bytes());
    put(folder.path(), "home/lab/notes.txt", b"no part of the lab");
    git(folder.path(), &["add", "."]);
    git(folder.path(), &["commit", "--quiet", "--message=one"]);
    let opened = LAB.replace("ssh from=lan", "ssh from=lan,internet");
    put(folder.path(), "home/lab/lab.kdl", opened.as_bytes());
    folder
}

const OPENED: &str = "opened       internet to box 22/tcp, ssh: closed -> open\n";

#[test]
fn alone_it_compares_the_folder_with_the_last_commit() {
    let folder = repository();
    let lab = folder.path().join("home/lab");
    let run = labwright(&lab, &["diff"]);
    assert_eq!((run.code, run.err.as_str()), (0, ""));
    assert_eq!(
        run.out,
        format!(
            "{OPENED}findings     admin-exposed on box is new\n\
         of 1 machine, 1 changes, because of lab.kdl:9\n"
        )
    );
    git(folder.path(), &["commit", "--all", "--quiet", "--message=two"]);
    let nothing = "no machine changes: its bundle is the same, byte for byte\n";
    assert_eq!(labwright(&lab, &["diff"]).out, nothing);
    assert!(labwright(&lab, &["diff", "git:HEAD~1"]).out.starts_with(OPENED));
    assert!(labwright(&lab, &["diff", "git:HEAD~1", "git:main"]).out.starts_with(OPENED));
    let from_above = ["diff", "git:HEAD~1", "git:HEAD", "--lab", "home/lab"];
    assert!(labwright(folder.path(), &from_above).out.starts_with(OPENED));
    assert!(labwright(folder.path(), &["diff", "git:HEAD~1", "home/lab"]).out.starts_with(OPENED));
    let back = labwright(folder.path(), &["diff", "home/lab", "git:HEAD~1"]).out;
    assert!(back.starts_with("closed       internet to box 22/tcp"), "{back}");
}

#[test]
fn a_worktree_is_as_good_and_nothing_is_checked_out() {
    let folder = repository();
    git(folder.path(), &["worktree", "add", "--quiet", "beside", "HEAD"]);
    let lab = folder.path().join("beside/home/lab");
    fs::copy(folder.path().join("home/lab/lab.kdl"), lab.join("lab.kdl")).expect("a copy");
    let before = fs::metadata(folder.path().join("home/lab/lab.kdl")).expect("a file").modified();
    assert!(labwright(&lab, &["diff"]).out.starts_with(OPENED));
    let after = fs::metadata(folder.path().join("home/lab/lab.kdl")).expect("a file").modified();
    assert_eq!(before.expect("a time"), after.expect("a time"));
}

#[test]
fn links_lead_to_files_of_the_same_revision() {
    let folder = repository();
    put(
        folder.path(),
        "home/shared/names.kdl",
        b"name \"nas.example.org\" address=\"192.168.1.20\"\n",
    );
    let lab = folder.path().join("home/lab");
    put(&lab, "inside/more.kdl", b"secret spare\n");
    std::os::unix::fs::symlink("inside", lab.join("linked")).expect("a link");
    git(folder.path(), &["add", "."]);
    git(folder.path(), &["commit", "--quiet", "--message=linked"]);
    // The folder itself is read twice by such a link, which is an error in both ways of reading.
    let run = labwright(&lab, &["diff", "git:HEAD", "git:HEAD"]);
    assert_eq!(run.code, 1, "{}{}", run.out, run.err);
}

#[test]
fn a_link_brings_nothing_back_that_the_lab_leaves_out() {
    let folder = repository();
    let lab = folder.path().join("home/lab");
    put(&lab, ".env", b"PASSWORD=hunter2\n");
    put(&lab, "modules/m/open.txt", b"open\n");
    std::os::unix::fs::symlink("open.txt", lab.join("modules/m/same.txt")).expect("a link");
    git(folder.path(), &["add", "--force", "."]);
    git(folder.path(), &["commit", "--quiet", "--message=inside"]);
    let run = labwright(&lab, &["diff", "git:HEAD", "git:HEAD"]);
    assert_eq!(run.code, 0, "{}{}", run.out, run.err);
    std::os::unix::fs::symlink("../../.env", lab.join("modules/m/env.txt")).expect("a link");
    git(folder.path(), &["add", "--force", "."]);
    git(folder.path(), &["commit", "--quiet", "--message=out"]);
    let run = labwright(&lab, &["diff", "git:HEAD", "git:HEAD"]);
    assert_eq!(run.code, 3, "{}{}", run.out, run.err);
    assert!(run.says("`modules/m/env.txt` leads out of the lab"), "{}", run.err);
}

#[test]
fn a_lab_whose_folder_has_another_name_is_compared_with_itself() {
    let folder = repository();
    git(folder.path(), &["mv", "home/lab", "house"]);
    let house = folder.path().join("house");
    assert!(labwright(&house, &["diff"]).out.starts_with(OPENED));
    assert!(labwright(folder.path(), &["diff", "git:HEAD", "house"]).out.starts_with(OPENED));
    assert!(labwright(folder.path(), &["diff", "--lab", "house"]).out.starts_with(OPENED));
    git(folder.path(), &["commit", "--all", "--quiet", "--message=moved"]);
    let revisions = ["diff", "git:HEAD~1", "git:HEAD", "--lab", "house"];
    assert!(labwright(folder.path(), &revisions).out.starts_with(OPENED));
    // A folder that is gone can be named too.
    let gone = ["diff", "git:HEAD~1", "house", "--lab", "home/lab"];
    assert!(labwright(folder.path(), &gone).out.starts_with(OPENED));
}

#[test]
fn another_lab_is_not_taken_for_one_that_is_new() {
    let folder = repository();
    put(folder.path(), "other/lab.kdl", LAB.as_bytes());
    let run = labwright(&folder.path().join("other"), &["diff"]);
    assert_eq!(run.code, 3);
    let said = "`.` has no `lab.kdl` at `HEAD`, but there is one in `home/lab`";
    assert!(run.says(said), "{}", run.err);
}

#[test]
fn a_repository_without_a_commit_is_said() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    git(folder.path(), &["init", "--quiet"]);
    put(folder.path(), "lab.kdl", LAB.as_bytes());
    let run = labwright(folder.path(), &["diff"]);
    assert_eq!(run.code, 3);
    assert!(run.says("the repository has no commit yet"), "{}", run.err);
}

#[test]
fn what_can_not_be_read_is_said() {
    let folder = repository();
    let lab = folder.path().join("home/lab");
    let run = labwright(&lab, &["diff", "git:nowhere"]);
    assert_eq!(run.code, 3);
    assert!(run.says("can't read `git:nowhere`: `nowhere` is not a revision"), "{}", run.err);
    let run = labwright(&lab, &["diff", "git:--output=x"]);
    assert_eq!(run.code, 3, "{}", run.err);
    assert!(!lab.join("x").exists());
    let run = labwright(folder.path(), &["diff", "git:HEAD", "git:HEAD"]);
    assert!(run.says("has no `lab.kdl` at `HEAD`"), "{}", run.err);
    put(&lab, "modules/large.txt", &vec![b'x'; (16 << 20) + 1]);
    git(folder.path(), &["add", "."]);
    git(folder.path(), &["commit", "--quiet", "--message=large"]);
    let run = labwright(&lab, &["diff", "git:HEAD", "git:HEAD~1"]);
    assert!(run.says("`modules/large.txt` has 16777217 bytes"), "{}", run.err);
    // One object that is there many times takes no room in a repository, but would in memory.
    put(&lab, "modules/large.txt", &vec![b'x'; 16 << 20]);
    git(folder.path(), &["add", "."]);
    let many: Vec<String> = (0..33).map(|it| format!("home/lab/modules/{it}.txt")).collect();
    let script = "oid=$(git rev-parse :home/lab/modules/large.txt)
        for name; do git update-index --add --cacheinfo 100644,$oid,$name; done";
    let mut all = Command::new("sh");
    all.args(["-c", script, "sh"]).args(&many).current_dir(folder.path());
    assert!(all.status().expect("sh runs").success());
    git(folder.path(), &["commit", "--quiet", "--message=many"]);
    let run = labwright(&lab, &["diff", "git:HEAD", "git:HEAD~2"]);
    assert!(run.says("bytes at `HEAD`, the most is 536870912"), "{}", run.err);
    git(folder.path(), &["rm", "--quiet", "--cached", "-r", "home/lab/modules"]);
    git(folder.path(), &["commit", "--quiet", "--message=small again"]);
    put(&lab, "lab.kdl", b"edition 1\nlab attic {\n");
    let run = labwright(&lab, &["diff"]);
    assert_eq!((run.code, run.out.as_str()), (1, ""));
    assert!(run.says("is not closed"), "{}", run.err);
}
