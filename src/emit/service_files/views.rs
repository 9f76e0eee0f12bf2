//! Builds the views that templates see. `docs/templates.md` documents them as an interface: a field
//! is never renamed or removed.

use std::collections::{BTreeMap, BTreeSet};

use minijinja::context;
use minijinja::value::{Serde, Value};
use serde::Serialize;

use super::routes::{Admitted, RouteView, route_view};
use crate::emit::Context;
use crate::model::{
    Door, EndpointId, Machine, Model, Network, Protocol, Route, Service, ServiceId, State, ZoneId,
    ZoneKind, marked_secret,
};
use crate::plan::{Plan, Scrape, secret_path, way};

#[derive(Debug, Serialize)]
struct LabView<'p> {
    name: &'p str,
    version: &'p str,
    domain: Option<&'p str>,
    timezone: &'p str,
    email: Option<&'p str>,
    machines: Vec<MachineView<'p>>,
    services: Vec<ServiceView<'p>>,
    networks: Vec<NetworkView<'p>>,
    routes: Vec<RouteView<'p>>,
    scrapes: Vec<ScrapeView<'p>>,
    names: BTreeMap<String, String>,
    addresses: BTreeMap<String, Vec<String>>,
}

#[derive(Debug, Serialize)]
struct MachineView<'p> {
    name: &'p str,
    kind: &'static str,
    managed: bool,
    system: bool,
    containers: bool,
    os: Option<&'static str>,
    arch: &'static str,
    address: Option<String>,
    addresses: Vec<AddressView<'p>>,
    zone: &'p str,
    gpu: bool,
    appdata: &'p str,
    ipv6: bool,
    /// The machine that it is a guest of, and its number there.
    host: Option<&'p str>,
    id: Option<u32>,
    /// The ports of its ssh server.
    ssh_ports: Vec<u16>,
    /// The folders that other machines change too.
    shares: Vec<&'p str>,
    cores: Option<u32>,
    memory: Option<String>,
    hardware: Option<&'p str>,
}

#[derive(Debug, Serialize)]
struct AddressView<'p> {
    network: &'p str,
    address: String,
    prefix: u8,
    interface: Option<&'p str>,
}

#[derive(Debug, Serialize)]
struct ServiceView<'p> {
    name: &'p str,
    module: &'p str,
    version: &'p str,
    summary: &'p str,
    homepage: Option<&'p str>,
    machine: &'p str,
    folder: String,
    endpoints: BTreeMap<&'p str, EndpointView<'p>>,
    states: BTreeMap<&'p str, &'p str>,
    hosts: Vec<&'p str>,
    /// The address that people open.
    url: Option<String>,
    urls: Vec<String>,
    /// The prefixes from which proxies connect to it.
    proxies: Vec<String>,
    /// Whether everyone on the internet can reach one of its endpoints.
    public: bool,
    containers: Vec<&'p str>,
}

#[derive(Debug, Serialize)]
struct EndpointView<'p> {
    port: u16,
    host_port: u16,
    protocol: &'static str,
    path: Option<&'p str>,
    url: Option<String>,
}

#[derive(Debug, Serialize)]
struct NetworkView<'p> {
    name: &'p str,
    prefixes: Vec<String>,
    gateways: Vec<String>,
    dns: Vec<String>,
    vlan: Option<u16>,
}

#[derive(Debug, Serialize)]
struct ScrapeView<'p> {
    job: &'p str,
    target: &'p str,
    path: &'p str,
    scheme: &'p str,
    by: &'p str,
    service: &'p str,
    machine: &'p str,
}

#[derive(Debug, Serialize)]
struct NeedView<'p> {
    host: String,
    port: u16,
    url: String,
    path: Option<&'p str>,
    protocol: &'static str,
    service: &'p str,
    machine: &'p str,
    endpoint: &'p str,
}

fn view(value: impl Serialize) -> Value {
    Value::from(Serde(value))
}

/// Builds the view of the whole lab.
pub(super) fn lab(plan: &Plan<'_>) -> Value {
    let model = plan.model;
    let info = &model.lab;
    // Many routes are open to the same zones, and splitting their prefixes takes a while.
    let mut prefixes = Admitted::new();
    for route in &plan.routes {
        prefixes.entry((&route.from, route.via)).or_insert_with(|| {
            let admitted = plan.admitted(&route.from, route.via);
            admitted.prefixes().iter().map(ToString::to_string).collect()
        });
    }
    let addresses = addresses(plan);
    let first = |(name, all): (&String, &Vec<String>)| Some((name.clone(), all.first()?.clone()));
    view(LabView {
        name: &info.name,
        version: &info.version,
        domain: info.domain.as_deref(),
        timezone: &info.timezone,
        email: info.email.as_deref(),
        machines: model.machines.iter().map(|machine| machine_view(model, machine)).collect(),
        services: model.services.iter().map(|service| service_view(model, service)).collect(),
        networks: model.networks.iter().map(network_view).collect(),
        routes: plan.routes.iter().map(|route| route_view(plan, route, &prefixes)).collect(),
        scrapes: plan.scrapes.iter().map(|scrape| scrape_view(model, scrape)).collect(),
        names: addresses.iter().filter_map(first).collect(),
        addresses,
    })
}

/// Builds the view for a service's own templates. `lab` is [`Value::UNDEFINED`] for those that
/// don't use it.
pub(super) fn of_service(context: &Context<'_>, id: ServiceId, lab: Value) -> Value {
    let model = context.model();
    let service = &model[id];
    context! {
        opt => view(&service.options),
        service => view(service_view(model, service)),
        machine => view(machine_view(model, context.this())),
        state => view(states(service)),
        need => view(needs(context, service)),
        secret => view(secrets(model, service)),
        lab => lab,
    }
}

fn states(service: &Service) -> BTreeMap<&str, &str> {
    service.states.iter().map(|State { name, path, .. }| (name.as_str(), path.as_str())).collect()
}

/// Returns the path on the machine of each secret that the service uses, by the value of its
/// option.
fn secrets(model: &Model, service: &Service) -> BTreeMap<String, String> {
    let uses = service
        .secrets
        .iter()
        .chain(service.containers.iter().flat_map(|container| &container.secrets));
    uses.map(|used| {
        let name = model[used.secret].name.as_str();
        (marked_secret(name), secret_path(name, &used.owner))
    })
    .collect()
}

fn needs<'p>(context: &Context<'p>, service: &'p Service) -> BTreeMap<&'p str, Vec<NeedView<'p>>> {
    let model = context.model();
    let services = &context.planned().services;
    let mut needs = BTreeMap::new();
    for need in &service.needs {
        let found = need.endpoints.iter().filter_map(|id| {
            let way = way::find(model, services, context.machine, need.container.as_deref(), *id)?;
            Some(need_view(model, *id, way))
        });
        needs.entry(need.name.as_str()).or_insert_with(Vec::new).extend(found);
    }
    needs
}

fn need_view(model: &Model, id: EndpointId, way: way::Way) -> NeedView<'_> {
    let endpoint = model.endpoint(id);
    let service = &model[id.service];
    NeedView {
        url: way.url(endpoint.protocol.name()),
        host: way.host,
        port: way.port,
        path: endpoint.path.as_deref(),
        protocol: endpoint.protocol.name(),
        service: &service.name,
        machine: &model[service.machine].name,
        endpoint: &endpoint.name,
    }
}

fn machine_view<'p>(model: &'p Model, machine: &'p Machine) -> MachineView<'p> {
    MachineView {
        name: &machine.name,
        kind: machine.kind.name(),
        managed: machine.kind.is_managed(),
        system: machine.kind.offers().system,
        containers: machine.may_run_containers(),
        os: machine.os.map(crate::model::Os::name),
        arch: machine.arch.name(),
        address: machine.address().map(|address| address.to_string()),
        addresses: machine
            .addresses
            .iter()
            .map(|address| AddressView {
                network: &model[address.network].name,
                address: address.address.to_string(),
                prefix: address.prefix,
                interface: address.nic.as_deref(),
            })
            .collect(),
        zone: zone_name(model, machine.zone),
        gpu: machine.has_gpu(),
        appdata: &machine.appdata,
        ipv6: machine.has_ipv6(),
        host: machine.guest.as_ref().map(|guest| model[guest.host].name.as_str()),
        id: machine.guest.as_ref().map(|guest| guest.id),
        ssh_ports: machine
            .ssh
            .iter()
            .map(|access| access.port)
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect(),
        shares: machine.network_shares().collect(),
        cores: machine.cores,
        memory: machine.memory.as_ref().map(ToString::to_string),
        hardware: machine.hardware.as_ref().map(|hardware| hardware.model.as_str()),
    }
}

fn service_view<'p>(model: &'p Model, service: &'p Service) -> ServiceView<'p> {
    let machine = &model[service.machine];
    let endpoints = service.endpoints.iter().map(|endpoint| {
        let url = endpoint
            .outer_address()
            .or(machine.address())
            .filter(|_| matches!(endpoint.protocol, Protocol::Http | Protocol::Https))
            .map(|address| {
                let way = way::Way { host: address.to_string(), port: endpoint.host_port };
                way.url(endpoint.protocol.name())
            });
        let view = EndpointView {
            port: endpoint.port,
            host_port: endpoint.host_port,
            protocol: endpoint.protocol.name(),
            path: endpoint.path.as_deref(),
            url,
        };
        (endpoint.name.as_str(), view)
    });
    ServiceView {
        name: &service.name,
        module: &service.module,
        version: &service.module_version,
        summary: &service.summary,
        homepage: service.homepage.as_deref(),
        machine: &machine.name,
        folder: service.config_folder(),
        endpoints: endpoints.collect(),
        states: states(service),
        hosts: service
            .routes
            .iter()
            .filter(|route| !route.is_wildcard())
            .map(|Route { host, .. }| host.value.as_str())
            .collect(),
        url: service.around.doors.first().map(Door::url),
        urls: service.around.doors.iter().map(Door::url).collect(),
        proxies: service.around.proxies.iter().map(ToString::to_string).collect(),
        public: is_public(model, service),
        containers: service.containers.iter().map(|container| container.name.as_str()).collect(),
    }
}

fn is_public(model: &Model, service: &Service) -> bool {
    let internet = |zone: ZoneId| model[zone].kind == ZoneKind::Internet;
    let mut open = service.exposes.iter().flat_map(|expose| &expose.to);
    service.around.doors.iter().any(|door| door.public) || open.any(|zone| internet(zone.value))
}

fn network_view(network: &Network) -> NetworkView<'_> {
    NetworkView {
        name: &network.name,
        prefixes: network.prefixes.iter().map(ToString::to_string).collect(),
        gateways: network.gateways.iter().map(ToString::to_string).collect(),
        dns: network.dns.iter().map(ToString::to_string).collect(),
        vlan: network.vlan,
    }
}

fn scrape_view<'p>(model: &'p Model, scrape: &'p Scrape) -> ScrapeView<'p> {
    ScrapeView {
        job: &scrape.job,
        target: &scrape.target,
        path: &scrape.path,
        scheme: scrape.scheme,
        by: &model[scrape.by].name,
        service: &model[scrape.endpoint.service].name,
        machine: &model[scrape.machine].name,
    }
}

/// Returns the addresses for each host name inside the lab: of a route's proxy, of a machine or a
/// service itself, or as declared by hand.
fn addresses(plan: &Plan<'_>) -> BTreeMap<String, Vec<String>> {
    let model = plan.model;
    let domain = model.lab.domain.as_deref();
    let machines = model.machines().filter_map(|(_, machine)| {
        Some((format!("{}.{}", machine.name, domain?), vec![machine.address()?]))
    });
    let own = model.services().filter(|(_, service)| !service.own_addresses.is_empty());
    let services = own.filter_map(|(_, service)| {
        let all = service.own_addresses.iter().map(|own| own.value).collect();
        Some((format!("{}.{}", service.name, domain?), all))
    });
    // A route wins over a machine of the same name, because the route is declared explicitly.
    let routes = plan.routes.iter().map(|route| (route.host.clone(), plan.visited(route)));
    let given = model.names.iter().flat_map(|name| {
        let below = name.below.then(|| format!("*.{}", name.host));
        let hosts = std::iter::once(name.host.clone()).chain(below);
        hosts.map(|host| (host, vec![name.address]))
    });
    let all = machines.chain(services).chain(routes).chain(given);
    // In a map, the last entry for a name counts.
    all.filter(|(_, addresses)| !addresses.is_empty())
        .map(|(name, addresses)| (name, addresses.iter().map(ToString::to_string).collect()))
        .collect()
}

fn zone_name(model: &Model, zone: ZoneId) -> &str {
    &model[zone].name
}
