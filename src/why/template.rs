//! The lines of a template, or of another file that is no KDL, as candidates.

use super::candidate::{Candidate, Part};
use super::edit::Edit;
use crate::source::{FileId, SourceFile, Span};

/// Makes a candidate of every line of a file that is no KDL.
pub(super) fn text_lines(id: FileId, file: &SourceFile, top: usize) -> Vec<Candidate> {
    let mut found = Vec::new();
    let mut start = 0;
    for line in file.text.split_inclusive('\n') {
        let end = start + line.len();
        let span = |start: usize, end: usize| {
            let at = |place: usize| u32::try_from(place).unwrap_or(u32::MAX);
            Span::new(id, at(start), at(end))
        };
        let whole = span(start, end);
        let mut edits = vec![vec![Edit { span: whole, text: String::new() }]];
        for at in [outside(line), line.find("}}").map(|_| 0)].into_iter().flatten() {
            edits.push(vec![Edit { span: span(start + at, start + at), text: "x".to_owned() }]);
        }
        if !line.trim().is_empty() {
            found.push(Candidate {
                part: Part::Text,
                span: span(start, start + line.trim_end().len()),
                end: whole.end,
                path: file.path.clone(),
                shown: String::new(),
                top,
                is_name: false,
                edits,
            });
        }
        start = end;
    }
    found
}

/// Finds a place in a line of a template where a letter may be added: after a letter or digit that
/// is not part of an expression.
fn outside(line: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let mut before = ' ';
    for (at, character) in line.char_indices() {
        if depth == 0 && before.is_ascii_alphanumeric() {
            return Some(at);
        }
        match (before, character) {
            ('{', '{' | '%' | '#') => depth += 1,
            ('}' | '%' | '#', '}') => depth = depth.saturating_sub(1),
            _ => {}
        }
        before = character;
    }
    None
}
