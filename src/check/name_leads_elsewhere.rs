//! Finds host names that lead elsewhere than the lab says.

use std::collections::BTreeSet;

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::model::{HostName, Machine};
use crate::plan::Plan;

/// Finds host names that bypass their proxy, lead to another machine than the one of that name, or
/// that programs ask no name server for.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code =
    codes::code!("name-leads-elsewhere", Warning, "a host name does not lead to what answers it");

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
    never_asked_for(plan, diagnostics);
    for name in &model.names {
        if never_asked(&name.host).is_some() {
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

/// Returns where a name leads that programs ask no name server for.
fn never_asked(host: &str) -> Option<&'static str> {
    match host.rsplit('.').next()? {
        // RFC 6761, 6.3.
        "localhost" => Some("always leads to the machine that asks"),
        // RFC 6762, 3.
        "local" => Some("leads to the machine nearby that says it is its name, by multicast DNS"),
        // RFC 6761, 6.4, and RFC 7686.
        "invalid" | "onion" => Some("leads nowhere on most machines"),
        _ => None,
    }
}

/// Finds names of the lab that programs ask no name server for: its domain, names with an address,
/// and those of routes that are not below the domain.
fn never_asked_for(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    let (lab, mut seen) = (&plan.model.lab, BTreeSet::new());
    let domain = lab.domain.as_deref().map(|domain| (domain, lab.domain_span, lab.name.as_str()));
    let names = plan.model.names.iter().map(|name| (&*name.host, name.span, &*name.host));
    let routes = plan.routes.iter();
    let routes = routes.map(|route| (&*route.host, route.span, &*plan.model[route.service].name));
    for (host, span, on) in domain.into_iter().chain(names).chain(routes) {
        let Some(leads) = never_asked(host) else { continue };
        let is_below = |above: &str| {
            host.strip_suffix(above).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        };
        if seen.iter().any(|above: &&str| is_below(above)) {
            continue;
        }
        seen.insert(host);
        let is_domain = span == lab.domain_span;
        let (what, help) = if is_domain {
            (
                format!("each name below `{host}` {leads}"),
                "choose another domain, such as one that \
             you own, or `home.arpa`",
            )
        } else {
            (
                format!("`{host}` {leads}"),
                "give it another name, such as one below a domain of \
             your own",
            )
        };
        diagnostics.push(
            Diagnostic::new(&CODE, span, what)
                .caption("programs ask no name server for it")
                .help(help)
                .on(on.to_owned()),
        );
    }
}
