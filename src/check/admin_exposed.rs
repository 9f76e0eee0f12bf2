//! Finds administration that the internet may reach.

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::model::ZoneKind;
use crate::plan::Plan;

/// Finds administration ports and ssh that are open to the internet.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code =
    codes::code!("admin-exposed", Warning, "administration is open to the internet");

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    let model = plan.model;
    let internet = |zone: crate::model::ZoneId| model[zone].kind == ZoneKind::Internet;
    for service in &model.services {
        let exposes =
            service.exposes.iter().map(|expose| (expose.endpoint, &expose.to, expose.span));
        // A proxy carries visitors from the internet on, so a route opens an endpoint as an
        // `expose` does.
        let routes = service.routes.iter().map(|route| (route.endpoint, &route.from, route.span));
        for (endpoint, zones, span) in exposes.chain(routes) {
            let endpoint = &service.endpoints[endpoint as usize];
            if endpoint.admin && zones.iter().any(|zone| internet(zone.value)) {
                diagnostics.push(
                    Diagnostic::new(
                        &CODE,
                        span,
                        format!(
                            "`{}` of `{}` is open to the internet",
                            endpoint.name, service.name
                        ),
                    )
                    .help("open it to the LAN or a VPN's network")
                    .on(service.name.clone()),
                );
            }
        }
    }
    for machine in &model.machines {
        for access in machine.ssh.iter().filter(|access| internet(access.from)) {
            diagnostics.push(
                Diagnostic::new(
                    &CODE,
                    access.span,
                    format!("ssh to `{}` is open to the internet", machine.name),
                )
                .help("open it to the LAN or a VPN's network")
                .on(machine.name.clone()),
            );
        }
    }
}
