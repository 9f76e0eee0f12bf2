//! The emitted rules, loaded for real, against packets from everywhere: what comes through is what the access model says, and no more.

use std::net::IpAddr;
use std::thread;

use labwright::emit::firewall;
use labwright::model::Transport::{Tcp, Udp};
use labwright::model::{FirewallBackend, MachineId, Transport};
use labwright::plan::Arrival::{Host, Published};
use labwright::plan::{FlowSource, ForwardTarget, Plan};

use super::lab::{self, EXTRANET, INTRANET, MACHINES, MEDIA, NAS};
use super::wire::{Listener, Net, Probe, try_all};
use crate::trixie::Room;

/// Everything that some machine of the lab listens on; every other machine listens there too, to be found out.
pub const PORTS: [u16; 14] = [22, 53, 80, 81, 443, 1194, 2283, 3000, 5432, 8080, 8096, 8123, 9100, 9999];
const BRIDGES: [(MachineId, &str); 3] = [(EXTRANET, "172.30.0.0/24"), (INTRANET, "172.30.1.0/24"), (MEDIA, "172.30.2.0/24")];
pub const INTERNET: [&str; 2] = ["203.0.113.7", "2001:db8:ffff::7"];
pub const TUNNEL: [&str; 2] = ["10.8.0.2", "fd00:8::2"];
/// A machine in the LAN that knows ways which nobody told it.
const SPY: &str = "192.168.1.60";

/// Returns what containers publish, declared or not.
fn published(machine: MachineId) -> &'static [u16] {
    match machine {
        EXTRANET => &[53, 80, 81, 443, 5432],
        INTRANET => &[53, 2283, 3000, 5432, 8096],
        MEDIA => &[8080, 5432],
        _ => &[],
    }
}

pub fn plan(model: &labwright::model::Model, whole_lan: bool) -> Plan<'_> {
    let zone = |zone| FlowSource::Zone(zone);
    let own = |machine| FlowSource::Zone(lab::own_zone(machine));
    let flows = [
        (EXTRANET, Tcp, 22, Host, zone(lab::LAN)),
        (EXTRANET, Udp, 1194, Host, zone(lab::INTERNET)),
        (EXTRANET, Tcp, 9100, Host, own(INTRANET)),
        (EXTRANET, Tcp, 80, Published, zone(lab::INTERNET)),
        (EXTRANET, Tcp, 443, Published, zone(lab::INTERNET)),
        (EXTRANET, Tcp, 443, Published, zone(lab::LAN)),
        (EXTRANET, Tcp, 81, Published, zone(lab::LAN)),
        (EXTRANET, Tcp, 81, Published, zone(lab::TUNNEL)),
        (EXTRANET, Udp, 53, Published, zone(lab::LAN)),
        (INTRANET, Tcp, 22, Host, zone(lab::LAN)),
        (INTRANET, Tcp, 9100, Host, FlowSource::Containers),
        (INTRANET, Tcp, 8096, Published, zone(lab::LAN)),
        (INTRANET, Tcp, 8096, Published, zone(lab::TUNNEL)),
        (INTRANET, Tcp, 8096, Published, own(EXTRANET)),
        (INTRANET, Tcp, 2283, Published, own(EXTRANET)),
        (INTRANET, Tcp, 3000, Published, zone(lab::TUNNEL)),
        (INTRANET, Udp, 53, Published, zone(lab::LAN)),
        (MEDIA, Tcp, 22, Host, zone(lab::LAN)),
        (MEDIA, Tcp, 22, Host, zone(lab::DMZ)),
        (MEDIA, Tcp, 8080, Published, zone(lab::LAN)),
        (MEDIA, Tcp, 8080, Published, zone(lab::INTERNET)),
        (MEDIA, Tcp, 8123, Host, zone(lab::INTERNET)),
        (MEDIA, Tcp, 8123, Host, zone(lab::DMZ)),
        (MEDIA, Tcp, 8123, Host, own(INTRANET)),
        (MEDIA, Udp, 8123, Host, zone(lab::LAN)),
        (MEDIA, Tcp, 9100, Host, FlowSource::Containers),
        (MEDIA, Tcp, 9100, Host, own(INTRANET)),
    ];
    let flows = flows.into_iter().map(|(to, transport, port, arrival, from)| lab::flow(to, transport, port, arrival, from)).collect();
    let addresses = model[INTRANET].addresses.iter().map(|address| address.address).collect::<Vec<_>>();
    let port = |port| ForwardTarget::Port { addresses: addresses.clone(), port, transport: Tcp };
    let zone = ForwardTarget::Zone(if whole_lan { lab::LAN } else { lab::own_zone(NAS) });
    lab::plan(model, flows, lab::Through(vec![port(8096), port(3000), zone]), &BRIDGES)
}

#[test]
fn ufw_lets_through_the_access_model() {
    compare([FirewallBackend::Ufw, FirewallBackend::Ufw, FirewallBackend::Nftables], false);
}

#[test]
fn nftables_lets_through_the_access_model() {
    compare([FirewallBackend::Nftables, FirewallBackend::Nftables, FirewallBackend::Ufw], true);
}

fn compare(backends: [FirewallBackend; 3], whole_lan: bool) {
    let model = lab::model(backends);
    let plan = plan(&model, whole_lan);
    let Some(world) = World::new(&plan) else { return };
    let wrong = try_all(&world.nets(), &world.probes(&plan), &world.listeners);
    let line = |probe: &Probe| {
        let Probe { who, from, to, transport, port, open, .. } = probe;
        format!("{who} {from} -> {to} {port}/{}: {}", transport.name(), if *open { "closed, must be open" } else { "open, must be closed" })
    };
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.iter().map(line).collect::<Vec<_>>().join("\n"));
}

/// Is a lab of namespaces: machines on one switch, a container behind each, the internet and the LAN's clients, a client of the tunnel.
struct World {
    machines: Vec<Net>,
    containers: Vec<Net>,
    outside: Net,
    spy: Net,
    tunnel: Net,
    _switch: Net,
    listeners: Vec<Listener>,
}

impl World {
    fn new(plan: &Plan<'_>) -> Option<Self> {
        let files: Vec<_> = MACHINES.iter().map(|machine| unpack(plan, *machine)).collect();
        let rooms: Option<Vec<Room>> = files.iter().map(|folder| Some(Room::new()?.show(folder.path(), "/payload"))).collect();
        let mut machines: Vec<Net> = rooms?.into_iter().map(|room| Net::start(room.command(&["sh"]))).collect();
        let mut containers: Vec<Net> = BRIDGES.iter().map(|_| Net::new()).collect();
        let [mut switch, mut outside, mut spy, mut tunnel] = [(); 4].map(|()| Net::new());

        switch.run("ip link add br0 type bridge\nip link set br0 up");
        let mut plug = |net: &mut Net, port: &str, addresses: &[String]| {
            switch.run(&format!("ip link add {port} type veth peer name eth0 netns {}\nip link set {port} master br0 up", net.id()));
            net.run("sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0");
            net.run("ip link set eth0 up");
            for address in addresses {
                net.run(&format!("ip addr add {address} dev eth0 nodad"));
            }
            // Everybody is on the one switch, so the way to anywhere is to ask there.
            net.run("ip route add default dev eth0\nip -6 route add default dev eth0");
        };
        for (index, net) in machines.iter_mut().enumerate() {
            let machine = &plan.model.machines[index];
            let addresses = machine.addresses.iter().map(|address| format!("{}/{}", address.address, address.prefix));
            plug(net, &format!("m{index}"), &addresses.collect::<Vec<_>>());
        }
        let addresses = lan_clients().into_iter().chain(INTERNET.map(address)).chain([address("10.9.0.1")]);
        plug(&mut outside, "outside", &addresses.map(|address| address.to_string()).collect::<Vec<_>>());
        plug(&mut spy, "spy", &[SPY.to_owned()]);
        spy.run("ip route add 172.30.0.0/24 via 192.168.1.111\nip route add 172.30.1.0/24 via 192.168.1.101");
        spy.run("ip route add 172.30.2.0/24 via 192.168.1.102\nip route add 10.8.0.0/24 via 192.168.1.111");

        tunnel.run(&format!("ip link add eth0 type veth peer name tun0 netns {}\nip link set eth0 up", machines[0].id()));
        machines[0].run("ip link set tun0 up\nip addr add 10.8.0.1/24 dev tun0\nip addr add fd00:8::1/64 dev tun0 nodad");
        tunnel.run("ip addr add 10.8.0.2/24 dev eth0\nip addr add fd00:8::2/64 dev eth0 nodad");
        tunnel.run("ip route add default via 10.8.0.1\nip -6 route add default via fd00:8::1");
        for machine in [1, 2] {
            machines[machine].run("ip route add 10.8.0.0/24 via 192.168.1.111\nip -6 route add fd00:8::/64 via 2001:db8:1::111");
        }

        let mut listeners = Vec::new();
        for (index, container) in containers.iter_mut().enumerate() {
            dock(index, &mut machines[index], container, published(MACHINES[index]));
            let inner: Vec<_> = published(MACHINES[index]).iter().flat_map(|port| [(Tcp, *port), (Udp, *port)]).collect();
            listeners.extend(container.listen(&inner, false));
            listeners.extend(container.listen(&inner, true));
        }
        thread::scope(|scope| {
            for (net, machine) in machines.iter_mut().zip(MACHINES) {
                scope.spawn(move || load(plan, machine, net));
            }
        });
        for (net, machine) in machines.iter().zip(MACHINES) {
            let own = |v6: bool| {
                // Where Docker rewrites no IPv6, its proxy listens on the machine for the container.
                let published = if v6 && machine != INTRANET { &[] } else { published(machine) };
                let ports = PORTS.iter().filter(|port| !published.contains(port));
                ports.flat_map(|port| [(Tcp, *port), (Udp, *port)]).collect::<Vec<_>>()
            };
            listeners.extend(net.listen(&own(false), false));
            listeners.extend(net.listen(&own(true), true));
        }
        for net in [&outside, &tunnel] {
            listeners.extend(net.listen(&[(Tcp, 80)], false));
        }
        Some(Self { machines, containers, outside, spy, tunnel, _switch: switch, listeners })
    }

    fn nets(&self) -> Vec<&Net> {
        self.machines.iter().chain(&self.containers).chain([&self.outside, &self.spy, &self.tunnel]).collect()
    }

    /// Lists everything to try, with what the access model says of it.
    fn probes(&self, plan: &Plan<'_>) -> Vec<Probe> {
        let [outside, spy, tunnel] = [0, 1, 2].map(|net| self.machines.len() + self.containers.len() + net);
        let mut probes = Vec::new();
        for to in MACHINES {
            let mut try_ports = |who: &str, net: usize, from: IpAddr, except: &[u16], open: &dyn Fn(Transport, u16) -> bool| {
                let to = plan.model[to].addresses.iter().find(|to| to.address.is_ipv4() == from.is_ipv4()).expect("both families").address;
                let both = PORTS.iter().filter(|port| !except.contains(port)).flat_map(|port| [(Tcp, *port), (Udp, *port)]);
                probes.extend(both.map(|(transport, port)| {
                    let (who, open) = (who.to_owned(), open(transport, port));
                    Probe { who, net, from, to, transport, port, open }
                }));
            };
            for from in INTERNET.map(address).into_iter().chain([address("10.9.0.1")]) {
                try_ports("internet", outside, from, &[], &|transport, port| allowed(plan, from, to, transport, port));
            }
            for from in lan_clients() {
                try_ports("lan", outside, from, &[], &|transport, port| allowed(plan, from, to, transport, port));
            }
            for from in MACHINES.into_iter().filter(|from| *from != to) {
                for own in &plan.model[from].addresses {
                    let open = |transport, port| allowed(plan, own.address, to, transport, port);
                    try_ports(&plan.model[from].name, from.0 as usize, own.address, &[], &open);
                }
            }
            for from in TUNNEL.map(address) {
                try_ports("tunnel", tunnel, from, &[], &|transport, port| {
                    to == EXTRANET && allowed(plan, from, to, transport, port) || to != EXTRANET && through(plan, from, to, transport, port)
                });
            }
            for (index, (machine, subnet)) in BRIDGES.into_iter().enumerate() {
                let from = address(&subnet.replace("0/24", "2"));
                // Docker does not rewrite what a container sends to its own machine's published ports.
                let (appears, except) =
                    if machine == to { (from, published(to)) } else { (plan.model[machine].addresses[0].address, &[][..]) };
                try_ports("container", self.machines.len() + index, from, except, &|transport, port| {
                    allowed(plan, appears, to, transport, port) || machine == to && to_containers(plan, to, transport, port)
                });
            }
        }
        let mut one = |who: &str, net, from: &str, to: &str, port, open| {
            let (who, from, to) = (who.to_owned(), address(from), address(to));
            probes.push(Probe { who, net, from, to, transport: Tcp, port, open });
        };
        one("container outward", self.machines.len() + 1, "172.30.1.2", INTERNET[0], 80, true);
        one("client to the LAN", tunnel, TUNNEL[0], "192.168.1.50", 80, reaches(plan, address("192.168.1.50"), Tcp, 80));
        one("client to the internet", tunnel, TUNNEL[0], INTERNET[0], 80, false);
        one("client to a container", tunnel, TUNNEL[0], "172.30.0.2", 443, false);
        one("LAN to a client", spy, SPY, TUNNEL[0], 80, false);
        one("LAN to a container", spy, SPY, "172.30.0.2", 443, false);
        one("LAN to a container", spy, SPY, "172.30.1.2", 8096, false);
        one("LAN to a container", spy, SPY, "172.30.1.2", 5432, false);
        one("LAN to a container", spy, SPY, "172.30.2.2", 8080, false);
        assert!(probes.iter().any(|probe| probe.open) && probes.len() > 1500);
        probes
    }
}

pub fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

/// Lists clients in the LAN's zone, and right beside extranet, which is not in it.
pub fn lan_clients() -> Vec<IpAddr> {
    ["192.168.1.50", "192.168.1.110", "192.168.1.112", "2001:db8:1::50", "2001:db8:1::110", "2001:db8:1::112"].map(address).to_vec()
}

/// Says by the definition of flows and zones alone whether an address may connect.
pub fn allowed(plan: &Plan<'_>, from: IpAddr, to: MachineId, transport: Transport, port: u16) -> bool {
    to == NAS
        || plan.flows.iter().any(|flow| {
            (flow.to, flow.transport, flow.port) == (to, transport, port)
                && matches!(flow.from, FlowSource::Zone(zone) if in_zone(plan, zone, from))
        })
}

fn in_zone(plan: &Plan<'_>, zone: labwright::model::ZoneId, address: IpAddr) -> bool {
    let zone = &plan.zones[zone.0 as usize];
    zone.include.iter().any(|prefix| prefix.contains(&address)) && !zone.exclude.iter().any(|prefix| prefix.contains(&address))
}

pub fn to_containers(plan: &Plan<'_>, to: MachineId, transport: Transport, port: u16) -> bool {
    plan.flows.iter().any(|flow| (flow.to, flow.transport, flow.port) == (to, transport, port) && flow.from == FlowSource::Containers)
}

/// Says whether extranet lets the tunnel's clients through to an address.
fn reaches(plan: &Plan<'_>, to: IpAddr, transport: Transport, port: u16) -> bool {
    plan.machines[0].forwards.iter().any(|forward| match &forward.to {
        ForwardTarget::Port { addresses, port: open, transport: by } => addresses.contains(&to) && (*open, *by) == (port, transport),
        ForwardTarget::Zone(zone) => in_zone(plan, *zone, to),
    })
}

/// Says whether a client of the tunnel gets to another machine: extranet lets it through, and the machine lets it in.
pub fn through(plan: &Plan<'_>, from: IpAddr, to: MachineId, transport: Transport, port: u16) -> bool {
    let address = plan.model[to].addresses.iter().find(|to| to.address.is_ipv4() == from.is_ipv4()).expect("both families").address;
    reaches(plan, address, transport, port) && allowed(plan, from, to, transport, port)
}

/// Joins a container to its machine as Docker does: a bridge, and a table of its own that rewrites what arrives for published ports.
fn dock(index: usize, machine: &mut Net, container: &mut Net, published: &[u16]) {
    let ports = published.iter().map(u16::to_string).collect::<Vec<_>>().join(", ");
    machine.run(&format!(
        "echo 1 >/proc/sys/net/ipv4/ip_forward\necho 1 >/proc/sys/net/ipv6/conf/all/forwarding\n\
         ip link add lw0 type bridge\nip link set lw0 up\nip addr add 172.30.{index}.1/24 dev lw0\nip addr add fd00:{index}::1/64 dev lw0 nodad"
    ));
    container.run(&format!(
        "ip link add eth0 type veth peer name c0 netns {}\nip link set eth0 up\n\
         ip addr add 172.30.{index}.2/24 dev eth0\nip addr add fd00:{index}::2/64 dev eth0 nodad\n\
         ip route add default via 172.30.{index}.1\nip -6 route add default via fd00:{index}::1",
        machine.id()
    ));
    machine.run("ip link set c0 master lw0 up");
    for (tables, inside) in [("iptables", format!("172.30.{index}.2")), ("ip6tables", format!("fd00:{index}::2"))] {
        machine.run(&format!(
            "{tables} -A FORWARD -i lw0 -j ACCEPT\n{tables} -A FORWARD -d {inside} -o lw0 -j ACCEPT\n\
             {tables} -A FORWARD -o lw0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"
        ));
    }
    let rewrite = |family: &str, to: &str| {
        ["tcp", "udp"]
            .map(|transport| format!("iifname != \"lw0\" fib daddr type local {transport} dport {{ {ports} }} dnat {family} to {to}\n"))
    };
    let v6 = if index == 1 { rewrite("ip6", &format!("fd00:{index}::2")).concat() } else { String::new() };
    machine.run(&format!(
        "nft -f - <<'EOF'\ntable inet docker {{\nchain pre {{\ntype nat hook prerouting priority dstnat;\n{}{v6}}}\n\
         chain post {{\ntype nat hook postrouting priority srcnat;\nip saddr 172.30.{index}.0/24 oifname != \"lw0\" masquerade\n}}\n}}\nEOF",
        rewrite("ip", &format!("172.30.{index}.2")).concat()
    ));
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

/// Does what the activate step does, without systemd. ufw comes up with a rule of somebody else's that must stay.
fn load(plan: &Plan<'_>, machine: MachineId, net: &mut Net) {
    let backend = plan.model[machine].firewall;
    if backend == FirewallBackend::Ufw {
        net.run("sh /payload/firewall/ufw.sh\nufw status | grep -q '^Status: active'");
    }
    if backend != FirewallBackend::None {
        net.run("nft -f /payload/firewall/nftables.nft");
    }
    if machine == EXTRANET {
        net.run("sh /payload/firewall/forward.sh");
    }
}
