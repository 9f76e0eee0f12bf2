//! What is fed: the reader of KDL, the compiler, templates and expressions, releases, archives.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use labwright::bundle::verify::{verify_bundle, verify_release};
use labwright::compile::{self, Memory};
use labwright::diag::{Diagnostics, Format, Style, render};
use labwright::digest::sha256_hex;
use labwright::format::bounded::Compiled;
use labwright::format::{Escape, Grammar, expression_environment, template_environment};
use labwright::source::{FileId, Layer, SourceFile, Sources};
use minijinja::Value;

/// A part of labwright that takes what others wrote.
pub struct Target {
    pub name: &'static str,
    /// Words that mean something to it.
    pub words: &'static [&'static str],
    /// The inputs to begin with, besides those in its folder of the corpus.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Takes an input, and says in short how it was answered.
    pub feed: fn(&[u8]) -> String,
}

pub const TARGETS: &[Target] = &[
    Target { name: "reader", words: KDL, seeds: kdl, feed: reader },
    Target { name: "compile", words: KDL, seeds: labs, feed: compiler },
    Target { name: "templates", words: JINJA, seeds: templates, feed: template },
    Target { name: "release", words: JSON, seeds: || vec![joined(&release())], feed: verify },
    Target { name: "archive", words: &[], seeds: archives, feed: archive },
];

const KDL: &[&str] = &[
    " {",
    "}",
    "\n",
    ";",
    "\"",
    "#\"",
    "\"#",
    "\"\"\"",
    "\\",
    "/*",
    "*/",
    "/-",
    "//",
    "(ref)",
    "(f)",
    "(expr)",
    "(secret)",
    "(force)",
    "(default)",
    "=",
    ",",
    "#true",
    "#null",
    "0x",
    "1e9",
    "-1",
    "99999999999999999999",
    "internet",
    "lan",
    "::/0",
    "/",
    "..",
    "{opt.x}",
    "\u{feff}",
    "\u{202e}",
];

const JINJA: &[&str] = &[
    "{{ ",
    " }}",
    "{% for x in ",
    "{% endfor %}",
    "{% if ",
    "{% elif ",
    "{% endif %}",
    "{% set x = ",
    " %}",
    "{% macro f(x) %}",
    "{% endmacro %}",
    "{% with x = ",
    "{% endwith %}",
    "{% raw %}",
    "{# ",
    "opt",
    "lab",
    "x",
    "[",
    "]",
    "(",
    ")",
    "{",
    "}",
    " ~ ",
    " * ",
    " + ",
    " ** ",
    " // ",
    " in ",
    " is ",
    "not ",
    " and ",
    " if ",
    " else ",
    "|join",
    "|replace",
    "|indent",
    "|split",
    "|sort",
    "|groupby(0)",
    "|map('upper')",
    "|list",
    "|items",
    "|unique",
    "|select('eq', x)",
    "99999999999",
    "f(",
    "loop.index",
    "loop(",
];

const JSON: &[&str] = &["\"", "{", "}", "[", "]", ",", "null", "0", "99", "\\u001b", "..", "/"];

/// What separates the files of an input.
const NEXT: &[u8] = b"\n=== ";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Lists the files below a folder whose names end so.
fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![root().join(folder)];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                open.push(path);
            } else if path.to_string_lossy().ends_with(ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn contents(folder: &str, ending: &str) -> Vec<Vec<u8>> {
    files(folder, ending).iter().filter_map(|file| fs::read(file).ok()).collect()
}

fn kdl() -> Vec<Vec<u8>> {
    [contents("tests/cases", ".kdl"), contents("modules/std", ".kdl")].concat()
}

fn reader(input: &[u8]) -> String {
    let text = String::from_utf8_lossy(input);
    let mut found = Diagnostics::default();
    let is_read = labwright::syntax::parse(&text, FileId(0), &mut found).is_some();
    format!("{is_read} {:?}", codes(&found))
}

fn codes(found: &Diagnostics) -> BTreeSet<&'static str> {
    found.iter().map(|found| found.code.name).collect()
}

/// Joins files to one input, each after a line with its name.
fn joined(files: &BTreeMap<String, Vec<u8>>) -> Vec<u8> {
    let parts = files.iter().map(|(name, bytes)| [NEXT, name.as_bytes(), b"\n", bytes].concat());
    parts.collect::<Vec<_>>().concat()
}

fn parts(input: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let starts: Vec<usize> = input
        .windows(NEXT.len())
        .enumerate()
        .filter(|(_, it)| *it == NEXT)
        .map(|it| it.0)
        .collect();
    for (index, start) in starts.iter().enumerate() {
        let end = starts.get(index + 1).copied().unwrap_or(input.len());
        let part = &input[start + NEXT.len()..end];
        let line = part.iter().position(|byte| *byte == b'\n').unwrap_or(part.len());
        let (name, bytes) = part.split_at(line);
        let name = String::from_utf8_lossy(name).into_owned();
        files.insert(name, bytes.get(1..).unwrap_or_default().to_vec());
    }
    files
}

fn labs() -> Vec<Vec<u8>> {
    let mut labs: BTreeMap<PathBuf, BTreeMap<String, Vec<u8>>> = BTreeMap::new();
    for file in files("tests/cases", "") {
        let Ok(below) = file.strip_prefix(root().join("tests/cases")) else { continue };
        let depth = if below.starts_with("diagnostics") { 2 } else { 1 };
        let lab: PathBuf = below.iter().take(depth).collect();
        let name: PathBuf = below.iter().skip(depth).collect();
        let bytes = fs::read(&file).unwrap_or_default();
        labs.entry(lab).or_default().insert(name.to_string_lossy().into_owned(), bytes);
    }
    labs.values().map(joined).collect()
}

fn compiler(input: &[u8]) -> String {
    let files = parts(input).into_iter().map(|(path, bytes)| SourceFile {
        layer: if path.starts_with("modules/") { Layer::Site } else { Layer::Lab },
        path,
        text: String::from_utf8_lossy(&bytes).into_owned(),
    });
    let sources = Sources::with_standard_library(files.collect());
    let (found, _) = compile::check(&sources);
    for format in [Format::Text, Format::Json, Format::Sarif, Format::Github] {
        render(&found, &sources, format, Style::default());
    }
    let built = labwright::compile(&sources, Memory::open).release.is_ok();
    assert_eq!(built, !found.has_errors(), "check and build disagree");
    format!("{built} {:?}", codes(&found))
}

fn templates() -> Vec<Vec<u8>> {
    [contents("modules/std", ".j2"), contents("tests/cases", ".j2")].concat()
}

fn template(input: &[u8]) -> String {
    let text = String::from_utf8_lossy(input);
    let view: serde_json::Value = serde_json::json!({
        "opt": {"x": "it's \"quoted\"\nhere", "list": ["a", "b", 1, null], "n": 7},
        "lab": {"routes": [{"host": "a.example", "via": "npm", "from": ["lan"]}], "names": {"a": "b"}},
        "service": {"name": "thing"}, "machine": {"name": "box"}, "state": {}, "need": {},
    });
    let view = Value::from(minijinja::value::Serde(&view));
    let environment = template_environment();
    let mut answers = Vec::new();
    let lines = Grammar::ALL.map(Escape::Lines);
    let others = [Escape::Shell, Escape::Json, Escape::Markdown, Escape::Html];
    match Compiled::template("t", &text) {
        Err(fault) => answers.push(fault.problem),
        Ok(compiled) => {
            for escape in lines.into_iter().chain(others) {
                let text = compiled.render(&environment, escape, view.clone());
                answers.push(text.map_or_else(|fault| fault.problem, |_| "rendered".to_owned()));
            }
        }
    }
    let expression = Compiled::expression(&text)
        .and_then(|compiled| compiled.evaluate(&expression_environment(), view));
    answers.extend(expression.err().map(|fault| fault.problem));
    // What a message quotes of the input is no new answer.
    let words = answers.iter().flat_map(|answer| answer.split(|c: char| !c.is_alphabetic()));
    let words: BTreeSet<&str> = words.filter(|word| word.len() > 3).take(40).collect();
    format!("{words:?}")
}

const LAB: &str = r#"edition 1
lab demo version="1"
network lan cidr="192.168.1.0/24" gateway="192.168.1.1" dns="192.168.1.1"
host box kind=debian { os debian-13; address lan "192.168.1.10"; }
"#;

/// Builds a small release, as files by name.
fn release() -> BTreeMap<String, Vec<u8>> {
    let file = SourceFile { path: "lab.kdl".to_owned(), text: LAB.to_owned(), layer: Layer::Lab };
    let sources = Sources::with_standard_library(vec![file]);
    let Ok(release) = labwright::compile(&sources, Memory::open).release else {
        return BTreeMap::new();
    };
    let index = release.index.to_json().unwrap_or_default();
    let mut files = BTreeMap::from([("release.json".to_owned(), index)]);
    for bundle in release.sink.bundles() {
        files.insert(bundle.file_name(), bundle.archive);
    }
    files
}

/// Verifies a release whose sums are right, whatever is in its files: with wrong ones, nothing
/// further would be looked at.
fn verify(input: &[u8]) -> String {
    let mut files = parts(input);
    let sums: String = files
        .iter()
        .filter(|(name, _)| *name != "SHA256SUMS")
        .map(|(name, bytes)| format!("{}  {name}\n", sha256_hex(bytes)))
        .collect();
    files.insert("SHA256SUMS".to_owned(), sums.into_bytes());
    let names = files.keys().cloned().collect();
    let problems = verify_release(&names, None, |name| {
        files.get(name).cloned().ok_or_else(|| "it is missing".to_owned())
    });
    let words = problems.iter().flat_map(|problem| problem.split(|c: char| !c.is_alphabetic()));
    let words: BTreeSet<&str> = words.filter(|word| word.len() > 3).take(40).collect();
    format!("{words:?}")
}

/// The tar of a bundle with its name before it, so that changes are not lost in gzip's checksum.
fn archives() -> Vec<Vec<u8>> {
    let bundles = release().into_iter().filter(|(name, _)| name.ends_with(".tar.gz"));
    let plain = bundles.map(|(name, archive)| {
        let mut plain = format!("{name}\n").into_bytes();
        let _ = flate2::bufread::GzDecoder::new(archive.as_slice()).read_to_end(&mut plain);
        plain
    });
    plain.collect()
}

fn archive(input: &[u8]) -> String {
    let line = input.iter().position(|byte| *byte == b'\n').unwrap_or(input.len());
    let (name, plain) = input.split_at(line);
    let plain = plain.get(1..).unwrap_or_default();
    let name = String::from_utf8_lossy(name);
    // The header that a bundle's gzip has.
    let mut archive = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    let mut deflate = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
    let deflated = deflate.write_all(plain).and_then(|()| deflate.finish());
    archive.extend(deflated.unwrap_or_default());
    let mut crc = flate2::Crc::new();
    crc.update(plain);
    archive.extend(crc.sum().to_le_bytes());
    archive.extend(crc.amount().to_le_bytes());
    let answers = [verify_bundle(&name, &archive), verify_bundle(&name, input)];
    let problems = answers.map(|answer| answer.err().unwrap_or_default());
    let words = problems.iter().flat_map(|problem| problem.split(|c: char| !c.is_alphabetic()));
    let words: BTreeSet<&str> = words.filter(|word| word.len() > 3).take(20).collect();
    format!("{words:?}")
}
