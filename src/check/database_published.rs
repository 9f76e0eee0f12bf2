//! Finds databases that whole networks may reach.

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::model::ZoneKind;
use crate::plan::Plan;

/// Finds databases that are open to more than single machines.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code = codes::code!("database-published", Warning, "a database is open to a network");

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    let model = plan.model;
    for service in &model.services {
        for expose in &service.exposes {
            let endpoint = &service.endpoints[expose.endpoint as usize];
            let wide = expose
                .to
                .iter()
                .find(|zone| !matches!(model[zone.value].kind, ZoneKind::Machine(_)));
            let Some(zone) = wide.filter(|_| endpoint.database) else { continue };
            diagnostics.push(
                Diagnostic::new(
                    &CODE,
                    expose.span,
                    format!(
                        "the database of `{}` is open to `{}`",
                        service.name, model[zone.value].name
                    ),
                )
                .help("remove the `expose`, or name the machine that needs it")
                .on(service.name.clone()),
            );
        }
    }
}
