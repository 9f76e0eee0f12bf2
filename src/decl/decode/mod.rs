//! Checks nodes against the schema and reads their values.

mod fields;
mod foreign;
mod misplaced;
mod values;

use super::codes;
use super::schema::{Child, Field, NodeSchema, OPTION_VALUE, Occurs, TOP};
use super::{Block, Priority, Rank, Twins};
use crate::diag::hidden::{is_plain_word, names_secret};
use crate::diag::{Diagnostic, Diagnostics};
use crate::source::{Layer, SourceFile, Span, Spanned};
use crate::syntax::{Entry, Node, Scalar};

/// How many values are few enough to be concealed in every finding of a node.
const FEW: usize = 10;

/// Decodes nodes of `file` that may be any of `children`.
pub fn nodes<'s>(
    nodes: Vec<Node<'s>>,
    parent: &str,
    children: &[&'static [Child]],
    file: &SourceFile,
    diagnostics: &mut Diagnostics,
) -> Vec<Block<'s>> {
    let mut decoder =
        Decoder { text: &file.text, layer: file.layer, in_secret: false, unclear: 0, diagnostics };
    decoder.children(nodes, parent, children, false, Priority::Normal)
}

struct Decoder<'d> {
    text: &'d str,
    layer: Layer,
    /// Whether the node is in the block of a secret.
    in_secret: bool,
    /// How many parts of the node nobody understood so far.
    unclear: usize,
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
        let mut twins = Twins::default();
        // Whether the node before may have a secret on the line after it, by mistake.
        let mut awaits = false;
        for mut node in nodes {
            if children.iter().any(|group| !group.is_empty()) {
                self.without_dash(&mut node, parent);
            }
            let may_be_secret = std::mem::replace(&mut awaits, awaits_secret(&node));
            let known = children
                .iter()
                .flat_map(|group| group.iter())
                .find(|child| child.node.name == node.name.value);
            let Some(child) = known else {
                if options {
                    blocks.push(self.node(node, &OPTION_VALUE, priority));
                } else {
                    let mark = self.diagnostics.mark();
                    let whole = Span { end: end_of(&node), ..node.name.span };
                    let meant = self.unknown_node(&node, parent, children);
                    if may_be_secret {
                        let found = self.diagnostics.since(mark);
                        found.for_each(|found| found.concealed.push(whole));
                    }
                    let block = meant.and_then(|child| self.misnamed(node, child, priority, mark));
                    let occurs = meant.map_or(Occurs::Many, |child| child.occurs);
                    let first =
                        |block: &Block<'_>| twins.find(block, occurs, blocks.len()).is_none();
                    if block.is_none() {
                        self.unclear += 1;
                        self.diagnostics.misread(whole);
                    }
                    blocks.extend(block.filter(first));
                }
                continue;
            };
            let block = self.node(node, child.node, priority);
            let twin = twins.find(&block, child.occurs, blocks.len());
            let twin = twin.and_then(|index| blocks.get(index));
            // At the top, two files may declare the same entity, so `layer` compares those of all
            // files.
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
                        format!("{what} is written twice in {parent}"),
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

    /// Reads `- library "/films"`, as YAML writes the items of a list.
    fn without_dash(&mut self, node: &mut Node<'_>, parent: &str) {
        if node.name.value != "-" || self.in_secret || parent.starts_with("`secret ") {
            return;
        }
        let bare = |entry: &Entry<'_>| {
            let text = entry.value.value.as_text();
            entry.annotation.is_none() && text.is_some_and(is_plain_word)
        };
        if !node.arguments.first().is_some_and(bare) {
            return;
        }
        let first = node.arguments.remove(0);
        let name = first.value.value.as_text().unwrap_or_default().to_owned();
        let both = Span { end: first.value.span.end, ..node.name.span };
        self.diagnostics.push(
            Diagnostic::new(&codes::UNKNOWN_NODE, both, "no node begins with `-`")
                .help("leave the `-` out: each node is an item by itself"),
        );
        node.name = Spanned::new(name.into(), first.value.span);
    }

    /// Decodes a node of a wrong name as the one that is meant, so that what it declares is there.
    /// If it can't be that one, it is left out, and nothing else is said about it.
    fn misnamed<'s>(
        &mut self,
        mut node: Node<'s>,
        child: &'static Child,
        priority: Priority,
        mark: usize,
    ) -> Option<Block<'s>> {
        node.name.value = child.node.name.into();
        let block = self.node_since(node, child.node, priority, mark);
        let lacks = |field: &&Field| field.required && block.property(field.name).is_none();
        let is_other =
            block.has_faulty_value() || child.node.properties.iter().any(|field| lacks(&field));
        let needs =
            child.node.properties.iter().find(lacks).map(|field| format!("`{}=…`", field.name));
        if is_other {
            let lacked = |found: &mut Diagnostic| found.code.name == codes::MISSING_VALUE.name;
            let of_node = self.diagnostics.since(mark).any(lacked);
            let needs = needs.or_else(|| {
                let field = child.node.arguments.iter().find(|field| field.required)?;
                of_node.then(|| format!("its {}", field.name))
            });
            self.diagnostics.truncate(mark + 1);
            let name = child.node.name;
            for (found, needs) in self.diagnostics.since(mark).zip(needs) {
                found.help = Some(format!("it is called `{name}` here, and needs {needs}"));
            }
        }
        (!is_other).then_some(block)
    }

    /// Reports a node of an unknown name. Returns what it is meant to be.
    fn unknown_node(
        &mut self,
        node: &Node<'_>,
        parent: &str,
        children: &[&'static [Child]],
    ) -> Option<&'static Child> {
        let all = || children.iter().flat_map(|group| group.iter());
        let names = || all().map(|child| child.node.name);
        let place = if parent == "file" {
            "at the top of a file".to_owned()
        } else {
            format!("in {parent}")
        };
        if parent.starts_with("`secret ") {
            // It may be the secret itself, typed in by mistake.
            let whole = Span { end: end_of(node), ..node.name.span };
            let message = "this node is not allowed in `secret`";
            self.diagnostics.push(
                Diagnostic::new(&codes::UNKNOWN_NODE, node.name.span, message)
                    .help("remove it: the value of a secret never enters the lab")
                    .conceal(whole),
            );
            return None;
        }
        let diagnostic = Diagnostic::new(
            &codes::UNKNOWN_NODE,
            node.name.span,
            format!("the node `{}` is not allowed {place}", node.name),
        );
        let meant = foreign::meant(&node.name, names()).filter(|_| home(&node.name).is_none());
        let meant = meant.and_then(|name| all().find(|child| child.node.name == name));
        // A list of others, such as `services { … }`, is no node with a wrong letter.
        let bare = node.arguments.is_empty() && node.properties.is_empty();
        let list = |child: &Child| bare && child.node.takes_a_name();
        let help = match meant {
            Some(child) if list(child) => {
                format!("write each as a node of its own: `{} NAME …`", child.node.name)
            }
            Some(child) => format!("did you mean `{}`?", child.node.name),
            None => {
                home(&node.name).unwrap_or_else(|| match names().collect::<Vec<_>>().join(", ") {
                    list if list.is_empty() => "remove it".to_owned(),
                    list => format!("one of: {list}"),
                })
            }
        };
        let mut found = diagnostic.help(help);
        if meant.is_none() && home(&node.name).is_none() {
            found.concealed.extend(fields::of_nobody(node));
        }
        self.diagnostics.push(found);
        meant.filter(|child| !list(child))
    }

    fn node<'s>(
        &mut self,
        node: Node<'s>,
        schema: &'static NodeSchema,
        inherited: Priority,
    ) -> Block<'s> {
        self.node_since(node, schema, inherited, self.diagnostics.mark())
    }

    /// Decodes a node about which there may be findings after a mark already.
    fn node_since<'s>(
        &mut self,
        mut node: Node<'s>,
        schema: &'static NodeSchema,
        inherited: Priority,
        mark: usize,
    ) -> Block<'s> {
        let of_parent = std::mem::take(&mut self.unclear);
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
                    format!("`{}` takes no children", node.name),
                )
                .label(node.name.span, "the node that the braces belong to")
                .help(
                    match node.children.iter().find(|child| is_property(schema, child)) {
                        Some(child) => as_property(&child.name),
                        None => "put text that has braces or `$` in it in quotes".to_owned(),
                    },
                ),
            );
        }
        // The target of `extend KIND NAME` decides which children are allowed.
        let kind = match node.arguments.first().map(|kind| &kind.value.value) {
            Some(Scalar::Text(kind)) if schema.name == "extend" => kind.as_ref(),
            _ => "",
        };
        let target = TOP.iter().map(|child| child.node).find(|node| node.name == kind);
        let extends = |_: &&NodeSchema| {
            let kinds = schema.arguments.first();
            kinds.is_some_and(|kinds| kinds.ty.read_text(kind.into()).is_some())
        };
        let body = target.filter(extends).unwrap_or(schema);
        if !option && schema.name != "raw" && !(schema.options && schema.dynamic) {
            self.as_meant(&mut node, schema, body, priority);
        }
        let arguments = self.arguments(&node, schema);
        let properties = self.properties(&node, body, rank);
        if self.in_secret || fields::may_hold_secret(body) {
            let typed = fields::typed(&node, body, &arguments, &properties);
            // What one finding conceals, no other one shows. Each has them all where they are few,
            // since a finding may be dropped.
            for (index, found) in self.diagnostics.since(mark).enumerate() {
                if index == 0 || typed.len() < FEW {
                    found.concealed.extend(&typed);
                }
            }
        }
        let name = node.name.value.clone();
        let title = match arguments.first().and_then(|argument| argument.text()) {
            Some(key) if !option => format!("`{name} {key}`"),
            _ => format!("`{name}`"),
        };
        let children = if body.children.is_empty() && !body.options {
            Vec::new()
        } else {
            let around = self.in_secret;
            self.in_secret |= schema.name == "secret";
            let mut nodes = node.children;
            if !self.in_secret && !fields::may_hold_secret(body) {
                nodes.retain(|child| self.is_no_property(child, body, &title));
            }
            let children = self.children(nodes, &title, body.children, body.options, priority);
            self.in_secret = around;
            children
        };
        let children = children.into();
        let unclear = std::mem::replace(&mut self.unclear, of_parent);
        Block { schema, name, arguments, properties, children, rank, span: node.span, unclear }
    }

    /// Reports a child that is a property of its parent, and returns whether it is none.
    fn is_no_property(&mut self, child: &Node<'_>, body: &NodeSchema, parent: &str) -> bool {
        let is_child = body
            .children
            .iter()
            .any(|group| group.iter().any(|own| child.name.value == own.node.name));
        if is_child || body.options || !is_property(body, child) {
            return true;
        }
        let message = format!("`{}` is a property of {parent}", child.name);
        self.diagnostics.push(
            Diagnostic::new(&codes::UNKNOWN_NODE, child.name.span, message)
                .help(as_property(&child.name)),
        );
        false
    }

    fn priority(&mut self, node: &Node<'_>, inherited: Priority) -> Priority {
        let Some(annotation) = &node.annotation else { return inherited };
        match annotation.value.as_ref() {
            "default" => Priority::Default,
            "force" => {
                if !node.properties.iter().any(|property| {
                    property.name.value == "reason" && !is_blank(&property.entry.value.value)
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
                        format!("`({other})` is not a priority"),
                    )
                    .help("a node may carry `(default)` or `(force)`"),
                );
                // With both annotations it is unclear which one was meant. `Force` prevents a
                // second finding about values that disagree.
                Priority::Force
            }
        }
    }
}

/// Returns whether a node lacks the secret that it names, or declares one in a single line.
fn awaits_secret(node: &Node<'_>) -> bool {
    let bare = node.properties.is_empty() && node.children.is_empty();
    let declares = node.name.value == "secret" && node.arguments.len() == 1;
    bare && (declares || (node.arguments.is_empty() && names_secret(&node.name.value)))
}

fn is_property(schema: &NodeSchema, child: &Node<'_>) -> bool {
    schema.properties.iter().any(|field| child.name.value == field.name)
}

fn as_property(name: &str) -> String {
    format!("a property stands before the braces: `{name}=…`")
}

/// Describes where a node of this name is allowed, if anywhere. Most likely a brace is missing or
/// one too many.
pub fn home(name: &str) -> Option<String> {
    if TOP.iter().any(|child| child.node.name == name) {
        return Some(format!("`{name}` is at the top of a file: is a `}}` missing above it?"));
    }
    let homes: Vec<String> = TOP
        .iter()
        .filter(|child| child.node.child(name).is_some())
        .map(|child| format!("`{}`", child.node.name))
        .collect();
    (!homes.is_empty())
        .then(|| format!("`{name}` is in {}: is a brace in the wrong place?", homes.join(", ")))
}

/// Returns where the last part of a node ends.
fn end_of(node: &Node<'_>) -> u32 {
    node.children.iter().map(end_of).chain([node.span.end]).max().unwrap_or_default()
}

/// Reports required properties that are missing, and forbidden ones. This happens after merging,
/// because a weaker place may set what a stronger one leaves out.
pub fn require(block: &Block<'_>, diagnostics: &mut Diagnostics) {
    let lacks = |field: &&Field| field.required && block.property(field.name).is_none();
    let lacking = block.schema.properties.iter().filter(lacks);
    if lacking.clone().count() > block.unclear {
        lacking.for_each(|field| diagnostics.push(lack(block, field)));
    }
    for child in &block.children {
        require(child, diagnostics);
    }
}

fn lack(block: &Block<'_>, field: &Field) -> Diagnostic {
    let message = format!("`{}` lacks `{}`", title(block), field.name);
    Diagnostic::new(&codes::MISSING_VALUE, block.span, message).help(format!(
        "add `{}=…`, {}: {}",
        field.name,
        field.ty.describe(),
        field.doc
    ))
}

/// Returns the title by which a block's writer knows it.
pub fn title(block: &Block<'_>) -> String {
    if block.key().is_empty() {
        block.name.to_string()
    } else {
        format!("{} {}", block.name, block.key())
    }
}

fn is_blank(value: &Scalar<'_>) -> bool {
    matches!(value, Scalar::Text(text) if text.trim().is_empty())
}
