//! Compares the tables of a bundle with the files that they sum up. labctl and people read the
//! tables, so a table that says something else than the machine does would mislead them.
//!
//! What a machine does, such as its compose file and its firewall, is no summary. Only a signature,
//! or building the lab again, tells who wrote it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;

use super::claims::words;
use super::manifest::Manifest;
use super::{claims, mode_of};
use crate::artifact::Slot;
use crate::model::{Ports, UnitAction};
use crate::plan::{CONTAINERS_OF, CidrSet};

/// The table in which a machine's bundle lists what may connect to it.
pub const FLOWS: &str = "payload/firewall/flows.tsv";

/// The compose file.
pub const COMPOSE: &str = "payload/compose/compose.yaml";
const CONTAINERS: &str = "payload/compose/containers.tsv";
const LABCTL: &str = "payload/labctl";
const NETWORKS: &str = "payload/compose/networks.tsv";
const MAKES_NETWORKS: &str = "payload/compose/networks.sh";
const UFW: &str = "payload/firewall/ufw.sh";
const NFTABLES: &str = "payload/firewall/nftables.nft";
const UNITS: &str = "payload/systemd/units.tsv";
const WRITERS: &str = "payload/kept/writers.tsv";
const FORWARDS: &str = "payload/firewall/router-forwards.tsv";

/// The tables that are only there when they have lines.
const NEVER_EMPTY: &[&str] = &[
    FLOWS,
    FORWARDS,
    "payload/kept/databases.tsv",
    "payload/kept/places.tsv",
    WRITERS,
    "payload/reach/connections.tsv",
    "payload/reach/index.tsv",
];

/// The folder in which a machine keeps its secrets.
const SECRETS: &str = "/etc/labwright/secrets/";

type Files = BTreeMap<String, Vec<u8>>;

/// Compares every table of a bundle. A table that is not there is one without lines.
pub fn check(manifest: &Manifest, files: &Files) -> Result<(), String> {
    let text = |path: &str| files.get(path).map(|bytes| String::from_utf8_lossy(bytes));
    let read = |path: &str| text(path).unwrap_or_default().into_owned();
    let compose = read(COMPOSE);
    let containers = containers(&compose)
        .ok_or_else(|| format!("`{COMPOSE}` is not written as labwright writes it"))?;
    claims::check(manifest, files, &containers)?;
    if files.contains_key(COMPOSE) {
        images(manifest, &containers)?;
        same(CONTAINERS, COMPOSE, &rows::<2>(&read(CONTAINERS)), &listed(&containers))?;
        let known = containers.iter().map(|(name, _)| name.as_str()).collect();
        within(WRITERS, COMPOSE, &read(WRITERS), 1, &known)?;
        networks(&read(NETWORKS), &compose, &known)?;
    }
    if files.contains_key(MAKES_NETWORKS) && !files.contains_key(NETWORKS) {
        return Err(differ(NETWORKS, MAKES_NETWORKS));
    }
    for table in NEVER_EMPTY {
        if files.get(*table).is_some_and(Vec::is_empty) {
            return Err(format!("`{table}` is empty, and labwright writes no such table"));
        }
    }
    secrets(manifest, files)?;
    units(manifest, &read(UNITS), &started(files))?;
    let flows = flows_of(&read(FLOWS))?;
    if let Some(rules) = text(UFW) {
        firewall(UFW, &flows, &ufw(&rules)?)?;
    }
    if let Some(rules) = text(NFTABLES) {
        opened(&flows, &rules)?;
    }
    forwards(&read(FORWARDS), &read(FLOWS))
}

/// Says that two files contradict each other.
pub fn differ(one: &str, other: &str) -> String {
    format!("`{one}` and `{other}` differ")
}

/// Returns the first cells of each line of a table.
pub fn rows<const N: usize>(table: &str) -> BTreeSet<Vec<String>> {
    table.lines().map(|line| line.split('\t').take(N).map(str::to_owned).collect()).collect()
}

fn same(
    table: &str,
    of: &str,
    rows: &BTreeSet<Vec<String>>,
    expected: &BTreeSet<Vec<String>>,
) -> Result<(), String> {
    if rows == expected { Ok(()) } else { Err(differ(table, of)) }
}

/// Fails if a cell of a table is not one of those that another file has.
fn within(
    table: &str,
    of: &str,
    text: &str,
    cell: usize,
    known: &BTreeSet<&str>,
) -> Result<(), String> {
    let mut cells = text.lines().filter_map(|line| line.split('\t').nth(cell));
    if cells.all(|cell| known.contains(cell)) { Ok(()) } else { Err(differ(table, of)) }
}

/// Reads text in YAML as labwright writes it.
pub fn unquoted(text: &str) -> String {
    text.trim().trim_matches(['\'', '"']).replace("''", "'")
}

/// Lists the containers of a compose file with their images, if all of them are as labwright writes
/// them.
fn containers(compose: &str) -> Option<Vec<(String, String)>> {
    let mut found: Vec<(String, Option<String>)> = Vec::new();
    let mut services = false;
    for line in compose.lines() {
        if !line.starts_with(' ') {
            services = line == "services:";
        } else if let Some(own) = line.strip_prefix("    ").filter(|_| services) {
            let (name, image) = found.last_mut()?;
            if let Some(text) = own.strip_prefix("image: ") {
                *image = Some(unquoted(text));
            } else if let Some(text) = own.strip_prefix("container_name: ") {
                *name = unquoted(text);
            }
        } else if let Some(key) = line.strip_prefix("  ").filter(|_| services) {
            found.push((unquoted(key.strip_suffix(':')?), None));
        }
    }
    found.into_iter().map(|(name, image)| Some((name, image?))).collect()
}

fn listed(containers: &[(String, String)]) -> BTreeSet<Vec<String>> {
    containers.iter().map(|(name, image)| vec![name.clone(), image.clone()]).collect()
}

fn images(manifest: &Manifest, containers: &[(String, String)]) -> Result<(), String> {
    let run: BTreeSet<&str> = containers.iter().map(|(_, image)| image.as_str()).collect();
    let listed: BTreeSet<&str> =
        manifest.images.iter().map(|image| image.reference.as_str()).collect();
    let pinned = manifest.images.iter().all(|image| {
        let digest = image.reference.split_once('@').map(|(_, digest)| digest);
        image.digest.as_deref().is_none_or(|known| digest.is_none_or(|digest| digest == known))
    });
    if run == listed && pinned { Ok(()) } else { Err(differ("manifest.json", COMPOSE)) }
}

/// Fails if a container, a script or a unit reads a secret that the machine need not have.
fn secrets(manifest: &Manifest, files: &Files) -> Result<(), String> {
    let required: BTreeSet<&str> =
        manifest.secrets.iter().map(|secret| secret.path.as_str()).collect();
    let is_read = |path: &str| {
        let runs = path.starts_with("payload/systemd/") || mode_of(path) == 0o755;
        path == COMPOSE || (runs && path != LABCTL)
    };
    for (path, bytes) in files.iter().filter(|(path, _)| is_read(path)) {
        let text = String::from_utf8_lossy(bytes);
        for (at, _) in text.match_indices(SECRETS) {
            let rest = text.get(at..).unwrap_or_default();
            let is_part = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
            let end = rest.find(|c: char| !is_part(c)).unwrap_or(rest.len());
            let (named, after) = rest.split_at(end);
            // The folder itself, that of a user, or one that a variable names.
            let is_folder = named.ends_with('/') || after.starts_with(['$', ':', '*']);
            if !is_folder && !required.contains(named.trim_end_matches('.')) {
                return Err(differ("payload/secrets.required", path));
            }
        }
    }
    Ok(())
}

fn networks(table: &str, compose: &str, known: &BTreeSet<&str>) -> Result<(), String> {
    let values = |key: &str| -> BTreeSet<String> {
        let lines = compose.lines().filter_map(|line| {
            line.trim_start().trim_start_matches("- ").strip_prefix(key)?.strip_prefix(": ")
        });
        lines.map(unquoted).collect()
    };
    let (subnets, bridges) = (values("subnet"), values("com.docker.network.bridge.name"));
    let mut left = bridges.clone();
    for line in table.lines() {
        let cells: Vec<&str> = line.split('\t').collect();
        let as_there = match cells[..] {
            ["network", _, bridge, prefixes, "true" | "false", "compose"] => {
                left.remove(bridge);
                bridges.contains(bridge)
                    && prefixes.split(' ').all(|prefix| subnets.contains(prefix))
            }
            ["network", _, _, _, "true" | "false", "labctl"] => true,
            ["member", _, container, _, "compose" | "labctl", _] => known.contains(container),
            _ => false,
        };
        if !as_there {
            return Err(differ(NETWORKS, COMPOSE));
        }
    }
    if left.is_empty() { Ok(()) } else { Err(differ(NETWORKS, COMPOSE)) }
}

/// Lists what the steps for units do, as the table of units says it.
fn started(files: &Files) -> BTreeSet<String> {
    let folder = format!("payload/{}", Slot::UNITS.path(""));
    let folder = folder.trim_end_matches(".sh");
    let steps = files.iter().filter(|(path, _)| path.starts_with(folder));
    let rows = steps.filter_map(|(_, bytes)| {
        let text = String::from_utf8_lossy(bytes);
        let after =
            |command| text.lines().find_map(|line| words(line.strip_prefix(command)?).pop());
        let unit = after("systemctl enable --quiet ")?;
        let starts = after("systemctl restart ").is_some_and(|started| started == unit);
        let action = if starts { UnitAction::EnableStart } else { UnitAction::Enable };
        Some(format!("{unit}\t{}", action.name()))
    });
    rows.collect()
}

/// Fails if the table of units says something else than the steps do, or does not know a unit that
/// is installed.
fn units(manifest: &Manifest, table: &str, started: &BTreeSet<String>) -> Result<(), String> {
    const INSTALLED: &str = "/etc/systemd/system/";
    let known: BTreeSet<&str> = table.lines().filter_map(|line| line.split('\t').next()).collect();
    let starts = table.lines().all(|line| {
        let mut cells = line.split('\t');
        let name = cells.next().unwrap_or_default();
        let own = format!("payload/systemd/{name}");
        let is_own = manifest.files.iter().any(|file| file.path == own);
        let mut installs = manifest.installs.iter();
        !is_own || installs.any(|install| install.dst == format!("{INSTALLED}{name}"))
    });
    let timers = manifest.installs.iter().filter_map(|install| install.dst.strip_prefix(INSTALLED));
    let mut timers = timers.filter(|name| name.strip_suffix(".timer").is_some());
    let as_steps = table.lines().map(str::to_owned).collect::<BTreeSet<_>>() == *started;
    if starts && as_steps && timers.all(|name| known.contains(name)) {
        Ok(())
    } else {
        Err(differ(UNITS, "manifest.json"))
    }
}

/// The addresses that may connect, by protocol and ports.
pub type Open = BTreeMap<(String, String), CidrSet>;

/// Returns whether one of some addresses may connect to a port over TCP.
pub fn lets_in(open: &Open, port: u16, addresses: &[String]) -> bool {
    let mut ports = open.iter().filter(|((proto, ports), _)| {
        proto == "tcp" && Ports::parse(ports).is_some_and(|ports| ports.contains(port))
    });
    ports.any(|(_, set)| {
        let mut addresses = addresses.iter().filter_map(|address| address.parse().ok());
        addresses.any(|address| set.contains(address))
    })
}

fn prefixes(list: &str) -> Result<Vec<IpNet>, String> {
    let prefix = |text: &str| {
        let parsed = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        parsed.map_err(|_| format!("`{}` is not a prefix", text.escape_debug()))
    };
    list.split(',').filter(|text| *text != "-").map(prefix).collect()
}

fn add(open: &mut Open, key: (&str, &str), set: &CidrSet) {
    let known = open.entry((key.0.to_owned(), key.1.replace(':', "-"))).or_default();
    *known = CidrSet::union([&*known, set]);
}

/// Reads the table of connections. Those of the machine's own containers come by their bridges.
pub fn flows_of(table: &str) -> Result<Open, String> {
    let mut open = Open::new();
    for line in table.lines() {
        let cells: Vec<&str> = line.split('\t').collect();
        let [from, proto, port, _, from_prefixes, except] = cells[..] else { continue };
        let set = if from.starts_with(CONTAINERS_OF) {
            CidrSet::default()
        } else {
            CidrSet::new(&prefixes(from_prefixes)?, &prefixes(except)?)
        };
        add(&mut open, (proto, port), &set);
    }
    Ok(open)
}

/// Reads the rules of ufw. Refusals are cut out of what is let in.
fn ufw(script: &str) -> Result<Open, String> {
    let (mut allowed, mut denied) = (Open::new(), Open::new());
    let rules = script.split_once("<<'RULES'\n").map_or("", |(_, rest)| rest);
    for line in rules.lines().take_while(|line| *line != "RULES") {
        let words: Vec<&str> = line.split(' ').collect();
        // A sixth word is the one address of the machine that the rule is about.
        let [verdict, proto, port, interface, source, ..] = words[..] else {
            return Err(format!("`{}` is not a rule of `{UFW}`", line.escape_debug()));
        };
        let set = match interface {
            "-" => CidrSet::new(&prefixes(source)?, &[]),
            _ => CidrSet::default(),
        };
        let open = if verdict == "deny" { &mut denied } else { &mut allowed };
        add(open, (proto, port), &set);
    }
    for (key, set) in &mut allowed {
        if let Some(denied) = denied.get(key) {
            *set = set.difference(denied);
        }
    }
    Ok(allowed)
}

/// Fails if the rules let in what the table does not list, or nothing for one of its ports. They
/// may let in less: a port may be published at one address alone, which has one family.
fn firewall(file: &str, flows: &Open, rules: &Open) -> Result<(), String> {
    let listed = |(key, set): (&(String, String), &CidrSet)| {
        flows.get(key).is_some_and(|listed| set.difference(listed).is_empty())
    };
    let mut ported = flows.keys().filter(|(_, port)| port != "0");
    if rules.iter().all(listed) && ported.all(|key| rules.contains_key(key)) {
        Ok(())
    } else {
        Err(differ(FLOWS, file))
    }
}

/// Fails if nftables let a port in that the table of connections does not list.
fn opened(flows: &Open, rules: &str) -> Result<(), String> {
    for line in rules.lines().map(str::trim).filter(|line| line.ends_with(" accept")) {
        let words: Vec<&str> = line.split(' ').collect();
        // What leaves the machine for another one has a destination.
        if words.contains(&"daddr") || words.contains(&"sport") {
            continue;
        }
        let after = |word: &str| {
            let at = words.iter().position(|known| *known == word)?;
            words.get(at + 1).copied()
        };
        let Some(port) = after("proto-dst").or_else(|| after("dport")) else { continue };
        let proto = ["tcp", "udp"].into_iter().find(|proto| words.contains(proto));
        let key = (proto.unwrap_or_default().to_owned(), port.to_owned());
        if Ports::parse(port).is_none() || !flows.contains_key(&key) {
            return Err(differ(FLOWS, NFTABLES));
        }
    }
    Ok(())
}

/// Fails if a router is to forward a port that the machine does not open, or for another reason.
fn forwards(table: &str, flows: &str) -> Result<(), String> {
    let is_open = |line: &str| {
        let cells: Vec<&str> = line.split('\t').collect();
        let [_, proto, port, _, reason] = cells[..] else { return false };
        flows.lines().any(|flow| {
            let cells: Vec<&str> = flow.split('\t').collect();
            let [_, own, ports, reasons, ..] = cells[..] else { return false };
            own == proto && ports == port && reasons.split(", ").any(|own| own == reason)
        })
    };
    if table.lines().all(is_open) { Ok(()) } else { Err(differ(FORWARDS, FLOWS)) }
}
