//! Source files and spans into them.

mod builtin;

use std::fmt;
use std::sync::OnceLock;

/// The file that holds the images' digests.
pub const LOCK_FILE: &str = "labwright.lock";

/// Identifies a file of a [`Sources`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(pub u32);

/// Locates a run of bytes in one source file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The file.
    pub file: FileId,
    /// The first byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// Makes a span of `start..end` in `file`.
    pub const fn new(file: FileId, start: u32, end: u32) -> Self {
        Self { file, start, end }
    }
}

/// Joins a value with the place it was written at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub span: Span,
}

impl<T> Spanned<T> {
    /// Joins `value` with `span`.
    pub const fn new(value: T, span: Span) -> Self {
        Self { value, span }
    }

    /// Applies `change` to the value and keeps the place.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Spanned<U> {
        Spanned::new(change(self.value), self.span)
    }

    /// Borrows the value with its place.
    pub fn as_ref(&self) -> Spanned<&T> {
        Spanned::new(&self.value, self.span)
    }
}

impl<T> std::ops::Deref for Spanned<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: fmt::Display> fmt::Display for Spanned<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(formatter)
    }
}

/// Says where a source file comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layer {
    /// The standard library in the binary.
    Builtin,
    /// The lab's own `modules/` folder.
    Site,
    /// The lab itself.
    Lab,
}

/// Holds one file, whole, as it was when it was read.
#[derive(Debug, Clone)]
pub struct SourceFile {
    /// The path below the lab's folder (or below `modules/std` for the standard library), `/`
    /// between its parts.
    pub path: String,
    /// The text.
    pub text: String,
    /// Who wrote it.
    pub layer: Layer,
}

/// Holds every file that a compilation may look at, sorted by layer and path.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    files: Vec<SourceFile>,
    /// The first byte of every line of each file, counted when somebody first asks for a place in
    /// it.
    lines: Vec<OnceLock<Vec<u32>>>,
}

impl Sources {
    /// Joins a lab's files with the standard library.
    pub fn with_standard_library(lab: Vec<SourceFile>) -> Self {
        Self::new(lab.into_iter().chain(builtin::files()).collect())
    }

    /// Takes the files in any order and sorts them, so that the order they were found in can't
    /// matter.
    pub fn new(mut files: Vec<SourceFile>) -> Self {
        files.sort_by(|a, b| (a.layer, &a.path).cmp(&(b.layer, &b.path)));
        let lines = files.iter().map(|_| OnceLock::new()).collect();
        Self { files, lines }
    }

    /// Returns the file that `id` names.
    pub fn file(&self, id: FileId) -> &SourceFile {
        &self.files[id.0 as usize]
    }

    /// Lists the files with their ids, sorted.
    pub fn files(&self) -> impl ExactSizeIterator<Item = (FileId, &SourceFile)> {
        self.files
            .iter()
            .enumerate()
            .map(|(index, file)| (FileId(u32::try_from(index).unwrap_or(u32::MAX)), file))
    }

    /// Returns the text that `span` covers.
    pub fn text(&self, span: Span) -> &str {
        self.file(span.file).text.get(span.start as usize..span.end as usize).unwrap_or("")
    }

    /// Finds a file of `layer` by its path.
    pub fn find(&self, layer: Layer, path: &str) -> Option<FileId> {
        let index = self
            .files
            .binary_search_by(|file| (file.layer, file.path.as_str()).cmp(&(layer, path)))
            .ok()?;
        u32::try_from(index).ok().map(FileId)
    }

    /// Returns the first byte of every line of a file; a file has at least one line.
    pub fn lines(&self, id: FileId) -> &[u32] {
        self.lines[id.0 as usize].get_or_init(|| {
            let newlines = self.file(id).text.bytes().zip(1..).filter(|(byte, _)| *byte == b'\n');
            std::iter::once(0).chain(newlines.map(|(_, behind)| behind)).collect()
        })
    }

    /// Returns the number of the line, from 0, that holds the byte `at` of a file.
    pub fn line(&self, id: FileId, at: u32) -> usize {
        self.lines(id).partition_point(|start| *start <= at).saturating_sub(1)
    }

    /// Writes where `span` begins as people look it up: `services.kdl:14`.
    pub fn place(&self, span: Span) -> String {
        format!("{}:{}", self.file(span.file).path, self.line(span.file, span.start) + 1)
    }
}
