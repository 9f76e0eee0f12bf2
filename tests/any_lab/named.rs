//! Gives two parts names that can join to the same one, for each sort of name that ends up in a
//! file: both are in the bundle, or the lab is refused.

use std::fmt::Write as _;

use super::{boxed, build};
use labwright::bundle::read::read_archive;
use labwright::source::{Layer, SourceFile};

const SERVICES: &[&str] = &["a", "a-b", "a-a", "b", "a-b-c"];

/// Names within services, which complete some of those to others, or differ from another by case,
/// a blank or a sign alone.
const INSIDE: &[&str] = &["b-c", "c", "a-b", "b", "B", "b c", "b.c", "b_c", "a-b-c"];

/// A part of a module: its sort, and how it is written by its service, its name and its mark.
type Sort = (&'static str, fn(&str, &str, &str) -> String);

const SORTS: &[Sort] = &[
    ("container", |_, name, mark| {
        format!("container \"{name}\" {{ image \"x/m:1\"; health none=\"x\"; env M {mark}; }}")
    }),
    ("container that runs at times", |_, name, mark| {
        format!("container \"{name}\" {{ image \"x/m:1\"; every \"0 5 * * *\"; env M {mark}; }}")
    }),
    ("file", |_, name, mark| format!("file \"{name}.txt\" from=\"{mark}.j2\"")),
    ("file in a folder", |_, name, mark| format!("file \"{name}/c.txt\" from=\"{mark}.j2\"")),
    ("unit", |service, name, mark| {
        let exec = format!("set ExecStart \"/bin/true\" {mark}");
        format!(
            "unit \"{service}-{name}.service\" action=install {{ section Service {{ {exec}; }}; }}"
        )
    }),
    ("alert", |_, name, mark| {
        format!("alert \"{name}\" when=\"up == 0\" for=\"5m\" {{ summary {mark}; }}")
    }),
    ("endpoint", |service, name, mark| {
        let port = 7000 + usize::from(mark == "secondmark");
        let scrape = format!("scrape=#true path=\"/{mark}\"");
        format!("provides \"{name}\" container={service} port={port} {scrape}")
    }),
    ("database", |service, name, mark| {
        let of = format!("engine=postgres container={service} user={mark} state=data");
        format!("database \"{name}\" {of}")
    }),
];

/// What says that two names meet, or that one is none.
const REFUSED: &[&str] = &[
    "-name-twice",
    "bad-module",
    "bundle-unpackable",
    "duplicate-node",
    "file-written-twice",
    "wrong-type",
];

/// Builds a lab with two parts of a sort. Returns whether each is in a file of its bundle.
fn built(sort: &Sort, parts: [(&str, &str); 2]) -> Result<[bool; 2], String> {
    let mut lab = boxed(r#"appdata "/srv/appdata" backup=daily"#)
        + "secret restic-password
service restic on=box {
    repository \"sftp:ada@backup.example.org:/restic\"
    password (secret)restic-password
}
service prometheus on=box\n";
    // No other file says these.
    let marks = ["firstmark", "secondmark"];
    let mut files = Vec::new();
    let mut services = parts.map(|(service, _)| service).to_vec();
    services.dedup();
    for service in services {
        let mut module = format!("module {service} {{\n    summary \"x\"\n    state data ");
        module += "path=(f)\"{machine.appdata}/{service.name}\" backup=dump\n";
        // A container of the sort may have the name of its module.
        if !sort.0.starts_with("container") {
            let image = "image \"docker.io/library/postgres:17.2\"; health none=\"x\"";
            let _ = writeln!(module, "    container {service} {{ {image}; }}");
        }
        let own = parts.iter().zip(marks).filter(|((own, _), _)| *own == service);
        for ((_, name), mark) in own {
            let _ = writeln!(module, "    {}", sort.1(service, name, mark));
        }
        let path = |name: &str| format!("modules/{service}/{name}");
        let file = |path, text| SourceFile { path, text, layer: Layer::Site };
        files.push(file(path("module.kdl"), module + "}\n"));
        files.extend(marks.map(|mark| file(path(&format!("{mark}.j2")), format!("M {mark}\n"))));
        let _ = writeln!(lab, "service {service} on=box");
    }
    files.push(SourceFile { path: "lab.kdl".to_owned(), text: lab, layer: Layer::Lab });
    let (name, archive) = build(files)?.into_iter().next().expect("the bundle of the machine");
    let contents = read_archive(&name, &archive).expect("our own archive can be read");
    Ok(marks.map(|mark| {
        let mut payload = contents.files.iter().filter(|(path, _)| path.contains("payload/"));
        payload.any(|(_, bytes)| String::from_utf8_lossy(bytes).contains(mark))
    }))
}

/// Returns what a service and a name in it may join to, however a file writes it.
fn joined(service: &str, name: &str) -> String {
    let plain = |text: &str| text.to_lowercase().replace(|c: char| !c.is_ascii_alphanumeric(), "-");
    if service == name { plain(name) } else { plain(&format!("{service}-{name}")) }
}

#[test]
fn two_names_of_a_sort_lose_nothing() {
    let all: Vec<(&str, &str)> = SERVICES
        .iter()
        .flat_map(|service| INSIDE.iter().map(move |name| (*service, *name)))
        .collect();
    let mut asked = 0;
    for (at, (service, name)) in all.iter().enumerate() {
        for (other, inside) in &all[at + 1..] {
            if joined(service, name) != joined(other, inside) {
                continue;
            }
            for sort in SORTS {
                let parts = [(*service, *name), (*other, *inside)];
                asked += 1;
                match built(sort, parts) {
                    Ok(found) => assert_eq!(found, [true, true], "{} {parts:?}", sort.0),
                    Err(said) => {
                        let is_known = REFUSED.iter().any(|code| said.contains(code));
                        assert!(is_known, "{} {parts:?}: {said}", sort.0);
                    }
                }
            }
        }
    }
    assert!(asked > 100, "{asked} pairs can meet");
}

#[test]
fn names_of_every_sort_that_can_not_meet_are_taken() {
    for sort in SORTS {
        assert_eq!(built(sort, [("a", "c"), ("b", "d")]), Ok([true, true]), "{}", sort.0);
        assert_eq!(built(sort, [("a", "c"), ("a", "d")]), Ok([true, true]), "{}", sort.0);
    }
}

/// Zones whose names, with what is added to them, look like those of others; two are too long for a
/// set of nftables or Proxmox.
const ZONES: &[&str] = &[
    "lan",
    "lan-4",
    "lan-4-except",
    "lan-6",
    "clients",
    "zone-lan",
    "zone-lan-4",
    "management",
    "published",
    "a-zone-whose-name-is-cut-off-at-its-vera",
    "a-zone-whose-name-is-cut-off-at-its-verb",
];

#[test]
fn sets_and_chains_of_firewalls_never_meet() {
    let mut lab = "edition 1
lab home version=\"2026.1\"
admin ada { ssh-key \"ssh-ed25519 \
AAAAC3NzaC1lZDI1NTE5AAAAIExampleExampleExampleExampleExampleExampleE ada\"; }
"
    .to_owned();
    for (number, zone) in ZONES.iter().enumerate() {
        let _ = writeln!(
            lab,
            "network {zone} cidr=\"10.{number}.0.0/24\" cidr6=\"fd00:{number}::/64\""
        );
    }
    let from = ZONES.join(",");
    let _ = writeln!(
        lab,
        "host pve kind=proxmox version=\"8.4\" {{ hardware NUC cores=4 memory=\"16GiB\"
address lan \"10.0.0.2\" nic=eno1 bridge=vmbr0; ssh from={from}; }}
host box kind=debian {{ os debian-13; address lan \"10.0.0.3\"; ssh from={from}; }}
vm guest id=101 on=pve {{ os debian-13; memory \"1GiB\"; disk root size=\"8GiB\"
address lan \"10.0.0.4\"; zone inside; ssh from={from}; }}"
    );
    let file = SourceFile { path: "lab.kdl".to_owned(), text: lab, layer: Layer::Lab };
    let bundles = build(vec![file]).expect("a lab without errors");
    let mut asked = 0;
    for (name, archive) in &bundles {
        let contents = read_archive(name, archive).expect("our own archive can be read");
        for (path, bytes) in &contents.files {
            let text = String::from_utf8_lossy(bytes);
            let begins: &[&str] = match path.rsplit_once('.') {
                Some((_, "nft")) => &["set ", "chain "],
                Some((_, "fw")) => &["[IPSET ", "[group ", "[ALIASES"],
                _ => continue,
            };
            let lines = text.lines().map(str::trim);
            let named: Vec<&str> =
                lines.filter(|line| begins.iter().any(|begin| line.starts_with(begin))).collect();
            let mut once = named.clone();
            once.sort_unstable();
            once.dedup();
            assert_eq!(once.len(), named.len(), "{path}: {named:?}");
            if path.contains("proxmox/firewall/") && !path.ends_with("/cluster.fw") {
                continue;
            }
            // The prefix of each zone is there: no set has taken the place of another.
            for number in 0..ZONES.len() {
                asked += 1;
                let prefix = format!("10.{number}.0.0/24");
                assert!(text.contains(&prefix), "{path}: {prefix}");
            }
        }
    }
    assert!(asked >= 2 * ZONES.len(), "{asked} zones were looked for");
}
