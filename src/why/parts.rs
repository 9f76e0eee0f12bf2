//! The parts of modules, by whose names other parts and the services of the modules refer to them.

use std::collections::{BTreeMap, BTreeSet};

use crate::decl::schema::Field;
use crate::decl::types::Type;
use crate::syntax::Node;

/// The parts of one module.
#[derive(Debug, Default)]
pub struct Parts {
    containers: BTreeSet<String>,
    endpoints: BTreeSet<String>,
}

impl Parts {
    fn add(&mut self, node: &Node<'_>) {
        for child in &node.children {
            let names = match child.name.value.as_ref() {
                "container" => Some(&mut self.containers),
                "provides" => Some(&mut self.endpoints),
                _ => None,
            };
            if let Some((names, name)) = names.zip(key(child)) {
                names.insert(name.to_owned());
            }
            self.add(child);
        }
    }

    /// Lists the parts that may be named where `field` is; nothing if it names no part.
    pub fn fitting(&self, field: &Field) -> Option<&BTreeSet<String>> {
        match (field.ty, field.name) {
            (Type::Name, "container") => Some(&self.containers),
            (Type::Endpoint, _) | (Type::Name, "http" | "https" | "endpoint") => {
                Some(&self.endpoints)
            }
            _ => None,
        }
    }
}

/// The parts of all modules of a lab.
#[derive(Debug, Default)]
pub struct Modules {
    parts: BTreeMap<String, Parts>,
    /// The module of each service.
    services: BTreeMap<String, String>,
}

impl Modules {
    /// Adds the modules and services at and below a node.
    pub fn add(&mut self, node: &Node<'_>) {
        match (node.name.value.as_ref(), key(node)) {
            ("module", Some(name)) => self.parts.entry(name.to_owned()).or_default().add(node),
            ("service", Some(name)) => {
                let module = module(node).unwrap_or(name);
                self.services.insert(name.to_owned(), module.to_owned());
            }
            ("profile", _) => node.children.iter().for_each(|child| self.add(child)),
            _ => {}
        }
    }

    /// Returns the parts that what is inside `node` refers to, where that is a module or a service.
    pub fn parts(&self, node: &Node<'_>) -> Option<&Parts> {
        let name = match node.name.value.as_ref() {
            "module" => key(node)?,
            "service" => module(node).or_else(|| key(node))?,
            "extend" => self.services.get(node.arguments.get(1)?.value.value.as_text()?)?,
            _ => return None,
        };
        self.parts.get(name)
    }
}

/// Returns the module that a service names.
pub fn module<'n>(service: &'n Node<'_>) -> Option<&'n str> {
    let mut properties = service.properties.iter();
    properties.find(|entry| entry.name.value == "module")?.entry.value.value.as_text()
}

/// Returns the name that a node begins with.
pub fn key<'n>(node: &'n Node<'_>) -> Option<&'n str> {
    node.arguments.first()?.value.value.as_text()
}
