//! Emits compose: one project for all containers of a machine, and the steps that start it.
//!
//! Runs after the emitters that write configuration files, because a container is recreated when a
//! file that it mounts changed.

mod again;
mod builds;
mod config;
mod definition;
mod file;
mod meetings;
mod networks;
mod process;
mod secret;
mod steps;
mod words;

use std::collections::{BTreeMap, BTreeSet};

use super::{Context, Emitter};
use crate::artifact::{Artifacts, ImageUse, OneWay};
use crate::diag::Diagnostics;
use crate::digest::sha256_hex;
use crate::format;
use crate::kind::Kind;
use crate::model::{Container, NetworkMode, SecretText, Service, TextPart};
use config::ConfigFiles;
use definition::Definition;
use file::{ComposeFile, Entry};

/// The emitter of `compose/`, its steps, and the list of the machine's images.
pub const EMITTER: Emitter = Emitter { name: "compose", folders: &["compose"], emit };

/// The path of the compose file below `payload/`, the folder that steps run in.
const FILE: &str = "compose/compose.yaml";

/// A container with the service that it belongs to.
type Member<'p> = (&'p Service, &'p Container);

fn emit(context: &Context<'_>, artifacts: &mut Artifacts, diagnostics: &mut Diagnostics) {
    let mut members: Vec<Member<'_>> = context
        .services()
        .flat_map(|(_, service)| {
            service.containers.iter().map(move |container| (service, container))
        })
        .collect();
    if members.is_empty() {
        steps::add_removal(context, artifacts, diagnostics);
        return;
    }
    members.sort_by(|(_, a), (_, b)| a.name.cmp(&b.name));

    let configs: Vec<ConfigFiles> = members
        .iter()
        .map(|(service, container)| config::files(artifacts, service, container))
        .collect();
    let mut definitions: Vec<Definition<'_>> = members
        .iter()
        .zip(&configs)
        .map(|((service, container), config)| {
            definition::define(context, service, container, config.hash.as_deref())
        })
        .collect();
    // This comes before the hashes, because the label is part of what compose compares.
    follow_networks(&members, &mut definitions);

    let hashes: BTreeMap<&str, String> = members
        .iter()
        .zip(&definitions)
        .map(|((_, container), definition)| {
            // Texts with secrets are in a file that only the machine writes, so the definition does
            // not show that one of them changed.
            let own = if container.texts.is_empty() {
                hash(&(definition, &container.raw))
            } else {
                hash(&(definition, &container.raw, texts(context, container)))
            };
            (container.name.as_str(), own)
        })
        .collect();
    let mut table = String::new();
    let mut entries = BTreeMap::new();
    let awaited: BTreeMap<&str, Vec<&str>> = members
        .iter()
        .map(|(_, one)| (one.name.as_str(), definition::dependencies(one).into_keys().collect()))
        .collect();
    let combined = with_dependencies(&awaited, &hashes);
    for ((_, container), mut definition) in members.iter().zip(definitions) {
        definition.depends_on = definition::dependencies(container);
        let hash = combined.get(container.name.as_str()).map(String::as_str).unwrap_or_default();
        table.extend([container.name.as_str(), "\t", &container.image.value, "\t", hash]);
        if let Some(word) = container.runs.word() {
            table.extend(["\t", word]);
        }
        table.push('\n');
        entries.insert(container.name.as_str(), Entry::new(definition, &container.raw));
    }
    let origin = origin(context, &members);
    artifacts.add(
        FILE,
        Kind::Compose,
        format::yaml(&ComposeFile::new(context, &members, entries)),
        origin.clone(),
    );
    meetings::add(context, &origin, artifacts, diagnostics);
    artifacts.add("compose/containers.tsv", Kind::Table, table, origin);
    artifacts.images.extend(members.iter().map(|(service, container)| image(service, container)));
    artifacts
        .one_way
        .extend(context.services().flat_map(|(_, service)| database_versions(service)));
    let builds = builds::add(context, &members, artifacts);
    steps::add(context, &members, &configs, builds, artifacts, diagnostics);
    again::add(context, &members, artifacts, diagnostics);
}

/// Combines the hash of each container with those of the containers that it depends on, and so with
/// those of all that these depend on, because compose recreates it together with any of them.
fn with_dependencies<'p>(
    awaited: &BTreeMap<&'p str, Vec<&'p str>>,
    hashes: &BTreeMap<&'p str, String>,
) -> BTreeMap<&'p str, String> {
    let mut combined: BTreeMap<&str, String> = BTreeMap::new();
    let mut met: BTreeSet<&str> = BTreeSet::new();
    // Without recursion, since a chain may be as long as the lab.
    let mut open: Vec<&str> = hashes.keys().rev().copied().collect();
    while let Some(name) = open.last().copied() {
        let dependencies = awaited.get(name).map(Vec::as_slice).unwrap_or_default();
        if met.insert(name) {
            open.extend(dependencies.iter().filter(|other| !met.contains(*other)));
            continue;
        }
        open.pop();
        if combined.contains_key(name) {
            continue;
        }
        let Some(own) = hashes.get(name) else { continue };
        let others = dependencies.iter().filter_map(|other| Some((*other, combined.get(other)?)));
        let all: BTreeMap<&str, &String> = others.chain([(name, own)]).collect();
        let all: Vec<&String> = all.into_values().collect();
        combined.insert(name, if let [own] = all[..] { own.clone() } else { hash(&all) });
    }
    combined
}

/// Labels a container with the hash of the one whose network it uses, so that both are recreated
/// together: the network disappears with its owner.
fn follow_networks(members: &[Member<'_>], definitions: &mut [Definition<'_>]) {
    let owners: BTreeMap<&str, usize> = members
        .iter()
        .enumerate()
        .map(|(index, (_, container))| (container.name.as_str(), index))
        .collect();
    let followers =
        members.iter().enumerate().filter_map(|(index, (_, container))| match &container.network {
            NetworkMode::Container(owner) => {
                Some((index, hash(definitions.get(*owners.get(owner.as_str())?)?)))
            }
            _ => None,
        });
    for (index, hash) in followers.collect::<Vec<_>>() {
        if let Some(definition) = definitions.get_mut(index) {
            definition.labels.insert("labwright.network".to_owned(), hash);
        }
    }
}

fn hash(value: &impl serde::Serialize) -> String {
    sha256_hex(&serde_json::to_vec(value).unwrap_or_default())
}

/// The name of a variable, whether it is a URL, and its parts: text, or the name of a secret.
type Variable<'p> = (&'p str, bool, Vec<Result<&'p str, &'p str>>);

/// Returns the variables of a container that only the machine can put together.
fn texts<'p>(context: &Context<'p>, container: &'p Container) -> Vec<Variable<'p>> {
    let part = |part: &'p TextPart| match part {
        TextPart::Plain(text) => Ok(text.as_str()),
        TextPart::Secret(secret) => Err(context.model()[*secret].name.as_str()),
    };
    let text = |text: &'p SecretText| {
        (text.name.as_str(), text.in_url, text.parts.iter().map(part).collect())
    };
    container.texts.iter().map(text).collect()
}

fn image(service: &Service, container: &Container) -> ImageUse {
    ImageUse {
        reference: container.image.value.clone(),
        digest: container.image.value.split_once('@').map(|(_, digest)| digest.to_owned()),
        service: service.name.clone(),
    }
}

fn database_versions(service: &Service) -> impl Iterator<Item = OneWay> + '_ {
    service.databases.iter().filter_map(|database| {
        let major = database.major.as_deref()?;
        Some(OneWay::major(database.engine, &service.name, &database.name, major))
    })
}

fn origin(context: &Context<'_>, members: &[Member<'_>]) -> Vec<String> {
    let services: BTreeSet<String> =
        members.iter().map(|(service, _)| format!("service {}", service.name)).collect();
    services.into_iter().chain(context.origin()).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::with_dependencies;

    #[test]
    fn a_hash_changes_with_all_that_a_container_depends_on_however_far_away() {
        let names: Vec<String> = (0..20_000).map(|number| format!("c{number:05}")).collect();
        let awaited: BTreeMap<&str, Vec<&str>> =
            names.windows(2).map(|pair| (pair[0].as_str(), vec![pair[1].as_str()])).collect();
        let mut hashes: BTreeMap<&str, String> =
            names.iter().map(|name| (name.as_str(), name.clone())).collect();
        let was = with_dependencies(&awaited, &hashes);
        assert_eq!(was[names[19_999].as_str()], names[19_999], "it depends on none");
        hashes.insert(names[10_000].as_str(), "other".to_owned());
        let is = with_dependencies(&awaited, &hashes);
        for (number, name) in names.iter().map(String::as_str).enumerate() {
            assert_eq!(was[name] != is[name], number <= 10_000, "{name}");
        }
    }

    #[test]
    fn the_way_to_what_two_containers_depend_on_does_not_matter() {
        let hashes = ["a", "b", "c"].map(|name| (name, name.to_owned())).into();
        let twice = [("a", vec!["b", "c"]), ("b", vec!["c"]), ("c", vec![])].into();
        let once = [("a", vec!["c", "b"]), ("b", vec!["c"])].into();
        let combined = with_dependencies(&twice, &hashes);
        assert_eq!(combined, with_dependencies(&once, &hashes));
        assert_eq!(combined.len(), 3);
        assert!(combined["a"] != combined["b"] && combined["b"] != "b" && combined["c"] == "c");
    }
}
