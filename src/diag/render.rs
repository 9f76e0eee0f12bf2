//! Writes findings for a person, a program or a code forge.

use super::places::Places;
use super::{Diagnostics, Severity, github, json, sarif, text};
use crate::source::Sources;

/// The reader of the findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Format {
    /// A person, with the lines of source in question.
    Text,
    /// A program: one JSON array.
    Json,
    /// A code scanner's page: SARIF 2.1.0.
    Sarif,
    /// GitHub's runner, which shows them beside the changed lines.
    Github,
}

/// The style of the written findings.
#[derive(Debug, Clone, Copy)]
pub struct Style<'p> {
    /// Whether text is coloured.
    pub color: bool,
    /// The number of columns for text.
    pub width: usize,
    /// The lab's folder as the reader sees it. It comes before every path of the lab.
    pub prefix: &'p str,
}

impl Default for Style<'_> {
    fn default() -> Self {
        Self { color: false, width: 80, prefix: "" }
    }
}

/// Writes the findings in `format`, each with a final newline.
pub fn render(
    diagnostics: &Diagnostics,
    sources: &Sources,
    format: Format,
    style: Style<'_>,
) -> String {
    let places = Places::new(sources, style.prefix);
    match format {
        Format::Text => text::render(diagnostics, &places, style),
        Format::Json => json::render(diagnostics, &places),
        Format::Sarif => sarif::render(diagnostics, &places),
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
