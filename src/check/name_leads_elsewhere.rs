//! Finds host names with an address by hand that differs from the one that the lab gives them.

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::model::{HostName, Machine};
use crate::plan::Plan;

/// Finds host names that bypass their proxy, or lead to another machine than the one of that name.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code = codes::code!(
    "name-leads-elsewhere",
    Warning,
    "a host name's address, written by hand, is not the address that answers it"
);

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    let model = plan.model;
    let has = |machine: &Machine, name: &HostName| {
        machine.addresses.iter().any(|own| own.address == name.address)
    };
    for machine in model.machines.iter().filter(|machine| machine.name == "localhost") {
        diagnostics.push(
            Diagnostic::new(
                &CODE,
                machine.span,
                "`localhost` always leads to the machine that asks",
            )
            .help("give the machine another name")
            .on(machine.name.clone()),
        );
    }
    for name in &model.names {
        if name.host == "localhost" || name.host.ends_with(".localhost") {
            diagnostics.push(
                Diagnostic::new(
                    &CODE,
                    name.span,
                    format!("`{}` always leads to the machine that asks", name.host),
                )
                .caption("programs ask no name server for it")
                .help("give it another name, such as one below a domain of your own")
                .on(name.host.clone()),
            );
            continue;
        }
        if let Some(route) = plan.routes.iter().find(|route| route.host == name.host) {
            let (proxy, service) = (&model[route.via], &model[route.service]);
            let front = &model[proxy.machine];
            if has(front, name) {
                continue;
            }
            let span = service
                .routes
                .iter()
                .find(|own| own.host.value == route.host)
                .map_or(service.span, |own| own.span);
            diagnostics.push(
                Diagnostic::new(
                    &CODE,
                    name.span,
                    format!(
                        "`{}` leads to {}, past its proxy `{}`",
                        name.host, name.address, proxy.name
                    ),
                )
                .caption("nothing answers https there under this name")
                .label(span, format!("`{}` answers it, on `{}`", proxy.name, front.name))
                .help("remove it: inside the lab the name already leads to the proxy")
                .on(name.host.clone()),
            );
            continue;
        }
        let called = |machine: &&Machine| {
            model
                .lab
                .domain
                .as_ref()
                .is_some_and(|domain| name.host == format!("{}.{domain}", machine.name))
        };
        if let Some(machine) = model
            .machines
            .iter()
            .find(called)
            .filter(|machine| !machine.addresses.is_empty() && !has(machine, name))
        {
            diagnostics.push(
                Diagnostic::new(
                    &CODE,
                    name.span,
                    format!(
                        "`{}` leads to {}, which `{}` does not have",
                        name.host, name.address, machine.name
                    ),
                )
                .label(machine.span, "the machine of this name")
                .help("remove it: a machine's name already leads to the machine")
                .on(name.host.clone()),
            );
        }
    }
}
