//! A container on a machine, behind what Docker does to packets.

use std::collections::BTreeSet;
use std::net::IpAddr;

use labwright::model::MachineId;
use labwright::plan::Arrival::Published;
use labwright::plan::{ContainerNetwork, FlowSource, Plan};

use super::UNDECLARED;
use super::allowed::{address, each};
use super::network::{Spy, Switch};
use crate::firewall::wire::Net;

/// Whose rules lead to the container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Docker {
    /// Rules that forbid nothing, so that it is ours which do.
    Lenient,
    /// Those of Docker 28 with iptables (moby, `integration/network/bridge/iptablesdoc`).
    Iptables28,
    /// Those of Docker 29 with `firewall-backend: nftables` (moby, `…/bridge/nftablesdoc`).
    Nftables29,
}

/// A container on a machine, and a host in the LAN that knows a route around the machine's
/// published ports.
pub struct Dock {
    pub published: BTreeSet<u16>,
    pub container: Net,
    pub address: IpAddr,
    pub address6: IpAddr,
    /// Whether IPv6 is rewritten too. If not, Docker's proxy listens on the machine for the
    /// container.
    pub rewrites_v6: bool,
    pub spy: Spy,
}

impl Dock {
    /// Lists the ports that it publishes: those of the plan, and one that nobody declared.
    pub fn published(plan: &Plan<'_>, id: MachineId) -> BTreeSet<u16> {
        let mut published: BTreeSet<u16> =
            plan.machine(id).published.iter().flat_map(|port| each(port.host_ports)).collect();
        let inbound = plan.inbound(id).filter(|flow| flow.arrival == Published);
        published.extend(inbound.flat_map(|flow| each(flow.ports)));
        published.insert(UNDECLARED[0]);
        published
    }

    /// Returns the network that the container is on: that of a service which connects to the
    /// machine itself, if there is one.
    pub fn network<'p>(plan: &'p Plan<'_>, id: MachineId) -> Option<&'p ContainerNetwork> {
        let connecting = plan.inbound(id).find_map(|flow| match flow.from {
            FlowSource::Containers(service) => Some(service),
            FlowSource::Zone(_) | FlowSource::Neighbours(_) => None,
        });
        let networks = &plan.machine(id).networks.list;
        let own = || networks.iter().filter(|network| network.service.is_some());
        own().find(|network| network.service == connecting).or_else(|| own().next())
    }

    /// Connects a container to its machine as Docker does: with a bridge, and a table that rewrites
    /// what arrives for published ports.
    pub fn new(
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
             ip saddr {} oifname != \"{device}\" masquerade\n\
             ip6 saddr fd99::/64 oifname != \"{device}\" masquerade\n}}\n}}\nEOF",
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
            address6: address("fd99::2"),
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
