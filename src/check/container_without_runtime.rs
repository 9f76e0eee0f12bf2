//! Finds containers on machines where none can run.

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::model::{Containers, Machine, Service};
use crate::plan::Plan;

/// Finds services with containers on machines that don't offer what containers need.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code = codes::code!(
    "container-without-runtime",
    Error,
    "a service needs containers where none can run"
);

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    for (id, machine) in plan.model.machines() {
        let services = plan.machine(id).services.iter().map(|service| &plan.model[*service]);
        let mut contained = services.filter(|service| !service.containers.is_empty()).peekable();
        if let Containers::No(why) = machine.kind.offers().containers {
            for service in contained {
                diagnostics.push(refused(service, machine, why));
            }
            continue;
        }
        let lacking = machine.lacking_features();
        if let Some(service) = contained.peek().filter(|_| !lacking.is_empty()) {
            diagnostics.push(without_features(service, machine, &lacking));
        }
    }
}

fn refused(service: &Service, machine: &Machine, why: &str) -> Diagnostic {
    let kind = machine.kind.name();
    Diagnostic::new(
        &CODE,
        service.span,
        format!("`{}` runs in a container, which `{}` must not have", service.name, machine.name),
    )
    .label(machine.span, format!("it is of kind {kind}: {why}"))
    .help("run it on a vm or an lxc")
    .on(service.name.clone())
}

fn without_features(service: &Service, machine: &Machine, lacking: &[&str]) -> Diagnostic {
    let features = lacking.join("` and `");
    let given = machine.guest.iter().flat_map(|guest| &guest.features).map(String::as_str);
    let mut all: Vec<&str> = lacking.iter().copied().chain(given).collect();
    all.sort_unstable();
    Diagnostic::new(
        &CODE,
        machine.span,
        format!("Docker does not run in `{}` without `{features}`", machine.name),
    )
    .label(service.span, "this service needs it")
    .help(format!("leave `features` out, or let it be `features {}`", all.join(" ")))
    .on(machine.name.clone())
}
