//! Finds one host name that leads to two places.

use std::collections::BTreeMap;

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::plan::Plan;

/// Finds host names that two routes of one proxy have in common.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code = codes::code!("route-twice", Error, "one host name leads to two services");

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    let mut taken = BTreeMap::new();
    for route in &plan.routes {
        if let Some(first) = taken.insert((route.host.as_str(), route.path.as_str()), route) {
            let service = &plan.model[route.service];
            diagnostics.push(
                Diagnostic::new(
                    &CODE,
                    route.span,
                    format!(
                        "`{}` leads to `{}` and to `{}`",
                        route.name(),
                        plan.model[first.service].name,
                        service.name
                    ),
                )
                .label(first.span, "the other route")
                .help("give one of them another host name, or a `path`")
                .on(service.name.clone()),
            );
        }
    }
}
