//! Places in the sources, as people look them up.

use crate::diag::one_line;
use crate::source::{Layer, Sources, Span};

/// Writes a place for people: `services.kdl:14`, with `std:` before a file of the standard library.
pub fn place(sources: &Sources, span: Span) -> String {
    let layer = if sources.file(span.file).layer == Layer::Builtin { "std:" } else { "" };
    one_line(&format!("{layer}{}", sources.place(span))).into_owned()
}
