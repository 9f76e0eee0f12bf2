//! Changes each field of the index of a real release and makes every hash right again, as a forger
//! would: `verify` refuses the release, unless only a signature or the lab covers the field.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use labwright::bundle::ids;
use labwright::bundle::release::{self, INDEX, ReleaseIndex, SUMS};
use labwright::bundle::verify::verify_release;
use labwright::compile::Memory;
use labwright::digest::sha256_hex;
use labwright::load::read_lab;
use labwright::source::{Layer, SourceFile, Sources};
use rayon::prelude::*;
use serde_json::Value;

/// The fields that do not follow from the bundles. Only `--signers` and `--lab` cover them.
const UNCOVERED: &[(&str, &str)] = &[
    ("accepted[]", "what the lab accepts is about the lab, not about its machines"),
    ("accepted[].code", "as above"),
    ("accepted[].on", "as above"),
    ("accepted[].reason", "as above"),
    ("compiler", "another version of labwright may have written the same"),
    ("flows[].source", "a line of the lab, which a comment moves without a change of any bundle"),
    ("inputs[].sha256", "the lab's files are not in the release"),
];

pub type Files = BTreeMap<String, Vec<u8>>;

/// Reads the lab whose release is forged.
pub fn sources() -> Sources {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("modules/labs/media-server-home");
    read_lab(&folder).expect("the lab can be read")
}

/// Builds the release.
pub fn built() -> Files {
    built_from(&sources())
}

/// Builds the release of a lab.
pub fn built_from(sources: &Sources) -> Files {
    let release = labwright::compile(sources, Memory::open).release.expect("the lab is built");
    let mut files: Files =
        release.review.into_iter().map(|(name, bytes)| (format!("review/{name}"), bytes)).collect();
    files.insert(INDEX.to_owned(), release.json);
    let bundles = release.sink.bundles().into_iter();
    files.extend(bundles.map(|bundle| (bundle.file_name(), bundle.archive)));
    with_sums(files)
}

/// Makes the list of hashes right again.
pub fn with_sums(mut files: Files) -> Files {
    files.remove(SUMS);
    let hashes = files.iter().map(|(name, bytes)| (name.clone(), sha256_hex(bytes))).collect();
    let sums = release::sums(&hashes);
    files.insert(SUMS.to_owned(), sums.into_bytes());
    files
}

/// Lists the problems of a release.
pub fn verify(files: &Files) -> Vec<String> {
    let names: BTreeSet<String> = files.keys().cloned().collect();
    verify_release(&names, None, |name| {
        files.get(name).cloned().ok_or_else(|| "it is missing".to_owned())
    })
}

/// A place in the index: the keys and positions on the way to it.
type Way = Vec<String>;

/// Writes a place without the names of machines and the positions in lists.
fn field(way: &[String]) -> String {
    let mut name = String::new();
    for (depth, step) in way.iter().enumerate() {
        if step.parse::<usize>().is_ok() {
            name += "[]";
        } else if depth == 1 && way.first().is_some_and(|first| first == "machines") {
            name += ".*";
        } else {
            name += if name.is_empty() { "" } else { "." };
            name += step;
        }
    }
    name
}

fn walk(value: &Value, way: &Way, found: &mut Vec<(Way, Value)>) {
    let below = |step: String| [way.as_slice(), &[step]].concat();
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                walk(value, &below(name.clone()), found);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                if item.is_object() {
                    found.push((below(index.to_string()), item.clone()));
                }
                walk(item, &below(index.to_string()), found);
            }
        }
        leaf => found.push((way.clone(), leaf.clone())),
    }
}

/// Returns text with its last letter or digit replaced by another of the same kind.
pub fn varied(text: &str) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    if let Some(last) = letters.iter_mut().rev().find(|letter| letter.is_ascii_alphanumeric()) {
        *last = match last {
            '0'..='8' | 'a'..='e' | 'g'..='y' => {
                char::from(u8::try_from(*last).expect("ASCII") + 1)
            }
            '9' => '1',
            _ => 'b',
        };
    }
    letters.into_iter().collect()
}

/// What a forger may write in place of a value. Nothing means to leave the element out.
fn others(value: &Value, alike: &[&Value]) -> Vec<Option<Value>> {
    let mut others: Vec<Option<Value>> = match value {
        Value::String(text) => vec![Some(varied(text).into())],
        Value::Number(number) => vec![Some((number.as_u64().unwrap_or(0) + 1).into())],
        Value::Object(_) => vec![None],
        _ => vec![Some(format!("sha256:{}", "0".repeat(64)).into())],
    };
    let another = alike.iter().find(|other| **other != value).filter(|_| !value.is_object());
    others.extend(another.map(|other| Some((*other).clone())));
    others
}

fn put(value: &mut Value, way: &[String], new: Option<Value>) {
    let [first, rest @ ..] = way else {
        *value = new.unwrap_or_default();
        return;
    };
    match value {
        Value::Array(items) => {
            let index: usize = first.parse().expect("a position");
            match (rest, new) {
                ([], None) => drop(items.remove(index)),
                (_, new) => put(&mut items[index], rest, new),
            }
        }
        Value::Object(fields) => put(fields.get_mut(first).expect("the field"), rest, new),
        _ => unreachable!("a leaf has nothing below it"),
    }
}

/// Makes the ids of the index right again, and the order of its lists.
fn consistent(value: &Value, changed: &str) -> Vec<u8> {
    let Ok(mut index) = serde_json::from_value::<ReleaseIndex>(value.clone()) else {
        return format!("{}\n", serde_json::to_string_pretty(value).expect("JSON")).into_bytes();
    };
    if changed != "contentId" {
        let of_machine = |(name, machine): (&String, &release::Machine)| {
            (name.clone(), machine.content_id.clone())
        };
        let ids: Vec<_> = index.machines.iter().map(of_machine).collect();
        index.content_id =
            ids::release_content_id(ids.iter().map(|(name, id)| (name.as_str(), id.as_str())));
    }
    if changed != "inputId" {
        index.input_id = ids::input_id_of(&index.format, &index.compiler, &index.inputs);
    }
    index.in_order().to_json().expect("JSON")
}

#[test]
fn each_field_of_the_index_is_held_against_the_bundles() {
    let files = built();
    assert_eq!(verify(&files), Vec::<String>::new());
    let index: Value = serde_json::from_slice(&files[INDEX]).expect("JSON");
    let mut places = Vec::new();
    walk(&index, &Vec::new(), &mut places);
    let mut by_field: BTreeMap<String, Vec<&(Way, Value)>> = BTreeMap::new();
    for place in &places {
        by_field.entry(field(&place.0)).or_default().push(place);
    }
    let mut tries = Vec::new();
    for (name, places) in &by_field {
        let alike: Vec<&Value> = places.iter().map(|place| &place.1).collect();
        // The first and the last of each field: one of the lab's parts each.
        let ends = [places.first(), places.last().filter(|_| places.len() > 1)];
        for (way, value) in ends.into_iter().flatten().copied() {
            tries.extend(others(value, &alike).into_iter().map(|new| (name, way, new)));
        }
    }
    let unnoticed: BTreeSet<&str> = tries
        .par_iter()
        .filter(|(name, way, new)| {
            let mut forged = index.clone();
            put(&mut forged, way, new.clone());
            let bytes = consistent(&forged, name);
            if bytes == files[INDEX] {
                return false;
            }
            let mut files = files.clone();
            files.insert(INDEX.to_owned(), bytes);
            verify(&with_sums(files)).is_empty()
        })
        .map(|(name, ..)| name.as_str())
        .collect();
    let expected: BTreeSet<&str> = UNCOVERED.iter().map(|(name, _)| *name).collect();
    assert_eq!(unnoticed, expected);
}

/// Labs whose bundles have what others lack: both families, addresses of services, a Prometheus of
/// another name, images that are built or pinned, ports in a row, timers.
const SOUND: &[&str] = &[
    r#"network both cidr="10.1.0.0/24" cidr6="fd00:1::/64"
host six kind=debian { os debian-13; address both "10.1.0.10"; address both "fd00:1::10"
ssh from=both; appdata "/srv/a" backup=never; }
service uptime-kuma on=six { own-address "10.1.0.53"; expose web to=both; }
service caddy on=six { certificates internal; expose https to=internet; }"#,
    r"extend host box { firewall nftables; ssh from=lan; }
service collector module=prometheus on=box
service second module=prometheus on=box { port web 9999; }
service node-exporter on=box",
    r#"service thing on=box { expose web to=lan; expose more to=internet; }
router r on=lan address="192.168.1.1""#,
];

const MODULE: &str = r#"module thing version="1" {
    summary "x"
    container c { build site; health none="x"; mount "volume:a" at="/a"; every "0 4 * * *"
        secret restic-password value-variable=X; }
    container d { image "docker.io/library/busybox:1.37"; health none="x"; }
    provides web container=d port=80
    provides more container=d port="50000-50100" protocol=udp
    unit "a.service" action=install { section Service { set ExecStart "/bin/true"; }; }
    unit "a.timer" { section Timer { set OnCalendar "daily"; }
        section Install { set WantedBy timers.target; }; }
}
"#;

#[test]
fn a_release_that_nobody_forged_is_sound() {
    let preamble = include_str!("../diagnostics/preamble.kdl");
    let file = |path: &str, text: &str, layer| SourceFile {
        path: path.to_owned(),
        text: text.to_owned(),
        layer,
    };
    let made = SOUND.iter().map(|nodes| {
        Sources::with_standard_library(vec![
            file("lab.kdl", &format!("{preamble}{nodes}\n"), Layer::Lab),
            file("modules/thing/module.kdl", MODULE, Layer::Site),
            file("modules/thing/site/Dockerfile", "FROM busybox:1.37\n", Layer::Site),
        ])
    });
    let labs = Path::new(env!("CARGO_MANIFEST_DIR")).join("modules/labs");
    let shipped = crate::cli::names(&labs)
        .into_iter()
        .map(|name| read_lab(&labs.join(name)).expect("the lab can be read"));
    for (index, sources) in made.chain(shipped).enumerate() {
        assert_eq!(verify(&built_from(&sources)), Vec::<String>::new(), "lab {index}");
    }
}
