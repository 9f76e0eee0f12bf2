//! Checks that labwright builds any lab or explains what is wrong with it: it never panics, and
//! never writes a broken file.

mod hostile;
mod mutated;

use std::ops::Range;
use std::path::Path;

use labwright::compile;
use labwright::diag::render::{Format, Style, render};
use labwright::diag::{Diagnostics, Severity};
use labwright::source::{Layer, SourceFile, Sources, Span, read_lab};

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
    let mut resolved = compile::resolve(&sources);
    let checked = resolved.check(&sources);
    let found =
        checked.plan.map_or(checked.diagnostics, |plan| compile::check_templates(&plan, &sources));
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
    let mut resolved = compile::resolve(&sources);
    let checked = resolved.check(&sources);
    let said = |found: &Diagnostics| render(found, &sources, Format::Text, Style::default());
    let Some(plan) = checked.plan else {
        assert!(checked.diagnostics.has_errors(), "no lab and no error");
        return Err(said(&checked.diagnostics));
    };
    let kept = std::sync::Mutex::new(Vec::new());
    let built = compile::bundles(&plan, &sources, |bundle| {
        kept.lock().expect("no thread fails").push((bundle.file_name(), bundle.archive.clone()));
        Ok::<_, std::convert::Infallible>(bundle.into())
    });
    match built {
        Ok(_) => Ok(kept.into_inner().expect("no thread fails")),
        Err(compile::Failure::Findings(found)) => Err(said(&found)),
        Err(compile::Failure::Bundle(problem)) => Err(problem),
        Err(compile::Failure::Write(never)) => match never {},
    }
}
