//! Emits the access model for the hypervisor too: traffic that a guest's own firewall refuses does
//! not even reach the guest.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::LazyLock;

use ipnet::IpNet;
use serde::Serialize;

use super::firewall::host_or_prefix;
use super::{Context, Emitter};
use crate::artifact::{Artifacts, Slot};
use crate::diag::Diagnostics;
use crate::format::Templates;
use crate::kind::Kind;
use crate::model::{MachineId, MachineKind, Ports, ZoneId};
use crate::plan::{AccessList, FlowSource, Plan};

/// The emitter of the firewall of Proxmox hosts and their guests.
pub const EMITTER: Emitter = Emitter { name: "proxmox_firewall", folders: &["proxmox"], emit };

const FOLDER: &str = "proxmox/firewall/";
const SCRIPT: &str = "proxmox/firewall.sh";

static TEMPLATES: LazyLock<Templates> = LazyLock::new(|| {
    Templates::new(&[
        ("cluster.fw", include_str!("cluster.fw.j2")),
        ("guest.fw", include_str!("guest.fw.j2")),
    ])
});

#[derive(Debug, Serialize)]
struct Cluster<'p> {
    hosts: Vec<&'p str>,
    address: String,
    management: Vec<String>,
    zones: Vec<ZoneSet>,
    rules: Vec<Rule>,
}

#[derive(Debug, Serialize)]
struct Guest<'p> {
    guest: &'p str,
    rules: Vec<Rule>,
}

#[derive(Debug, Serialize)]
struct ZoneSet {
    name: String,
    family: u8,
    members: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Rule {
    zone: String,
    family: u8,
    /// The set or address that it is about, if it is not about all that the file guards.
    to: Option<String>,
    transport: &'static str,
    port: String,
    what: String,
}

fn emit(context: &Context<'_>, artifacts: &mut Artifacts, diagnostics: &mut Diagnostics) {
    if context.this().kind == MachineKind::Proxmox {
        let _reported = host(context, artifacts, diagnostics);
    }
}

/// Adds the files of a host and its guests. If a value can't be written, reports that and adds
/// nothing.
///
/// The hosts of a cluster share one folder for these files, so each host writes the files of all.
fn host(
    context: &Context<'_>,
    artifacts: &mut Artifacts,
    diagnostics: &mut Diagnostics,
) -> Option<()> {
    let (plan, model, host) = (context.plan, context.model(), context.this());
    let hosts = model.cluster(context.machine);
    let mut zones = Zones { plan, sets: BTreeMap::new() };
    for (id, machine, guest) in hosts.iter().flat_map(|host| model.guests(*host)) {
        // An appliance filters its traffic itself: labwright does not manage its system, and it may
        // be a router.
        if machine.kind == MachineKind::Appliance {
            continue;
        }
        let view = Guest { guest: &machine.name, rules: zones.rules(id) };
        let text = TEMPLATES.write("guest.fw", &view, &machine.name, diagnostics)?;
        let origin = vec![format!("{} {}", machine.kind.name(), machine.name)];
        artifacts.add(format!("{FOLDER}{}.fw", guest.id), Kind::PveFirewall, text, origin);
    }
    // All hosts of a cluster read the same `cluster.fw`, so there each rule names its host.
    let rules = if let [alone] = hosts[..] {
        zones.rules(alone)
    } else {
        hosts.iter().flat_map(|host| zones.rules_to(*host)).collect()
    };
    let mut managers: Vec<ZoneId> = hosts.iter().flat_map(|host| plan.managers(*host)).collect();
    // The hosts of a cluster use ssh and the API of each other.
    if hosts.len() > 1 {
        managers.extend(hosts.iter().map(|host| model[*host].own_zone));
    }
    let view = Cluster {
        hosts: hosts.iter().map(|host| model[*host].name.as_str()).collect(),
        address: hosts.iter().find_map(|host| model[*host].address())?.to_string(),
        management: members(&plan.joined(&managers).access_list(), |_| true),
        rules,
        zones: zones.into_sets(),
    };
    let text = TEMPLATES.write("cluster.fw", &view, &host.name, diagnostics)?;
    let origin = hosts
        .iter()
        .map(|host| format!("{} {}", model[*host].kind.name(), model[*host].name))
        .collect();
    artifacts.add(format!("{FOLDER}cluster.fw"), Kind::PveFirewall, text, origin);

    artifacts.add(SCRIPT, Kind::Shell, include_str!("firewall.sh"), EMITTER.fixed());
    let inputs = [SCRIPT, FOLDER];
    artifacts.step(
        Slot::PLAN_NETWORK,
        "firewall",
        &inputs,
        &format!("LABWRIGHT_PLAN=1 exec sh {SCRIPT}\n"),
        EMITTER.fixed(),
    );
    artifacts.step(
        Slot::NETWORK,
        "firewall",
        &inputs,
        &format!("exec sh {SCRIPT}\n"),
        EMITTER.fixed(),
    );
    Some(())
}

/// The address sets that rules refer to, each made once. A set has addresses of one family.
struct Zones<'p> {
    plan: &'p Plan<'p>,
    sets: BTreeMap<ZoneId, Vec<ZoneSet>>,
}

impl Zones<'_> {
    fn rules(&mut self, machine: MachineId) -> Vec<Rule> {
        let plan = self.plan;
        let mut rules = Vec::new();
        for opening in &plan.machine(machine).openings {
            // Traffic from containers to their own machine never leaves the machine.
            let FlowSource::Zone(zone) = opening.from else { continue };
            let rule = |set: &ZoneSet, to| Rule {
                zone: set.name.clone(),
                family: set.family,
                to,
                transport: opening.transport.name(),
                port: word(opening.ports),
                what: format!("{}: {}", plan.source_name(opening.from), opening.reasons.join(", ")),
            };
            for set in self.sets_of(zone) {
                let of_family = |at: &&IpAddr| at.is_ipv4() == (set.family == 4);
                let at = opening.at.iter().filter(of_family);
                rules.extend(at.map(|at| rule(set, Some(at.to_string()))));
                if opening.at.is_empty() {
                    rules.push(rule(set, None));
                }
            }
        }
        rules
    }

    /// Lists the rules of one host of a cluster, each for the host's address of the rule's family.
    fn rules_to(&mut self, host: MachineId) -> Vec<Rule> {
        let machine = &self.plan.model[host];
        let own: BTreeMap<u8, String> = self
            .sets_of(machine.own_zone)
            .iter()
            .map(|set| (set.family, set.name.clone()))
            .collect();
        let rule = |rule: Rule| {
            let host = || own.get(&rule.family).map(|set| format!("+{set}"));
            Some(Rule {
                to: Some(rule.to.clone().or_else(host)?),
                what: format!("{}, {}", machine.name, rule.what),
                ..rule
            })
        };
        self.rules(host).into_iter().filter_map(rule).collect()
    }

    fn sets_of(&mut self, zone: ZoneId) -> &[ZoneSet] {
        let plan = self.plan;
        self.sets.entry(zone).or_insert_with(|| sets(plan, zone))
    }

    fn into_sets(self) -> Vec<ZoneSet> {
        self.sets.into_values().flatten().collect()
    }
}

/// Writes ports as Proxmox expects them: several in a row with a colon.
fn word(ports: Ports) -> String {
    ports.to_string().replace('-', ":")
}

fn sets(plan: &Plan<'_>, zone: ZoneId) -> Vec<ZoneSet> {
    let list = plan.access_list(zone);
    [(4, true), (6, false)]
        .into_iter()
        .map(|(family, v4)| ZoneSet {
            name: format!("{}-{family}", plan.zone_word(zone)),
            family,
            members: members(list, |prefix| prefix.addr().is_ipv4() == v4),
        })
        // Rules are made from these sets, so a family without addresses gets no rule.
        .filter(|set| !set.members.is_empty())
        .collect()
}

/// Lists the members of an address set: its prefixes, and after a `!` those that are excluded.
fn members(list: &AccessList, wanted: impl Fn(&IpNet) -> bool) -> Vec<String> {
    // A set can't contain all addresses as one prefix, only as two halves.
    let halves = |prefix: &IpNet| prefix.subnets(prefix.prefix_len().max(1)).into_iter().flatten();
    let allow =
        list.allow.iter().filter(|prefix| wanted(prefix)).flat_map(halves).map(host_or_prefix);
    let deny = list
        .deny
        .iter()
        .filter(|prefix| wanted(prefix))
        .map(|prefix| format!("!{}", host_or_prefix(*prefix)));
    allow.chain(deny).collect()
}
