//! Writes findings for a person, a program or a code forge.

use super::hidden::without_chance;
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
    let diagnostics = &without_secrets(diagnostics, &places);
    match format {
        Format::Text => text::render(diagnostics, &places, style),
        Format::Json => json::render(diagnostics, &places),
        Format::Sarif => sarif::render(diagnostics, &places, style.codes),
        Format::Github => github::render(diagnostics, &places),
    }
}

/// Replaces what is not shown at the place of a finding in its words, which quote it.
fn without_secrets(diagnostics: &Diagnostics, places: &Places<'_>) -> Diagnostics {
    let mut told = diagnostics.clone();
    for found in told.each() {
        let spans = found.span.into_iter().chain(found.labels.iter().map(|label| label.span));
        let secrets: Vec<String> = spans
            .flat_map(|span| places.hidden_at(span))
            .flat_map(with_annotation)
            .map(|text| text.trim_matches(QUOTES).to_owned())
            .filter(|text| text.chars().count() > 2)
            .flat_map(as_told)
            .collect();
        let labels = found.labels.iter_mut().map(|label| &mut label.message);
        let texts = [&mut found.message, &mut found.caption].into_iter().chain(&mut found.help);
        for text in texts.chain(labels) {
            for secret in &secrets {
                for (open, close) in AROUND {
                    let quoted = format!("{open}{secret}{close}");
                    if text.contains(&quoted) {
                        *text = text.replace(&quoted, &format!("{open}***{close}"));
                    }
                }
            }
            // Wherever it was typed, nobody but a program thought of such a word.
            if let Some(shown) = without_chance(text) {
                *text = shown;
            }
        }
    }
    told
}

/// What stands around a text that the words of a finding quote: it may be a part of a longer one.
const AROUND: [(&str, &str); 10] = [
    ("`", "`"),
    ("\"", "\""),
    ("`(", ")`"),
    ("=", "`"),
    (":", "`"),
    (":", "@"),
    (": ", "`"),
    ("(", ")`"),
    ("`", "\"`"),
    ("\"", "\\\""),
];

/// The annotations of the language that may stand before a secret by mistake.
const KNOWN_MARKS: [&str; 5] = ["secret", "ref", "f", "expr", "text"];

/// Lists what the words of a finding may quote of a text with an annotation: either of them.
fn with_annotation(text: &str) -> Vec<&str> {
    match text.strip_prefix('(').and_then(|rest| rest.split_once(')')) {
        // A finding about an expression quotes a name in it.
        Some(("f" | "expr", value)) => {
            let names = value.split(|c: char| !c.is_alphanumeric() && c != '_');
            [text, value].into_iter().chain(names).collect()
        }
        Some((mark, value)) if KNOWN_MARKS.contains(&mark) => vec![text, value],
        Some((mark, value)) => vec![text, mark, value],
        None => vec![text],
    }
}

/// Lists the ways in which the words of a finding quote a text of the source: as it is written,
/// without its escapes, and cut off.
fn as_told(written: String) -> Vec<String> {
    let read = written.replace("\\\"", "\"").replace("\\n", "\n").replace("\\\\", "\\");
    let cut = |text: &String| {
        (text.chars().count() > QUOTED)
            .then(|| text.chars().take(QUOTED).chain(['…']).collect::<String>())
    };
    let cut: Vec<String> = [&written, &read].into_iter().filter_map(cut).collect();
    [vec![written, read], cut].concat()
}

/// The number of characters of a value that findings quote at most.
pub const QUOTED: usize = 60;

/// What stands around a text, and is no part of it.
const QUOTES: [char; 9] =
    ['"', '#', '\'', ' ', '\u{201c}', '\u{201d}', '\u{201e}', '\u{ab}', '\u{bb}'];

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
