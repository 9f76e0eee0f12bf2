//! What `labwright diff` says: planted changes, random edits, its formats, and revisions of git.

mod formats;
mod git;
mod random;
mod releases;
mod renamed;

#[macro_use]
mod planted;

mod further;
mod newer;
mod usual;

use std::path::Path;

use labwright::change::compare::{Comparison, Entry, sources};
use labwright::change::lines;
use labwright::diag::{Format, Style, render};
use labwright::load::read_lab;
use labwright::source::{Layer, SourceFile, Sources};

/// The labs of the repository.
const LABS: [&str; 4] =
    ["blackbox", "media-automation", "media-server-home", "media-server-single"];

/// Returns the files of a shipped lab.
fn shipped(lab: &str) -> Vec<SourceFile> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("modules/labs").join(lab);
    let sources = read_lab(&folder).expect("the lab can be read");
    let own = sources.files().map(|(_, file)| file.clone());
    own.filter(|file| file.layer != Layer::Builtin).collect()
}

/// Compares two labs that have no error.
fn compare(was: &[SourceFile], is: &[SourceFile]) -> Comparison {
    let was = Sources::with_standard_library(was.to_vec());
    let is = Sources::with_standard_library(is.to_vec());
    sources(&was, &is).unwrap_or_else(|fault| {
        let of = if fault.new { &is } else { &was };
        panic!("{}", render(&fault.diagnostics, of, Format::Text, Style::default()))
    })
}

/// Writes an entry in one line: `class: what (because)`.
fn line(entry: &Entry) -> String {
    format!("{}: {} ({})", entry.class.name(), lines::said(entry), lines::because(entry))
}

/// Replaces text of one file, which must hold it.
fn edit(files: &mut Vec<SourceFile>, path: &str, from: &str, to: &str) {
    if !files.iter().any(|file| file.path == path) {
        let layer = if path.starts_with("modules/") { Layer::Site } else { Layer::Lab };
        files.push(SourceFile { path: path.to_owned(), text: String::new(), layer });
    }
    let file = files.iter_mut().find(|file| file.path == path).expect("the file");
    if from.is_empty() {
        file.text.push_str(to);
        return;
    }
    assert!(file.text.contains(from), "{path} holds no `{from}`");
    file.text = file.text.replacen(from, to, 1);
}

/// With `moved`, a machine is the same one under its new name.
#[test]
fn a_machine_with_another_name_is_neither_new_nor_gone() {
    let lab = |name: &str, more: &str| {
        let text = format!(
            "edition 1\nlab small version=\"1\" {{ timezone \"UTC\"; }}\n\
             network lan cidr=\"192.168.1.0/24\"\n\
             host {name} kind=debian {{ os debian-13; address lan \"192.168.1.10\"; }}\n\
             service it-tools on={name} {{ expose web to=lan; }}\n{more}"
        );
        vec![SourceFile { path: "lab.kdl".to_owned(), text, layer: Layer::Lab }]
    };
    let found = compare(&lab("box", ""), &lab("den", "moved host box to=den\n"));
    let machines = &found.machines;
    assert_eq!(machines.changed, ["den"]);
    assert!(machines.added.is_empty() && machines.removed.is_empty(), "{machines:?}");
}
