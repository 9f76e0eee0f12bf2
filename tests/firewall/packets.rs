//! Loads the emitted rules and sends packets from everywhere: what comes through must be exactly
//! what the access model allows.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::thread;

use ipnet::IpNet;
use labwright::artifact::Artifacts;
use labwright::compile::analyze;
use labwright::emit::firewall;
use labwright::kind::Kind;
use labwright::load::read_lab;
use labwright::model::Transport::{Tcp, Udp};
use labwright::model::{FirewallBackend, MachineId, Ports, Transport, ZoneId};
use labwright::plan::Arrival::Published;
use labwright::plan::{ContainerNetwork, FlowSource, ForwardTarget, Guard, Plan};
use labwright::reach::{Files, LinkKind, Verdict};

use super::lab::{self, Lab};
use super::wire::{Listener, Net, Probe, try_all};
use crate::trixie::Room;

/// The ports that containers publish and listen on without a declaration. Nobody may reach them.
const UNDECLARED: [u16; 2] = [5432, 9999];
const INTERNET: [&str; 2] = ["203.0.113.7", "2001:db8:ffff::7"];

/// Everything that may open a port, between all zones.
const OPEN: &str = r#"
extend host extranet { ssh from=lan; }
extend host intranet { ssh from=lan; }
extend host media { ssh from=lan,dmz; }
service road on=extranet { expose road to=internet; reach REACH; }

service extranet-80 module=door on=extranet { port tcp 80; expose tcp to=internet; }
service extranet-443 module=door on=extranet { port tcp 443; expose tcp to=internet,lan; }
service extranet-81 module=door on=extranet { port tcp 81; expose tcp to=lan,tunnel; }
service extranet-53 module=door on=extranet { port udp 53; expose udp to=lan; }
service intranet-8096 module=door on=intranet {
    port tcp 8096
    expose tcp to=lan,tunnel,extranet
}
service intranet-2283 module=door on=intranet { port tcp 2283; expose tcp to=extranet; }
service intranet-3000 module=door on=intranet { port tcp 3000; expose tcp to=tunnel; }
service intranet-53 module=door on=intranet { port udp 53; expose udp to=lan; }
service media-8080 module=door on=media { port tcp 8080; expose tcp to=lan,internet; }
service media-8123 module=program on=media {
    port tcp 8123
    port udp 8123
    expose tcp to=internet,dmz,intranet
    expose udp to=lan
}
service media-row module=row on=media { port udp "40000-40003"; expose udp to=lan; }
service media-bound module=door on=media {
    port tcp 8090 address="192.168.1.102"
    expose tcp to=lan,internet
}
service media-twice module=door on=media {
    port tcp 8090 address="2001:db8:1::102"
    expose tcp to=dmz
}
service media-own module=door on=media { port tcp 8091 address="127.0.0.1"; }
service intranet-bound module=door on=intranet {
    port tcp 8090 address="2001:db8:1::101"
    expose tcp to=lan
}

service measured-extranet module=program on=extranet { port tcp 9100; port udp 9100; }
service measured-intranet module=program on=intranet { port tcp 9100; port udp 9100; }
service measured-media module=program on=media { port tcp 9100; port udp 9100; }
service intranet-asks-extranet module=asker on=intranet { of measured-extranet; }
service intranet-asks-itself module=asker on=intranet { of measured-intranet; }
service intranet-asks-media module=asker on=intranet { of measured-media; }
service media-asks-itself module=asker on=media { of measured-media; }
"#;

/// Makes the lab in which everything is open that [`OPEN`] opens, and whose tunnel's clients reach
/// every address of a zone.
fn lab(backends: [&str; 3], reach: &str) -> Lab {
    Lab::new(backends, &OPEN.replace("REACH", reach))
}

#[test]
fn ufw_lets_through_the_access_model() {
    compare(&lab(["ufw", "ufw", "nftables"], "nas").plan());
}

#[test]
fn nftables_lets_through_the_access_model() {
    compare(&lab(["nftables", "nftables", "ufw"], "lan").plan());
}

/// Docker's own rules refuse more since version 28. What the lab opens must stay open.
#[test]
fn what_is_open_stays_open_with_the_rules_of_docker_28() {
    compare_with(&lab(["ufw", "nftables", "ufw"], "nas").plan(), Docker::Iptables28);
}

/// Next to ufw it would not: what ufw forwards for nobody, no other table lets through. `labctl`
/// refuses such a machine.
#[test]
fn what_is_open_stays_open_with_the_nftables_of_docker_29() {
    compare_with(&lab(["nftables"; 3], "nas").plan(), Docker::Nftables29);
}

#[test]
fn a_real_lab_is_as_closed_as_it_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("modules/labs/media-server-home");
    let sources = read_lab(&folder).unwrap_or_else(|_| panic!("{} can be read", folder.display()));
    let mut analyzed = analyze(&sources);
    compare(&analyzed.check(&sources).plan.expect("a lab"));
}

/// Whose rules lead to the container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Docker {
    /// Rules that forbid nothing, so that it is ours which do.
    Lenient,
    /// Those of Docker 28 with iptables (moby, `integration/network/bridge/iptablesdoc`).
    Iptables28,
    /// Those of Docker 29 with `firewall-backend: nftables` (moby, `…/bridge/nftablesdoc`).
    Nftables29,
}

fn compare(plan: &Plan<'_>) {
    compare_with(plan, Docker::Lenient);
}

fn compare_with(plan: &Plan<'_>, docker: Docker) {
    let Some(world) = World::new(plan, docker) else { return };
    let probes = world.probes();
    let open = probes.iter().filter(|probe| probe.open).count();
    assert!(open > 20 && probes.len() - open > 200, "{open} of {}", probes.len());
    agrees(plan, &probes);
    let wrong = try_all(&world.nets(), &probes, &world.listeners);
    let line = |probe: &Probe| {
        let Probe { who, from, to, transport, port, open, .. } = probe;
        format!(
            "{who} {from} -> {to} {port}/{}: {}",
            transport.name(),
            if *open { "closed, must be open" } else { "open, must be closed" }
        )
    };
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.iter().map(line).collect::<Vec<_>>().join("\n")
    );
}

/// Compares what `reach` reads from the emitted files with what is measured, question by question.
///
/// Packets go around the routers and the hypervisor here, so these do not count.
fn agrees(plan: &Plan<'_>, probes: &[Probe]) {
    let around = [LinkKind::Router, LinkKind::Hypervisor];
    let files =
        Files::from_emitted(plan, |machine| with_published(plan, machine)).ignoring(&around);
    let mut asked = 0;
    for probe in probes {
        let Probe { who, from, to, transport, port, open, .. } = probe;
        let machine = plan.model.machines.iter().find(|machine| machine.name == *who);
        let from_machine =
            machine.is_some_and(|machine| machine.addresses.iter().any(|own| own.address == *from));
        let is_client = who.starts_with("client to the ");
        if !(from_machine || is_client || ["outside", "client"].contains(&who.as_str())) {
            continue;
        }
        let to = if to.is_ipv6() { format!("[{to}]") } else { to.to_string() };
        let to = format!("{to}:{port}/{}", transport.name());
        let answers = files.reach(&from.to_string(), &to).unwrap_or_else(|why| panic!("{why}"));
        let [answer] = &answers[..] else { panic!("{answers:?}") };
        assert_eq!(
            answer.verdict != Verdict::Closed,
            *open,
            "{who} {from} -> {to}: measured and answered otherwise: {:#?}",
            answer.chain
        );
        asked += 1;
    }
    assert!(asked > 200, "{asked} questions");
}

/// Emits a machine's firewall, and a compose file that publishes what its [`Dock`] does.
fn with_published(plan: &Plan<'_>, machine: MachineId) -> Artifacts {
    let mut artifacts = lab::emit(plan, machine, &firewall::EMITTER);
    if let Some(network) = Dock::network(plan, machine) {
        let ports: String = Dock::published(plan, machine)
            .iter()
            .flat_map(|port| ["tcp", "udp"].map(|proto| format!("    - '{port}:{port}/{proto}'\n")))
            .collect();
        let (name, interface) = (&network.name, &network.interface);
        let text = format!(
            "services:\n  dock:\n    ports:\n{ports}    networks:\n      {name}: {{}}\n\
             networks:\n  {name}:\n    driver_opts:\n      \
             com.docker.network.bridge.name: '{interface}'\n"
        );
        artifacts.add("compose/compose.yaml", Kind::Compose, text, Vec::new());
    }
    artifacts
}

/// A lab of namespaces: its machines on one switch, a container on each that runs any, the internet
/// and the LAN's clients, and a client of each network behind a machine.
struct World<'p> {
    plan: &'p Plan<'p>,
    ports: BTreeSet<u16>,
    machines: Vec<Net>,
    docks: BTreeMap<MachineId, Dock>,
    tunnels: Vec<Tunnel>,
    outside: Net,
    _switch: Net,
    listeners: Vec<Listener>,
}

/// A host in the LAN with routes that no router announced to it.
struct Spy {
    net: Net,
    address: IpAddr,
}

/// A container on a machine, and a host in the LAN that knows a route around the machine's
/// published ports.
struct Dock {
    published: BTreeSet<u16>,
    container: Net,
    address: IpAddr,
    /// Whether IPv6 is rewritten too. If not, Docker's proxy listens on the machine for the
    /// container.
    rewrites_v6: bool,
    spy: Spy,
}

struct Tunnel {
    gateway: MachineId,
    client: Net,
    /// The client's addresses.
    addresses: Vec<IpAddr>,
    /// A host in the LAN that knows the route to the client.
    spy: Spy,
}

impl<'p> World<'p> {
    fn new(plan: &'p Plan<'p>, docker: Docker) -> Option<Self> {
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

    fn nets(&self) -> Vec<&Net> {
        let docks = self.docks.values().flat_map(|dock| [&dock.container, &dock.spy.net]);
        let tunnels = self.tunnels.iter().flat_map(|tunnel| [&tunnel.client, &tunnel.spy.net]);
        self.machines.iter().chain([&self.outside]).chain(docks).chain(tunnels).collect()
    }

    /// Lists all probes, each with the verdict of the access model.
    fn probes(&self) -> Vec<Probe> {
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
        open: impl Fn(Transport, u16) -> bool,
    ) -> Vec<Probe> {
        let net = index(&self.nets(), net);
        let addresses = self.plan.model[to]
            .addresses
            .iter()
            .map(|to| to.address)
            .filter(|to| to.is_ipv4() == from.is_ipv4());
        let ports = self.ports.iter().flat_map(|port| [(Tcp, *port), (Udp, *port)]);
        let all = addresses
            .flat_map(|to| ports.clone().map(move |(transport, port)| (to, transport, port)));
        all.map(|(to, transport, port)| Probe {
            who: who.to_owned(),
            net,
            from,
            to,
            transport,
            port,
            open: open(transport, port),
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
                |transport, port| allowed(plan, from, to, transport, port),
            ));
        }
        for (net, (_, machine)) in
            self.machines.iter().zip(plan.model.machines()).filter(|(_, (id, _))| *id != to)
        {
            for own in &machine.addresses {
                let open = |transport, port| allowed(plan, own.address, to, transport, port);
                probes.extend(self.try_ports(&machine.name, (net, own.address), to, open));
            }
        }
        for tunnel in &self.tunnels {
            for from in &tunnel.addresses {
                probes.extend(self.try_ports(
                    "client",
                    (&tunnel.client, *from),
                    to,
                    |transport, port| {
                        if to == tunnel.gateway {
                            allowed(plan, *from, to, transport, port)
                        } else {
                            through(plan, tunnel.gateway, *from, to, transport, port)
                        }
                    },
                ));
            }
        }
    }

    fn add_containers(&self, to: MachineId, probes: &mut Vec<Probe>) {
        let plan = self.plan;
        for (machine, dock) in &self.docks {
            let from = (&dock.container, dock.address);
            if *machine != to {
                // Other machines see the container as its machine.
                let Some(own) =
                    plan.model[*machine].addresses.iter().find(|own| own.address.is_ipv4())
                else {
                    continue;
                };
                probes.extend(self.try_ports("container", from, to, |transport, port| {
                    allowed(plan, own.address, to, transport, port)
                }));
                continue;
            }
            let own = self.try_ports("container on its machine", from, to, |transport, port| {
                allowed(plan, dock.address, to, transport, port)
                    || to_containers(plan, to, transport, port)
            });
            // Docker does not rewrite what a container sends to its own machine's published ports.
            probes.extend(own.into_iter().filter(|probe| !dock.published.contains(&probe.port)));
        }
    }
}

fn index(nets: &[&Net], net: &Net) -> usize {
    nets.iter().position(|other| other.id() == net.id()).expect("a namespace of this world")
}

/// The switch that connects all namespaces.
struct Switch {
    net: Net,
    ports: usize,
}

impl Switch {
    fn new() -> Self {
        let mut net = Net::new();
        net.run("ip link add br0 type bridge\nip link set br0 up");
        Self { net, ports: 0 }
    }

    fn plug(&mut self, net: &mut Net, addresses: &[IpNet]) {
        self.ports += 1;
        let port = format!("port{}", self.ports);
        self.net.run(&format!(
            "ip link add {port} type veth peer name eth0 netns {}\nip link set {port} master br0 \
             up",
            net.id()
        ));
        net.run(
            "sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv6.conf.all.accept_dad=0 \
             net.ipv6.conf.default.accept_dad=0",
        );
        net.run("ip link set eth0 up");
        for address in addresses {
            net.run(&format!("ip addr add {address} dev eth0 nodad"));
        }
        // All hosts are on one switch, so any address can be asked for there.
        net.run("ip route add default dev eth0\nip -6 route add default dev eth0");
    }

    /// Connects a host of the LAN that sends packets for `prefix` to a machine.
    fn spy(&mut self, prefix: IpNet, via: IpAddr) -> Spy {
        let IpAddr::V4(at) = via else { panic!("machines have an IPv4 address") };
        let address = Ipv4Addr::from(
            (u32::from(at) & !0xff) + 200 + u32::try_from(self.ports).expect("few ports"),
        );
        let mut net = Net::new();
        self.plug(&mut net, &[IpNet::from(IpAddr::from(address))]);
        net.run(&format!("ip route add {via} dev eth0\nip route add {prefix} via {via}"));
        Spy { net, address: address.into() }
    }
}

impl Tunnel {
    fn new(
        plan: &Plan<'_>,
        gateway: MachineId,
        machine: &mut Net,
        network: labwright::model::NetworkId,
        switch: &mut Switch,
    ) -> Self {
        let mut client = Net::new();
        let device = format!("tun{}", network.0);
        client.run(&format!(
            "ip link add eth0 type veth peer name {device} netns {}\nip link set eth0 up",
            machine.id()
        ));
        machine.run(&format!(
            "echo 1 >/proc/sys/net/ipv4/ip_forward\necho 1 \
             >/proc/sys/net/ipv6/conf/all/forwarding\nip link set {device} up"
        ));
        let mut addresses = Vec::new();
        for prefix in &plan.model[network].prefixes {
            let [server, own] = [1, 2].map(|host| {
                prefix.hosts().filter(|host| *host != prefix.network()).nth(host - 1).expect("room")
            });
            let length = prefix.prefix_len();
            machine.run(&format!("ip addr add {server}/{length} dev {device} nodad"));
            client.run(&format!(
                "ip addr add {own}/{length} dev eth0 nodad\nip route add default via {server}"
            ));
            addresses.push(own);
        }
        let via = plan.model[gateway].address().expect("a gateway has an address");
        let spy = switch.spy(plan.model[network].prefixes[0], via);
        Self { gateway, client, addresses, spy }
    }
}

impl Dock {
    /// Lists the ports that it publishes: those of the plan, and one that nobody declared.
    fn published(plan: &Plan<'_>, id: MachineId) -> BTreeSet<u16> {
        let mut published: BTreeSet<u16> =
            plan.machine(id).published.iter().flat_map(|port| each(port.host_ports)).collect();
        let inbound = plan.inbound(id).filter(|flow| flow.arrival == Published);
        published.extend(inbound.flat_map(|flow| each(flow.ports)));
        published.insert(UNDECLARED[0]);
        published
    }

    /// Returns the network that the container is on: that of a service which connects to the
    /// machine itself, if there is one.
    fn network<'p>(plan: &'p Plan<'_>, id: MachineId) -> Option<&'p ContainerNetwork> {
        let connecting = plan.inbound(id).find_map(|flow| match flow.from {
            FlowSource::Containers(service) => Some(service),
            FlowSource::Zone(_) => None,
        });
        let networks = &plan.machine(id).networks.list;
        let own = || networks.iter().filter(|network| network.service.is_some());
        own().find(|network| network.service == connecting).or_else(|| own().next())
    }

    /// Connects a container to its machine as Docker does: with a bridge, and a table that rewrites
    /// what arrives for published ports.
    fn new(
        plan: &Plan<'_>,
        id: MachineId,
        machine: &mut Net,
        switch: &mut Switch,
        docker: Docker,
    ) -> Self {
        let bridge = Self::network(plan, id).expect("only machines with containers");
        let device = &bridge.interface;
        let [gateway, inside] =
            [1, 2].map(|host| bridge.subnet.hosts().nth(host - 1).expect("room"));
        let length = bridge.subnet.prefix_len();
        let published = Self::published(plan, id);
        let mut container = Net::new();
        machine.run(&format!(
            "echo 1 >/proc/sys/net/ipv4/ip_forward\necho 1 \
             >/proc/sys/net/ipv6/conf/all/forwarding\n\
             ip link add {device} type bridge\nip link set {device} up\n\
             ip addr add {gateway}/{length} dev {device}\nip addr add fd99::1/64 dev {device} nodad"
        ));
        container.run(&format!(
            "ip link add eth0 type veth peer name c0 netns {}\nip link set eth0 up\n\
             ip addr add {inside}/{length} dev eth0\nip addr add fd99::2/64 dev eth0 nodad\n\
             ip route add default via {gateway}\nip -6 route add default via fd99::1",
            machine.id()
        ));
        machine.run(&format!("ip link set c0 master {device} up"));
        let addresses = [("iptables", inside.to_string()), ("ip6tables", "fd99::2".to_owned())];
        for (tables, inside) in &addresses {
            machine.run(&match docker {
                Docker::Lenient => format!(
                    "{tables} -A FORWARD -i {device} -j ACCEPT\n\
                     {tables} -A FORWARD -d {inside} -o {device} -j ACCEPT\n\
                     {tables} -A FORWARD -o {device} -m conntrack --ctstate RELATED,ESTABLISHED \
                     -j ACCEPT"
                ),
                Docker::Iptables28 => iptables_of_28(tables, device, inside, &published),
                Docker::Nftables29 => nftables_of_29(tables, device, inside, &published),
            });
        }
        let ports = published.iter().map(u16::to_string).collect::<Vec<_>>().join(", ");
        let rewrite = |family: &str, to: &str| {
            let rule = |transport| {
                format!(
                    "iifname != \"{device}\" fib daddr type local {transport} dport {{ {ports} }} \
                     dnat {family} to {to}\n"
                )
            };
            ["tcp", "udp"].map(rule).concat()
        };
        // Both of Docker's ways to handle IPv6 are used.
        let rewrites_v6 = id.0 % 2 == 1;
        let v6 = if rewrites_v6 { rewrite("ip6", "fd99::2") } else { String::new() };
        machine.run(&format!(
            "nft -f - <<'EOF'\ntable inet docker \
             {{\nchain pre {{\ntype nat hook prerouting priority dstnat;\n{}{v6}}}\n\
             chain post {{\ntype nat hook postrouting priority srcnat;\n\
             ip saddr {} oifname != \"{device}\" masquerade\n}}\n}}\nEOF",
            rewrite("ip", &inside.to_string()),
            bridge.subnet
        ));
        let via = plan.model[id]
            .addresses
            .iter()
            .map(|own| own.address)
            .find(IpAddr::is_ipv4)
            .expect("an IPv4 address");
        Self {
            published,
            container,
            address: inside,
            rewrites_v6,
            spy: switch.spy(bridge.subnet, via),
        }
    }
}

/// Returns the filters of Docker 28 for a container on a bridge of its own.
fn iptables_of_28(tables: &str, device: &str, inside: &str, ports: &BTreeSet<u16>) -> String {
    let mut rules = format!(
        "{tables} -P FORWARD DROP\n{tables} -N DOCKER\n\
         {tables} -A FORWARD -o {device} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n\
         {tables} -A FORWARD -o {device} -j DOCKER\n\
         {tables} -A FORWARD -i {device} -j ACCEPT\n\
         {tables} -t raw -A PREROUTING -d {inside} ! -i {device} -j DROP\n"
    );
    for (port, transport) in ports.iter().flat_map(|port| [(port, "tcp"), (port, "udp")]) {
        rules += &format!(
            "{tables} -A DOCKER -d {inside} ! -i {device} -o {device} -p {transport} --dport \
             {port} -j ACCEPT\n"
        );
    }
    rules + &format!("{tables} -A DOCKER ! -i {device} -o {device} -j DROP")
}

/// Returns the filters of Docker 29 for a container on a bridge of its own, in its tables.
fn nftables_of_29(tables: &str, device: &str, inside: &str, ports: &BTreeSet<u16>) -> String {
    let family = if tables == "iptables" { "ip" } else { "ip6" };
    let ports = ports.iter().map(u16::to_string).collect::<Vec<_>>().join(", ");
    format!(
        "nft -f - <<'EOF'\n\
         table {family} docker-bridges {{\n\
         chain filter-forward-in {{\n\
         ct state established,related counter accept\n\
         iifname \"{device}\" counter accept comment \"ICC\"\n\
         {family} daddr {inside} tcp dport {{ {ports} }} counter accept\n\
         {family} daddr {inside} udp dport {{ {ports} }} counter accept\n\
         counter drop comment \"UNPUBLISHED PORT DROP\"\n}}\n\
         chain filter-forward-out {{\n\
         ct state established,related counter accept\n\
         counter accept comment \"OUTGOING\"\n}}\n\
         chain filter-FORWARD {{\n\
         type filter hook forward priority filter; policy accept;\n\
         oifname \"{device}\" jump filter-forward-in\n\
         iifname \"{device}\" jump filter-forward-out\n}}\n\
         chain raw-PREROUTING {{\n\
         type filter hook prerouting priority raw; policy accept;\n\
         {family} daddr {inside} iifname != \"{device}\" counter drop comment \"DROP DIRECT \
         ACCESS\"\n}}\n}}\nEOF"
    )
}

fn each(ports: Ports) -> impl Iterator<Item = u16> {
    ports.first..=ports.last
}

fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

/// Lists clients of the machines' networks: one with an ordinary address, and those with addresses
/// next to each machine.
fn lan_clients(plan: &Plan<'_>) -> Vec<IpAddr> {
    let mut clients = BTreeSet::new();
    let own: BTreeSet<IpAddr> = plan
        .model
        .machines
        .iter()
        .flat_map(|machine| &machine.addresses)
        .map(|own| own.address)
        .collect();
    for address in plan.model.machines.iter().flat_map(|machine| &machine.addresses) {
        for prefix in plan.model[address.network]
            .prefixes
            .iter()
            .filter(|prefix| prefix.contains(&address.address))
        {
            let beside = match address.address {
                IpAddr::V4(at) => {
                    [u32::from(at) - 1, u32::from(at) + 1].map(|at| Ipv4Addr::from(at).into())
                }
                IpAddr::V6(at) => {
                    [u128::from(at) - 1, u128::from(at) + 1].map(|at| Ipv6Addr::from(at).into())
                }
            };
            clients.extend(
                beside
                    .into_iter()
                    .filter(|client| prefix.contains(client) && !own.contains(client)),
            );
        }
    }
    clients.into_iter().collect()
}

/// Returns whether an address may connect, by the definition of flows and zones alone.
///
/// No machine has two addresses of one family here.
fn allowed(plan: &Plan<'_>, from: IpAddr, to: MachineId, transport: Transport, port: u16) -> bool {
    let mut own = plan.model[to].addresses.iter().map(|own| own.address);
    let at = own.find(|own| own.is_ipv4() == from.is_ipv4());
    !matches!(plan.guard(to), Guard::Own(_))
        || plan.flows.iter().any(|flow| {
            (flow.to, flow.transport) == (to, transport)
                && flow.ports.contains(port)
                && at.is_some_and(|at| flow.is_at(at))
                && matches!(flow.from, FlowSource::Zone(zone) if in_zone(plan, zone, from))
        })
}

fn in_zone(plan: &Plan<'_>, zone: ZoneId, address: IpAddr) -> bool {
    let zone = &plan.zones[zone.0 as usize];
    zone.include.iter().any(|prefix| prefix.contains(&address))
        && !zone.exclude.iter().any(|prefix| prefix.contains(&address))
}

fn to_containers(plan: &Plan<'_>, to: MachineId, transport: Transport, port: u16) -> bool {
    plan.flows.iter().any(|flow| {
        (flow.to, flow.transport) == (to, transport)
            && flow.ports.contains(port)
            && matches!(flow.from, FlowSource::Containers(_))
    })
}

/// Returns whether a gateway lets its clients through to an address.
fn reaches(
    plan: &Plan<'_>,
    gateway: MachineId,
    to: IpAddr,
    transport: Transport,
    port: u16,
) -> bool {
    plan.machine(gateway).forwards.iter().any(|forward| match &forward.to {
        ForwardTarget::Port { addresses, ports, transport: by } => {
            addresses.contains(&to) && *by == transport && ports.contains(port)
        }
        ForwardTarget::Zone(zone) => in_zone(plan, *zone, to),
    })
}

/// Returns whether a client reaches another machine than its gateway: the gateway must let it
/// through, and the machine must let it in.
fn through(
    plan: &Plan<'_>,
    gateway: MachineId,
    from: IpAddr,
    to: MachineId,
    transport: Transport,
    port: u16,
) -> bool {
    let own = plan.model[to].addresses.iter().find(|to| to.address.is_ipv4() == from.is_ipv4());
    own.is_some_and(|own| reaches(plan, gateway, own.address, transport, port))
        && allowed(plan, from, to, transport, port)
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
