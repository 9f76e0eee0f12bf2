//! What to write so that a refused connection comes through, and why that may be unwise.

use std::collections::BTreeMap;

use super::places::{self, Destination, Origin, Port};
use super::{Files, Link, LinkKind};
use crate::diag::Diagnostics;
use crate::model::{
    EndpointId, MachineId, MachineKind, Protocol, ShareSource, ShareTransport, Transport, ZoneId,
    ZoneKind,
};
use crate::plan::{FlowSource, NFS, Plan};
use crate::source::{FileId, Layer, Sources, Span};
use crate::syntax::{self, Document, Node};

/// What to write, and what to think about first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advice {
    /// The node that must be there: `expose web to=lan,tunnel`.
    pub wanted: Wanted,
    /// Why that may be unwise.
    pub unwise: Option<String>,
}

/// A node that opens something to one more zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The service or machine that it is written in.
    pub inside: Span,
    /// How it is added to what is there.
    pub addition: Addition,
    /// The whole node, where it is a new one.
    pub node: String,
}

/// How a node is added to those that are there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Addition {
    /// As a node of its own.
    Node,
    /// As one more zone in the property of a node, if that node is there.
    Zone {
        /// The node that is there already.
        existing: Option<Span>,
        /// The property that lists zones.
        property: &'static str,
        /// The zone.
        zone: String,
    },
    /// As one more argument of the node with this name, if there is one.
    Argument {
        /// The name of the node.
        of: &'static str,
        /// The argument.
        value: String,
    },
}

/// A change of one place of a source file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// The place of the text that is replaced. If it is empty, the new text is inserted there.
    pub span: Span,
    /// The text there afterwards.
    pub text: String,
    /// The node as it is afterwards.
    pub node: String,
    /// The node as it was; nothing for a new one.
    pub instead_of: Option<String>,
}

/// The files of a lab that were needed so far, each parsed once.
pub type Parsed<'s> = BTreeMap<FileId, Option<Document<'s>>>;

/// Finds what would open a port to the place of a question.
pub(super) fn advice(
    files: &Files<'_>,
    origin: &Origin,
    to: &Destination,
    chain: &[Link],
) -> Option<Advice> {
    let plan = files.plan;
    let leaves = match to {
        Destination::Port(port) => origin.machine != Some(port.machine),
        Destination::Elsewhere(..) => true,
        Destination::Route(_) => false,
    };
    // No declaration gives a machine an address, or takes one off. What is on internal networks
    // alone is there on purpose.
    if (origin.container.is_none() || leaves)
        && chain.last().is_none_or(|link| link.kind == LinkKind::Network)
    {
        return None;
    }
    match to {
        Destination::Port(port) if origin.machine != Some(port.machine) => {
            let forward = || through_gateway(plan, origin, plan.model[port.machine].zone, chain);
            of_port(files, origin, *port).or_else(|| of_share(plan, origin, *port)).or_else(forward)
        }
        Destination::Port(port) => of_container(files, origin, *port),
        Destination::Route(index) => of_route(plan, origin, *index, chain),
        Destination::Elsewhere(addresses, ..) => {
            let zones = (0..plan.model.zones.len()).map(ZoneId::at);
            let zone = zones.clone().find(|id| match plan.model[*id].kind {
                ZoneKind::Network(network) => {
                    let mut prefixes = plan.model[network].prefixes.iter();
                    prefixes.any(|prefix| addresses.iter().any(|one| prefix.contains(one)))
                }
                _ => false,
            });
            let internet = || zones.clone().find(|id| plan.is_internet(*id));
            through_gateway(plan, origin, zone.or_else(internet)?, chain)
        }
    }
}

fn of_port(files: &Files<'_>, origin: &Origin, to: Port) -> Option<Advice> {
    let plan = files.plan;
    let machine = &plan.model[to.machine];
    let zone = plan.model[origin.zone].name.clone();
    // The zones of `ssh` manage a Proxmox host, and may use its web interface and consoles too.
    let manages = machine.kind == MachineKind::Proxmox
        && to.transport == Transport::Tcp
        && [8006, 3128].contains(&to.port);
    if places::is_ssh(files, to) || manages {
        let existing = machine.ssh.iter().find(|access| access.port == to.port || manages);
        let port =
            if to.port == 22 || manages { String::new() } else { format!(" port={}", to.port) };
        let wanted = Wanted {
            inside: machine.span,
            node: format!("ssh from={zone}{port}"),
            addition: Addition::Zone {
                existing: existing.map(|access| access.span),
                property: "from",
                zone,
            },
        };
        let internet = plan.is_internet(origin.zone).then(|| {
            "everybody on the internet may then try to log in; the network of a VPN is the safer \
             way"
            .to_owned()
        });
        let unwise = internet.or_else(|| widened(plan, origin, to.machine));
        return Some(Advice { wanted, unwise });
    }
    let endpoint = places::endpoint_at(files, to)?;
    let service = &plan.model[endpoint.service];
    let existing = service.exposes.iter().find(|expose| expose.endpoint == endpoint.index);
    // It is open to the zone already, but not over this family or on this way.
    if existing.is_some_and(|expose| expose.to.iter().any(|zone| zone.value == origin.zone)) {
        return None;
    }
    let wanted = Wanted {
        inside: service.span,
        node: format!("expose {} to={zone}", plan.model.endpoint(endpoint).name),
        addition: Addition::Zone {
            existing: existing.map(|expose| expose.span),
            property: "to",
            zone,
        },
    };
    Some(Advice { wanted, unwise: exposed(plan, origin, endpoint) })
}

/// Finds what would give a machine a folder of another over NFS.
fn of_share(plan: &Plan<'_>, origin: &Origin, to: Port) -> Option<Advice> {
    let machine = &plan.model[origin.machine?];
    let mounts = matches!(machine.kind, MachineKind::Debian | MachineKind::Vm);
    if !mounts || (to.port, to.transport) != (NFS, Transport::Tcp) {
        return None;
    }
    // Only a folder that some machine mounts already can be suggested.
    let mut shares = plan.model.machines.iter().flat_map(|machine| &machine.shares);
    let source = &shares
        .find(|share| share.via == ShareTransport::Nfs && share.source.machine() == to.machine)?
        .source;
    let (name, folder) = match source {
        ShareSource::Dataset(dataset) => {
            let pool = &plan.model[to.machine].pools.get(dataset.pool as usize)?.name;
            let name = &plan.model.dataset(dataset).name;
            (format!("{pool}.{name}"), name)
        }
        ShareSource::Export(_, export) => {
            let name = &plan.model.export(to.machine, *export).name;
            (format!("{}.{name}", plan.model[to.machine].name), name)
        }
    };
    let at = format!("/mnt/{folder}");
    if machine.shares.iter().any(|share| share.at == at) {
        return None;
    }
    let reads = format!("{} then reads and writes all of {name}", machine.name);
    let unwise =
        widened(plan, origin, to.machine).map_or(reads.clone(), |why| format!("{reads}; {why}"));
    Some(Advice {
        wanted: Wanted {
            inside: machine.span,
            addition: Addition::Node,
            node: format!("share {name} at=\"{at}\" via=nfs"),
        },
        unwise: Some(unwise),
    })
}

/// Finds what would let the clients of a gateway come through it to a place that no declaration
/// opens by itself.
fn through_gateway(plan: &Plan<'_>, origin: &Origin, to: ZoneId, chain: &[Link]) -> Option<Advice> {
    if chain.last()?.kind != LinkKind::Gateway {
        return None;
    }
    let ZoneKind::Network(network) = plan.model[origin.zone].kind else { return None };
    let service = plan.model.services.iter().find(|service| {
        service.gateway.as_ref().is_some_and(|gateway| gateway.network == network)
    })?;
    let zone = &plan.model[to].name;
    Some(Advice {
        wanted: Wanted {
            inside: service.span,
            addition: Addition::Argument { of: "reach", value: zone.clone() },
            node: format!("reach {zone}"),
        },
        unwise: Some(format!("all of {} then reaches every address of {zone}", origin.word)),
    })
}

/// Finds what would let a container connect to another service of its machine.
fn of_container(files: &Files<'_>, origin: &Origin, to: Port) -> Option<Advice> {
    let plan = files.plan;
    origin.container.as_ref()?;
    let service = plan.model.services.iter().find(|service| service.name == origin.word)?;
    let endpoint = places::endpoint_at(files, to)?;
    let (other, name) = (&plan.model[endpoint.service], &plan.model.endpoint(endpoint).name);
    (other.name != service.name).then(|| Advice {
        wanted: Wanted {
            inside: service.span,
            addition: Addition::Node,
            node: format!("link {} endpoint={name}", other.name),
        },
        unwise: None,
    })
}

fn of_route(plan: &Plan<'_>, origin: &Origin, index: usize, chain: &[Link]) -> Option<Advice> {
    let route = plan.routes.get(index)?;
    // What the proxy itself may reach follows from the route; there is nothing to write for it.
    if chain.iter().any(|link| link.kind == LinkKind::Route && link.passes) {
        return None;
    }
    // A zone that the route is open to is kept out by the list of addresses, which is on purpose.
    if route.from.contains(&origin.zone) {
        return None;
    }
    let zone = plan.model[origin.zone].name.clone();
    let endpoint = plan.model.endpoint(route.endpoint);
    let wanted = Wanted {
        // The route may be written in a profile, and then that is the place to change.
        inside: route.span,
        node: format!(
            "route \"{}\" to={} via={} from={zone}",
            route.name(),
            endpoint.name,
            plan.model[route.via].name
        ),
        addition: Addition::Zone { existing: Some(route.span), property: "from", zone },
    };
    let unwise = if plan.is_internet(origin.zone) && endpoint.admin {
        Some("administration is then open to the internet".to_owned())
    } else {
        widened(plan, origin, plan.model[route.via].machine)
    };
    Some(Advice { wanted, unwise })
}

/// Says what is unwise about opening an endpoint to the place of a question.
fn exposed(plan: &Plan<'_>, origin: &Origin, id: EndpointId) -> Option<String> {
    let (service, endpoint) = (&plan.model[id.service], plan.model.endpoint(id));
    let internet = plan.is_internet(origin.zone);
    let one_machine = matches!(plan.model[origin.zone].kind, ZoneKind::Machine(_));
    if endpoint.database && !one_machine {
        return Some(
            "a database is then one password away from everybody there; name the one machine that \
             needs it"
                .to_owned(),
        );
    }
    if internet && endpoint.admin {
        return Some("administration is then open to the internet".to_owned());
    }
    let web = matches!(endpoint.protocol, Protocol::Http | Protocol::Https);
    if internet && web && service.proxy.is_none() {
        let route = plan.routes.iter().find(|route| route.endpoint == id && route.public);
        return Some(match route {
            Some(route) => format!(
                "the internet has it through {} as {} already",
                plan.model[route.via].name, route.host
            ),
            None => "the service itself then faces the internet; a `route` puts a proxy before it"
                .to_owned(),
        });
    }
    widened(plan, origin, service.machine)
}

/// Says that more is opened than was asked for, or opened to what the internet reaches.
fn widened(plan: &Plan<'_>, origin: &Origin, to: MachineId) -> Option<String> {
    let zone = &plan.model[origin.zone];
    if plan.zone(origin.zone).set() != origin.addresses {
        return Some(format!(
            "it is then open to all of {}, and not to {} alone",
            zone.name, origin.word
        ));
    }
    let reached = plan.model.machines().find(|(id, machine)| {
        (Some(*id) == origin.machine || machine.zone == origin.zone && machine.names_zone)
            && *id != to
            && plan
                .inbound(*id)
                .any(|flow| matches!(flow.from, FlowSource::Zone(zone) if plan.is_internet(zone)))
    });
    reached.map(|(_, machine)| {
        format!(
            "the internet reaches {}; an attacker who takes it over then comes as far as this",
            machine.name
        )
    })
}

impl Wanted {
    /// Makes the change of the lab's files; nothing where the lab's own files do not have the
    /// place. `parsed` keeps the files for the next one.
    pub fn edit<'s>(&self, sources: &'s Sources, parsed: &mut Parsed<'s>) -> Option<Edit> {
        let (id, file) = (self.inside.file, sources.file(self.inside.file));
        if file.layer != Layer::Lab {
            return None;
        }
        let parse = || syntax::parse(&file.text, id, &mut Diagnostics::default());
        let document = parsed.entry(id).or_insert_with(parse).as_ref()?;
        let existing = match self.addition {
            Addition::Zone { existing, .. } => existing,
            Addition::Node | Addition::Argument { .. } => None,
        };
        let owner = owner(&document.nodes, self.inside, existing)?;
        let extended = match &self.addition {
            Addition::Node => None,
            Addition::Zone { property, zone, .. } => {
                let own = |node: &&Node<'_>| existing.is_some_and(|span| holds(node, span));
                let node = owner.children.iter().find(own);
                node.and_then(|node| extend(node, property, zone, &file.text))
            }
            Addition::Argument { of, value } => {
                let node = owner.children.iter().find(|node| node.name.value == *of);
                node.and_then(|node| lengthen(node, value, &file.text))
            }
        };
        extended.or_else(|| self.insert(owner, &file.text))
    }

    /// Puts a new node into the block of its owner.
    fn insert(&self, owner: &Node<'_>, text: &str) -> Option<Edit> {
        let node = self.node.clone();
        let at = |start: u32| Span::new(owner.span.file, start, start);
        let edit = |start, text| Edit { span: at(start), text, node, instead_of: None };
        if let Some(child) = owner.children.first() {
            let start = child.span.start;
            let line = text.get(..start as usize)?.rsplit('\n').next()?;
            let alone = line.chars().all(char::is_whitespace);
            return Some(if alone {
                edit(start, format!("{}\n{line}", self.node))
            } else {
                edit(start, format!("{}; ", self.node))
            });
        }
        let end = owner.span.end;
        let rest = text.get(end as usize..)?;
        let blanks = rest.len() - rest.trim_start_matches([' ', '\t']).len();
        if rest.get(blanks..)?.starts_with('{') {
            let inside = u32::try_from(blanks + 1).ok()?;
            return Some(edit(end + inside, format!(" {};", self.node)));
        }
        Some(edit(end, format!(" {{ {}; }}", self.node)))
    }
}

/// Adds a zone to the list that is there.
fn extend(node: &Node<'_>, property: &str, zone: &str, text: &str) -> Option<Edit> {
    let property = node.properties.iter().find(|entry| entry.name.value == property)?;
    let span = property.entry.value.span;
    let written = text.get(span.start as usize..span.end as usize)?;
    // A quoted list goes on before its quote; what is quoted in another way gets a new node.
    let (inside, end) = match written.strip_suffix('"') {
        Some(inside) if written.starts_with('"') && !written.starts_with("\"\"") => (inside, "\""),
        None if !written.starts_with('#') => (written, ""),
        _ => return None,
    };
    let list = format!("{inside},{zone}{end}");
    let before = text.get(node.span.start as usize..span.start as usize)?;
    let after = text.get(span.end as usize..node.span.end as usize)?;
    let whole = text.get(node.span.start as usize..node.span.end as usize)?;
    Some(Edit {
        span,
        node: format!("{before}{list}{after}"),
        text: list,
        instead_of: Some(whole.to_owned()),
    })
}

/// Adds an argument after those that are there.
fn lengthen(node: &Node<'_>, value: &str, text: &str) -> Option<Edit> {
    let end = node.arguments.last()?.value.span.end;
    let before = text.get(node.span.start as usize..end as usize)?;
    let after = text.get(end as usize..node.span.end as usize)?;
    Some(Edit {
        span: Span::new(node.span.file, end, end),
        text: format!(" {value}"),
        node: format!("{before} {value}{after}"),
        instead_of: Some(format!("{before}{after}")),
    })
}

/// Finds the node that a place is in, at any depth. If the place is that of a child that is looked
/// for itself, it is the node around that.
fn owner<'n, 's>(nodes: &'n [Node<'s>], place: Span, child: Option<Span>) -> Option<&'n Node<'s>> {
    nodes.iter().find_map(|node| {
        if holds(node, place) {
            return Some(node);
        }
        let inside = owner(&node.children, place, child)?;
        let is_child = child == Some(place) && node.children.iter().any(|own| holds(own, place));
        Some(if is_child { node } else { inside })
    })
}

fn holds(node: &Node<'_>, span: Span) -> bool {
    node.span.file == span.file && node.span.start <= span.start && span.end <= node.span.end
}
