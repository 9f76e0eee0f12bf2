//! Checks that labwright builds any lab or explains what is wrong with it: it never panics, and
//! never writes a broken file.

mod bounds;
mod commands;
mod everywhere;
mod growth;
mod hostile;
mod joined;
mod lines;
mod mutated;
mod named;
mod read_back;
mod secrets;
mod tables;
mod typed;

use std::ops::Range;
use std::path::Path;

use labwright::bundle::Bundle;
use labwright::compile::{self, Memory};
use labwright::diag::Severity;
use labwright::diag::{Format, Style, render};
use labwright::load::read_lab;
use labwright::source::{Layer, SourceFile, Sources, Span};

/// Declares a lab with a machine `box`. `inside` is what else the machine has.
fn boxed(inside: &str) -> String {
    format!(
        "edition 1\nlab demo version=\"2026.1\"\n\
         network lan cidr=\"192.168.1.0/24\" gateway=\"192.168.1.1\" dns=\"192.168.1.1\"\n\
         host box kind=debian {{ os debian-13; address lan \"192.168.1.10\"\n{inside}\n}}\n"
    )
}

/// Returns the files of a shipped lab.
fn shipped(lab: &str) -> Vec<SourceFile> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("modules/labs").join(lab);
    let sources = read_lab(&folder).expect("the lab can be read");
    sources
        .files()
        .map(|(_, file)| file.clone())
        .filter(|file| file.layer != Layer::Builtin)
        .collect()
}

/// Emits every file of a lab and lists the errors: for each one the places that it names, by index
/// of the file.
fn faults(files: &[SourceFile]) -> Vec<Vec<(usize, Range<usize>)>> {
    let sources = Sources::with_standard_library(files.to_vec());
    let (found, _) = compile::check(&sources);
    let place = |span: Span| {
        let file = sources.file(span.file);
        let index =
            files.iter().position(|own| (own.layer, &own.path) == (file.layer, &file.path))?;
        Some((index, span.start as usize..span.end as usize))
    };
    let errors = found.iter().filter(|found| found.severity() == Severity::Error);
    errors
        .map(|found| {
            found
                .span
                .into_iter()
                .chain(found.labels.iter().map(|label| label.span))
                .filter_map(place)
                .collect()
        })
        .collect()
}

/// Builds a lab completely, or returns its errors.
fn build(files: Vec<SourceFile>) -> Result<Vec<(String, Vec<u8>)>, String> {
    let sources = Sources::with_standard_library(files);
    let compiled = labwright::compile(&sources, Memory::open);
    let release = compiled.release.map_err(|_| {
        assert!(compiled.findings.has_errors(), "no release and no error");
        render(&compiled.findings, &sources, Format::Text, Style::default())
    })?;
    let named = |bundle: Bundle| (bundle.file_name(), bundle.archive);
    Ok(release.sink.bundles().into_iter().map(named).collect())
}
