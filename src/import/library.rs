//! Knows what the modules of the library run, so that a container becomes a service of one.

use std::collections::BTreeMap;

use super::words;
use crate::decl::{Block, Value};
use crate::resolve::options::{OptionSpec, option_specs};
use crate::source::Spanned;

/// A module of the library, with what containers of compose are compared with.
#[derive(Debug)]
pub struct Module<'s> {
    /// Its name.
    pub name: &'s str,
    /// Its options.
    pub options: Vec<OptionSpec<'s>>,
    /// Its containers.
    pub containers: Vec<Container<'s>>,
    /// The states whose folder is an option.
    pub places: BTreeMap<&'s str, &'s str>,
    /// Its endpoints.
    pub endpoints: Vec<Endpoint<'s>>,
    /// Whether it configures itself from other services of the lab.
    pub derived: bool,
}

/// A container of a module.
#[derive(Debug)]
pub struct Container<'s> {
    /// Its name.
    pub name: &'s str,
    /// Its node.
    pub block: &'s Block<'s>,
    /// The name of its image, and the tag.
    pub image: (String, Option<String>),
    /// The option that names the image.
    pub image_option: Option<&'s str>,
    /// Whether it is there only under a condition.
    pub conditional: bool,
    /// Whether it holds a database, with the user and name that its data was made with.
    pub database: bool,
}

/// A port of a module.
#[derive(Debug)]
pub struct Endpoint<'s> {
    /// Its name.
    pub name: &'s str,
    /// The container that listens.
    pub container: &'s str,
    /// The port.
    pub port: u16,
    /// The option that sets the port, if one does.
    pub option: Option<&'s str>,
    /// Whether it is UDP.
    pub udp: bool,
    /// Whether it is a database's.
    pub database: bool,
}

/// Describes the modules that run containers.
pub fn modules<'s>(blocks: &'s [Block<'s>]) -> Vec<Module<'s>> {
    let mut modules: Vec<Module<'s>> = blocks
        .iter()
        .filter(|block| block.child("discontinued").is_none())
        .map(module)
        .filter(|module| !module.containers.is_empty())
        .collect();
    modules.sort_by(|a, b| a.name.cmp(b.name));
    modules
}

fn module<'s>(block: &'s Block<'s>) -> Module<'s> {
    let options = option_specs(block);
    let mut found = Module {
        name: block.key(),
        containers: Vec::new(),
        places: BTreeMap::new(),
        endpoints: Vec::new(),
        derived: block.child("proxy").is_some() || block.child("role").is_some(),
        options,
    };
    walk(block, false, &mut found);
    let databases: Vec<&str> = block
        .children
        .iter()
        .filter(|child| child.schema.name == "database")
        .filter_map(|database| database.property("container")?.text())
        .collect();
    for container in &mut found.containers {
        container.database = databases.contains(&container.name);
    }
    found
}

fn walk<'s>(block: &'s Block<'s>, conditional: bool, found: &mut Module<'s>) {
    for child in &block.children {
        match child.schema.name {
            "container" => {
                if let Some((image, image_option)) = image(child, &found.options) {
                    let image = words::image(&image);
                    found.containers.push(Container {
                        name: child.key(),
                        block: child,
                        image: (image.repository, image.tag),
                        image_option,
                        conditional,
                        database: false,
                    });
                }
            }
            "provides" => found.endpoints.extend(endpoint(child, &found.options)),
            "state" => {
                if let Some(Value::Reference(path)) = child.property("path").map(|it| &it.value)
                    && let Some(option) = path.strip_prefix("opt.")
                {
                    found.places.insert(child.key(), option);
                }
            }
            "when" => walk(child, true, found),
            _ => {}
        }
    }
}

fn image<'s>(
    container: &'s Block<'s>,
    options: &[OptionSpec<'s>],
) -> Option<(String, Option<&'s str>)> {
    match &container.value("image")?.value {
        Value::Text(text) => Some((text.to_string(), None)),
        Value::Reference(path) => {
            let option = option(path, options)?;
            let default = option.default?.argument(0)?.text()?;
            Some((default.to_owned(), Some(option.name)))
        }
        _ => None,
    }
}

/// Returns the option that a reference names.
pub fn option<'o, 's>(path: &str, options: &'o [OptionSpec<'s>]) -> Option<&'o OptionSpec<'s>> {
    let name = path.strip_prefix("opt.")?;
    options.iter().find(|option| option.name == name)
}

fn endpoint<'s>(block: &'s Block<'s>, options: &[OptionSpec<'s>]) -> Option<Endpoint<'s>> {
    let text = |name: &str| block.property(name).and_then(Spanned::text);
    let (port, option) = match &block.property("port")?.value {
        Value::Integer(port) => (*port, None),
        Value::Reference(path) => {
            let option = option(path, options)?;
            let default = option.default?.argument(0)?;
            (default.number::<i64>()?, Some(option.name))
        }
        _ => return None,
    };
    Some(Endpoint {
        name: block.key(),
        container: text("container")?,
        port: u16::try_from(port).ok()?,
        option,
        udp: text("protocol") == Some("udp"),
        database: block.property("database").and_then(Spanned::bool) == Some(true),
    })
}

/// What a module does with a variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variable<'s> {
    /// It sets it to this text.
    Fixed(&'s str),
    /// An option sets it.
    Option(&'s str),
    /// It sets it to something that follows from the lab.
    Derived,
    /// A secret sets it, or a file that it names.
    Secret(&'s str),
    /// It does not set it.
    Unset,
}

impl<'s> Container<'s> {
    /// Returns what the module does with a variable of the container.
    pub fn variable(&self, name: &str) -> Variable<'s> {
        variable(self.block, name).unwrap_or(Variable::Unset)
    }

    /// Returns what the module mounts at a path: `state.NAME`, `opt.NAME` or something else.
    pub fn mount(&self, at: &str) -> Option<&'s Value<'s>> {
        mount(self.block, at)
    }

    /// Returns the options whose paths are mounted where they are.
    pub fn same_path_options(&self) -> Vec<&'s str> {
        self.block
            .all("mount")
            .filter(|mount| mount.property("at").and_then(Spanned::text) == Some("same"))
            .filter_map(|mount| match &mount.argument(0)?.value {
                Value::Reference(path) => path.strip_prefix("opt."),
                _ => None,
            })
            .collect()
    }
}

fn variable<'s>(block: &'s Block<'s>, name: &str) -> Option<Variable<'s>> {
    for child in &block.children {
        let found = match child.schema.name {
            "env" if child.key() == name => Some(match &child.argument(1)?.value {
                Value::Text(text) => Variable::Fixed(text),
                Value::Reference(path) => {
                    path.strip_prefix("opt.").map_or(Variable::Derived, Variable::Option)
                }
                _ => Variable::Derived,
            }),
            "secret" => {
                let variable = |key: &str| child.property(key).and_then(Spanned::text);
                let file = variable("file-variable");
                let stem = file.and_then(|file| file.strip_suffix("_FILE"));
                let stem = stem.or_else(|| file.and_then(|file| file.strip_suffix("_SECRETFILE")));
                let own = variable("value-variable") == Some(name) || stem == Some(name);
                let option = match &child.argument(0)?.value {
                    Value::Reference(path) => path.strip_prefix("opt."),
                    _ => None,
                };
                option.filter(|_| own).map(Variable::Secret)
            }
            "when" => variable(child, name),
            _ => None,
        };
        if found.is_some() {
            return found;
        }
    }
    None
}

fn mount<'s>(block: &'s Block<'s>, at: &str) -> Option<&'s Value<'s>> {
    block.children.iter().find_map(|child| match child.schema.name {
        "mount" if child.property("at").and_then(Spanned::text) == Some(at) => {
            child.argument(0).map(|source| &source.value)
        }
        "when" => mount(child, at),
        _ => None,
    })
}

/// Returns whether two names mean the same image. Registries hold copies of each other's images.
fn same_image(one: &str, two: &str) -> bool {
    let plain = |name: &str| {
        let name = name.strip_prefix("docker.io/library/").unwrap_or(name);
        let hosts = ["docker.io/", "lscr.io/", "ghcr.io/", "quay.io/"];
        let host = hosts.iter().find_map(|host| name.strip_prefix(host));
        host.unwrap_or(name).to_ascii_lowercase()
    };
    plain(one) == plain(two)
}

/// Returns the module that runs these images, with the container for each.
pub fn find<'m, 's>(
    images: &[&str],
    modules: &'m [Module<'s>],
) -> Option<(&'m Module<'s>, Vec<&'m Container<'s>>)> {
    modules.iter().filter(|module| !module.derived).find_map(|module| {
        let mut left: Vec<&Container<'s>> = module.containers.iter().collect();
        let mut found = Vec::new();
        for image in images {
            let read = words::image(image);
            // A database can't read data of another major version.
            let at = left.iter().position(|container| {
                same_image(&container.image.0, &read.repository)
                    && (!words::is_backing(image)
                        || major(container.image.1.as_deref()) == major(read.tag.as_deref()))
            })?;
            found.push(left.remove(at));
        }
        // The module would run its other containers too, unless it can leave them out.
        left.iter().all(|container| container.conditional).then_some((module, found))
    })
}

/// Returns the number that a tag begins with.
fn major(tag: Option<&str>) -> Option<&str> {
    let tag = tag?;
    let tag = tag.strip_prefix(['v', 'V']).unwrap_or(tag);
    let end = tag.find(|c: char| !c.is_ascii_digit()).unwrap_or(tag.len());
    tag.get(..end).filter(|major| !major.is_empty())
}

/// Checks a text against the type of an option.
pub fn fits(option: &OptionSpec<'_>, text: &str) -> bool {
    match option.kind {
        "enum" => option.words.contains(&text),
        "boolean" => matches!(text, "true" | "false"),
        "integer" | "number" | "port" => text.parse::<u16>().is_ok(),
        "secret" | "network" | "zone" | "machine" | "service" | "record" => false,
        _ => option.ty().read_text(text.into()).is_some(),
    }
}

/// The values that a service sets, by option.
pub type Settings = BTreeMap<String, Vec<String>>;
