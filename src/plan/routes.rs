//! The host names, and where they lead.

use super::scrapes::is_plain;
use super::way::{self, Way};
use crate::around::certificates::{Certificate, Certificates};
use crate::model::{Endpoint, EndpointId, Model, Protocol, Service, ServiceId, ZoneId, ZoneKind};
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
    /// The signer of its certificate.
    pub certificate: Certificate,
    /// Paths that it does not lead to: metrics at the same port, which are for Prometheus alone.
    pub hidden: Vec<String>,
    /// The service that authenticates users first.
    pub auth: Option<RouteAuth>,
    /// The declaration.
    pub span: Span,
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
fn hidden(service: &Service, index: u32) -> Vec<String> {
    let Some(own) = service.endpoints.get(index as usize) else { return Vec::new() };
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
    let mut paths: Vec<String> = measured
        .filter_map(|other| other.path.as_deref())
        .filter(plain)
        .map(str::to_owned)
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
            routes.push(RoutePlan {
                host: route.host.value.clone(),
                via: route.via,
                service: id,
                endpoint,
                upstream,
                upstream_protocol: model.endpoint(endpoint).protocol,
                public: from.iter().any(|zone| model[*zone].kind == ZoneKind::Internet),
                certificate: certificates.of(route),
                hidden: hidden(service, route.endpoint),
                from,
                auth,
                span: route.span,
            });
        }
    }
    routes.sort_by(|a, b| (&a.host, a.via).cmp(&(&b.host, b.via)));
    routes
}
