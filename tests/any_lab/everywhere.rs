//! Puts hostile text into every place of the language's tables, and has each emitted file read as
//! its reader reads it: the text arrives as it is, and nothing else has changed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use labwright::compile;
use labwright::decl::schema::{Field, NodeSchema};
use labwright::decl::types::Type;
use labwright::source::Sources;
use rayon::prelude::*;

use super::tables::{Place, places};
use crate::docs::lab_of;
use crate::trixie::Room;

/// The text that the hostile ones replace.
const PLAIN: &str = "plaintext";

/// Texts that try to leave their place. The last ones are tried where the first are refused.
const HOSTILE: &[&str] = &[
    "a\"b'c $(touch /tmp/x) `id` ${HOME} $$ {{ 7 }} %n %% # ; \\ <b> | & * [x] {y}: !z ünï✓",
    "a\nb: c\n- d\n[e]\nf = g",
    "-rf --help",
    "a'b",
    "$(id)",
    "{{ 7 }} ${HOME} %n",
    "a # b ; c",
];

/// The places whose example takes no other text, with the reason.
const LEFT_OUT: &[(&str, &str)] = &[
    ("accept code", "it is one of the codes"),
    ("module container raw key", "it is one of the keys of compose"),
    ("module container build dockerfile", "it is a file of the module"),
    ("module container build folder", "it is a folder of the module"),
    ("module dashboard from", "it is a file of the module"),
    ("module example kdl", "it is KDL"),
    ("module file from", "it is a file of the module"),
    ("module folder from", "it is a folder of the module"),
    ("module script from", "it is a file of the module"),
    ("service raw key", "it is one of the keys of compose"),
    ("service route raw key", "it names a directive of the proxy"),
    ("service route raw value", "a middleware has settings, and a directive its own values"),
];

/// The field whose text is a key and a comment, which may be any text.
const KEY: &str = "admin ssh-key key";

const BEFORE_COMMENT: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExampleExampleExampleExampleExampleExampleE ";

/// The labs for fields whose example takes no other text. `VALUE` is the field.
const LABS: &[(&str, &str)] = &[
    (KEY, "admin ada { ssh-key VALUE; }\nGUEST { REST; }\nvm truck id=201 on=pve { MORE; }"),
    ("host share at", "host box { SYSTEM; share nas.data at=VALUE via=nfs; }"),
    ("lxc appdata path", "GUEST { REST; appdata VALUE backup=never; }"),
    ("lxc share at", "GUEST { REST; share tank.films at=VALUE via=mount-point; }"),
    ("module assert message", "MODULE { summary \"x\"; assert (expr)\"true\" VALUE; }"),
    (
        "module container mount at",
        "MODULE { summary \"x\"; CONTAINER mount \"/srv/y\" at=VALUE; }; }",
    ),
    (
        "module container mount source",
        "MODULE { summary \"x\"; CONTAINER mount VALUE at=\"/y\"; }; }",
    ),
    (
        "module container logging set name",
        "MODULE { summary \"x\"; CONTAINER logging loki { set VALUE \"x\"; }; }; }",
    ),
    (
        "module container logging set value",
        "MODULE { summary \"x\"; CONTAINER logging loki { set x VALUE; }; }; }",
    ),
    (
        "module container sysctl value",
        "MODULE { summary \"x\"; CONTAINER sysctl kernel.domainname VALUE; }; }",
    ),
    ("module sysctl value", "MODULE { summary \"x\"; sysctl kernel.core_pattern VALUE; }"),
    (
        "module unit section set value",
        "MODULE { summary \"x\"; unit \"x.service\" action=install { section Unit { set \
         Description VALUE; }; section Service { set ExecStart \"/bin/true\"; }; }; }",
    ),
];

/// Writes one of these labs.
fn lab_with(declared: &str, value: &str) -> String {
    let parts = [
        ("host box {", "host box kind=debian {"),
        ("SYSTEM", "os debian-13; address lan \"192.168.1.10\""),
        ("GUEST", "lxc cargo id=200 on=pve"),
        (
            "REST",
            "os debian-13; memory \"1GiB\"; disk root size=\"8GiB\"; address lan \
             \"192.168.1.20\"",
        ),
        (
            "MORE",
            "os debian-13; memory \"1GiB\"; disk root size=\"8GiB\"; address lan \
             \"192.168.1.21\"",
        ),
        (
            "MODULE",
            "host box kind=debian { os debian-13; address lan \"192.168.1.10\"; }\n\
                    service thing on=box\nmodule thing version=\"1\"",
        ),
        (
            "CONTAINER",
            "container thing { image \"docker.io/library/busybox:1.37\"; health none=\"x\";",
        ),
        ("VALUE", value),
    ];
    let declared =
        parts.iter().fold(declared.to_owned(), |text, (from, to)| text.replace(from, to));
    format!("{AROUND}{declared}\n")
}

const AROUND: &str = r#"edition 1

lab demo version="1"
network lan cidr="192.168.1.0/24" gateway="192.168.1.1" dns="192.168.1.1"
host pve kind=proxmox version="8.4" {
    hardware "x" cores=4 memory="16GiB"
    address lan "192.168.1.2" nic=eno1 bridge=vmbr0
    disk ssd device="/dev/disk/by-id/nvme-A" size="1TB"
    pool tank disk=ssd size="500GB" {
        dataset films quota="100GiB" backup=never
    }
}
host nas kind=unmanaged {
    address lan "192.168.1.5"
    export data path="/volume1/data" backup=never
}
"#;

/// Returns what comes before and after a text of the type, if it takes any text.
fn frame(ty: Type) -> Option<(&'static str, &'static str)> {
    match ty {
        Type::Text | Type::Any | Type::Line | Type::Setting | Type::Given | Type::Key => {
            Some(("", ""))
        }
        Type::Path => Some(("/srv/", "/x")),
        Type::Url => Some(("https://example.org/", "")),
        _ => None,
    }
}

fn quoted(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("\"{escaped}\"")
}

/// Splits an example into its words: texts in quotes and what is between blanks.
fn words(text: &str) -> Vec<String> {
    let (mut words, mut open) = (vec![String::new()], false);
    for character in text.chars() {
        open ^= character == '"';
        match words.last_mut() {
            Some(word) if open || character != ' ' => word.push(character),
            _ => words.push(String::new()),
        }
    }
    words
}

/// Writes the example of a node with `value` for one of its fields.
fn with_value(node: &NodeSchema, field: &Field, index: Option<usize>, value: &str) -> String {
    let (head, body) = node.example.split_once(" {").unwrap_or((node.example, ""));
    let mut words = words(head);
    if let Some(index) = index {
        let is_argument = |word: &&mut String| !word.contains('=') || word.starts_with('"');
        match words.iter_mut().skip(1).filter(is_argument).nth(index) {
            Some(word) => value.clone_into(word),
            None => words.push(value.to_owned()),
        }
    } else {
        let name = format!("{}=", field.name);
        words.retain(|word| !word.starts_with(&name));
        words.push(name + value);
    }
    let head = words.join(" ");
    if body.is_empty() { head } else { format!("{head} {{{body}") }
}

/// The files of all bundles, by machine and path; nothing if the lab has an error.
fn emitted(sources: &Sources) -> Option<BTreeMap<String, Vec<u8>>> {
    let mut analyzed = compile::analyze(sources);
    let checked = analyzed.check(sources);
    let plan = checked.plan.filter(|_| !checked.diagnostics.has_errors())?;
    let machines = compile::artifacts(&plan, sources).ok()?;
    let mut files = BTreeMap::new();
    for (machine, artifacts) in machines {
        let of_machine = artifacts.files.into_iter();
        files.extend(of_machine.map(|(path, it)| (format!("{machine}/{path}"), it.bytes)));
    }
    Some(files)
}

/// What came of a field: the texts that were taken, with the files that differ.
struct Tried {
    name: String,
    taken: Vec<(&'static str, Differing)>,
    plain_is_taken: bool,
}

/// The files that differ: those with the plain text, and those with the hostile one.
type Differing = [BTreeMap<String, Vec<u8>>; 2];

fn attempt(place: &Place, field: &Field, index: Option<usize>) -> Option<Tried> {
    // A place in a container is a path, though the module may also write another word, and so is
    // that of an endpoint, though it may have a question in it.
    let is_mount = place.node.name == "mount" && field.ty == Type::Text;
    let is_page = place.node.name == "provides" && field.name == "path";
    let ty = if is_mount || is_page { Type::Path } else { field.ty };
    let (before, after) = frame(ty)?;
    let info = place.around.last().map(|around| format!("in={}", around.name));
    let name = format!("{} {}", place.name(), field.name);
    let lab = LABS.iter().find(|(field, _)| *field == name);
    let before = if name == KEY { BEFORE_COMMENT } else { before };
    let build = |text: &str| {
        let value = quoted(&format!("{before}{text}{after}"));
        if let Some((_, declared)) = lab {
            return emitted(&lab_of("", &lab_with(declared, &value))?);
        }
        let example = with_value(place.node, field, index, &value);
        emitted(&lab_of(info.as_deref().unwrap_or(""), &example)?)
    };
    let Some(plain) = build(PLAIN) else {
        return Some(Tried { name, taken: Vec::new(), plain_is_taken: false });
    };
    let taken = HOSTILE.iter().filter_map(|text| {
        let hostile = build(text)?;
        let differ = |one: &BTreeMap<String, Vec<u8>>, other: &BTreeMap<String, Vec<u8>>| {
            let differing = one.iter().filter(|(path, bytes)| other.get(*path) != Some(*bytes));
            differing.map(|(path, bytes)| (path.clone(), bytes.clone())).collect()
        };
        Some((*text, [differ(&plain, &hostile), differ(&hostile, &plain)]))
    });
    Some(Tried { taken: taken.collect(), name, plain_is_taken: true })
}

#[test]
fn a_text_arrives_wherever_it_is_written() {
    let mut seen = BTreeSet::new();
    let mut fields = Vec::new();
    for place in places() {
        let parent = place.around.last().map_or("", |around| around.name);
        if !seen.insert((parent, place.node.name)) {
            continue;
        }
        let arguments = place.node.arguments.iter().chain(&place.node.rest).enumerate();
        fields.extend(arguments.map(|(index, field)| (place.clone(), field, Some(index))));
        let properties = place.node.properties.iter();
        fields.extend(properties.map(|field| (place.clone(), field, None)));
    }
    let tried: Vec<Tried> = fields
        .par_iter()
        .filter_map(|(place, field, index)| attempt(place, field, *index))
        .collect();
    let refused: BTreeSet<&str> =
        tried.iter().filter(|it| !it.plain_is_taken).map(|it| it.name.as_str()).collect();
    let expected: BTreeSet<&str> = LEFT_OUT.iter().map(|(name, _)| *name).collect();
    assert_eq!(refused, expected, "the examples of these fields take no other text");
    let Some(room) = Room::new() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let cases = tried.iter().flat_map(|it| it.taken.iter().map(|taken| (&it.name, taken)));
    for (number, (name, (text, differing))) in cases.enumerate() {
        let case = folder.path().join(number.to_string());
        for (version, files) in ["plain", "hostile"].iter().zip(differing) {
            for (path, bytes) in files {
                let to = case.join(version).join(path);
                fs::create_dir_all(to.parent().unwrap_or(Path::new("/"))).expect("a folder");
                fs::write(to, bytes).expect("a file");
            }
        }
        fs::create_dir_all(&case).expect("a folder");
        let about = serde_json::json!({"place": name, "plain": PLAIN, "hostile": text});
        fs::write(case.join("case"), about.to_string()).expect("a file");
    }
    let script = format!("python3 - <<'END'\n{}\nEND", include_str!("everywhere.py"));
    let answer = room.show(folder.path(), "/in").sh(&script, &[]);
    let said = String::from_utf8_lossy(&answer.stdout);
    assert!(answer.status.success(), "{}", String::from_utf8_lossy(&answer.stderr));
    assert!(said.is_empty(), "{} texts do not arrive:\n{said}", said.lines().count());
}
