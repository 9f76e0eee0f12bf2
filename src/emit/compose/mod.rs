//! Emits compose: one project for all containers of a machine, and the steps that start it.
//!
//! Runs after the emitters that write configuration files, because a container is recreated when a
//! file that it mounts changed.

mod builds;
mod config;
mod definition;
mod file;
mod meetings;
mod networks;
mod process;
mod rejoin;
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
    for ((_, container), mut definition) in members.iter().zip(definitions) {
        definition.depends_on = definition::dependencies(container);
        let hash = with_dependencies(&container.name, &awaited, &hashes);
        table.extend([&container.name, "\t", &container.image.value, "\t", &hash]);
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
    rejoin::add(context, &members, artifacts, diagnostics);
}

/// Combines the hash of a container with those of all containers that it depends on, because
/// compose recreates it together with any of them.
fn with_dependencies(
    container: &str,
    awaited: &BTreeMap<&str, Vec<&str>>,
    hashes: &BTreeMap<&str, String>,
) -> String {
    let mut known = BTreeSet::from([container]);
    let mut open = vec![container];
    while let Some(name) = open.pop() {
        let dependencies = awaited.get(name).into_iter().flatten().copied();
        open.extend(dependencies.filter(|dependency| known.insert(dependency)));
    }
    if known.len() == 1 {
        return hashes.get(container).cloned().unwrap_or_default();
    }
    hash(&known.iter().filter_map(|name| hashes.get(name)).collect::<Vec<_>>())
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
