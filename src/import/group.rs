//! Decides which containers belong together: what waits for what, and what only serves another.

use std::collections::BTreeMap;

use super::hosts::names_host;
use super::names::{Names, named};
use super::project::Project;
use super::words::{is_backing, is_front, is_part_of};
use super::yaml::Node;

/// Containers that become one module.
#[derive(Debug)]
pub struct Group {
    /// The module's name.
    pub module: String,
    /// The service's name.
    pub service: String,
    /// The containers by their names in the compose file, with their names in the module. The main
    /// one, or the one whose network others use, comes first.
    pub members: Vec<(String, String)>,
}

/// Divides the services of a project. `modules` are names that modules have already, `services`
/// those that services and containers have.
pub fn groups(project: &Project, modules: &mut Names, services: &mut Names) -> Vec<Group> {
    let names: Vec<&str> = project.services.iter().map(|(name, _)| name.as_str()).collect();
    let owners: Vec<&str> = project.services.iter().filter_map(|(_, node)| joins(node)).collect();
    let mut roots: Vec<usize> = (0..names.len()).collect();
    for (number, (_, node)) in project.services.iter().enumerate() {
        for (other, (other_name, other_node)) in project.services.iter().enumerate() {
            if number != other && belong(node, other_name, other_node) {
                let (one, two) = (root(&roots, number), root(&roots, other));
                // The first of a group in the file is its root, so the groups keep the order of the
                // file.
                if let Some(entry) = roots.get_mut(one.max(two)) {
                    *entry = one.min(two);
                }
            }
        }
    }
    let mut together: BTreeMap<(usize, bool), Vec<usize>> = BTreeMap::new();
    for (number, (_, node)) in project.services.iter().enumerate() {
        let group = root(&roots, number);
        // Others may have brought it together with the one whose network it uses.
        let owner = joins(node).and_then(|owner| names.iter().position(|name| *name == owner));
        let apart = owner.is_some_and(|owner| root(&roots, owner) == group);
        let key = if apart { (number, true) } else { (group, false) };
        together.entry(key).or_default().push(number);
    }
    let several = together.len() > 1;
    together
        .into_values()
        .map(|members| {
            let mut members: Vec<&(String, Node)> =
                members.into_iter().filter_map(|number| project.services.get(number)).collect();
            let main = main_of(&members, &owners, &project.name, several);
            if let Some(at) = main {
                let first = members.remove(at);
                members.insert(0, first);
            }
            name(project, &members, main.is_some(), modules, services)
        })
        .collect()
}

fn root(roots: &[usize], mut number: usize) -> usize {
    while let Some(above) = roots.get(number).copied().filter(|above| *above != number) {
        number = above;
    }
    number
}

/// Returns the service whose network a service uses.
pub fn joins(node: &Node) -> Option<&str> {
    let mode = node.get("network_mode")?.scalar()?;
    mode.strip_prefix("service:").or_else(|| mode.strip_prefix("container:"))
}

fn image(node: &Node) -> &str {
    node.get("image").and_then(Node::scalar).unwrap_or_default()
}

/// Returns whether a service needs another one that runs for its sake, or waits for it.
fn belong(node: &Node, other_name: &str, other: &Node) -> bool {
    // A container that uses another one's network is a service of its own.
    if joins(node) == Some(other_name) || is_front(image(node)) {
        return false;
    }
    let links = node.get("links").map(Node::items).unwrap_or_default();
    let linked = links
        .iter()
        .filter_map(Node::scalar)
        .any(|link| link.split(':').next() == Some(other_name));
    let waits = linked || node.get("depends_on").is_some_and(|all| all.get(other_name).is_some());
    if waits && !is_front(image(other)) || is_part_of(image(other), image(node)) {
        return true;
    }
    is_backing(image(other))
        && node.get("environment").map(Node::entries).unwrap_or_default().iter().any(
            |(name, value)| value.scalar().is_some_and(|value| names_host(name, value, other_name)),
        )
}

/// Returns which of the containers people mean when they speak of all of them.
fn main_of(
    members: &[&(String, Node)],
    owners: &[&str],
    project: &str,
    several: bool,
) -> Option<usize> {
    if members.len() == 1 {
        return Some(0);
    }
    // Others join the network of the first container of a service, so an owner must be first.
    let owner = members.iter().position(|(name, _)| owners.contains(&name.as_str()));
    let called = members.iter().position(|(name, _)| named(name) == named(project));
    let front: Vec<usize> = members
        .iter()
        .enumerate()
        .filter(|(_, (name, node))| {
            let awaited = members.iter().any(|(_, other)| {
                other.get("depends_on").is_some_and(|all| all.get(name).is_some())
            });
            !awaited && !is_backing(image(node)) && node.get("ports").is_some()
        })
        .map(|(number, _)| number)
        .collect();
    // The name of the project would say nothing of one service among several.
    let own = members.iter().position(|(_, node)| !is_backing(image(node)));
    owner
        .or(called)
        .or(match front.as_slice() {
            [only] => Some(*only),
            _ => None,
        })
        .or_else(|| own.filter(|_| several))
}

fn name(
    project: &Project,
    members: &[&(String, Node)],
    has_main: bool,
    modules: &mut Names,
    services: &mut Names,
) -> Group {
    let main = members.first().map(|(name, _)| name.as_str()).unwrap_or_default();
    // People who call a container `app` mean the whole project.
    let general = ["app", "web", "server", "backend", "frontend", "main", "service", "api", "www"];
    let own = has_main && !(members.len() > 1 && general.contains(&main));
    let wanted = if own { named(main) } else { named(&project.name) };
    let longer = format!("{}-{wanted}", named(&project.name));
    let service =
        if services.has(&wanted) { services.take(&longer) } else { services.take(&wanted) };
    // A module with the name of one of the library would change that one.
    let module = if modules.has(&service) {
        modules.take(&format!("own-{service}"))
    } else {
        modules.take(&service)
    };
    let mut own = Names::default();
    own.reserve(&module);
    let members = members
        .iter()
        .enumerate()
        .map(|(number, (compose, _))| {
            let inside = if number == 0 && has_main { module.clone() } else { own.take(compose) };
            if inside != module {
                services.reserve(&format!("{service}-{inside}"));
            }
            (compose.clone(), inside)
        })
        .collect();
    Group { module, service, members }
}
