//! The filters that a connection meets, one by one.

use std::net::IpAddr;

use ipnet::IpNet;

use super::at::At;
use super::because;
use super::passed::Passed;
use super::places::{self, Port};
use super::read::{compose, nftables, proxmox};
use super::tables::{enter, forwarded, verdict};
use super::walk::{Filter, Way};
use super::{LinkKind, Quote, Unreadable};
use crate::model::{MachineId, Transport};
use crate::plan::CidrSet;

impl<'f> Way<'f, '_> {
    /// Sends the clients of networks behind machines through those machines.
    pub(super) fn through_gateways(
        &mut self,
        target: Option<MachineId>,
        transport: Transport,
        port: u16,
    ) -> Result<(), Unreadable> {
        let (files, plan) = (self.files, self.plan);
        for (gateway, clients) in &files.gateways {
            let (gateway, machine) = (*gateway, &plan.model[*gateway]);
            let network = &plan.model[clients.network];
            let inside = CidrSet::new(&network.prefixes, &[]);
            let concerned = self.streams.iter().any(|at| !at.seen.intersection(&inside).is_empty());
            // What goes to the gateway itself is not forwarded. The gateway's own firewall decides.
            if Some(gateway) == target || !concerned || self.is_over() {
                continue;
            }
            let read = files.of(gateway)?;
            let own = files.addresses(gateway);
            let filter =
                Filter { at: &machine.name, kind: LinkKind::Gateway, bundle: &machine.name };
            let here = Port { machine: gateway, transport, port, at: At::All };
            let service = because::gateway(plan, here, &inside);
            let opened = target.map(|machine| {
                let to = Port { machine, transport, port, at: At::All };
                because::opening(files, to, &inside, None)
            });
            let to = target.map_or("there", |to| plan.model[to].name.as_str());
            self.filter(
                &filter,
                |to, from| {
                    let concerned = from.intersection(&inside);
                    let mut passed = forwarded(read, &concerned, to, transport, port, &own);
                    // Addresses outside the network do not come through the gateway.
                    let rest = from.difference(&concerned);
                    passed.push(Passed { from: rest, quote: None, seen_as: None });
                    Ok(passed)
                },
                |_, passes| {
                    let spans = opened.as_ref().filter(|_| passes).map(|why| &why.spans);
                    let spans = spans.filter(|spans| !spans.is_empty()).cloned();
                    let own = service.map(|service| plan.model[service].span);
                    let does = if passes { "forwards" } else { "does not forward" };
                    (
                        format!("{does} {port}/{} from {} to {to}", transport.name(), network.name),
                        spans.unwrap_or_else(|| own.into_iter().collect()),
                    )
                },
            )?;
            if let (Some(link), true) =
                (self.chain.last_mut(), self.streams.iter().any(|stream| stream.disguised))
            {
                link.says.push_str(", as if it came from this machine");
            }
        }
        Ok(())
    }

    /// Sends what comes from the internet through the routers of the machine's networks. They
    /// translate IPv4 alone, so IPv6 needs no forward.
    pub(super) fn through_routers(&mut self, to: Port) -> Result<(), Unreadable> {
        let (files, plan) = (self.files, self.plan);
        let read = files.of(to.machine)?;
        if files.ignored.contains(&LinkKind::Router) {
            return Ok(());
        }
        let own: Vec<IpNet> =
            plan.model.networks.iter().flat_map(|network| network.prefixes.clone()).collect();
        let inside = CidrSet::new(&own, &[]);
        for router in &plan.model.routers {
            let is_behind = |address: &IpAddr| {
                let mut addresses = plan.model[to.machine].addresses.iter();
                address.is_ipv4()
                    && addresses.any(|own| own.address == *address && own.network == router.network)
            };
            let concerned = self
                .streams
                .iter()
                .any(|stream| is_behind(&stream.to) && !stream.seen.difference(&inside).is_empty());
            if !concerned || self.is_over() {
                continue;
            }
            let mut forwards = read.routers.at(to.transport, to.port);
            let forward = forwards.find(|forward| forward.router == router.name);
            let bundle = &plan.model[to.machine].name;
            let filter = Filter { at: &router.name, kind: LinkKind::Router, bundle };
            let opening = because::opening(
                files,
                to,
                // The default prefix is `0.0.0.0/0` too.
                &CidrSet::new(&["0.0.0.0/0".parse::<IpNet>().unwrap_or_default()], &own),
                None,
            );
            let port = format!("{}/{}", to.port, to.transport.name());
            self.filter(
                &filter,
                |address, from| {
                    let forwarded = forward.filter(|forward| forward.address == address);
                    let mut passed = Vec::new();
                    if !is_behind(&address) {
                        passed.push(Passed { from: from.clone(), quote: None, seen_as: None });
                    } else if let Some(forward) = forwarded {
                        let text = format!("{port} to {}", forward.address);
                        let quote = Some((Some(forward.line.clone()), text));
                        passed.push(Passed { from: from.clone(), quote, seen_as: None });
                    } else {
                        // Without a forward, the router still routes what comes from the lab's own
                        // networks.
                        let from = from.intersection(&inside);
                        passed.push(Passed { from, quote: None, seen_as: None });
                    }
                    Ok(passed)
                },
                |_, passes| match forward {
                    Some(forward) if passes => {
                        let says = format!("must forward {port} to {}", forward.address);
                        (says, opening.spans.clone())
                    }
                    _ => {
                        (format!("has no forward of {port} to {bundle}"), because::about(files, to))
                    }
                },
            )?;
        }
        Ok(())
    }

    /// Sends the connections through the firewall of the Proxmox host that the machine runs on, or
    /// is.
    pub(super) fn through_hypervisor(
        &mut self,
        to: Port,
        own: Option<&CidrSet>,
    ) -> Result<(), Unreadable> {
        let (files, plan) = (self.files, self.plan);
        let Some((host, file)) = places::hypervisor(plan, to.machine) else { return Ok(()) };
        let Some(rules) = &files.of(host)?.proxmox else { return Ok(()) };
        if files.ignored.contains(&LinkKind::Hypervisor) {
            return Ok(());
        }
        let name = &plan.model[host].name;
        // What Docker rewrites is forwarded, and a host's own firewall is about what it takes in.
        let published = host == to.machine && self.published(to)?.next().is_some();
        if published {
            let says = "Proxmox's firewall does not see what a container publishes".to_owned();
            self.add(name, LinkKind::Hypervisor, says, because::about(files, to));
            return Ok(());
        }
        // Proxmox filters only the guests that have a file of rules.
        if !rules.guards(&file) {
            return Ok(());
        }
        let filter = Filter { at: name, kind: LinkKind::Hypervisor, bundle: name };
        let send = |address: IpAddr, from: &CidrSet| {
            let from = own.unwrap_or(from);
            let passed = rules.send(&file, from, address, to.transport, to.port);
            let passed = passed.into_iter().map(|passed: proxmox::Passed| Passed {
                from: passed.from,
                quote: Some((passed.line, passed.text)),
                seen_as: None,
            });
            Ok(passed.collect())
        };
        self.filter(&filter, send, |from, passes| {
            let because = because::opening(files, to, from, None);
            let managed = passes && because.words.is_empty();
            if managed {
                let host = &plan.model[host];
                let spans = host.ssh.iter().map(|access| access.span).collect();
                return ("lets those in who manage the host".to_owned(), spans);
            }
            verdict("the Proxmox firewall", files, to, because, passes)
        })
    }

    /// Sends the connections through the machine's own firewall.
    pub(super) fn through_machine(&mut self, to: Port) -> Result<(), Unreadable> {
        let (files, plan) = (self.files, self.plan);
        let machine = &plan.model[to.machine];
        let read = files.of(to.machine)?;
        if files.ignored.contains(&LinkKind::Firewall) {
            return Ok(());
        }
        let Some(nft) = &read.nftables else {
            // A Proxmox host has no other firewall than the one that `through_hypervisor` has
            // looked at.
            let on_host = places::hypervisor(plan, to.machine);
            if on_host.is_none_or(|(host, _)| host != to.machine) {
                let says = "labwright writes no firewall for this machine".to_owned();
                self.add(&machine.name, LinkKind::Firewall, says, vec![machine.span]);
            }
            return Ok(());
        };
        self.at_addresses(to)?;
        if self.is_over() {
            return Ok(());
        }
        let ports: Vec<&compose::Port> = self.published(to)?.collect();
        let published = !ports.is_empty();
        let network = |address: IpAddr| {
            let port = ports.iter().find(|port| port.takes(address))?;
            read.compose.as_ref()?.network_of(&port.container)
        };
        // Docker rewrites the destination before ufw's chains, so ufw never sees published ports.
        let name = if read.ufw.is_some() && !published { "ufw" } else { "nftables" };
        let filter = Filter { at: &machine.name, kind: LinkKind::Firewall, bundle: &machine.name };
        self.filter(
            &filter,
            |address, from| {
                // Where the container's network has no IPv6, Docker's proxy, a program on the
                // machine, takes such connections.
                let rewritten = network(address).filter(|one| address.is_ipv4() || one.v6);
                let onto = rewritten.map(|network| network.interface.as_str());
                let connection = nftables::Connection::new(address, to.transport, to.port);
                let rewritten = onto.is_some();
                Ok(enter(read, nft, from, nftables::Connection { onto, rewritten, ..connection }))
            },
            |from, passes| {
                verdict(name, files, to, because::opening(files, to, from, None), passes)
            },
        )
    }

    /// Ends the connections to addresses at which a port is not published.
    fn at_addresses(&mut self, to: Port) -> Result<(), Unreadable> {
        let (files, plan) = (self.files, self.plan);
        let ports: Vec<&compose::Port> = self.published(to)?.collect();
        let takes = |address: IpAddr| ports.iter().any(|port| port.takes(address));
        let Some(port) = ports.first() else { return Ok(()) };
        if self.streams.iter().all(|stream| takes(stream.to)) {
            return Ok(());
        }
        let machine = &plan.model[to.machine];
        let filter = Filter { at: &machine.name, kind: LinkKind::Listener, bundle: &machine.name };
        let places: Vec<String> = ports
            .iter()
            .filter_map(|port| port.at)
            .map(|at| if at.is_unspecified() { "over IPv4".to_owned() } else { format!("at {at}") })
            .collect();
        let says = format!(
            "container {} publishes {} {} alone",
            port.container,
            format_args!("{}/{}", to.port, to.transport.name()),
            places.join(" and ")
        );
        let quote =
            Quote { machine: machine.name.clone(), line: port.line.clone(), text: port.text() };
        let service = places::endpoint_at(files, to).map(|endpoint| &plan.model[endpoint.service]);
        let because = service.map_or(machine.span, |service| service.span);
        self.filter(
            &filter,
            |address, from| {
                let passed = Passed { from: from.clone(), quote: None, seen_as: None };
                Ok(if takes(address) { vec![passed] } else { Vec::new() })
            },
            |_, _| (says.clone(), vec![because]),
        )?;
        if let Some(link) = self.chain.last_mut() {
            link.rules = vec![quote];
        }
        Ok(())
    }

    /// Names what takes the connection in the end.
    /// `own` says that the machine itself connects.
    pub(super) fn arrive(&mut self, to: Port, own: bool) -> Result<(), Unreadable> {
        let (files, plan) = (self.files, self.plan);
        let machine = &plan.model[to.machine];
        let port = format!("{}/{}", to.port, to.transport.name());
        let endpoint = places::endpoint_at(files, to);
        let because = endpoint.map_or(machine.span, |endpoint| plan.model[endpoint.service].span);
        if let Some((published, quote)) = self.publishes(to, own)? {
            self.add(&machine.name, LinkKind::Listener, published, vec![because]);
            if let Some(link) = self.chain.last_mut() {
                link.rules = vec![quote];
            }
            return Ok(());
        }
        if let Some(container) = endpoint.and_then(|id| places::container_of(plan, id)) {
            let says = format!("container {container} does not publish {port}");
            self.refuse(&machine.name, LinkKind::Listener, says, vec![because]);
            return Ok(());
        }
        let says = match places::what(files, to) {
            Some(what) => format!("{what} listens on {port}"),
            None => format!("labwright knows of nothing that listens on {port}"),
        };
        self.add(&machine.name, LinkKind::Listener, says, vec![because]);
        Ok(())
    }

    /// Finds what containers of the machine publish at a port, but to the machine itself alone.
    fn published(
        &self,
        to: Port,
    ) -> Result<impl Iterator<Item = &'f compose::Port> + use<'f>, Unreadable> {
        let read = self.files.of(to.machine)?;
        let ports = read.compose.iter().flat_map(move |all| all.ports.at(to.transport, to.port));
        Ok(ports.filter(|port| !port.is_local()))
    }

    /// Says which container publishes a port of a machine, as its compose file has it; `own` says
    /// that the machine itself connects to it.
    pub(super) fn publishes(
        &self,
        to: Port,
        own: bool,
    ) -> Result<Option<(String, Quote)>, Unreadable> {
        let read = self.files.of(to.machine)?;
        let mut ports = read.compose.iter().flat_map(|all| all.ports.at(to.transport, to.port));
        let comes = |port: &&compose::Port| {
            own || !port.is_local() && self.streams.iter().any(|stream| port.takes(stream.to))
        };
        Ok(ports.find(comes).map(|port| {
            let proto = port.transport.name();
            let quote = Quote {
                machine: self.plan.model[to.machine].name.clone(),
                line: port.line.clone(),
                text: port.text(),
            };
            let says = format!(
                "container {} publishes {}/{proto}, {} inside",
                port.container, port.ports, port.inside
            );
            (says, quote)
        }))
    }
}
