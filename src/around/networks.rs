//! The networks of each machine's containers.
//!
//! Every service has one of its own. Containers of different services meet on a network for the
//! two of them, and only where the lab says that one connects to the other. So nothing that joins
//! a network meets anybody else there.

use std::collections::{BTreeMap, BTreeSet};

use std::net::IpAddr;

use ipnet::IpNet;

use super::prefixes::{Part, Prefixes, Room, UNIT};
use super::way::{self, Place};
use crate::digest::sha256_hex;
use crate::model::{EndpointId, MachineId, Model, NetworkMode, OnNetwork, Service, ServiceId};

/// The networks of a machine's containers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ContainerNetworks {
    /// The networks, by name.
    pub list: Vec<ContainerNetwork>,
    /// The names of those for which the machine's prefix has no room.
    pub left_out: Vec<String>,
    /// The places in `list` of the networks that each container is on.
    of: BTreeMap<String, Vec<usize>>,
}

/// A network of containers on one machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerNetwork {
    /// The name in compose: that of its service, `SERVICE_NETWORK`, or `SERVICE.CONTAINER` of those
    /// who meet there.
    pub name: String,
    /// The interface on the machine.
    pub interface: String,
    /// Its IPv4 prefix.
    pub subnet: IpNet,
    /// Its IPv6 prefix, if the machine has an IPv6 address. Without one, Docker would hand over
    /// IPv6 visitors as if they came from the machine itself.
    pub subnet6: Option<IpNet>,
    /// Whether nothing leads out of it. Docker takes no default route from such a network.
    pub internal: bool,
    /// The service whose own network it is; nothing for one on which two services meet.
    pub service: Option<ServiceId>,
    /// The containers on it, by name.
    pub members: Vec<Member>,
}

impl ContainerNetwork {
    /// Lists its prefixes.
    pub fn subnets(&self) -> impl Iterator<Item = IpNet> + use<> {
        std::iter::once(self.subnet).chain(self.subnet6)
    }

    /// Returns whether a container is on it.
    pub fn has(&self, container: &str) -> bool {
        self.members.binary_search_by(|member| member.container.as_str().cmp(container)).is_ok()
    }
}

/// A container on a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its name in compose, which is a name on the network too.
    pub container: String,
    /// Whether compose puts it there. labctl puts the others there, so that a service that comes
    /// or goes changes no container of another one.
    pub by_compose: bool,
    /// Its other names on the network.
    pub aliases: Vec<String>,
    /// Its fixed addresses, at most one IPv4 and one IPv6.
    pub addresses: Vec<IpAddr>,
    /// Whether others use its network. What guards a network looks at it only when it starts, so
    /// labctl starts it again when it joins one.
    pub shared: bool,
}

/// Two containers of different services that the lab lets meet.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Meeting {
    /// The service of the container that connects.
    pub service: ServiceId,
    /// The container that connects.
    pub from: String,
    /// The container that it connects to.
    pub to: String,
    /// The container that listens there, which may use the network of `to`.
    pub listener: String,
}

impl ContainerNetworks {
    /// Finds the network on which two containers meet.
    pub fn between(&self, one: &str, other: &str) -> Option<&ContainerNetwork> {
        self.on(one).find(|network| network.has(other))
    }

    /// Lists the services' own networks that a container is on.
    pub fn own<'n>(&'n self, container: &'n str) -> impl Iterator<Item = &'n ContainerNetwork> {
        self.on(container).filter(|network| network.service.is_some())
    }

    /// Lists the networks that a container is on.
    fn on(&self, container: &str) -> impl Iterator<Item = &ContainerNetwork> {
        let places = self.of.get(container).into_iter().flatten();
        places.filter_map(|place| self.list.get(*place))
    }

    /// Returns whether they have IPv6.
    pub fn v6(&self) -> bool {
        self.list.iter().any(|network| network.subnet6.is_some())
    }
}

/// Finds the meeting of a program of a service with a container of another, if both are containers
/// of one machine with networks of their own.
///
/// `services` are those of that machine.
pub fn meeting(
    model: &Model,
    services: &[ServiceId],
    service: ServiceId,
    container: Option<&str>,
    to: ServiceId,
    listener: &str,
) -> Option<Meeting> {
    if model[service].machine != model[to].machine {
        return None;
    }
    let Place::Container(from) = way::place(model, services, container) else { return None };
    let Place::Container(to) = way::place(model, services, Some(listener)) else { return None };
    let service = owner(model, services, from)?;
    let (from, to) = (from.to_owned(), to.to_owned());
    (from != to).then(|| Meeting { service, from, to, listener: listener.to_owned() })
}

/// Finds the service that a container belongs to.
pub fn owner(model: &Model, services: &[ServiceId], container: &str) -> Option<ServiceId> {
    let owns = |id: &ServiceId| model[*id].containers.iter().any(|own| own.name == container);
    services.iter().copied().find(owns)
}

/// Lists the meetings of proxies with what routes lead to, and with who authenticates users, by
/// [`MachineId`]. `services` are those of each machine.
pub fn of_routes(model: &Model, services: &[Vec<ServiceId>]) -> Vec<BTreeSet<Meeting>> {
    let mut meetings = vec![BTreeSet::new(); model.machines.len()];
    for (id, service) in model.services() {
        for route in &service.routes {
            let machine = model[route.via].machine;
            let here = machine.of::<Vec<_>>(services);
            let proxy = model[route.via].proxy.as_ref();
            let container = proxy.and_then(|proxy| proxy.container.as_deref());
            let target = EndpointId { service: id, index: route.endpoint };
            for to in [Some(target), route.auth].into_iter().flatten() {
                let listener = model.endpoint(to).container.as_deref();
                machine.of_mut(&mut meetings).extend(listener.and_then(|listener| {
                    meeting(model, here, route.via, container, to.service, listener)
                }));
            }
        }
    }
    meetings
}

/// Finds the networks of a machine's containers. `routes` are the meetings that routes bring
/// about, `others` all other ones.
pub fn networks(
    model: &Model,
    machine: MachineId,
    services: &[ServiceId],
    routes: &BTreeSet<Meeting>,
    others: &BTreeSet<Meeting>,
) -> ContainerNetworks {
    let mut networks = ContainerNetworks::default();
    let mut drafts = own_networks(model, services);
    // Two containers on a service's own network meet there already.
    let mut of: BTreeMap<&str, Vec<&Draft>> = BTreeMap::new();
    for draft in &drafts {
        for container in draft.members.keys() {
            of.entry(container).or_default().push(draft);
        }
    }
    let apart = |meeting: &&Meeting| {
        let own = of.get(meeting.from.as_str());
        !own.is_some_and(|own| own.iter().any(|own| own.has(&meeting.to)))
    };
    let mut of_routes = meeting_networks(model, routes.iter().filter(apart));
    let mut of_others = meeting_networks(model, others.iter().filter(apart));
    for (name, known) in &mut of_routes {
        for member in of_others.remove(name).map(|other| other.members).into_iter().flatten() {
            let (container, Member { aliases, .. }) = member;
            known.add(&container, false, aliases.iter().map(String::as_str));
        }
    }
    // What an earlier part takes does not depend on a later one: modules get the addresses of their
    // proxies before the other meetings are known.
    let of_routes = of_routes.into_values();
    drafts.extend(of_routes.map(|draft| Draft { part: Part::Routes, ..draft }));
    drafts.extend(of_others.into_values());
    if drafts.is_empty() {
        return networks;
    }
    let prefixes = Prefixes::of(model, machine);
    let mut room = Room::new(prefixes);
    for draft in drafts {
        if let Some(subnet) = draft.subnets.first().copied() {
            let subnet6 = draft.subnets.get(1).copied().filter(|_| prefixes.has_6());
            networks.list.push(draft.placed(subnet, subnet6));
            continue;
        }
        let units = draft.units();
        let place = room.take(draft.part, &draft.name, units);
        match place.and_then(|unit| prefixes.place(unit, units)) {
            Some((subnet, subnet6)) => networks.list.push(draft.placed(subnet, subnet6)),
            None => networks.left_out.push(draft.name),
        }
    }
    let containers = services.iter().flat_map(|id| &model[*id].containers);
    let shared: BTreeSet<&str> = containers
        .filter_map(|container| match &container.network {
            NetworkMode::Container(owner) => Some(owner.as_str()),
            _ => None,
        })
        .collect();
    for member in networks.list.iter_mut().flat_map(|network| &mut network.members) {
        member.shared = shared.contains(member.container.as_str());
    }
    networks.list.sort_by(|a, b| a.name.cmp(&b.name));
    networks.left_out.sort();
    for (place, network) in networks.list.iter().enumerate() {
        for member in &network.members {
            networks.of.entry(member.container.clone()).or_default().push(place);
        }
    }
    networks
}

/// A network without its addresses.
struct Draft {
    name: String,
    part: Part,
    service: Option<ServiceId>,
    internal: bool,
    /// The prefixes that its module gives it, IPv4 first.
    subnets: Vec<IpNet>,
    members: BTreeMap<String, Member>,
}

impl Draft {
    fn has(&self, container: &str) -> bool {
        self.members.contains_key(container)
    }

    /// Adds a container under the names that it has besides its own.
    fn add<'n>(
        &mut self,
        container: &str,
        by_compose: bool,
        aliases: impl IntoIterator<Item = &'n str>,
    ) {
        let member = self.members.entry(container.to_owned()).or_insert_with(|| Member {
            container: container.to_owned(),
            by_compose,
            aliases: Vec::new(),
            addresses: Vec::new(),
            shared: false,
        });
        let new = aliases.into_iter().filter(|alias| *alias != container).map(str::to_owned);
        member.aliases.extend(new);
        member.aliases.sort();
        member.aliases.dedup();
    }

    /// Returns the number of units that it takes: enough for its containers, the machine, the
    /// network's own address and the last one, with room to grow for a service.
    fn units(&self) -> u32 {
        let least = if self.part == Part::Services { 2 * UNIT } else { UNIT };
        let wanted = u32::try_from(self.members.len()).unwrap_or(u32::MAX).saturating_add(3);
        wanted.max(least).checked_next_power_of_two().unwrap_or(u32::MAX) / UNIT
    }

    fn placed(self, subnet: IpNet, subnet6: Option<IpNet>) -> ContainerNetwork {
        ContainerNetwork {
            interface: interface(&self.name),
            subnet,
            subnet6,
            internal: self.internal,
            service: self.service,
            members: self.members.into_values().collect(),
            name: self.name,
        }
    }
}

/// Returns the name of a network's interface, at most 15 bytes: the network's name where that is
/// short enough, or else a part of its digest. The two never look alike.
fn interface(network: &str) -> String {
    const MOST: usize = 12;
    let digest = sha256_hex(network.as_bytes());
    let digest = digest.get(..MOST).unwrap_or_default();
    let hexadecimal = |name: &str| name.bytes().all(|byte| byte.is_ascii_hexdigit());
    let fits = network.len() < MOST || network.len() == MOST && !hexadecimal(network);
    let plain = network.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let name = if fits && plain { network } else { digest };
    format!("{INTERFACES}{name}")
}

/// The beginning of the names of all containers' interfaces, which firewall rules name.
pub const INTERFACES: &str = "lw-";

/// Where a container is whose module names no network.
static DEFAULT: OnNetwork = OnNetwork { network: None, aliases: Vec::new(), addresses: Vec::new() };

/// The networks of each service, on which its containers find each other under the names that their
/// module gives them.
fn own_networks(model: &Model, services: &[ServiceId]) -> Vec<Draft> {
    let mut drafts = Vec::new();
    for id in services {
        let service = &model[*id];
        let mut own: BTreeMap<Option<&str>, Draft> = BTreeMap::new();
        for container in &service.containers {
            let Place::Container(owner) = way::place(model, services, Some(&container.name)) else {
                continue;
            };
            let by_compose = service.containers.iter().any(|own| own.name == owner);
            let alone = std::slice::from_ref(&DEFAULT);
            for on in if container.on.is_empty() { alone } else { &container.on } {
                let network = on.network.as_deref();
                let draft = own.entry(network).or_insert_with(|| draft(service, *id, network));
                let names = [container.name.as_str(), container.own_name.as_str()];
                let aliases = on.aliases.iter().map(String::as_str);
                draft.add(owner, by_compose, names.into_iter().chain(aliases));
                if let Some(member) = draft.members.get_mut(owner) {
                    member.addresses.extend(&on.addresses);
                }
            }
        }
        // A network is left out if all its programs use the networks of other services.
        let used = |draft: &Draft| draft.members.values().any(|member| member.by_compose);
        drafts.extend(own.into_values().filter(used));
    }
    drafts
}

fn draft(service: &Service, id: ServiceId, network: Option<&str>) -> Draft {
    let declared = service.networks.iter().find(|known| known.name.as_deref() == network);
    let subnets = declared.map(|network| network.subnets.as_slice()).unwrap_or_default();
    // Compose takes names that begin like this for something of its own.
    let reserved = if service.name.starts_with("x-") { "_" } else { "" };
    let ending = network.map(|network| format!("_{network}")).unwrap_or_default();
    Draft {
        name: format!("{reserved}{}{ending}", service.name),
        part: Part::Services,
        service: Some(id),
        internal: declared.is_some_and(|network| network.internal),
        subnets: subnets.iter().map(|subnet| subnet.value).collect(),
        members: BTreeMap::new(),
    }
}

fn meeting_networks<'m>(
    model: &Model,
    meetings: impl Iterator<Item = &'m Meeting>,
) -> BTreeMap<String, Draft> {
    let mut drafts: BTreeMap<String, Draft> = BTreeMap::new();
    for meeting in meetings {
        let name = format!("{}.{}", model[meeting.service].name, meeting.to);
        let draft = drafts.entry(name.clone()).or_insert_with(|| Draft {
            name,
            part: Part::Others,
            service: None,
            // Each of the two has its way out by its own service's network. This one only joins
            // them.
            internal: true,
            subnets: Vec::new(),
            members: BTreeMap::new(),
        });
        draft.add(&meeting.from, false, []);
        draft.add(&meeting.to, false, [meeting.listener.as_str()]);
    }
    drafts
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::interface;

    #[test]
    fn interfaces_have_short_names_that_differ() {
        let names = ["jellyfin", "a.b", "nginx-proxy-manager", "0123456789ab", "traefik.jellyfin"];
        let interfaces: BTreeSet<String> = names.iter().map(|name| interface(name)).collect();
        assert_eq!(interfaces.len(), names.len());
        assert!(interfaces.iter().all(|name| name.len() <= 15));
        assert!(interfaces.contains("lw-jellyfin"));
    }
}
