//! Finds which container listens at a port that another one publishes, whose network it uses.

use super::group::joins;
use super::ledger::{At, Fate};
use super::library::{self, Endpoint, Module, Variable};
use super::project::Project;
use super::stack::{Around, Listener, Listeners};
use super::variables::owner_name;
use super::words::{self, Port};
use super::yaml::Node;

/// The ports of gluetun's own servers, which the containers behind it don't have.
const OF_GLUETUN: &[u16] = &[8000, 8388, 8888];

/// Finds the published ports of a project at which other containers listen.
pub fn listeners(project: &Project, modules: &[Module<'_>]) -> Listeners {
    let mut found = Listeners::new();
    for (owner, node) in &project.services {
        let guests: Vec<&(String, Node)> =
            project.services.iter().filter(|(_, guest)| uses(guest, owner, node)).collect();
        let list = node.get("ports").map(Node::items).unwrap_or_default();
        for (number, item) in list.iter().enumerate().filter(|_| !guests.is_empty()) {
            if let Some(listener) = listener((node, item), &guests, modules) {
                found.insert((owner.clone(), number), listener);
            }
        }
    }
    found
}

/// Finds the one of several containers that listens at a port which the owner of their network
/// publishes.
fn listener(
    (owner, item): (&Node, &Node),
    guests: &[&(String, Node)],
    modules: &[Module<'_>],
) -> Option<Listener> {
    let port = read(item)?;
    if is_own(owner, &port) || listens(owner, &port, modules) {
        return None;
    }
    let is_hidden = |(_, guest): &&&(String, Node)| hides(guest, &port, modules);
    if let Some((name, _)) = guests.iter().find(is_hidden) {
        return Some(Listener { name: name.clone(), hidden: true });
    }
    let is_known = |(_, guest): &&&(String, Node)| listens(guest, &port, modules);
    // What only one of them can have is its own.
    let unknown =
        guests.iter().filter(|(_, guest)| library::running(image(guest), modules).is_none());
    let only = match unknown.collect::<Vec<_>>().as_slice() {
        [only] if !port.udp => Some(*only),
        _ => None,
    };
    let (name, _) = guests.iter().find(is_known).or(only)?;
    Some(Listener { name: name.clone(), hidden: false })
}

/// Returns the published ports at which a container listens: its own, and those of the container
/// whose network it uses. What others listen at is accounted for.
pub fn published<'a>(service: &At<'_>, around: &mut Around<'a>) -> Vec<At<'a>> {
    let name = owner_name(service);
    let mut ports = Vec::new();
    for (number, at) in items(name, around.project).into_iter().enumerate() {
        match around.listeners.get(&(name.to_owned(), number)) {
            Some(Listener { name, hidden: false }) => {
                let what = format!("an endpoint of `{name}`, which listens there");
                around.ledger.changed(&at, what);
            }
            Some(Listener { name, hidden: true }) => {
                let what = format!(
                    "`{name}` has no endpoint there in the network of another: what comes through \
                     a tunnel needs no port of the machine"
                );
                around.ledger.lost(&at, what);
            }
            None => ports.push(at),
        }
    }
    ports.extend(of_owner(service, around));
    ports
}

/// Returns the ports of the container whose network one uses, at which that one listens.
pub fn of_owner<'a>(service: &At<'_>, around: &Around<'a>) -> Vec<At<'a>> {
    let name = owner_name(service);
    let is_there = |owner: &str, number: usize| {
        let listener = around.listeners.get(&(owner.to_owned(), number));
        listener.is_some_and(|listener| listener.name == name && !listener.hidden)
    };
    let mut found = Vec::new();
    for (owner, node) in &around.project.services {
        if uses(service.node, owner, node) {
            let items = items(owner, around.project).into_iter().enumerate();
            found.extend(items.filter(|(number, _)| is_there(owner, *number)).map(|(_, at)| at));
        }
    }
    found
}

/// Returns the published ports of a container.
fn items<'a>(name: &str, project: &'a Project) -> Vec<At<'a>> {
    let list = project.service(name).and_then(|node| node.get("ports"));
    list.map(|node| At::new(format!("services.{name}.ports"), node).items()).unwrap_or_default()
}

/// Says what became of a published port, unless the account of another container has it.
pub fn say(service: &At<'_>, at: &At<'_>, fate: Fate, what: String, around: &mut Around<'_>) {
    if at.path.starts_with(&format!("{}.", service.path)) || fate == Fate::Lost {
        around.ledger.say(at, fate, what);
    }
}

/// Returns whether a container uses the network of another one.
fn uses(guest: &Node, owner: &str, node: &Node) -> bool {
    let container = node.get("container_name").and_then(Node::scalar);
    joins(guest).is_some_and(|name| name == owner || container == Some(name))
}

fn image(node: &Node) -> &str {
    node.get("image").and_then(Node::scalar).unwrap_or_default()
}

fn read(item: &Node) -> Option<Port> {
    let text = |key: &str| item.get(key).and_then(Node::scalar);
    match item.scalar() {
        Some(text) => words::port(text),
        None => words::port(&format!("{}/{}", text("target")?, text("protocol").unwrap_or("tcp"))),
    }
}

/// Returns whether a port is one of the servers that the owner of a network is itself.
pub fn is_own(owner: &Node, port: &Port) -> bool {
    words::image(image(owner)).short() == "gluetun" && OF_GLUETUN.contains(&port.inside)
}

/// Returns whether the module of the library that runs an image has an endpoint at a port, but not
/// in the network of another container.
fn hides(node: &Node, port: &Port, modules: &[Module<'_>]) -> bool {
    let Some((module, container)) = library::running(image(node), modules) else { return false };
    let there = |endpoint: &&Endpoint<'_>| {
        endpoint.container == container.name
            && (endpoint.port, endpoint.udp) == (port.inside, port.udp)
    };
    let is_service = |name: &str| {
        module.options.iter().any(|option| option.name == name && option.kind == "service")
    };
    let only = module.endpoints.iter().find(there).and_then(|endpoint| endpoint.only);
    only.is_some_and(|(option, with)| !with && is_service(option))
}

/// Returns whether a container listens at a port, by its variables or by the module of the library
/// that runs its image.
fn listens(node: &Node, port: &Port, modules: &[Module<'_>]) -> bool {
    let variables = node.get("environment").map(Node::entries).unwrap_or_default();
    let number = |value: &Node| value.scalar().and_then(|text| text.parse::<u16>().ok());
    let named = |(name, value): &(String, Node)| {
        name.to_ascii_uppercase().contains("PORT") && number(value) == Some(port.inside)
    };
    if port.count == 1 && variables.iter().any(named) {
        return true;
    }
    // Another image of the same program listens at the same port.
    let short = words::image(image(node)).short().to_owned();
    let called = || {
        let module = modules.iter().find(|module| module.name == short)?;
        Some((module, module.containers.first()?))
    };
    let known = library::running(image(node), modules).or_else(called);
    let Some((module, container)) = known else { return false };
    let elsewhere = |endpoint: &str| {
        variables.iter().any(|(name, value)| {
            container.variable(name) == Variable::Port(endpoint)
                && number(value) != Some(port.inside)
        })
    };
    module.endpoints.iter().any(|endpoint| {
        endpoint.container == container.name
            && (endpoint.port, endpoint.udp, 1) == (port.inside, port.udp, port.count)
            && !elsewhere(endpoint.name)
    })
}
