//! Derives the network interfaces of a machine: one for each network of its addresses, in the order
//! of the addresses.

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::model::{Address, Lease, Machine, MachineId, Model, NetworkId};

/// The bridge that the installation of Proxmox makes.
const USUAL_BRIDGE: &str = "vmbr0";

/// A network interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface<'m> {
    /// The network it is connected to.
    pub network: NetworkId,
    /// Its addresses, but those that services have for themselves.
    pub addresses: Vec<&'m Address>,
    /// What it asks for by DHCP, which gives it a gateway too.
    pub lease: Option<&'m Lease>,
    /// The machine's default gateways on this interface, at most one IPv4 and one IPv6.
    pub gateways: Vec<IpAddr>,
}

/// Lists the interfaces of a machine.
///
/// A machine has one default gateway for each family: that of the first network that has one,
/// unless the machine is that gateway itself.
pub fn interfaces(model: &Model, machine: MachineId) -> Vec<Interface<'_>> {
    let mut interfaces: Vec<Interface<'_>> = Vec::new();
    for address in model[machine].addresses.iter().filter(|address| !address.of_service) {
        match interfaces.iter_mut().find(|interface| interface.network == address.network) {
            Some(interface) => interface.addresses.push(address),
            None => interfaces.push(Interface {
                network: address.network,
                addresses: vec![address],
                lease: None,
                gateways: Vec::new(),
            }),
        }
    }
    interfaces.extend(model[machine].lease.as_ref().map(|lease| Interface {
        network: lease.network,
        addresses: Vec::new(),
        lease: Some(lease),
        gateways: Vec::new(),
    }));
    let mut has_gateway = BTreeSet::new();
    for interface in &mut interfaces {
        for gateway in &model[interface.network].gateways {
            let of_family = |address: &&&Address| address.address.is_ipv6() == gateway.is_ipv6();
            // On the gateway itself, the route would lead back to the machine.
            let reached = interface
                .addresses
                .iter()
                .filter(of_family)
                .any(|address| address.address != *gateway);
            if reached && has_gateway.insert(gateway.is_ipv6()) {
                interface.gateways.push(*gateway);
            }
        }
    }
    interfaces
}

/// An address that a service has for itself, and one that the machine has on the same interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnAddress {
    /// The address.
    pub address: IpAddr,
    /// The address by which the interface is found.
    pub beside: IpAddr,
}

/// Lists the addresses of a machine that its services have for themselves.
pub fn own_addresses(model: &Model, machine: MachineId) -> Vec<OwnAddress> {
    let addresses = &model[machine].addresses;
    let own = addresses.iter().filter(|address| address.of_service);
    let found = own.filter_map(|own| {
        let mut others = addresses.iter().filter(|other| !other.of_service);
        let beside = others.find(|other| other.network == own.network)?.address;
        Some(OwnAddress { address: own.address, beside })
    });
    found.collect()
}

/// Finds the guest through which a hypervisor reaches other networks, if it is a guest of its own.
pub fn router_guest(model: &Model, host: MachineId) -> Option<MachineId> {
    let gateways: Vec<IpAddr> =
        interfaces(model, host).iter().flat_map(|one| one.gateways.clone()).collect();
    let leads = |machine: &Machine| {
        machine.addresses.iter().any(|address| gateways.contains(&address.address))
    };
    let guests = model.guests(host).into_iter();
    guests.filter(|(_, machine, _)| leads(machine)).map(|(id, ..)| id).next()
}

/// Returns the bridge that a guest without an address is connected to.
pub fn first_bridge(host: &Machine) -> &str {
    host.addresses.iter().find_map(|address| address.bridge.as_deref()).unwrap_or(USUAL_BRIDGE)
}

impl<'m> Interface<'m> {
    /// Returns the name of the interface, where its owner gave one.
    pub fn nic(&self) -> Option<&'m str> {
        let first = || self.addresses.first().and_then(|address| address.nic.as_deref());
        self.lease.map_or_else(first, |lease| lease.nic.as_deref())
    }

    /// Returns the bridge that its owner named.
    pub fn named_bridge(&self) -> Option<&'m str> {
        let named = || self.addresses.iter().find_map(|address| address.bridge.as_deref());
        self.lease.map_or_else(named, |lease| lease.bridge.as_deref())
    }

    /// Returns the host's bridge for a guest's interface: the one that it names, or the host's own
    /// in that network, or the host's first one.
    pub fn bridge(&self, host: &'m Machine) -> &'m str {
        let bridges = || {
            host.addresses
                .iter()
                .filter_map(|address| Some((address.network, address.bridge.as_deref()?)))
        };
        let of_network = || bridges().find(|(network, _)| *network == self.network);
        self.named_bridge()
            .or_else(|| of_network().or_else(|| bridges().next()).map(|(_, bridge)| bridge))
            .unwrap_or(USUAL_BRIDGE)
    }
}
