//! A part of a lab's sources that could decide a line.

use super::edit::Edit;
use crate::source::Span;

/// What a candidate is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// A value: an argument or a property, with another one in its place.
    Value,
    /// A node, a property or a further argument that is left out.
    Presence,
    /// A line of a template or of another file that is no KDL.
    Text,
}

/// A part of the sources, with edits that change it.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// What it is.
    pub part: Part,
    /// The place.
    pub span: Span,
    /// The end of the whole part; of a node, the end of the last thing in its block.
    pub end: u32,
    /// The names of the nodes from the top of the file on: `vm intranet / memory`.
    pub path: String,
    /// The value as it may be shown; nothing if it may be a secret.
    pub shown: String,
    /// The top node that it belongs to, by its index among all top nodes of the lab.
    pub top: usize,
    /// Whether it is a name by which others may refer to its node.
    pub is_name: bool,
    /// The edits, each of which changes the part in another way.
    pub edits: Vec<Vec<Edit>>,
}

impl Candidate {
    /// Returns whether another candidate is in this one.
    pub fn contains(&self, inner: &Self) -> bool {
        self.span.file == inner.span.file
            && self.span.start <= inner.span.start
            && inner.end <= self.end
    }

    /// Returns whether it is at one of some places.
    pub fn is_at(&self, spans: &[Span]) -> bool {
        spans.iter().any(|span| {
            span.file == self.span.file && span.start < self.end && self.span.start < span.end
        })
    }
}
