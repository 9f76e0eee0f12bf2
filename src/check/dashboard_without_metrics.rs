//! Finds dashboards whose metrics the lab does not provide.

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::model::{Model, Role};
use crate::plan::Plan;

/// Finds dashboards of grafana.com whose exporter the lab does not run.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code = codes::code!(
    "dashboard-without-metrics",
    Warning,
    "a dashboard shows metrics that no service of the lab provides"
);

/// Dashboards of grafana.com by id, with what they query and the module that provides it. Source:
/// each dashboard's page there.
const NEEDS: &[(i64, Role, &str)] = &[
    (1860, Role::NodeExporter, "node-exporter"),
    (11074, Role::NodeExporter, "node-exporter"),
    (405, Role::NodeExporter, "node-exporter"),
    (893, Role::ContainerExporter, "cadvisor"),
    (193, Role::ContainerExporter, "cadvisor"),
    (14282, Role::ContainerExporter, "cadvisor"),
    (7587, Role::BlackboxExporter, "blackbox-exporter"),
    (13639, Role::Loki, "loki"),
];

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    let model = plan.model;
    for service in model.services.iter().filter(|service| service.has(Role::Grafana)) {
        for (index, id) in service
            .option("dashboard")
            .items()
            .iter()
            .enumerate()
            .filter_map(|(index, id)| Some((index, id.as_integer()?)))
        {
            let Some((_, role, module)) = NEEDS.iter().find(|(known, ..)| *known == id) else {
                continue;
            };
            if model.services.iter().any(|service| service.has(*role)) {
                continue;
            }
            let span = service
                .option_spans
                .get("dashboard")
                .and_then(|spans| spans.get(index))
                .copied()
                .unwrap_or(service.span);
            diagnostics.push(
                Diagnostic::new(
                    &CODE,
                    span,
                    format!(
                        "dashboard {id} shows metrics of `{module}`, but the lab does not run it"
                    ),
                )
                .help(addition(model, module, &model[service.machine].name))
                .on(service.name.clone()),
            );
        }
    }
}

/// Writes the service of a module to add. Its name may be taken by a service of another module.
fn addition(model: &Model, module: &str, machine: &str) -> String {
    let taken = |name: &str| model.services.iter().any(|service| service.name == name);
    match [module.to_owned(), format!("{module}-{machine}")].iter().find(|name| !taken(name)) {
        Some(name) if name == module => format!("add `service {module} on={machine}`"),
        Some(name) => format!("add `service {name} module={module} on={machine}`"),
        None => format!("add a service of module `{module}`"),
    }
}
