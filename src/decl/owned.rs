//! Nodes that outlive the text that they were read from.

use std::borrow::Cow;

use super::{Block, Property, Value};
use crate::source::Spanned;

impl Block<'_> {
    /// Copies the node with all its text.
    pub fn to_static(&self) -> Block<'static> {
        let properties = self.properties.iter().map(|property| Property {
            name: owned(&property.name),
            name_span: property.name_span,
            value: spanned(&property.value),
            rank: property.rank,
        });
        let children: Vec<Block<'static>> = self.children.iter().map(Self::to_static).collect();
        Block {
            schema: self.schema,
            name: owned(&self.name),
            arguments: self.arguments.iter().map(spanned).collect(),
            properties: properties.collect(),
            children: children.into(),
            rank: self.rank,
            span: self.span,
            unclear: self.unclear,
        }
    }
}

fn spanned(value: &Spanned<Value<'_>>) -> Spanned<Value<'static>> {
    Spanned::new(value.value.to_static(), value.span)
}

fn owned(text: &str) -> Cow<'static, str> {
    Cow::Owned(text.to_owned())
}

impl Value<'_> {
    fn to_static(&self) -> Value<'static> {
        match self {
            Self::Text(text) => Value::Text(owned(text)),
            Self::Secret(name) => Value::Secret(owned(name)),
            Self::Bool(value) => Value::Bool(*value),
            Self::Integer(number) => Value::Integer(*number),
            Self::Float(number) => Value::Float(*number),
            Self::Size(size) => Value::Size(*size),
            Self::Duration(duration) => Value::Duration(*duration),
            Self::Cron(cron) => Value::Cron(cron.clone()),
            Self::Address(address) => Value::Address(*address),
            Self::Cidr(cidr) => Value::Cidr(*cidr),
            Self::List(items) => Value::List(items.iter().map(spanned).collect()),
            Self::Reference(path) => Value::Reference(owned(path)),
            Self::Format(text) => Value::Format(owned(text)),
            Self::Expression(text) => Value::Expression(owned(text)),
            Self::Null => Value::Null,
            Self::Faulty(text) => Value::Faulty(owned(text)),
        }
    }
}
