//! Checks the documents: generated parts are up to date, and every block of KDL compiles.
//!
//! A block that begins with `edition` is a whole lab. Any other is a fragment: `kdl in=NODE`
//! belongs inside a NODE, plain `kdl` at the top of a file. The frames and the prelude below
//! complete it. What a fragment declares itself is removed from the prelude.

mod ci;
mod emitted;
mod pages;
mod reviewing;
mod rooms;
mod source;
mod trust;

use std::path::{Path, PathBuf};

use labwright::compile;
use labwright::diag::{Diagnostics, Format, Severity, Style, render};
use labwright::reference::{language, modules};
use labwright::source::{Layer, SourceFile, Sources};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap_or_default()
}

/// Compares the file with its expected content, or writes it when asked to.
fn up_to_date(name: &str, expected: &str) {
    if std::env::var_os("LABWRIGHT_UPDATE_DOCS").is_some() {
        std::fs::write(root().join(name), expected).expect("the page is written");
    }
    assert!(read(name) == expected, "{name} is stale: LABWRIGHT_UPDATE_DOCS=1 cargo test docs_");
}

fn standard_library() -> Vec<modules::Module> {
    let sources = Sources::with_standard_library(Vec::new());
    let mut found = Diagnostics::default();
    let list = compile::modules(&sources, &mut found).iter().map(modules::describe).collect();
    assert!(found.is_empty(), "{found:?}");
    list
}

#[test]
fn docs_modules_is_up_to_date() {
    up_to_date("docs/modules.md", &modules::markdown(&standard_library()));
}

#[test]
fn docs_language_is_up_to_date() {
    let page = read("docs/language.md");
    let (concepts, _) = page
        .split_once(language::MARKER)
        .expect("docs/language.md has the line after which it is generated");
    up_to_date(
        "docs/language.md",
        &format!("{concepts}{}\n\n{}", language::MARKER, language::markdown()),
    );
}

/// Lists the pages that people read.
fn pages() -> Vec<String> {
    let mut pages = Vec::new();
    for folder in ["", "docs/", "tests/"] {
        for entry in std::fs::read_dir(root().join(folder)).expect("a folder") {
            let name = entry.expect("an entry").file_name().to_string_lossy().into_owned();
            if Path::new(&name).extension().is_some_and(|extension| extension == "md") {
                pages.push(format!("{folder}{name}"));
            }
        }
    }
    pages.sort();
    pages
}

/// Lists the blocks of code of a page in a language: the line of each, the text after the language,
/// and the code.
fn blocks(page: &str, language: &str) -> Vec<(usize, String, String)> {
    let mut blocks = Vec::new();
    let mut open: Option<(usize, String, String)> = None;
    for (number, line) in page.lines().enumerate() {
        match open.take() {
            Some(block) if line.trim() == "```" => blocks.push(block),
            Some((start, info, text)) => open = Some((start, info, text + line + "\n")),
            None => {
                let info =
                    line.trim().strip_prefix("```").and_then(|info| info.strip_prefix(language));
                open = info.map(|info| (number + 1, info.trim().to_owned(), String::new()));
            }
        }
    }
    blocks
}

/// The nodes that contain others, with the lines around their content. A line that the fragment
/// declares itself is left out.
const FRAMES: &[(&str, &str, &str)] = &[
    ("lab", "lab home version=\"2026.1\" {", "}"),
    ("admin", "admin ada {", "}"),
    ("host", HOST, "}"),
    (
        "vm",
        "vm guest id=150 on=pve {\nos debian-13\nmemory \"1GiB\"\ndisk root \
         size=\"8GiB\"\naddress lan \"192.168.1.98\"",
        "}",
    ),
    (
        "lxc",
        "lxc guest id=151 on=pve {\nos debian-13\nmemory \"1GiB\"\ndisk root \
         size=\"8GiB\"\naddress lan \"192.168.1.98\"",
        "}",
    ),
    (
        "pool",
        "host lonely kind=debian {\nos debian-13\naddress lan \"192.168.1.99\"\ndisk hdd \
         device=\"/dev/disk/by-id/ata-B\" size=\"1TB\"\npool tank disk=hdd {",
        "}; }",
    ),
    (
        "dataset",
        "host lonely kind=debian {\nos debian-13\naddress lan \"192.168.1.99\"\ndisk hdd \
         device=\"/dev/disk/by-id/ata-B\" size=\"1TB\"\npool tank disk=hdd {\ndataset data {",
        "}; }; }",
    ),
    ("service", "service demo on=box {", "}"),
    (
        "route",
        "service traefik on=media { certificates internal; }\nservice demo on=box {\nroute \
         \"app.example.org\" to=web via=traefik from=lan {",
        "}; }",
    ),
    ("secret", "secret some-secret {", "}"),
    ("profile", "profile some-profile on=box {", "}"),
    ("alert", "alert SomeAlert when=\"up == 0\" {", "}"),
    ("module", DEMO, "}"),
    ("option", "module demo version=\"1.0.0\" {\noption sample type=text {", "}; }"),
    (
        "field",
        "module demo version=\"1.0.0\" {\noption sample type=record {\nfield part type=text {",
        "}; }; }",
    ),
    ("container", CONTAINER, "}; }"),
    (
        "build",
        "module demo version=\"1.0.0\" {\ncontainer demo {\nhealth none=\"a demo\"\nbuild site {",
        "}; }; }",
    ),
    (
        "logging",
        "module demo version=\"1.0.0\" {\ncontainer demo {\nimage \
         \"docker.io/library/busybox:1.37\"\nhealth none=\"a demo\"\nlogging local {",
        "}; }; }",
    ),
    (
        "forward-auth",
        "module demo version=\"1.0.0\" {\ncontainer demo {\nimage \
         \"docker.io/library/busybox:1.37\"\nhealth none=\"a demo\"\n}\nprovides web \
         container=demo port=80\nforward-auth web {",
        "}; }",
    ),
    ("unit", "module demo version=\"1.0.0\" {\nunit \"tool.service\" action=install {", "}; }"),
    ("by-hand", "module demo version=\"1.0.0\" {\nby-hand step \"do it\" {", "}; }"),
    (
        "section",
        "module demo version=\"1.0.0\" {\nunit \"tool.service\" action=install {\n\
         section Service {",
        "}; }; }",
    ),
];

const HOST: &str = r#"host lonely kind=debian {
os debian-13
address lan "192.168.1.99"
disk hdd device="/dev/disk/by-id/ata-B" size="1TB"
"#;

/// The definitions that the examples of a module's nodes refer to.
const DEMO: &str = r#"module demo version="1.0.0" {
option image type=image { default "docker.io/library/busybox:1.37"; }
option library type=path list=#true { default "/mnt/media"; }
option password type=secret { default admin-password; }
option clients type=network { default tunnel; }
option reach type=zone list=#true { default lan; }
option transcode type=text { default none; }
option ml type=boolean { default #true; }
option gpu type=boolean { default #true; }
state config path=(f)"{machine.appdata}/demo/config"
state database path=(f)"{machine.appdata}/demo/database"
provides http container=demo port=8081
provides https container=demo port=8443
provides web container=demo port=8080 protocol=http
container demo { image "docker.io/library/busybox:1.37"; health none="an example"; }
container database { image "docker.io/library/postgres:17"; health none="an example"; }
"#;

const CONTAINER: &str = r#"module demo version="1.0.0" {
option image type=image { default "docker.io/library/busybox:1.37"; }
option library type=path list=#true { default "/mnt/media"; }
option password type=secret { default admin-password; }
option gpu type=boolean { default #true; }
state config path=(f)"{machine.appdata}/demo/config"
provides web container=demo port=8080 protocol=http
container database { image "docker.io/library/postgres:17"; health none="an example"; }
container demo {
image "docker.io/library/busybox:1.37"
"#;

/// The declarations that complete a fragment, one on each line.
const PRELUDE: &str = concat!(
    r#"edition 1
lab home version="2026.1" { domain "example.org"; email "me@example.org"; }
network lan cidr="192.168.1.0/24" gateway="192.168.1.1"
network tunnel cidr="10.8.0.0/24"
network admin-net cidr="192.168.9.0/24"
host pve kind=proxmox version="8.4" { "#,
    r#"address lan "192.168.1.100" nic=eno1 bridge=vmbr0; gpu igpu pci="0000:00:02.0"; "#,
    r#"disk ssd device="/dev/disk/by-id/nvme-A" size="1TB"; "#,
    r#"pool tank disk=ssd { dataset media quota="100GiB"; dataset photos; }; }
host box kind=debian { os debian-13; address lan "192.168.1.20"; tags web; gpu box-gpu; }
host nas kind=unmanaged { address lan "192.168.1.5"; export films path="/volume1/films"; }
vm intranet id=190 on=pve { os debian-13; memory "4GiB"; "#,
    r#"disk root size="20GiB"; address lan "192.168.1.190"; }
vm media id=191 on=pve { os debian-13; (default)memory "4GiB"; "#,
    r#"disk root size="20GiB"; address lan "192.168.1.191"; }
secret npm-admin-password
service npm module=nginx-proxy-manager on=intranet
service prometheus on=intranet
service jellyfin on=intranet { library "/mnt/media"; }
profile small on=box
module demo version="1.0.0" { option library type=path { default "/mnt/media"; }; "#,
    r#"state config path=(f)"{machine.appdata}/demo/config"; "#,
    r#"provides web container=demo port=8080 protocol=http; "#,
    r#"unit "demo.service" action=install { section Service { set ExecStart "/bin/true"; }; }; "#,
    r#"container demo { image "docker.io/library/busybox:1.37"; health none="an example"; }; "#,
    r#"container web { image "docker.io/library/busybox:1.37"; health none="an example"; }; }
service demo on=box
"#,
);

/// The nodes that make their module unusable for the services of this lab.
const UNUSABLE: [&str; 2] = ["discontinued", "required"];

/// Makes a lab of a block. Returns nothing for a block inside an unknown node.
///
/// Modules are the lab's own. Each template that they name becomes a file.
pub fn lab_of(info: &str, text: &str) -> Option<Sources> {
    let file = |path: &str, text: String, layer| SourceFile { path: path.to_owned(), text, layer };
    if text.starts_with("edition") && text.contains("\nlab ") {
        return Some(Sources::with_standard_library(vec![file(
            "lab.kdl",
            text.to_owned(),
            Layer::Lab,
        )]));
    }
    // A container that builds its image names none.
    let builds = text.lines().any(|line| line.trim_start().starts_with("build "));
    let key = |line: &str| line.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
    let once = ["os", "image", "address", "memory", "edition", "lab"];
    let declared = |line: &str| {
        let word = line.split_whitespace().next().unwrap_or_default();
        (builds && word == "image")
            || text.split(['\n', ';']).any(|other| {
                let other = other.trim_start();
                key(other) == key(line)
                    || (once.contains(&word) && other.split_whitespace().next() == Some(word))
            })
    };
    let framed = match info.strip_prefix("in=") {
        None => text.to_owned(),
        Some(node) => {
            let (_, before, after) = FRAMES.iter().find(|(name, ..)| *name == node)?;
            let before: Vec<&str> = before.lines().filter(|line| !declared(line)).collect();
            let before = before.join("\n");
            // Containers that the fragment refers to are declared in the module around it.
            let mut named: Vec<&str> = text
                .split("container=")
                .skip(1)
                .filter_map(|rest| rest.split([' ', ';', '\n']).next())
                .collect();
            named.sort_unstable();
            named.dedup();
            named.retain(|name| {
                matches!(node, "module" | "when")
                    && !format!("{before}\n{text}").contains(&format!("container {name} {{"))
            });
            let rest = r#"{ image "docker.io/library/busybox:1.37"; health none="an example"; }"#;
            let named: String =
                named.iter().map(|name| format!("container {name} {rest}\n")).collect();
            format!("{before}\n{named}{text}\n{after}\n")
        }
    };
    let unusable = UNUSABLE.iter().any(|word| text.contains(word));
    let missing = |line: &&str| {
        let there = declared(line) || framed.lines().any(|other| key(other) == key(line));
        let unwanted = unusable && line.starts_with("service demo");
        !there && !unwanted
    };
    let mut prelude: String =
        PRELUDE.lines().filter(missing).map(|line| format!("{line}\n")).collect();
    let mut secrets: Vec<&str> = framed
        .split("(secret)")
        .skip(1)
        .filter_map(|rest| rest.split([' ', ';', '\n', '}', '"']).next())
        .collect();
    secrets.push("admin-password");
    secrets.sort_unstable();
    secrets.dedup();
    for secret in secrets {
        let declaration = format!("secret {secret}\n");
        if !secret.is_empty()
            && !prelude.contains(&declaration)
            && !framed.starts_with(&declaration)
        {
            prelude.push_str(&declaration);
        }
    }
    let templates = framed
        .split("from=\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .filter(|name| Path::new(name).extension().is_some_and(|extension| extension == "j2"));
    let mut files: Vec<SourceFile> = templates
        .map(|name| file(&format!("modules/demo/{name}"), "{}\n".to_owned(), Layer::Site))
        .collect();
    let boards = framed
        .lines()
        .filter(|line| line.starts_with("dashboard "))
        .filter_map(|line| line.split("from=\"").nth(1)?.split('"').next());
    files.extend(
        boards.map(|name| file(&format!("modules/{name}"), "{}\n".to_owned(), Layer::Site)),
    );
    if framed.contains("build site") {
        let path = "modules/demo/site/Dockerfile";
        files.push(file(path, "FROM docker.io/library/caddy:2.10.0\n".to_owned(), Layer::Site));
    }
    if framed.contains("from=\"conf.d\"") {
        let path = "modules/demo/conf.d/site.conf";
        files.push(file(path, "server {}\n".to_owned(), Layer::Site));
    }
    files.push(file("lab.kdl", prelude, Layer::Lab));
    files.push(file("modules/demo/fragment.kdl", framed, Layer::Site));
    Some(Sources::with_standard_library(files))
}

/// Compiles a lab including its templates, and returns its errors.
fn faults(sources: &Sources) -> String {
    let mut found = compile::analyze(sources).check(sources).diagnostics;
    found.retain(|found| found.severity() == Severity::Error);
    render(&found, sources, Format::Text, Style::default())
}

#[test]
fn every_block_of_kdl_compiles() {
    let mut wrong = String::new();
    // The examples of codes are meant to be wrong.
    for page in pages().into_iter().filter(|page| page != "docs/codes.md") {
        for (line, info, text) in blocks(&read(&page), "kdl") {
            let faults = lab_of(&info, &text).map_or_else(
                || format!("tests/docs has no frame for `{info}`\n"),
                |lab| faults(&lab),
            );
            if !faults.is_empty() {
                wrong.push_str(&format!("{page}:{line}\n{text}{faults}\n"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn every_module_has_an_example_and_its_options_are_documented() {
    for module in standard_library().into_iter().filter(|module| module.discontinued.is_none()) {
        assert!(module.example.is_some(), "module `{}` has no example", module.name);
        assert!(!module.summary.is_empty(), "module `{}` has no summary", module.name);
        for (name, option) in module.options.iter().flat_map(modules::ModuleOption::rows) {
            assert!(!option.doc.is_empty(), "module `{}`: `{name}` is not documented", module.name);
        }
    }
}
