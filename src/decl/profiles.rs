//! Finds out which profiles are selected, and what they set on machines.

use std::collections::BTreeSet;

use super::merge::merge;
use super::{Block, Rank, Value, codes};
use crate::diag::{Diagnostic, Diagnostics, suggest};
use crate::source::Spanned;

pub fn selected_profiles(
    lab: Option<&Block<'_>>,
    profiles: &[Block<'_>],
    diagnostics: &mut Diagnostics,
) -> BTreeSet<String> {
    let mut selected = BTreeSet::new();
    for name in
        lab.into_iter().flat_map(|lab| lab.all("select")).flat_map(|select| &select.arguments)
    {
        let text = name.text().unwrap_or_default();
        if profiles.iter().any(|profile| profile.key() == text) {
            selected.insert(text.to_owned());
        } else {
            let help = suggest(text, profiles.iter().map(Block::key), || {
                "declare it: `profile NAME { … }`".to_owned()
            });
            let message = format!("there is no profile `{text}`");
            diagnostics.push(
                Diagnostic::new(&codes::UNKNOWN_PROFILE_TARGET, name.span, message).help(help),
            );
        }
    }
    selected
}

/// Lists the tags in any of `blocks`, including a profile's own `tags` and those of machines in
/// variants that are not selected.
pub fn tags<'b>(blocks: impl Iterator<Item = &'b Block<'b>>) -> BTreeSet<String> {
    let given = |block: &'b Block<'b>| {
        if block.schema.name == "tags" { Some(block) } else { block.child("tags") }
    };
    blocks.filter_map(given).flat_map(|tags| &tags.arguments).filter_map(Spanned::string).collect()
}

pub fn apply_profiles<'s>(
    profiles: &[Block<'s>],
    selected: &BTreeSet<String>,
    tags: &BTreeSet<String>,
    machines: &mut [Block<'s>],
    diagnostics: &mut Diagnostics,
) {
    for profile in profiles {
        let names = |property: &str| {
            profile.property(property).map(|value| value.items().to_vec()).unwrap_or_default()
        };
        let (on, tagged) = (names("on"), names("tagged"));
        for name in &on {
            let text = name.text().unwrap_or_default();
            if !name.is_faulty() && !machines.iter().any(|machine| machine.key() == text) {
                let help = suggest(text, machines.iter().map(Block::key), || {
                    "name a host, vm or lxc".to_owned()
                });
                let message = format!("there is no machine `{text}`");
                diagnostics.push(
                    Diagnostic::new(&codes::UNKNOWN_PROFILE_TARGET, name.span, message).help(help),
                );
            }
        }
        for tag in &tagged {
            let Some(text) = tag.text().filter(|text| !tags.contains(*text)) else { continue };
            let help = suggest(text, tags.iter().map(String::as_str), || {
                format!("write `tags {text}` in a machine")
            });
            let message = format!("no machine has the tag `{text}`");
            diagnostics.push(
                Diagnostic::new(&codes::UNKNOWN_PROFILE_TARGET, tag.span, message).help(help),
            );
        }
        let settings: Vec<&Block<'s>> = profile
            .children
            .iter()
            .filter(|child| {
                super::schema::MACHINE_FIELDS
                    .iter()
                    .any(|field| std::ptr::eq(field.node, child.schema))
            })
            .collect();
        if settings.is_empty() {
            continue;
        }
        let has = |list: &[Spanned<Value<'s>>], word: &str| {
            list.iter().any(|item| item.text() == Some(word))
        };
        for machine in machines.iter_mut() {
            let tags: Vec<String> = machine
                .child("tags")
                .into_iter()
                .flat_map(|tags| &tags.arguments)
                .filter_map(Spanned::string)
                .collect();
            let everyone = on.is_empty() && tagged.is_empty() && selected.contains(profile.key());
            if !everyone && !has(&on, machine.key()) && !tags.iter().any(|tag| has(&tagged, tag)) {
                continue;
            }
            let weaker = |rank: Rank| Rank { own: false, ..rank };
            let children = settings
                .iter()
                .map(|child| Block { rank: weaker(child.rank), ..(*child).clone() })
                .collect();
            let body = Block {
                schema: machine.schema,
                name: machine.name.clone(),
                arguments: machine.arguments.clone(),
                properties: Vec::new(),
                children,
                rank: machine.rank,
                span: profile.span,
            };
            merge(machine, body, diagnostics);
        }
    }
}
