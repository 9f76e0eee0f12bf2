//! How a program finds an endpoint: by name on the compose network, on the machine itself, or at
//! another machine's address.

use crate::model::{EndpointId, MachineId, Model, NetworkMode, ServiceId};

/// Is where a program connects to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Way {
    /// A container's name, `127.0.0.1` or an address; an IPv6 address without brackets.
    pub host: String,
    /// The port there.
    pub port: u16,
}

impl Way {
    /// Returns the host as URLs have it: an IPv6 address in brackets.
    pub fn host_in_url(&self) -> String {
        if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() }
    }

    /// Returns `host:port`, an IPv6 address in brackets.
    pub fn authority(&self) -> String {
        format!("{}:{}", self.host_in_url(), self.port)
    }

    /// Returns `scheme://host:port`.
    pub fn url(&self, scheme: &str) -> String {
        format!("{scheme}://{}", self.authority())
    }
}

/// Is the network that a program is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place<'m> {
    /// The machine's own.
    Machine,
    /// That of a container on the compose network.
    Container(&'m str),
    /// None at all.
    Nowhere,
}

/// Finds the way from a container of `machine` (or from the machine itself) to an endpoint; nothing
/// when there is none.
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
        // Its first address, or the first of a family that this machine has too.
        let known =
            |v6: bool| model[machine].addresses.iter().any(|own| own.address.is_ipv6() == v6);
        let shared = model[target]
            .addresses
            .iter()
            .map(|address| address.address)
            .find(|address| known(address.is_ipv6()));
        return Some(Way {
            host: shared.or(model[target].address())?.to_string(),
            port: endpoint.host_port,
        });
    }
    let local = |port| Some(Way { host: "127.0.0.1".to_owned(), port });
    match (place(model, services, container), place(model, services, endpoint.container.as_deref()))
    {
        (Place::Nowhere, _) | (_, Place::Nowhere) => None,
        (Place::Machine, Place::Machine) => local(endpoint.port),
        (Place::Machine, Place::Container(_)) => local(endpoint.host_port),
        (Place::Container(_), Place::Machine) => {
            Some(Way { host: model[machine].address()?.to_string(), port: endpoint.port })
        }
        (Place::Container(from), Place::Container(owner)) if from == owner => local(endpoint.port),
        (Place::Container(_), Place::Container(owner)) => {
            Some(Way { host: owner.to_owned(), port: endpoint.port })
        }
    }
}

/// Returns where a program is on the network: on its machine, or in a container of the machine's
/// compose network.
pub fn place<'m>(
    model: &'m Model,
    services: &[ServiceId],
    container: Option<&'m str>,
) -> Place<'m> {
    let Some(mut name) = container else { return Place::Machine };
    // Containers inside each other's networks in a circle are on none; no chain is longer than the
    // list of containers.
    let containers = || services.iter().flat_map(|service| &model[*service].containers);
    for _ in 0..=containers().count() {
        let Some(container) = containers().find(|container| container.name == name) else {
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
