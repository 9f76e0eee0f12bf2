//! Finds containers that are configured to connect to another service's container, but can't reach
//! it.

use std::collections::{BTreeMap, BTreeSet};

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::model::{Container, Service};
use crate::plan::Plan;
use crate::plan::way::{self, Place};

/// Finds names of containers in variables and commands of services that share no network with them.
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
                let texts = container.environment.iter().map(|variable| &variable.value);
                let texts: Vec<&String> = texts.chain(&container.command).collect();
                let hosts = texts.iter().flat_map(|text| text.split(|letter| !is_part(letter)));
                let named: BTreeSet<usize> =
                    hosts.filter_map(|host| by_name.get(host)).flatten().copied().collect();
                for (other, target, owner) in named.iter().filter_map(|place| others.get(*place)) {
                    let met = own == *owner || machine.networks.between(&own, owner).is_some();
                    if met || other.name == service.name || found.contains(&other.name.as_str()) {
                        continue;
                    }
                    if texts.iter().any(|text| names(text, &target.name)) {
                        found.push(&other.name);
                        let names = [&container.name, &target.name];
                        diagnostics.push(finding(service, other, names));
                    }
                }
            }
        }
    }
}

fn finding(service: &Service, other: &Service, [own, target]: [&String; 2]) -> Diagnostic {
    let message =
        format!("`{own}` is told to connect to `{target}`, with which it shares no network");
    Diagnostic::new(&CODE, service.span, message)
        .label(other.span, "its service")
        .help(format!("write `link {}` in `{}`", other.name, service.name))
        .on(service.name.clone())
}

/// Returns whether a letter is one of the name of a host.
fn is_part(letter: char) -> bool {
    letter.is_alphanumeric() || "-_.".contains(letter)
}

/// Returns whether a text names a host: after `://` or `@`, or before a port.
fn names(text: &str, host: &str) -> bool {
    text.match_indices(host).any(|(at, _)| {
        let before = text.get(..at).unwrap_or_default();
        let after = text.get(at + host.len()..).unwrap_or_default();
        let digit = |letter: char| letter.is_ascii_digit();
        let has_port = after.strip_prefix(':').is_some_and(|port| port.starts_with(digit));
        !before.ends_with(is_part)
            && !after.starts_with(is_part)
            && (before.ends_with("://") || before.ends_with('@') || has_port && before.is_empty())
    })
}
