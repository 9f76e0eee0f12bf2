//! Reads the firewall of a Proxmox host and its guests: `cluster.fw` and one file for each
//! guest.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;

use super::{ByPort, File, Line, Unreadable, set_of};
use crate::model::{Ports, Transport};
use crate::plan::CidrSet;

/// The files of a host, or of the hosts of a cluster.
#[derive(Debug, Default)]
pub struct Rules {
    /// The addresses in each set; a set is in the longest prefix that holds an address, or cut out
    /// there.
    sets: BTreeMap<String, CidrSet>,
    local_network: Option<CidrSet>,
    /// The rules of each file, by its name without `.fw`.
    files: BTreeMap<String, ByPort<Rule>>,
}

#[derive(Debug)]
struct Rule {
    line: Line,
    text: String,
    source: String,
    destination: Option<Destination>,
    transport: Transport,
    ports: Ports,
}

/// What a rule is about.
#[derive(Debug)]
enum Destination {
    Set(String),
    Addresses(CidrSet),
}

/// A rule that let some addresses in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passed {
    /// The addresses.
    pub from: CidrSet,
    /// The line; nothing for a rule of Proxmox's own.
    pub line: Option<Line>,
    /// The rule.
    pub text: String,
}

/// The ports over which Proxmox lets the set `management` in: ssh, spice, consoles, the web
/// interface and migrations.
const MANAGEMENT: [std::ops::RangeInclusive<u16>; 5] =
    [22..=22, 3128..=3128, 5900..=5999, 8006..=8006, 60000..=60050];

/// The name of the host's own file.
pub const HOST: &str = "cluster";

impl Rules {
    /// Reads one of the files.
    pub fn read(&mut self, file: File<'_>) -> Result<(), Unreadable> {
        let name = file.path.rsplit('/').next().unwrap_or_default().trim_end_matches(".fw");
        let mut section = "";
        let mut options = BTreeMap::new();
        let mut members: BTreeMap<String, Vec<(IpNet, bool)>> = BTreeMap::new();
        let mut rules = Vec::new();
        for (line, text) in file.statements() {
            if let Some(title) = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
                section = title;
                if let Some(set) = title.strip_prefix("IPSET ") {
                    members.entry(set.to_owned()).or_default();
                }
                continue;
            }
            match section {
                "OPTIONS" => {
                    let (key, value) = text
                        .split_once(": ")
                        .ok_or_else(|| file.fault(line, "an option is `KEY: VALUE`"))?;
                    options.insert(key, value);
                }
                "ALIASES" => match text.strip_prefix("local_network ") {
                    Some(prefix) => {
                        self.local_network = Some(set_of(file.prefix(line, prefix)?));
                    }
                    None => return Err(file.fault(line, "an alias that is not known here")),
                },
                "RULES" => rules.extend(rule(file, line, text)?),
                _ => match section.strip_prefix("IPSET ") {
                    Some(set) => {
                        let inside = !text.starts_with('!');
                        let prefix = file.prefix(line, text.trim_start_matches('!'))?;
                        members.entry(set.to_owned()).or_default().push((prefix, inside));
                    }
                    None => {
                        return Err(file.fault(line, format!("the section `{section}`")));
                    }
                },
            }
        }
        // All rules accept, so the answers are right only if everything else is dropped.
        let wanted = [("enable", "1"), ("policy_in", "DROP"), ("policy_out", "ACCEPT")];
        for (key, value) in wanted {
            if options.get(key) != Some(&value) {
                return Err(file.fault(0, format!("`{key}` is not `{value}`")));
            }
        }
        for (set, mut prefixes) in members {
            // The longest prefix decides.
            prefixes.sort_by_key(|(prefix, _)| prefix.prefix_len());
            let mut addresses = CidrSet::default();
            for (prefix, inside) in prefixes {
                addresses = if inside {
                    CidrSet::union([&addresses, &set_of(prefix)])
                } else {
                    addresses.difference(&set_of(prefix))
                };
            }
            self.sets.insert(set, addresses);
        }
        let rules = ByPort::new(rules, |rule: &Rule| (rule.transport, rule.ports));
        self.files.insert(name.to_owned(), rules);
        Ok(())
    }

    /// Says whether there is a file for a guest, by its id.
    pub fn guards(&self, file: &str) -> bool {
        self.files.contains_key(file)
    }

    /// Lists which of the addresses a file lets in, by which rule; `file` is [`HOST`] or a guest's
    /// id.
    pub fn send(
        &self,
        file: &str,
        from: &CidrSet,
        to: IpAddr,
        transport: Transport,
        port: u16,
    ) -> Vec<Passed> {
        let mut left = from.clone();
        let mut passed = Vec::new();
        let mut pass = |left: &mut CidrSet, set: &CidrSet, line: Option<&Line>, text: &str| {
            let matched = left.intersection(set);
            if !matched.is_empty() {
                *left = left.difference(&matched);
                passed.push(Passed { from: matched, line: line.cloned(), text: text.to_owned() });
            }
        };
        let manages =
            transport == Transport::Tcp && MANAGEMENT.iter().any(|ports| ports.contains(&port));
        if file == HOST && manages {
            let sets = self.sets.get("management").into_iter().chain(&self.local_network);
            for set in sets {
                pass(&mut left, set, None, "IPSET management");
            }
        }
        // All rules accept, so their order decides only which of them is quoted.
        let rules = self.files.get(file).into_iter();
        for rule in rules.flat_map(|rules| rules.at(transport, port)) {
            let for_it = match &rule.destination {
                None => true,
                Some(Destination::Addresses(addresses)) => addresses.contains(to),
                Some(Destination::Set(set)) => {
                    self.sets.get(set).is_some_and(|addresses| addresses.contains(to))
                }
            };
            if for_it && let Some(set) = self.sets.get(&rule.source) {
                pass(&mut left, set, Some(&rule.line), &rule.text);
            }
        }
        passed
    }

    /// Lists the ports that a file names.
    pub fn ports(&self, file: &str) -> Vec<(Transport, Ports)> {
        let rules = self.files.get(file).into_iter().flat_map(ByPort::iter);
        let mut ports: Vec<_> = rules.map(|rule| (rule.transport, rule.ports)).collect();
        if file == HOST {
            ports.extend([22, 8006].map(|port| (Transport::Tcp, Ports::one(port))));
        }
        ports
    }
}

/// Reads a rule; nothing for one that is not about tcp or udp.
fn rule(file: File<'_>, line: usize, text: &str) -> Result<Option<Rule>, Unreadable> {
    let text = text.split(" #").next().unwrap_or_default().trim();
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    let ["IN", "ACCEPT", rest @ ..] = &words[..] else {
        return Err(file.fault(line, "is not a rule that lets something in"));
    };
    if let ["-p", "icmp" | "ipv6-icmp", ..] = rest {
        return Ok(None);
    }
    let mut flags = BTreeMap::new();
    for pair in rest.chunks(2) {
        match pair {
            [flag @ ("-source" | "-dest" | "-p" | "-dport"), value] => {
                flags.insert(*flag, *value);
            }
            _ => return Err(file.fault(line, format!("`{}` is not known here", pair.join(" ")))),
        }
    }
    let set = |flag: &str| match flags.get(flag) {
        Some(value) => match value.strip_prefix('+') {
            Some(set) => Ok(Some(set.to_owned())),
            None => Err(file.fault(line, format!("`{value}` is not a set"))),
        },
        None => Ok(None),
    };
    let need = |flag: &str| {
        flags.get(flag).copied().ok_or_else(|| file.fault(line, format!("`{flag}` is missing")))
    };
    let destination = match flags.get("-dest") {
        Some(value) if !value.starts_with('+') => {
            Some(Destination::Addresses(set_of(file.prefix(line, value)?)))
        }
        _ => set("-dest")?.map(Destination::Set),
    };
    Ok(Some(Rule {
        line: file.at(line),
        text: text.to_owned(),
        source: set("-source")?.ok_or_else(|| file.fault(line, "lets everybody in"))?,
        destination,
        transport: file.transport(line, need("-p")?)?,
        ports: file.ports(line, need("-dport")?)?,
    }))
}
