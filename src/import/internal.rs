//! Converts networks that lead nowhere, which keep containers away from everything else.

use super::kdl::{Line, line};
use super::ledger::At;
use super::names::named;
use super::project::Project;
use super::stack::{Around, Stack};
use super::yaml::Node;

/// Returns whether a network of a project leads nowhere.
pub fn is_internal(project: &Project, network: &str) -> bool {
    let networks = project.top.get("networks");
    let network = networks.and_then(|all| all.get(network));
    network.and_then(|network| network.get("internal")).and_then(Node::truth) == Some(true)
}

/// Returns the internal networks of a service that its module has, too.
pub fn networks(service: &At<'_>, stack: &mut Stack, around: &Around<'_>) -> Vec<String> {
    let own = own(service, around.project);
    for network in &own {
        let name = named(network);
        if !stack.networks.iter().any(|known| known.first() == Some(name.as_str())) {
            let node = line("container-network").arg(name.as_str()).prop_flag("internal", true);
            stack.networks.push(node);
        }
    }
    own
}

/// Writes the networks of a service, if one of them is internal.
pub fn lines(service: &At<'_>, around: &Around<'_>) -> Vec<Line> {
    let internal = own(service, around.project);
    let out = !internal.is_empty() && leads_out(service, around.project);
    let default = out.then(|| line("on-network").arg("default"));
    let internal = internal.iter().map(|network| line("on-network").arg(named(network)));
    default.into_iter().chain(internal).collect()
}

fn own(service: &At<'_>, project: &Project) -> Vec<String> {
    // A container whose ports are published must be reached from outside.
    let reached = service.get("ports").is_some() && !leads_out(service, project);
    if reached || service.get("network_mode").is_some() {
        return Vec::new();
    }
    let all = service.get("networks");
    let names = all.iter().flat_map(At::entries).map(|(network, _)| network);
    let internal = names.filter(|network| is_internal(project, network));
    internal.filter(|network| named(network) != "default").map(str::to_owned).collect()
}

fn leads_out(service: &At<'_>, project: &Project) -> bool {
    let all = service.get("networks");
    all.iter().flat_map(At::entries).any(|(network, _)| !is_internal(project, network))
}
