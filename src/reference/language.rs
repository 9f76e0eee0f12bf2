//! Writes the reference of the language's nodes: the second half of `docs/language.md`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::table;
use crate::decl::schema::{Child, Field, NodeSchema, Occurs, TOP};
use crate::decl::types::Type;

/// The line of `docs/language.md` after which everything is made from the schema.
pub const MARKER: &str = "<!-- Made from the schema by `LABWRIGHT_UPDATE_DOCS=1 cargo test \
                          docs_language`; edit src/decl/schema/. -->";

/// A node, with where it is allowed.
struct Entry {
    node: &'static NodeSchema,
    occurs: Occurs,
    /// Whether it is allowed at the top of a file.
    top: bool,
    /// The names of the nodes in which it is allowed.
    parents: Vec<&'static str>,
}

/// Writes a section for each node. The nodes at the top of a file come first, followed by those
/// inside them.
pub fn markdown() -> String {
    let entries = entries();
    let top = entries.iter().filter(|entry| entry.top);
    let links: Vec<String> =
        top.map(|entry| format!("[`{}`](#{})", entry.node.name, entry.anchor())).collect();
    let mut page = format!("At the top of a file: {}.\n\n", links.join(", "));
    for entry in &entries {
        section(entry, &entries, &mut page);
    }
    page.truncate(page.trim_end().len());
    page.push('\n');
    page
}

/// Lists every node once, after a node that may contain it.
fn entries() -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    for child in TOP {
        add(child, None, &mut entries);
    }
    entries
}

fn add(child: &Child, parent: Option<&'static str>, entries: &mut Vec<Entry>) {
    // Different nodes may have the same name, so a node is known by its address.
    if let Some(known) = entries.iter_mut().find(|entry| std::ptr::eq(entry.node, child.node)) {
        known.top |= parent.is_none();
        known.parents.extend(parent.filter(|parent| !known.parents.contains(parent)));
        return;
    }
    entries.push(Entry {
        node: child.node,
        occurs: child.occurs,
        top: parent.is_none(),
        parents: parent.into_iter().collect(),
    });
    for below in child.node.child_nodes() {
        add(below, Some(child.node.name), entries);
    }
}

impl Entry {
    fn title(&self) -> String {
        if self.top {
            self.node.name.to_owned()
        } else {
            format!("{} in {}", self.node.name, self.parents.join(", "))
        }
    }

    /// Returns the anchor that Markdown makes of its title.
    fn anchor(&self) -> String {
        self.title()
            .chars()
            // Forges leave commas out of anchors, and write blanks as hyphens.
            .filter(|character| *character != ',')
            .map(|character| if character == ' ' { '-' } else { character })
            .collect()
    }
}

fn section(entry: &Entry, entries: &[Entry], page: &mut String) {
    let node = entry.node;
    let _ = writeln!(
        page,
        "{} {}\n\n{}",
        if entry.top { "##" } else { "###" },
        entry.title(),
        node.doc
    );
    let count = match entry.occurs {
        // The layers of the files ensure it, not the schema: a second one is reported there.
        _ if node.name == "lab" => "Exactly one.",
        Occurs::Once => "At most one.",
        Occurs::Keyed => "Any number, each with a different name.",
        Occurs::Many => "Any number.",
    };
    let besides =
        entry.parents.iter().map(|parent| format!("`{parent}`")).collect::<Vec<_>>().join(", ");
    let besides = if entry.top && !besides.is_empty() {
        format!(" It is also allowed in {besides}.")
    } else {
        String::new()
    };
    let _ = writeln!(page, "{count}{besides}\n");
    // Among the nodes that may contain it, a VM is the most instructive.
    let parent = entry.parents.iter().find(|parent| **parent == "vm").or(entry.parents.first());
    let inside =
        parent.filter(|_| !entry.top).map(|parent| format!(" in={parent}")).unwrap_or_default();
    let _ = writeln!(page, "```kdl{inside}\n{}\n```\n", node.example);
    let arguments = node
        .arguments
        .iter()
        .enumerate()
        .map(|(index, field)| row(&format!("argument {index}: {}", field.name), field));
    let rest =
        node.rest.as_ref().map(|field| row(&format!("further arguments: {}", field.name), field));
    let properties = node.properties.iter().map(|field| row(&format!("`{}=`", field.name), field));
    let rows: Vec<Vec<String>> = arguments.chain(rest).chain(properties).collect();
    page.push_str(&table(&["", "type", "", "meaning"], &rows));

    let mut children: BTreeMap<&str, String> = BTreeMap::new();
    for child in node.child_nodes() {
        if let Some(below) = entries.iter().find(|other| std::ptr::eq(other.node, child.node)) {
            children
                .insert(child.node.name, format!("[`{}`](#{})", child.node.name, below.anchor()));
        }
    }
    if !children.is_empty() {
        let links: Vec<String> = children.into_values().collect();
        let _ = writeln!(page, "Holds {}.\n", links.join(", "));
    }
}

fn row(name: &str, field: &Field) -> Vec<String> {
    let kind = match field.ty {
        // Only the words are listed, because "one of" and quotes would fill the table.
        Type::Enum(words) => {
            words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
        }
        other => other.describe(),
    };
    let kind = if field.list { format!("{kind}; several with commas between them") } else { kind };
    vec![
        name.to_owned(),
        kind,
        if field.required { "required".to_owned() } else { String::new() },
        field.doc.to_owned(),
    ]
}
