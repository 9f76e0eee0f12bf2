//! Checks nodes against the schema and reads their values.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::codes;
use super::schema::{Child, Field, NodeSchema, OPTION_VALUE, Occurs, TOP};
use super::types::Type;
use super::{Block, Priority, Property, Rank, Value};
use crate::diag::{Diagnostic, Diagnostics, suggest};
use crate::source::{Layer, Spanned};
use crate::syntax::{Entry, Node, Scalar};

/// Decodes nodes that may be any of `children`.
pub fn nodes<'s>(
    nodes: Vec<Node<'s>>,
    parent: &str,
    children: &[&'static [Child]],
    layer: Layer,
    diagnostics: &mut Diagnostics,
) -> Vec<Block<'s>> {
    let mut decoder = Decoder { layer, diagnostics };
    decoder.children(nodes, parent, children, false, Priority::Normal)
}

struct Decoder<'d> {
    layer: Layer,
    diagnostics: &'d mut Diagnostics,
}

impl Decoder<'_> {
    fn children<'s>(
        &mut self,
        nodes: Vec<Node<'s>>,
        parent: &str,
        children: &[&'static [Child]],
        options: bool,
        priority: Priority,
    ) -> Vec<Block<'s>> {
        let mut blocks: Vec<Block<'s>> = Vec::with_capacity(nodes.len());
        for node in nodes {
            let known = children.iter().flat_map(|group| group.iter()).find(|child| child.node.name == node.name.value);
            let Some(child) = known else {
                if options {
                    blocks.extend(self.node(node, &OPTION_VALUE, priority));
                } else {
                    self.unknown_node(&node, parent, children);
                }
                continue;
            };
            let Some(block) = self.node(node, child.node, priority) else { continue };
            let twin = blocks.iter().find(|other| other.is_twin(&block, child.occurs));
            if let Some(twin) = twin.filter(|_| parent != "file" || child.occurs == Occurs::Once) {
                let what =
                    if child.occurs == Occurs::Once { format!("`{}`", block.name) } else { format!("`{} {}`", block.name, block.key()) };
                self.diagnostics.push(
                    Diagnostic::new(&codes::DUPLICATE_NODE, block.key_span(), format!("{what} stands twice in {parent}"))
                        .caption("again here")
                        .label(twin.key_span(), "first here")
                        .help("keep one of the two"),
                );
                continue;
            }
            blocks.push(block);
        }
        blocks
    }

    fn unknown_node(&mut self, node: &Node<'_>, parent: &str, children: &[&'static [Child]]) {
        let names = || children.iter().flat_map(|group| group.iter()).map(|child| child.node.name);
        let place = if parent == "file" { "at the top of a file".to_owned() } else { format!("in {parent}") };
        let diagnostic = Diagnostic::new(&codes::UNKNOWN_NODE, node.name.span, format!("no node `{}` may stand {place}", node.name));
        let help = suggest(&node.name, names(), || match names().collect::<Vec<_>>().join(", ") {
            list if list.is_empty() => "remove it".to_owned(),
            list => format!("one of: {list}"),
        });
        self.diagnostics.push(diagnostic.help(help));
    }

    fn node<'s>(&mut self, node: Node<'s>, schema: &'static NodeSchema, inherited: Priority) -> Option<Block<'s>> {
        let priority = self.priority(&node, inherited);
        let rank = Rank { priority, own: true, layer: self.layer };
        let option = std::ptr::eq(schema, &raw const OPTION_VALUE);
        if schema.children.is_empty() && !schema.options && schema.name != "extend" && !node.children.is_empty() {
            self.diagnostics.push(
                Diagnostic::new(&codes::UNEXPECTED_CHILDREN, node.children[0].name.span, format!("`{}` has no children", node.name))
                    .label(node.name.span, "the node that the braces belong to")
                    .help("text with braces or `$` in it is written in quotes"),
            );
        }
        let arguments = self.arguments(&node, schema)?;
        // What `extend KIND NAME` may hold is what that kind may hold.
        let kind = arguments.first().and_then(|argument| argument.text()).unwrap_or_default();
        let body = if schema.name == "extend" {
            TOP.iter().map(|child| child.node).find(|node| node.name == kind).unwrap_or(schema)
        } else {
            schema
        };
        let properties = self.properties(&node, body, rank);
        let name = node.name.value.clone();
        let title = match arguments.first().and_then(|argument| argument.text()) {
            Some(key) if !option => format!("`{name} {key}`"),
            _ => format!("`{name}`"),
        };
        let children = if body.children.is_empty() && !body.options {
            Vec::new()
        } else {
            self.children(node.children, &title, body.children, body.options, priority)
        };
        let block = Block { schema, name, arguments, properties, children, rank, span: node.span };
        Some(block)
    }

    fn priority(&mut self, node: &Node<'_>, inherited: Priority) -> Priority {
        let Some(annotation) = &node.annotation else { return inherited };
        match annotation.value.as_ref() {
            "default" => Priority::Default,
            "force" => {
                if !node.properties.iter().any(|property| property.name.value == "reason") {
                    self.diagnostics.push(
                        Diagnostic::new(&codes::FORCE_WITHOUT_REASON, annotation.span, format!("`(force){}` gives no reason", node.name))
                            .help("add `reason=\"…\"`"),
                    );
                }
                Priority::Force
            }
            other => {
                self.diagnostics.push(
                    Diagnostic::new(&codes::WRONG_ANNOTATION, annotation.span, format!("`({other})` is no priority"))
                        .help("a node may carry `(default)` or `(force)`"),
                );
                inherited
            }
        }
    }

    fn arguments<'s>(&mut self, node: &Node<'s>, schema: &'static NodeSchema) -> Option<Vec<Spanned<Value<'s>>>> {
        let mut values = Vec::with_capacity(node.arguments.len());
        let mut complete = true;
        for (index, field) in schema.arguments.iter().enumerate() {
            let Some(entry) = node.arguments.get(index) else {
                if field.required {
                    self.missing(node, field);
                    complete = false;
                }
                break;
            };
            match self.value(entry, field, schema.dynamic, &node.name) {
                Some(value) => values.push(value),
                None => complete = false,
            }
        }
        let further = node.arguments.get(schema.arguments.len()..).unwrap_or_default();
        match &schema.rest {
            Some(field) => {
                if further.is_empty()
                    && field.required
                    && node.arguments.len() == schema.arguments.len()
                    && node.properties.is_empty()
                    && node.children.is_empty()
                {
                    self.missing(node, field);
                    complete = false;
                }
                for entry in further {
                    match self.value(entry, field, schema.dynamic, &node.name) {
                        Some(value) => values.push(value),
                        None => complete = false,
                    }
                }
            }
            None => {
                if let Some(entry) = further.first() {
                    let mut help = String::from("remove it");
                    if let Some(property) = schema.properties.first() {
                        let _ = write!(help, ", or name it: `{}=…`", property.name);
                    }
                    self.diagnostics.push(
                        Diagnostic::new(
                            &codes::UNEXPECTED_ARGUMENT,
                            entry.value.span,
                            format!("`{}` takes {} here", node.name, count(schema.arguments.len(), "argument")),
                        )
                        .help(help),
                    );
                }
            }
        }
        complete.then_some(values)
    }

    fn missing(&mut self, node: &Node<'_>, field: &Field) {
        self.diagnostics.push(
            Diagnostic::new(&codes::MISSING_VALUE, node.span, format!("`{}` lacks its {}", node.name, field.name)).help(format!(
                "write {} after `{}`",
                field.ty.describe(),
                node.name
            )),
        );
    }

    fn properties<'s>(&mut self, node: &Node<'s>, schema: &'static NodeSchema, rank: Rank) -> Vec<Property<'s>> {
        let mut properties: Vec<Property<'s>> = Vec::with_capacity(node.properties.len());
        for entry in &node.properties {
            let name = entry.name.value.as_ref();
            if let Some(twin) =
                node.properties.iter().take_while(|other| !std::ptr::eq(*other, entry)).find(|other| other.name.value == name)
            {
                self.diagnostics.push(
                    Diagnostic::new(&codes::DUPLICATE_PROPERTY, entry.name.span, format!("`{name}` is written twice"))
                        .label(twin.name.span, "first here")
                        .help("keep one; KDL would let the last one win"),
                );
                continue;
            }
            let field = schema.properties.iter().find(|field| field.name == name);
            let (name, field): (Cow<'s, str>, &Field) = match field {
                Some(field) => (Cow::Borrowed(field.name), field),
                None if name == "reason" && rank.priority == Priority::Force => continue,
                None if schema.name == OPTION_VALUE.name || (schema.options && schema.dynamic) || schema.name == "raw" => {
                    (entry.name.value.clone(), &ANY)
                }
                None => {
                    let names = schema.properties.iter().map(|field| field.name);
                    let help = suggest(name, names.clone(), || match names.collect::<Vec<_>>().join(", ") {
                        list if list.is_empty() => format!("`{}` has no properties", node.name),
                        list => format!("one of: {list}"),
                    });
                    self.diagnostics.push(
                        Diagnostic::new(&codes::UNKNOWN_PROPERTY, entry.name.span, format!("`{}` has no property `{name}`", node.name))
                            .help(help),
                    );
                    continue;
                }
            };
            if let Some(value) = self.value(&entry.entry, field, schema.dynamic, &node.name) {
                properties.push(Property { name, value, rank });
            }
        }
        properties.sort_by(|a, b| a.name.cmp(&b.name));
        properties
    }

    fn value<'s>(&mut self, entry: &Entry<'s>, field: &Field, dynamic: bool, node: &str) -> Option<Spanned<Value<'s>>> {
        let span = entry.value.span;
        if let Some(annotation) = &entry.annotation {
            let text = |value: &Scalar<'s>| if let Scalar::Text(text) = value { Some(text.clone()) } else { None };
            let special = match annotation.value.as_ref() {
                "ref" if dynamic => text(&entry.value.value).map(Value::Reference),
                "f" if dynamic => text(&entry.value.value).map(Value::Format),
                "expr" if dynamic => text(&entry.value.value).map(Value::Expression),
                _ => None,
            };
            if let Some(value) = special {
                return Some(Spanned::new(value, span));
            }
            let fits = field.ty.annotation() == Some(annotation.value.as_ref())
                || (field.ty == Type::Any
                    && ["secret", "size", "duration", "cron", "path", "image", "ref", "cidr", "address", "url", "host"]
                        .contains(&annotation.value.as_ref()));
            if !fits {
                let allowed = field.ty.annotation().map_or_else(String::new, |name| format!("write `({name})` or nothing; "));
                self.diagnostics.push(
                    Diagnostic::new(&codes::WRONG_ANNOTATION, annotation.span, format!("`({})` does not belong here", annotation.value))
                        .help(format!("{allowed}the value is {}", field.ty.describe())),
                );
                return None;
            }
        }
        if field.list
            && let Scalar::Text(text) = &entry.value.value
        {
            return self.list(text, span, field, node);
        }
        if let Some(value) = field.ty.read(&entry.value.value) {
            return Some(Spanned::new(value, span));
        }
        self.wrong(field, node, &entry.value.value, span);
        None
    }

    fn list<'s>(&mut self, text: &Cow<'s, str>, span: crate::source::Span, field: &Field, node: &str) -> Option<Spanned<Value<'s>>> {
        let parts: Vec<Cow<'s, str>> = match text {
            Cow::Borrowed(text) => text.split(',').map(|part| Cow::Borrowed(part.trim())).collect(),
            Cow::Owned(text) => text.split(',').map(|part| Cow::Owned(part.trim().to_owned())).collect(),
        };
        let mut items = Vec::with_capacity(parts.len());
        for part in parts {
            if let Some(value) = field.ty.read_text(part.clone()) {
                items.push(Spanned::new(value, span));
            } else {
                self.wrong(field, node, &Scalar::Text(part), span);
                return None;
            }
        }
        Some(Spanned::new(Value::List(items), span))
    }

    fn wrong(&mut self, field: &Field, node: &str, scalar: &Scalar<'_>, span: crate::source::Span) {
        self.diagnostics.push(
            Diagnostic::new(&codes::WRONG_TYPE, span, format!("{} of `{node}` can't be {}", field.name, describe(scalar)))
                .caption(format!("not {}", article(field.ty)))
                .help(advice(field.ty, scalar)),
        );
    }
}

/// Stands for properties of option values, whose types only the module knows.
static ANY: Field = Field { name: "value", ty: Type::Any, list: false, required: false, doc: "" };

/// Reports what blocks must have and have not: properties, since a weaker place may give what a stronger one leaves out.
pub fn require(block: &Block<'_>, diagnostics: &mut Diagnostics) {
    for field in block.schema.properties.iter().filter(|field| field.required) {
        if block.property(field.name).is_none() {
            diagnostics.push(
                Diagnostic::new(&codes::MISSING_VALUE, block.span, format!("`{}` lacks `{}`", title(block), field.name)).help(format!(
                    "add `{}=…`, {}: {}",
                    field.name,
                    field.ty.describe(),
                    field.doc
                )),
            );
        }
    }
    for child in &block.children {
        require(child, diagnostics);
    }
}

/// Names a block as its writer would.
pub fn title(block: &Block<'_>) -> String {
    if block.key().is_empty() { block.name.to_string() } else { format!("{} {}", block.name, block.key()) }
}

fn count(number: usize, noun: &str) -> String {
    match number {
        0 => format!("no {noun}"),
        1 => format!("one {noun}"),
        number => format!("{number} {noun}s"),
    }
}

fn article(ty: Type) -> String {
    ty.describe().split(" such as").next().unwrap_or_default().to_owned()
}

/// Says what a scalar is.
pub fn describe(scalar: &Scalar<'_>) -> String {
    match scalar {
        Scalar::Text(text) if text.chars().count() > 60 => format!("`{}…`", text.chars().take(60).collect::<String>()),
        Scalar::Text(text) => format!("`{text}`"),
        Scalar::Integer(number) => format!("the number {number}"),
        Scalar::Float(number) => format!("the number {number}"),
        Scalar::Bool(value) => format!("`#{value}`"),
        Scalar::Null => "`#null`".to_owned(),
    }
}

/// Says what to write instead of a scalar.
pub fn advice(ty: Type, scalar: &Scalar<'_>) -> String {
    match (ty, scalar) {
        (Type::Bool, Scalar::Text(text)) if text == "true" || text == "false" => format!("write `#{text}`"),
        (Type::Integer | Type::Port | Type::Number, Scalar::Text(text)) if text.parse::<f64>().is_ok() => {
            format!("write {text} without quotes")
        }
        (Type::Text | Type::Host | Type::Image | Type::Name | Type::Owner, Scalar::Integer(_) | Scalar::Float(_)) => {
            "put it in quotes: KDL reads a bare number as a number, so `1.10` becomes 1.1".to_owned()
        }
        (Type::Mode, Scalar::Integer(_)) => "put it in quotes: KDL reads `0755` as the number 755".to_owned(),
        (Type::Size, Scalar::Integer(number)) => format!("say the unit: `\"{number}GiB\"`"),
        (Type::Duration, Scalar::Integer(number)) => format!("say the unit: `\"{number}d\"`"),
        (Type::Enum(words), Scalar::Text(text)) => suggest(text, words.iter().copied(), || format!("write {}", ty.describe())),
        (Type::Cidr, Scalar::Text(text)) if text.parse::<std::net::IpAddr>().is_ok() => {
            format!("add the prefix length: `\"{text}/24\"`")
        }
        (Type::Path, Scalar::Text(text)) if !text.starts_with('/') => "paths are absolute: they begin with `/`".to_owned(),
        (Type::Host, Scalar::Text(text)) if text.chars().any(char::is_uppercase) => {
            format!("write it in lower case: `{}`", text.to_lowercase())
        }
        _ => format!("write {}", ty.describe()),
    }
}
