//! Finds containers that are configured to connect to another service's container, but can't reach
//! it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::model::{Container, Endpoint, Service, ServiceFile, ServiceFileTarget};
use crate::plan::Plan;
use crate::plan::way::{self, Place};

/// Finds names of containers in variables, commands and files of services that share no network
/// with them.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code = codes::code!(
    "container-not-linked",
    Warning,
    "a program is told to connect to a container that it can't reach"
);

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    let model = plan.model;
    for machine in &plan.machines {
        let place = |container: &Container| match way::place(
            model,
            &machine.services,
            Some(&container.name),
        ) {
            Place::Container(owner) => Some(owner.to_owned()),
            Place::Machine | Place::Nowhere => None,
        };
        let services = || machine.services.iter().map(|id| &model[*id]);
        let others: Vec<(&Service, &Container, String)> = services()
            .flat_map(|service| service.containers.iter().map(move |one| (service, one)))
            .filter_map(|(service, container)| Some((service, container, place(container)?)))
            .collect();
        // A lab has many containers, and a text names few of them.
        let mut by_name: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (place, (_, target, _)) in others.iter().enumerate() {
            by_name.entry(&target.name).or_default().push(place);
        }
        for service in services() {
            let mut found: Vec<&str> = Vec::new();
            for container in &service.containers {
                let Some(own) = place(container) else { continue };
                let texts = told(service, container);
                let hosts =
                    texts.iter().flat_map(|told| told.text.split(|letter| !is_part(letter)));
                let named: BTreeSet<usize> =
                    hosts.filter_map(|host| by_name.get(host)).flatten().copied().collect();
                for (other, target, owner) in named.iter().filter_map(|place| others.get(*place)) {
                    let met = own == *owner || machine.networks.between(&own, owner).is_some();
                    if met || other.name == service.name || found.contains(&other.name.as_str()) {
                        continue;
                    }
                    let told = texts.iter().find(|told| told.names(other, target));
                    if let Some(told) = told {
                        found.push(&other.name);
                        let names = [&container.name, &target.name];
                        diagnostics.push(finding(service, other, names, told.file));
                    }
                }
            }
        }
    }
}

/// A text that a container reads, with the file that it is in.
struct Told<'m> {
    text: &'m str,
    file: Option<&'m ServiceFile>,
}

/// Lists what a container is told by variables, its command line and the files that it sees.
fn told<'m>(service: &'m Service, container: &'m Container) -> Vec<Told<'m>> {
    let sees = |file: &&ServiceFile| match &file.target {
        ServiceFileTarget::Container { container: name, .. } => *name == container.name,
        ServiceFileTarget::Config => {
            let place = format!("{}/{}", service.config_folder(), file.name);
            let mut mounts = container.mounts.iter();
            mounts.any(|mount| Path::new(&place).starts_with(&mount.source))
        }
        ServiceFileTarget::Machine(_) => false,
    };
    let texts = container.environment.iter().map(|variable| &variable.value);
    let texts = texts.chain(&container.command).map(|text| Told { text, file: None });
    let files = service.files.iter().filter(sees);
    let words = files.flat_map(|file| {
        file.addresses.iter().map(move |text| Told { text: text.as_str(), file: Some(file) })
    });
    texts.chain(words).collect()
}

impl Told<'_> {
    /// Returns whether it names a container of another service. A word of a file such as
    /// `postgres:17` may also be an image, so there the port must be one of the container's.
    fn names(&self, other: &Service, target: &Container) -> bool {
        let listens = |port: u16| {
            let own = |endpoint: &&Endpoint| endpoint.container.as_ref() == Some(&target.name);
            other.endpoints.iter().filter(own).any(|endpoint| endpoint.ports().contains(port))
        };
        names(self.text, &target.name, |port| self.file.is_none() || port.is_some_and(listens))
    }
}

fn finding(
    service: &Service,
    other: &Service,
    [own, target]: [&String; 2],
    file: Option<&ServiceFile>,
) -> Diagnostic {
    let message =
        format!("`{own}` is told to connect to `{target}`, with which it shares no network");
    let found = Diagnostic::new(&CODE, service.span, message).label(other.span, "its service");
    let found = match file {
        Some(file) => found.label(file.span, "this file says so"),
        None => found,
    };
    found
        .help(format!("write `link {}` in `{}`", other.name, service.name))
        .on(service.name.clone())
}

/// Returns whether a letter is one of the name of a host.
fn is_part(letter: char) -> bool {
    letter.is_alphanumeric() || "-_.".contains(letter)
}

/// Returns whether a text names a host: after `://` or `@`, or before a port that counts.
fn names(text: &str, host: &str, counts: impl Fn(Option<u16>) -> bool) -> bool {
    text.match_indices(host).any(|(at, _)| {
        let before = text.get(..at).unwrap_or_default();
        let after = text.get(at + host.len()..).unwrap_or_default();
        let digits = after.strip_prefix(':').unwrap_or_default();
        let end = digits.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(digits.len());
        let has_port = || end > 0 && counts(digits.get(..end).and_then(|port| port.parse().ok()));
        !before.ends_with(is_part)
            && !after.starts_with(is_part)
            && (before.ends_with("://") || before.ends_with('@') || before.is_empty() && has_port())
    })
}
