//! Defines the language in one table: the nodes, their content, and their meaning.

mod container;
mod facts;
mod guest;
mod lab;
mod machine;
mod module;
mod process;
mod route;
mod running;
mod service;
mod shared;
mod system;

use super::types::Type;

pub use container::CONTAINER;
pub use facts::CATEGORIES;
pub use lab::TOP;
pub use machine::MACHINE_FIELDS;
pub use module::MODULE;
pub use process::ULIMITS;
pub use service::OPTION_VALUE;

/// The schema of a node.
#[derive(Debug)]
pub struct NodeSchema {
    /// Its name.
    pub name: &'static str,
    /// Its meaning, in one or two sentences.
    pub doc: &'static str,
    /// Its arguments, in order.
    pub arguments: &'static [Field],
    /// The schema of any further argument.
    pub rest: Option<Field>,
    /// Its properties.
    pub properties: &'static [Field],
    /// Its children, in groups that several nodes share.
    pub children: &'static [&'static [Child]],
    /// Whether any other child sets an option of a module.
    pub options: bool,
    /// Whether its values may be `(ref)`, `(f)` and `(expr)`.
    pub dynamic: bool,
    /// An example in one line.
    pub example: &'static str,
}

impl NodeSchema {
    const fn new(name: &'static str, doc: &'static str, example: &'static str) -> Self {
        Self {
            name,
            doc,
            arguments: &[],
            rest: None,
            properties: &[],
            children: &[],
            options: false,
            dynamic: false,
            example,
        }
    }

    const fn arguments(mut self, arguments: &'static [Field]) -> Self {
        self.arguments = arguments;
        self
    }

    const fn rest(mut self, rest: Field) -> Self {
        self.rest = Some(rest);
        self
    }

    const fn properties(mut self, properties: &'static [Field]) -> Self {
        self.properties = properties;
        self
    }

    const fn children(mut self, children: &'static [&'static [Child]]) -> Self {
        self.children = children;
        self
    }

    const fn dynamic(mut self) -> Self {
        self.dynamic = true;
        self
    }

    /// Lists its children.
    pub fn child_nodes(&self) -> impl Iterator<Item = &'static Child> + use<> {
        self.children.iter().flat_map(|group| group.iter())
    }

    /// Returns whether its first argument is a name that it gets.
    pub fn takes_a_name(&self) -> bool {
        self.arguments.first().is_some_and(|field| field.name == "name")
    }

    /// Finds a child by name.
    pub fn child(&self, name: &str) -> Option<&'static Child> {
        self.child_nodes().find(|child| child.node.name == name)
    }
}

/// The schema of an argument or property.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// Its name. That of an argument is only for messages and the reference.
    pub name: &'static str,
    /// Its type.
    pub ty: Type,
    /// Whether it consists of several values with commas between them.
    pub list: bool,
    /// Whether it is required.
    pub required: bool,
    /// Whether it is text that may have secrets in it.
    pub secrets: bool,
    /// Its meaning, including the default.
    pub doc: &'static str,
}

impl Field {
    const fn list(mut self) -> Self {
        self.list = true;
        self
    }

    const fn secrets(mut self) -> Self {
        self.secrets = true;
        self
    }
}

const fn required(name: &'static str, ty: Type, doc: &'static str) -> Field {
    Field { name, ty, list: false, required: true, secrets: false, doc }
}

const fn optional(name: &'static str, ty: Type, doc: &'static str) -> Field {
    Field { name, ty, list: false, required: false, secrets: false, doc }
}

/// How often a child may occur in its parent, and which ones declare the same thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occurs {
    /// At most once. A stronger one replaces a weaker one.
    Once,
    /// Any number of times. Argument 0 distinguishes them.
    Keyed,
    /// Any number of times.
    Many,
}

/// A node that is allowed in a parent.
#[derive(Debug)]
pub struct Child {
    /// The node.
    pub node: &'static NodeSchema,
    /// How often it may occur.
    pub occurs: Occurs,
}

const fn once(node: &'static NodeSchema) -> Child {
    Child { node, occurs: Occurs::Once }
}

const fn keyed(node: &'static NodeSchema) -> Child {
    Child { node, occurs: Occurs::Keyed }
}

const fn many(node: &'static NodeSchema) -> Child {
    Child { node, occurs: Occurs::Many }
}

const NAME: Field = required("name", Type::Name, "Its name, unique among its kind.");
