//! Builds the view of a route that templates see.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::model::{Data, HeaderChange, Redirect, Service, ServiceId, ZoneId};
use crate::plan::{Plan, RoutePlan};

/// A route, as templates see it.
#[derive(Debug, Serialize)]
pub(super) struct RouteView<'p> {
    host: &'p str,
    /// For all names directly below one, that name.
    above: Option<&'p str>,
    url: String,
    via: &'p str,
    service: &'p str,
    module: &'p str,
    summary: &'p str,
    machine: &'p str,
    endpoint: &'p str,
    path: Option<&'p str>,
    upstream: Upstream<'p>,
    from: Vec<&'p str>,
    /// The prefixes that may use the route. They don't overlap.
    allow: Vec<String>,
    public: bool,
    hidden: &'p [String],
    /// The name that configurations give it, unique among routes.
    id: String,
    /// The path that the route is for, or nothing for all paths.
    prefix: &'p str,
    strip: bool,
    parted: bool,
    redirect: Option<&'p str>,
    /// The file with the users who may log in, in the proxy's container.
    login: Option<String>,
    rate: Option<RateView>,
    /// The largest upload in bytes.
    body: Option<u64>,
    /// An empty value removes the header.
    request_headers: BTreeMap<&'p str, &'p str>,
    response_headers: BTreeMap<&'p str, &'p str>,
    redirects: Vec<RedirectView<'p>>,
    /// The labels of the service's containers, divided at the dots in their names.
    labels: Label<'p>,
    raw: Vec<RawView<'p>>,
    auth: Option<&'p str>,
    auth_url: Option<&'p str>,
    auth_path: Option<&'p str>,
    auth_pages: Option<&'p str>,
    auth_headers: &'p [String],
}

/// A label, or several whose names begin alike.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Label<'p> {
    Value(&'p str),
    Group(BTreeMap<&'p str, Label<'p>>),
}

impl<'p> Label<'p> {
    /// Adds a label, unless the beginning of its name is itself a label.
    fn add(&mut self, name: &'p str, value: &'p str) {
        let Self::Group(group) = self else { return };
        match name.split_once('.') {
            None => {
                group.entry(name).or_insert(Self::Value(value));
            }
            Some((first, rest)) => {
                group.entry(first).or_insert_with(|| Self::Group(BTreeMap::new())).add(rest, value);
            }
        }
    }
}

#[derive(Debug, Serialize)]
struct RateView {
    requests: u32,
    seconds: u64,
    burst: u32,
}

#[derive(Debug, Serialize)]
struct RedirectView<'p> {
    path: &'p str,
    to: &'p str,
    permanent: bool,
}

#[derive(Debug, Serialize)]
struct RawView<'p> {
    name: &'p str,
    value: &'p Data,
}

#[derive(Debug, Serialize)]
struct Upstream<'p> {
    host: &'p str,
    port: u16,
    protocol: &'static str,
    url: String,
}

/// The prefixes that a proxy lets in from zones.
pub(super) type Admitted<'p> = BTreeMap<(&'p [ZoneId], ServiceId), Vec<String>>;

/// Builds the view of a route. `prefixes` are the addresses of the zones of each route.
pub(super) fn route_view<'p>(
    plan: &'p Plan<'_>,
    route: &'p RoutePlan,
    prefixes: &Admitted<'_>,
) -> RouteView<'p> {
    let model = plan.model;
    let service = &model[route.service];
    let endpoint = model.endpoint(route.endpoint);
    let via = &model[route.via];
    let gate = route.auth.as_ref();
    let gate = gate.and_then(|auth| model[auth.endpoint.service].forward_auth.as_ref());
    let scheme = route.certificate.scheme();
    let handling = &route.handling;
    RouteView {
        host: &route.host,
        above: route.above(),
        url: format!("{scheme}://{}", route.host),
        via: &via.name,
        service: &service.name,
        module: &service.module,
        summary: &service.summary,
        machine: &model[service.machine].name,
        endpoint: &endpoint.name,
        path: endpoint.path.as_deref(),
        upstream: Upstream {
            host: &route.upstream.host,
            port: route.upstream.port,
            protocol: route.upstream_protocol.name(),
            url: route.upstream.url(route.upstream_protocol.scheme()),
        },
        from: route.from.iter().map(|zone| model[*zone].name.as_str()).collect(),
        allow: if handling.allow.is_empty() {
            prefixes.get(&(route.from.as_slice(), route.via)).cloned().unwrap_or_default()
        } else {
            plan.visitors(route).prefixes().iter().map(ToString::to_string).collect()
        },
        public: route.public,
        hidden: &route.hidden,
        // No name begins with a dot, so this is the id of no other.
        id: format!("{}{}", route.host.trim_start_matches('*').replace('.', "_"), route.path),
        prefix: &route.path,
        strip: route.strip,
        parted: route.parted,
        redirect: route.leads_to.as_deref(),
        login: handling.login.map(|secret| format!("/run/secrets/{}", model[secret].name)),
        rate: handling.rate.map(|rate| RateView {
            requests: rate.requests,
            seconds: rate.per.0,
            burst: rate.burst,
        }),
        body: handling.body.map(|size| size.0),
        request_headers: handling
            .sent_headers()
            .into_iter()
            .map(|(name, value)| (name, value.unwrap_or_default()))
            .collect(),
        response_headers: headers(&handling.response_headers),
        redirects: handling.redirects.iter().map(redirect_view).collect(),
        labels: labels(service),
        raw: handling
            .raw
            .iter()
            .map(|raw| RawView { name: &raw.name, value: &raw.value })
            .collect(),
        auth: route.auth.as_ref().map(|auth| model[auth.endpoint.service].name.as_str()),
        auth_url: route.auth.as_ref().and_then(|auth| auth.url.as_deref()),
        auth_path: route.auth.as_ref().and_then(|auth| auth.path.as_deref()),
        auth_pages: gate.and_then(|gate| gate.pages.as_deref()),
        auth_headers: gate.map(|gate| gate.headers.as_slice()).unwrap_or_default(),
    }
}

fn labels(service: &Service) -> Label<'_> {
    let mut labels = Label::Group(BTreeMap::new());
    let modelled = service.containers.iter().flat_map(|container| &container.labels);
    let modelled = modelled.map(|(name, value)| (name.as_str(), value.as_str()));
    let raw = service.containers.iter().filter_map(|container| container.raw.get("labels"));
    let raw = raw.flat_map(Data::items).filter_map(|label| label.as_text()?.split_once('='));
    // The depth of a value that templates see has a limit.
    for (name, value) in modelled.chain(raw).filter(|(name, _)| name.matches('.').count() < 8) {
        labels.add(name, value);
    }
    labels
}

fn headers(changes: &[HeaderChange]) -> BTreeMap<&str, &str> {
    changes
        .iter()
        .map(|change| (change.name.as_str(), change.value.as_deref().unwrap_or_default()))
        .collect()
}

fn redirect_view(redirect: &Redirect) -> RedirectView<'_> {
    RedirectView { path: &redirect.path, to: &redirect.to, permanent: redirect.permanent }
}
