//! Turns spans into places for people: path, line and column.

use std::borrow::Cow;

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
    pub fn bytes_of_line(&self, file: FileId, line: usize) -> std::ops::Range<usize> {
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
    pub fn shown(&self, file: FileId, bytes: std::ops::Range<usize>) -> Cow<'s, str> {
        let text = self.text(file).get(bytes.clone()).unwrap_or_default();
        let hides = |span: &&Span| {
            span.file == file
                && (span.start as usize) < bytes.end
                && bytes.start < span.end as usize
        };
        let concealed: Vec<&Span> = self.concealed.iter().filter(hides).collect();
        if concealed.is_empty() {
            return Cow::Borrowed(text);
        }
        let hidden = |at: usize| {
            concealed.iter().any(|span| (span.start as usize..span.end as usize).contains(&at))
        };
        let shown = |(at, character)| if hidden(bytes.start + at) { '*' } else { character };
        Cow::Owned(text.char_indices().map(shown).collect())
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
