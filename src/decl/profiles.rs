//! Finds out which profiles are selected, and what they set on machines.

use std::collections::BTreeSet;

use super::merge::{alike, merge};
use super::{Block, Rank, Value, codes};
use crate::diag::{Diagnostic, Diagnostics, suggest};
use crate::source::Spanned;

/// Returns the profiles that are selected: by the lab, by what extends it, and by selected profiles
/// that extend it.
pub fn selected_profiles(
    lab: Option<&Block<'_>>,
    extends: &[Block<'_>],
    profiles: &[Block<'_>],
    diagnostics: &mut Diagnostics,
) -> BTreeSet<String> {
    let mut selected = BTreeSet::new();
    let Some(lab) = lab else { return selected };
    // An `extend` of another lab is reported when it is applied.
    let extends_lab = |block: &&Block<'_>| {
        block.schema.name == "extend"
            && block.key() == "lab"
            && block.argument(1).and_then(Spanned::text) == Some(lab.key())
    };
    let mut open: Vec<&Block<'_>> =
        std::iter::once(lab).chain(extends.iter().filter(extends_lab)).collect();
    while let Some(selecting) = open.pop() {
        let added = select(selecting, profiles, &mut selected, diagnostics);
        open.extend(added.iter().flat_map(|profile| &profile.children).filter(extends_lab));
    }
    selected
}

/// Adds the profiles that a block selects. Returns those that were not selected before.
fn select<'p, 's>(
    selecting: &Block<'_>,
    profiles: &'p [Block<'s>],
    selected: &mut BTreeSet<String>,
    diagnostics: &mut Diagnostics,
) -> Vec<&'p Block<'s>> {
    let mut added = Vec::new();
    for name in selecting.all("select").flat_map(|select| &select.arguments) {
        let text = name.text().unwrap_or_default();
        let mut named = profiles.iter().filter(|profile| profile.key() == text).peekable();
        if named.peek().is_some() {
            if selected.insert(text.to_owned()) {
                added.extend(named);
            }
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
    added
}

/// Adds an entity of a selected profile. One that several profiles declare is one entity, with what
/// each of them says.
pub fn join_profiles<'s>(
    list: &mut Vec<Block<'s>>,
    block: &Block<'s>,
    diagnostics: &mut Diagnostics,
) {
    let twin = list.iter_mut().find(|other| {
        std::ptr::eq(other.schema, block.schema)
            && other.key() == block.key()
            && !block.key().is_empty()
    });
    let mut block = block.clone();
    if let Some(first) = twin {
        // Merging adds children that may occur many times, so what both profiles say would come
        // twice.
        block.children.to_mut().retain(|child| !first.children.iter().any(|own| alike(own, child)));
        merge(first, block, diagnostics);
    } else {
        list.push(block);
    }
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
            // `on` and `tagged` apply a profile without selecting it. One that has neither is for
            // all machines, but only if it is selected.
            let everyone = on.is_empty() && tagged.is_empty() && selected.contains(profile.key());
            if !everyone && !has(&on, machine.key()) && !tags.iter().any(|tag| has(&tagged, tag)) {
                continue;
            }
            let weaker = |rank: Rank| Rank { own: false, ..rank };
            let children: Vec<Block<'_>> = settings
                .iter()
                .map(|child| Block { rank: weaker(child.rank), ..(*child).clone() })
                .collect();
            let body = Block {
                schema: machine.schema,
                name: machine.name.clone(),
                arguments: machine.arguments.clone(),
                properties: Vec::new(),
                children: children.into(),
                rank: machine.rank,
                span: profile.span,
                unclear: 0,
            };
            merge(machine, body, diagnostics);
        }
    }
}
