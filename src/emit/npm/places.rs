//! Writes the whole server of a host name whose proxy does more than pass requests on.

use std::collections::BTreeSet;

use serde::Serialize;

use super::{Asked, Client, Gate, TEMPLATES, clients, gate};
use crate::diag::Diagnostics;
use crate::emit::Context;
use crate::model::{Data, HeaderChange};
use crate::plan::RoutePlan;

#[derive(Serialize)]
struct Server<'p> {
    places: Vec<Place<'p>>,
    /// Whether a place serves the paths that no other place serves.
    whole: bool,
    gates: Vec<MarkedGate<'p>>,
}

/// A path of the host.
#[derive(Serialize)]
struct Place<'p> {
    path: &'p str,
    /// The path as an expression.
    pattern: String,
    /// Whether to write the path itself, and what is below it.
    forms: Vec<bool>,
    hidden: Vec<&'p str>,
    redirects: Vec<RedirectView<'p>>,
    clients: Vec<Client>,
    leads_to: Option<&'p str>,
    /// Whether nobody can be asked who a user is.
    closed: bool,
    gate: Option<MarkedGate<'p>>,
    login: Option<String>,
    /// The largest upload in bytes, 0 for any.
    body: u64,
    request_headers: Vec<Header<'p>>,
    response_headers: Vec<Header<'p>>,
    raw: Vec<Raw<'p>>,
    scheme: &'static str,
    host: String,
    port: u16,
    strip: bool,
}

#[derive(Serialize)]
struct RedirectView<'p> {
    path: &'p str,
    to: &'p str,
    permanent: bool,
    /// The mark that distinguishes it from the others.
    mark: String,
}

#[derive(Serialize)]
struct Header<'p> {
    name: &'p str,
    value: Option<&'p str>,
}

#[derive(Serialize)]
struct Raw<'p> {
    name: &'p str,
    value: &'p Data,
}

/// A gate of several.
#[derive(Serialize, Clone)]
struct MarkedGate<'p> {
    #[serde(flatten)]
    gate: Gate<'p>,
    /// The mark that distinguishes it from the others.
    mark: String,
    clients: Vec<Client>,
}

/// Writes the server of a host name. `routes` are those of its paths, the longest first.
pub(super) fn write(
    context: &Context<'_>,
    routes: &[&RoutePlan],
    diagnostics: &mut Diagnostics,
) -> Option<String> {
    // nginx takes no path twice. What hides a path comes first, then what sends it on.
    let mut taken: BTreeSet<&str> = BTreeSet::new();
    let hidden: Vec<Vec<&str>> = routes
        .iter()
        .map(|route| {
            route.hidden.iter().map(String::as_str).filter(|path| taken.insert(path)).collect()
        })
        .collect();
    let mut count = 0_usize;
    let redirects: Vec<Vec<RedirectView<'_>>> = routes
        .iter()
        .map(|route| {
            let all = route.handling.redirects.iter().filter(|one| taken.insert(&one.path));
            all.map(|one| {
                count += 1;
                RedirectView {
                    path: &one.path,
                    to: &one.to,
                    permanent: one.permanent,
                    mark: count.to_string(),
                }
            })
            .collect()
        })
        .collect();
    let mut gates: Vec<MarkedGate<'_>> = Vec::new();
    let mut places = Vec::new();
    for ((route, hidden), redirects) in routes.iter().zip(hidden).zip(redirects) {
        let clients = if route.public { Vec::new() } else { closing(clients(context, route)) };
        let (closed, gate) = match gate(context, route) {
            Asked::Nobody => (false, None),
            Asked::InVain => (true, None),
            Asked::Gate(gate) => (false, Some(marked(&gate, &clients, &mut gates))),
        };
        let forms = match route.path.as_str() {
            "" => vec![false],
            path if taken.contains(path) => vec![false],
            _ => vec![true, false],
        };
        let handling = &route.handling;
        places.push(Place {
            path: &route.path,
            // A path of the lab has no other character with a meaning in regular expressions.
            pattern: route.path.replace('.', "[.]"),
            forms,
            hidden,
            redirects,
            clients,
            leads_to: route.leads_to.as_deref(),
            closed,
            gate,
            login: handling
                .login
                .map(|secret| format!("/run/secrets/{}", context.model()[secret].name)),
            body: handling.body.map_or(0, |size| size.0),
            request_headers: handling
                .sent_headers()
                .into_iter()
                .map(|(name, value)| Header { name, value })
                .collect(),
            response_headers: handling.response_headers.iter().map(header).collect(),
            raw: handling
                .raw
                .iter()
                .map(|raw| Raw { name: &raw.name, value: &raw.value })
                .collect(),
            scheme: route.upstream_protocol.scheme(),
            host: route.upstream.host_in_url(),
            port: route.upstream.port,
            strip: route.strip,
        });
    }
    let whole = places.iter().any(|place| place.path.is_empty());
    let server = Server { places, whole, gates };
    TEMPLATES.write("places.nginx.j2", &server, &context.this().name, diagnostics)
}

fn header(change: &HeaderChange) -> Header<'_> {
    Header { name: &change.name, value: change.value.as_deref() }
}

/// Ends a list of who may visit.
fn closing(mut clients: Vec<Client>) -> Vec<Client> {
    clients.push(Client { address: "all".to_owned(), directive: "deny" });
    clients.dedup_by(|one, other| one.address == other.address && one.directive == other.directive);
    clients
}

/// Marks a gate, or finds the mark of an equal one.
fn marked<'p>(
    gate: &Gate<'p>,
    clients: &[Client],
    gates: &mut Vec<MarkedGate<'p>>,
) -> MarkedGate<'p> {
    if let Some(known) = gates.iter().find(|known| known.gate == *gate) {
        return known.clone();
    }
    let mark = if gates.is_empty() { String::new() } else { format!("-{}", gates.len()) };
    let mut pages = gate.clone();
    // Two services can't both show their pages in one place.
    if gates.iter().any(|known| known.gate.pages == gate.pages) {
        pages.pages = None;
    }
    let marked = MarkedGate { gate: pages, mark, clients: clients.to_vec() };
    gates.push(marked.clone());
    marked
}
