//! Turns the `kdl` crate's tree into ours, and protects its parser from input that it can't handle.

use std::borrow::Cow;

use kdl::{KdlDocument, KdlEntry, KdlIdentifier, KdlNode, KdlValue};
use labwright::source::{FileId, Span, Spanned};
use labwright::syntax::{Document, Entry, Node, PropertyEntry, Scalar, Text};

/// The file that every test parses.
pub const FILE: FileId = FileId(0);

/// Parses `text` with the `kdl` crate. Returns nothing if it refuses.
pub fn parse(text: &str) -> Option<Document<'static>> {
    let document = KdlDocument::parse(text).ok()?;
    Some(Document { nodes: document.nodes().iter().map(node).collect() })
}

/// Returns whether the crate can parse the text. It recurses into blocks and comments, and takes
/// exponential time for nested `/-`.
pub fn can_judge(text: &str) -> bool {
    let count = |piece: &str| text.matches(piece).count();
    text.len() < 4096
        && count("{") <= 24
        && count("}") <= 24
        && count("/-") <= 8
        && count("*") + count("/") <= 200
}

fn span(start: usize, end: usize) -> Span {
    Span::new(FILE, u32::try_from(start).unwrap(), u32::try_from(end).unwrap())
}

fn node(node: &KdlNode) -> Node<'static> {
    let annotation = node.ty().map(identifier);
    let name = identifier(node.name());
    let mut arguments = Vec::new();
    let mut properties = Vec::new();
    for written in node.entries() {
        match written.name() {
            Some(name) => {
                properties.push(PropertyEntry { name: identifier(name), entry: entry(written) });
            }
            None => arguments.push(entry(written)),
        }
    }
    let start = node.span().offset();
    let end = arguments
        .iter()
        .chain(properties.iter().map(|property| &property.entry))
        .map(|entry| entry.value.span.end)
        .max();
    let span = span(start, end.unwrap_or(name.span.end) as usize);
    let children = node
        .children()
        .map_or_else(Vec::new, |block| block.nodes().iter().map(self::node).collect());
    Node { annotation, name, arguments, properties, children, span }
}

fn entry(entry: &KdlEntry) -> Entry<'static> {
    let value = match entry.value() {
        KdlValue::String(text) => Scalar::Text(Cow::Owned(text.clone())),
        KdlValue::Integer(number) => Scalar::Integer(*number),
        KdlValue::Float(number) => Scalar::Float(*number),
        KdlValue::Bool(flag) => Scalar::Bool(*flag),
        KdlValue::Null => Scalar::Null,
    };
    // The crate's span of an entry covers name, annotation and value. The value comes last in it.
    let end = entry.span().offset() + entry.span().len();
    let length = entry.format().map_or(entry.span().len(), |format| format.value_repr.len());
    Entry {
        annotation: entry.ty().map(identifier),
        value: Spanned::new(value, span(end - length, end)),
    }
}

fn identifier(name: &KdlIdentifier) -> Spanned<Text<'static>> {
    let place = name.span();
    Spanned::new(
        Cow::Owned(name.value().to_owned()),
        span(place.offset(), place.offset() + place.len()),
    )
}
