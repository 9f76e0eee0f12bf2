//! Networks, zones, routers, and host names given by hand.

use std::net::IpAddr;

use ipnet::IpNet;

use super::{MachineId, NetworkId, ZoneId};
use crate::source::Span;

/// Is a network of the lab.
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
    /// The zone of its machines that name none.
    pub zone: ZoneId,
    /// Where it is declared.
    pub span: Span,
}

/// Is a place that traffic comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone {
    /// The name.
    pub name: String,
    /// What it is.
    pub kind: ZoneKind,
}

/// Says what a zone is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ZoneKind {
    /// Everything that is in no network.
    Internet,
    /// A network's prefixes without the machines that name a zone of their own.
    Network(NetworkId),
    /// The machines that name it.
    Named,
    /// One machine.
    Machine(MachineId),
}

/// Is an unmanaged box between the lab and the internet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Router {
    /// The name.
    pub name: String,
    /// The network it stands in.
    pub network: NetworkId,
    /// Its address there.
    pub address: IpAddr,
    /// Where it is declared.
    pub span: Span,
}

/// Is a host name that is given an address by hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostName {
    /// The host name.
    pub host: String,
    /// Where it leads.
    pub address: IpAddr,
    /// Where it is declared.
    pub span: Span,
}
