//! Endpoints: the ports that services listen on.

use std::net::{IpAddr, Ipv4Addr};

use super::{Ports, SecretId, ServiceId};
use crate::source::Span;

/// A reference to an endpoint of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct EndpointId {
    /// The service.
    pub service: ServiceId,
    /// The endpoint's index.
    pub index: u32,
}

/// A transport protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Transport {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

impl Transport {
    /// Returns `tcp` or `udp`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

/// The protocol of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protocol {
    /// Anything over TCP.
    Tcp,
    /// Anything over UDP.
    Udp,
    /// HTTP.
    Http,
    /// HTTPS.
    Https,
}

impl Protocol {
    /// Returns its transport protocol.
    pub const fn transport(self) -> Transport {
        match self {
            Self::Udp => Transport::Udp,
            Self::Tcp | Self::Http | Self::Https => Transport::Tcp,
        }
    }

    /// Returns the word of the language.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// Returns the beginning of a URL for a program that uses HTTP there, whatever protocol the
    /// module declares.
    pub const fn scheme(self) -> &'static str {
        if matches!(self, Self::Https) { "https" } else { "http" }
    }
}

/// A port that a service listens on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// The name: `web`, `metrics`.
    pub name: String,
    /// The container that listens, or nothing for the machine itself.
    pub container: Option<String>,
    /// The port inside the container, or on the machine.
    pub port: u16,
    /// The port on the machine, which differs from `port` only if the lab declares it.
    pub host_port: u16,
    /// The number of further ports after each of both.
    pub more: u16,
    /// The addresses of the machine at which a container's port is published. Without any, it is
    /// published at all of them where something connects to it.
    pub addresses: Vec<IpAddr>,
    /// Whether its program listens on IPv6 too.
    pub ipv6: bool,
    /// The protocol.
    pub protocol: Protocol,
    /// The path, for probes, scrapes and links.
    pub path: Option<String>,
    /// Whether Prometheus scrapes it.
    pub scrape: bool,
    /// What Prometheus must present to be let in.
    pub credentials: Option<Credentials>,
    /// The role in which others may need it: `prometheus`, `loki`, `postgres`.
    pub role: Option<String>,
    /// Whether it is a database's port.
    pub database: bool,
    /// Whether it is for administration and must not be open to everyone.
    pub admin: bool,
    /// The place of its declaration.
    pub span: Span,
}

impl Endpoint {
    /// Returns the ports inside the container, or on the machine.
    pub const fn ports(&self) -> Ports {
        Ports::row(self.port, self.more)
    }

    /// Returns the ports on the machine.
    pub const fn host_ports(&self) -> Ports {
        Ports::row(self.host_port, self.more)
    }

    /// Returns whether a port may be one of its ports on the machine, whatever network it is on.
    pub fn may_take(&self, port: u16) -> bool {
        self.ports().contains(port) || self.host_ports().contains(port)
    }

    /// Returns whether the lab publishes it for programs on the machine itself alone.
    pub fn is_local(&self) -> bool {
        !self.addresses.is_empty() && self.addresses.iter().all(IpAddr::is_loopback)
    }

    /// Returns the first address at which others connect to it, if it is published at some alone.
    pub fn outer_address(&self) -> Option<IpAddr> {
        self.addresses.iter().copied().find(|address| !address.is_loopback())
    }

    /// Returns the address at which programs of the machine itself connect to it.
    pub fn own_address(&self) -> IpAddr {
        let loopback = || self.addresses.iter().find(|address| address.is_loopback());
        // What is published at one address alone does not answer at the others, not even on
        // loopback.
        let address = loopback().or_else(|| self.addresses.first());
        address.copied().unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST))
    }

    /// Returns whether two endpoints of a machine can be published at one address of it.
    pub fn shares_an_address(&self, other: &Self) -> bool {
        self.addresses.is_empty()
            || other.addresses.is_empty()
            || self.addresses.iter().any(|address| other.addresses.contains(address))
    }
}

/// The credentials that a scraped endpoint requires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credentials {
    /// A bearer token.
    Token(SecretId),
    /// A user's name and password.
    Password {
        /// The name.
        user: String,
        /// The password.
        password: SecretId,
    },
}

impl Credentials {
    /// Returns the secret.
    pub const fn secret(&self) -> SecretId {
        match self {
            Self::Token(secret) | Self::Password { password: secret, .. } => *secret,
        }
    }
}
