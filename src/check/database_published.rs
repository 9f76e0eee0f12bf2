//! Databases that whole networks may reach.

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, Severity};
use crate::model::ZoneKind;
use crate::plan::Plan;

/// Finds databases that are open to more than single machines.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code = Code {
    name: "database-published",
    severity: Severity::Warning,
    summary: "a database is open to a network",
    explain: "The services that use a database reach it without any `expose`. Opened to a network, it is one password away from everybody in it. (Where compose files publish 5432 by hand, ufw does not even see it: Docker's rules come first.)\n\n```kdl\nservice immich on=media { expose database to=lan; }\n```\n\nRemove the `expose`, or name the one machine that needs it.",
};

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
