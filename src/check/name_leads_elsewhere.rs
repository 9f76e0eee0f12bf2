//! Host names that are given another address by hand than the lab gives them.

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, Severity};
use crate::model::{HostName, Machine};
use crate::plan::Plan;

/// Finds host names that lead past their proxy, or to another machine than the one that is called
/// so.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code = Code {
    name: "name-leads-elsewhere",
    severity: Severity::Warning,
    summary: "a host name is given by hand another address than the one where it is answered",
    explain: "A proxied name belongs to its proxy, inside the house too: it alone listens on 80 and 443 and has the certificate. A name that leads straight to the machine of the service (\"split DNS\", to spare a hop) finds nothing there: the service has a port of its own, and speaks no https. The lab's DNS servers answer with the proxy's address by themselves.\n\n```kdl\nname \"media.example.org\" address=\"192.168.1.101\"\nservice jellyfin on=media { library \"/srv/films\"; route \"media.example.org\" to=web via=npm from=internet; }\n```\n\nLeave the `name` out; for the short way, use another name and the service's port.",
};

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    let model = plan.model;
    let has = |machine: &Machine, name: &HostName| {
        machine.addresses.iter().any(|own| own.address == name.address)
    };
    for name in &model.names {
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
                .help("leave it out: inside the lab the name leads to the proxy already")
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
                .help("leave it out: a machine's name leads to it already")
                .on(name.host.clone()),
            );
        }
    }
}
