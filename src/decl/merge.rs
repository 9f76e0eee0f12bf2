//! Merges the declarations of one entity from several places.

use super::decode::title;
use super::schema::Occurs;
use super::{Block, Priority, Rank, Twins, Value, codes};
use crate::diag::{Diagnostic, Diagnostics};
use crate::source::Spanned;

/// Merges `other` into `base`. Both must declare the same entity.
pub fn merge<'s>(base: &mut Block<'s>, other: Block<'s>, diagnostics: &mut Diagnostics) {
    base.unclear += other.unclear;
    if !same_values(&base.arguments, &other.arguments) {
        if other.rank > base.rank {
            base.arguments = other.arguments;
            base.rank = other.rank;
            base.span = other.span;
        } else if other.rank == base.rank {
            conflict(&format!("`{}`", title(base)), other.span, base.span, diagnostics);
        }
    }
    for property in other.properties {
        match base.properties.iter_mut().find(|own| own.name == property.name) {
            None => base.properties.push(property),
            Some(own) if same(&own.value, &property.value) => {}
            Some(own) if property.rank > own.rank => *own = property,
            Some(own) if property.rank == own.rank => {
                conflict(
                    &format!("`{}`", property.name),
                    property.value.span,
                    own.value.span,
                    diagnostics,
                );
            }
            Some(_) => {}
        }
    }
    base.properties.sort_by(|a, b| a.name.cmp(&b.name));
    // Below, all children of the base are noted, which a body without children does not need.
    if other.children.is_empty() {
        return;
    }
    let schema = base.schema;
    let occurs = |child: &Block<'_>| {
        schema.child(child.schema.name).map_or(Occurs::Many, |known| known.occurs)
    };
    let mut twins = Twins::default();
    for (index, own) in base.children.iter().enumerate() {
        twins.find(own, occurs(own), index);
    }
    let children = base.children.to_mut();
    for child in other.children {
        let twin = twins.find(&child, occurs(&child), children.len());
        match twin.and_then(|index| children.get_mut(index)) {
            Some(twin) => merge(twin, child, diagnostics),
            None => children.push(child),
        }
    }
}

fn conflict(
    what: &str,
    second: crate::source::Span,
    first: crate::source::Span,
    diagnostics: &mut Diagnostics,
) {
    diagnostics.push(
        Diagnostic::new(
            &codes::CONFLICTING_VALUES,
            second,
            format!("two places disagree about {what}"),
        )
        .caption("this value")
        .label(first, "and this one have the same priority")
        .help("make one of them `(default)`, or `(force)` with `reason=\"…\"`"),
    );
}

fn same_values(a: &[Spanned<Value<'_>>], b: &[Spanned<Value<'_>>]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
}

fn same(a: &Spanned<Value<'_>>, b: &Spanned<Value<'_>>) -> bool {
    match (&a.value, &b.value) {
        (Value::List(a), Value::List(b)) => same_values(a, b),
        // A faulty value is already reported, so it causes no conflict.
        (Value::Faulty(_), _) | (_, Value::Faulty(_)) => true,
        (a, b) => a == b,
    }
}

/// Returns whether two blocks say the same.
pub fn alike(a: &Block<'_>, b: &Block<'_>) -> bool {
    std::ptr::eq(a.schema, b.schema)
        && a.rank == b.rank
        && same_values(&a.arguments, &b.arguments)
        && a.properties.len() == b.properties.len()
        && a.properties
            .iter()
            .zip(&b.properties)
            .all(|(a, b)| a.name == b.name && a.rank == b.rank && same(&a.value, &b.value))
        && a.children.len() == b.children.len()
        && a.children.iter().zip(&b.children).all(|(a, b)| alike(a, b))
}

/// Chooses among several nodes that set one option: those of the highest rank.
pub fn strongest<'b, 's>(blocks: &[&'b Block<'s>]) -> Vec<&'b Block<'s>> {
    let rank = blocks.iter().map(|block| block.rank).max().unwrap_or(Rank {
        priority: Priority::Normal,
        own: true,
        layer: crate::source::Layer::Lab,
    });
    blocks.iter().copied().filter(|block| block.rank == rank).collect()
}
