//! What each Prometheus scrapes.

use super::{Plan, RoutePlan, way};
use crate::model::{EndpointId, MachineId, Model, Role, ServiceId};

/// The job by which a Prometheus probes every route. No service can have a name with a colon.
pub const PROBES: &str = "probe:routes";

/// A target of a Prometheus.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Scrape {
    /// The Prometheus service.
    pub by: ServiceId,
    /// The job: the scraped service's name, with the endpoint's name if the service has several.
    pub job: String,
    /// `host:port` as that Prometheus reaches it.
    pub target: String,
    /// The machine that is measured.
    pub machine: MachineId,
    /// The endpoint.
    pub endpoint: EndpointId,
    /// The path.
    pub path: String,
    /// `http` or `https`.
    pub scheme: &'static str,
}

impl Plan<'_> {
    /// Returns the endpoint through which a Prometheus probes every route.
    pub fn prober(&self, prometheus: ServiceId) -> Option<&Scrape> {
        self.probers().find(|scrape| scrape.by == prometheus)
    }

    /// Lists job and target of everything that any Prometheus queries, including the routes that it
    /// probes.
    pub fn targets(&self) -> impl Iterator<Item = (&str, String)> {
        let probed = self.probers().next().is_some();
        let scraped =
            self.scrapes.iter().map(|scrape| (scrape.job.as_str(), scrape.target.clone()));
        let probes = self.probed().filter(move |_| probed);
        scraped.chain(probes.map(|route| (PROBES, self.url(route))))
    }

    /// Lists the routes that are probed. What answers at the very path of a route that leads only
    /// that path is not known, and `*` is no name to ask for.
    pub fn probed(&self) -> impl Iterator<Item = &RoutePlan> {
        self.routes.iter().filter(|route| route.path.is_empty() && route.above().is_none())
    }

    /// Lists the Alertmanagers that a Prometheus sends its alerts to: the endpoint, and `host:port`
    /// as that Prometheus reaches it.
    pub fn alertmanagers(
        &self,
        prometheus: ServiceId,
    ) -> impl Iterator<Item = (EndpointId, String)> {
        let collector = &self.model[prometheus];
        let services = &self.machine(collector.machine).services;
        let needs = collector.needs.iter().filter(|need| need.role == "alertmanager");
        needs.flat_map(move |need| {
            need.endpoints.iter().filter_map(move |endpoint| {
                let container = need.container.as_deref();
                let way = way::find(self.model, services, collector.machine, container, *endpoint)?;
                Some((*endpoint, way.authority()))
            })
        })
    }

    fn probers(&self) -> impl Iterator<Item = &Scrape> {
        let is_prober =
            |scrape: &&Scrape| self.model[scrape.endpoint.service].has(Role::BlackboxExporter);
        self.scrapes.iter().filter(is_prober).filter(|_| !self.routes.is_empty())
    }

    /// Returns the URL at which a route is probed. A proxy redirects http to https by itself, and
    /// the probe follows. Some programs know nothing but their own path.
    pub fn url(&self, route: &RoutePlan) -> String {
        let proxy = self.model[route.via].proxy.as_ref();
        let scheme = if proxy.is_some_and(|proxy| proxy.http.is_none()) { "https" } else { "http" };
        let endpoint = self.model.endpoint(route.endpoint);
        let path = endpoint.path.as_deref().filter(|path| !endpoint.scrape && is_plain(path));
        format!("{scheme}://{}{}", route.host, path.unwrap_or_default())
    }
}

/// Returns whether a path means the same to every program that reads it.
pub fn is_plain(path: &str) -> bool {
    path.starts_with('/')
        && path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/_.-".contains(&byte))
}

/// Lists the targets of every Prometheus.
pub fn scrapes(model: &Model, services: &[Vec<ServiceId>]) -> Vec<Scrape> {
    let mut scrapes = Vec::new();
    for (by, collector) in model.services().filter(|(_, service)| service.has(Role::Prometheus)) {
        let container = collector.containers.first().map(|container| container.name.as_str());
        for (id, service) in model.services() {
            let several = service.endpoints.iter().filter(|endpoint| endpoint.scrape).count() > 1;
            for (index, endpoint) in
                service.endpoints.iter().enumerate().filter(|(_, endpoint)| endpoint.scrape)
            {
                let Ok(index) = u32::try_from(index) else { continue };
                let endpoint_id = EndpointId { service: id, index };
                let local = collector.machine.of(services);
                let Some(way) = way::find(model, local, collector.machine, container, endpoint_id)
                else {
                    continue;
                };
                scrapes.push(Scrape {
                    by,
                    job: if several {
                        format!("{}-{}", service.name, endpoint.name)
                    } else {
                        service.name.clone()
                    },
                    target: way.authority(),
                    machine: service.machine,
                    endpoint: endpoint_id,
                    path: endpoint.path.clone().unwrap_or_else(|| "/metrics".to_owned()),
                    scheme: endpoint.protocol.scheme(),
                });
            }
        }
    }
    scrapes.sort();
    scrapes
}
