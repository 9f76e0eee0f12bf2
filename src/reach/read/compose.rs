//! Reads which ports `compose.yaml` publishes, and the networks that its containers are on.
//!
//! labwright's own serializer writes the file, with two blanks for each level, one value on a line
//! and text in single quotes. Nothing else is understood here.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use super::{ByPort, File, Line, Unreadable};
use crate::model::{Ports, Transport};

/// What the containers of a machine publish.
#[derive(Debug, Default)]
pub struct Published {
    /// The ports.
    pub ports: ByPort<Port>,
    /// The networks, by name.
    pub networks: BTreeMap<String, Network>,
    /// The networks of each container, by name.
    on: BTreeMap<String, Vec<String>>,
}

/// A network of containers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Network {
    /// The interface on the machine.
    pub interface: String,
    /// Whether it has IPv6 too, so that visitors keep their addresses.
    pub v6: bool,
    /// Whether nothing leads out of it.
    pub internal: bool,
}

/// A published port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// The ports on the machine.
    pub ports: Ports,
    /// tcp or udp.
    pub transport: Transport,
    /// The container.
    pub container: String,
    /// The ports inside.
    pub inside: Ports,
    /// The address at which they are published; `0.0.0.0` is every IPv4 address of the machine.
    pub at: Option<IpAddr>,
    /// The line that says so.
    pub line: Line,
}

impl Port {
    /// Says whether only programs on the machine itself reach it.
    pub fn is_local(&self) -> bool {
        self.at.is_some_and(|at| at.is_loopback())
    }

    /// Says whether it is published at an address of the machine.
    pub fn takes(&self, address: IpAddr) -> bool {
        self.at.is_none_or(|at| match at {
            IpAddr::V4(Ipv4Addr::UNSPECIFIED) => address.is_ipv4(),
            at => at == address,
        })
    }

    /// Writes it for people: `8080:80/tcp`.
    pub fn text(&self) -> String {
        let text = format!("{}:{}/{}", self.ports, self.inside, self.transport.name());
        match self.at.filter(|at| !at.is_unspecified()) {
            Some(IpAddr::V6(at)) => format!("[{at}]:{text}"),
            Some(at) => format!("{at}:{text}"),
            None => text,
        }
    }
}

impl Published {
    /// Reads the file.
    pub fn read(file: File<'_>) -> Result<Self, Unreadable> {
        let mut published = Self::default();
        let mut path: Vec<(usize, String)> = Vec::new();
        for (line, text) in (1..).zip(file.text.lines()) {
            let content = text.trim_start();
            let indent = text.len() - content.len();
            if let Some(item) = content.strip_prefix("- ") {
                // Items of a list may be indented no deeper than its key.
                path.retain(|(depth, _)| *depth <= indent);
                let keys: Vec<&str> = path.iter().map(|(_, key)| key.as_str()).collect();
                if let ["services", container, "ports"] = keys[..] {
                    let port = port(file, line, container, unquoted(item))?;
                    let taken = (port.transport, port.ports);
                    published.ports.push(port, Some(taken));
                }
                continue;
            }
            path.retain(|(depth, _)| *depth < indent);
            let Some((key, value)) = content.split_once(':') else { continue };
            path.push((indent, unquoted(key).to_owned()));
            let keys: Vec<&str> = path.iter().map(|(_, key)| key.as_str()).collect();
            match keys[..] {
                ["networks", name, "driver_opts", "com.docker.network.bridge.name"] => {
                    let interface = unquoted(value.trim()).to_owned();
                    published.networks.entry(name.to_owned()).or_default().interface = interface;
                }
                ["networks", name, "enable_ipv6"] => {
                    let v6 = value.trim() == "true";
                    published.networks.entry(name.to_owned()).or_default().v6 = v6;
                }
                ["networks", name, "internal"] => {
                    let internal = value.trim() == "true";
                    published.networks.entry(name.to_owned()).or_default().internal = internal;
                }
                ["services", container, "networks", network] => {
                    let on = published.on.entry(container.to_owned()).or_default();
                    on.push(network.to_owned());
                }
                _ => {}
            }
            if matches!(keys[..], ["services", _, "ports"]) && !value.trim().is_empty() {
                return Err(file.fault(line, "the ports are no list"));
            }
        }
        Ok(published)
    }

    /// Finds the network through which a container is reached from outside, and by which it
    /// reaches what is outside: the first one that leads there.
    pub fn network_of(&self, container: &str) -> Option<&Network> {
        let names = self.on.get(container)?;
        names.iter().filter_map(|name| self.networks.get(name)).find(|network| !network.internal)
    }
}

fn unquoted(text: &str) -> &str {
    text.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')).unwrap_or(text)
}

/// Reads `[ADDRESS:]PORT:INSIDE[/PROTO]`.
fn port(file: File<'_>, line: usize, container: &str, text: &str) -> Result<Port, Unreadable> {
    // Compose publishes over tcp unless another protocol is written.
    let (ports, transport) = text.split_once('/').unwrap_or((text, "tcp"));
    // An IPv6 address has colons of its own, so the ports are counted from the end.
    let (address, ports) = match ports.rmatch_indices(':').nth(1) {
        Some((at, _)) => (ports.get(..at), ports.get(at + 1..).unwrap_or_default()),
        None => (None, ports),
    };
    let (outside, inside) = ports
        .split_once(':')
        .ok_or_else(|| file.fault(line, format!("`{text}` does not say which port it takes")))?;
    let at = match address.map(|address| address.trim_matches(['[', ']'])) {
        Some(address) => Some(file.prefix(line, address)?.addr()),
        None => None,
    };
    Ok(Port {
        ports: file.ports(line, outside)?,
        transport: file.transport(line, transport)?,
        container: container.to_owned(),
        inside: file.ports(line, inside)?,
        at,
        line: file.at(line),
    })
}
