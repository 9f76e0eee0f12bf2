//! Turns spans into places for people: path, line and column.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use super::hidden::{awaits_value, hidden, is_open};
use super::names::Names;
use super::printable;
use crate::source::{FileId, Layer, Sources, Span};

/// A converter of spans into paths, lines and columns as the reader of findings sees them.
pub(super) struct Places<'s> {
    sources: &'s Sources,
    prefix: String,
    /// The places whose text is not shown, sorted.
    concealed: Vec<Concealed>,
    /// The names whose values are secrets, once they are asked for.
    names: OnceLock<Names<'s>>,
    /// What may be secrets in a run of a file, for each run that was asked for: many findings of
    /// one line ask for the same.
    typed: Mutex<Typed>,
}

/// What may be secrets, by the file and the run of its text that was read.
type Typed = BTreeMap<(FileId, usize, usize), Vec<Range<usize>>>;

/// A place whose text is not shown.
#[derive(Debug, Clone, Copy)]
struct Concealed {
    span: Span,
    /// The end of the place that ends last, of this one and those before it in the file.
    last_end: u32,
}

/// Sorts places, so that those around a text are found without a look at all of them.
fn sorted(mut spans: Vec<Span>) -> Vec<Concealed> {
    spans.sort_by_key(|span| (span.file, span.start));
    let mut before: Option<Concealed> = None;
    let with_end = |span: Span| {
        let above = before.filter(|before| before.span.file == span.file);
        let last_end = above.map_or(span.end, |above| above.last_end.max(span.end));
        let place = Concealed { span, last_end };
        before = Some(place);
        place
    };
    spans.into_iter().map(with_end).collect()
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
        Self {
            sources,
            prefix,
            concealed: sorted(concealed),
            names: OnceLock::new(),
            typed: Mutex::default(),
        }
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
        let mut concealed: Vec<Range<usize>> = self.concealed_in(file, &bytes).collect();
        concealed.extend(self.typed_in(file, &bytes));
        if concealed.is_empty() {
            return Cow::Borrowed(text);
        }
        let hidden = |at: usize| concealed.iter().any(|range| range.contains(&at));
        let shown = |(at, character)| if hidden(bytes.start + at) { '*' } else { character };
        Cow::Owned(text.char_indices().map(shown).collect())
    }

    /// Lists the concealed places that a run of a file's text overlaps.
    fn concealed_in(
        &self,
        file: FileId,
        bytes: &Range<usize>,
    ) -> impl Iterator<Item = Range<usize>> + use<> {
        let begins_before =
            |found: &Concealed| (found.span.file, found.span.start as usize) < (file, bytes.end);
        let up_to = self.concealed.partition_point(begins_before);
        let mut found = Vec::new();
        for place in self.concealed.get(..up_to).unwrap_or_default().iter().rev() {
            if place.span.file != file || place.last_end as usize <= bytes.start {
                break;
            }
            if bytes.start < place.span.end as usize {
                found.push(place.span.start as usize..place.span.end as usize);
            }
        }
        found.into_iter()
    }

    /// Lists what may be the value of a secret in a run of a file's text. Of a very long line, only
    /// what is near counts.
    fn typed_in(&self, file: FileId, bytes: &Range<usize>) -> Vec<Range<usize>> {
        const NEAR: usize = 500;
        let text = self.text(file);
        let at = u32::try_from(bytes.start).unwrap_or(u32::MAX);
        let line = self.bytes_of_line(file, self.line(file, at)).start;
        // Runs that are near each other are read as one.
        let first = bytes.start.saturating_sub(NEAR) / NEAR * NEAR;
        let start = text.floor_char_boundary(line.max(first));
        let last = bytes.end.saturating_add(NEAR).next_multiple_of(NEAR);
        let end = text.ceil_char_boundary(last.min(text.len()));
        let near = text.get(start..end).unwrap_or_default();
        // What follows the run counts up to the end of its line only.
        let own = bytes.end.saturating_sub(start);
        let rest = near.get(own..).and_then(|rest| rest.find('\n'));
        let near = near.get(..rest.map_or(near.len(), |rest| own + rest)).unwrap_or(near);
        let run = (file, start, start + near.len());
        if let Some(known) = self.known().get(&run) {
            return known.clone();
        }
        let names = self.names.get_or_init(|| Names::of(self.sources));
        let mut found = hidden(near, names);
        // A value on a line of its own, as nobody reads it, still is what somebody typed.
        let begins = near.trim_start();
        if begins.starts_with(['"', '#', '\'', '\u{201c}', '\u{201e}'])
            && start == line
            && awaits_value(self.line_before(file, line), names)
        {
            let closes = |(_, quote): &(usize, char)| "\"'\u{201c}\u{201d}".contains(*quote);
            let end = begins.char_indices().skip(1).find(closes);
            let length = end.map_or(begins.len(), |(at, quote)| at + quote.len_utf8());
            let start = near.len() - begins.len();
            found.push(start..start + length);
        }
        if start == line && is_open(self.line_before(file, line), names) {
            found.push(0..near.find('"').map_or(near.len(), |quote| quote + 1));
        }
        for range in &mut found {
            *range = range.start + start..range.end + start;
        }
        self.known().insert(run, found.clone());
        found
    }

    fn known(&self) -> MutexGuard<'_, Typed> {
        // Nothing that holds the lock can panic half way.
        self.typed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the line before the one that begins at a byte.
    fn line_before(&self, file: FileId, start: usize) -> &'s str {
        let text = self.text(file).get(..start.saturating_sub(1)).unwrap_or_default();
        text.rsplit_once('\n').map_or(text, |(_, line)| line)
    }

    /// Lists the texts that are not shown at a span and near it.
    pub fn hidden_at(&self, span: Span) -> Vec<&'s str> {
        const MOST: usize = 1000;
        let start = span.start as usize;
        let end = (span.end as usize).min(start + MOST).min(self.text(span.file).len());
        let bytes = start..end.max(start);
        let concealed = self.concealed_in(span.file, &bytes);
        let texts = concealed.chain(self.typed_in(span.file, &bytes));
        let text = |range: Range<usize>| self.text(span.file).get(range);
        texts.filter_map(text).collect()
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
