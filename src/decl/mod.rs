//! Turns KDL nodes into declarations. Every value has the type that the schema gives it, but names
//! are still text.
//!
//! `schema/` is the only table of the language: decoding, suggestions, `labwright modules` and the
//! reference in `docs/` all read it. `layer` merges the declarations of each entity from several
//! places. Nothing here knows what the entities mean.

mod addresses;
pub mod advice;
mod children;
pub mod codes;
pub mod decode;
pub mod docker_words;
pub mod grammar;
pub mod layer;
mod merge;
pub mod moved;
mod owned;
pub mod pattern;
mod profiles;
pub mod proxmox_words;
pub mod schema;
pub mod ssh_key;
pub mod sysctl;
pub mod twice;
pub mod types;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::net::IpAddr;

use ipnet::IpNet;

use crate::model::{Cron, Data, Duration, Size};
use crate::source::{Layer, Span, Spanned};
pub use children::Children;
pub use merge::strongest;
use schema::{NodeSchema, Occurs};

/// A value of the type that the schema gives it.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'s> {
    /// Text, a name, a path, a reference: anything that is kept as written.
    Text(Cow<'s, str>),
    /// The name of a secret. It is never text, so that no file can hold it as if it were the value.
    Secret(Cow<'s, str>),
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A number with a fraction.
    Float(f64),
    /// A number of bytes.
    Size(Size),
    /// A length of time.
    Duration(Duration),
    /// A schedule.
    Cron(Cron),
    /// An address.
    Address(IpAddr),
    /// A prefix.
    Cidr(IpNet),
    /// Several values of one type.
    List(Vec<Spanned<Value<'s>>>),
    /// `(ref)opt.image`: a reference to a value, inside a module.
    Reference(Cow<'s, str>),
    /// `(f)"{machine.appdata}/x"`: text that contains references.
    Format(Cow<'s, str>),
    /// `(expr)"opt.x == 1"`: an expression.
    Expression(Cow<'s, str>),
    /// Nothing, written as `#null`.
    Null,
    /// A value of a wrong type, which is already reported. It is kept as written, so that an entity
    /// with an invalid name can still be found by it.
    Faulty(Cow<'s, str>),
}

impl Value<'_> {
    /// Returns whether the value is known only after a module is evaluated for a service.
    pub const fn is_dynamic(&self) -> bool {
        matches!(self, Self::Reference(_) | Self::Format(_) | Self::Expression(_))
    }

    /// Returns the value in the form for options and expressions.
    pub fn to_data(&self) -> Data {
        match self {
            Self::Text(text)
            | Self::Reference(text)
            | Self::Format(text)
            | Self::Expression(text) => Data::Text(text.clone().into_owned()),
            Self::Secret(name) => Data::Secret(name.clone().into_owned()),
            Self::Bool(value) => Data::Bool(*value),
            Self::Integer(number) => Data::Integer(*number),
            // `Data` has only whole numbers.
            Self::Float(number) => Data::Text(number.to_string()),
            Self::Size(size) => Data::Text(size.to_string()),
            Self::Duration(duration) => Data::Text(duration.to_string()),
            Self::Cron(cron) => Data::Text(cron.as_str().to_owned()),
            Self::Address(address) => Data::Text(address.to_string()),
            Self::Cidr(cidr) => Data::Text(cidr.to_string()),
            Self::List(items) => {
                Data::List(items.iter().map(|item| item.value.to_data()).collect())
            }
            Self::Null | Self::Faulty(_) => Data::None,
        }
    }
}

/// The priority of a value, from the weakest to the strongest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Priority {
    /// `(default)`: anything else wins.
    Default,
    /// The priority without an annotation.
    #[default]
    Normal,
    /// `(force)`: wins, and needs a reason.
    Force,
}

/// The order of values for one field: the highest one wins, and equal ones must agree. The derived
/// order compares the fields from top to bottom, so their place here matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank {
    /// The priority that is written.
    pub priority: Priority,
    /// Whether it is an entity's own value rather than a profile's.
    pub own: bool,
    /// The origin of the value.
    pub layer: Layer,
}

/// A property of a block, with its rank.
#[derive(Debug, Clone, PartialEq)]
pub struct Property<'s> {
    /// The name. If the schema knows it, this is the schema's own text.
    pub name: Cow<'s, str>,
    /// The place of the name.
    pub name_span: Span,
    /// The value.
    pub value: Spanned<Value<'s>>,
    /// Its rank.
    pub rank: Rank,
}

/// A decoded node.
#[derive(Debug, Clone)]
pub struct Block<'s> {
    /// Its schema.
    pub schema: &'static NodeSchema,
    /// The node's name as written. For an option of a module, it is the option's name.
    pub name: Cow<'s, str>,
    /// The arguments.
    pub arguments: Vec<Spanned<Value<'s>>>,
    /// The properties, sorted by name.
    pub properties: Vec<Property<'s>>,
    /// The children, in the order written.
    pub children: Children<'s>,
    /// The rank of its arguments.
    pub rank: Rank,
    /// Its place.
    pub span: Span,
    /// How many of its parts nobody understood. Each may be what it seems to lack.
    pub unclear: usize,
}

impl PartialEq for Block<'_> {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.schema, other.schema)
            && self.span == other.span
            && self.rank == other.rank
            && self.name == other.name
            && self.arguments == other.arguments
            && self.properties == other.properties
            && self.children == other.children
    }
}

impl<'s> Block<'s> {
    /// Returns an argument.
    pub fn argument(&self, index: usize) -> Option<&Spanned<Value<'s>>> {
        self.arguments.get(index)
    }

    /// Returns argument 0 as text: the name that distinguishes keyed nodes, even where a module
    /// computes it.
    pub fn key(&self) -> &str {
        match self.arguments.first().map(|argument| &argument.value) {
            Some(
                Value::Text(text)
                | Value::Secret(text)
                | Value::Reference(text)
                | Value::Format(text)
                | Value::Expression(text)
                | Value::Faulty(text),
            ) => text,
            _ => "",
        }
    }

    /// Returns whether a value of the node itself is already reported as wrong.
    pub fn has_faulty_value(&self) -> bool {
        let properties = self.properties.iter().map(|property| &property.value);
        self.arguments.iter().chain(properties).any(Spanned::is_faulty)
    }

    /// Returns the place of argument 0, or else of the node.
    pub fn key_span(&self) -> Span {
        self.arguments.first().map_or(self.span, |argument| argument.span)
    }

    /// Returns a property.
    pub fn property(&self, name: &str) -> Option<&Spanned<Value<'s>>> {
        self.properties
            .iter()
            .find(|property| property.name == name)
            .map(|property| &property.value)
    }

    /// Returns the first child with a name.
    pub fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.schema.name == name)
    }

    /// Lists the children with a name.
    pub fn all<'b>(&'b self, name: &'b str) -> impl Iterator<Item = &'b Self> + use<'b, 's> {
        self.children.iter().filter(move |child| child.schema.name == name)
    }

    /// Returns argument 0 of the child with a name.
    pub fn value(&self, name: &str) -> Option<&Spanned<Value<'s>>> {
        self.child(name).and_then(|child| child.arguments.first())
    }
}

/// The nodes of one parent that only one node may repeat, by what they declare: the index of each.
#[derive(Debug, Default)]
pub struct Twins(BTreeMap<(*const NodeSchema, String), usize>);

impl Twins {
    /// Returns the index of the node that declares the same thing as `block`, or notes that
    /// `block` is the first, with its index.
    pub fn find(&mut self, block: &Block<'_>, occurs: Occurs, index: usize) -> Option<usize> {
        let key = match occurs {
            Occurs::Once => "",
            // A missing name is already reported, and nodes without a name are distinct.
            Occurs::Keyed if !block.key().is_empty() => block.key(),
            Occurs::Keyed | Occurs::Many => return None,
        };
        // Addresses differ from run to run. That is harmless here, because nothing iterates over
        // this map.
        match self.0.entry((std::ptr::from_ref(block.schema), key.to_owned())) {
            Entry::Occupied(first) => Some(*first.get()),
            Entry::Vacant(place) => {
                place.insert(index);
                None
            }
        }
    }
}

impl<'s> Spanned<Value<'s>> {
    /// Returns whether the value is already reported as wrong.
    pub const fn is_faulty(&self) -> bool {
        matches!(self.value, Value::Faulty(_))
    }

    /// Returns the value if it is text.
    pub fn text(&self) -> Option<&str> {
        if let Value::Text(text) = &self.value { Some(text) } else { None }
    }

    /// Returns the name of a secret.
    pub fn secret(&self) -> Option<&str> {
        if let Value::Secret(name) = &self.value { Some(name) } else { None }
    }

    /// Returns the value as owned text, if it is text.
    pub fn string(&self) -> Option<String> {
        self.text().map(str::to_owned)
    }

    /// Returns the value if it is a whole number that fits.
    pub fn number<N: TryFrom<i64>>(&self) -> Option<N> {
        if let Value::Integer(number) = self.value { N::try_from(number).ok() } else { None }
    }

    /// Returns the value if it is a truth value.
    pub fn bool(&self) -> Option<bool> {
        if let Value::Bool(value) = self.value { Some(value) } else { None }
    }

    /// Returns the value if it is a size.
    pub fn size(&self) -> Option<Size> {
        if let Value::Size(size) = self.value { Some(size) } else { None }
    }

    /// Returns the value if it is a length of time.
    pub fn duration(&self) -> Option<Duration> {
        if let Value::Duration(duration) = self.value { Some(duration) } else { None }
    }

    /// Returns the value if it is an address.
    pub fn address(&self) -> Option<IpAddr> {
        if let Value::Address(address) = self.value { Some(address) } else { None }
    }

    /// Returns the value if it is a prefix.
    pub fn cidr(&self) -> Option<IpNet> {
        if let Value::Cidr(cidr) = self.value { Some(cidr) } else { None }
    }

    /// Lists the values of a list. Any other value is a list of one.
    pub fn items(&self) -> &[Spanned<Value<'s>>] {
        if let Value::List(items) = &self.value { items } else { std::slice::from_ref(self) }
    }
}
