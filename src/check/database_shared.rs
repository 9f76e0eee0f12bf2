//! Finds databases that two services write.

use std::collections::BTreeMap;

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::model::{Service, State};
use crate::plan::Plan;
use crate::plan::store::{Store, is_below};

/// Finds folders that contain a database and are also in a folder of another service, on any
/// machine.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code =
    codes::code!("database-shared", Error, "two services keep a database in one folder");

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    let model = plan.model;
    let mut stores: BTreeMap<_, Vec<(String, &Service, &State)>> = BTreeMap::new();
    for service in &model.services {
        for state in service.states.iter().filter(|state| state.local_disk) {
            let (store, below) = Store::at(model, service.machine, &state.path);
            stores.entry(store).or_default().push((below, service, state));
        }
    }
    for states in stores.values_mut() {
        // By the parts of a path: `-` sorts before `/`, and would come between a folder and what is
        // in it.
        states.sort_by(|a, b| {
            let by_parts = a.0.split('/').cmp(b.0.split('/'));
            by_parts.then_with(|| (&a.1.name, &a.2.name).cmp(&(&b.1.name, &b.2.name)))
        });
        let mut outer: Option<&(String, &Service, &State)> = None;
        for inner in states.iter() {
            let Some((_, owner, held)) =
                outer.filter(|(folder, ..)| is_below(&inner.0, folder) && !folder.is_empty())
            else {
                outer = Some(inner);
                continue;
            };
            let (_, service, state) = inner;
            if service.name == owner.name {
                continue;
            }
            diagnostics.push(
                Diagnostic::new(
                    &CODE,
                    service.span,
                    format!(
                        "`{}` of `{}` is in the folder of `{}` of `{}`",
                        state.name, service.name, held.name, owner.name
                    ),
                )
                .caption(format!("keeps a database in `{}`", state.path))
                .label(owner.span, format!("keeps one in `{}`", held.path))
                .help("give each a folder of its own")
                .on(service.name.clone()),
            );
        }
    }
}
