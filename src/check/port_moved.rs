//! Finds ports that a program no longer listens on.

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::plan::Plan;

/// Finds endpoints at a port that the image no longer uses.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code = codes::code!(
    "port-moved",
    Warning,
    "an endpoint is at a port that the program no longer listens on"
);

/// A move of a program to another port.
struct Move {
    repository: &'static str,
    from: u16,
    now: &'static str,
}

/// The known moves. Source: <https://github.com/immich-app/immich/releases/tag/v1.118.0>, and
/// `v1.106.1` for the microservices.
static MOVES: &[Move] = &[Move {
    repository: "immich-app/immich-server",
    from: 3001,
    now: "since version 1.118 it listens on 2283, and the microservices are part of it since 1.106",
}];

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    for service in &plan.model.services {
        for endpoint in &service.endpoints {
            let listens =
                |name: &str| service.containers.iter().find(|container| container.name == name);
            let Some(container) = endpoint.container.as_deref().and_then(listens) else { continue };
            let image = container.repository();
            let Some(moved) =
                MOVES.iter().find(|moved| moved.repository == image && moved.from == endpoint.port)
            else {
                continue;
            };
            diagnostics.push(
                Diagnostic::new(
                    &CODE,
                    service.span,
                    format!("nothing in `{}` listens on port {}", container.name, endpoint.port),
                )
                .label(endpoint.span, format!("the module says that `{}` does", endpoint.name))
                .help(moved.now)
                .on(service.name.clone()),
            );
        }
    }
}
