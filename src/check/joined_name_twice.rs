//! Finds different names of the lab that join to one.

use std::collections::BTreeMap;

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::plan::Plan;
use crate::plan::joined::{Joined, joined};

/// Finds dumps, volumes, jobs and the like that would share one name.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code = codes::code!("joined-name-twice", Error, "two names of the lab join to one");

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    let names = joined(plan);
    let mut taken: BTreeMap<(&str, &str, &str), &Joined> = BTreeMap::new();
    for name in &names {
        let key = (name.kind, name.place.as_str(), name.name.as_str());
        let first = *taken.entry(key).or_insert(name);
        if first.what != name.what {
            diagnostics.push(
                Diagnostic::new(
                    &CODE,
                    name.span,
                    format!(
                        "{} and {} would share the {} `{}`",
                        first.what, name.what, name.kind, name.name
                    ),
                )
                .label(first.span, "the first belongs to this")
                .help("rename one of them, or what it belongs to")
                .on(name.owner.clone()),
            );
        }
    }
}
