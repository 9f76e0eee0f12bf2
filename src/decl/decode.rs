//! Checks nodes against the schema and reads their values.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::codes;
use super::schema::{Child, Field, NodeSchema, OPTION_VALUE, Occurs, TOP};
use super::types::{Type, is_name};
use super::{Block, Priority, Property, Rank, Value};
use crate::diag::{Diagnostic, Diagnostics, nearest, suggest};
use crate::source::{Layer, SourceFile, Span, Spanned};
use crate::syntax::{Entry, Node, Scalar};

/// Decodes nodes of `file` that may be any of `children`.
pub fn nodes<'s>(
    nodes: Vec<Node<'s>>,
    parent: &str,
    children: &[&'static [Child]],
    file: &SourceFile,
    diagnostics: &mut Diagnostics,
) -> Vec<Block<'s>> {
    let mut decoder = Decoder { text: &file.text, layer: file.layer, diagnostics };
    decoder.children(nodes, parent, children, false, Priority::Normal)
}

struct Decoder<'d> {
    text: &'d str,
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
            let known = children
                .iter()
                .flat_map(|group| group.iter())
                .find(|child| child.node.name == node.name.value);
            let Some(child) = known else {
                if options {
                    blocks.push(self.node(node, &OPTION_VALUE, priority));
                } else {
                    self.unknown_node(&node, parent, children);
                }
                continue;
            };
            let block = self.node(node, child.node, priority);
            let twin = blocks.iter().find(|other| other.is_twin(&block, child.occurs));
            if let Some(twin) = twin.filter(|_| parent != "file" || child.occurs == Occurs::Once) {
                let what = if child.occurs == Occurs::Once {
                    format!("`{}`", block.name)
                } else {
                    format!("`{} {}`", block.name, block.key())
                };
                self.diagnostics.push(
                    Diagnostic::new(
                        &codes::DUPLICATE_NODE,
                        block.key_span(),
                        format!("{what} stands twice in {parent}"),
                    )
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
        let place = if parent == "file" {
            "at the top of a file".to_owned()
        } else {
            format!("in {parent}")
        };
        let diagnostic = Diagnostic::new(
            &codes::UNKNOWN_NODE,
            node.name.span,
            format!("no node `{}` may stand {place}", node.name),
        );
        let help = home(&node.name).unwrap_or_else(|| {
            suggest(&node.name, names(), || match names().collect::<Vec<_>>().join(", ") {
                list if list.is_empty() => "remove it".to_owned(),
                list => format!("one of: {list}"),
            })
        });
        self.diagnostics.push(diagnostic.help(help));
    }

    fn node<'s>(
        &mut self,
        node: Node<'s>,
        schema: &'static NodeSchema,
        inherited: Priority,
    ) -> Block<'s> {
        let priority = self.priority(&node, inherited);
        let rank = Rank { priority, own: true, layer: self.layer };
        let option = std::ptr::eq(schema, &raw const OPTION_VALUE);
        if schema.children.is_empty()
            && !schema.options
            && schema.name != "extend"
            && !node.children.is_empty()
        {
            self.diagnostics.push(
                Diagnostic::new(
                    &codes::UNEXPECTED_CHILDREN,
                    node.children[0].name.span,
                    format!("`{}` has no children", node.name),
                )
                .label(node.name.span, "the node that the braces belong to")
                .help("text with braces or `$` in it is written in quotes"),
            );
        }
        let arguments = self.arguments(&node, schema);
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
        Block { schema, name, arguments, properties, children, rank, span: node.span }
    }

    fn priority(&mut self, node: &Node<'_>, inherited: Priority) -> Priority {
        let Some(annotation) = &node.annotation else { return inherited };
        match annotation.value.as_ref() {
            "default" => Priority::Default,
            "force" => {
                let given = |entry: &Scalar<'_>| !matches!(entry, Scalar::Text(text) if text.trim().is_empty());
                if !node.properties.iter().any(|property| {
                    property.name.value == "reason" && given(&property.entry.value.value)
                }) {
                    self.diagnostics.push(
                        Diagnostic::new(
                            &codes::FORCE_WITHOUT_REASON,
                            annotation.span,
                            format!("`(force){}` gives no reason", node.name),
                        )
                        .help("add `reason=\"…\"`"),
                    );
                }
                Priority::Force
            }
            other => {
                self.diagnostics.push(
                    Diagnostic::new(
                        &codes::WRONG_ANNOTATION,
                        annotation.span,
                        format!("`({other})` is no priority"),
                    )
                    .help("a node may carry `(default)` or `(force)`"),
                );
                // Whichever was meant: of two values that disagree nothing is said besides.
                Priority::Force
            }
        }
    }

    /// Reads the arguments; one that is missing is told, and stands there as faulty.
    fn arguments<'s>(
        &mut self,
        node: &Node<'s>,
        schema: &'static NodeSchema,
    ) -> Vec<Spanned<Value<'s>>> {
        let mut values = Vec::with_capacity(node.arguments.len());
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
            // A list torn by a blank behind a comma, and a value that is at fault already, are told
            // where they stand.
            let torn =
                node.properties.iter().any(|property| ends_with_comma(&property.entry.value.value));
            if let Some(entry) =
                further.first().filter(|_| !torn && !values.iter().any(Spanned::is_faulty))
            {
                let mut help = String::from("remove it");
                if let Some(property) = schema.properties.first() {
                    let _ = write!(help, ", or name it: `{}=…`", property.name);
                }
                let message = format!(
                    "`{}` takes {} here",
                    node.name,
                    count(schema.arguments.len(), "argument")
                );
                self.diagnostics.push(
                    Diagnostic::new(&codes::UNEXPECTED_ARGUMENT, entry.value.span, message)
                        .help(help),
                );
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
        values.extend(further.iter().map(|entry| self.value(entry, field, schema.dynamic, &what)));
        values
    }

    fn missing(
        &mut self,
        node: &Node<'_>,
        schema: &NodeSchema,
        field: &Field,
        values: &mut [Spanned<Value<'_>>],
    ) {
        // `address "192.168.1.10"` has an address, and lacks what stands before it.
        let last = match node.arguments.last().map(|entry| &entry.value.value) {
            Some(value @ Scalar::Text(text))
                if matches!(field.ty, Type::Address) && field.ty.read(value).is_some() =>
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

    fn properties<'s>(
        &mut self,
        node: &Node<'s>,
        schema: &'static NodeSchema,
        rank: Rank,
    ) -> Vec<Property<'s>> {
        let mut properties: Vec<Property<'s>> = Vec::with_capacity(node.properties.len());
        for entry in &node.properties {
            let name = entry.name.value.as_ref();
            if let Some(twin) = node
                .properties
                .iter()
                .take_while(|other| !std::ptr::eq(*other, entry))
                .find(|other| other.name.value == name)
            {
                self.diagnostics.push(
                    Diagnostic::new(
                        &codes::DUPLICATE_PROPERTY,
                        entry.name.span,
                        format!("`{name}` is written twice"),
                    )
                    .label(twin.name.span, "first here")
                    .help("keep one; KDL would let the last one win"),
                );
                continue;
            }
            let field = schema.properties.iter().find(|field| field.name == name);
            let (name, field): (Cow<'s, str>, &Field) = match field {
                Some(field) => (Cow::Borrowed(field.name), field),
                None if name == "reason" && rank.priority == Priority::Force => continue,
                None if schema.name == OPTION_VALUE.name
                    || (schema.options && schema.dynamic)
                    || schema.name == "raw" =>
                {
                    (entry.name.value.clone(), &ANY)
                }
                None => {
                    let names = schema.properties.iter().map(|field| field.name);
                    let help = suggest(name, names.clone(), || {
                        match names.collect::<Vec<_>>().join(", ") {
                            list if list.is_empty() => format!("`{}` has no properties", node.name),
                            list => format!("one of: {list}"),
                        }
                    });
                    self.diagnostics.push(
                        Diagnostic::new(
                            &codes::UNKNOWN_PROPERTY,
                            entry.name.span,
                            format!("`{}` has no property `{name}`", node.name),
                        )
                        .help(help),
                    );
                    continue;
                }
            };
            let what = format!("`{name}` of `{}`", node.name);
            let value = self.value(&entry.entry, field, schema.dynamic, &what);
            properties.push(Property { name, value, rank });
        }
        properties.sort_by(|a, b| a.name.cmp(&b.name));
        properties
    }

    /// Reads a value; one that is not of the field's type is told, and kept as faulty.
    fn value<'s>(
        &mut self,
        entry: &Entry<'s>,
        field: &Field,
        dynamic: bool,
        what: &str,
    ) -> Spanned<Value<'s>> {
        let span = entry.value.span;
        let scalar = &entry.value.value;
        if let Some(annotation) = &entry.annotation {
            let text = |value: &Scalar<'s>| {
                if let Scalar::Text(text) = value { Some(text.clone()) } else { None }
            };
            let special = match annotation.value.as_ref() {
                "ref" if dynamic => text(scalar).map(Value::Reference),
                "f" if dynamic => text(scalar).map(Value::Format),
                "expr" if dynamic => text(scalar).map(Value::Expression),
                _ => None,
            };
            if let Some(value) = special {
                return Spanned::new(value, span);
            }
            let fits = field.ty.annotation() == Some(annotation.value.as_ref())
                || (field.ty == Type::Any
                    && [
                        "secret", "size", "duration", "cron", "path", "image", "ref", "cidr",
                        "address", "url", "host",
                    ]
                    .contains(&annotation.value.as_ref()));
            if !fits {
                let allowed = field
                    .ty
                    .annotation()
                    .map_or_else(String::new, |name| format!("write `({name})` or nothing; "));
                self.diagnostics.push(
                    Diagnostic::new(
                        &codes::WRONG_ANNOTATION,
                        annotation.span,
                        format!("`({})` does not belong here", annotation.value),
                    )
                    .help(format!("{allowed}the value is {}", field.ty.describe())),
                );
                return faulty(scalar, span);
            }
        }
        let read = match scalar {
            Scalar::Text(text) if field.list => self.list(text, span, field.ty),
            // A required text says why, or what to ask: nothing is no answer.
            Scalar::Text(text)
                if field.required
                    && field.ty == Type::Text
                    && text.trim().is_empty()
                    && field.name != "word" =>
            {
                None
            }
            scalar => field.ty.read(scalar).map(|value| Spanned::new(value, span)),
        };
        read.unwrap_or_else(|| {
            self.wrong(field, what, scalar, span);
            faulty(scalar, span)
        })
    }

    fn list<'s>(&self, text: &Cow<'s, str>, span: Span, ty: Type) -> Option<Spanned<Value<'s>>> {
        let parts: Vec<Cow<'s, str>> = match text {
            Cow::Borrowed(text) => text.split(',').map(|part| Cow::Borrowed(part.trim())).collect(),
            Cow::Owned(text) => {
                text.split(',').map(|part| Cow::Owned(part.trim().to_owned())).collect()
            }
        };
        let mut at = 0;
        let items = parts.into_iter().map(|part| {
            let place = self.place_in(span, &part, &mut at);
            Some(Spanned::new(ty.read_text(part)?, place))
        });
        Some(Spanned::new(Value::List(items.collect::<Option<_>>()?), span))
    }

    /// Finds where in a value a part of it stands, from `at` on; the whole value where escapes hide
    /// it.
    fn place_in(&self, whole: Span, part: &str, at: &mut usize) -> Span {
        let written = self.text.get(whole.start as usize..whole.end as usize).unwrap_or_default();
        let Some(found) = written.get(*at..).and_then(|rest| rest.find(part)) else { return whole };
        let start = *at + found;
        *at = start + part.len();
        let offset = |length: usize| whole.start + u32::try_from(length).unwrap_or_default();
        Span { start: offset(start), end: offset(*at), ..whole }
    }

    fn wrong(&mut self, field: &Field, what: &str, scalar: &Scalar<'_>, span: Span) {
        let written = self.text.get(span.start as usize..span.end as usize).unwrap_or_default();
        let finding = if field.list && ends_with_comma(scalar) {
            Diagnostic::new(&codes::WRONG_TYPE, span, format!("{what} ends with a comma")).help(
                "a list is one value: write `to=lan,tunnel`, without blanks behind the commas",
            )
        } else {
            // Of a list, the item that is wrong.
            let span = match scalar {
                Scalar::Text(text) if field.list => {
                    let wrong = text
                        .split(',')
                        .map(str::trim)
                        .find(|part| field.ty.read_text(Cow::Borrowed(part)).is_none());
                    wrong.map_or(span, |part| self.place_in(span, part, &mut 0))
                }
                _ => span,
            };
            let item = match scalar {
                Scalar::Text(text) if field.list => text
                    .split(',')
                    .map(str::trim)
                    .find(|part| field.ty.read_text(Cow::Borrowed(part)).is_none())
                    .map(|part| Scalar::Text(part.into())),
                _ => None,
            };
            let scalar = item.as_ref().unwrap_or(scalar);
            match scalar {
                Scalar::Text(text) if text.trim().is_empty() => {
                    let help = if field.ty == Type::Text {
                        field.doc.to_owned()
                    } else {
                        advice(field.ty, scalar, written)
                    };
                    Diagnostic::new(&codes::WRONG_TYPE, span, format!("{what} can't be empty"))
                        .help(help)
                }
                scalar => Diagnostic::new(
                    &codes::WRONG_TYPE,
                    span,
                    format!("{what} can't be {}", describe(scalar)),
                )
                .caption(format!("not {}", article(field.ty)))
                .help(advice(field.ty, scalar, written)),
            }
        };
        self.diagnostics.push(finding);
    }
}

/// Says where a node of that name stands, when there is one: most likely a brace is missing or one
/// too many.
pub fn home(name: &str) -> Option<String> {
    if TOP.iter().any(|child| child.node.name == name) {
        return Some(format!("`{name}` stands at the top of a file: is a `}}` missing above?"));
    }
    let homes: Vec<String> = TOP
        .iter()
        .filter(|child| child.node.child(name).is_some())
        .map(|child| format!("`{}`", child.node.name))
        .collect();
    (!homes.is_empty())
        .then(|| format!("`{name}` stands in {}: is a brace in the wrong place?", homes.join(", ")))
}

/// Keeps what is no value of its field as it was written.
fn faulty<'s>(scalar: &Scalar<'s>, span: Span) -> Spanned<Value<'s>> {
    Spanned::new(
        Value::Faulty(if let Scalar::Text(text) = scalar {
            text.clone()
        } else {
            Cow::Borrowed("")
        }),
        span,
    )
}

fn ends_with_comma(scalar: &Scalar<'_>) -> bool {
    matches!(scalar, Scalar::Text(text) if text.ends_with(','))
}

/// Stands for properties of option values, whose types only the module knows.
static ANY: Field = Field { name: "value", ty: Type::Any, list: false, required: false, doc: "" };

/// Reports what blocks must have and have not: properties, since a weaker place may give what a
/// stronger one leaves out.
pub fn require(block: &Block<'_>, diagnostics: &mut Diagnostics) {
    for field in block.schema.properties.iter().filter(|field| field.required) {
        if block.property(field.name).is_none() {
            diagnostics.push(
                Diagnostic::new(
                    &codes::MISSING_VALUE,
                    block.span,
                    format!("`{}` lacks `{}`", title(block), field.name),
                )
                .help(format!(
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
    if block.key().is_empty() {
        block.name.to_string()
    } else {
        format!("{} {}", block.name, block.key())
    }
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
        Scalar::Text(text) if text.chars().count() > 60 => {
            format!("`{}…`", text.chars().take(60).collect::<String>())
        }
        Scalar::Text(text) => format!("`{text}`"),
        Scalar::Integer(number) => format!("the number {number}"),
        Scalar::Float(number) => format!("the number {number}"),
        Scalar::Bool(value) => format!("`#{value}`"),
        Scalar::Null => "`#null`".to_owned(),
    }
}

/// Says what to write instead of a scalar, which stands in its file as `written`.
pub fn advice(ty: Type, scalar: &Scalar<'_>, written: &str) -> String {
    let instead = match scalar {
        Scalar::Text(text) => instead_of_text(ty, text),
        Scalar::Integer(number) => match ty {
            Type::Size => Some(format!("say the unit: `\"{number}GiB\"`")),
            Type::Duration => Some(format!("say the unit: `\"{number}d\"`")),
            Type::Mode => Some("put it in quotes: KDL reads `0755` as the number 755".to_owned()),
            Type::Bool if (0..=1).contains(number) => Some(format!("write `#{}`", *number == 1)),
            _ => None,
        },
        _ => None,
    };
    let number = matches!(scalar, Scalar::Integer(_) | Scalar::Float(_));
    let text = matches!(ty, Type::Text | Type::Version | Type::Host | Type::Image | Type::Owner);
    instead.unwrap_or_else(|| {
        if number && text && !written.is_empty() {
            format!("put it in quotes: `\"{written}\"`; KDL reads a bare number as a number, so `1.10` becomes 1.1")
        } else {
            format!("write {}", ty.describe())
        }
    })
}

fn instead_of_text(ty: Type, text: &str) -> Option<String> {
    let mean = |near: &str| format!("did you mean `{near}`?");
    match ty {
        Type::Bool => match text.to_lowercase().as_str() {
            "true" | "yes" | "on" => Some("write `#true`".to_owned()),
            "false" | "no" | "off" => Some("write `#false`".to_owned()),
            _ => None,
        },
        Type::Integer | Type::Between(..) | Type::Port | Type::Number => {
            text.parse::<f64>().is_ok().then(|| format!("write {text} without quotes"))
        }
        Type::Name => {
            let mut name: String = text
                .trim()
                .to_lowercase()
                .replace(|character: char| !character.is_ascii_alphanumeric(), "-");
            while name.contains("--") {
                name = name.replace("--", "-");
            }
            let name = name.trim_matches('-');
            (text.is_ascii() && is_name(name)).then(|| {
                format!("write `{name}`: a name has lower-case letters, digits and hyphens")
            })
        }
        Type::Enum(words) => nearest(text, words.iter().copied()).map(mean),
        Type::Timezone => nearest(text, super::types::timezones()).map(mean).or_else(|| {
            let place = text.rsplit('/').next()?;
            super::types::timezones()
                .find(|zone| {
                    zone.rsplit('/').next().is_some_and(|known| known.eq_ignore_ascii_case(place))
                })
                .map(mean)
        }),
        Type::Size => {
            let (number, unit) = text.split_at(
                text.find(|character: char| !character.is_ascii_digit() && character != '.')?,
            );
            let unit = unit.trim().to_uppercase();
            let binary = if unit.ends_with("IB") || !unit.ends_with('B') || unit.len() == 1 {
                "iB"
            } else {
                "B"
            };
            let letter = unit.chars().next().filter(|letter| "KMGT".contains(*letter))?;
            let letter = if letter == 'K' && binary == "B" { 'k' } else { letter };
            let size = format!("{number}{letter}{binary}");
            crate::model::Size::parse(&size)
                .filter(|size| size.0 > 0)
                .map(|_| format!("write `\"{size}\"`"))
        }
        Type::Duration => {
            let (number, unit) =
                text.split_at(text.find(|character: char| !character.is_ascii_digit())?);
            let unit = unit.trim().chars().next()?;
            let time = format!("{number}{unit}");
            crate::model::Duration::parse(&time).map(|_| format!("write `\"{time}\"`"))
        }
        Type::Cron if text.starts_with('@') => {
            Some("write the five fields: `\"0 3 * * *\"` is every day at three".to_owned())
        }
        Type::Cidr => {
            let address = text.parse::<std::net::IpAddr>().ok()?;
            let length = if address.is_ipv4() { 24 } else { 64 };
            let prefix = ipnet::IpNet::new(address, length).ok()?.trunc();
            Some(format!("add the prefix length: `\"{prefix}\"`"))
        }
        Type::Address => {
            let address = text.split_once('/')?.0.parse::<std::net::IpAddr>().ok()?;
            Some(format!("write `\"{address}\"`: the prefix length is the network's"))
        }
        Type::Path => (!text.starts_with('/') && !text.is_empty())
            .then(|| "paths are absolute: they begin with `/`".to_owned()),
        Type::Host => {
            let bare = text
                .split_once("://")
                .map_or(text, |(_, rest)| rest)
                .split('/')
                .next()
                .unwrap_or_default()
                .to_lowercase();
            let valid = Type::Host.read_text(Cow::Borrowed(&bare)).is_some() && bare.contains('.');
            valid.then(|| format!("write `\"{bare}\"`"))
        }
        _ => None,
    }
}
