//! Checks the report for reviewers: its content, that any reader of HTML can read it, and that no
//! text of a lab becomes part of the page's markup.

mod browser;
mod page;
mod picture;

use std::collections::BTreeMap;
use std::path::Path;

use labwright::compile::Discard;
use labwright::load::read_lab;
use labwright::source::{Layer, SourceFile, Sources};

use crate::snapshots::assert_snapshot;
use page::Page;

fn lab(folder: &str) -> Sources {
    read_lab(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).expect("the lab can be read")
}

/// Returns the files below `review/`.
fn reviewed(sources: &Sources) -> BTreeMap<String, String> {
    let compiled = labwright::compile(sources, Discard::open);
    assert!(!compiled.findings.has_errors(), "{:?}", compiled.findings);
    let files = compiled.release.expect("it is built").review;
    files.into_iter().map(|(name, bytes)| (name, String::from_utf8(bytes).expect("text"))).collect()
}

/// Replaces what changes with every file of every bundle: whole ids, and those shortened to twelve
/// digits.
fn steady(text: &str) -> String {
    let hash = |word: &&str| {
        [12, 64].contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    let found: Vec<&str> =
        text.split(|character: char| !character.is_ascii_alphanumeric()).filter(hash).collect();
    found.iter().fold(text.to_owned(), |text, id| text.replace(id, "ID"))
}

/// Lists what reviewers read: all but the table of services and the page by which a lab is brought
/// up.
fn pages<T>(files: &BTreeMap<String, T>) -> impl Iterator<Item = (&String, &T)> {
    files.iter().filter(|(name, _)| ["report.html", "summary.md"].contains(&name.as_str()))
}

#[test]
fn a_reviewer_of_a_home_reads() {
    let files = reviewed(&lab("modules/labs/media-server-home"));
    assert_eq!(
        files.keys().collect::<Vec<_>>(),
        ["bring-up.html", "report.html", "services.tsv", "summary.md"]
    );
    assert_snapshot("review", "summary.md", &steady(&files["summary.md"]));
    let (head, body) = files["report.html"].split_once("<body>").expect("a body");
    assert!(head.contains("prefers-color-scheme: dark") && head.contains("@media print"));
    assert_snapshot("review", "report.html", &steady(&format!("<body>{body}")));
}

#[test]
fn a_finding_that_nobody_accepted_is_shown() {
    let files = reviewed(&lab("tests/cases/diagnostics/unpinned-image"));
    for (name, text) in pages(&files) {
        assert!(text.contains("unpinned-image") && text.contains("lab.kdl:"), "{name}: {text}");
    }
}

/// What a proxy tells a service, and its own words, may be a token.
#[test]
fn no_value_that_a_proxy_keeps_to_itself_is_shown() {
    const SECRET: &str = "hunter2-hunter2";
    let labs =
        [("media-server-home", "from=internet,lan,tunnel"), ("blackbox", "from=lan,tailnet")];
    for (name, from) in labs {
        let routes = format!(
            "{from} {{ request-header X-Way-In \"{SECRET}\"; raw nginx.set $way \"{SECRET}\"; \
             response-header X-Way-Out \"shown-to-all\"; }}\n"
        );
        let mut files: Vec<SourceFile> = lab(&format!("modules/labs/{name}"))
            .files()
            .map(|(_, file)| file.clone())
            .filter(|file| file.layer != Layer::Builtin)
            .collect();
        let services = files.iter_mut().find(|file| file.path == "services.kdl").expect("a file");
        services.text = services.text.replacen(&format!("{from}\n"), &routes, 1);
        assert!(services.text.contains(SECRET));
        let files = reviewed(&Sources::with_standard_library(files));
        let shown: Vec<&String> = files.values().filter(|text| text.contains("X-Way-In")).collect();
        assert!(!shown.is_empty(), "{name}: the header itself is shown");
        for (file, text) in &files {
            assert!(!text.contains(SECRET), "{name} {file}");
        }
    }
}

#[test]
fn every_page_is_well_formed() {
    let labs = ["blackbox", "media-automation", "media-server-home", "media-server-single"]
        .map(|name| format!("modules/labs/{name}"));
    for folder in labs.iter().map(String::as_str).chain(["tests/cases/tiny"]) {
        let files = reviewed(&lab(folder));
        for name in ["report.html", "bring-up.html"] {
            Page::read(&files[name]).check();
        }
    }
}

/// A lab in which every free text, `TEXT` here, appears in the report.
const FREE_TEXT: &str = r#"edition 1

lab texts version="1" { domain "example.org"; }
admin ada {
    ssh-key "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExampleExampleExampleExampleExampleExampleE \
        TEXT"
}
network lan cidr="192.168.1.0/24" gateway="192.168.1.1" dns="192.168.1.1"
host box kind=debian {
    os debian-13
    hardware "TEXT" cores=2 memory=(size)"2GiB"
    address lan "192.168.1.10"
    ssh from=lan
}
secret word { doc "TEXT"; }
service echo on=box
accept state-without-backup on=echo reason="TEXT"
accept unused-secret reason="TEXT"

module echo {
    summary "TEXT"
    state data path="/srv/echo"
    state cache path="/srv/cache" backup=never reason="TEXT"
    container main {
        image "docker.io/library/busybox:1.37"
        command "sleep" "1d"
        health none="nothing can be asked"
    }
}
"#;

fn with_text(text: &str) -> BTreeMap<String, String> {
    let lab = SourceFile {
        path: "lab.kdl".to_owned(),
        text: FREE_TEXT.replace("TEXT", text),
        layer: Layer::Site,
    };
    reviewed(&Sources::with_standard_library(vec![lab]))
}

#[test]
fn no_text_becomes_part_of_the_page() {
    let plain = with_text("plain");
    let page = Page::read(&plain["report.html"]);
    page.check();
    let places = plain["report.html"].matches("plain").count();
    assert!(places >= 6, "only {places} places show what the lab says");
    let lines = plain["summary.md"].lines().count();
    let bring_up = Page::read(&plain["bring-up.html"]);
    for text in [
        "</td><script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        r#"\" onmouseover=\"alert(1)"#,
        "' autofocus onfocus='alert(1)",
        "<!-- ",
        "]]>",
        "{{ 7 * 7 }}{% raw %}",
        "a|b [c](javascript:alert(1)) `d`",
    ] {
        let hostile = with_text(text);
        assert_eq!(Page::read(&hostile["report.html"]), page, "`{text}` changed the page");
        assert_eq!(Page::read(&hostile["bring-up.html"]), bring_up, "`{text}` changed the page");
        assert_eq!(hostile["summary.md"].lines().count(), lines, "`{text}` changed the summary");
        let active = unescaped(&hostile["summary.md"]);
        assert!(!active.contains(['<', '>', '[', '`']), "`{text}` is active: {active}");
    }
    // Invisible characters are shown as escapes. Those that turn the direction of text or colour a
    // terminal are no text.
    let hidden = with_text(r"a\u{200b}c");
    for (_, text) in pages(&hidden) {
        assert!(!text.contains('\u{200b}') && text.contains("200b"), "{text}");
    }
}

/// A module of a lab's own that brings one of everything onto its machine as root.
const ROOTED: &str = r#"
edition 1
lab demo version="1.0"
network lan cidr="192.168.1.0/24"
host box kind=debian { os debian-13; address lan "192.168.1.2"; }
service radio on=box
network tunnel cidr="10.9.0.0/24"
service wireguard on=box { clients tunnel; address "10.9.0.1"; private-key (secret)wg; }
secret wg
"#;

const RADIO: &str = r#"
module radio {
    summary "A radio"
    package icecast2
    unit "radio.service" { section Service { set ExecStart "/usr/bin/radio"; }
        section Install { set WantedBy multi-user.target; }; }
    script tune phase=activate from="t.j2"
    file "radio.conf" from="t.j2" install="/etc/radio.conf"
    sysctl "net.core.rmem_max" 1
}
"#;

#[test]
fn a_reviewer_reads_what_a_module_of_the_labs_own_does_as_root() {
    let file = |path: &str, text: &str| SourceFile {
        path: path.to_owned(),
        text: text.to_owned(),
        layer: Layer::Site,
    };
    let files = reviewed(&Sources::with_standard_library(vec![
        file("lab.kdl", ROOTED),
        file("modules/radio/module.kdl", RADIO),
        file("modules/radio/t.j2", "\n"),
    ]));
    for (name, text) in pages(&files) {
        for brought in [
            "package icecast2",
            "unit radio.service",
            "script tune",
            "installs /etc/radio.conf",
            "kernel net.core.rmem",
        ] {
            assert!(text.contains(brought), "{name}: {brought}: {text}");
        }
        assert!(!text.contains("package wireguard-tools"), "{name}: the library is known: {text}");
    }
}

#[test]
fn a_page_of_many_machines_is_folded() {
    let host = |number: usize| {
        format!(
            "host box{number} kind=debian {{ os debian-13; hardware \"x\" cores=2 \
             memory=(size)\"2GiB\"; address lan \"192.168.1.{}\"; ssh from=lan; }}\n",
            number + 20
        )
    };
    let folds = |machines: usize| {
        let text = FREE_TEXT.replace("TEXT", "plain");
        let text = text + &(0..machines).map(host).collect::<String>();
        let lab = SourceFile { path: "lab.kdl".to_owned(), text, layer: Layer::Site };
        let page = reviewed(&Sources::with_standard_library(vec![lab])).remove("report.html");
        let page = Page::read(&page.expect("a report"));
        page.check();
        page.0.iter().filter(|element| element.name == "details").count()
    };
    // The picture's words are always folded. With 41 machines, so are the list of machines and the
    // ports of each.
    assert_eq!((folds(39), folds(40)), (1, 1 + 1 + 41));
}

/// Removes the escapes of Markdown.
fn unescaped(text: &str) -> String {
    let mut characters = text.chars();
    let mut left = String::new();
    while let Some(character) = characters.next() {
        if character == '\\' {
            characters.next();
        } else {
            left.push(character);
        }
    }
    left
}
