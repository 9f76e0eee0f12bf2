//! Finds ports that `raw compose.ports` publishes.

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::model::{Container, Data, Service};
use crate::plan::Plan;

/// Finds ports that compose publishes without a part of the access model.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code = codes::code!(
    "port-published-by-hand",
    Warning,
    "a port is published by `raw compose.ports`, which no firewall of the lab knows"
);

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    for service in &plan.model.services {
        let published: Vec<(&Container, &str)> =
            service.containers.iter().flat_map(ports).collect();
        let mut places =
            service.raw.iter().filter(|raw| raw.value == "compose.ports").map(|raw| raw.span);
        let (Some(first), false) = (places.next(), published.is_empty()) else { continue };
        let list =
            published.iter().map(|(_, port)| format!("`{port}`")).collect::<Vec<_>>().join(", ");
        let mut finding = Diagnostic::new(
            &CODE,
            first,
            format!("`{}` publishes {list} past the lab's rules", service.name),
        );
        for place in places {
            finding = finding.label(place, "and here");
        }
        let instead: Vec<String> =
            published.iter().map(|(container, port)| instead(service, container, port)).collect();
        diagnostics.push(finding.help(instead.join("; ")).on(service.name.clone()));
    }
}

fn ports(container: &Container) -> impl Iterator<Item = (&Container, &str)> {
    let list = if let Some(Data::List(ports)) = container.raw.get("ports") {
        ports.as_slice()
    } else {
        &[]
    };
    list.iter().filter_map(move |port| Some((container, port.as_text()?)))
}

fn instead(service: &Service, container: &Container, written: &str) -> String {
    // The container's port comes last in `127.0.0.1:8080:80/tcp`.
    let inside = written
        .split('/')
        .next()
        .and_then(|ports| ports.rsplit(':').next())
        .and_then(|port| port.parse::<u16>().ok());
    let own = || {
        service
            .endpoints
            .iter()
            .filter(|endpoint| endpoint.container.as_deref() == Some(container.name.as_str()))
    };
    match (own().find(|endpoint| Some(endpoint.port) == inside), own().next()) {
        (Some(endpoint), _) => format!("write `expose {} to=ZONE`", endpoint.name),
        (None, Some(endpoint)) => format!(
            "`{}` listens on {}: write `expose {} to=ZONE`",
            container.name, endpoint.port, endpoint.name
        ),
        (None, None) => {
            "declare the port with `provides` in a module of the lab, and `expose` it".to_owned()
        }
    }
}
