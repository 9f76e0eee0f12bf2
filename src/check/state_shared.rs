//! Finds folders that two services of one module take for their own.

use std::collections::BTreeMap;

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::model::Service;
use crate::plan::Plan;
use crate::plan::store::Store;

/// Finds states of two services of one module, on any machines, that are one folder. Each would
/// write over what the other keeps there. Databases are the matter of `database-shared`.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code =
    codes::code!("state-shared", Warning, "two services of one module keep one folder");

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    let model = plan.model;
    let mut kept: BTreeMap<(Store, String, &str), &Service> = BTreeMap::new();
    for service in &model.services {
        for state in service.states.iter().filter(|state| !state.local_disk) {
            let (store, below) = Store::at(model, service.machine, &state.path);
            let first = *kept.entry((store, below, &service.module)).or_insert(service);
            if first.name == service.name {
                continue;
            }
            let message = format!(
                "`{}` and `{}` keep `{}` in one folder",
                first.name, service.name, state.name
            );
            diagnostics.push(
                Diagnostic::new(&CODE, service.span, message)
                    .caption(format!("in `{}`", state.path))
                    .label(first.span, "the other")
                    .help("give each a folder of its own")
                    .on(service.name.clone()),
            );
        }
    }
}
