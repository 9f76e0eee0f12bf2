//! Reads back the files of a bundle that decide about connections, with one reader for each file.
//!
//! A reader knows the words that labwright writes and refuses all others. An answer never rests on
//! a rule that was skipped.

pub mod caddy;
pub mod compose;
pub mod forward;
pub mod networks;
pub mod nftables;
pub mod npm;
pub mod proxmox;
pub mod routers;
pub mod traefik;
pub mod ufw;

use std::fmt;

use ipnet::IpNet;

use crate::artifact::Artifacts;
use crate::kind::Kind;
use crate::model::Ports;
use crate::plan::CidrSet;
use crate::reach::by_port::ByPort;

/// A line of an emitted file that no reader understands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// The file's path below `payload/`.
    pub file: String,
    /// The line, from 1; 0 for the file as a whole.
    pub line: usize,
    /// What is wrong with it.
    pub why: String,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}: {}", self.file, self.line, self.why)
    }
}

/// The path of a file and the number of a line in it, from 1.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Line {
    /// The path below `payload/`.
    pub file: String,
    /// The line.
    pub number: usize,
}

/// A host name of a proxy, as the proxy's own file has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyRoute {
    /// The host name.
    pub host: String,
    /// The path that it leads, empty for all that no other route of the host does.
    pub path: String,
    /// The addresses that may use it.
    pub allow: CidrSet,
    /// Where it leads: `host:port`.
    pub upstream: String,
    /// The line that says so.
    pub line: Line,
}

/// All that the files of one machine say about connections.
#[derive(Debug, Default)]
pub struct Machine {
    /// Its nftables; nothing when there are none.
    pub nftables: Option<nftables::Rules>,
    /// Its ufw rules.
    pub ufw: Option<ufw::Rules>,
    /// The networks that Docker's and ufw's own filters let through.
    pub forwarded: CidrSet,
    /// The firewall of a Proxmox host and its guests.
    pub proxmox: Option<proxmox::Rules>,
    /// What routers forward to it.
    pub routers: ByPort<routers::Forward>,
    /// What its containers publish.
    pub compose: Option<compose::Published>,
    /// The networks of its containers.
    pub networks: networks::Networks,
    /// The host names of its proxies.
    pub routes: Vec<ProxyRoute>,
}

impl Machine {
    /// Reads the files of a machine.
    pub fn read(artifacts: &Artifacts) -> Result<Self, Unreadable> {
        let mut machine = Self::default();
        for (path, artifact) in &artifacts.files {
            let text = || {
                std::str::from_utf8(&artifact.bytes)
                    .map(|text| File { path, text })
                    .map_err(|_| File { path, text: "" }.fault(0, "is not text"))
            };
            match (path.as_str(), artifact.kind) {
                ("firewall/nftables.nft", _) => {
                    machine.nftables = Some(nftables::Rules::read(text()?)?);
                }
                ("firewall/ufw.sh", _) => machine.ufw = Some(ufw::Rules::read(text()?)?),
                ("firewall/forward.sh", _) => machine.forwarded = forward::read(text()?)?,
                ("firewall/router-forwards.tsv", _) => machine.routers = routers::read(text()?)?,
                ("compose/compose.yaml", _) => {
                    machine.compose = Some(compose::Published::read(text()?)?);
                }
                ("compose/networks.tsv", _) => {
                    machine.networks = networks::Networks::read(text()?)?;
                }
                (_, Kind::PveFirewall) => {
                    machine.proxmox.get_or_insert_default().read(text()?)?;
                }
                (_, Kind::Caddy) => machine.routes.extend(caddy::read(text()?)?),
                (_, Kind::Traefik) if path.contains("/dynamic/") => {
                    machine.routes.extend(traefik::read(text()?)?);
                }
                (_, Kind::Json) if path.ends_with("/routes.json") => {
                    machine.routes.extend(npm::read(text()?)?);
                }
                // No other file decides about connections.
                _ => {}
            }
        }
        Ok(machine)
    }
}

/// The text of an emitted file.
#[derive(Debug, Clone, Copy)]
pub struct File<'t> {
    /// The path below `payload/`.
    pub path: &'t str,
    /// The text.
    pub text: &'t str,
}

impl<'t> File<'t> {
    /// Lists the lines that say something, with their numbers, without blanks around them.
    fn statements(self) -> impl Iterator<Item = (usize, &'t str)> {
        (1..)
            .zip(self.text.lines().map(str::trim))
            .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
    }

    fn fault(self, line: usize, why: impl Into<String>) -> Unreadable {
        Unreadable { file: self.path.to_owned(), line, why: why.into() }
    }

    fn at(self, number: usize) -> Line {
        Line { file: self.path.to_owned(), number }
    }

    /// Reads a port, or several in a row with a hyphen or a colon between the first and the last.
    fn ports(self, line: usize, word: &str) -> Result<Ports, Unreadable> {
        let ports = Ports::parse(&word.replacen(':', "-", 1));
        ports.ok_or_else(|| self.fault(line, format!("`{word}` is not a port")))
    }

    /// Reads a prefix or a single address.
    fn prefix(self, line: usize, word: &str) -> Result<IpNet, Unreadable> {
        word.parse::<IpNet>()
            .or_else(|_| word.parse::<std::net::IpAddr>().map(IpNet::from))
            .map_err(|_| self.fault(line, format!("`{word}` is not an address or a prefix")))
    }

    /// Reads `tcp` or `udp`.
    fn transport(self, line: usize, word: &str) -> Result<crate::model::Transport, Unreadable> {
        match word {
            "tcp" => Ok(crate::model::Transport::Tcp),
            "udp" => Ok(crate::model::Transport::Udp),
            _ => Err(self.fault(line, format!("`{word}` is neither tcp nor udp"))),
        }
    }
}

/// Returns the set of one prefix.
pub fn set_of(prefix: IpNet) -> CidrSet {
    CidrSet::new(&[prefix], &[])
}

/// Returns all addresses of one family.
pub fn family(v6: bool) -> CidrSet {
    set_of(if v6 {
        IpNet::V6(ipnet::Ipv6Net::default())
    } else {
        IpNet::V4(ipnet::Ipv4Net::default())
    })
}

/// Returns all addresses.
pub fn everything() -> CidrSet {
    CidrSet::union([&family(false), &family(true)])
}
