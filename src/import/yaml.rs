//! Reads YAML into a tree in which everything knows its line.
//!
//! Hostile documents are refused rather than followed: a limit holds for the depth and for the
//! number of nodes, with every alias counted as what it stands for.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use granit_parser::{Event, Parser, ScalarStyle, Tag};

/// The deepest nesting that is read. Compose files need about ten levels.
const DEEPEST: usize = 64;

/// The most values of a file, with each alias counted as all that it stands for.
const MOST: usize = 50_000;

/// A place in one of the files that were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Place {
    /// The number of the file.
    pub file: usize,
    /// The line, counted from 1.
    pub line: usize,
}

/// A value with its place.
#[derive(Debug, Clone, Default)]
pub struct Node {
    /// Where it is written.
    pub place: Place,
    /// What it is.
    pub value: Value,
    /// The tag of compose that says how it is merged.
    pub merging: Merging,
}

/// The content of a node.
#[derive(Debug, Clone, Default)]
pub enum Value {
    /// Nothing.
    #[default]
    Null,
    /// A scalar. Only a plain one can be something else than text.
    Scalar {
        /// Its text.
        text: String,
        /// Whether it is written without quotes.
        plain: bool,
    },
    /// A list.
    List(Vec<Node>),
    /// A map, in the order of the file. No key occurs twice.
    Map(Vec<(String, Node)>),
}

/// How a value of a later file is joined with that of an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Merging {
    /// By the rules of the key.
    #[default]
    Usual,
    /// `!override`: the later one replaces the earlier one.
    Replace,
    /// `!reset`: the earlier one goes away.
    Remove,
}

/// A fault of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where it is.
    pub place: Place,
    /// What it is. It never repeats a value of the file.
    pub problem: String,
}

impl Node {
    /// Makes a scalar that counts as text.
    pub fn text(place: Place, text: impl Into<String>) -> Self {
        let value = Value::Scalar { text: text.into(), plain: false };
        Self { place, value, merging: Merging::Usual }
    }

    /// Makes a map.
    pub fn map(place: Place, entries: Vec<(String, Self)>) -> Self {
        Self { place, value: Value::Map(entries), merging: Merging::Usual }
    }

    /// Makes a list.
    pub fn list(place: Place, items: Vec<Self>) -> Self {
        Self { place, value: Value::List(items), merging: Merging::Usual }
    }

    /// Returns the value of a key.
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.entries().iter().find(|(name, _)| name == key).map(|(_, node)| node)
    }

    /// Returns the value of a key, to change it.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Self> {
        match &mut self.value {
            Value::Map(entries) => {
                entries.iter_mut().find(|(name, _)| name == key).map(|(_, node)| node)
            }
            _ => None,
        }
    }

    /// Removes a key.
    pub fn take(&mut self, key: &str) -> Option<Self> {
        let Value::Map(entries) = &mut self.value else { return None };
        let at = entries.iter().position(|(name, _)| name == key)?;
        Some(entries.remove(at).1)
    }

    /// Sets a key.
    pub fn set(&mut self, key: &str, node: Self) {
        if let Some(own) = self.get_mut(key) {
            *own = node;
        } else if let Value::Map(entries) = &mut self.value {
            entries.push((key.to_owned(), node));
        }
    }

    /// Returns the entries of a map; none of anything else.
    pub fn entries(&self) -> &[(String, Self)] {
        if let Value::Map(entries) = &self.value { entries } else { &[] }
    }

    /// Returns the items of a list; none of anything else.
    pub fn items(&self) -> &[Self] {
        if let Value::List(items) = &self.value { items } else { &[] }
    }

    /// Returns the text of a scalar, as it is written.
    pub fn scalar(&self) -> Option<&str> {
        if let Value::Scalar { text, .. } = &self.value { Some(text) } else { None }
    }

    /// Returns whether it is nothing.
    pub fn is_null(&self) -> bool {
        matches!(self.value, Value::Null)
    }

    /// Returns the truth value that compose makes of it.
    pub fn truth(&self) -> Option<bool> {
        match self.scalar()?.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "y" | "1" => Some(true),
            "false" | "no" | "off" | "n" | "0" => Some(false),
            _ => None,
        }
    }
}

/// Reads the first document of a file. An empty file is nothing.
pub fn read(text: &str, file: usize) -> Result<Node, Fault> {
    let first = documents(text, file)?.into_iter().next();
    Ok(first.unwrap_or_else(|| Node { place: Place { file, line: 1 }, ..Node::default() }))
}

/// Reads the documents of a file.
pub fn documents(text: &str, file: usize) -> Result<Vec<Node>, Fault> {
    let options = granit_parser::options! {
        flow_nesting_limit: DEEPEST,
        block_nesting_limit: DEEPEST,
    };
    let mut documents = Vec::new();
    let mut reader =
        Reader { file, made: 0, anchors: BTreeMap::new(), repeats: false, open: Vec::new() };
    for event in Parser::new_from_str_with_options(text, options) {
        let (event, span) = event.map_err(|error| Fault {
            place: Place { file, line: error.marker().line() },
            problem: format!("it is not YAML: {}", quiet(&error.info())),
        })?;
        let place = Place { file, line: span.start.line() };
        documents.extend(reader.take(event, place)?);
    }
    Ok(documents)
}

/// Leaves out what a message of the parser quotes, because it may be a secret.
fn quiet(message: &str) -> Cow<'_, str> {
    match message.find(['\'', '"', '`']) {
        Some(at) => format!("{}…", message.get(..at).unwrap_or_default()).into(),
        None => message.into(),
    }
}

/// A list or map whose end was not read yet.
struct Open {
    node: Node,
    anchor: usize,
    /// The number of nodes in it.
    made: usize,
    /// The key whose value comes next.
    key: Option<String>,
    /// The keys of a map so far.
    keys: BTreeSet<String>,
    /// The maps of `<<`, which fill in what the map itself does not say.
    merged: Vec<Node>,
}

struct Reader {
    file: usize,
    made: usize,
    anchors: BTreeMap<usize, (Node, usize)>,
    /// Whether an alias was read.
    repeats: bool,
    open: Vec<Open>,
}

impl Reader {
    /// Takes an event, and returns the document when it is complete.
    fn take(&mut self, event: Event<'_>, place: Place) -> Result<Option<Node>, Fault> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let node = scalar(&text, style, tag.as_deref(), place);
                self.made += 1;
                self.add(node, anchor, 1)
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.start(Value::List(Vec::new()), anchor, tag.as_deref(), place)
            }
            Event::MappingStart(_, anchor, tag) => {
                self.start(Value::Map(Vec::new()), anchor, tag.as_deref(), place)
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(open) = self.open.pop() else { return Ok(None) };
                let (anchor, made) = (open.anchor, open.made);
                self.add(open.close(), anchor, made)
            }
            Event::Alias(anchor) => {
                let Some((node, made)) = self.anchors.get(&anchor).cloned() else {
                    return Err(self.fault(place, "an alias is inside the node that it repeats"));
                };
                self.made += made;
                self.repeats = true;
                // A finding points at the alias, where the value is used.
                self.add(Node { place, ..node }, 0, made)
            }
            _ => Ok(None),
        }
    }

    fn fault(&self, place: Place, problem: &str) -> Fault {
        Fault { place: Place { file: self.file, ..place }, problem: problem.to_owned() }
    }

    fn start(
        &mut self,
        value: Value,
        anchor: usize,
        tag: Option<&Tag>,
        place: Place,
    ) -> Result<Option<Node>, Fault> {
        if self.open.len() >= DEEPEST {
            return Err(self.fault(place, "it is nested too deeply"));
        }
        self.made += 1;
        let node = Node { place, value, merging: merging(tag) };
        let (keys, merged) = (BTreeSet::new(), Vec::new());
        self.open.push(Open { node, anchor, made: 1, key: None, keys, merged });
        Ok(None)
    }

    fn add(&mut self, node: Node, anchor: usize, made: usize) -> Result<Option<Node>, Fault> {
        if self.made > MOST {
            let problem = format!("it has more than {MOST} values: divide it");
            let repeats = "its aliases make it too large";
            return Err(self.fault(node.place, if self.repeats { repeats } else { &problem }));
        }
        if anchor != 0 {
            self.anchors.insert(anchor, (node.clone(), made));
        }
        let (depth, file) = (self.open.len(), self.file);
        let Some(open) = self.open.last_mut() else { return Ok(Some(node)) };
        // The parser counts the depth of what is written. An alias brings further levels with it.
        if depth + height(&node) > DEEPEST {
            return Err(self.fault(node.place, "its aliases nest it too deeply"));
        }
        open.made += made;
        match (&mut open.node.value, open.key.take()) {
            (Value::List(items), _) => items.push(node),
            (Value::Map(_), None) => match node.value {
                Value::Scalar { text, .. } => open.key = Some(text),
                Value::Null => open.key = Some(String::new()),
                _ => {
                    let problem = "a key is a list or a map".to_owned();
                    return Err(Fault { place: Place { file, ..node.place }, problem });
                }
            },
            (Value::Map(_), Some(key)) if key == "<<" => match node.value {
                Value::List(items) => open.merged.extend(items),
                _ => open.merged.push(node),
            },
            (Value::Map(entries), Some(key)) => {
                if !open.keys.insert(key.clone()) {
                    let problem = "a key is there twice".to_owned();
                    return Err(Fault { place: Place { file, ..node.place }, problem });
                }
                entries.push((key, node));
            }
            _ => {}
        }
        Ok(None)
    }
}

impl Open {
    /// Fills in what `<<` merges. The map's own keys win, then the earlier of several.
    fn close(mut self) -> Node {
        for merged in self.merged {
            let (Value::Map(own), Value::Map(other)) = (&mut self.node.value, merged.value) else {
                continue;
            };
            for (key, node) in other {
                if self.keys.insert(key.clone()) {
                    own.push((key, node));
                }
            }
        }
        self.node
    }
}

/// Returns how many levels a value has.
fn height(node: &Node) -> usize {
    let below = match &node.value {
        Value::List(items) => items.iter().map(height).max(),
        Value::Map(entries) => entries.iter().map(|(_, node)| height(node)).max(),
        _ => return 0,
    };
    1 + below.unwrap_or(0)
}

fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>, place: Place) -> Node {
    let plain = style == ScalarStyle::Plain && tag.and_then(Tag::core_suffix) != Some("str");
    // In quotes, or with the tag `!!str`, `null` is text.
    let value = if plain && matches!(text, "" | "~" | "null" | "Null" | "NULL") {
        Value::Null
    } else {
        let number = super::numbers::written(text)
            .or_else(|| super::moments::written(text))
            .filter(|_| plain);
        Value::Scalar { text: number.unwrap_or_else(|| text.to_owned()), plain }
    };
    Node { place, value, merging: merging(tag) }
}

fn merging(tag: Option<&Tag>) -> Merging {
    match tag.map(Tag::suffix) {
        Some("reset") => Merging::Remove,
        Some("override") => Merging::Replace,
        _ => Merging::Usual,
    }
}

#[cfg(test)]
mod tests {
    use super::{Fault, Node, Value, read};

    fn show(node: &Node) -> String {
        match &node.value {
            Value::Null => "~".to_owned(),
            Value::Scalar { text, .. } => text.clone(),
            Value::List(items) => {
                format!("[{}]", items.iter().map(show).collect::<Vec<_>>().join(" "))
            }
            Value::Map(entries) => {
                let entries = entries.iter().map(|(key, node)| format!("{key}={}", show(node)));
                format!("{{{}}}", entries.collect::<Vec<_>>().join(" "))
            }
        }
    }

    #[test]
    fn merges_what_double_angles_name() {
        let text = "a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\nc: {<<: [{z: 4}, *a], z: 5}\n";
        let node = read(text, 0).expect("YAML");
        assert_eq!(show(&node), "{a={x=1 y=2} b={y=3 x=1} c={z=5 x=1 y=2}}");
        assert_eq!(node.get("c").map(|node| node.place.line), Some(3));
    }

    #[test]
    fn refuses_laughter_depth_and_doubt() {
        let mut laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..30 {
            let names = vec![format!("*a{}", level - 1); 10].join(", ");
            laughs.push_str(&format!("a{level}: &a{level} [{names}]\n"));
        }
        let problem = |text: &str| match read(text, 0) {
            Err(Fault { problem, .. }) => problem,
            Ok(_) => String::new(),
        };
        assert_eq!(problem(&laughs), "its aliases make it too large");
        assert!(!problem(&"[".repeat(100_000)).is_empty());
        assert!(!problem(&"- ".repeat(100_000)).is_empty());
        assert_eq!(problem("a: &a [*a]\n"), "an alias is inside the node that it repeats");
        assert_eq!(problem("a: 1\na: 2\n"), "a key is there twice");
        let many = "- [a, b]\n".repeat(20_000);
        assert_eq!(problem(&many), "it has more than 50000 values: divide it");
        // What is nested counts once.
        assert_eq!(problem(&format!("- - - - - - [{}]\n", "a, ".repeat(45_000))), "");
    }
}
