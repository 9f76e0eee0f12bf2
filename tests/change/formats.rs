//! The formats, the exit codes, and releases.

use std::fs;
use std::path::Path;

use serde_json::Value;

use labwright::change::compare::Entry;
use labwright::change::edits::Place;
use labwright::change::{html, json, markdown, text};
use labwright::source::SourceFile;

use super::{compare, edit, shipped};
use crate::cli::{Run, labwright, put};
use crate::snapshots::assert_snapshot;

pub const LOOK: text::Look = text::Look { width: 80, color: false, all: false };

/// A change with something of most classes.
fn changed() -> (Vec<SourceFile>, Vec<SourceFile>) {
    let was = shipped("media-server-home");
    let mut is = was.clone();
    edit(
        &mut is,
        "services.kdl",
        "expose web to=lan,tunnel                   // straight",
        "expose web to=internet,lan,tunnel          // straight",
    );
    edit(
        &mut is,
        "hosts.kdl",
        "quota=(size)\"100GiB\" recordsize=(size)\"1MiB\" backup=daily",
        "quota=(size)\"100GiB\" recordsize=(size)\"1MiB\"",
    );
    edit(
        &mut is,
        "machines.kdl",
        "",
        "\nvm games id=102 on=pve {\n    os debian-13\n    cores 1\n    memory \
         (size)\"1GiB\"\n    disk root size=(size)\"8GiB\"\n    address lan \
         \"192.168.1.120\"\n    ssh from=lan\n}\n",
    );
    (was, is)
}

fn write(folder: &Path, name: &str, files: &[SourceFile]) {
    for file in files {
        put(&folder.join(name), &file.path, file.text.as_bytes());
    }
}

fn run(arguments: &[&str]) -> Run {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (was, is) = changed();
    write(folder.path(), "was", &was);
    write(folder.path(), "is", &is);
    labwright(folder.path(), &[&["diff", "was", "is"], arguments].concat())
}

#[test]
fn text_fits_eighty_columns() {
    let (was, is) = changed();
    let text = text::write(&compare(&was, &is), LOOK);
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    assert_snapshot("cli", "diff", &text);
}

#[test]
fn every_format_is_as_it_was() {
    let (was, is) = changed();
    let comparison = compare(&was, &is);
    assert_snapshot("cli", "diff-json", &json::write(&comparison).expect("JSON"));
    assert_snapshot("cli", "diff-markdown", &markdown::write(&comparison));
    let page = html::write(&comparison).expect("a page");
    let (_, body) = page.split_once("</style>").expect("a style");
    let (before, picture) = body.split_once("<section id=\"picture\"").expect("a picture");
    let (_, after) = picture.split_once("</section>").expect("its end");
    assert_snapshot("cli", "diff-html", &format!("{before}(the picture){after}"));
}

#[test]
fn the_page_shows_a_picture_with_what_is_new_and_gone() {
    let was = shipped("media-server-home");
    let mut is = was.clone();
    let games = "vm games id=102 on=pve {\n    os debian-13\n    cores 1\n    memory \
                 (size)\"1GiB\"\n    disk root size=(size)\"8GiB\"\n    address lan \
                 \"192.168.1.120\"\n}\n";
    edit(&mut is, "machines.kdl", "", games);
    edit(&mut is, "services.kdl", "service cadvisor-extranet module=cadvisor on=extranet\n", "");
    let page = html::write(&compare(&was, &is)).expect("a page");
    let box_of = |class: &str, name: &str| {
        let boxes =
            page.split("<g ").filter(|part| part.starts_with(&format!("class=\"{class}\"")));
        boxes.filter(|part| part.contains(&format!(">{name}<"))).count()
    };
    // The picture is there twice, for wide pages and for phones.
    assert_eq!(box_of("machine new", "games"), 2);
    assert_eq!(box_of("service gone", "cadvisor-extranet"), 2);
    assert_eq!(box_of("machine same", "intranet"), 2);
    assert!(page.contains("<li class=\"new\">new</li>"));
    let same = html::write(&compare(&was, &was)).expect("a page");
    assert!(!same.contains("<svg"), "where nothing changes, there is no picture");
}

#[test]
fn one_attribute_takes_at_most_five_lines() {
    let edits = [
        (
            "services.kdl",
            "expose web to=lan,tunnel                   // straight",
            "expose web to=internet // straight",
        ),
        ("services.kdl", "retention (duration)\"30d\"", "retention (duration)\"60d\""),
        ("services.kdl", "keep daily=7", "keep daily=8"),
        ("lab.kdl", "domain \"elmzn.be\"", "domain \"elmzn.org\""),
        ("machines.kdl", "memory (size)\"4GiB\"", "memory (size)\"3GiB\""),
        ("machines.kdl", "cores 2", "cores 1"),
        ("hosts.kdl", "recordsize=(size)\"16KiB\"", "recordsize=(size)\"8KiB\""),
        ("services.kdl", "from=lan,tunnel\n", "from=lan\n"),
    ];
    for (path, from, to) in edits {
        let was = shipped("media-server-home");
        let mut is = was.clone();
        edit(&mut is, path, from, to);
        let text = text::write(&compare(&was, &is), LOOK);
        assert!(text.lines().count() <= 5, "{to}\n{text}");
        assert!(text.lines().count() >= 2, "{to} does nothing\n{text}");
    }
}

#[test]
fn exits_follow_what_was_asked() {
    assert_eq!(run(&[]).code, 0);
    assert_eq!(run(&["--exit-code"]).code, 1);
    assert_eq!(run(&["--fail-on", "images,secrets"]).code, 0);
    assert_eq!(run(&["--fail-on", "images,access-opened"]).code, 1);
    assert_eq!(run(&["--fail-on", "nonsense"]).code, 2);
    let lab = Path::new(env!("CARGO_MANIFEST_DIR")).join("modules/labs");
    let same = ["diff", "media-server-home", "media-server-home", "--exit-code"];
    assert_eq!(labwright(&lab, &same).code, 0);
}

#[test]
fn markdown_has_room_for_the_worst() {
    let (was, is) = changed();
    let mut comparison = compare(&was, &is);
    let last = comparison.entries.last().expect("an entry").clone();
    for number in 0..3000 {
        let places =
            vec![Place { path: "services.kdl".to_owned(), line: Some(number), gone: false }];
        comparison.entries.push(Entry { places, ..last.clone() });
    }
    // Thousands of edits that act only together do not take the room of what they do.
    let worst = comparison.entries.first_mut().expect("an entry");
    let gone = |number| Place { path: "lab.kdl".to_owned(), line: Some(number), gone: true };
    worst.places.extend((0..9000).map(gone));
    let text = markdown::write(&comparison);
    assert!(text.len() < 65_000 && text.len() > 20_000, "{}", text.len());
    assert!(text.contains("internet to intranet 8096/tcp"), "{}", &text[..2000]);
    assert!(text.contains("none worse than these, are left out"));
}

/// Text that hides a character, mentions people, and breaks out of Markdown and HTML. A lab can't
/// hold text that steers a terminal.
const HOSTILE: &str = "\u{200b}<script>alert(1)</script> @everyone [x](javascript:y) `|`";

#[test]
fn hostile_text_is_inert_everywhere() {
    let was = shipped("media-server-home");
    let mut is = was.clone();
    let quoted = HOSTILE.replace('\u{200b}', "\\u{200b}");
    edit(
        &mut is,
        "services.kdl",
        "repository \"/mnt/backups/restic-repo\"",
        &format!("repository \"/mnt/backups/{quoted}\""),
    );
    edit(&mut is, "services.kdl", "the disk upgrade of 2026 moves", &format!("{quoted} moves"));
    let comparison = compare(&was, &is);
    let (text, markdown) = (text::write(&comparison, LOOK), markdown::write(&comparison));
    let (page, json) =
        (html::write(&comparison).expect("a page"), json::write(&comparison).expect("JSON"));
    assert!(text.contains("script"), "{text}");
    for shown in [&text, &markdown, &page] {
        assert!(!shown.contains('\u{200b}'), "{shown}");
    }
    for shown in [&markdown, &page] {
        assert!(!shown.contains("<script"), "{shown}");
    }
    assert!(!markdown.contains("@everyone") && !markdown.contains("](javascript:"), "{markdown}");
    let value: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(value["format"], "labwright.diff/1");
}

#[test]
fn no_value_that_may_be_a_secret_is_shown() {
    let was = shipped("media-server-home");
    let mut is = was.clone();
    let secret = "hunter2-hunter2";
    edit(
        &mut is,
        "services.kdl",
        "    library \"/mnt/media\"\n",
        &format!("    library \"/mnt/media\"\n    raw compose.environment \"TOKEN={secret}\"\n"),
    );
    edit(
        &mut is,
        "services.kdl",
        "/mnt/backups/restic-repo",
        &format!("rest:https://ada:{secret}@example.org/x"),
    );
    edit(
        &mut is,
        "services.kdl",
        "from=internet,lan,tunnel\n",
        &format!(
            "from=internet,lan,tunnel {{ request-header X-Way-In \"{secret}\"; \
             raw nginx.add_header X-Way-Out \"{secret}\"; }}\n"
        ),
    );
    // Nobody looks for a secret here.
    let made = "hunter2Xy9Kq7Zp4Wm8Rt3";
    edit(
        &mut is,
        "hosts.kdl",
        "pci=\"0000:00:02.0\"",
        &format!("pci=\"0000:00:02.0\" rom=\"{made}\""),
    );
    let comparison = compare(&was, &is);
    let told = text::write(&comparison, LOOK);
    assert!(told.contains("with the ROM ***"), "{told}");
    assert!(told.contains("request header X-Way-In of media.elmzn.be is new"), "{told}");
    for shown in [
        text::write(&comparison, LOOK),
        markdown::write(&comparison),
        html::write(&comparison).expect("a page"),
        json::write(&comparison).expect("JSON"),
    ] {
        assert!(!shown.contains(secret) && !shown.contains(made), "{shown}");
    }
}

#[test]
fn releases_are_compared_with_releases_and_labs() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (was, is) = changed();
    write(folder.path(), "was", &was);
    write(folder.path(), "is", &is);
    for lab in ["was", "is"] {
        let run = labwright(folder.path(), &["build", lab, "--out", &format!("release-{lab}")]);
        assert_eq!(run.code, 0, "{}", run.err);
    }
    for (old, new) in [("release-was", "release-is"), ("was", "release-is"), ("release-was", "is")]
    {
        let run = labwright(folder.path(), &["diff", old, new]);
        assert_eq!((run.code, run.err.as_str()), (0, ""), "{old} {new}");
        assert!(run.out.contains("opened       internet to intranet 8096/tcp"), "{}", run.out);
        assert!(run.says("machine games: none -> vm"), "{}", run.out);
        assert!(run.says("hosts.kdl, machines.kdl, services.kdl"), "{}", run.out);
        assert!(!run.out.contains("unexplained"), "{}", run.out);
    }
    let same = labwright(folder.path(), &["diff", "release-is", "is"]).out;
    assert_eq!(same, "no machine changes: all 4 bundles are the same, byte for byte\n");
    fs::write(folder.path().join("release-is/SHA256SUMS"), "").expect("a file");
    let run = labwright(folder.path(), &["diff", "release-was", "release-is"]);
    assert_eq!(run.code, 1);
    assert!(run.says("is not a sound release"), "{}", run.err);
}
