//! What surrounds a service, so far as its program must be told: how people reach it, and which
//! proxies speak for them.

pub mod bridge;
pub mod certificates;
pub mod way;

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use crate::model::{Around, Door, EndpointId, MachineId, Model, Route, ServiceId, ZoneKind};
use certificates::Certificates;
use way::Place;

/// Finds what surrounds each service, by [`ServiceId`].
pub fn around(model: &Model) -> Vec<Around> {
    let mut services: Vec<Vec<ServiceId>> = vec![Vec::new(); model.machines.len()];
    for (id, service) in model.services() {
        service.machine.of_mut(&mut services).push(id);
    }
    let surroundings = Surroundings { model, services, certificates: Certificates::new(model) };
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
        id.of_mut(&mut found).doors = surroundings.doors(id);
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
    certificates: Certificates<'m>,
}

impl Surroundings<'_> {
    fn doors(&self, id: ServiceId) -> Vec<Door> {
        let model = self.model;
        let is_public = |route: &Route| {
            route.from.iter().any(|zone| model[zone.value].kind == ZoneKind::Internet)
        };
        let mut routes: Vec<&Route> = model[id].routes.iter().collect();
        // The first is the address that the program gives to people: of its first endpoint, and
        // one that everyone can use.
        routes.sort_by_key(|route| (route.endpoint, !is_public(route), &route.host.value));
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
        let both = [place(container), place(model.endpoint(to).container.as_deref())];
        if both == [Place::Machine, Place::Machine] {
            let own = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
            return own.map(IpNet::from).to_vec();
        }
        // From the proxy's own address there, or from the bridge's where the proxy is not a
        // container of it.
        bridge::subnets(model, from).collect()
    }

    fn on(&self, machine: MachineId) -> &[ServiceId] {
        machine.of::<Vec<_>>(&self.services)
    }
}
