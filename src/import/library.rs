//! Knows what the modules of the library run, so that a container becomes a service of one.

use std::collections::BTreeMap;

use super::inside::{Choice, holds, keeps_secret, mount, test, variable, without};
pub use super::inside::{Variable, unfilled};
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
    /// Where its containers see files of the module.
    pub files: Vec<&'s str>,
    /// Whether it configures itself from other services of the lab.
    pub derived: bool,
    /// The form of a module that has several, such as one for each database: the option that
    /// decides, and its word. None for the word that is the default.
    form: Option<(&'s str, &'s str)>,
}

/// A module that runs certain images.
#[derive(Debug)]
pub struct Fit<'m, 's> {
    /// The module.
    pub module: &'m Module<'s>,
    /// The container of each image.
    pub containers: Vec<&'m Container<'s>>,
    /// The options that make the module run these containers and no others, with their values.
    pub options: Vec<(&'s str, &'s str)>,
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
    /// What decides whether it is there.
    presence: Presence<'s>,
    /// Whether it holds a database, with the user and name that its data was made with.
    pub database: bool,
    choice: Choice<'s>,
}

/// What decides whether a container is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Presence<'s> {
    Always,
    /// This option, which is true or false.
    Option(&'s str),
    /// Without this option.
    Without(&'s str),
    /// Another condition.
    Other,
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
    /// Whether it is for administration.
    pub admin: bool,
    /// Its protocol, if the module says one.
    pub protocol: Option<&'s str>,
    /// Whether Prometheus asks it.
    pub scraped: bool,
    /// The option with which it is there, or is not.
    pub only: Option<(&'s str, bool)>,
}

/// Describes the modules that run containers, each form of a module by itself.
pub fn modules<'s>(blocks: &'s [Block<'s>]) -> Vec<Module<'s>> {
    let mut modules: Vec<Module<'s>> = blocks
        .iter()
        .filter(|block| block.child("discontinued").is_none())
        .flat_map(|block| choices(block).into_iter().map(|choice| module(block, choice)))
        .filter(|module| !module.containers.is_empty())
        .collect();
    modules.sort_by(|a, b| a.name.cmp(b.name));
    modules
}

/// Lists the forms of a module: the words of the option that decides which containers it has. The
/// default comes first.
fn choices<'s>(block: &'s Block<'s>) -> Vec<Choice<'s>> {
    let has_container = |block: &Block<'_>| block.all("container").next().is_some();
    let tests = block.all("when").filter(|when| has_container(when)).filter_map(test);
    let Some(decides) = tests.filter(|test| test.word.is_some()).map(|test| test.option).next()
    else {
        return vec![None];
    };
    let options = option_specs(block);
    let Some(option) = options.iter().find(|option| option.name == decides) else {
        return vec![None];
    };
    let default = default_of(option);
    let mut words: Vec<&'s str> = option.words.clone();
    words.sort_by_key(|word| Some(*word) != default);
    words.into_iter().map(|word| Some((option.name, word))).collect()
}

fn default_of<'s>(option: &OptionSpec<'s>) -> Option<&'s str> {
    option.default?.argument(0)?.text()
}

fn module<'s>(block: &'s Block<'s>, choice: Choice<'s>) -> Module<'s> {
    let options = option_specs(block);
    let is_default = |(name, word): &(&str, &str)| {
        options.iter().any(|option| option.name == *name && default_of(option) == Some(word))
    };
    let mut found = Module {
        name: block.key(),
        containers: Vec::new(),
        places: BTreeMap::new(),
        endpoints: Vec::new(),
        files: Vec::new(),
        derived: block.child("proxy").is_some() || block.child("role").is_some(),
        form: choice.filter(|choice| !is_default(choice)),
        options,
    };
    let mut databases = Vec::new();
    walk(block, (Presence::Always, choice), &mut found, &mut databases);
    // A program that keeps its own data in a folder is no database.
    for container in &mut found.containers {
        container.database = databases.iter().any(|(name, engine)| {
            *name == container.name
                && (*engine != Some("folder") || words::is_backing(&container.image.0))
        });
    }
    found
}

fn walk<'s>(
    block: &'s Block<'s>,
    (presence, choice): (Presence<'s>, Choice<'s>),
    found: &mut Module<'s>,
    databases: &mut Vec<(&'s str, Option<&'s str>)>,
) {
    for child in &block.children {
        match child.schema.name {
            "container" => {
                if let Some((image, image_option)) = image(child, &found.options) {
                    let image = words::image(&image);
                    // One under a condition takes the place of another with its name.
                    found.containers.retain(|other| other.name != child.key());
                    found.containers.push(Container {
                        name: child.key(),
                        block: child,
                        image: (image.repository, image.tag),
                        image_option,
                        presence,
                        database: false,
                        choice,
                    });
                }
            }
            "database" => {
                let text = |name: &str| child.property(name).and_then(Spanned::text);
                databases.extend(text("container").map(|name| (name, text("engine"))));
            }
            "provides" => {
                if let Some(mut endpoint) = endpoint(child, &found.options) {
                    endpoint.only = match presence {
                        Presence::Option(option) => Some((option, true)),
                        Presence::Without(option) => Some((option, false)),
                        Presence::Always | Presence::Other => None,
                    };
                    found.endpoints.retain(|other| other.name != endpoint.name);
                    found.endpoints.push(endpoint);
                }
            }
            "file" | "folder" => {
                found.files.extend(child.property("at").and_then(Spanned::text));
            }
            "state" => {
                let option = match child.property("path").map(|it| &it.value) {
                    Some(Value::Reference(path)) => path.strip_prefix("opt."),
                    _ => None,
                };
                found.places.remove(child.key());
                found.places.extend(option.map(|option| (child.key(), option)));
            }
            "when" => match holds(child, choice) {
                Some(false) => {}
                Some(true) => walk(child, (presence, choice), found, databases),
                None => {
                    let option = test(child).filter(|test| test.word.is_none());
                    let other = without(child).map_or(Presence::Other, Presence::Without);
                    let inner = option.map_or(other, |it| Presence::Option(it.option));
                    walk(child, (inner, choice), found, databases);
                }
            },
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
    let is = |name: &str| block.property(name).and_then(Spanned::bool) == Some(true);
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
        database: is("database"),
        admin: is("admin"),
        protocol: text("protocol"),
        scraped: is("scrape"),
        only: None,
    })
}

/// Finds a container that runs an image, with its module.
pub fn running<'m, 's>(
    image: &str,
    modules: &'m [Module<'s>],
) -> Option<(&'m Module<'s>, &'m Container<'s>)> {
    let wanted = words::image(image).repository;
    modules.iter().find_map(|module| {
        let container =
            module.containers.iter().find(|it| words::same_image(&it.image.0, &wanted))?;
        Some((module, container))
    })
}

/// Returns the endpoints that the container of an image has in the library, of which no option
/// decides whether they are there.
pub fn endpoints<'m, 's>(
    image: &str,
    modules: &'m [Module<'s>],
) -> Vec<(&'m Container<'s>, &'m Endpoint<'s>)> {
    let Some((module, container)) = running(image, modules) else { return Vec::new() };
    let own = module.endpoints.iter().filter(|endpoint| endpoint.container == container.name);
    own.filter(|endpoint| endpoint.only.is_none()).map(|endpoint| (container, endpoint)).collect()
}

impl Module<'_> {
    /// Returns whether an option is true by default.
    pub fn is_on(&self, name: &str) -> bool {
        let option = self.options.iter().find(|option| option.name == name);
        let default = option.and_then(|option| option.default?.argument(0)?.bool());
        default == Some(true)
    }

    /// Returns whether an option is true or false.
    pub fn is_switch(&self, name: &str) -> bool {
        self.options.iter().any(|option| option.name == name && option.kind == "boolean")
    }

    /// Returns whether an option sets a variable of some container.
    pub fn sets(&self, name: &str) -> bool {
        self.containers.iter().any(|container| {
            matches!(container.variable(name), Variable::Secret(_) | Variable::Option(_))
        })
    }
}

impl<'s> Container<'s> {
    /// Returns what the module does with a variable of the container.
    pub fn variable(&self, name: &str) -> Variable<'s> {
        let found = variable(self.block, name, self.choice);
        // The image reads MySQL's names of its variables too.
        let other = || variable(self.block, &self.other_name(name)?, self.choice);
        found.or_else(other).unwrap_or(Variable::Unset)
    }

    /// Returns the name by which the module sets a variable that its image knows by two names.
    pub fn other_name(&self, name: &str) -> Option<String> {
        let name = name.strip_prefix("MYSQL_").filter(|_| self.image.0.ends_with("/mariadb"))?;
        Some(format!("MARIADB_{name}"))
    }

    /// Returns whether the program keeps the value that a secret had at its first start.
    pub fn keeps_secret(&self, option: &str) -> bool {
        keeps_secret(self.block, option, self.choice)
    }

    /// Returns whether it ends by itself, and has the image of one of these.
    fn is_job_of(&self, others: &[&Self]) -> bool {
        let ends = self.block.child("once").is_some();
        ends && others.iter().any(|other| other.image.0 == self.image.0)
    }

    /// Returns whether it keeps nothing: a cache whose folder is in memory.
    pub fn is_cache(&self) -> bool {
        words::is_redis(&self.image.0)
            && self.block.all("tmpfs").any(|tmpfs| tmpfs.key() == "/data")
    }

    /// Returns whether the module lets its program listen at a port, by a variable.
    pub fn sets_port(&self, port: u16) -> bool {
        let named = |env: &Block<'_>| env.key().contains("PORT");
        let given = |env: &Block<'_>| env.argument(1).and_then(Spanned::number::<i64>);
        self.block.all("env").any(|env| named(env) && given(env) == Some(i64::from(port)))
    }

    /// Returns what the module mounts at a path: `state.NAME`, `opt.NAME` or something else.
    /// `image` is the one that runs.
    pub fn mount(&self, at: &str, image: &str) -> Option<&'s Value<'s>> {
        mount(self.block, (at, image), self.choice)?.argument(0).map(|source| &source.value)
    }

    /// Returns whether the module mounts something at a path that the container can't change.
    pub fn mounts_read_only(&self, at: &str) -> bool {
        let mount = mount(self.block, (at, ""), self.choice);
        mount.and_then(|it| it.property("read-only")).and_then(Spanned::bool) == Some(true)
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

/// Returns the module that runs these images, with the container for each.
pub fn find<'m, 's>(images: &[&str], modules: &'m [Module<'s>]) -> Option<Fit<'m, 's>> {
    modules.iter().filter(|module| !module.derived).find_map(|module| fit(images, module))
}

/// Returns the module that runs these images and whose configuration follows the lab, so that it
/// can't take one over.
pub fn derived<'m>(images: &[&str], modules: &'m [Module<'_>]) -> Option<&'m str> {
    let mut derived = modules.iter().filter(|module| module.derived);
    derived.find(|module| fit(images, module).is_some()).map(|module| module.name)
}

fn fit<'m, 's>(images: &[&str], module: &'m Module<'s>) -> Option<Fit<'m, 's>> {
    let mut left: Vec<&Container<'s>> = module.containers.iter().collect();
    let mut containers = Vec::new();
    for image in images {
        let read = words::image(image);
        let at = left.iter().position(|container| {
            if container.is_cache() && words::is_redis(&read.repository) {
                return true;
            }
            // A database can't read data of another major version.
            let (own, wanted) = (major(container.image.1.as_deref()), major(read.tag.as_deref()));
            // PostgreSQL's place for its data follows the image that the option names.
            let follows = read.short() == "postgres" && container.image_option.is_some();
            words::same_image(&container.image.0, &read.repository)
                && (!words::is_backing(image) || own == wanted || follows && wanted.is_some())
        })?;
        containers.push(left.remove(at));
    }
    // The module would run its other containers too, unless it can leave them out.
    let all = containers.iter().map(|container| (*container, true));
    let mut options: Vec<(&str, &str)> = module.form.into_iter().collect();
    for (container, wanted) in all.chain(left.into_iter().map(|container| (container, false))) {
        match container.presence {
            Presence::Always if wanted => {}
            // What the module runs before, with the image of one that is there, is new.
            Presence::Always if container.is_job_of(&containers) => {}
            Presence::Always => return None,
            Presence::Without(_) | Presence::Other => {}
            Presence::Option(name) => {
                let word = if wanted { "true" } else { "false" };
                let option = module.options.iter().find(|option| option.name == name)?;
                let default = option.default.and_then(|default| default.argument(0));
                if default.and_then(Spanned::bool) != Some(wanted)
                    && !options.contains(&(name, word))
                {
                    options.push((name, word));
                }
            }
        }
    }
    Some(Fit { module, containers, options })
}

/// Returns whether two tags are of one major version, as far as they say.
pub fn same_major(one: Option<&str>, two: Option<&str>) -> bool {
    major(one).zip(major(two)).is_none_or(|(one, two)| one == two)
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

/// Returns whether an option has these values without being set: a word or a number.
pub fn is_default(option: &OptionSpec<'_>, values: &[String]) -> bool {
    let ([value], Some(default)) = (values, option.default.and_then(|node| node.argument(0)))
    else {
        return false;
    };
    match option.kind {
        "enum" | "text" | "line" | "setting" | "word" | "host-port" | "database-name" | "image" => {
            default.text() == Some(value)
        }
        "boolean" => default.bool().is_some_and(|own| value.parse() == Ok(own)),
        "integer" | "port" => default.number::<i64>().is_some_and(|own| value.parse() == Ok(own)),
        _ => false,
    }
}

/// The values that a service sets, by option.
pub type Settings = BTreeMap<String, Vec<String>>;
