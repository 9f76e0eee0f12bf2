//! Where a span stands, for people: path, line and column.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use super::printable;
use crate::source::{FileId, Layer, Sources, Span};

/// Turns spans into lines and columns, and counts the lines of each file once.
pub(super) struct Places<'s> {
    sources: &'s Sources,
    prefix: String,
    /// The first byte of every line of the files asked for.
    lines: RefCell<BTreeMap<FileId, Rc<[usize]>>>,
}

/// Is a place as people count: lines and columns from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Position {
    pub line: usize,
    pub column: usize,
}

impl<'s> Places<'s> {
    /// Prepares to place spans of `sources`; `prefix` is the folder of the lab as seen by the reader.
    pub fn new(sources: &'s Sources, prefix: &str) -> Self {
        let prefix = prefix.trim_end_matches('/');
        let prefix = if prefix.is_empty() || prefix == "." { String::new() } else { format!("{prefix}/") };
        Self { sources, prefix, lines: RefCell::default() }
    }

    /// Returns the path of the file of `span`, as the reader can open it; `std:` marks the standard library.
    pub fn path(&self, file: FileId) -> String {
        let source = self.sources.file(file);
        let prefix = if source.layer == Layer::Builtin { "std:" } else { &self.prefix };
        printable::one_line(&format!("{prefix}{}", source.path)).into_owned()
    }

    /// Returns where `span` begins.
    pub fn start(&self, span: Span) -> Position {
        self.position(span.file, span.start as usize)
    }

    /// Returns where `span` ends: the place behind its last character.
    pub fn end(&self, span: Span) -> Position {
        self.position(span.file, span.end.max(span.start) as usize)
    }

    /// Returns the number of the line, from 0, that holds the byte `at`.
    pub fn line(&self, file: FileId, at: usize) -> usize {
        self.starts(file).partition_point(|start| *start <= at).saturating_sub(1)
    }

    /// Returns the bytes of the line `line`, counted from 0, without its newline.
    pub fn bytes_of_line(&self, file: FileId, line: usize) -> std::ops::Range<usize> {
        let starts = self.starts(file);
        let text = &self.sources.file(file).text;
        let start = starts.get(line).copied().unwrap_or(text.len());
        let end = starts.get(line + 1).map_or(text.len(), |next| next - 1);
        start..end.max(start)
    }

    /// Returns the first byte of the line that `span` begins in.
    pub fn start_of_line(&self, span: Span) -> usize {
        self.bytes_of_line(span.file, self.line(span.file, span.start as usize)).start
    }

    /// Returns the text of `file`.
    pub fn text(&self, file: FileId) -> &'s str {
        &self.sources.file(file).text
    }

    fn position(&self, file: FileId, at: usize) -> Position {
        let text = self.text(file);
        let at = text.floor_char_boundary(at);
        let line = self.line(file, at);
        let start = self.starts(file).get(line).copied().unwrap_or(0);
        let column = text.get(start..at).map_or(0, |before| before.chars().count());
        Position { line: line + 1, column: column + 1 }
    }

    fn starts(&self, file: FileId) -> Rc<[usize]> {
        let mut lines = self.lines.borrow_mut();
        let starts = lines.entry(file).or_insert_with(|| {
            let newlines = self.text(file).bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
            std::iter::once(0).chain(newlines).collect()
        });
        Rc::clone(starts)
    }
}
