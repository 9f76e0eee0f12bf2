//! Checks the former names in the lab: `moved` and `removed`.

use std::collections::BTreeMap;

use super::{codes, names};
use crate::decl::Block;
use crate::decl::layer::Lab;
use crate::decl::moved::last_names;
use crate::diag::{Diagnostic, Diagnostics};
use crate::source::Spanned;

/// Reports names that are declared as gone but still exist, and new names that don't exist.
pub fn resolve(lab: &Lab<'_>, diagnostics: &mut Diagnostics) {
    let mut gone = BTreeMap::new();
    for (node, what) in lab
        .removed
        .iter()
        .map(|node| (node, "removed"))
        .chain(lab.moved.iter().map(|node| (node, "moved")))
    {
        let Some(name) = node.argument(1).and_then(Spanned::text) else { continue };
        if let Some((before, first)) = gone.insert((node.key(), name), (what, node.span)) {
            let message = if before == what {
                format!("{} `{name}` is {what} twice", node.key())
            } else {
                format!("{} `{name}` is both {before} and {what}", node.key())
            };
            diagnostics.push(
                Diagnostic::new(&crate::decl::codes::CONFLICTING_VALUES, node.span, message)
                    .label(first, "the first")
                    .help("remove one of the two lines"),
            );
        }
        let Some(still) = of_kind(lab, node.key()).find(|block| block.key() == name) else {
            continue;
        };
        diagnostics.push(
            Diagnostic::new(
                &codes::STILL_DECLARED,
                node.span,
                format!("{} `{name}` is {what}, but also declared", node.key()),
            )
            .label(still.key_span(), "declared here")
            .help(format!("remove the `{}`, or this line", node.key())),
        );
    }
    let next = lab.moved.iter().filter_map(|node| {
        let [from, to] = [node.argument(1)?.text()?, node.property("to")?.text()?];
        Some([from, to].map(|name| (node.key(), name)).into())
    });
    let last = last_names(&next.collect());
    let mut taken = BTreeMap::new();
    for node in &lab.moved {
        let Some((to, name)) = node.property("to").and_then(|to| Some((to, to.text()?))) else {
            continue;
        };
        if let Some(first) = taken.insert((node.key(), name), node.span) {
            diagnostics.push(
                Diagnostic::new(
                    &crate::decl::codes::CONFLICTING_VALUES,
                    node.span,
                    format!("two have become {} `{name}`, which keeps the data of one", node.key()),
                )
                .label(first, "the first")
                .help("remove one of the two lines"),
            );
        }
        // It may have been moved on.
        let last = last.get(&(node.key(), name)).map_or(name, |(_, last)| last);
        if !of_kind(lab, node.key()).any(|block| block.key() == last) {
            names::unknown(
                &codes::UNKNOWN_NAME,
                node.key(),
                name,
                to,
                of_kind(lab, node.key()).map(Block::key),
                diagnostics,
            );
        }
    }
}

fn of_kind<'l, 's>(lab: &'l Lab<'s>, kind: &'l str) -> impl Iterator<Item = &'l Block<'s>> {
    let list = if kind == "service" { &lab.services } else { &lab.machines };
    list.iter().filter(move |block| block.schema.name == kind)
}
