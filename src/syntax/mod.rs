//! Turns KDL text into nodes with spans.
//!
//! Knows KDL v2 and nothing of labs. The reader is our own: it keeps the place of everything, goes
//! on after an error, and has no recursion that a file could exhaust. The tests compare it with the
//! `kdl` crate.

pub mod codes;
mod faults;
mod numbers;
mod reader;
mod scan;
mod strings;
mod values;
mod wording;

use std::borrow::Cow;
use std::ops::Range;

use crate::diag::{Diagnostic, Diagnostics};
use crate::load;
use crate::source::{FileId, Span, Spanned};

/// The largest text, in bytes, that is parsed. Spans rely on it: they count bytes in 32 bits.
pub const LARGEST: usize = 16 << 20;

/// The depth to which blocks may nest. It is small enough to walk over a [`Document`] recursively.
pub const DEEPEST: usize = 32;

/// Parses one file. Returns nothing when the file has a syntax error; then every error is in
/// `diagnostics`.
pub fn parse<'s>(
    text: &'s str,
    file: FileId,
    diagnostics: &mut Diagnostics,
) -> Option<Document<'s>> {
    if text.len() > LARGEST {
        diagnostics.push(
            Diagnostic::new(
                &load::codes::SOURCE_TOO_LARGE,
                Span::new(file, 0, 0),
                "this file is larger than 16 MiB",
            )
            .help(
                "move it out of the lab's folder, or rename it so that it does not end in `.kdl`",
            ),
        );
        return None;
    }
    match reader::read(text, file) {
        Ok(document) => Some(document),
        Err(faults) => {
            for (index, fault) in faults.iter().enumerate() {
                // Of two faults at one place, the second is only a consequence of the first.
                if faults[..index].iter().any(|first| first.is_at(fault)) {
                    continue;
                }
                diagnostics.push(fault.diagnostic(text, file));
            }
            None
        }
    }
}

/// Parses whole nodes of a text that was parsed before. Returns nothing if there is an error in
/// them.
pub fn parse_part(text: &str, part: Range<usize>, file: FileId) -> Option<Document<'_>> {
    reader::read_part(text, part, file).ok()
}

/// Text that usually borrows from the source.
pub type Text<'s> = Cow<'s, str>;

/// A KDL scalar.
#[derive(Debug, Clone, PartialEq)]
pub enum Scalar<'s> {
    /// A string, quoted or bare.
    Text(Text<'s>),
    /// A whole number.
    Integer(i128),
    /// A number with a fraction or an exponent.
    Float(f64),
    /// `#true` or `#false`.
    Bool(bool),
    /// `#null`.
    Null,
}

impl Scalar<'_> {
    /// Returns the text, of a value that is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// A scalar with its type annotation.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry<'s> {
    /// `size` of `(size)"4GiB"`. The span covers the word inside the brackets.
    pub annotation: Option<Spanned<Text<'s>>>,
    /// The scalar. The span covers it as written, quotes included.
    pub value: Spanned<Scalar<'s>>,
}

/// A named scalar of a node.
#[derive(Debug, Clone, PartialEq)]
pub struct PropertyEntry<'s> {
    /// The name.
    pub name: Spanned<Text<'s>>,
    /// The value.
    pub entry: Entry<'s>,
}

/// A node with its contents, in the order written. A property that is written twice is here twice.
#[derive(Debug, Clone, PartialEq)]
pub struct Node<'s> {
    /// `force` of `(force)memory …`.
    pub annotation: Option<Spanned<Text<'s>>>,
    /// The name.
    pub name: Spanned<Text<'s>>,
    /// The arguments.
    pub arguments: Vec<Entry<'s>>,
    /// The properties.
    pub properties: Vec<PropertyEntry<'s>>,
    /// The nodes of its children block.
    pub children: Vec<Node<'s>>,
    /// The node from its annotation or name to the end of its last entry, without the children
    /// block.
    pub span: Span,
}

/// A parsed file.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Document<'s> {
    /// The top-level nodes, in the order written.
    pub nodes: Vec<Node<'s>>,
}
