//! Puts the plan together.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;

use super::{
    Bridge, FlowSource, Forward, ForwardTarget, MachinePlan, MachineSecret, Plan, RouteAuth,
    RoutePlan, Scrape, StaticRoute, backups, certificates::Certificates, flows, secret_path, way,
    zones,
};
use crate::model::{
    Endpoint, EndpointId, MachineKind, Model, NetworkMode, Role, SecretUse, Service, ServiceId,
    ZoneKind,
};

/// The interface of the compose network on every machine.
const BRIDGE: &str = "labwright0";

/// Prefixes for the compose network, the first that no network of the lab overlaps is taken.
const SUBNETS: &[&str] =
    &["172.30.0.0/24", "10.201.30.0/24", "192.168.230.0/24", "172.22.30.0/24", "10.77.30.0/24"];

/// Derives the plan of a lab.
pub fn plan(model: &Model) -> Plan<'_> {
    let mut services: Vec<Vec<ServiceId>> = vec![Vec::new(); model.machines.len()];
    for (id, service) in model.services() {
        services[service.machine.0 as usize].push(id);
    }
    let zones = zones::addresses(model);
    let connections = flows::connections(model, &services);
    let subnet = bridge_subnet(model);
    let mut machines: Vec<MachinePlan> = model
        .machines()
        .zip(connections.published)
        .map(|((id, _), published)| MachinePlan {
            bridge: bridge(model, &services[id.0 as usize], subnet),
            secrets: secrets(model, &services[id.0 as usize]),
            services: services[id.0 as usize].clone(),
            published,
            ..MachinePlan::default()
        })
        .collect();
    for (index, flow) in connections.flows.iter().enumerate() {
        if let Ok(index) = u32::try_from(index) {
            machines[flow.to.0 as usize].inbound.push(index);
        }
    }
    gateways(model, &connections.flows, &mut machines);
    let backups = backups::backups(model, &services);
    Plan {
        scrapes: scrapes(model, &services),
        routes: routes(model, &services),
        kept: backups::kept(model, &backups),
        backups,
        model,
        zones,
        lists: super::ZoneLists::default(),
        flows: connections.flows,
        machines,
    }
}

fn bridge_subnet(model: &Model) -> Option<IpNet> {
    let overlaps = |a: &IpNet, b: &IpNet| a.contains(&b.network()) || b.contains(&a.network());
    SUBNETS.iter().filter_map(|subnet| subnet.parse().ok()).find(|subnet| {
        !model
            .networks
            .iter()
            .flat_map(|network| &network.prefixes)
            .any(|prefix| overlaps(prefix, subnet))
    })
}

fn bridge(model: &Model, services: &[ServiceId], subnet: Option<IpNet>) -> Option<Bridge> {
    let bridged = services
        .iter()
        .flat_map(|id| &model[*id].containers)
        .any(|container| container.network == NetworkMode::Bridge);
    Some(Bridge { interface: BRIDGE.to_owned(), subnet: subnet? }).filter(|_| bridged)
}

fn secrets(model: &Model, services: &[ServiceId]) -> Vec<MachineSecret> {
    let mut wanted: BTreeMap<String, MachineSecret> = BTreeMap::new();
    let uses = |id: &ServiceId| {
        let (id, service): (_, &Service) = (*id, &model[*id]);
        service
            .containers
            .iter()
            .flat_map(|container| &container.secrets)
            .chain(&service.secrets)
            .map(move |used| (id, used))
    };
    for (service, SecretUse { secret, owner, mode, .. }) in services.iter().flat_map(uses) {
        let path = secret_path(&model[*secret].name, owner);
        let entry = wanted.entry(path.clone()).or_insert_with(|| MachineSecret {
            secret: *secret,
            path,
            owner: owner.clone(),
            mode: mode.clone(),
            services: Vec::new(),
        });
        if entry.services.last() != Some(&service) {
            entry.services.push(service);
        }
        // One file serves everyone who reads it as that owner, so the widest mode that any of them
        // asks for stands.
        if *mode > entry.mode {
            entry.mode.clone_from(mode);
        }
    }
    let mut list: Vec<MachineSecret> = wanted.into_values().collect();
    list.sort();
    list
}

/// Lists the paths at an endpoint's port that another endpoint offers to Prometheus, without asking
/// who wants to see them.
fn hidden(service: &Service, index: u32) -> Vec<String> {
    let Some(own) = service.endpoints.get(index as usize) else { return Vec::new() };
    let beside = |other: &&Endpoint| {
        other.name != own.name && other.container == own.container && other.port == own.port
    };
    let measured = service
        .endpoints
        .iter()
        .filter(beside)
        .filter(|other| other.scrape && other.credentials.is_none());
    // Anything but a plain path would mean something else to each proxy.
    let plain = |path: &&str| {
        path.starts_with('/')
            && path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/_.-".contains(&byte))
    };
    let mut paths: Vec<String> = measured
        .filter_map(|other| other.path.as_deref())
        .filter(plain)
        .map(str::to_owned)
        .collect();
    paths.sort();
    paths.dedup();
    paths
}

/// Says whether the bundle of such a machine sets its routes.
const fn keeps_routes(kind: MachineKind) -> bool {
    kind.is_managed() || matches!(kind, MachineKind::Proxmox)
}

fn gateways(model: &Model, flows: &[super::Flow], machines: &mut [MachinePlan]) {
    for (_, service) in model.services() {
        let Some(gateway) = &service.gateway else { continue };
        let network = &model[gateway.network];
        let home = service.machine;
        let mut forwards = Vec::new();
        for flow in flows
            .iter()
            .filter(|flow| flow.from == FlowSource::Zone(network.zone) && flow.to != home)
        {
            let addresses: Vec<IpAddr> =
                model[flow.to].addresses.iter().map(|address| address.address).collect();
            let target =
                ForwardTarget::Port { addresses, port: flow.port, transport: flow.transport };
            if !forwards.iter().any(|forward: &Forward| forward.to == target) {
                forwards.push(Forward { from: gateway.network, to: target });
            }
        }
        forwards.extend(
            gateway
                .reach
                .iter()
                .map(|zone| Forward { from: gateway.network, to: ForwardTarget::Zone(*zone) }),
        );
        machines[home.0 as usize].forwards.extend(forwards);
        for (id, machine) in
            model.machines().filter(|(id, machine)| *id != home && keeps_routes(machine.kind))
        {
            let shares_network = |via: &crate::model::Address| {
                machine.addresses.iter().any(|own| own.network == via.network)
            };
            for prefix in &network.prefixes {
                let via = model[home].addresses.iter().find(|via| {
                    via.address.is_ipv4() == matches!(prefix, IpNet::V4(_)) && shares_network(via)
                });
                machines[id.0 as usize]
                    .static_routes
                    .extend(via.map(|via| StaticRoute { to: *prefix, via: via.address }));
            }
            machines[id.0 as usize].static_routes.sort();
        }
    }
}

fn scrapes(model: &Model, services: &[Vec<ServiceId>]) -> Vec<Scrape> {
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
                let local = &services[collector.machine.0 as usize];
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

fn routes(model: &Model, services: &[Vec<ServiceId>]) -> Vec<RoutePlan> {
    let certificates = Certificates::new(model);
    let mut routes = Vec::new();
    for (id, service) in model.services() {
        for route in &service.routes {
            let proxy = &model[route.via];
            let container = proxy.proxy.as_ref().and_then(|proxy| proxy.container.as_deref());
            let endpoint = EndpointId { service: id, index: route.endpoint };
            let local: &[ServiceId] = &services[proxy.machine.0 as usize];
            let find = |endpoint| way::find(model, local, proxy.machine, container, endpoint);
            let Some(upstream) = find(endpoint) else { continue };
            let from: Vec<_> = route.from.iter().map(|zone| zone.value).collect();
            let auth_url = |auth| Some(find(auth)?.url(model.endpoint(auth).protocol.scheme()));
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
                auth: route.auth.map(|endpoint| RouteAuth { endpoint, url: auth_url(endpoint) }),
                span: route.span,
            });
        }
    }
    routes.sort_by(|a, b| (&a.host, a.via).cmp(&(&b.host, b.via)));
    routes
}
