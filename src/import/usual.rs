//! Knows where a program listens whose compose file does not say so, by the library's module.

use super::ledger::At;
use super::library::{self, Variable};
use super::stack::Around;

/// Returns the endpoints that the library knows of a container's image: their names, with the ports
/// and whether they are UDP. Variables may set the ports.
pub fn endpoints<'a>(service: &At<'_>, around: &Around<'a>) -> Vec<(&'a str, u16, bool)> {
    let image = service.get("image");
    let image = image.as_ref().and_then(At::text).unwrap_or_default();
    let variables = service.get("environment");
    let known = library::endpoints(image, around.library).into_iter();
    known
        .filter(|(_, endpoint)| !endpoint.database && !endpoint.scraped)
        .map(|(container, endpoint)| {
            let set = variables.iter().flat_map(At::entries).find_map(|(name, at)| {
                let own = container.variable(name) == Variable::Port(endpoint.name);
                at.text()?.parse::<u16>().ok().filter(|port| own && *port > 0)
            });
            (endpoint.name, set.unwrap_or(endpoint.port), endpoint.udp)
        })
        .collect()
}

/// Says which ports are opened of a container that was reached at every one, and what is left to
/// look at.
pub fn told(service: &At<'_>, around: &Around<'_>) -> String {
    let usual = endpoints(service, around);
    let names: Vec<String> = usual.iter().map(|(name, ..)| format!("`{name}`")).collect();
    match names.as_slice() {
        [] => "say with `provides` which ports it listens on, and `expose` those that others need"
            .to_owned(),
        names => format!(
            "the ports where it usually listens are opened ({}); say with `provides` where else it \
             does, and `expose` what others need",
            names.join(", ")
        ),
    }
}
