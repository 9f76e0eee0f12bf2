//! The switch between the machines, the clients behind a tunnel, and hosts that know routes.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;
use labwright::model::{MachineId, NetworkId};
use labwright::plan::Plan;

use crate::firewall::wire::Net;

/// A host in the LAN with routes that no router announced to it.
pub struct Spy {
    pub net: Net,
    pub address: IpAddr,
}

/// A client of a network behind a machine.
pub struct Tunnel {
    pub gateway: MachineId,
    pub client: Net,
    /// The client's addresses.
    pub addresses: Vec<IpAddr>,
    /// A host in the LAN that knows the route to the client.
    pub spy: Spy,
}

/// The switch that connects all namespaces.
pub struct Switch {
    pub net: Net,
    ports: usize,
}

impl Switch {
    pub fn new() -> Self {
        let mut net = Net::new();
        net.run("ip link add br0 type bridge\nip link set br0 up");
        Self { net, ports: 0 }
    }

    /// Connects a namespace, with its addresses.
    pub fn plug(&mut self, net: &mut Net, addresses: &[IpNet]) {
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
    pub fn spy(&mut self, prefix: IpNet, via: IpAddr) -> Spy {
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
    /// Connects a client to its gateway.
    pub fn new(
        plan: &Plan<'_>,
        gateway: MachineId,
        machine: &mut Net,
        network: NetworkId,
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
