//! Compares the index of a release with what its bundles say, as far as it follows from them.
//!
//! The rest, such as what the lab accepts and the place that allows a flow, is covered only by a
//! signature of the release, or by building the lab again.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::agree::{FLOWS, Open, lets_in};
use super::manifest::sorted;
use super::release::{INDEX, Machine, ReleaseIndex, Route, Scrape, Secret};
use super::review::Named;
use super::{ImageEntry, SecretEntry, ids};
use crate::model::MachineKind;
use crate::model::Ports;
use crate::plan::CONTAINERS_OF;

/// The table in which a machine's bundle lists what it reaches of the other machines.
pub const CONNECTIONS: &str = "payload/reach/connections.tsv";

/// The table in which a machine's bundle repeats what the index says of the machine.
pub const OWN: &str = "payload/reach/index.tsv";

/// The end of the name of a configuration of Prometheus, in the folder of its service.
const SCRAPES: &str = "/prometheus.yml";

/// That of the service that is called as its module is.
const USUAL: &str = "payload/prometheus/prometheus.yml";

/// The facts about a bundle that the index repeats.
pub struct Summary {
    /// The lab.
    pub lab: String,
    /// The machine.
    pub machine: String,
    /// The lab's version.
    pub version: String,
    /// The id of the content.
    pub content_id: String,
    /// The SHA-256 of the archive, in hex.
    pub sha256: String,
    /// The images that its containers run.
    pub images: Vec<ImageEntry>,
    /// The secret files that the machine must have.
    pub secrets: Vec<SecretEntry>,
    /// What its manifest names.
    pub named: Named,
    /// The connections to the machine.
    pub flows: BTreeSet<Connection>,
    /// The proxies that zones reach on the machine, each with the zone.
    pub proxies: BTreeSet<(String, String)>,
    /// What the machine says of itself.
    pub own: Own,
    /// The addresses of other machines, as the machine knows them.
    pub addresses: BTreeSet<(String, String)>,
    /// The ports of other machines that the machine reaches, as it knows them.
    pub reached: Vec<(String, u16)>,
    /// Who may connect to the machine.
    pub open: Open,
    /// What each Prometheus on the machine scrapes, by its file.
    pub scrapes: BTreeMap<String, Vec<Scrape>>,
}

impl Summary {
    /// Returns whether one of some addresses may connect to a port over TCP.
    pub fn lets_in(&self, port: u16, addresses: &[String]) -> bool {
        lets_in(&self.open, port, addresses)
    }
}

/// What a bundle says of its machine in the words of the index.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Own {
    /// The kind of the machine.
    pub kind: String,
    /// Its addresses, in the order of its interfaces.
    pub addresses: Vec<String>,
    /// The names that its proxies serve.
    pub routes: Vec<Route>,
}

/// Reads what a machine says of itself.
pub fn own(table: &[u8]) -> Result<Own, String> {
    let text = std::str::from_utf8(table).map_err(|_| format!("`{OWN}` is not UTF-8 text"))?;
    let mut own = Own::default();
    for line in text.lines() {
        let cells: Vec<&str> = line.split('\t').collect();
        match cells[..] {
            ["kind", kind] => kind.clone_into(&mut own.kind),
            ["address", address] => own.addresses.push(address.to_owned()),
            ["route", host, machine, port, via, from] => own.routes.push(Route {
                from: from.split(',').map(str::to_owned).collect(),
                host: host.to_owned(),
                machine: machine.to_owned(),
                port: port
                    .parse()
                    .map_err(|_| format!("`{}` is not a port, in `{OWN}`", port.escape_debug()))?,
                via: via.to_owned(),
            }),
            _ => return Err(format!("`{}` is not a line of `{OWN}`", line.escape_debug())),
        }
    }
    Ok(own)
}

/// A connection to a machine: the source, the protocol, the ports and the reason.
pub type Connection = (String, String, String, String);

/// Reads the connections to `machine` from its table. The machine's own containers count as the
/// machine, as they do in the index.
pub fn connections(machine: &str, table: &[u8]) -> Result<BTreeSet<Connection>, String> {
    let text = std::str::from_utf8(table).map_err(|_| format!("`{FLOWS}` is not UTF-8 text"))?;
    let mut connections = BTreeSet::new();
    for line in text.lines() {
        let cells: Vec<&str> = line.split('\t').collect();
        let [from, proto, port, reasons, _, _] = cells[..] else {
            return Err(format!("`{}` is not a line of `{FLOWS}`", line.escape_debug()));
        };
        let ports = Ports::parse(port)
            .ok_or_else(|| format!("`{}` is not a port, in `{FLOWS}`", port.escape_debug()))?;
        let from = if from.starts_with(CONTAINERS_OF) { machine } else { from };
        connections.extend(reasons.split(", ").map(|reason| {
            let (reason, _) = reason.split_once(' ').unwrap_or((reason, ""));
            (from.to_owned(), proto.to_owned(), ports.to_string(), reason.to_owned())
        }));
    }
    Ok(connections)
}

/// Reads the proxies that zones reach for their routes from the table of connections.
pub fn proxies(table: &[u8]) -> BTreeSet<(String, String)> {
    let text = String::from_utf8_lossy(table);
    let mut proxies = BTreeSet::new();
    for line in text.lines() {
        let mut cells = line.split('\t');
        let (Some(from), Some(reasons)) = (cells.next(), cells.nth(2)) else { continue };
        let endpoints = reasons.split(", ").filter_map(|reason| reason.strip_prefix("route "));
        let services = endpoints.filter_map(|endpoint| endpoint.split_once('.'));
        proxies.extend(services.map(|(service, _)| (service.to_owned(), from.to_owned())));
    }
    proxies
}

/// Reads the addresses of other machines from the table of what the machine reaches.
pub fn addresses(table: &[u8]) -> BTreeSet<(String, String)> {
    let text = String::from_utf8_lossy(table);
    let cells = text.lines().filter_map(|line| {
        let mut cells = line.split('\t');
        Some((cells.nth(3)?.to_owned(), line.split('\t').nth(1)?.to_owned()))
    });
    cells.collect()
}

/// Reads the ports of other machines that the machine reaches.
pub fn reached(table: &[u8]) -> Result<Vec<(String, u16)>, String> {
    let text = String::from_utf8_lossy(table);
    let read = |line: &str| {
        let cells: Vec<&str> = line.split('\t').collect();
        let ["open" | "closed", _, port, machine, _] = cells[..] else { return None };
        Some((machine.to_owned(), port.parse().ok()?, line.starts_with("open")))
    };
    let mut reached = Vec::new();
    for line in text.lines() {
        let Some((machine, port, open)) = read(line) else {
            return Err(format!("`{}` is not a line of `{CONNECTIONS}`", line.escape_debug()));
        };
        reached.extend(open.then_some((machine, port)));
    }
    Ok(reached)
}

/// Reads what each Prometheus of a machine scrapes.
pub fn scraped(files: &BTreeMap<String, Vec<u8>>) -> BTreeMap<String, Vec<Scrape>> {
    let configs = files.iter().filter(|(path, _)| path.ends_with(SCRAPES));
    configs.map(|(path, bytes)| (path.clone(), scrapes(bytes))).collect()
}

/// Reads the jobs and targets from the configuration of Prometheus, as labwright writes it.
fn scrapes(config: &[u8]) -> Vec<Scrape> {
    let text = String::from_utf8_lossy(config);
    let mut scrapes = Vec::new();
    let (mut job, mut in_targets) = (None, false);
    for line in text.lines() {
        let unquoted = |rest: &str| rest.trim_matches('\'').replace("''", "'");
        if let Some(name) = line.strip_prefix("- job_name: ") {
            job = Some(unquoted(name));
        } else if let Some(target) = line.trim_start().strip_prefix("- '").filter(|_| in_targets) {
            // labwright quotes every text in YAML, so a target begins with a quote.
            scrapes.extend(job.clone().map(|job| Scrape { job, target: unquoted(target) }));
            continue;
        } else if !line.starts_with([' ', '-']) {
            // Another part of the file, such as that of Alertmanager, has targets too.
            job = None;
        }
        in_targets = line.trim_start().trim_start_matches("- ") == "targets:";
    }
    scrapes
}

/// Adds what the index says about the bundles in `sound`, by their archives, that is not so. The
/// archives that exist are in `names`.
pub fn check(
    index: &ReleaseIndex,
    sound: &BTreeMap<String, Summary>,
    names: &BTreeSet<String>,
    problems: &mut Vec<String>,
) {
    for (name, machine) in &index.machines {
        if !names.contains(&machine.archive) {
            problems.push(format!("`{}` of machine `{name}` is missing", machine.archive));
        } else if let Some(bundle) = sound.get(&machine.archive) {
            check_machine(index, name, machine, bundle, problems);
        }
        check_words(name, machine, problems);
    }
    let content_id = ids::release_content_id(
        index.machines.iter().map(|(name, machine)| (name.as_str(), machine.content_id.as_str())),
    );
    if content_id != index.content_id {
        problems.push(format!("the `contentId` of `{INDEX}` is not that of its machines"));
    }
    if !ids::EDITIONS.contains(&index.edition) {
        problems.push(format!("`{INDEX}` has the edition {}, which does not exist", index.edition));
    }
    if !ids::is_compiler(&index.compiler) {
        let compiler = index.compiler.escape_debug();
        problems.push(format!("`{INDEX}` has the compiler `{compiler}`, which is not labwright"));
    }
    // Another version has another library.
    if index.compiler == ids::COMPILER
        && index.input_id != ids::input_id_of(&index.format, &index.compiler, &index.inputs)
    {
        problems.push(format!("the `inputId` of `{INDEX}` is not that of its `inputs`"));
    }
    // The lists are the sums of all bundles, so they can be compared only if every bundle was read.
    if problems.is_empty() {
        check_lists(index, sound, problems);
    }
    check_sources(index, problems);
}

/// Checks the form of what only the lab itself can prove: the files that were read, the lines that
/// allow connections, and what is accepted.
fn check_sources(index: &ReleaseIndex, problems: &mut Vec<String>) {
    let is_digest = |text: &str| {
        text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let is_below = |path: &str| path.split('/').all(|part| !matches!(part, "" | "." | ".."));
    let files: BTreeSet<&str> = index.inputs.iter().map(|input| input.path.as_str()).collect();
    let is_place = |place: &str| {
        place.rsplit_once(':').is_some_and(|(file, line)| {
            files.contains(file) && line.parse().is_ok_and(|line: u32| line > 0)
        })
    };
    let is_code = |code: &str| {
        !code.is_empty() && code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
    };
    let mut wrong = |what: &str, text: &str| {
        problems.push(format!("the {what} `{}` of `{INDEX}` is not one", text.escape_debug()));
    };
    if !is_digest(&index.input_id) {
        wrong("`inputId`", &index.input_id);
    }
    for input in &index.inputs {
        if !is_below(&input.path) || !is_digest(&input.sha256) {
            wrong("file that was read,", &input.path);
        }
    }
    for flow in index.flows.iter().filter(|flow| !is_place(&flow.source)) {
        wrong("`source`", &flow.source);
    }
    for accepted in &index.accepted {
        if !is_code(&accepted.code) || accepted.reason.trim().is_empty() {
            wrong("accepted finding", &accepted.code);
        }
    }
}

fn check_lists(
    index: &ReleaseIndex,
    sound: &BTreeMap<String, Summary>,
    problems: &mut Vec<String>,
) {
    let images = sorted(sound.values().flat_map(|bundle| bundle.images.iter().cloned()));
    let secrets = sorted(sound.values().flat_map(|bundle| {
        bundle.secrets.iter().map(|secret| Secret::on(&bundle.machine, secret.clone()))
    }));
    let allowed: BTreeSet<(&str, Connection)> = sound
        .values()
        .flat_map(|bundle| bundle.flows.iter().map(|flow| (bundle.machine.as_str(), flow.clone())))
        .collect();
    let listed: BTreeSet<(&str, Connection)> = index
        .flows
        .iter()
        .map(|flow| {
            let (from, proto, reason) = (&flow.from, &flow.proto, &flow.reason);
            (flow.to.as_str(), (from.clone(), proto.clone(), flow.ports(), reason.clone()))
        })
        .collect();
    let mut differs = |what: &str, same: bool| {
        if !same {
            problems.push(format!("the `{what}` of `{INDEX}` are not those of the bundles"));
        }
    };
    differs("images", images == index.images);
    differs("secrets", secrets == index.secrets);
    differs("flows", allowed == listed);
    differs("scrapes", are_scraped(index, sound));
    let reached: BTreeSet<&(String, String)> =
        sound.values().flat_map(|bundle| &bundle.proxies).collect();
    let routed: BTreeSet<(String, String)> = index
        .routes
        .iter()
        .flat_map(|route| route.from.iter().map(|zone| (route.via.clone(), zone.clone())))
        .collect();
    let served = sorted(sound.values().flat_map(|bundle| bundle.own.routes.iter().cloned()));
    differs("routes", reached == routed.iter().collect() && served == index.routes);
    let known = |(machine, address): &(String, String)| {
        index.machines.get(machine).is_some_and(|machine| machine.addresses.contains(address))
    };
    let addresses = sound.values().all(|bundle| bundle.addresses.iter().all(known));
    differs("addresses", addresses);
}

/// Returns whether the index lists what the bundles scrape. A module of the lab may bring a file
/// of that name too, of which the index knows nothing.
fn are_scraped(index: &ReleaseIndex, sound: &BTreeMap<String, Summary>) -> bool {
    let listed: BTreeSet<&Scrape> = index.scrapes.iter().collect();
    let mut found = BTreeSet::new();
    for (path, scrapes) in sound.values().flat_map(|bundle| &bundle.scrapes) {
        let known = scrapes.iter().filter(|scrape| listed.contains(scrape)).count();
        if known < scrapes.len() && (known > 0 || path == USUAL) {
            return false;
        }
        if known > 0 {
            found.extend(scrapes);
        }
    }
    found == listed
}

/// Checks the facts about a machine that no bundle repeats, as far as they can be wrong by
/// themselves.
fn check_words(name: &str, machine: &Machine, problems: &mut Vec<String>) {
    if MachineKind::ALL.iter().all(|kind| kind.name() != machine.kind) {
        let kind = machine.kind.escape_debug();
        problems.push(format!(
            "`{INDEX}` has the kind `{kind}` of machine `{name}`, which does not exist"
        ));
    }
    for address in &machine.addresses {
        if address.parse::<IpAddr>().is_err() {
            let address = address.escape_debug();
            problems.push(format!("`{INDEX}` has `{address}` for an address of machine `{name}`"));
        }
    }
}

fn check_machine(
    index: &ReleaseIndex,
    name: &str,
    machine: &Machine,
    bundle: &Summary,
    problems: &mut Vec<String>,
) {
    let facts = [
        ("lab", &index.lab, &bundle.lab),
        ("machine", &name.to_owned(), &bundle.machine),
        ("version", &index.version, &bundle.version),
        ("contentId", &machine.content_id, &bundle.content_id),
        ("sha256", &machine.sha256, &bundle.sha256),
        ("kind", &machine.kind, &bundle.own.kind),
        ("addresses", &machine.addresses.join(", "), &bundle.own.addresses.join(", ")),
    ];
    for (what, expected, found) in facts {
        if expected != found {
            problems.push(format!(
                "`{}` has the {what} `{found}`, but `{INDEX}` says `{expected}`",
                machine.archive
            ));
        }
    }
}
