//! What a node leaves to the defaults of the language.

use super::edit::Edit;
use super::others::any_value;
use crate::decl::schema::{Field, NodeSchema, Occurs};
use crate::decl::types::Type;
use crate::source::Span;
use crate::syntax::Node;

/// The most values that are tried in place of a default.
const MOST: usize = 3;

/// A property or child that a node does not have, and that has a default.
pub struct Omitted {
    /// What is not there, after the name of the node: ` port=`, ` / firewall`.
    pub name: String,
    /// The default, as the reference says it.
    pub default: &'static str,
    /// The edits that write another value.
    pub edits: Vec<Vec<Edit>>,
}

/// Lists the properties and children that a node may have, does not have, and has a default for.
pub fn omitted(node: &Node<'_>, schema: &'static NodeSchema, text: &str) -> Vec<Omitted> {
    let end = node.span.end;
    let at = |place: u32| Span::new(node.span.file, place, place);
    let mut found = Vec::new();
    let written = |name: &str| node.properties.iter().any(|entry| entry.name.value == name);
    for field in schema.properties.iter().filter(|field| !written(field.name)) {
        let Some(default) = default_of(field.doc) else { continue };
        let edit = |value| vec![Edit { span: at(end), text: format!(" {}={value}", field.name) }];
        let edits = values(field).map(edit).collect();
        found.push(Omitted { name: format!(" {}=", field.name), default, edits });
    }
    let rest = text.get(end as usize..).unwrap_or_default();
    let blanks = rest.len() - rest.trim_start_matches([' ', '\t']).len();
    let open = rest.get(blanks..).is_some_and(|rest| rest.starts_with('{'));
    for child in schema.child_nodes().filter(|child| child.occurs == Occurs::Once) {
        let name = child.node.name;
        let [field] = child.node.arguments else { continue };
        let default = default_of(child.node.doc).or_else(|| default_of(field.doc));
        let Some(default) = default else { continue };
        if node.children.iter().any(|own| own.name.value == name) {
            continue;
        }
        let edit = |value| {
            let inside = u32::try_from(blanks + 1).unwrap_or_default();
            let (place, text) = if open {
                (end + inside, format!(" {name} {value};"))
            } else {
                (end, format!(" {{ {name} {value}; }}"))
            };
            vec![Edit { span: at(place), text }]
        };
        let edits = values(field).map(edit).collect();
        found.push(Omitted { name: format!(" / {name}"), default, edits });
    }
    found
}

fn values(field: &Field) -> impl Iterator<Item = String> + use<> {
    // No name that is made up is that of anything.
    let is_name = matches!(field.ty, Type::Entity(_) | Type::Endpoint | Type::Secret);
    any_value(field.ty).into_iter().take(if is_name { 0 } else { MOST })
}

/// Returns the default that a description names.
fn default_of(doc: &'static str) -> Option<&'static str> {
    let (_, rest) = doc.split_once("Default: ")?;
    let end = rest.find(". ").unwrap_or(rest.len());
    Some(rest.get(..end)?.trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::default_of;

    #[test]
    fn a_default_is_what_the_description_says() {
        assert_eq!(default_of("The owner. Default: `root`."), Some("`root`"));
        assert_eq!(default_of("Its port. Default: 22. Not for hosts."), Some("22"));
        assert_eq!(default_of("Its name."), None);
    }
}
