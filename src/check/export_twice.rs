//! Finds folders that a machine exports under two names.

use std::collections::BTreeMap;

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::plan::Plan;

/// Finds exports of one machine that are the same folder.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code = codes::code!("export-twice", Error, "one folder is exported under two names");

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    for machine in &plan.model.machines {
        let mut taken = BTreeMap::new();
        for export in &machine.exports {
            let Some((first, place)) =
                taken.insert(export.path.as_str(), (&export.name, export.span))
            else {
                continue;
            };
            let message = format!(
                "`{first}` and `{}` of `{}` are the same folder, `{}`",
                export.name, machine.name, export.path
            );
            diagnostics.push(
                Diagnostic::new(&CODE, export.span, message)
                    .label(place, "the first")
                    .help("remove one of them, and let all shares name the other")
                    .on(machine.name.clone()),
            );
        }
    }
}
