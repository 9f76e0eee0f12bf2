//! Writes findings for a person, a program or a code forge.

use super::places::Places;
use super::style::{Format, Style};
use super::{Diagnostics, Severity, github, json, sarif, text};
use crate::source::Sources;

/// Writes the findings in `format`; each ends with a newline.
pub fn render(
    diagnostics: &Diagnostics,
    sources: &Sources,
    format: Format,
    style: Style<'_>,
) -> String {
    let concealed = diagnostics.iter().flat_map(|found| found.concealed.iter().copied()).collect();
    let places = Places::new(sources, style.prefix, concealed);
    match format {
        Format::Text => text::render(diagnostics, &places, style),
        Format::Json => json::render(diagnostics, &places),
        Format::Sarif => sarif::render(diagnostics, &places, style.codes),
        Format::Github => github::render(diagnostics, &places),
    }
}

/// Counts the findings in words: `2 errors, 1 warning`.
pub fn summary(diagnostics: &Diagnostics) -> String {
    let words = [
        (Severity::Error, "error", "errors"),
        (Severity::Warning, "warning", "warnings"),
        (Severity::Advice, "piece of advice", "pieces of advice"),
    ];
    let counts: Vec<String> = words
        .into_iter()
        .map(|(severity, one, many)| (diagnostics.count(severity), one, many))
        .filter(|(count, ..)| *count > 0)
        .map(|(count, one, many)| format!("{count} {}", if count == 1 { one } else { many }))
        .collect();
    if counts.is_empty() { "no findings".to_owned() } else { counts.join(", ") }
}
