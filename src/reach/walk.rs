//! The way of a connection: every filter that it meets, in order.

use std::net::IpAddr;

use ipnet::IpNet;

use super::because;
use super::passed::Passed;
use super::places::{self, Destination, Origin, Port};
use super::read::nftables;
use super::tables::{enter, verdict};
use super::{Files, Link, LinkKind, Quote, Unreadable, Verdict};
use crate::around::networks::owner;
use crate::model::Transport;
use crate::plan::{CidrSet, ContainerNetwork, Plan};
use crate::source::Span;

/// Connections to one address from addresses that were treated alike so far.
#[derive(Debug, Clone)]
pub(super) struct Stream {
    pub(super) to: IpAddr,
    /// The addresses that they come from.
    pub(super) began: CidrSet,
    /// The addresses that they are seen as.
    pub(super) seen: CidrSet,
    /// Whether they are seen as a machine on the way.
    pub(super) disguised: bool,
}

/// The connections of a question on their way, and what they met.
pub(super) struct Way<'f, 'p> {
    pub(super) files: &'f Files<'p>,
    pub(super) plan: &'p Plan<'p>,
    pub(super) streams: Vec<Stream>,
    pub(super) chain: Vec<Link>,
}

/// A filter on the way, for people.
pub(super) struct Filter<'w> {
    pub(super) at: &'w str,
    pub(super) kind: LinkKind,
    /// The machine in whose bundle its rules are.
    pub(super) bundle: &'w str,
}

/// Follows connections from a place to a port; says what is left of them and what they met.
pub(super) fn walk(
    files: &Files<'_>,
    origin: &Origin,
    to: &Destination,
) -> Result<(Verdict, Vec<Link>), Unreadable> {
    match to {
        Destination::Port(port) => {
            let mut way = Way::new(files, origin, &places::addresses(files, *port));
            way.follow(origin, *port)?;
            Ok(way.end())
        }
        Destination::Elsewhere(addresses, transport, port, _) => {
            let mut way = Way::new(files, origin, addresses);
            way.outward(origin, *transport, *port)?;
            Ok(way.end())
        }
        Destination::Route(index) => route(files, origin, *index),
    }
}

/// Follows connections to a host name: to its proxy, through its access list, and on from there.
fn route(
    files: &Files<'_>,
    origin: &Origin,
    index: usize,
) -> Result<(Verdict, Vec<Link>), Unreadable> {
    let plan = files.plan;
    let Some(route) = plan.routes.get(index) else {
        return Ok((Verdict::Closed, Vec::new()));
    };
    let proxy = &plan.model[route.via];
    let Some(listener) = places::listener(plan, route.via) else {
        return Ok((Verdict::Closed, Vec::new()));
    };
    let mut way = Way::new(files, origin, &places::addresses(files, listener));
    way.follow(origin, listener)?;
    if way.is_over() {
        return Ok(way.end());
    }
    let read = files.of(listener.machine)?;
    let line = read
        .routes
        .iter()
        .find(|read| read.host.eq_ignore_ascii_case(&route.host) && read.path == route.path);
    let name = route.name();
    let filter = Filter {
        at: &plan.model[listener.machine].name,
        kind: LinkKind::Route,
        bundle: &plan.model[listener.machine].name,
    };
    let same = |from: &CidrSet| {
        let Some(line) = line else { return Vec::new() };
        let text = format!("{}{} to {}", line.host, line.path, line.upstream);
        let from = from.intersection(&line.allow);
        vec![Passed { from, quote: Some((Some(line.line.clone()), text)), seen_as: None }]
    };
    let zones: Vec<&str> = route.from.iter().map(|zone| plan.model[*zone].name.as_str()).collect();
    way.filter(
        &filter,
        |_, from| Ok(same(from)),
        |_, passes| {
            let says = if line.is_none() {
                format!("{} has no host name {name}", proxy.name)
            } else if passes {
                let to = route.leads_to.clone().unwrap_or_else(|| route.upstream.authority());
                format!("{} leads {name} to {to}", proxy.name)
            } else {
                let allow: Vec<String> =
                    route.handling.allow.iter().map(ToString::to_string).collect();
                let of_them = if allow.is_empty() { "" } else { ", and of them only " };
                let zones = zones.join(", ");
                format!(
                    "{} lets nobody but {zones}{of_them}{} use {name}",
                    proxy.name,
                    allow.join(", ")
                )
            };
            (says, vec![route.span])
        },
    )?;
    if way.is_over() {
        return Ok(way.end());
    }
    let (verdict, mut chain) = way.end();
    // A client that is redirected to another name asks for that one next.
    if route.leads_to.is_some() {
        return Ok((verdict, chain));
    }
    let upstream = places::port_of(plan, route.endpoint);
    let Some(upstream) = upstream else {
        return Ok((Verdict::Closed, chain));
    };
    let proxy_place = Origin::of_proxy(plan, route.via);
    let mut onward = Way::new(files, &proxy_place, &places::addresses(files, upstream));
    onward.follow(&proxy_place, upstream)?;
    let (onward, links) = onward.end();
    chain.extend(links);
    // A proxy that gets there from one of its addresses does get there.
    Ok(if onward == Verdict::Closed { (Verdict::Closed, chain) } else { (verdict, chain) })
}

fn of_family(set: &CidrSet, v6: bool) -> CidrSet {
    set.intersection(&super::read::family(v6))
}

impl<'f, 'p> Way<'f, 'p> {
    fn new(files: &'f Files<'p>, origin: &Origin, to: &[IpAddr]) -> Self {
        let streams = to.iter().map(|to| {
            // Nobody connects from an address of one family to one of the other.
            let from = of_family(&origin.addresses, to.is_ipv6());
            Stream { to: *to, began: from.clone(), seen: from, disguised: false }
        });
        let streams = streams.filter(|stream| !stream.began.is_empty()).collect();
        Self { files, plan: files.plan, streams, chain: Vec::new() }
    }

    pub(super) fn is_over(&self) -> bool {
        self.chain.last().is_some_and(|link| !link.passes)
    }

    pub(super) fn end(self) -> (Verdict, Vec<Link>) {
        if self.is_over() || self.streams.is_empty() {
            return (Verdict::Closed, self.chain);
        }
        let limits = self.chain.iter().any(|link| link.only.is_some());
        let left = CidrSet::union(self.streams.iter().map(|stream| &stream.began));
        (if limits { Verdict::Partly(left) } else { Verdict::Open }, self.chain)
    }

    pub(super) fn add(&mut self, at: &str, kind: LinkKind, says: String, because: Vec<Span>) {
        let (at, rules) = (at.to_owned(), Vec::new());
        self.chain.push(Link { at, kind, says, passes: true, only: None, rules, because });
    }

    pub(super) fn refuse(&mut self, at: &str, kind: LinkKind, says: String, because: Vec<Span>) {
        self.add(at, kind, says, because);
        if let Some(link) = self.chain.last_mut() {
            link.passes = false;
        }
    }

    /// Sends what is left through a filter; `says` names what the filter does with it, given the
    /// addresses that came through.
    pub(super) fn filter(
        &mut self,
        filter: &Filter<'_>,
        send: impl Fn(IpAddr, &CidrSet) -> Result<Vec<Passed>, Unreadable>,
        says: impl Fn(&CidrSet, bool) -> (String, Vec<Span>),
    ) -> Result<(), Unreadable> {
        let mut left = Vec::new();
        let mut rules: Vec<Quote> = Vec::new();
        let mut seen = Vec::new();
        let before = CidrSet::union(self.streams.iter().map(|stream| &stream.began));
        let mut whole = true;
        for stream in &self.streams {
            let mut rest = stream.seen.clone();
            for passed in send(stream.to, &stream.seen)? {
                let through = rest.intersection(&passed.from);
                if through.is_empty() {
                    continue;
                }
                rest = rest.difference(&through);
                if let Some((Some(line), text)) = passed.quote {
                    let machine = filter.bundle.to_owned();
                    rules.push(Quote { machine, line, text });
                }
                let disguised = stream.disguised || passed.seen_as.is_some();
                // Disguised connections share one address, so a filter can't tell where they began.
                let began = if stream.disguised { stream.began.clone() } else { through.clone() };
                let now = passed.seen_as.map_or_else(
                    || through.clone(),
                    |address| CidrSet::new(&[IpNet::from(address)], &[]),
                );
                seen.push(through);
                left.push(Stream { to: stream.to, began, seen: now, disguised });
            }
            whole &= rest.is_empty();
        }
        rules.sort();
        rules.dedup();
        let passes = !left.is_empty();
        let (says, because) = says(&CidrSet::union(&seen), passes);
        let began = CidrSet::union(left.iter().map(|stream| &stream.began));
        self.chain.push(Link {
            at: filter.at.to_owned(),
            kind: filter.kind,
            says,
            passes,
            only: (passes && !whole && began != before).then_some(began),
            rules,
            because,
        });
        self.streams = left;
        Ok(())
    }

    /// Follows the connections to a port of a machine.
    fn follow(&mut self, origin: &Origin, to: Port) -> Result<(), Unreadable> {
        let machine = &self.plan.model[to.machine];
        if origin.machine == Some(to.machine) {
            return self.within(origin, to);
        }
        if self.streams.is_empty() {
            let says = if machine.addresses.is_empty() {
                format!("{} has no address", machine.name)
            } else {
                format!("{} and {} share no kind of address", origin.word, machine.name)
            };
            self.refuse(&machine.name, LinkKind::Network, says, vec![machine.span]);
            return Ok(());
        }
        self.leave(origin)?;
        if self.is_over() {
            return Ok(());
        }
        // This is the order in which packets meet the filters. The first that refuses ends the
        // chain.
        self.through_gateways(Some(to.machine), to.transport, to.port)?;
        if self.is_over() {
            return Ok(());
        }
        self.through_routers(to)?;
        if self.is_over() {
            return Ok(());
        }
        self.through_hypervisor(to, None)?;
        if self.is_over() {
            return Ok(());
        }
        self.through_machine(to)?;
        if !self.is_over() {
            self.arrive(to, false)?;
        }
        Ok(())
    }

    /// Ends the connections of a container if nothing leads out of the networks that it is on.
    fn leave(&mut self, origin: &Origin) -> Result<(), Unreadable> {
        let (Some(id), Some(container)) = (origin.machine, &origin.container) else {
            return Ok(());
        };
        let compose = self.files.of(id)?.compose.as_ref();
        if compose.is_some_and(|compose| compose.network_of(container).is_none()) {
            let machine = &self.plan.model[id];
            let says = format!("nothing leads out of the networks of {container}");
            let own = owner(self.plan.model, &self.plan.machine(id).services, container);
            let because = own.map(|id| self.plan.model[id].span).into_iter().collect();
            self.refuse(&machine.name, LinkKind::Network, says, because);
        }
        Ok(())
    }

    /// Follows connections to an address that no machine has: nothing but a gateway filters them.
    fn outward(
        &mut self,
        origin: &Origin,
        transport: Transport,
        port: u16,
    ) -> Result<(), Unreadable> {
        if self.streams.is_empty() {
            let says = format!("{} has no address of that kind", origin.word);
            self.refuse(&origin.word, LinkKind::Network, says, Vec::new());
            return Ok(());
        }
        self.leave(origin)?;
        if self.is_over() {
            return Ok(());
        }
        self.through_gateways(None, transport, port)?;
        if !self.is_over() {
            let says = "labwright filters nothing on the way out".to_owned();
            self.add(&origin.word, LinkKind::Network, says, Vec::new());
        }
        Ok(())
    }

    /// Follows connections that do not leave their machine.
    fn within(&mut self, origin: &Origin, to: Port) -> Result<(), Unreadable> {
        let (files, plan) = (self.files, self.plan);
        let machine = &plan.model[to.machine];
        let kind = LinkKind::Network;
        let Some(container) = &origin.container else {
            let says = "nothing is filtered from a machine to itself".to_owned();
            self.add(&machine.name, kind, says, Vec::new());
            return self.arrive(to, true);
        };
        let read = files.of(to.machine)?;
        let endpoint = places::endpoint_at(files, to);
        if let Some(other) = endpoint.and_then(|id| places::container_of(plan, id)) {
            if other == container {
                let says = format!("{} uses the network of {other}", origin.word);
                self.add(&machine.name, kind, says, Vec::new());
                return Ok(());
            }
            if let Some((network, lines)) = read.networks.between(container, other) {
                let says = format!("{container} and {other} are on the network {network}");
                let because = because::meets(plan, to.machine, container, other);
                self.add(&machine.name, kind, says, because);
                if let Some(link) = self.chain.last_mut() {
                    link.rules = lines
                        .map(|line| Quote {
                            machine: machine.name.clone(),
                            line: line.clone(),
                            text: network.to_owned(),
                        })
                        .to_vec();
                }
                return Ok(());
            }
            if self.publishes(to, false)?.is_none() {
                let says = format!("{container} and {other} share no network");
                let because = endpoint.map(|id| plan.model[id.service].span).into_iter().collect();
                self.refuse(&machine.name, kind, says, because);
                return Ok(());
            }
            // What the other one publishes is handed on by Docker's proxy, a program on the
            // machine.
        }
        let networks = &plan.machine(to.machine).networks;
        // An internal network leads nowhere but to its members.
        let own = networks.own(container).filter(|network| !network.internal);
        let subnets: Vec<IpNet> = own.flat_map(ContainerNetwork::subnets).collect();
        let containers = CidrSet::new(&subnets, &[]);
        let owner = owner(plan.model, &plan.machine(to.machine).services, container);
        let network = read.compose.as_ref().and_then(|compose| compose.network_of(container));
        // They come from their own addresses, over the families that their network has.
        let v6 = network.is_some_and(|network| network.v6);
        self.streams.retain(|stream| stream.to.is_ipv4() || v6);
        for stream in &mut self.streams {
            stream.seen = of_family(&containers, stream.to.is_ipv6());
            stream.disguised = true;
        }
        let from = network.map(|network| network.interface.as_str());
        if let Some(nft) = &read.nftables {
            let name = if read.ufw.is_some() { "ufw" } else { "nftables" };
            let filter =
                Filter { at: &machine.name, kind: LinkKind::Firewall, bundle: &machine.name };
            self.filter(
                &filter,
                |address, seen| {
                    let connection = nftables::Connection::new(address, to.transport, to.port);
                    Ok(enter(read, nft, seen, nftables::Connection { from, ..connection }))
                },
                |from, passes| {
                    verdict(name, files, to, because::opening(files, to, from, owner), passes)
                },
            )?;
        } else {
            // What stays within a guest never comes to the firewall of its host.
            if machine.guest.is_none() {
                self.through_hypervisor(to, Some(&containers))?;
            }
            if !self.is_over() {
                self.through_machine(to)?;
            }
        }
        if !self.is_over() {
            self.arrive(to, false)?;
        }
        Ok(())
    }
}
