//! What a program must know of what surrounds its service: how people reach it, and which proxies
//! connect for them.

pub mod certificates;
pub mod networks;
pub mod prefixes;
pub mod way;

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use crate::model::{Around, Door, EndpointId, MachineId, Model, Route, ServiceId, ZoneKind};
use certificates::Certificates;
use networks::{ContainerNetwork, ContainerNetworks};
use way::Place;

/// Finds what surrounds each service, by [`ServiceId`].
pub fn around(model: &Model) -> Vec<Around> {
    let mut services: Vec<Vec<ServiceId>> = vec![Vec::new(); model.machines.len()];
    for (id, service) in model.services() {
        service.machine.of_mut(&mut services).push(id);
    }
    // Needs and links are not resolved yet. What they add changes no place of a route's network.
    let none = BTreeSet::new();
    let routes = networks::of_routes(model, &services);
    let networks = model
        .machines()
        .zip(&services)
        .zip(&routes)
        .map(|(((machine, _), services), routes)| {
            networks::networks(model, machine, services, routes, &none)
        })
        .collect();
    let certificates = Certificates::new(model);
    let surroundings = Surroundings { model, services, networks, certificates };
    let mut proxies = vec![BTreeSet::new(); model.services.len()];
    let mut found = vec![Around::default(); model.services.len()];
    for (id, service) in model.services() {
        for route in &service.routes {
            let endpoint = EndpointId { service: id, index: route.endpoint };
            id.of_mut(&mut proxies).extend(surroundings.arrivals(route.via, endpoint));
            if let Some(guard) = route.auth {
                let arrivals = surroundings.arrivals(route.via, guard);
                guard.service.of_mut(&mut proxies).extend(arrivals);
            }
        }
        let around = id.of_mut(&mut found);
        around.doors = surroundings.doors(id);
        around.direct = !service.routes.is_empty() && !service.exposes.is_empty();
    }
    for (around, proxies) in found.iter_mut().zip(proxies) {
        around.proxies = proxies.into_iter().collect();
    }
    found
}

struct Surroundings<'m> {
    model: &'m Model,
    /// The services of each machine.
    services: Vec<Vec<ServiceId>>,
    /// The networks of each machine's containers that exist because of services and routes.
    networks: Vec<ContainerNetworks>,
    certificates: Certificates<'m>,
}

impl Surroundings<'_> {
    fn doors(&self, id: ServiceId) -> Vec<Door> {
        let model = self.model;
        let is_public = |route: &Route| {
            route.from.iter().any(|zone| model[zone.value].kind == ZoneKind::Internet)
        };
        let mut routes: Vec<&Route> = model[id].routes.iter().collect();
        // A program can't be opened at a name with a `*` in it.
        routes.retain(|route| route.leads_to.is_none() && !route.is_wildcard());
        // The first is the address that the program gives to people: of its first endpoint, and
        // one that everyone can use.
        routes.sort_by_key(|route| {
            (route.endpoint, !is_public(route), route.alias, &route.host.value)
        });
        routes.dedup_by_key(|route| &route.host.value);
        let door = |route: &&Route| Door {
            host: route.host.value.clone(),
            scheme: self.certificates.of(route).scheme(),
            endpoint: route.endpoint,
            via: model[route.via].name.clone(),
            public: is_public(route),
        };
        routes.iter().map(door).collect()
    }

    /// Lists the addresses from which a proxy's connections arrive at an endpoint.
    fn arrivals(&self, proxy: ServiceId, to: EndpointId) -> Vec<IpNet> {
        let model = self.model;
        let (from, target) = (model[proxy].machine, model[to.service].machine);
        if from != target {
            // A container's connections to other machines bear its machine's address.
            return model[from].addresses.iter().map(|own| IpNet::from(own.address)).collect();
        }
        let place = |container| way::place(model, self.on(from), container);
        let container = model[proxy].proxy.as_ref().and_then(|proxy| proxy.container.as_deref());
        let networks = from.of::<ContainerNetworks>(&self.networks);
        let own = |name| networks.own(name).flat_map(ContainerNetwork::subnets).collect();
        match (place(container), place(model.endpoint(to).container.as_deref())) {
            (Place::Nowhere, _) | (_, Place::Nowhere) => Vec::new(),
            // The machine reaches a container from its own address on the container's network, and
            // a container comes to the machine from its address there.
            (Place::Machine, Place::Container(name)) | (Place::Container(name), Place::Machine) => {
                own(name)
            }
            (Place::Container(from), Place::Container(to)) if from != to => {
                let network = networks.between(from, to);
                network.into_iter().flat_map(ContainerNetwork::subnets).collect()
            }
            (Place::Machine, Place::Machine) | (Place::Container(_), Place::Container(_)) => {
                let own = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
                own.map(IpNet::from).to_vec()
            }
        }
    }

    fn on(&self, machine: MachineId) -> &[ServiceId] {
        machine.of::<Vec<_>>(&self.services)
    }
}
