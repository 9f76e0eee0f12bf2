//! Writes findings for a person at a terminal or in a log.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::Range;

use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use rayon::prelude::*;

use super::places::Places;
use super::printable::{lines, one_line, pointed_at, wrap};
use super::style::Style;
use super::{Diagnostic, Diagnostics, Severity};
use crate::source::{FileId, Span};

/// The most lines between two places that are shown in one piece.
const NEAR: usize = 6;

/// The number of bytes of a line that are copied after a place. The renderer trims them further, to
/// the width.
const BEHIND: usize = 300;

/// The number of findings of one code that are each shown whole.
const OFTEN: usize = 5;

/// The most findings that are shown whole, and the most lines about others of their code. Nobody
/// reads more, and a log may be cut where it has more.
const MOST: usize = 200;

/// The greatest distance of a place from the beginning of its line at which the line is still
/// shown.
const FAR: usize = 4096;

pub(super) fn render(diagnostics: &Diagnostics, places: &Places<'_>, style: Style<'_>) -> String {
    let renderer = if style.color { Renderer::styled() } else { Renderer::plain() };
    let renderer = renderer.term_width(style.width);
    let arranged = arranged(diagnostics);
    let (shown, others) = arranged.split_at(arranged.len().min(MOST));
    let mut rendered: Vec<String> = shown
        .par_iter()
        .map(|(diagnostic, alike)| {
            let mut text = renderer.render(&[group(diagnostic, places, style.width)]) + "\n";
            more(&mut text, alike, places, style.width);
            text + "\n"
        })
        .collect();
    rendered.extend(not_shown(others, style.width));
    rendered.concat()
}

/// Counts the findings that are not shown, if there are any.
fn not_shown(others: &[(&Diagnostic, Vec<&Diagnostic>)], width: usize) -> Option<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for (found, alike) in others {
        *counts.entry(found.code.name).or_default() += 1 + alike.len();
    }
    let total: usize = counts.values().sum();
    let mut counts: Vec<(&str, usize)> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| Reverse(*count));
    let of_code: Vec<String> =
        counts.iter().map(|(code, count)| format!("{count} of `{code}`")).collect();
    let are = if total == 1 { "finding is" } else { "findings are" };
    let text = format!(
        "{total} more {are} not shown: {}. `labwright check --format json` lists all",
        of_code.join(", ")
    );
    (total > 0).then(|| wrap(&text, width, "    ") + "\n\n")
}

/// Puts what is worst first, and what is said so often that it hides the rest last: of that, one is
/// shown whole, with the others. Otherwise, findings stay in the order of their places.
fn arranged(diagnostics: &Diagnostics) -> Vec<(&Diagnostic, Vec<&Diagnostic>)> {
    let mut by_code: BTreeMap<&str, Vec<&Diagnostic>> = BTreeMap::new();
    for diagnostic in diagnostics {
        by_code.entry(diagnostic.code.name).or_default().push(diagnostic);
    }
    let is_frequent = |found: &Diagnostic| {
        found.severity() != Severity::Error
            && by_code.get(found.code.name).is_some_and(|alike| alike.len() > OFTEN)
    };
    let mut arranged: Vec<(&Diagnostic, Vec<&Diagnostic>)> = diagnostics
        .iter()
        .filter(|found| !is_frequent(found))
        .map(|found| (found, Vec::new()))
        .collect();
    let frequent = by_code.values().filter_map(|alike| alike.split_first());
    arranged.extend(
        frequent
            .filter(|(first, _)| is_frequent(first))
            .map(|(first, others)| (*first, others.to_vec())),
    );
    // The sort is stable, so findings of one severity stay in the order of their places.
    arranged.sort_by_key(|(found, others)| (found.severity(), others.len()));
    arranged
}

/// Adds a line for each finding that is like the one before.
fn more(text: &mut String, alike: &[&Diagnostic], places: &Places<'_>, width: usize) {
    let Some(first) = alike.first() else { return };
    let _ = writeln!(text, "\n  {} more of `{}`:", alike.len(), first.code.name);
    for found in alike.iter().take(MOST) {
        let place = found.span.map(|span| {
            let position = places.start(span);
            format!("{}:{}: ", places.path(span.file), position.line)
        });
        let message = one_line(&found.message);
        let line = format!("  {}{message}", place.unwrap_or_default());
        text.push_str(&wrap(&line, width, "    "));
        text.push('\n');
    }
    if let Some(others) = alike.len().checked_sub(MOST).filter(|others| *others > 0) {
        let _ = writeln!(text, "  and {others} that are not shown");
    }
}

fn group<'a>(diagnostic: &'a Diagnostic, places: &Places<'_>, width: usize) -> Group<'a> {
    let level = match diagnostic.severity() {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Advice => Level::NOTE.with_name(Severity::Advice.name()),
    };
    let head = diagnostic.severity().name().len() + diagnostic.code.name.len() + 4;
    let message = one_line(&diagnostic.message);
    let title = wrap(&message, width.saturating_sub(head).max(20), "");
    let mut group = Group::with_title(level.primary_title(title).id(diagnostic.code.name));
    let marks = marks(diagnostic);
    for (file, marks) in files(&marks) {
        for piece in pieces(file, marks, places) {
            let far =
                |mark: &&Mark<'_>| mark.span.start as usize - places.start_of_line(mark.span) > FAR;
            group = match piece.iter().find(far) {
                Some(mark) => {
                    let position = places.start(mark.span);
                    group.element(
                        Origin::path(places.path(file))
                            .line(position.line)
                            .char_column(position.column),
                    )
                }
                None => group.element(snippet(&piece, file, places)),
            };
        }
    }
    if let Some(help) = &diagnostic.help {
        group = group.element(Level::HELP.message(wrap(
            &lines(help),
            width.saturating_sub(16).max(20),
            "",
        )));
    }
    group
}

/// A marked place of a finding.
#[derive(Clone, Copy)]
struct Mark<'d> {
    span: Span,
    text: &'d str,
    primary: bool,
}

fn marks(diagnostic: &Diagnostic) -> Vec<Mark<'_>> {
    let primary =
        diagnostic.span.map(|span| Mark { span, text: &diagnostic.caption, primary: true });
    let others = diagnostic.labels.iter().map(|label| Mark {
        span: label.span,
        text: &label.message,
        primary: false,
    });
    primary.into_iter().chain(others).collect()
}

/// Groups the marks by file. The file of the primary place comes first.
fn files<'d>(marks: &[Mark<'d>]) -> Vec<(FileId, Vec<Mark<'d>>)> {
    let mut files: BTreeMap<(bool, FileId), Vec<Mark<'d>>> = BTreeMap::new();
    let first = marks.first().map(|mark| mark.span.file);
    for mark in marks {
        files.entry((first != Some(mark.span.file), mark.span.file)).or_default().push(*mark);
    }
    files.into_iter().map(|((_, file), marks)| (file, marks)).collect()
}

/// Splits the marks of one file where many lines lie between them. The piece of the primary place
/// comes first.
fn pieces<'d>(file: FileId, mut marks: Vec<Mark<'d>>, places: &Places<'_>) -> Vec<Vec<Mark<'d>>> {
    marks.sort_by_key(|mark| mark.span);
    let mut pieces: Vec<Vec<Mark<'d>>> = Vec::new();
    let mut last_line = 0;
    for mark in marks {
        let line = places.line(file, mark.span.start);
        match pieces.last_mut() {
            Some(piece) if line <= last_line + NEAR => piece.push(mark),
            _ => pieces.push(vec![mark]),
        }
        last_line = line;
    }
    pieces.sort_by_key(|piece| !piece.iter().any(|mark| mark.primary));
    pieces
}

/// Copies the lines of the marks, as far as they are near a mark, and marks the places in the copy.
fn snippet<'a>(
    marks: &[Mark<'a>],
    file: FileId,
    places: &Places<'_>,
) -> Snippet<'a, Annotation<'a>> {
    let text = places.text(file);
    let line_of = |at: u32| places.line(file, at);
    let first = marks.iter().map(|mark| line_of(mark.span.start)).min().unwrap_or(0);
    let last = marks.iter().map(|mark| line_of(mark.span.start)).max().unwrap_or(0);
    let mut copy = String::new();
    let mut copied: Vec<(Range<usize>, usize)> = Vec::new();
    for line in first..=last {
        let whole = places.bytes_of_line(file, line);
        let ends = marks
            .iter()
            .filter(|mark| line_of(mark.span.start) == line)
            .map(|mark| mark.span.end as usize);
        let end = ends
            .max()
            .unwrap_or(whole.start)
            .min(whole.start + FAR)
            .saturating_add(BEHIND)
            .min(whole.end);
        let bytes = whole.start..text.floor_char_boundary(end);
        copied.push((bytes.clone(), copy.len()));
        copy.push_str(&pointed_at(places.shown(file, bytes).trim_end_matches('\r')));
        copy.push('\n');
    }
    let place = |at: usize, line: usize| {
        let (bytes, begin) = copied.get(line - first).cloned().unwrap_or((0..0, 0));
        let at = text.floor_char_boundary(at.clamp(bytes.start, bytes.end));
        begin + pointed_at(places.shown(file, bytes.start..at).trim_end_matches('\r')).len()
    };
    let annotations: Vec<Annotation<'a>> = marks
        .iter()
        .map(|mark| {
            let line = line_of(mark.span.start);
            // A place over several lines is marked in its first line only: where it begins is what
            // matters.
            let start = place(mark.span.start as usize, line);
            let end = place(mark.span.end as usize, line);
            let kind = if mark.primary { AnnotationKind::Primary } else { AnnotationKind::Context };
            let label = (!mark.text.is_empty()).then(|| one_line(mark.text));
            kind.span(start..end.max(start)).label(label)
        })
        .collect();
    Snippet::source(copy).path(places.path(file)).line_start(first + 1).annotations(annotations)
}
