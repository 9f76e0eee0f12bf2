//! Makes nodes of KDL, with the document model of the `kdl` crate.

use std::fmt::Write as _;

use kdl::{KdlDocument, KdlEntry, KdlEntryFormat, KdlNode, KdlNodeFormat, KdlValue};

/// A value as a module may write it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Given {
    /// Text.
    Text(String),
    /// `(ref)`: the value of a name.
    Ref(String),
    /// `(f)`: text with names in braces.
    Filled(String),
}

impl From<&str> for Given {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Given {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

/// A node in the making.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line(KdlNode);

/// Begins a node.
pub fn line(name: &str) -> Line {
    Line(KdlNode::new(name))
}

impl Line {
    /// Adds an argument.
    pub fn arg(self, value: impl Into<Given>) -> Self {
        self.push(None, &value.into())
    }

    /// Adds an argument with the annotation of its type.
    pub fn typed(mut self, ty: &str, value: &str) -> Self {
        let mut entry = text(value);
        entry.set_ty(ty);
        self.0.push(entry);
        self
    }

    /// Adds a number.
    pub fn number(mut self, value: i64) -> Self {
        self.0.push(KdlEntry::new(i128::from(value)));
        self
    }

    /// Adds a truth value.
    pub fn flag(mut self, value: bool) -> Self {
        self.0.push(KdlEntry::new(value));
        self
    }

    /// Adds a property.
    pub fn prop(self, name: &str, value: impl Into<Given>) -> Self {
        self.push(Some(name), &value.into())
    }

    /// Adds a property with the annotation of its type.
    pub fn prop_typed(mut self, name: &str, ty: &str, value: &str) -> Self {
        let mut entry = text(value);
        entry.set_ty(ty);
        entry.set_name(Some(name));
        self.0.push(entry);
        self
    }

    /// Adds a property that is a number.
    pub fn prop_number(mut self, name: &str, value: i64) -> Self {
        self.0.push(KdlEntry::new_prop(name, i128::from(value)));
        self
    }

    /// Adds a property that is a number with a fraction.
    pub fn prop_fraction(mut self, name: &str, value: f64) -> Self {
        self.0.push(KdlEntry::new_prop(name, value));
        self
    }

    /// Adds a property that is a truth value.
    pub fn prop_flag(mut self, name: &str, value: bool) -> Self {
        self.0.push(KdlEntry::new_prop(name, value));
        self
    }

    /// Adds the words of a list: as arguments, or each on a line of its own where they are long.
    pub fn listed(self, words: Vec<String>) -> Self {
        let long = words.len() > 1 && words.iter().map(|word| word.len() + 3).sum::<usize>() > 70;
        if !long {
            return words.into_iter().fold(self, Self::arg);
        }
        self.children(words.into_iter().map(|word| line("-").arg(word)))
    }

    /// Returns the text of a property.
    pub fn text_of(&self, name: &str) -> Option<String> {
        self.0.get(name)?.as_string().map(str::to_owned)
    }

    /// Returns the number of a property.
    pub fn number_of(&self, name: &str) -> Option<i128> {
        self.0.get(name)?.as_integer()
    }

    /// Adds a child.
    pub fn child(mut self, child: Self) -> Self {
        self.add(child);
        self
    }

    /// Adds children.
    pub fn children(mut self, children: impl IntoIterator<Item = Self>) -> Self {
        children.into_iter().for_each(|child| self.add(child));
        self
    }

    /// Returns whether it has a child of a name.
    pub fn has(&self, name: &str) -> bool {
        self.0.iter_children().any(|child| child.name().value() == name)
    }

    /// Returns whether it has no children but those of some names.
    pub fn has_only(&self, names: &[&str]) -> bool {
        self.0.iter_children().all(|child| names.contains(&child.name().value()))
    }

    /// Adds a child to a node that is kept.
    pub fn add(&mut self, child: Self) {
        self.0.ensure_children().nodes_mut().push(child.0);
    }

    /// Puts a comment above the node, each line of the text on a line of its own. What is too long
    /// goes on below, further in.
    pub fn comment(mut self, text: &str) -> Self {
        let mut leading = self.0.format().map(|format| format.leading.clone()).unwrap_or_default();
        for line in text.lines() {
            let plain: String =
                line.chars().map(|c| if is_forbidden(c) { ' ' } else { c }).collect();
            for part in wrapped(&plain) {
                let _ = writeln!(leading, "// {}", part.trim_end());
            }
        }
        self.0.set_format(KdlNodeFormat { leading, ..KdlNodeFormat::default() });
        self
    }

    /// Adds an argument to a node that is kept.
    pub fn extend(&mut self, value: &str) {
        self.0.push(text(value));
    }

    /// Returns the node's name.
    pub fn name(&self) -> &str {
        self.0.name().value()
    }

    /// Returns the first argument, if it is text.
    pub fn first(&self) -> Option<&str> {
        self.0.entries().iter().find(|entry| entry.name().is_none())?.value().as_string()
    }

    fn push(mut self, name: Option<&str>, value: &Given) -> Self {
        let mut entry = match value {
            Given::Text(value) | Given::Filled(value) => text(value),
            Given::Ref(name) => KdlEntry::new(name.as_str()),
        };
        match value {
            Given::Text(_) => {}
            Given::Ref(_) => entry.set_ty("ref"),
            Given::Filled(_) => entry.set_ty("f"),
        }
        entry.set_name(name);
        self.0.push(entry);
        self
    }
}

/// Divides a line of a comment at blanks.
fn wrapped(line: &str) -> Vec<String> {
    const WIDTH: usize = 92;
    let mut parts: Vec<String> = Vec::new();
    let mut part = String::new();
    for word in line.split(' ') {
        if !part.trim().is_empty() && part.chars().count() + 1 + word.chars().count() > WIDTH {
            parts.push(std::mem::replace(&mut part, "  ".to_owned()));
        } else if !part.is_empty() {
            part.push(' ');
        }
        part.push_str(word);
    }
    parts.push(part);
    parts
}

/// Writes nodes as a formatted document that begins with the edition.
pub fn document(nodes: Vec<Line>) -> String {
    let mut document = KdlDocument::new();
    document.nodes_mut().push(line("edition").number(1).0);
    for mut node in nodes {
        // A blank line before each node of the top.
        let mut format = node.0.format().cloned().unwrap_or_default();
        format.leading.insert(0, '\n');
        node.0.set_format(format);
        document.nodes_mut().push(node.0);
    }
    let mut made = Vec::new();
    for node in document.nodes_mut() {
        node.autoformat();
        made.push(node.to_string());
    }
    made.join("\n")
}

/// Makes an entry of text. The crate writes a few characters plainly that KDL does not allow.
fn text(value: &str) -> KdlEntry {
    let word = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    // Plain words go without quotes, as people write them.
    let quoted = !value.chars().all(word);
    let odd =
        |c: char| is_forbidden(c) || matches!(c, '\u{85}' | '\u{2028}' | '\u{2029}' | '\u{b}');
    let mut entry = KdlEntry::new(KdlValue::String(value.to_owned()));
    if quoted {
        let mut written = String::from("\"");
        for character in value.chars() {
            match character {
                '"' | '\\' => {
                    written.push('\\');
                    written.push(character);
                }
                '\n' => written.push_str("\\n"),
                '\r' => written.push_str("\\r"),
                '\t' => written.push_str("\\t"),
                odd_one if odd(odd_one) => {
                    let _ = write!(written, "\\u{{{:x}}}", u32::from(odd_one));
                }
                plain => written.push(plain),
            }
        }
        written.push('"');
        entry.set_format(KdlEntryFormat {
            value_repr: written,
            leading: " ".to_owned(),
            autoformat_keep: true,
            ..KdlEntryFormat::default()
        });
    }
    entry
}

/// Returns whether KDL allows a character nowhere but escaped.
fn is_forbidden(character: char) -> bool {
    matches!(character,
        '\0'..='\u{8}' | '\u{e}'..='\u{1f}' | '\u{7f}' | '\u{200e}' | '\u{200f}'
        | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Writes text for `(f)`, in which braces mean names.
pub fn braced(text: &str) -> String {
    text.replace('{', "{{").replace('}', "}}")
}
