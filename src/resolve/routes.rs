//! Resolves the endpoints that a service exposes and the routes that lead to it.

use super::handling::handling;
use super::networks::zone;
use super::{codes, names};
use crate::decl::types::is_name;
use crate::decl::{Block, Value};
use crate::diag::{Diagnostic, Diagnostics, suggest};
use crate::model::{EndpointId, Expose, Handling, Model, ProxyProgram, Route, Service, ServiceId};
use crate::source::Spanned;

pub fn endpoint(
    name: &Spanned<Value<'_>>,
    service: &Service,
    diagnostics: &mut Diagnostics,
) -> Option<u32> {
    let text = name.text().unwrap_or_default();
    let found = service.endpoints.iter().position(|endpoint| endpoint.name == text);
    if found.is_none() && service.endpoints.is_empty() && !name.is_faulty() {
        let message = format!("`{}` has no endpoint", service.name);
        diagnostics.push(
            Diagnostic::new(&codes::UNKNOWN_NAME, name.span, message)
                .help("remove this line: no program of the service listens"),
        );
    } else if found.is_none() {
        let what = format!("endpoint of `{}` named", service.name);
        names::unknown(
            &codes::UNKNOWN_NAME,
            &what,
            text,
            name,
            service.endpoints.iter().map(|endpoint| endpoint.name.as_str()),
            diagnostics,
        );
    }
    found.and_then(|index| u32::try_from(index).ok())
}

fn zones(
    list: Option<&Spanned<Value<'_>>>,
    model: &Model,
    diagnostics: &mut Diagnostics,
) -> Vec<Spanned<crate::model::ZoneId>> {
    let items = list.map(Spanned::items).unwrap_or_default();
    let mut zones: Vec<_> = items
        .iter()
        .filter_map(|name| Some(Spanned::new(zone(name, &model.zones, diagnostics)?, name.span)))
        .collect();
    zones.sort_by_key(|zone| zone.value);
    zones.dedup_by_key(|zone| zone.value);
    zones
}

pub fn exposes(
    block: &Block<'_>,
    service: &Service,
    model: &Model,
    diagnostics: &mut Diagnostics,
) -> Vec<Expose> {
    let mut exposes = Vec::new();
    for node in block.all("expose") {
        let to = zones(node.property("to"), model, diagnostics);
        let named = node.argument(0);
        if let Some(found) = named.and_then(|name| zone_alone(node, name, service, model)) {
            diagnostics.complete(node.span);
            diagnostics.push(found);
            continue;
        }
        let Some(endpoint) = named.and_then(|name| endpoint(name, service, diagnostics)) else {
            continue;
        };
        exposes.push(Expose { endpoint, to, span: node.span });
    }
    exposes.sort_by_key(|expose| (expose.endpoint, expose.span));
    exposes
}

/// Reports the name of a zone where that of an endpoint belongs, if no zone is named besides.
fn zone_alone(
    node: &Block<'_>,
    name: &Spanned<Value<'_>>,
    service: &Service,
    model: &Model,
) -> Option<Diagnostic> {
    let text = name.text()?;
    let is_zone = model.zones.binary_search_by(|zone| zone.name.as_str().cmp(text)).is_ok();
    let is_endpoint = |name: &str| service.endpoints.iter().any(|endpoint| endpoint.name == name);
    if node.property("to").is_some() || !is_zone || is_endpoint(text) {
        return None;
    }
    let first = service.endpoints.first()?;
    let message = format!("`{text}` is a zone, and no endpoint of `{}`", service.name);
    let names: Vec<&str> =
        service.endpoints.iter().map(|endpoint| endpoint.name.as_str()).collect();
    let help = match names[..] {
        [_] => format!("write `expose {} to={text}`", first.name),
        _ => format!("write `expose NAME to={text}` with one of: {}", names.join(", ")),
    };
    Some(Diagnostic::new(&codes::UNKNOWN_NAME, name.span, message).help(help))
}

pub fn routes(
    block: &Block<'_>,
    service: &Service,
    list: &[&str],
    gates: &Gates,
    model: &Model,
    diagnostics: &mut Diagnostics,
) -> Vec<Route> {
    let mut routes = Vec::new();
    for node in block.all("route") {
        // All names are looked up before the first `continue`, so that all that are wrong are
        // reported.
        let from = zones(node.property("from"), model, diagnostics);
        let target = node.property("to").and_then(|name| endpoint(name, service, diagnostics));
        let mut named = |property: &str, kind: &Gate<'_>| {
            let name = node.property(property)?;
            Some((kind.find(name, list, diagnostics)?, name.span))
        };
        let authenticators = |index| gates.authenticator(index).is_some();
        let authenticators = Gate {
            what: "service that authenticates users",
            modules: "authentik",
            fits: &authenticators,
        };
        let proxies = |index| gates.is_proxy(index);
        let proxies = Gate {
            what: "proxy",
            modules: "nginx-proxy-manager, traefik or caddy",
            fits: &proxies,
        };
        let (auth, via) = (named("auth", &authenticators), named("via", &proxies));
        if let Some((service, span)) =
            auth.filter(|(service, _)| gates.authenticator(*service).is_none())
        {
            let help = authenticators.help(list);
            let message = format!(
                "`{}` does not authenticate users",
                list.get(service).copied().unwrap_or_default()
            );
            diagnostics.push(
                Diagnostic::new(&codes::ROUTE_WITHOUT_AUTHENTICATION, span, message).help(help),
            );
        }
        let (Some(endpoint), Some((via, span)), Some(host)) = (target, via, node.argument(0))
        else {
            continue;
        };
        let asked = auth.and_then(|(service, span)| {
            Some((service, span, gates.authenticators.get(service)?.as_ref()?))
        });
        if let Some((service, span, gate)) = asked
            && let Some(program) = gates.program(via)
            && gate.programs.iter().all(|asks| *asks != program)
        {
            let name = |index: usize| list.get(index).copied().unwrap_or_default();
            let message = format!("`{}` can't ask `{}` who a user is", name(via), name(service));
            let programs: Vec<_> = gate.programs.iter().map(|program| program.name()).collect();
            let help = format!("it answers {}", programs.join(" and "));
            diagnostics.push(
                Diagnostic::new(&codes::ROUTE_WITHOUT_AUTHENTICATION, span, message).help(help),
            );
        }
        if !gates.is_proxy(via) {
            let help = proxies.help(list);
            diagnostics.push(
                Diagnostic::new(
                    &codes::ROUTE_WITHOUT_PROXY,
                    span,
                    format!("`{}` is not a proxy", list.get(via).copied().unwrap_or_default()),
                )
                .help(help),
            );
            continue;
        }
        let Some(name) = served(host, diagnostics) else { continue };
        let Some(program) = gates.program(via) else { continue };
        let handling = handling(node, program, model, diagnostics);
        let paths = paths(node, endpoint, service, diagnostics);
        // A redirected name keeps out the same visitors. All else happens at the name it leads to.
        let only_guarded = Handling { allow: handling.allow.clone(), ..Handling::default() };
        let mut add = |host, path: &Path, alias, leads_to: Option<String>| {
            let handling = if leads_to.is_some() { &only_guarded } else { &handling };
            routes.push(Route {
                host,
                alias,
                endpoint: path.endpoint,
                via: ServiceId::at(via),
                from: from.clone(),
                auth: auth.and_then(|(service, _)| gates.authenticator(service)),
                path: path.prefix.clone(),
                strip: path.strip,
                leads_to,
                handling: handling.clone(),
                span: node.span,
            });
        };
        for path in &paths {
            add(name.clone(), path, false, None);
        }
        for alias in node.all("alias") {
            let Some(other) = alias.argument(0).and_then(|host| served(host, diagnostics)) else {
                continue;
            };
            if alias.property("redirect").and_then(Spanned::bool) == Some(true) {
                let path = Path { prefix: String::new(), strip: false, endpoint };
                add(other, &path, true, Some(name.value.clone()));
                continue;
            }
            for path in &paths {
                add(other.clone(), path, true, None);
            }
        }
    }
    routes.sort_by(|a, b| (&a.host.value, &a.path).cmp(&(&b.host.value, &b.path)));
    routes
}

/// Returns a host name, if a proxy can serve it.
fn served(host: &Spanned<Value<'_>>, diagnostics: &mut Diagnostics) -> Option<Spanned<String>> {
    let name = host.string()?;
    if !is_served(&name) {
        let message = format!("`{name}` is no name that a proxy can serve");
        diagnostics.push(
            Diagnostic::new(&crate::decl::codes::WRONG_TYPE, host.span, message)
                .help("name a host of a domain, such as `\"films.example.org\"`"),
        );
    }
    Some(Spanned::new(name, host.span))
}

/// Returns whether a proxy can serve a host name.
pub fn is_served(name: &str) -> bool {
    // What ends with a number is an address to a browser.
    let last = name.rsplit('.').next().unwrap_or_default();
    name != "localhost"
        && !last.bytes().all(|byte| byte.is_ascii_digit())
        && name.parse::<std::net::IpAddr>().is_err()
}

/// A path that a route leads.
struct Path {
    /// Empty for all paths.
    prefix: String,
    strip: bool,
    endpoint: u32,
}

fn paths(
    node: &Block<'_>,
    of_route: u32,
    service: &Service,
    diagnostics: &mut Diagnostics,
) -> Vec<Path> {
    let mut paths = Vec::new();
    for block in node.all("path") {
        let own = block.property("to").map(|name| endpoint(name, service, diagnostics));
        let Some(Some(text)) = block.argument(0).map(Spanned::text) else { continue };
        let strip = block.property("strip").and_then(Spanned::bool) == Some(true);
        let Some(endpoint) = own.unwrap_or(Some(of_route)) else { continue };
        let path = text.trim_end_matches('/').to_owned();
        // There is nothing to strip of the path `/`.
        paths.push(Path { strip: strip && !path.is_empty(), prefix: path, endpoint });
    }
    if node.child("path").is_none() {
        paths.push(Path { prefix: String::new(), strip: false, endpoint: of_route });
    }
    paths
}

/// A service that a route needs: one that routes go through, or that authenticates users.
struct Gate<'g> {
    what: &'static str,
    modules: &'static str,
    /// Returns whether the service with an index is one.
    fits: &'g dyn Fn(usize) -> bool,
}

impl Gate<'_> {
    /// Finds a service by its name. Only those that fit are suggested for one that is not there.
    fn find(
        &self,
        name: &Spanned<Value<'_>>,
        list: &[&str],
        diagnostics: &mut Diagnostics,
    ) -> Option<usize> {
        let text = name.text().unwrap_or_default();
        let found = list.binary_search(&text).ok();
        if found.is_none() && !name.is_faulty() && list.iter().all(|name| is_name(name)) {
            let help = suggest(text, self.fitting(list), || self.help(list));
            diagnostics.push(
                Diagnostic::new(
                    &codes::UNKNOWN_NAME,
                    name.span,
                    format!("there is no service `{text}`"),
                )
                .help(help),
            );
        }
        found
    }

    fn fitting<'l>(&self, list: &[&'l str]) -> Vec<&'l str> {
        list.iter()
            .enumerate()
            .filter(|(index, _)| (self.fits)(*index))
            .map(|(_, name)| *name)
            .collect()
    }

    /// Lists the services that fit, or else what to add.
    fn help(&self, list: &[&str]) -> String {
        let Self { what, modules, .. } = self;
        let names = self.fitting(list);
        match names[..] {
            [] => format!("the lab has no {what} yet: add a service of module {modules}"),
            [name] => format!("the lab has one {what}: {name}"),
            _ => format!("choose one of {}", names.join(", ")),
        }
    }
}

/// What each service can be for a route.
pub struct Gates {
    /// Its program, if it is a proxy.
    proxies: Vec<Option<ProxyProgram>>,
    /// How it authenticates users, if it does.
    authenticators: Vec<Option<Authenticator>>,
}

struct Authenticator {
    endpoint: EndpointId,
    /// The proxies that it has an answer for.
    programs: Vec<ProxyProgram>,
}

impl Gates {
    fn is_proxy(&self, service: usize) -> bool {
        self.program(service).is_some()
    }

    fn program(&self, service: usize) -> Option<ProxyProgram> {
        self.proxies.get(service).copied().flatten()
    }

    fn authenticator(&self, service: usize) -> Option<EndpointId> {
        self.authenticators.get(service)?.as_ref().map(|gate| gate.endpoint)
    }

    pub(super) fn of(services: &[Service]) -> Self {
        let authenticator = |(service, index): (&Service, usize)| {
            let gate = service.forward_auth.as_ref()?;
            Some(Authenticator {
                endpoint: EndpointId { service: ServiceId::at(index), index: gate.endpoint },
                programs: gate.paths.iter().map(|(program, _)| *program).collect(),
            })
        };
        Self {
            proxies: services
                .iter()
                .map(|service| service.proxy.as_ref().map(|proxy| proxy.program))
                .collect(),
            authenticators: services.iter().zip(0..).map(authenticator).collect(),
        }
    }
}
