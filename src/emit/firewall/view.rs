//! Prepares the access model for the templates of nft and ufw.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;
use serde::Serialize;

use crate::emit::Context;
use crate::model::{Ports, Transport, ZoneId};
use crate::plan::{AccessList, Clients, FlowSource, ForwardTarget, INTERFACES, Opening, Plan};

/// The data for `nftables.nft`.
#[derive(Debug, Serialize)]
pub struct NftView<'p> {
    machine: &'p str,
    sets: Vec<Set>,
    containers: Option<&'static str>,
    networks: Vec<&'p str>,
    published: Vec<Rule>,
    clients: Vec<ClientsView<'p>>,
    masquerade: Vec<String>,
    guards_input: bool,
    input: Vec<Rule>,
}

#[derive(Debug, Serialize)]
struct Set {
    name: String,
    r#type: &'static str,
    prefixes: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Rule {
    what: String,
    transport: &'static str,
    ports: Ports,
    sources: Vec<String>,
}

#[derive(Debug, Serialize)]
struct ClientsView<'p> {
    name: &'p str,
    chain: String,
    prefixes: Vec<Ends>,
    rules: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Ends {
    source: String,
    destination: String,
}

/// Describes the machine's nftables rules. With `guards_input`, they also guard programs on the
/// machine itself.
pub fn nft<'p>(
    context: &Context<'p>,
    openings: &'p [Opening],
    clients: &'p [Clients],
    guards_input: bool,
) -> NftView<'p> {
    let plan = context.plan;
    let mut zones = ZoneSets { plan, sets: BTreeMap::new() };
    let networks = &context.planned().networks.list;
    let networks: Vec<&str> = networks.iter().map(|network| network.interface.as_str()).collect();
    let published = openings.iter().filter(|opening| opening.published);
    let published = published.map(|opening| rule(plan, &mut zones, opening)).collect();
    let input = if guards_input {
        openings.iter().map(|opening| rule(plan, &mut zones, opening)).collect()
    } else {
        Vec::new()
    };
    let views = clients.iter().map(|clients| client_rules(plan, &mut zones, clients)).collect();
    NftView {
        machine: &context.this().name,
        containers: (!networks.is_empty()).then_some(INTERFACES),
        networks,
        published,
        clients: views,
        masquerade: clients
            .iter()
            .filter(|clients| clients.masquerade)
            .flat_map(|clients| masquerade(plan, clients))
            .collect(),
        guards_input,
        input,
        sets: zones.into_sets(),
    }
}

/// The sets of the zones that rules refer to, each made once.
struct ZoneSets<'p> {
    plan: &'p Plan<'p>,
    sets: BTreeMap<ZoneId, [Family; 2]>,
}

/// The addresses of one family in a zone.
struct Family {
    word: &'static str,
    /// The prefixes in the zone, or nothing if every address is in it.
    within: Option<Set>,
    /// The prefixes that are excluded.
    except: Option<Set>,
}

impl Family {
    fn new(zone: &str, list: &AccessList, v4: bool) -> Self {
        let set = |prefixes: &[IpNet], ending: &str| {
            let prefixes: Vec<&IpNet> =
                prefixes.iter().filter(|prefix| prefix.addr().is_ipv4() == v4).collect();
            let everything = prefixes.iter().any(|prefix| prefix.prefix_len() == 0);
            (!everything).then(|| Set {
                name: format!("{zone}-{}{ending}", if v4 { 4 } else { 6 }),
                r#type: if v4 { "ipv4_addr" } else { "ipv6_addr" },
                prefixes: prefixes.into_iter().map(|prefix| host_or_prefix(*prefix)).collect(),
            })
        };
        Self {
            word: if v4 { "ip" } else { "ip6" },
            within: set(&list.allow, ""),
            except: set(&list.deny, "-except").filter(|set| !set.prefixes.is_empty()),
        }
    }

    /// Returns an expression that matches the zone's addresses, or nothing if it has none of this
    /// family.
    fn phrase(&self, end: &str) -> Option<String> {
        let word = self.word;
        let except = self.except.as_ref().map(|set| format!("{word} {end} != @{}", set.name));
        match &self.within {
            Some(set) if set.prefixes.is_empty() => None,
            Some(set) => Some(
                [Some(format!("{word} {end} @{}", set.name)), except]
                    .into_iter()
                    .flatten()
                    .collect::<Vec<_>>()
                    .join(" "),
            ),
            None => Some(except.unwrap_or_else(|| {
                format!("meta nfproto {}", if word == "ip" { "ipv4" } else { "ipv6" })
            })),
        }
    }
}

impl ZoneSets<'_> {
    /// Returns expressions that match an address in a zone, one for each address family.
    fn phrases(&mut self, zone: ZoneId, end: &str) -> Vec<String> {
        self.families(zone).iter().filter_map(|family| family.phrase(end)).collect()
    }

    /// Returns an expression that matches an address of one family in a zone.
    fn phrase(&mut self, zone: ZoneId, end: &str, v4: bool) -> Option<String> {
        let word = if v4 { "ip" } else { "ip6" };
        self.families(zone).iter().find(|family| family.word == word)?.phrase(end)
    }

    fn families(&mut self, zone: ZoneId) -> &[Family; 2] {
        let plan = self.plan;
        self.sets.entry(zone).or_insert_with(|| {
            let list = plan.access_list(zone);
            [true, false].map(|v4| Family::new(&plan.zone_word(zone), list, v4))
        })
    }

    fn into_sets(self) -> Vec<Set> {
        let families = self.sets.into_values().flatten();
        families
            .flat_map(|family| [family.within, family.except])
            .flatten()
            // No rule names a set without elements, see `Family::phrase`.
            .filter(|set| !set.prefixes.is_empty())
            .collect()
    }
}

fn rule(plan: &Plan<'_>, zones: &mut ZoneSets<'_>, opening: &Opening) -> Rule {
    Rule {
        what: format!("{}: {}", plan.source_name(opening.from), opening.reasons.join(", ")),
        transport: opening.transport.name(),
        ports: opening.ports,
        sources: match opening.from {
            FlowSource::Zone(zone) if opening.at.is_empty() => zones.phrases(zone, "saddr"),
            FlowSource::Zone(zone) => {
                let to = opening.at.iter().filter_map(|address| {
                    let from = zones.phrase(zone, "saddr", address.is_ipv4())?;
                    // Docker has rewritten the destination by then. Only the original direction has
                    // the address that was asked for.
                    Some(format!("ct original {} {from}", destination(*address)))
                });
                to.collect()
            }
            FlowSource::Containers(service) => plan
                .own_networks(service)
                .map(|network| format!("iifname \"{}\"", network.interface))
                .collect(),
            FlowSource::Neighbours(_) => vec![format!("iifname \"{INTERFACES}*\"")],
        },
    }
}

fn client_rules<'p>(
    plan: &'p Plan<'p>,
    zones: &mut ZoneSets<'_>,
    clients: &Clients,
) -> ClientsView<'p> {
    let network = &plan.model[clients.network];
    let mut rules = BTreeSet::new();
    for target in &clients.targets {
        match target {
            ForwardTarget::Port { addresses, ports, transport } => {
                rules.extend(addresses.iter().map(|address| {
                    format!("{} {} dport {ports}", destination(*address), transport.name())
                }));
            }
            ForwardTarget::Zone(zone) => rules.extend(zones.phrases(*zone, "daddr")),
        }
    }
    ClientsView {
        name: &network.name,
        chain: format!("clients-{}", plan.zone_word(network.zone)),
        prefixes: network
            .prefixes
            .iter()
            .map(|prefix| Ends {
                source: format!("{} saddr {}", family(prefix.addr()), prefix.trunc()),
                destination: format!("{} daddr {}", family(prefix.addr()), prefix.trunc()),
            })
            .collect(),
        rules: rules.into_iter().collect(),
    }
}

fn masquerade(plan: &Plan<'_>, clients: &Clients) -> Vec<String> {
    let mut rules = Vec::new();
    for prefix in plan.model[clients.network].prefixes.iter().map(IpNet::trunc) {
        let source = format!("{} saddr {prefix}", family(prefix.addr()));
        // Where the way back is known, a client keeps its own address. The first matching rule
        // decides.
        let known =
            clients.way_back.iter().filter(|address| address.is_ipv4() == prefix.addr().is_ipv4());
        rules.extend(known.map(|address| format!("{source} {} accept", destination(*address))));
        rules.push(format!("{source} masquerade"));
    }
    rules
}

fn family(address: IpAddr) -> &'static str {
    if address.is_ipv4() { "ip" } else { "ip6" }
}

fn destination(address: IpAddr) -> String {
    format!("{} daddr {address}", family(address))
}

/// Writes a prefix as packet filters expect it: a single address has no length.
pub fn host_or_prefix(prefix: IpNet) -> String {
    if prefix.prefix_len() == prefix.max_prefix_len() {
        prefix.addr().to_string()
    } else {
        prefix.to_string()
    }
}

/// The data for `ufw.sh`.
#[derive(Debug, Serialize)]
pub struct UfwView {
    rules: Vec<UfwRule>,
}

#[derive(Debug, Serialize)]
struct UfwRule {
    verdict: &'static str,
    transport: &'static str,
    port: String,
    interface: String,
    source: String,
    /// The one address that it is about, if it is about one.
    destination: Option<IpAddr>,
}

/// The zones that a port is open to, at some addresses of the machine alone or at all.
type OpenAt = BTreeMap<Option<IpAddr>, Vec<ZoneId>>;

/// Writes ports as ufw does: several in a row with a colon.
fn ufw_ports(ports: Ports) -> String {
    ports.to_string().replace('-', ":")
}

/// Lets in what comes by an interface, which says who it is. ufw keeps the rules of each family
/// apart.
fn from_interface(opening: &Opening, interface: &str, ipv6: bool) -> Vec<UfwRule> {
    let families = ["0.0.0.0/0"].into_iter().chain(ipv6.then_some("::/0"));
    let rule = |everybody: &str| UfwRule {
        verdict: "allow",
        transport: opening.transport.name(),
        port: ufw_ports(opening.ports),
        interface: interface.to_owned(),
        source: everybody.to_owned(),
        destination: None,
    };
    families.map(rule).collect()
}

/// Describes the machine's ufw rules. The sources of each port are merged into as few prefixes as
/// possible.
pub fn ufw(context: &Context<'_>, openings: &[Opening]) -> UfwView {
    let plan = context.plan;
    let mut rules = Vec::new();
    let mut ports: BTreeMap<(Transport, Ports), OpenAt> = BTreeMap::new();
    for opening in openings {
        match opening.from {
            FlowSource::Zone(zone) => {
                let open = ports.entry((opening.transport, opening.ports)).or_default();
                if opening.at.is_empty() {
                    open.entry(None).or_default().push(zone);
                }
                for address in &opening.at {
                    open.entry(Some(*address)).or_default().push(zone);
                }
            }
            FlowSource::Containers(service) => {
                for network in plan.own_networks(service) {
                    let interface = &network.interface;
                    rules.extend(from_interface(opening, interface, network.subnet6.is_some()));
                }
            }
            FlowSource::Neighbours(machine) => {
                let mut networks = plan.machine(machine).networks.list.iter();
                let ipv6 = networks.any(|network| network.subnet6.is_some());
                // As iptables writes all interfaces whose names begin so.
                rules.extend(from_interface(opening, &format!("{INTERFACES}+"), ipv6));
            }
        }
    }
    for ((transport, row), open) in ports {
        let mut add = |zones: &[ZoneId], at: Option<IpAddr>, of_family: &dyn Fn(&IpNet) -> bool| {
            let rule = |verdict: &'static str, prefix: &IpNet| UfwRule {
                verdict,
                transport: transport.name(),
                port: ufw_ports(row),
                interface: "-".to_owned(),
                source: host_or_prefix(*prefix),
                destination: at,
            };
            let list = plan.joined(zones).access_list();
            let own = |prefix: &&IpNet| of_family(prefix);
            // ufw applies the first rule that matches, so a refusal comes before what it is cut out
            // of.
            let deny = list.deny.iter().filter(own).map(|prefix| rule("deny", prefix));
            let allow = list.allow.iter().filter(own).map(|prefix| rule("allow", prefix));
            rules.extend(deny.chain(allow));
        };
        if !open.contains_key(&None) {
            for (at, zones) in &open {
                let v4 = at.is_none_or(|address| address.is_ipv4());
                add(zones, *at, &|prefix| prefix.addr().is_ipv4() == v4);
            }
            continue;
        }
        // A refusal at one address would come before what is let in at all, so these rules name
        // none.
        let [v4, v6] = [true, false].map(|v4| {
            let here = |at: &Option<IpAddr>| at.is_none_or(|address| address.is_ipv4() == v4);
            let zones = open.iter().filter(|(at, _)| here(at)).flat_map(|(_, zones)| zones);
            zones.copied().collect::<Vec<ZoneId>>()
        });
        if v4 == v6 {
            add(&v4, None, &|_| true);
        } else {
            add(&v4, None, &|prefix| prefix.addr().is_ipv4());
            add(&v6, None, &|prefix| prefix.addr().is_ipv6());
        }
    }
    UfwView { rules }
}
