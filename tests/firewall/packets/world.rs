//! Networks of namespaces that stand in for a lab: its machines, their containers, and who asks.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::thread;

use ipnet::IpNet;
use labwright::emit::firewall;
use labwright::model::Transport::{Tcp, Udp};
use labwright::model::{FirewallBackend, MachineId, Transport};
use labwright::plan::{Guard, Plan};

use super::allowed::{Goal, address, allowed, each, lan_clients, reaches, through, to_containers};
use super::dock::{Dock, Docker};
use super::network::{Switch, Tunnel};
use super::{INTERNET, UNDECLARED};
use crate::firewall::lab;
use crate::firewall::wire::{Listener, Net, Probe};
use crate::trixie::Room;

/// A lab of namespaces: its machines on one switch, a container on each that runs any, the internet
/// and the LAN's clients, and a client of each network behind a machine.
pub struct World<'p> {
    plan: &'p Plan<'p>,
    ports: BTreeSet<u16>,
    machines: Vec<Net>,
    docks: BTreeMap<MachineId, Dock>,
    tunnels: Vec<Tunnel>,
    outside: Net,
    _switch: Net,
    pub listeners: Vec<Listener>,
}

impl<'p> World<'p> {
    /// Starts all of it and loads the emitted firewalls. Returns nothing where the real programs
    /// are not there.
    pub fn new(plan: &'p Plan<'p>, docker: Docker) -> Option<Self> {
        let ids: Vec<MachineId> = plan.model.machines().map(|(id, _)| id).collect();
        let files: Vec<_> = ids.iter().map(|machine| unpack(plan, *machine)).collect();
        let rooms: Option<Vec<Room>> =
            files.iter().map(|folder| Some(Room::new()?.show(folder.path(), "/payload"))).collect();
        let mut machines: Vec<Net> =
            rooms?.into_iter().map(|room| Net::start(room.command(&["sh"]))).collect();
        let mut ports: BTreeSet<u16> =
            plan.flows.iter().flat_map(|flow| each(flow.ports)).chain(UNDECLARED).collect();
        let published = plan.machines.iter().flat_map(|machine| &machine.published);
        ports.extend(published.flat_map(|port| each(port.host_ports)));

        let mut switch = Switch::new();
        for (net, machine) in machines.iter_mut().zip(&plan.model.machines) {
            let addresses: Vec<IpNet> = machine
                .addresses
                .iter()
                .map(|own| IpNet::new(own.address, own.prefix).expect("a prefix"))
                .collect();
            switch.plug(net, &addresses);
        }
        let mut outside = Net::new();
        let everybody = lan_clients(plan)
            .into_iter()
            .chain(INTERNET.map(address))
            .chain([address("10.99.0.1")]);
        switch.plug(&mut outside, &everybody.map(IpNet::from).collect::<Vec<_>>());
        let mut listeners = outside.listen(&[(Tcp, 80)], false);

        let mut tunnels = Vec::new();
        for gateway in &ids {
            for clients in &plan.machine(*gateway).clients {
                let tunnel = Tunnel::new(
                    plan,
                    *gateway,
                    &mut machines[gateway.0 as usize],
                    clients.network,
                    &mut switch,
                );
                listeners.extend(tunnel.client.listen(&[(Tcp, 80)], false));
                tunnels.push(tunnel);
            }
        }
        for (net, planned) in machines.iter_mut().zip(&plan.machines) {
            for route in &planned.static_routes {
                net.run(&format!("ip route replace {} via {}", route.to, route.via));
            }
        }
        let mut docks = BTreeMap::new();
        for machine in ids.iter().filter(|machine| Dock::network(plan, **machine).is_some()) {
            let net = &mut machines[machine.0 as usize];
            let dock = Dock::new(plan, *machine, net, &mut switch, docker);
            let inner: Vec<_> =
                dock.published.iter().flat_map(|port| [(Tcp, *port), (Udp, *port)]).collect();
            listeners.extend(dock.container.listen(&inner, false));
            listeners.extend(dock.container.listen(&inner, true));
            docks.insert(*machine, dock);
        }
        thread::scope(|scope| {
            for (net, machine) in machines.iter_mut().zip(&ids) {
                scope.spawn(|| load(plan, *machine, net));
            }
        });
        // Every machine listens on the ports of all machines, so that a hole is found.
        for (net, machine) in machines.iter().zip(&ids) {
            for v6 in [false, true] {
                let taken = |port: &u16| {
                    docks.get(machine).is_some_and(|dock| {
                        (!v6 || dock.rewrites_v6) && dock.published.contains(port)
                    })
                };
                let own: Vec<_> = ports
                    .iter()
                    .filter(|port| !taken(port))
                    .flat_map(|port| [(Tcp, *port), (Udp, *port)])
                    .collect();
                listeners.extend(net.listen(&own, v6));
            }
        }
        Some(Self {
            plan,
            ports,
            machines,
            docks,
            tunnels,
            outside,
            _switch: switch.net,
            listeners,
        })
    }

    /// Lists all namespaces.
    pub fn nets(&self) -> Vec<&Net> {
        let docks = self.docks.values().flat_map(|dock| [&dock.container, &dock.spy.net]);
        let tunnels = self.tunnels.iter().flat_map(|tunnel| [&tunnel.client, &tunnel.spy.net]);
        self.machines.iter().chain([&self.outside]).chain(docks).chain(tunnels).collect()
    }

    /// Lists all probes, each with the verdict of the access model.
    pub fn probes(&self) -> Vec<Probe> {
        let plan = self.plan;
        let mut probes = Vec::new();
        for (to, _) in plan.model.machines() {
            self.add_the_network(to, &mut probes);
            self.add_containers(to, &mut probes);
        }
        let nets = self.nets();
        let mut one = |who: &str, net: &Net, from: IpAddr, to: IpAddr, port, open| {
            let (who, net) = (who.to_owned(), index(&nets, net));
            probes.push(Probe { who, net, from, to, transport: Tcp, port, open });
        };
        let internet = address(INTERNET[0]);
        let a_client = *lan_clients(plan).first().expect("a client in the LAN");
        for (machine, dock) in &self.docks {
            let name = &plan.model[*machine].name;
            one(
                &format!("container of {name} outward"),
                &dock.container,
                dock.address,
                internet,
                80,
                true,
            );
            for port in &dock.published {
                one(
                    &format!("LAN to a container of {name}"),
                    &dock.spy.net,
                    dock.spy.address,
                    dock.address,
                    *port,
                    false,
                );
            }
        }
        for tunnel in &self.tunnels {
            let [from, ..] = tunnel.addresses[..] else { panic!("a client has an address") };
            one(
                "client to the LAN",
                &tunnel.client,
                from,
                a_client,
                80,
                reaches(plan, tunnel.gateway, a_client, Tcp, 80),
            );
            one(
                "client to the internet",
                &tunnel.client,
                from,
                internet,
                80,
                reaches(plan, tunnel.gateway, internet, Tcp, 80),
            );
            one("LAN to a client", &tunnel.spy.net, tunnel.spy.address, from, 80, false);
            if let Some(dock) = self.docks.get(&tunnel.gateway) {
                one(
                    "client to a container",
                    &tunnel.client,
                    from,
                    dock.address,
                    UNDECLARED[0],
                    false,
                );
            }
        }
        probes
    }

    /// Tries every port of a machine from an address.
    fn try_ports(
        &self,
        who: &str,
        (net, from): (&Net, IpAddr),
        to: MachineId,
        open: impl Fn(Goal, Transport, u16) -> bool,
    ) -> Vec<Probe> {
        let net = index(&self.nets(), net);
        let addresses = self.plan.model[to]
            .addresses
            .iter()
            .map(|to| to.address)
            .filter(|to| to.is_ipv4() == from.is_ipv4());
        let ports = self.ports.iter().flat_map(|port| [(Tcp, *port), (Udp, *port)]);
        let all = addresses
            .flat_map(|at| ports.clone().map(move |(transport, port)| (at, transport, port)));
        all.map(|(at, transport, port)| Probe {
            who: who.to_owned(),
            net,
            from,
            to: at,
            transport,
            port,
            open: open((to, at), transport, port),
        })
        .collect()
    }

    fn add_the_network(&self, to: MachineId, probes: &mut Vec<Probe>) {
        let plan = self.plan;
        for from in
            lan_clients(plan).into_iter().chain(INTERNET.map(address)).chain([address("10.99.0.1")])
        {
            probes.extend(self.try_ports(
                "outside",
                (&self.outside, from),
                to,
                |goal, transport, port| allowed(plan, from, goal, transport, port),
            ));
        }
        for (net, (_, machine)) in
            self.machines.iter().zip(plan.model.machines()).filter(|(_, (id, _))| *id != to)
        {
            for own in &machine.addresses {
                let open =
                    |goal, transport, port| allowed(plan, own.address, goal, transport, port);
                probes.extend(self.try_ports(&machine.name, (net, own.address), to, open));
            }
        }
        for tunnel in &self.tunnels {
            for from in &tunnel.addresses {
                probes.extend(self.try_ports(
                    "client",
                    (&tunnel.client, *from),
                    to,
                    |goal, transport, port| {
                        if to == tunnel.gateway {
                            allowed(plan, *from, goal, transport, port)
                        } else {
                            through(plan, tunnel.gateway, *from, goal, transport, port)
                        }
                    },
                ));
            }
        }
    }

    fn add_containers(&self, to: MachineId, probes: &mut Vec<Probe>) {
        let plan = self.plan;
        for (machine, dock) in &self.docks {
            for address in [dock.address, dock.address6] {
                let from = (&dock.container, address);
                if *machine != to {
                    // Other machines see the container as its machine.
                    let mut own = plan.model[*machine].addresses.iter();
                    let Some(own) = own.find(|own| own.address.is_ipv4() == address.is_ipv4())
                    else {
                        continue;
                    };
                    probes.extend(self.try_ports(
                        "container",
                        from,
                        to,
                        |goal, transport, port| allowed(plan, own.address, goal, transport, port),
                    ));
                    continue;
                }
                let own = self.try_ports(
                    "container on its machine",
                    from,
                    to,
                    |goal, transport, port| {
                        allowed(plan, address, goal, transport, port)
                            || to_containers(plan, to, transport, port)
                    },
                );
                // Docker does not rewrite what a container sends to its own machine's published
                // ports. Where it rewrites nothing, its proxy listens on the machine.
                let by_proxy = address.is_ipv6() && !dock.rewrites_v6;
                let asked = |probe: &Probe| by_proxy || !dock.published.contains(&probe.port);
                probes.extend(own.into_iter().filter(asked));
            }
        }
    }
}

fn index(nets: &[&Net], net: &Net) -> usize {
    nets.iter().position(|other| other.id() == net.id()).expect("a namespace of this world")
}

/// Writes a machine's emitted files to a folder.
fn unpack(plan: &Plan<'_>, machine: MachineId) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (path, file) in lab::emit(plan, machine, &firewall::EMITTER).files {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("write");
        std::fs::write(path, file.bytes).expect("write");
    }
    folder
}

/// Does the same as the activate step, without systemd.
fn load(plan: &Plan<'_>, machine: MachineId, net: &mut Net) {
    let Guard::Own(backend) = plan.guard(machine) else { return };
    if backend == FirewallBackend::Ufw {
        net.run("sh /payload/firewall/ufw.sh\nufw status | grep -q '^Status: active'");
    }
    net.run(
        "nft -f /payload/firewall/nftables.nft\n[ ! -f /payload/firewall/forward.sh ] || sh \
         /payload/firewall/forward.sh",
    );
}
