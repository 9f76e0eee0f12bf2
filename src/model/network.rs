//! Networks, zones, routers, and host names given by hand.

use std::net::IpAddr;

use ipnet::IpNet;

use super::{MachineId, NetworkId, ZoneId};
use crate::source::Span;

/// A network of the lab.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    /// The name.
    pub name: String,
    /// The prefixes, at most one IPv4 and one IPv6.
    pub prefixes: Vec<IpNet>,
    /// The default gateways, at most one IPv4 and one IPv6.
    pub gateways: Vec<IpAddr>,
    /// The name servers.
    pub dns: Vec<IpAddr>,
    /// The VLAN tag.
    pub vlan: Option<u16>,
    /// The zone of its machines that don't name one.
    pub zone: ZoneId,
    /// The place of its declaration.
    pub span: Span,
}

/// A group of addresses from which traffic comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone {
    /// The name.
    pub name: String,
    /// Its kind.
    pub kind: ZoneKind,
}

/// The kind of a zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ZoneKind {
    /// Every address outside the networks.
    Internet,
    /// A network's prefixes without the machines that name a zone of their own.
    Network(NetworkId),
    /// The machines that name it.
    Named,
    /// A single machine.
    Machine(MachineId),
}

/// An unmanaged router between the lab and the internet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Router {
    /// The name.
    pub name: String,
    /// Its network.
    pub network: NetworkId,
    /// Its address in the network.
    pub address: IpAddr,
    /// The place of its declaration.
    pub span: Span,
}

/// A host name with an address given by hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostName {
    /// The host name.
    pub host: String,
    /// The address.
    pub address: IpAddr,
    /// Whether every name below it leads there too.
    pub below: bool,
    /// The place of its declaration.
    pub span: Span,
}
