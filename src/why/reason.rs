//! What is said about a line.

use super::edit::Edit;
use crate::emit::fixed::Fixed;
use crate::source::Span;

/// What a declaration does for a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// With another value, the line says something else.
    Decides,
    /// The line is written in this line of a template.
    Template,
    /// The language has a default that decides it, since nothing is written.
    Default,
    /// Without it, the line is not there.
    Needs,
}

/// A declaration that a line changes with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// What it does for the line.
    pub role: Role,
    /// The place.
    pub span: Span,
    /// The names of the nodes from the top of the file on.
    pub declaration: String,
    /// The value as it may be shown, or an empty text.
    pub value: String,
    /// The edit that proves it.
    pub proof: Vec<Edit>,
    /// Declarations of the same thing that this one won over.
    pub lost: Vec<(Span, String)>,
}

/// A line of an emitted file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The number, from 1.
    pub number: usize,
    /// The text.
    pub text: String,
    /// The declarations that it changes with, those that decide what it says first.
    pub reasons: Vec<Reason>,
    /// Why the emitter writes it like this, if no declaration decides what it says.
    pub fixed: Option<&'static Fixed>,
}
