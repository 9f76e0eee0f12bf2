//! Finds what a proxy leads to whose own settings say so: the services on a network with it.

use std::collections::BTreeSet;

use super::group::Group;
use super::project::Project;
use super::stack::Rename;
use super::words;
use super::yaml::Node;

/// Lists the networks of the containers of a group whose images are wanted.
fn on(project: &Project, group: &Group, wanted: fn(&str) -> bool) -> BTreeSet<String> {
    let nodes = group.members.iter().filter_map(|(name, _)| project.service(name));
    let fits = |node: &&Node| wanted(node.get("image").and_then(Node::scalar).unwrap_or_default());
    nodes.filter(fits).flat_map(networks).collect()
}

/// Returns the groups that a group's proxy can lead to. A database has no pages.
pub fn behind(project: &Project, groups: &[Group], number: usize) -> BTreeSet<usize> {
    let Some(own) = groups.get(number).map(|group| on(project, group, words::is_leading)) else {
        return BTreeSet::new();
    };
    let others = groups.iter().enumerate().filter(|(other, group)| {
        *other != number && !own.is_disjoint(&on(project, group, words::has_pages))
    });
    others.map(|(other, _)| other).collect()
}

/// Lists the networks of a container.
fn networks(node: &Node) -> Vec<String> {
    if node.get("network_mode").is_some() {
        return Vec::new();
    }
    let named = node.get("networks").map(Node::entries).unwrap_or_default();
    let named: Vec<String> = named.iter().map(|(name, _)| name.clone()).collect();
    if named.is_empty() { vec!["default".to_owned()] } else { named }
}

/// Says what a proxy is linked to, and what has another name than in its settings.
pub fn told(proxy: &str, behind: &BTreeSet<usize>, renames: &[Rename]) -> String {
    let renamed = renames.iter().filter(|it| behind.contains(&it.stack) && it.from != it.to);
    let renamed: Vec<String> = renamed.map(|it| format!("`{}` is `{}`", it.from, it.to)).collect();
    let there = match renamed.join(", ") {
        renamed if renamed.is_empty() => String::new(),
        renamed => format!("; in the lab, {renamed}: change it in its settings"),
    };
    format!(
        "only the settings of `{proxy}` say where it leads, so it is linked to every service on \
         its networks: remove the `link`s that it does not need{there}"
    )
}
