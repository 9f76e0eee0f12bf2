//! Reads the arguments and properties of a node.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::values::ends_with_comma;
use super::{Decoder, FEW, end_of};
use crate::decl::schema::{Field, NodeSchema, OPTION_VALUE};
use crate::decl::types::Type;
use crate::decl::{Priority, Property, Rank, Value, codes};
use crate::diag::hidden::{is_plain_word, is_unclear};
use crate::diag::{Diagnostic, nearest};
use crate::source::{Span, Spanned};
use crate::syntax::{Entry, Node, Scalar};

/// The field for properties of option values. Only the module knows their types.
static ANY: Field =
    Field { name: "value", ty: Type::Given, list: false, required: false, secrets: false, doc: "" };

impl Decoder<'_> {
    /// Reads the arguments. A missing argument is reported and replaced by `Faulty`.
    pub(super) fn arguments<'s>(
        &mut self,
        node: &Node<'s>,
        schema: &'static NodeSchema,
    ) -> Vec<Spanned<Value<'s>>> {
        let mut values = Vec::with_capacity(node.arguments.len());
        if let Some(finding) = self.several_words(node, schema) {
            self.diagnostics.push(finding);
            let faulty = || Spanned::new(Value::Faulty(Cow::Borrowed("")), node.name.span);
            values.resize_with(schema.arguments.len(), faulty);
            return values;
        }
        for (index, field) in schema.arguments.iter().enumerate() {
            let Some(entry) = node.arguments.get(index) else {
                if field.required {
                    self.missing(node, schema, field, &mut values);
                    let absent = || Spanned::new(Value::Faulty(Cow::Borrowed("")), node.name.span);
                    values.resize_with(schema.arguments.len(), absent);
                }
                break;
            };
            let what = if schema.arguments.len() == 1 && field.name != "name" {
                format!("`{}`", node.name)
            } else {
                format!("the {} of `{}`", field.name, node.name)
            };
            values.push(self.value(entry, field, schema.dynamic, &what));
        }
        let further = node.arguments.get(schema.arguments.len()..).unwrap_or_default();
        let Some(field) = &schema.rest else {
            // If a blank after a comma splits a list, or a value is at fault, that is reported at
            // its own place.
            let torn =
                node.properties.iter().any(|property| ends_with_comma(&property.entry.value.value));
            if let Some(entry) =
                further.first().filter(|_| !torn && !values.iter().any(Spanned::is_faulty))
            {
                let mut help = String::from("remove it");
                let wide = further.iter().find_map(|entry| match &entry.value.value {
                    Scalar::Text(text) => text.split_once('＝').map(|(name, _)| name.to_owned()),
                    _ => None,
                });
                if schema.name == "secret" {
                    help += ": the value of a secret never enters the lab";
                } else if let Some(name) = wide.filter(|name| is_plain_word(name)) {
                    help = format!("write `{name}=…`, with the `=` of the keyboard");
                } else if let Some(property) =
                    name_for(node, schema).filter(|property| property.required)
                {
                    help = format!("write `{}=…` in its place", property.name);
                } else if let Some(property) = name_for(node, schema) {
                    let _ = write!(help, ", or name it: `{}=…`", property.name);
                }
                let message = format!(
                    "`{}` takes {} here",
                    node.name,
                    count(schema.arguments.len(), "argument")
                );
                let last = further.last().map_or(entry.value.span.end, |last| last.value.span.end);
                let all = Span { end: last, ..entry.value.span };
                let written = self.text.get(all.start as usize..all.end as usize);
                let together = !written.is_some_and(|written| written.contains('='));
                let span = if together { all } else { entry.value.span };
                let finding =
                    Diagnostic::new(&codes::UNEXPECTED_ARGUMENT, span, message).help(help);
                self.unclear += 1;
                // It may be the secret itself, typed in by mistake.
                // What could stand before it is none.
                let last = schema.arguments.last().filter(|last| !matches!(last.ty, Type::Name));
                let may_be = |entry: &&Entry<'_>| {
                    last.is_none_or(|last| {
                        is_free(last.ty) || last.ty.read(&entry.value.value).is_none()
                    })
                };
                let is_own =
                    |entry: &&Entry<'_>| entry.value.value.as_text() == Some(&node.name.value);
                let typed = further.iter().filter(|entry| may_be(entry) && !is_own(entry));
                let typed = typed.filter_map(unclear);
                self.diagnostics.push(if schema.name == "secret" {
                    finding.conceal(span)
                } else {
                    typed.take(FEW).fold(finding, Diagnostic::conceal)
                });
            }
            return values;
        };
        let nothing = node.properties.is_empty() && node.children.is_empty();
        if further.is_empty()
            && field.required
            && node.arguments.len() == schema.arguments.len()
            && nothing
        {
            self.missing(node, schema, field, &mut values);
        }
        let what = format!("the {} of `{}`", field.name, node.name);
        let rest = further.iter().map(|entry| self.value(entry, field, schema.dynamic, &what));
        let rest: Vec<_> = rest.collect();
        values.extend(if is_free(field.ty) { rest } else { self.once(rest) });
        values
    }

    /// Reports words where the only argument of a node is text, which has quotes.
    pub(super) fn several_words(&self, node: &Node<'_>, schema: &NodeSchema) -> Option<Diagnostic> {
        let ([field], None) = (schema.arguments, &schema.rest) else { return None };
        let ([first, _, ..], Some(last)) = (&node.arguments[..], node.arguments.last()) else {
            return None;
        };
        let span = Span { end: last.value.span.end, ..first.value.span };
        let written = self.text.get(span.start as usize..span.end as usize)?;
        let bare = !written.contains(['"', '#', '`', '\\', '(', '=', '\n']);
        (field.ty == Type::Text && bare).then(|| {
            Diagnostic::new(
                &codes::UNEXPECTED_ARGUMENT,
                span,
                format!("the text of `{}` has no quotes", node.name),
            )
            .help(format!("write `\"{written}\"`"))
        })
    }

    fn missing(
        &mut self,
        node: &Node<'_>,
        schema: &NodeSchema,
        field: &Field,
        values: &mut [Spanned<Value<'_>>],
    ) {
        // `address "192.168.1.10"` contains an address, and the argument before it is missing.
        let last = match node.arguments.last().map(|entry| &entry.value.value) {
            Some(value @ Scalar::Text(text))
                if matches!(field.ty, Type::Address | Type::Lease)
                    && field.ty.read(value).is_some() =>
            {
                Some(text)
            }
            _ => None,
        };
        let (lacks, help) = match (last, schema.arguments.first()) {
            (Some(text), Some(first)) => {
                for value in values {
                    value.value = Value::Faulty(Cow::Borrowed(""));
                }
                (
                    first,
                    format!(
                        "write {} before it: `{} NAME \"{text}\"`",
                        first.ty.describe(),
                        node.name
                    ),
                )
            }
            _ => (field, format!("write {} after `{}`", field.ty.describe(), node.name)),
        };
        self.diagnostics.push(
            Diagnostic::new(
                &codes::MISSING_VALUE,
                node.span,
                format!("`{}` lacks its {}", node.name, lacks.name),
            )
            .help(help),
        );
    }

    pub(super) fn properties<'s>(
        &mut self,
        node: &Node<'s>,
        schema: &'static NodeSchema,
        rank: Rank,
    ) -> Vec<Property<'s>> {
        let mut properties: Vec<Property<'s>> = Vec::with_capacity(node.properties.len());
        let mut firsts: BTreeMap<&str, Span> = BTreeMap::new();
        for entry in &node.properties {
            let name = entry.name.value.as_ref();
            let first = *firsts.entry(name).or_insert(entry.name.span);
            if first != entry.name.span {
                self.diagnostics.push(
                    Diagnostic::new(
                        &codes::DUPLICATE_PROPERTY,
                        entry.name.span,
                        format!("`{name}` is written twice"),
                    )
                    .label(first, "first here")
                    .help("keep one; KDL would let the last one win"),
                );
                continue;
            }
            let field = schema.properties.iter().find(|field| field.name == name);
            let (name, field): (Cow<'s, str>, &Field) = match field {
                Some(field) => (Cow::Borrowed(field.name), field),
                // This `reason` belongs to `(force)`, and any node may have it.
                None if name == "reason" && rank.priority == Priority::Force => continue,
                None if schema.name == OPTION_VALUE.name
                    || (schema.options && schema.dynamic)
                    || schema.name == "raw" =>
                {
                    (entry.name.value.clone(), &ANY)
                }
                None => {
                    let names: Vec<_> = schema.properties.iter().map(|field| field.name).collect();
                    let help = match names.join(", ") {
                        list if list.is_empty() => format!("`{}` takes no properties", node.name),
                        list => format!("one of: {list}"),
                    };
                    let finding = Diagnostic::new(
                        &codes::UNKNOWN_PROPERTY,
                        entry.name.span,
                        format!("`{}` has no property `{name}`", node.name),
                    )
                    .help(help);
                    let secrets = schema.properties.iter().filter(|field| field.ty == Type::Secret);
                    // What is almost the name of a secret has almost a secret as its value.
                    let secret = nearest(name, secrets.map(|field| field.name)).is_some();
                    self.unclear += 1;
                    let always = schema.name == "secret" || secret;
                    let value = always.then_some(entry.entry.value.span);
                    let value = value.or_else(|| unclear(&entry.entry));
                    self.diagnostics.push(value.into_iter().fold(finding, Diagnostic::conceal));
                    continue;
                }
            };
            let what = format!("`{name}` of `{}`", node.name);
            let value = self.value(&entry.entry, field, schema.dynamic, &what);
            properties.push(Property { name, name_span: entry.name.span, value, rank });
        }
        properties.sort_by(|a, b| a.name.cmp(&b.name));
        properties
    }
}

/// Returns whether a secret, or its name, belongs to a node.
pub(super) fn may_hold_secret(schema: &NodeSchema) -> bool {
    let holds = |field: &Field| field.ty == Type::Secret || field.secrets;
    schema.name == "secret"
        || schema.arguments.iter().chain(&schema.rest).chain(schema.properties).any(holds)
}

/// Returns whether a value is made of numbers and is meant for a field that takes some, such as the
/// ports `"90-80"`.
fn is_number_for(entry: &Entry<'_>, field: &Field) -> bool {
    let takes = matches!(field.ty, Type::Port | Type::Ports | Type::Integer);
    let numbers = |text: &str| text.bytes().all(|b| b.is_ascii_digit() || b" ,-:.".contains(&b));
    takes && matches!(&entry.value.value, Scalar::Text(text) if numbers(text))
}

/// Lists what is written in a node and may be a secret, typed in by mistake: text of any kind, and
/// what does not fit its place. The words of the node itself are none.
pub(super) fn typed(
    node: &Node<'_>,
    schema: &NodeSchema,
    arguments: &[Spanned<Value<'_>>],
    properties: &[Property<'_>],
) -> Vec<Span> {
    let is_free = |field: &Field| is_free(field.ty);
    let is_own = |word: &str| {
        word == schema.name || schema.properties.iter().any(|field| field.name == word)
    };
    let is_own_value =
        |entry: &Entry<'_>| matches!(&entry.value.value, Scalar::Text(text) if is_own(text));
    let mut spans = Vec::new();
    let entries = node.arguments.iter().chain(node.properties.iter().map(|own| &own.entry));
    let marks = entries.filter_map(|entry| entry.annotation.as_ref());
    // Of a secret, also a name that is none of its own may be the value.
    let names_one = schema.arguments.first().is_some_and(|first| first.ty == Type::Secret);
    let of_secret = schema.name == "secret" && !names_one;
    let is_known = |mark: &str| ["secret", "ref", "f", "expr"].contains(&mark);
    spans.extend(
        marks
            .filter(|mark| !(is_plain_word(&mark.value) && !of_secret || is_known(&mark.value)))
            .map(|mark| mark.span),
    );
    if schema.children.is_empty() && !schema.options {
        spans.extend(node.children.iter().map(|child| {
            let name = child.name.span;
            let start = if is_own(&child.name.value) { name.end } else { name.start };
            Span { start, end: end_of(child), ..name }
        }));
    }
    for (index, entry) in node.arguments.iter().enumerate() {
        let field = schema.arguments.get(index).or(schema.rest.as_ref());
        let read = arguments.get(index).is_some_and(|value| !value.is_faulty());
        if (!read || field.is_none_or(is_free)) && !is_own_value(entry) {
            spans.push(entry.value.span);
        }
    }
    for entry in &node.properties {
        let known = properties.iter().find(|known| known.name_span == entry.name.span);
        let field = schema.properties.iter().find(|field| field.name == entry.name.value);
        let is_wrong = known.is_none_or(|known| known.value.is_faulty());
        if field.is_some_and(|field| is_number_for(&entry.entry, field)) {
            continue;
        }
        if (is_wrong || field.is_none_or(is_free)) && !is_own_value(&entry.entry) {
            spans.push(entry.entry.value.span);
        }
        if field.is_none() && (of_secret || !is_plain_word(&entry.name.value)) {
            spans.push(entry.name.span);
        }
    }
    spans
}

/// Returns the place of a value that belongs to nothing, if it may be a secret.
fn unclear(entry: &Entry<'_>) -> Option<Span> {
    let is_path = |text: &str| {
        entry.annotation.as_ref().is_some_and(|mark| mark.value == "ref") && text.contains('.')
    };
    match &entry.value.value {
        Scalar::Text(text) if is_path(text) => None,
        Scalar::Text(text) => is_unclear(text).then_some(entry.value.span),
        Scalar::Integer(_) => Some(entry.value.span),
        _ => None,
    }
}

/// Lists the values of a node that nobody knows, which may be secrets. Where there are many, all
/// that follows the name is one place.
pub(super) fn of_nobody(node: &Node<'_>) -> Vec<Span> {
    let entries = || node.arguments.iter().chain(node.properties.iter().map(|own| &own.entry));
    if !node.children.is_empty() || entries().count() > FEW {
        return vec![Span { start: node.name.span.end, end: end_of(node), ..node.name.span }];
    }
    entries().filter_map(unclear).collect()
}

/// Returns whether any text is a value of a type.
pub(super) const fn is_free(ty: Type) -> bool {
    matches!(ty, Type::Text | Type::Any | Type::Given)
}

/// Returns the property that an argument is likely to be: one that is missing.
fn name_for(node: &Node<'_>, schema: &'static NodeSchema) -> Option<&'static Field> {
    let absent = |field: &&Field| !node.properties.iter().any(|own| own.name.value == field.name);
    let mut fields = schema.properties.iter().filter(absent);
    fields.clone().find(|field| field.required).or_else(|| fields.next())
}

pub(super) fn count(number: usize, noun: &str) -> String {
    match number {
        0 => format!("no {noun}"),
        1 => format!("one {noun}"),
        number => format!("{number} {noun}s"),
    }
}
