//! The host names, and where they lead.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::Plan;
use super::scrapes::is_plain;
use super::way::{self, Way};
use crate::around::certificates::{Certificate, Certificates};
use crate::model::{
    Endpoint, EndpointId, Handling, Model, Protocol, Route, Service, ServiceId, ZoneId, ZoneKind,
};
use crate::source::Span;

/// A host name of a proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoutePlan {
    /// The host name.
    pub host: String,
    /// The proxy.
    pub via: ServiceId,
    /// The service that it leads to.
    pub service: ServiceId,
    /// The endpoint that it leads to.
    pub endpoint: EndpointId,
    /// The address that the proxy connects to.
    pub upstream: Way,
    /// The protocol that the proxy uses there.
    pub upstream_protocol: Protocol,
    /// The zones that may use it.
    pub from: Vec<ZoneId>,
    /// Whether everyone on the internet may use it.
    pub public: bool,
    /// The path that it leads, with all that is below; empty for all paths.
    pub path: String,
    /// Whether the service gets requests without that path.
    pub strip: bool,
    /// Whether it is one of several that share the host name by their paths.
    pub parted: bool,
    /// The URL, without a path, that visitors are sent on to instead.
    pub leads_to: Option<String>,
    /// What the proxy does on the way.
    pub handling: Handling,
    /// The signer of its certificate.
    pub certificate: Certificate,
    /// Paths that it does not lead to: metrics at the same port, which are for Prometheus alone.
    pub hidden: Vec<String>,
    /// The service that authenticates users first.
    pub auth: Option<RouteAuth>,
    /// The declaration.
    pub span: Span,
}

impl RoutePlan {
    /// Returns the name that the route's names are directly below, if they are: `example.org` for
    /// `*.example.org`.
    pub fn above(&self) -> Option<&str> {
        self.host.strip_prefix("*.")
    }

    /// Returns the host name with the path.
    pub fn name(&self) -> String {
        format!("{}{}", self.host, self.path)
    }

    /// Says for people what the proxy does on the way: what it is, and how.
    pub fn handled(&self, model: &Model) -> Vec<(String, String)> {
        let handling = &self.handling;
        let mut all: Vec<(String, String)> = Vec::new();
        let mut add = |what: &str, how: String| all.push((what.to_owned(), how));
        if !handling.allow.is_empty() {
            let list: Vec<String> = handling.allow.iter().map(ToString::to_string).collect();
            add("addresses", list.join(" "));
        }
        if let Some(secret) = handling.login {
            add("login", format!("the users in secret {}", model[secret].name));
        }
        if let Some(rate) = handling.rate {
            let (requests, burst) = (rate.requests, rate.burst);
            add("rate limit", format!("{requests} requests in {}, {burst} at once", rate.per));
        }
        if let Some(size) = handling.body {
            add("largest upload", size.to_string());
        }
        if let Some(to) = &self.leads_to {
            add("sent on", to.clone());
        }
        if self.strip {
            add("path", "taken away".to_owned());
        }
        for (kind, changes) in [
            ("request header", &handling.request_headers),
            ("response header", &handling.response_headers),
        ] {
            for change in changes {
                let value = change.value.clone().unwrap_or_else(|| "removed".to_owned());
                add(&format!("{kind} {}", change.name), value);
            }
        }
        for redirect in &handling.redirects {
            let how = if redirect.permanent { " for good" } else { "" };
            add(&format!("redirect of {}", redirect.path), format!("{}{how}", redirect.to));
        }
        for raw in &handling.raw {
            add(&format!("raw {}", raw.name), serde_json::json!(raw.value).to_string());
        }
        all
    }
}

impl Plan<'_> {
    /// Returns the address that visitors of a route connect to: that of its proxy's page.
    pub fn visited(&self, route: &RoutePlan) -> Vec<IpAddr> {
        let service = &self.model[route.via];
        let listeners = service.proxy.as_ref();
        let index = listeners.and_then(|proxy| proxy.https.or(proxy.http));
        let endpoint = index.and_then(|index| service.endpoints.get(index as usize));
        let own = endpoint.map(|endpoint| endpoint.addresses.iter()).into_iter().flatten();
        let own: Vec<IpAddr> = own.copied().filter(|address| !address.is_loopback()).collect();
        if own.is_empty() {
            self.model[service.machine].address().into_iter().collect()
        } else {
            own
        }
    }
}

/// Returns whether what a proxy does by this name may have a secret in it: what it tells the
/// service, and what is written in the proxy's own words. Reviewers are not shown such values.
pub fn may_hold_secret(what: &str) -> bool {
    what.starts_with("request header ") || what.starts_with("raw ")
}

/// The service that authenticates the users of a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteAuth {
    /// The endpoint.
    pub endpoint: EndpointId,
    /// The URL of the service, or nothing if the proxy can't reach it.
    pub url: Option<String>,
    /// The path at which the proxy asks it, or nothing if it has none for this proxy.
    pub path: Option<String>,
}

/// Lists the paths at an endpoint's port where another endpoint offers metrics without
/// authentication.
fn hidden(service: &Service, route: &Route) -> Vec<String> {
    let Some(own) = service.endpoints.get(route.endpoint as usize) else { return Vec::new() };
    let at_its_port = |other: &&Endpoint| {
        other.name != own.name && other.container == own.container && other.port == own.port
    };
    let measured = service
        .endpoints
        .iter()
        .filter(at_its_port)
        .filter(|other| other.scrape && other.credentials.is_none());
    // Each proxy would interpret anything but a plain path differently.
    let plain = |path: &&str| is_plain(path);
    let below = |path: &str| {
        if route.strip {
            return Some(format!("{}{path}", route.path));
        }
        let rest = path.strip_prefix(&route.path)?;
        (rest.is_empty() || rest.starts_with('/')).then(|| path.to_owned())
    };
    let mut paths: Vec<String> = measured
        .filter_map(|other| other.path.as_deref())
        .filter(plain)
        .filter_map(below)
        .collect();
    paths.sort();
    paths.dedup();
    paths
}

/// Lists the routes of every proxy, by host name.
pub fn routes(model: &Model, services: &[Vec<ServiceId>]) -> Vec<RoutePlan> {
    let certificates = Certificates::new(model);
    let mut routes = Vec::new();
    for (id, service) in model.services() {
        for route in &service.routes {
            let proxy = &model[route.via];
            let container = proxy.proxy.as_ref().and_then(|proxy| proxy.container.as_deref());
            let endpoint = EndpointId { service: id, index: route.endpoint };
            let local = proxy.machine.of::<Vec<_>>(services);
            let find = |endpoint| way::find(model, local, proxy.machine, container, endpoint);
            let Some(upstream) = find(endpoint) else { continue };
            let from: Vec<_> = route.from.iter().map(|zone| zone.value).collect();
            let auth_url = |auth| Some(find(auth)?.url(model.endpoint(auth).protocol.scheme()));
            let auth_path = |auth: EndpointId| {
                let gate = model[auth.service].forward_auth.as_ref()?;
                gate.path(proxy.proxy.as_ref()?.program).map(str::to_owned)
            };
            let auth = route.auth.map(|endpoint| RouteAuth {
                endpoint,
                url: auth_url(endpoint),
                path: auth_path(endpoint),
            });
            let scheme = certificates.of(route).scheme();
            let leads_to = route.leads_to.as_ref().map(|host| format!("{scheme}://{host}"));
            let mut handling = route.handling.clone();
            let hidden = hidden(service, route);
            handling.redirects.retain(|redirect| !hidden.contains(&redirect.path));
            routes.push(RoutePlan {
                host: route.host.value.clone(),
                via: route.via,
                service: id,
                endpoint,
                upstream,
                upstream_protocol: model.endpoint(endpoint).protocol,
                public: handling.allow.is_empty()
                    && from.iter().any(|zone| model[*zone].kind == ZoneKind::Internet),
                path: route.path.clone(),
                strip: route.strip,
                parted: false,
                leads_to,
                handling,
                certificate: certificates.of(route),
                hidden,
                from,
                auth,
                span: route.span,
            });
        }
    }
    // Of several paths of a host, the longest that fits decides, so it comes first.
    routes.sort_by(|a, b| {
        let by_path = b.path.len().cmp(&a.path.len()).then_with(|| a.path.cmp(&b.path));
        (&a.host, a.via).cmp(&(&b.host, b.via)).then(by_path)
    });
    let parted: BTreeSet<String> = routes
        .iter()
        .filter(|route| !route.path.is_empty())
        .map(|route| route.host.clone())
        .collect();
    for route in &mut routes {
        route.parted = parted.contains(&route.host);
    }
    routes
}
