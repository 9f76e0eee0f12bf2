//! The `kdl` crate's tree and errors, as ours.

use std::borrow::Cow;

use kdl::{KdlDocument, KdlEntry, KdlIdentifier, KdlNode, KdlValue};

use super::{Document, Entry, Node, PropertyEntry, Scalar, Text, codes};
use crate::diag::{Diagnostic, Diagnostics};
use crate::source::{FileId, Span, Spanned};

/// Lets the `kdl` crate parse `text`.
pub(super) fn parse<'s>(text: &'s str, file: FileId, diagnostics: &mut Diagnostics) -> Option<Document<'s>> {
    match KdlDocument::parse(text) {
        Ok(document) => Some(Document { nodes: document.nodes().iter().map(|node| convert_node(node, file)).collect() }),
        Err(error) => {
            for found in error.diagnostics {
                let span = span(file, found.span.offset(), found.span.offset() + found.span.len());
                let message = found.message.unwrap_or_else(|| "this is not KDL".to_owned()).to_lowercase();
                let mut diagnostic = Diagnostic::new(&codes::SYNTAX, span, message);
                diagnostic.help = found.help;
                diagnostics.push(diagnostic);
            }
            None
        }
    }
}

fn span(file: FileId, start: usize, end: usize) -> Span {
    Span::new(file, u32::try_from(start).unwrap_or(u32::MAX), u32::try_from(end).unwrap_or(u32::MAX))
}

fn convert_node<'s>(node: &KdlNode, file: FileId) -> Node<'s> {
    let annotation = node.ty().map(|name| identifier(name, file));
    let name = identifier(node.name(), file);
    let start = annotation.as_ref().map_or(name.span.start, |annotation| annotation.span.start.saturating_sub(1));
    let mut end = name.span.end;
    let mut arguments = Vec::new();
    let mut properties = Vec::new();
    for entry in node.entries() {
        let converted = convert_entry(entry, file);
        end = end.max(converted.value.span.end);
        match entry.name() {
            Some(name) => properties.push(PropertyEntry { name: identifier(name, file), entry: converted }),
            None => arguments.push(converted),
        }
    }
    let children = node.children().map_or_else(Vec::new, |block| block.nodes().iter().map(|node| convert_node(node, file)).collect());
    Node { annotation, name, arguments, properties, children, span: Span::new(file, start, end) }
}

fn convert_entry<'s>(entry: &KdlEntry, file: FileId) -> Entry<'s> {
    let value = match entry.value() {
        KdlValue::String(text) => Scalar::Text(Cow::Owned(text.clone())),
        KdlValue::Integer(number) => Scalar::Integer(*number),
        KdlValue::Float(number) => Scalar::Float(*number),
        KdlValue::Bool(flag) => Scalar::Bool(*flag),
        KdlValue::Null => Scalar::Null,
    };
    // The crate's span of a property covers its name too; the value is what stands last in it.
    let end = entry.span().offset() + entry.span().len();
    let length = entry.format().map_or(entry.span().len(), |format| format.value_repr.len());
    Entry { annotation: entry.ty().map(|name| identifier(name, file)), value: Spanned::new(value, span(file, end - length, end)) }
}

fn identifier<'s>(name: &KdlIdentifier, file: FileId) -> Spanned<Text<'s>> {
    let place = name.span();
    Spanned::new(Cow::Owned(name.value().to_owned()), span(file, place.offset(), place.offset() + place.len()))
}
