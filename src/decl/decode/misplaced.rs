//! Reads what is in a wrong place of a node as what it is meant to be, so that one mistake is one
//! finding: nothing is missing that is there under another name.

use std::borrow::Cow;

use super::fields::{count, is_free, may_hold_secret};
use super::foreign::meant;
use super::values::ends_with_comma;
use super::{Decoder, Priority};
use crate::decl::codes;
use crate::decl::schema::{Field, NodeSchema};
use crate::decl::types::Type;
use crate::diag::hidden::is_plain_word;
use crate::diag::{Diagnostic, nearest};
use crate::source::{Span, Spanned};
use crate::syntax::{Entry, Node, PropertyEntry, Scalar, Text};

/// The most properties of a node that are looked at: a person writes no more.
const MOST: usize = 100;

impl Decoder<'_> {
    /// Puts what a node has under a wrong name, or in a wrong place, where it belongs, and reports
    /// it. What is not clear stays as it is.
    pub(super) fn as_meant(
        &mut self,
        node: &mut Node<'_>,
        schema: &'static NodeSchema,
        body: &'static NodeSchema,
        priority: Priority,
    ) {
        let is_known = |property: &PropertyEntry<'_>| {
            body.properties.iter().any(|field| field.name == property.name.value)
        };
        let known = node.properties.iter().all(is_known);
        let further = node.arguments.len() > schema.arguments.len() && schema.rest.is_none();
        let joined = node.arguments.last().is_some_and(has_colon);
        self.swapped(node, schema);
        let is_right = known && !further && !joined;
        if self.in_secret || schema.name == "secret" || is_right || node.properties.len() > MOST {
            return;
        }
        // `extend` takes the properties of its target, and none of them is required.
        let whole = std::ptr::eq(schema, body);
        for index in 0..node.properties.len() {
            let Some(property) = node.properties.get(index) else { break };
            let of_force = property.name.value == "reason" && priority == Priority::Force;
            if is_known(property) || of_force {
                continue;
            }
            if let Some(field) = field_meant(node, property, body, whole) {
                self.rename(node, index, field);
            }
        }
        if whole {
            self.properties_before_names(node, schema, is_known);
            self.arguments_without_names(node, schema);
        }
    }

    /// Reads two arguments in the wrong order: `address "192.168.1.10" lan`.
    fn swapped(&mut self, node: &mut Node<'_>, schema: &'static NodeSchema) {
        let ([first, second], [one, other]) = (schema.arguments, &node.arguments[..]) else {
            return;
        };
        let is_right = reads(other, second, schema.dynamic) || !is_strict(second.ty);
        let fits = may_be(other, first, schema) && may_be(one, second, schema);
        if is_right || !fits {
            return;
        }
        let all = Span { end: other.value.span.end, ..place(one) };
        let written = format!("{} {} {}", node.name, self.written(other), self.written(one));
        let message =
            format!("the {} of `{}` stands before its {}", second.name, node.name, first.name);
        self.diagnostics.push(
            Diagnostic::new(&codes::WRONG_TYPE, all, message).help(format!("write `{written}`")),
        );
        node.arguments.swap(0, 1);
    }

    fn rename(&mut self, node: &mut Node<'_>, index: usize, field: &'static Field) {
        let name_of_node = node.name.value.clone();
        let Some(property) = node.properties.get_mut(index) else { return };
        let message = format!("`{name_of_node}` has no property `{}`", property.name.value);
        let finding = Diagnostic::new(&codes::UNKNOWN_PROPERTY, property.name.span, message)
            .help(format!("did you mean `{}`?", field.name));
        let of_secret = field.ty == Type::Secret;
        let value = property.entry.value.span;
        let finding = if of_secret { finding.conceal(value) } else { finding };
        self.diagnostics.push(finding);
        property.name.value = Cow::Borrowed(field.name);
    }

    /// Reads properties that are arguments: `vm name=media`, `address lan="192.168.1.10"`,
    /// `expose web=lan`.
    fn properties_before_names<'s>(
        &mut self,
        node: &mut Node<'s>,
        schema: &'static NodeSchema,
        is_known: impl Fn(&PropertyEntry<'s>) -> bool,
    ) {
        let Some(index) = node.properties.iter().position(|property| !is_known(property)) else {
            return;
        };
        let Some(property) = node.properties.get(index) else { return };
        let next = node.arguments.len();
        let named = || entry_of(&property.name);
        let at = |index: usize| schema.arguments.get(index);
        let own = schema.arguments.iter().take(next + 1);
        let own = own.enumerate().find(|(_, field)| field.name == property.name.value);
        let name_fits = || at(next).is_some_and(|field| may_be(&named(), field, schema));
        let mut arguments = vec![];
        let mut value_of = None;
        let mut slot = next;
        if let Some((index, field)) = own.filter(|_| next < schema.arguments.len()) {
            if !may_be(&property.entry, field, schema) {
                return;
            }
            slot = index;
            arguments.push(property.entry.clone());
        } else if let Some(second) = at(next + 1).filter(|_| name_fits()) {
            if !may_be(&property.entry, second, schema) {
                return;
            }
            arguments.extend([named(), property.entry.clone()]);
        } else if at(next).is_some_and(|field| field.required) && name_fits() {
            let Some(field) = lacks(node, schema) else { return };
            if !may_be(&property.entry, field, schema) {
                return;
            }
            arguments.push(named());
            value_of = Some(field);
        } else {
            return;
        }
        let all = Span { end: property.entry.value.span.end, ..property.name.span };
        let mut words: Vec<String> = arguments.iter().map(|entry| self.written(entry)).collect();
        if let Some(field) = value_of {
            words.push(format!("{}={}", field.name, self.written(&property.entry)));
        }
        let what = at(slot).map_or("name", |field| field.name);
        let message = format!("`{}` has no property `{}`", node.name, property.name.value);
        self.diagnostics.push(
            Diagnostic::new(&codes::UNKNOWN_PROPERTY, all, message)
                .help(format!("write `{}`: the {what} has no `=`", words.join(" "))),
        );
        match (value_of, node.properties.get_mut(index)) {
            (Some(field), Some(property)) => property.name.value = Cow::Borrowed(field.name),
            _ => drop(node.properties.remove(index)),
        }
        node.arguments.splice(slot..slot, arguments);
    }

    /// Reads arguments that are properties: `expose web lan`, `vm media id: 101`.
    fn arguments_without_names(&mut self, node: &mut Node<'_>, schema: &'static NodeSchema) {
        let taken = schema.arguments.len();
        let mut own = node.arguments.iter().zip(schema.arguments);
        let torn =
            node.properties.iter().any(|property| ends_with_comma(&property.entry.value.value));
        if schema.rest.is_some() || torn || node.arguments.len() < taken {
            return;
        }
        if node.arguments.len() == taken {
            self.joined_by_colon(node, schema);
            return;
        }
        if self.several_words(node, schema).is_some()
            || !own.all(|(entry, field)| reads(entry, field, schema.dynamic))
        {
            return;
        }
        let further = node.arguments.get(taken..).unwrap_or_default();
        let (Some(first), Some(last)) = (further.first(), further.last()) else { return };
        let all = Span { end: last.value.span.end, ..place(first) };
        let Some(properties) = named(node, further, schema) else { return };
        let written = self.text.get(all.start as usize..all.end as usize);
        if written.is_none_or(|written| written.contains('=')) {
            return;
        }
        let words: Vec<String> = properties
            .iter()
            .map(|property| format!("{}={}", property.name.value, self.written(&property.entry)))
            .collect();
        let message = format!("`{}` takes {} here", node.name, count(taken, "argument"));
        self.diagnostics.push(
            Diagnostic::new(&codes::UNEXPECTED_ARGUMENT, all, message)
                .help(format!("write `{}`", words.join(" "))),
        );
        node.arguments.truncate(taken);
        node.properties.extend(properties);
    }

    /// Reads `expose web:lan`.
    fn joined_by_colon(&mut self, node: &mut Node<'_>, schema: &'static NodeSchema) {
        let Some(property) = lacks(node, schema) else { return };
        let (Some(entry), Some(field)) = (node.arguments.last_mut(), schema.arguments.last())
        else {
            return;
        };
        let text = entry.value.value.as_text().filter(|_| has_colon(entry));
        let Some((first, second)) = text.and_then(|text| text.split_once(':')) else { return };
        let part = |text: &str| Entry {
            annotation: None,
            value: Spanned::new(Scalar::Text(text.to_owned().into()), entry.value.span),
        };
        let (first, second) = (part(first), part(second));
        let fits = may_be(&first, field, schema) && may_be(&second, property, schema);
        if reads(entry, field, schema.dynamic) || !fits {
            return;
        }
        let text = |entry: &Entry<'_>| entry.value.value.as_text().unwrap_or_default().to_owned();
        let message = format!("`{}` can't be `{}`", node.name.value, text(entry));
        let help = format!("write `{} {}={}`", text(&first), property.name, text(&second));
        self.diagnostics
            .push(Diagnostic::new(&codes::WRONG_TYPE, entry.value.span, message).help(help));
        *entry = first;
        let name = Spanned::new(Cow::Borrowed(property.name), second.value.span);
        node.properties.push(PropertyEntry { name, entry: second });
    }

    /// Returns a value as it is written, with its annotation.
    fn written(&self, entry: &Entry<'_>) -> String {
        let start = place(entry).start as usize;
        self.text.get(start..entry.value.span.end as usize).unwrap_or_default().to_owned()
    }
}

/// Finds the field that a property of an unknown name is meant to be.
fn field_meant(
    node: &Node<'_>,
    property: &PropertyEntry<'_>,
    body: &'static NodeSchema,
    whole: bool,
) -> Option<&'static Field> {
    // A name that is no word may be the secret itself.
    if may_hold_secret(body) && !is_plain_word(&property.name.value) {
        return None;
    }
    let absent = || absent(node, body);
    let name = meant(&property.name.value, absent().map(|field| field.name));
    // What is named as an argument may be one.
    let argument = body.arguments.get(node.arguments.len());
    let is_argument = argument.is_some_and(|field| field.name == property.name.value);
    let lacks_argument = argument.is_some_and(|field| field.required);
    if let Some(field) = absent().find(|field| Some(field.name) == name) {
        let near = nearest(&property.name.value.to_lowercase(), [field.name]).is_some();
        let fits = reads(&property.entry, field, body.dynamic);
        return (!is_argument && (fits || near && !lacks_argument)).then_some(field);
    }
    // Nobody knows whether a zone is to be let in or kept out.
    let fits =
        |field: &&Field| field.ty != Type::Entity("zone") && may_be(&property.entry, field, body);
    let lacking = || absent().filter(|field| field.required).filter(fits);
    let only = |mut fields: Vec<&'static Field>| (fields.len() == 1).then(|| fields.pop())?;
    let found = only(lacking().filter(|field| is_strict(field.ty)).collect())
        .or_else(|| only(lacking().collect()));
    found.filter(|_| whole && !lacks_argument)
}

/// Gives each of the arguments that are too many the name of the property that it must be.
fn named<'s>(
    node: &Node<'s>,
    further: &[Entry<'s>],
    schema: &'static NodeSchema,
) -> Option<Vec<PropertyEntry<'s>>> {
    let mut free: Vec<&'static Field> = absent(node, schema).collect();
    let first = lacks(node, schema).filter(|field| !field.required);
    let mut properties = Vec::new();
    let mut entries = further.iter();
    while let Some(entry) = entries.next() {
        let stem = entry.value.value.as_text().unwrap_or_default().trim_end_matches([':', '=']);
        let wanted =
            |field: &&Field| field.required || first.is_some_and(|first| first.name == field.name);
        let fits = |field: &&Field| may_be(entry, field, schema);
        let fitting = || free.iter().position(|field| wanted(field) && fits(field));
        let named = free.iter().position(|field| field.name == stem);
        let entry = if named.is_some() { entries.next()? } else { entry };
        let at = named.or_else(fitting)?;
        let field = free.remove(at);
        if !may_be(entry, field, schema) {
            return None;
        }
        let name = Spanned::new(Cow::Borrowed(field.name), place(entry));
        properties.push(PropertyEntry { name, entry: entry.clone() });
    }
    Some(properties)
}

/// Returns whether a value is of a field, and is nothing that a finding must not show.
fn may_be(entry: &Entry<'_>, field: &Field, schema: &NodeSchema) -> bool {
    let hidden = may_hold_secret(schema) && !is_strict(field.ty);
    let plain = |text: &str| {
        text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.,".contains(&byte))
    };
    let is_plain = match (&entry.value.value, field.ty) {
        (Scalar::Text(text), Type::Entity(_)) => plain(text),
        // The `=` of another keyboard is reported as such.
        (Scalar::Text(text), _) => !text.contains('＝'),
        _ => true,
    };
    field.ty != Type::Secret
        && !field.secrets
        && !hidden
        && is_plain
        && reads(entry, field, schema.dynamic)
}

/// Lists the properties that a node does not have.
fn absent(
    node: &Node<'_>,
    schema: &'static NodeSchema,
) -> impl Iterator<Item = &'static Field> + Clone + use<> {
    let names: Vec<&str> =
        node.properties.iter().map(|property| property.name.value.as_ref()).collect();
    let has: Vec<bool> =
        schema.properties.iter().map(|field| names.contains(&field.name)).collect();
    schema.properties.iter().zip(has).filter(|(_, has)| !has).map(|(field, _)| field)
}

/// Returns the only property that a node must have and does not. If it has all, this is the first
/// that it may have, which is what a person thinks of.
fn lacks(node: &Node<'_>, schema: &'static NodeSchema) -> Option<&'static Field> {
    let mut lacking = absent(node, schema).filter(|field| field.required);
    match (lacking.next(), lacking.next()) {
        (Some(field), None) => Some(field),
        (None, _) => {
            let first = schema.properties.first().filter(|first| is_strict(first.ty))?;
            absent(node, schema).find(|field| field.name == first.name)
        }
        _ => None,
    }
}

fn has_colon(entry: &Entry<'_>) -> bool {
    let text = entry.value.value.as_text();
    entry.annotation.is_none() && text.is_some_and(|text| text.contains(':'))
}

/// Returns the place of a value, from the bracket of its annotation on.
fn place(entry: &Entry<'_>) -> Span {
    let span = entry.value.span;
    entry
        .annotation
        .as_ref()
        .map_or(span, |mark| Span { start: mark.span.start.saturating_sub(1), ..span })
}

/// Returns the name of a property as an argument.
fn entry_of<'s>(name: &Spanned<Text<'s>>) -> Entry<'s> {
    let value = Spanned::new(Scalar::Text(name.value.clone()), name.span);
    Entry { annotation: None, value }
}

/// Returns whether few texts are values of a type, so that one that is was meant so.
fn is_strict(ty: Type) -> bool {
    let named = matches!(ty, Type::Entity(_) | Type::Name | Type::Endpoint | Type::Word);
    let any = matches!(ty, Type::Line | Type::Setting | Type::Key | Type::Secret | Type::Version);
    !is_free(ty) && !named && !any
}

/// Returns whether a value has a field's type.
fn reads(entry: &Entry<'_>, field: &Field, dynamic: bool) -> bool {
    if let Some(mark) = &entry.annotation {
        let computed = dynamic && ["ref", "f", "expr"].contains(&mark.value.as_ref());
        if computed || field.ty.annotation() != Some(mark.value.as_ref()) {
            return computed;
        }
    }
    match &entry.value.value {
        Scalar::Text(text) if field.list => {
            text.split(',').all(|part| field.ty.read_text(Cow::Borrowed(part.trim())).is_some())
        }
        Scalar::Text(text) if field.ty == Type::Text => !text.trim().is_empty(),
        value => field.ty.read(value).is_some(),
    }
}
