//! Finds what a proxy leads to whose own settings say so: the services on a network with it.

use std::collections::BTreeSet;

use super::group::Group;
use super::project::Project;
use super::stack::Rename;
use super::words;
use super::yaml::{Node, Place};

/// A service, with the networks of docker that its containers are on.
#[derive(Debug)]
struct Joined {
    /// The number of its project.
    project: usize,
    /// Its number in the project.
    number: usize,
    service: String,
    place: Place,
    /// The names of its containers in the compose file and in the lab, where they differ.
    renamed: Vec<Rename>,
    /// The networks of those that lead where settings of their own say.
    leads: BTreeSet<String>,
    /// The networks of those that may have pages.
    pages: BTreeSet<String>,
}

/// The services of all projects, which may meet on networks that several projects use.
#[derive(Debug, Default)]
pub struct Fronts(Vec<Joined>);

/// A link of a proxy with a service of another project.
#[derive(Debug)]
pub struct Link {
    /// The number of the proxy's project.
    pub project: usize,
    /// The proxy's number in its project.
    pub number: usize,
    /// The service.
    pub to: String,
}

/// What proxies lead to in other projects.
#[derive(Debug, Default)]
pub struct Across {
    /// The links.
    pub links: Vec<Link>,
    /// What a person should know of each proxy.
    pub findings: Vec<(Place, String)>,
}

impl Fronts {
    /// Notes the services of a project.
    pub fn learn(
        &mut self,
        (number, project): (usize, &Project),
        groups: &[Group],
        renames: &[Rename],
    ) {
        let joined = groups.iter().enumerate().map(|(own, group)| {
            let first = group.members.first().and_then(|(name, _)| project.service(name));
            let networks = |wanted| {
                let names: BTreeSet<String> = on(project, group, wanted);
                names.iter().map(|name| of_docker(project, name)).collect()
            };
            let renamed = renames.iter().filter(|it| it.stack == own && it.from != it.to);
            Joined {
                project: number,
                number: own,
                service: group.service.clone(),
                place: first.map(|node| node.place).unwrap_or_default(),
                renamed: renamed.cloned().collect(),
                leads: networks(words::is_leading),
                pages: networks(words::has_pages),
            }
        });
        self.0.extend(joined);
    }

    /// Links proxies with services of other projects that they may lead to.
    pub fn across(&self) -> Across {
        let mut across = Across::default();
        for front in self.0.iter().filter(|front| !front.leads.is_empty()) {
            let behind: Vec<&Joined> = self
                .0
                .iter()
                .filter(|other| {
                    other.project != front.project && !other.pages.is_disjoint(&front.leads)
                })
                .collect();
            if behind.is_empty() {
                continue;
            }
            let renamed: Vec<&Rename> = behind.iter().flat_map(|other| &other.renamed).collect();
            across.findings.push((front.place, said(&front.service, &renamed)));
            across.links.extend(behind.into_iter().map(|other| Link {
                project: front.project,
                number: front.number,
                to: other.service.clone(),
            }));
        }
        across
    }
}

/// Returns the name that docker knows a network by.
fn of_docker(project: &Project, name: &str) -> String {
    let network = project.top.get("networks").and_then(|networks| networks.get(name));
    let external = network.and_then(|network| network.get("external"));
    let named = [network, external].into_iter().flatten().find_map(|node| node.get("name"));
    match named.and_then(Node::scalar) {
        Some(called) => called.to_owned(),
        None if external.is_some_and(|node| node.truth() != Some(false)) => name.to_owned(),
        None => format!("{}_{name}", project.name),
    }
}

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

/// Says what a proxy of a project is linked to, and what has another name than in its settings.
pub fn told(proxy: &str, behind: &BTreeSet<usize>, renames: &[Rename]) -> String {
    let renamed = renames.iter().filter(|it| behind.contains(&it.stack) && it.from != it.to);
    said(proxy, &renamed.collect::<Vec<_>>())
}

fn said(proxy: &str, renamed: &[&Rename]) -> String {
    let renamed: Vec<String> =
        renamed.iter().map(|it| format!("`{}` is `{}`", it.from, it.to)).collect();
    let there = match renamed.join(", ") {
        renamed if renamed.is_empty() => String::new(),
        renamed => format!("; in the lab, {renamed}: change it in its settings"),
    };
    format!(
        "only the settings of `{proxy}` say where it leads, so it is linked to every service on \
         its networks: remove the `link`s that it does not need{there}"
    )
}
