//! Writes the compose file as a whole.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::Member;
use super::definition::Definition;
use super::networks::{self, Network};
use super::secret::is_mounted;
use crate::emit::Context;
use crate::model::{Data, MountKind};
use crate::plan::joined::secret_key;
use crate::plan::secret_path;

/// The content of `compose.yaml`.
#[derive(Debug, Serialize)]
pub(super) struct ComposeFile<'p> {
    name: &'p str,
    services: BTreeMap<&'p str, Entry<'p>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    networks: BTreeMap<&'p str, Network>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    volumes: BTreeMap<&'p str, BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    secrets: BTreeMap<String, SecretFile>,
}

/// A container with the keys of `raw compose` merged over its own.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Entry<'p> {
    Plain(Box<Definition<'p>>),
    Merged(serde_json::Map<String, Value>),
}

impl<'p> Entry<'p> {
    pub(super) fn new(definition: Definition<'p>, raw: &BTreeMap<String, Data>) -> Self {
        if raw.is_empty() {
            return Self::Plain(Box::new(definition));
        }
        let mut keys = match serde_json::to_value(&definition) {
            Ok(Value::Object(keys)) => keys,
            // A definition is a record with text as keys, so this never happens.
            _ => serde_json::Map::new(),
        };
        for (key, value) in raw {
            match keys.get_mut(key) {
                Some(own) => add(key, own, literal(value)),
                None => drop(keys.insert(key.clone(), literal(value))),
            }
        }
        Self::Merged(keys)
    }
}

/// Merges a raw value over our own. A list or record is added to ours, a single value replaces it.
fn add(key: &str, own: &mut Value, raw: Value) {
    match (own, raw) {
        (Value::Object(own), Value::Object(raw)) => own.extend(raw),
        // In the short form, compose waits until each of the containers has started.
        (Value::Object(own), Value::Array(names)) if key == "depends_on" => {
            let started = || serde_json::json!({"condition": "service_started"});
            own.extend(
                names.iter().filter_map(Value::as_str).map(|name| (name.to_owned(), started())),
            );
        }
        // Compose also accepts a record as a list of `NAME=VALUE`.
        (Value::Object(own), Value::Array(lines)) => {
            for line in lines.iter().filter_map(Value::as_str) {
                let (name, value) = line.split_once('=').unwrap_or((line, ""));
                own.insert(name.to_owned(), value.into());
            }
        }
        (Value::Array(own), Value::Array(raw)) => own.extend(raw),
        (own, raw) => *own = raw,
    }
}

#[derive(Debug, Serialize)]
struct SecretFile {
    file: String,
}

impl<'p> ComposeFile<'p> {
    pub(super) fn new(
        context: &Context<'p>,
        members: &[Member<'p>],
        services: BTreeMap<&'p str, Entry<'p>>,
    ) -> Self {
        let mounts = members.iter().flat_map(|(_, container)| &container.mounts);
        let mounted = members
            .iter()
            .flat_map(|(_, container)| &container.secrets)
            .filter(|used| is_mounted(used));
        let secrets = mounted.map(|used| {
            let name = &context.model()[used.secret].name;
            (
                secret_key(name, &used.owner),
                SecretFile { file: secret_path(name, &used.owner).replace('$', "$$") },
            )
        });
        Self {
            name: &context.model().lab.name,
            services,
            networks: networks::of_compose(context),
            volumes: mounts
                .filter(|mount| mount.kind == MountKind::Volume)
                .map(|mount| (mount.source.as_str(), BTreeMap::new()))
                .collect(),
            secrets: secrets.collect(),
        }
    }
}

/// Returns a raw value with its text escaped, because compose must not replace variables in it.
fn literal(data: &Data) -> Value {
    match data {
        // No raw value can be a secret.
        Data::None | Data::Secret(_) => Value::Null,
        Data::Bool(value) => (*value).into(),
        Data::Integer(number) => (*number).into(),
        Data::Text(text) => text.replace('$', "$$").into(),
        Data::List(items) => items.iter().map(literal).collect(),
        Data::Record(fields) => {
            fields.iter().map(|(key, value)| (key.clone(), literal(value))).collect()
        }
    }
}
