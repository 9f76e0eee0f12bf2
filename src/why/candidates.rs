//! Everything in a lab's sources that could decide a line: nodes, their values, lines of templates.

use std::collections::{BTreeMap, BTreeSet};

pub use super::candidate::{Candidate, Part};
use super::defaults;
use super::edit::{Edit, Fault, Workbench};
use super::others::{Names, other_type, others, quoted};
use super::parts::{self, Modules, Parts, key};
use super::template::text_lines;
use crate::decl::schema::{Child, Field, OPTION_VALUE, Occurs, TOP};
use crate::decl::types::Type;
use crate::diag::Diagnostics;
use crate::source::{Layer, SourceFile, Sources, Span};
use crate::syntax::{self, Entry, Node, Scalar};

/// Nodes that describe a module. No file of a machine depends on them.
const DESCRIBING: [&str; 4] = ["category", "doc", "example", "keywords"];

/// A node at the top of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Top {
    /// The kind: `service`.
    pub kind: String,
    /// The name, or an empty text.
    pub name: String,
    /// The layer of its file.
    pub layer: Layer,
    /// The node among [`Candidates::wholes`]; nothing for one that every lab has.
    pub whole: Option<usize>,
}

/// A node that leaves nothing in its place when it is left out, as a default would be: one that may
/// occur several times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whole {
    /// The place.
    pub span: Span,
    /// The end of the last thing in its block.
    pub end: u32,
    /// The next node around it that is one too, by its index.
    pub inside: Option<usize>,
    /// The top node that it belongs to, by its index.
    pub top: usize,
    /// The name by which others may refer to it; empty if it has none.
    pub name: String,
}

/// All candidates of a lab.
#[derive(Debug, Default)]
pub struct Candidates {
    /// The top nodes.
    pub tops: Vec<Top>,
    /// The candidates, by file and place.
    pub list: Vec<Candidate>,
    /// What nodes leave to the defaults of the language, each with edits that write another value.
    /// The place is that of the node.
    pub defaults: Vec<Candidate>,
    /// The nodes that can be left out without that a default takes their place, each after the one
    /// that it is in.
    pub wholes: Vec<Whole>,
}

impl Candidates {
    /// Lists the candidates of the lab itself, of its own modules and of the modules that
    /// `is_used` names.
    pub fn of(sources: &Sources, is_used: impl Fn(&str) -> bool) -> Self {
        let mut all = Self::default();
        let kdl =
            |file: &SourceFile| file.path.rsplit_once('.').is_some_and(|(_, end)| end == "kdl");
        // `NAME/file` in the standard library, `modules/NAME/file` in a lab.
        let module = |file: &SourceFile| match file.layer {
            Layer::Builtin => file.path.split('/').next().map(str::to_owned),
            Layer::Site => file.path.split('/').nth(1).map(str::to_owned),
            Layer::Lab => None,
        };
        let wanted = |file: &SourceFile| module(file).is_none_or(|module| is_used(&module));
        let documents: Vec<_> = sources
            .files()
            .filter(|(_, file)| kdl(file) && wanted(file))
            .filter_map(|(id, file)| {
                Some((id, file, syntax::parse(&file.text, id, &mut Diagnostics::default())?))
            })
            .collect();
        let (mut names, mut modules) = (Names::default(), Modules::default());
        for (_, file, document) in &documents {
            document.nodes.iter().for_each(|node| modules.add(node));
            if file.layer != Layer::Builtin {
                document.nodes.iter().for_each(|node| names.collect(node));
            }
        }
        let written = Written::of(
            documents
                .iter()
                .filter(|(_, file, _)| file.layer == Layer::Lab)
                .flat_map(|(_, _, document)| &document.nodes)
                .flat_map(texts)
                .collect(),
        );
        for (_, file, document) in &documents {
            for node in &document.nodes {
                let (top, first) = (all.tops.len(), all.wholes.len());
                let mut walk = Walk {
                    names: &names,
                    modules: &modules,
                    written: &written,
                    text: &file.text,
                    top,
                    list: &mut all.list,
                    defaults: &mut all.defaults,
                    wholes: &mut all.wholes,
                };
                let declares = file.layer == Layer::Lab;
                walk.node(node, TOP, &[], Within { path: "", declares, whole: None, parts: None });
                let own = all.wholes.get(first).filter(|whole| whole.span == node.span);
                all.tops.push(Top {
                    kind: node.name.value.to_string(),
                    name: key(node).unwrap_or_default().to_owned(),
                    layer: file.layer,
                    whole: own.map(|_| first),
                });
            }
        }
        for (id, file) in sources.files().filter(|(_, file)| !kdl(file) && wanted(file)) {
            let name = module(file);
            let is_module = |top: &Top| top.kind == "module" && Some(&top.name) == name.as_ref();
            let top = all.tops.iter().position(is_module).unwrap_or(usize::MAX);
            all.list.extend(text_lines(id, file, top));
        }
        all.list.sort_by_key(|candidate| (candidate.span, candidate.part));
        all
    }
}

impl Candidates {
    /// Returns whether one of [`Self::wholes`] is a service of the lab.
    pub fn is_service(&self, whole: usize) -> bool {
        let mut tops = self.tops.iter().filter(|top| top.kind == "service");
        tops.any(|top| top.whole == Some(whole))
    }

    /// Lists edits that leave out the smallest nodes of the lab that errors point at.
    pub fn dependents(&self, bench: &Workbench<'_>, faults: &[Fault]) -> BTreeSet<Edit> {
        let is_of_lab = |edit: &Edit| bench.sources().file(edit.span.file).layer == Layer::Lab;
        self.blamed(faults).into_iter().filter(is_of_lab).collect()
    }

    /// Lists edits that leave out the smallest nodes that errors point at, those of modules too.
    pub fn blamed(&self, faults: &[Fault]) -> BTreeSet<Edit> {
        let node = |span: Span| {
            let nodes = self.list.iter().filter(|candidate| {
                candidate.part == Part::Presence
                    && candidate.span.file == span.file
                    && candidate.span.start <= span.start
                    && span.end <= candidate.span.end
            });
            nodes.min_by_key(|candidate| candidate.span.end - candidate.span.start)
        };
        let nodes = faults.iter().filter_map(|fault| node(fault.span?));
        nodes.map(|node| Edit::leave_out(node.span)).collect()
    }
}

/// Returns the end of a node and of what is in its block.
fn end(node: &Node<'_>) -> u32 {
    node.children.iter().map(end).chain([node.span.end]).max().unwrap_or_default()
}

/// Lists the texts of a node and of what is below it, with their places.
fn texts(node: &Node<'_>) -> Vec<(Span, String)> {
    let entries = node.arguments.iter().chain(node.properties.iter().map(|entry| &entry.entry));
    let own = entries.filter_map(|entry| {
        let text = entry.value.value.as_text()?;
        Some((entry.value.span, text.to_owned()))
    });
    own.chain(node.children.iter().flat_map(texts)).collect()
}

/// The texts of a lab with their places, and where each name is in them.
struct Written {
    texts: Vec<(Span, String)>,
    names: BTreeMap<String, BTreeSet<usize>>,
}

impl Written {
    fn of(texts: Vec<(Span, String)>) -> Self {
        let mut names: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
        for (index, (_, text)) in texts.iter().enumerate() {
            for part in text.split([',', '.']).chain(text.split(',')) {
                names.entry(part.to_owned()).or_default().insert(index);
            }
        }
        Self { texts, names }
    }

    /// Lists the texts that a name, or a name with a dot, may be in.
    fn with(&self, name: &str) -> impl Iterator<Item = &(Span, String)> {
        self.names.get(name).into_iter().flatten().filter_map(|index| self.texts.get(*index))
    }
}

struct Walk<'w> {
    names: &'w Names,
    modules: &'w Modules,
    written: &'w Written,
    text: &'w str,
    top: usize,
    list: &'w mut Vec<Candidate>,
    defaults: &'w mut Vec<Candidate>,
    wholes: &'w mut Vec<Whole>,
}

/// What a value is for others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Key {
    /// The name of an entity, by which the lab refers to it.
    Top,
    /// The name of a part.
    Inner,
    /// No name.
    No,
}

/// Where a value is.
#[derive(Clone, Copy)]
struct Named<'w> {
    /// The names of the nodes around it, and its own.
    path: &'w str,
    key: Key,
    /// The parts that may be named there.
    parts: Option<&'w Parts>,
}

static ANY: Field =
    Field { name: "value", ty: Type::Any, list: false, required: false, secrets: false, doc: "" };

/// What a node is in.
#[derive(Clone, Copy)]
struct Within<'w> {
    /// The names of the nodes around it, or an empty text at the top of a file.
    path: &'w str,
    /// Whether the file declares things of a lab, as one of a module does not.
    declares: bool,
    /// The innermost of [`Candidates::wholes`] around it, by its index.
    whole: Option<usize>,
    /// The parts that may be named there.
    parts: Option<&'w Parts>,
}

impl<'w> Walk<'w> {
    fn node(
        &mut self,
        node: &Node<'_>,
        known: &'static [Child],
        more: &[&'static [Child]],
        within: Within<'_>,
    ) {
        let modules: &'w Modules = self.modules;
        let Within { path: parent, declares, whole: inside, .. } = within;
        let parts = modules.parts(node).or(within.parts);
        if parent.starts_with("module ") && DESCRIBING.contains(&node.name.value.as_ref()) {
            return;
        }
        let mut children = known.iter().chain(more.iter().flat_map(|group| group.iter()));
        let child = children.find(|child| child.node.name == node.name.value);
        let schema = child.map_or(&OPTION_VALUE, |child| child.node);
        let mut whole = inside;
        // A short node of the lab may say what is so without it.
        let is_long = !declares || parent.is_empty() || !node.children.is_empty();
        if is_long && child.is_some_and(|child| child.occurs != Occurs::Once) {
            whole = Some(self.wholes.len());
            let is_name = |field: &Field| matches!(field.ty, Type::Name | Type::Endpoint);
            let name = key(node).filter(|_| schema.arguments.first().is_some_and(is_name));
            self.wholes.push(Whole {
                span: node.span,
                end: end(node),
                inside,
                top: self.top,
                name: name.unwrap_or_default().to_owned(),
            });
        }
        let body = if schema.name == "extend" {
            let kind = key(node).unwrap_or_default();
            TOP.iter().map(|child| child.node).find(|node| node.name == kind).unwrap_or(schema)
        } else {
            schema
        };
        let mut name = node.name.value.to_string();
        let named = schema.arguments.first().is_some_and(|field| {
            matches!(field.ty, Type::Name | Type::Endpoint | Type::Entity(_) | Type::Enum(_))
        });
        let words = if schema.name == "extend" { 2 } else { usize::from(named) };
        for entry in node.arguments.iter().take(words) {
            if let Scalar::Text(text) = &entry.value.value {
                name = format!("{name} {text}");
            }
        }
        let path = if parent.is_empty() { name } else { format!("{parent} / {name}") };
        self.list.push(Candidate {
            part: Part::Presence,
            span: node.span,
            end: end(node),
            path: path.clone(),
            shown: String::new(),
            top: self.top,
            is_name: false,
            edits: vec![vec![Edit::leave_out(node.span)]],
        });
        for (index, entry) in node.arguments.iter().enumerate() {
            let field = schema.arguments.get(index).copied().or(schema.rest).unwrap_or(ANY);
            let key = match index {
                0 if named && declares && parent.is_empty() => Key::Top,
                0 if matches!(field.ty, Type::Name | Type::Endpoint) => Key::Inner,
                _ => Key::No,
            };
            self.entry(entry, &field, Named { path: &path, key, parts });
            if key == Key::Top && node.name.value == "service" {
                self.keep_module(node);
            }
            if node.arguments.len() > 1 && index >= schema.arguments.len() {
                let start = annotated(entry).start;
                self.presence(Span { start, ..entry.value.span }, &path);
            }
        }
        for property in &node.properties {
            let name = property.name.value.as_ref();
            let field = body.properties.iter().find(|field| field.name == name).unwrap_or(&ANY);
            let path = format!("{path} {name}=");
            self.entry(&property.entry, field, Named { path: &path, key: Key::No, parts });
            if !field.required {
                let span = Span { end: property.entry.value.span.end, ..property.name.span };
                self.presence(span, &path);
            }
        }
        for omitted in defaults::omitted(node, body, self.text) {
            self.defaults.push(Candidate {
                part: Part::Value,
                span: node.span,
                end: node.span.end,
                path: format!("{path}{}", omitted.name),
                shown: format!("(default: {})", omitted.default),
                top: self.top,
                is_name: false,
                edits: omitted.edits,
            });
        }
        for child in &node.children {
            self.node(child, &[], body.children, Within { path: &path, declares, whole, parts });
        }
    }

    /// Lets a service that gets another name name its module, if that has the old name.
    fn keep_module(&mut self, service: &Node<'_>) {
        let Some(name) = key(service).filter(|_| parts::module(service).is_none()) else { return };
        let Some(candidate) = self.list.last_mut() else { return };
        for edit in candidate.edits.iter_mut().flatten() {
            if edit.span == candidate.span {
                edit.text = format!("{} module={}", edit.text, quoted(name));
            }
        }
    }

    fn presence(&mut self, span: Span, path: &str) {
        self.list.push(Candidate {
            part: Part::Presence,
            span,
            end: span.end,
            path: path.to_owned(),
            shown: String::new(),
            top: self.top,
            is_name: false,
            edits: vec![vec![Edit::leave_out(span)]],
        });
    }

    fn entry(&mut self, entry: &Entry<'_>, field: &Field, Named { path, key, parts }: Named<'_>) {
        let span = annotated(entry);
        let text = entry.value.value.as_text().unwrap_or_default();
        let known = parts.and_then(|parts| parts.fitting(field)).filter(|_| key == Key::No);
        let texts: Vec<String> = if let Some(known) = known {
            known.iter().filter(|name| *name != text).map(|name| quoted(name)).collect()
        } else if path.starts_with("module ") && path.ends_with(" type=") {
            other_type(text).map(quoted).into_iter().collect()
        } else if field.name == "kind" && path.contains("extend ") {
            // What has the name is of no other kind.
            Vec::new()
        } else {
            others(entry, field, self.names)
        };
        let mut edits: Vec<Vec<Edit>> =
            texts.into_iter().map(|text| vec![Edit { span, text }]).collect();
        match &entry.value.value {
            // With a new name in one place alone, what refers to it is wrong.
            Scalar::Text(text) if key == Key::Top => edits.insert(0, self.renamed(text)),
            _ if key == Key::Inner => edits.truncate(1),
            _ => {}
        }
        self.list.push(Candidate {
            part: Part::Value,
            span,
            end: span.end,
            path: path.to_owned(),
            shown: shown(entry, field),
            top: self.top,
            is_name: key != Key::No,
            edits,
        });
    }

    /// Gives a declaration another name, everywhere in the lab.
    fn renamed(&self, name: &str) -> Vec<Edit> {
        let other = format!("{name}x");
        let mut edits = Vec::new();
        for (span, text) in self.written.with(name) {
            let items: Vec<&str> = text.split(',').collect();
            let new: Vec<String> = items.iter().map(|item| renamed(item, name, &other)).collect();
            let new = new.join(",");
            if new != *text {
                edits.push(Edit { span: *span, text: quoted(&new) });
            }
        }
        edits
    }
}

/// Renames a name, or the first or the last part of a name with a dot.
fn renamed(item: &str, name: &str, other: &str) -> String {
    match item.split_once('.') {
        _ if item == name => other.to_owned(),
        Some((head, tail)) if head == name && !tail.contains('.') => format!("{other}.{tail}"),
        Some((head, tail)) if tail == name && !head.contains('.') => format!("{head}.{other}"),
        _ => item.to_owned(),
    }
}

/// Returns the place of a value with its annotation.
fn annotated(entry: &Entry<'_>) -> Span {
    let start = entry.annotation.as_ref().map(|annotation| annotation.span.start.saturating_sub(1));
    Span { start: start.unwrap_or(entry.value.span.start), ..entry.value.span }
}

/// Writes a value for people. Text that could be a secret that somebody pasted is left out.
fn shown(entry: &Entry<'_>, field: &Field) -> String {
    let mark = entry.annotation.as_ref().map(|annotation| annotation.value.as_ref());
    let plain = match mark {
        Some(mark) => {
            ["size", "duration", "cron", "secret", "ref", "cidr", "address"].contains(&mark)
        }
        None => matches!(
            field.ty,
            Type::Name
                | Type::Version
                | Type::Timezone
                | Type::Size
                | Type::Duration
                | Type::Cron
                | Type::Address
                | Type::Lease
                | Type::Cidr
                | Type::Path
                | Type::Inside
                | Type::Tmpfs
                | Type::Installed
                | Type::Image
                | Type::Host
                | Type::Hosts
                | Type::Mode
                | Type::FileMode
                | Type::Signal
                | Type::Enum(_)
                | Type::Entity(_)
                | Type::Endpoint
        ),
    };
    match &entry.value.value {
        Scalar::Text(_) if !plain => String::new(),
        Scalar::Text(text) => {
            let mark = mark.map_or_else(String::new, |mark| format!("({mark})"));
            format!("{mark}{}", quoted(text))
        }
        Scalar::Integer(number) => number.to_string(),
        Scalar::Float(number) => number.to_string(),
        Scalar::Bool(value) => format!("#{value}"),
        Scalar::Null => "#null".to_owned(),
    }
}
