//! Turns spans into places for people: path, line and column.

use std::borrow::Cow;
use std::ops::Range;

use super::hidden::hidden;
use super::printable;
use crate::source::{FileId, Layer, Sources, Span};

/// A converter of spans into paths, lines and columns as the reader of findings sees them.
pub(super) struct Places<'s> {
    sources: &'s Sources,
    prefix: String,
    /// The places whose text is not shown.
    concealed: Vec<Span>,
}

/// A place as people count it: lines and columns from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Position {
    pub line: usize,
    pub column: usize,
}

impl<'s> Places<'s> {
    /// Prepares to find places in `sources`. `prefix` is the folder of the lab as the reader sees
    /// it.
    pub fn new(sources: &'s Sources, prefix: &str, concealed: Vec<Span>) -> Self {
        let prefix = prefix.trim_end_matches('/');
        let prefix =
            if prefix.is_empty() || prefix == "." { String::new() } else { format!("{prefix}/") };
        Self { sources, prefix, concealed }
    }

    /// Returns the path of `file` as the reader can open it. `std:` marks the standard library.
    pub fn path(&self, file: FileId) -> String {
        let source = self.sources.file(file);
        let prefix = if source.layer == Layer::Builtin { "std:" } else { &self.prefix };
        printable::one_line(&format!("{prefix}{}", source.path)).into_owned()
    }

    /// Returns where `span` begins.
    pub fn start(&self, span: Span) -> Position {
        self.position(span.file, span.start)
    }

    /// Returns where `span` ends: the place after its last character.
    pub fn end(&self, span: Span) -> Position {
        self.position(span.file, span.end.max(span.start))
    }

    /// Returns the number of the line that contains the byte `at`, counted from 0.
    pub fn line(&self, file: FileId, at: u32) -> usize {
        self.sources.line(file, at)
    }

    /// Returns the range of the line `line`, counted from 0, without its newline.
    pub fn bytes_of_line(&self, file: FileId, line: usize) -> Range<usize> {
        let starts = self.sources.lines(file);
        let length = self.text(file).len();
        let start = starts.get(line).map_or(length, |start| *start as usize);
        let end = starts.get(line + 1).map_or(length, |next| *next as usize - 1);
        start..end.max(start)
    }

    /// Returns the first byte of the line that `span` begins in.
    pub fn start_of_line(&self, span: Span) -> usize {
        self.bytes_of_line(span.file, self.line(span.file, span.start)).start
    }

    /// Returns a run of a file's text as it may be shown, each concealed character as `*`.
    pub fn shown(&self, file: FileId, bytes: Range<usize>) -> Cow<'s, str> {
        let text = self.text(file).get(bytes.clone()).unwrap_or_default();
        let hides = |span: &&Span| {
            span.file == file
                && (span.start as usize) < bytes.end
                && bytes.start < span.end as usize
        };
        let concealed = self.concealed.iter().filter(hides);
        let mut concealed: Vec<Range<usize>> =
            concealed.map(|span| span.start as usize..span.end as usize).collect();
        concealed.extend(self.typed_in(file, &bytes));
        if concealed.is_empty() {
            return Cow::Borrowed(text);
        }
        let hidden = |at: usize| concealed.iter().any(|range| range.contains(&at));
        let shown = |(at, character)| if hidden(bytes.start + at) { '*' } else { character };
        Cow::Owned(text.char_indices().map(shown).collect())
    }

    /// Lists what may be the value of a secret in a run of a file's text. Of a very long line, only
    /// what is near counts.
    fn typed_in(&self, file: FileId, bytes: &Range<usize>) -> Vec<Range<usize>> {
        const NEAR: usize = 500;
        let text = self.text(file);
        let at = u32::try_from(bytes.start).unwrap_or(u32::MAX);
        let line = self.bytes_of_line(file, self.line(file, at)).start;
        let start = text.floor_char_boundary(line.max(bytes.start.saturating_sub(NEAR)));
        let end = text.ceil_char_boundary(bytes.end.saturating_add(NEAR).min(text.len()));
        let near = text.get(start..end).unwrap_or_default();
        // What follows the run counts up to the end of its line only.
        let own = bytes.end.saturating_sub(start);
        let rest = near.get(own..).and_then(|rest| rest.find('\n'));
        let near = near.get(..rest.map_or(near.len(), |rest| own + rest)).unwrap_or(near);
        hidden(near).into_iter().map(|range| range.start + start..range.end + start).collect()
    }

    /// Returns the text of `file`.
    pub fn text(&self, file: FileId) -> &'s str {
        &self.sources.file(file).text
    }

    fn position(&self, file: FileId, at: u32) -> Position {
        let line = self.line(file, at);
        let start = self.bytes_of_line(file, line).start;
        let text = self.text(file);
        let before = text.get(start..text.floor_char_boundary(at as usize)).unwrap_or_default();
        Position { line: line + 1, column: before.chars().count() + 1 }
    }
}
