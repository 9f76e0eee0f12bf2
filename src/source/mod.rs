//! Source files and spans into them.

mod builtin;

use std::fmt;
use std::sync::{Arc, OnceLock};

/// The file with the images' digests.
pub const LOCK_FILE: &str = "labwright.lock";

/// The id of a file in [`Sources`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(pub u32);

/// A range of bytes in one source file.
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

/// A value with the place where it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// The place of the value.
    pub span: Span,
}

impl<T> Spanned<T> {
    /// Makes a value with its place.
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

/// The origin of a source file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layer {
    /// The standard library in the binary.
    Builtin,
    /// The lab's own `modules/` folder.
    Site,
    /// The lab itself.
    Lab,
}

/// A whole file in the state in which it was read.
#[derive(Debug, Clone)]
pub struct SourceFile {
    /// The path below the lab's folder (or below `modules/std` for the standard library), with `/`
    /// between its parts.
    pub path: String,
    /// The text.
    pub text: String,
    /// The origin of the file.
    pub layer: Layer,
}

impl SourceFile {
    /// Returns whether it holds KDL.
    pub fn is_kdl(&self) -> bool {
        self.path.rsplit_once('.').is_some_and(|(_, extension)| extension == "kdl")
    }

    /// Returns the first part of the path: of a file of the standard library, the name of its
    /// module.
    pub fn folder(&self) -> &str {
        self.path.split('/').next().unwrap_or_default()
    }
}

/// Every file that a compilation may read, sorted by layer and path.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// Copies with other texts share the files that are the same.
    files: Vec<Arc<SourceFile>>,
    /// The first byte of every line of each file, counted when a place in the file is first needed.
    lines: Vec<OnceLock<Vec<u32>>>,
}

impl Sources {
    /// Combines a lab's files with the standard library.
    pub fn with_standard_library(lab: Vec<SourceFile>) -> Self {
        Self::new(lab.into_iter().chain(builtin::files()).collect())
    }

    /// Sorts files, so that the order in which they were found does not matter.
    pub fn new(mut files: Vec<SourceFile>) -> Self {
        files.sort_by(|a, b| (a.layer, &a.path).cmp(&(b.layer, &b.path)));
        let lines = files.iter().map(|_| OnceLock::new()).collect();
        Self { files: files.into_iter().map(Arc::new).collect(), lines }
    }

    /// Returns a copy in which some files have another text.
    #[must_use]
    pub fn with_texts(&self, texts: impl IntoIterator<Item = (FileId, String)>) -> Self {
        let mut files = self.files.clone();
        for (id, text) in texts {
            if let Some(file) = files.get_mut(id.0 as usize) {
                let SourceFile { path, layer, .. } = &**file;
                *file = Arc::new(SourceFile { path: path.clone(), text, layer: *layer });
            }
        }
        // The lines of another text begin elsewhere, so they are counted again.
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
            // `load` refuses folders with so many names long before the index has more than 32
            // bits.
            .map(|(index, file)| (FileId(u32::try_from(index).unwrap_or(u32::MAX)), &**file))
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

    /// Returns the first byte of every line of a file. A file has at least one line.
    pub fn lines(&self, id: FileId) -> &[u32] {
        self.lines[id.0 as usize].get_or_init(|| {
            let newlines = self.file(id).text.bytes().zip(1..).filter(|(byte, _)| *byte == b'\n');
            std::iter::once(0).chain(newlines.map(|(_, next)| next)).collect()
        })
    }

    /// Returns the number of the line of a file that contains the byte `at`, counted from 0.
    pub fn line(&self, id: FileId, at: u32) -> usize {
        self.lines(id).partition_point(|start| *start <= at).saturating_sub(1)
    }

    /// Writes the place where `span` begins for people: `services.kdl:14`.
    pub fn place(&self, span: Span) -> String {
        format!("{}:{}", self.file(span.file).path, self.line(span.file, span.start) + 1)
    }
}
