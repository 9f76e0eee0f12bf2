//! KDL text to nodes with spans.
//!
//! Knows KDL v2 and nothing of labs. The reader is our own: it keeps the place of everything, goes
//! on behind an error, and has no recursion that a file could exhaust. The tests hold it against
//! the `kdl` crate.

pub mod codes;
mod faults;
mod numbers;
mod reader;
mod scan;
mod strings;
mod values;

use std::borrow::Cow;

use crate::diag::{Diagnostic, Diagnostics};
use crate::source::{self, FileId, Span, Spanned};

/// The size of a text, in bytes, above which it isn't parsed; spans count on it.
pub const LARGEST: usize = 16 << 20;

/// How deep blocks may nest; whoever walks over a [`Document`] may recurse.
pub const DEEPEST: usize = 32;

/// Parses one file; nothing when it has a syntax error, and then every error is in `diagnostics`.
pub fn parse<'s>(
    text: &'s str,
    file: FileId,
    diagnostics: &mut Diagnostics,
) -> Option<Document<'s>> {
    if text.len() > LARGEST {
        diagnostics.push(
            Diagnostic::new(
                &source::codes::SOURCE_TOO_LARGE,
                Span::new(file, 0, 0),
                "this file is larger than 16 MiB",
            )
            .help("move it out of the lab's folder, or give it another ending than `.kdl`"),
        );
        return None;
    }
    match reader::read(text, file) {
        Ok(document) => Some(document),
        Err(faults) => {
            for (index, fault) in faults.iter().enumerate() {
                // Of two faults at one place, the second only follows from the first.
                if faults[..index].iter().any(|first| first.is_at(fault)) {
                    continue;
                }
                diagnostics.push(fault.diagnostic(text, file));
            }
            None
        }
    }
}

/// Is text that usually borrows from the source.
pub type Text<'s> = Cow<'s, str>;

/// Is one scalar as KDL has them.
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

/// Is a scalar with its type annotation.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry<'s> {
    /// `size` of `(size)"4GiB"`; the span covers the word inside the brackets.
    pub annotation: Option<Spanned<Text<'s>>>,
    /// The scalar; the span covers it as written, quotes included.
    pub value: Spanned<Scalar<'s>>,
}

/// Is a named scalar of a node.
#[derive(Debug, Clone, PartialEq)]
pub struct PropertyEntry<'s> {
    /// The name.
    pub name: Spanned<Text<'s>>,
    /// The value.
    pub entry: Entry<'s>,
}

/// Is one node with what it holds, in the order written. A property written twice is here twice.
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
    /// Covers the node from its annotation or name to the end of its last entry, without the
    /// children block.
    pub span: Span,
}

/// Is one parsed file.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Document<'s> {
    /// The top nodes, in the order written.
    pub nodes: Vec<Node<'s>>,
}
