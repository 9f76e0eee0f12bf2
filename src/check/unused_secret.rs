//! Finds secrets that nothing reads.

use std::collections::BTreeSet;

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::plan::Plan;

/// Finds declared secrets that no service reads.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code = codes::code!("unused-secret", Warning, "a secret that nothing reads");

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    let used: BTreeSet<_> = plan
        .machines
        .iter()
        .flat_map(|machine| &machine.secrets)
        .map(|secret| secret.secret)
        .collect();
    for (index, secret) in plan.model.secrets.iter().enumerate() {
        if !used.contains(&crate::model::SecretId::at(index)) {
            diagnostics.push(
                Diagnostic::new(
                    &CODE,
                    secret.span,
                    format!("nothing reads secret `{}`", secret.name),
                )
                .help("remove the `secret`, or give it to the service that it is for")
                .on(secret.name.clone()),
            );
        }
    }
}
