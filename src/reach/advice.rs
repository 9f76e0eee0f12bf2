//! What to write so that a refused connection comes through, and why that may be unwise.

use super::places::{self, Destination, Origin, Port};
use super::{Link, LinkKind};
use crate::diag::Diagnostics;
use crate::model::{EndpointId, MachineId, MachineKind, Protocol, Transport, ZoneKind};
use crate::plan::{FlowSource, Plan};
use crate::source::{Layer, Sources, Span};
use crate::syntax::{self, Node};

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
    /// The node that is there already; its `property` wants one more zone.
    pub existing: Option<Span>,
    /// The property that lists zones.
    pub property: &'static str,
    /// The zone.
    pub zone: String,
    /// The whole node, where there is none yet.
    pub node: String,
}

/// A change of one place of a source file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// What is replaced; an empty place is where something is put in.
    pub span: Span,
    /// The text there afterwards.
    pub text: String,
    /// The node as it is afterwards.
    pub node: String,
    /// The node as it was; nothing for a new one.
    pub instead_of: Option<String>,
}

/// Finds what would open a port to the place of a question.
pub(super) fn advice(
    plan: &Plan<'_>,
    origin: &Origin,
    to: &Destination,
    chain: &[Link],
) -> Option<Advice> {
    // No declaration gives a machine an address, or takes one off.
    if origin.container.is_none() && chain.last().is_none_or(|link| link.kind == LinkKind::Network)
    {
        return None;
    }
    match to {
        Destination::Port(port) if origin.machine != Some(port.machine) => {
            of_port(plan, origin, *port)
        }
        Destination::Port(port) => of_container(plan, origin, *port),
        Destination::Route(index) => of_route(plan, origin, *index, chain),
        Destination::Elsewhere(..) => None,
    }
}

fn of_port(plan: &Plan<'_>, origin: &Origin, to: Port) -> Option<Advice> {
    let machine = &plan.model[to.machine];
    let zone = plan.model[origin.zone].name.clone();
    let manages = machine.kind == MachineKind::Proxmox
        && to.transport == Transport::Tcp
        && [8006, 3128].contains(&to.port);
    if places::is_ssh(plan, to) || manages {
        let existing = machine.ssh.iter().find(|access| access.port == to.port || manages);
        let port =
            if to.port == 22 || manages { String::new() } else { format!(" port={}", to.port) };
        let wanted = Wanted {
            inside: machine.span,
            existing: existing.map(|access| access.span),
            property: "from",
            node: format!("ssh from={zone}{port}"),
            zone,
        };
        let internet = plan.is_internet(origin.zone).then(|| {
            "everybody on the internet may then try to log in; the network of a VPN is the safer \
             way"
            .to_owned()
        });
        let unwise = internet.or_else(|| widened(plan, origin, to.machine));
        return Some(Advice { wanted, unwise });
    }
    let endpoint = places::endpoint_at(plan, to)?;
    let service = &plan.model[endpoint.service];
    let existing = service.exposes.iter().find(|expose| expose.endpoint == endpoint.index);
    // It is open to the zone already, but not over this family or on this way.
    if existing.is_some_and(|expose| expose.to.iter().any(|zone| zone.value == origin.zone)) {
        return None;
    }
    let wanted = Wanted {
        inside: service.span,
        existing: existing.map(|expose| expose.span),
        property: "to",
        node: format!("expose {} to={zone}", plan.model.endpoint(endpoint).name),
        zone,
    };
    Some(Advice { wanted, unwise: exposed(plan, origin, endpoint) })
}

/// Finds what would let a container connect to another service of its machine.
fn of_container(plan: &Plan<'_>, origin: &Origin, to: Port) -> Option<Advice> {
    origin.container.as_ref()?;
    let service = plan.model.services.iter().find(|service| service.name == origin.word)?;
    let endpoint = places::endpoint_at(plan, to)?;
    let (other, name) = (&plan.model[endpoint.service], &plan.model.endpoint(endpoint).name);
    (other.name != service.name).then(|| Advice {
        wanted: Wanted {
            inside: service.span,
            existing: None,
            property: "",
            zone: String::new(),
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
    let zone = plan.model[origin.zone].name.clone();
    let endpoint = plan.model.endpoint(route.endpoint);
    let wanted = Wanted {
        // Wherever it is written, be it in a profile, that is the place to change.
        inside: route.span,
        existing: Some(route.span),
        property: "from",
        node: format!(
            "route \"{}\" to={} via={} from={zone}",
            route.host, endpoint.name, plan.model[route.via].name
        ),
        zone,
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
    /// place.
    pub fn edit(&self, sources: &Sources) -> Option<Edit> {
        let file = sources.file(self.inside.file);
        if file.layer != Layer::Lab {
            return None;
        }
        let document = syntax::parse(&file.text, self.inside.file, &mut Diagnostics::default())?;
        let owner = owner(&document.nodes, self.inside, self.existing)?;
        let own = |node: &&Node<'_>| self.existing.is_some_and(|existing| holds(node, existing));
        let extended =
            owner.children.iter().find(own).and_then(|node| self.extend(node, &file.text));
        extended.or_else(|| self.insert(owner, &file.text))
    }

    /// Adds the zone to the list that is there.
    fn extend(&self, node: &Node<'_>, text: &str) -> Option<Edit> {
        let property = node.properties.iter().find(|entry| entry.name.value == self.property)?;
        let span = property.entry.value.span;
        let written = text.get(span.start as usize..span.end as usize)?;
        // A quoted list goes on before its quote; what is quoted in another way gets a new node.
        let (inside, end) = match written.strip_suffix('"') {
            Some(inside) if written.starts_with('"') && !written.starts_with("\"\"") => {
                (inside, "\"")
            }
            None if !written.starts_with('#') => (written, ""),
            _ => return None,
        };
        let list = format!("{inside},{}{end}", self.zone);
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
