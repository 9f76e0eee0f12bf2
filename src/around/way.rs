//! Finds out how a program reaches an endpoint: by name on a network of containers, on the machine
//! itself, or at another machine's address.

use crate::model::{Container, EndpointId, MachineId, Model, NetworkMode, ServiceId};

/// The address that a program connects to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Way {
    /// A container's name, `127.0.0.1` or an address. An IPv6 address is without brackets.
    pub host: String,
    /// The port there.
    pub port: u16,
}

impl Way {
    /// Returns the host for a URL, with an IPv6 address in brackets.
    pub fn host_in_url(&self) -> String {
        if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() }
    }

    /// Returns `host:port`, with an IPv6 address in brackets.
    pub fn authority(&self) -> String {
        format!("{}:{}", self.host_in_url(), self.port)
    }

    /// Returns `scheme://host:port`.
    pub fn url(&self, scheme: &str) -> String {
        format!("{scheme}://{}", self.authority())
    }
}

/// The network of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place<'m> {
    /// The machine's own network.
    Machine,
    /// The network of a container, apart from the machine's.
    Container(&'m str),
    /// No network.
    Nowhere,
}

/// Finds the address by which a container of `machine` (or the machine itself) reaches an endpoint,
/// or nothing if it can't.
///
/// `services` are those of `machine`.
pub fn find(
    model: &Model,
    services: &[ServiceId],
    machine: MachineId,
    container: Option<&str>,
    to: EndpointId,
) -> Option<Way> {
    let endpoint = model.endpoint(to);
    let target = model[to.service].machine;
    if target != machine {
        // This is its first address, or the first of a family that this machine has too.
        let known =
            |v6: bool| model[machine].addresses.iter().any(|own| own.address.is_ipv6() == v6);
        let shared = model[target]
            .addresses
            .iter()
            .map(|address| address.address)
            .find(|address| known(address.is_ipv6()));
        // Where it is published at some addresses alone, the others lead nowhere.
        let answers = model.answers_at(to);
        let outside = answers.into_iter().filter(|address| !address.is_loopback());
        let bound = outside.min_by_key(|address| !known(address.is_ipv6()));
        return Some(Way {
            host: bound.or(shared).or(model[target].address())?.to_string(),
            port: endpoint.host_port,
        });
    }
    let local = |port| Some(Way { host: "127.0.0.1".to_owned(), port });
    match (place(model, services, container), place(model, services, endpoint.container.as_deref()))
    {
        (Place::Nowhere, _) | (_, Place::Nowhere) => None,
        (Place::Machine, Place::Machine) => local(endpoint.port),
        (Place::Machine, Place::Container(_)) => {
            Some(Way { host: endpoint.own_address().to_string(), port: endpoint.host_port })
        }
        (Place::Container(_), Place::Machine) => {
            Some(Way { host: model[machine].address()?.to_string(), port: endpoint.port })
        }
        // Both are in one network, and share its loopback interface.
        (Place::Container(from), Place::Container(owner)) if from == owner => local(endpoint.port),
        (Place::Container(_), Place::Container(owner)) => {
            Some(Way { host: owner.to_owned(), port: endpoint.port })
        }
    }
}

/// Returns the network of a program: its machine's, or that of a container on networks of its
/// own.
pub fn place<'m>(
    model: &'m Model,
    services: &[ServiceId],
    container: Option<&'m str>,
) -> Place<'m> {
    let Some(mut name) = container else { return Place::Machine };
    // Containers that use each other's networks in a circle have no network. No chain is longer
    // than the list of services, since only the first container of one lends its network.
    for _ in 0..=services.len() + 1 {
        let Some(container) = container_called(model, services, name) else {
            return Place::Container(name);
        };
        match &container.network {
            NetworkMode::Bridge => return Place::Container(&container.name),
            NetworkMode::Host => return Place::Machine,
            NetworkMode::None => return Place::Nowhere,
            NetworkMode::Container(other) => name = other,
        }
    }
    Place::Nowhere
}

/// Finds a container by its name, which is that of its service, or begins with it and a hyphen.
fn container_called<'m>(
    model: &'m Model,
    services: &[ServiceId],
    name: &str,
) -> Option<&'m Container> {
    let ends = name.match_indices('-').map(|(at, _)| at).chain([name.len()]);
    ends.filter_map(|end| name.get(..end)).find_map(|beginning| {
        let known = model.services.binary_search_by(|known| known.name.as_str().cmp(beginning));
        let service = ServiceId::at(known.ok()?);
        services.binary_search(&service).ok()?;
        model[service].containers.called(name)
    })
}
