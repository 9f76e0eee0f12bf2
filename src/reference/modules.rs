//! Describes a module for its users: its options, ports, state and metrics.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde::Serialize;

use super::table;
use crate::decl::schema::CATEGORIES;
use crate::decl::{Block, Value};
use crate::model::Data;
use crate::resolve::compose_name;
use crate::resolve::options::{OptionSpec, option_specs};
use crate::source::Spanned;

/// The description of a module.
#[derive(Debug, Clone, Serialize)]
pub struct Module {
    /// Its name.
    pub name: String,
    /// Its own version.
    pub version: String,
    /// What it is, in one line.
    pub summary: String,
    /// The project's page.
    pub homepage: Option<String>,
    /// What it is for: a word of [`CATEGORIES`].
    pub category: String,
    /// Other words by which people look for it.
    pub keywords: Vec<String>,
    /// More about it.
    pub doc: Option<String>,
    /// Its former names.
    pub formerly: Vec<String>,
    /// Why services can't use it any more.
    pub discontinued: Option<String>,
    /// Its options, sorted by name.
    pub options: Vec<ModuleOption>,
    /// The ports that it listens on.
    pub ports: Vec<Port>,
    /// The folders in which it keeps its state.
    pub state: Vec<State>,
    /// The names of its containers, which are their names on networks too.
    pub containers: Vec<String>,
    /// The images that its containers run, if the module names them.
    pub images: Vec<String>,
    /// The packages that it installs.
    pub packages: Vec<String>,
    /// Its roles in the language.
    pub roles: Vec<String>,
    /// What a person must do once it runs.
    #[serde(rename = "byHand")]
    pub by_hand: Vec<String>,
    /// An example in KDL.
    pub example: Option<String>,
}

/// The description of an option, or of a property of an option.
#[derive(Debug, Clone, Serialize)]
pub struct ModuleOption {
    /// Its name.
    pub name: String,
    /// The word of its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Whether it takes several values.
    pub list: bool,
    /// Whether every service must set it.
    pub required: bool,
    /// Its default, as KDL writes it.
    pub default: Option<String>,
    /// The allowed words of an enum.
    pub values: Vec<String>,
    /// The properties of a record.
    pub properties: Vec<ModuleOption>,
    /// Its meaning.
    pub doc: String,
}

/// The description of an endpoint.
#[derive(Debug, Clone, Serialize)]
pub struct Port {
    /// Its name, for `expose` and `route`.
    pub name: String,
    /// The port, or an option's name if the service decides.
    pub port: String,
    /// The protocol.
    pub protocol: String,
    /// Whether Prometheus scrapes it.
    pub scrape: bool,
    /// The condition under which it exists.
    pub when: Option<String>,
}

/// The description of a folder in which the service keeps its state.
#[derive(Debug, Clone, Serialize)]
pub struct State {
    /// Its name.
    pub name: String,
    /// The folder on the machine. Names in braces are filled in.
    pub path: String,
    /// What it holds.
    pub what: Option<String>,
    /// How it is backed up.
    pub backup: String,
    /// The databases in it, with their engines. Their dumps are backed up, not their files.
    pub databases: Vec<String>,
    /// Why a copy of it is sound that is made while the program runs.
    #[serde(rename = "liveCopy")]
    pub live_copy: Option<String>,
    /// Why it is never backed up.
    pub reason: Option<String>,
}

/// Describes a module from its definition.
pub fn describe(module: &Block<'_>) -> Module {
    let text = |name: &str| module.value(name).and_then(Spanned::string);
    let parts = parts(module, None);
    let of = |kind: &'static str| parts.iter().filter(move |(block, _)| block.schema.name == kind);
    let words = |kind| {
        let arguments = of(kind).flat_map(|(block, _)| &block.arguments);
        arguments.map(|word| shown(&word.value)).collect::<Vec<String>>()
    };
    let mut containers: Vec<String> = of("container")
        .map(|(container, _)| compose_name(module.key(), "{service.name}", container.key()))
        .collect();
    // Two forms of a container exclude each other, and have one name.
    let mut known = BTreeSet::new();
    containers.retain(|name| known.insert(name.clone()));
    let mut images: Vec<String> =
        of("container").filter_map(|(container, _)| image(container, module)).collect();
    images.sort();
    images.dedup();
    Module {
        name: module.key().to_owned(),
        version: module.property("version").and_then(Spanned::string).unwrap_or_default(),
        summary: text("summary").unwrap_or_default(),
        homepage: text("homepage"),
        category: text("category").unwrap_or_else(|| "tools".to_owned()),
        keywords: words("keywords"),
        doc: text("doc"),
        formerly: words("formerly"),
        discontinued: module.child("discontinued").map(discontinued),
        options: option_specs(module).iter().map(option).collect(),
        ports: of("provides").map(|(block, when)| port(block, when.clone())).collect(),
        state: of("state")
            .map(|(block, _)| state(block, of("database").map(|(database, _)| *database)))
            .collect(),
        containers,
        images,
        packages: words("package"),
        roles: words("role"),
        by_hand: of("by-hand")
            .filter_map(|(step, _)| Some(shown(&step.argument(1)?.value)))
            .collect(),
        example: text("example").map(|example| example.trim_matches('\n').to_owned()),
    }
}

/// Lists the children of a module. Those in `when` come with their conditions.
fn parts<'b, 's>(
    block: &'b Block<'s>,
    condition: Option<&str>,
) -> Vec<(&'b Block<'s>, Option<String>)> {
    let mut list = Vec::new();
    for child in &block.children {
        if child.schema.name == "when" {
            let own = child
                .arguments
                .first()
                .map(|condition| shown(&condition.value))
                .unwrap_or_default();
            let both = condition.map_or(own.clone(), |outer| format!("{outer} and {own}"));
            list.extend(parts(child, Some(&both)));
        } else {
            list.push((child, condition.map(str::to_owned)));
        }
    }
    list
}

/// Returns why a module is discontinued, and what to use now.
fn discontinued(block: &Block<'_>) -> String {
    let help = block
        .property("help")
        .and_then(Spanned::string)
        .map(|help| format!("; {help}"))
        .unwrap_or_default();
    format!("{}{help}", block.key())
}

fn option(spec: &OptionSpec<'_>) -> ModuleOption {
    ModuleOption {
        name: spec.name.to_owned(),
        kind: spec.kind.to_owned(),
        list: spec.list,
        required: spec.required,
        default: spec.default.map(values).filter(|text| !text.is_empty()),
        values: spec.words.iter().map(|word| (*word).to_owned()).collect(),
        properties: spec.fields.iter().map(option).collect(),
        doc: spec.doc.to_owned(),
    }
}

fn port(block: &Block<'_>, when: Option<String>) -> Port {
    let property = |name: &str| block.property(name).map(|value| shown(&value.value));
    let truth = |name: &str| property(name).is_some_and(|value| value != "#false");
    let web = truth("scrape") || block.property("path").is_some();
    Port {
        name: block.key().to_owned(),
        port: property("port").unwrap_or_default(),
        protocol: property("protocol")
            .unwrap_or_else(|| if web { "http" } else { "tcp" }.to_owned()),
        scrape: truth("scrape"),
        when,
    }
}

fn state<'b, 's: 'b>(block: &Block<'_>, databases: impl Iterator<Item = &'b Block<'s>>) -> State {
    let property = |name: &str| block.property(name).map(|value| shown(&value.value));
    let path = property("path").unwrap_or_default();
    // A file is named by the folder's expression, or by the state itself.
    let folders = [format!("{path}/"), format!("{{state.{}}}/", block.key())];
    let databases = databases.filter_map(|database| {
        let engine = database.property("engine").map(|value| shown(&value.value))?;
        let file = database.argument(0).map(|value| shown(&value.value))?;
        if folders.iter().any(|folder| folder.trim_end_matches('/') == file) {
            return Some(format!("all of it, while {} is paused", database_container(database)));
        }
        let below = folders.iter().find_map(|folder| file.strip_prefix(folder.as_str()));
        let named = database.property("state").map(|value| shown(&value.value));
        match below {
            Some(below) => Some(format!("{below} ({engine})")),
            None if named.as_deref() == Some(block.key()) && !file.contains('/') => {
                Some(format!("{file} ({engine})"))
            }
            None => None,
        }
    });
    State {
        name: block.key().to_owned(),
        what: property("what"),
        databases: databases.collect(),
        live_copy: property("live-copy"),
        path,
        backup: property("backup").unwrap_or_else(|| "as what it lies in".to_owned()),
        reason: property("reason"),
    }
}

/// Returns the name of the container of a database.
fn database_container(database: &Block<'_>) -> String {
    database.property("container").map(|value| shown(&value.value)).unwrap_or_default()
}

/// Returns the image of a container: as written, or the default of the option that it refers to.
fn image(container: &Block<'_>, module: &Block<'_>) -> Option<String> {
    let value = &container.value("image")?.value;
    let Value::Reference(path) = value else { return Some(shown(value)) };
    let name = path.strip_prefix("opt.")?;
    let option = module.all("option").find(|option| option.key() == name)?;
    option.value("default").map(|default| shown(&default.value))
}

fn values(block: &Block<'_>) -> String {
    let arguments = block.arguments.iter().map(|argument| shown(&argument.value));
    let properties = block
        .properties
        .iter()
        .map(|property| format!("{}={}", property.name, shown(&property.value.value)));
    arguments.chain(properties).collect::<Vec<_>>().join(" ")
}

/// Writes a value for a person.
fn shown(value: &Value<'_>) -> String {
    fn plain(data: &Data) -> String {
        match data {
            Data::None => "#null".to_owned(),
            Data::Bool(value) => format!("#{value}"),
            Data::Integer(number) => number.to_string(),
            Data::Text(text) => text.clone(),
            Data::Secret(name) => format!("(secret){name}"),
            Data::List(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
            Data::Record(fields) => fields
                .iter()
                .map(|(name, value)| format!("{name}={}", plain(value)))
                .collect::<Vec<_>>()
                .join(" "),
        }
    }
    plain(&value.to_data())
}

impl ModuleOption {
    /// Describes its values: `path, several`, `one of none, vaapi`.
    pub fn kind_in_words(&self) -> String {
        let kind = if self.values.is_empty() {
            self.kind.clone()
        } else {
            format!("one of {}", self.values.join(", "))
        };
        if self.list { format!("{kind}; several") } else { kind }
    }

    /// Describes its value when the service does not set it.
    pub fn default_in_words(&self) -> String {
        match (&self.default, self.required) {
            (_, true) => "required".to_owned(),
            (Some(default), _) => default.clone(),
            (None, false) => "–".to_owned(),
        }
    }

    /// Lists the option and, under their full names, the properties of a record.
    pub fn rows(&self) -> Vec<(String, &Self)> {
        let properties = self
            .properties
            .iter()
            .map(|property| (format!("{} {}=", self.name, property.name), property));
        std::iter::once((self.name.clone(), self)).chain(properties).collect()
    }
}

impl Port {
    /// Describes its properties: `scraped`, and its condition.
    pub fn notes(&self) -> String {
        let scraped = self.scrape.then(|| "scraped".to_owned());
        let when = self.when.as_ref().map(|when| format!("when {when}"));
        scraped.into_iter().chain(when).collect::<Vec<_>>().join("; ")
    }
}

impl State {
    /// Describes how it is backed up, and why not.
    pub fn backup_in_words(&self) -> String {
        match &self.reason {
            Some(reason) => format!("{}: {reason}", self.backup),
            None if self.backup == "dump" => {
                format!("a dump of {}, never its files", self.databases.join(", "))
            }
            None if !self.databases.is_empty() => {
                format!("{}; a dump of {}", self.backup, self.databases.join(", "))
            }
            None => match &self.live_copy {
                Some(why) => format!("{}; {why}", self.backup),
                None => self.backup.clone(),
            },
        }
    }

    /// Describes how it comes back.
    pub fn restore_in_words(&self) -> &'static str {
        match (self.backup.as_str(), self.databases.is_empty()) {
            ("never", _) => "nothing to restore",
            ("dump", _) => "`restore.sh database`",
            (_, false) => "`restore.sh files`, then `restore.sh database`",
            (_, true) => "`restore.sh files`",
        }
    }
}

/// Groups modules by what they are for, without empty groups.
pub fn by_category(modules: &[Module]) -> Vec<(&'static str, Vec<&Module>)> {
    CATEGORIES
        .iter()
        .map(|category| {
            (*category, modules.iter().filter(|module| module.category == *category).collect())
        })
        .filter(|(_, group): &(_, Vec<_>)| !group.is_empty())
        .collect()
}

/// Writes the reference of the modules in Markdown, which is `docs/modules.md`.
pub fn markdown(modules: &[Module]) -> String {
    let mut page = String::from(
        "# Modules\n\n\
         The standard library is ordinary KDL in `modules/std/`, and part of the program.\n\
         `labwright modules NAME` shows a module offline. A lab's own `modules/` folder adds\n\
         modules; one with the name of a standard module overrides it field by field.\n\n\
         `LABWRIGHT_UPDATE_DOCS=1 cargo test docs_modules` makes this page from the modules.\n\n",
    );
    for (category, modules) in by_category(modules) {
        let _ = writeln!(page, "**{category}**\n");
        let rows: Vec<Vec<String>> = modules
            .iter()
            .map(|module| vec![format!("[`{0}`](#{0})", module.name), module.summary.clone()])
            .collect();
        page.push_str(&table(&["module", "is"], &rows));
    }
    for module in modules {
        section(module, &mut page);
    }
    kept(modules, &mut page);
    page.truncate(page.trim_end().len());
    page.push('\n');
    page
}

/// Adds a table of everything that the modules keep.
fn kept(modules: &[Module], page: &mut String) {
    page.push_str(
        "## What the modules keep\n\n\
         What lies in a dataset, export or folder with a backup class is saved in that class.\n\
         A database is dumped where it runs, in one transaction, and its dump is saved in its\n\
         place: PostgreSQL by `pg_dump`, MariaDB by `mariadb-dump`, SQLite by `.backup`.\n\
         `restore.sh` is next to the scripts of the backup service; see\n\
         [operating.md](operating.md#backups).\n\n",
    );
    let rows: Vec<Vec<String>> = modules
        .iter()
        .flat_map(|module| module.state.iter().map(move |state| (module, state)))
        .map(|(module, state)| {
            vec![
                format!("{} `{}`", module.name, state.name),
                state.what.clone().unwrap_or_default(),
                state.backup_in_words(),
                state.restore_in_words().to_owned(),
            ]
        })
        .collect();
    page.push_str(&table(&["state", "what", "how saved", "how restored"], &rows));
}

fn section(module: &Module, page: &mut String) {
    let code = |text: &str| {
        if text.is_empty() || text == "–" { text.to_owned() } else { format!("`{text}`") }
    };
    let _ = writeln!(page, "## {}\n\n{}.", module.name, module.summary.trim_end_matches('.'));
    if let Some(homepage) = &module.homepage {
        let _ = writeln!(page, "<{homepage}>");
    }
    page.push('\n');
    if let Some(why) = &module.discontinued {
        let _ = writeln!(page, "It is discontinued: {why}.\n");
    }
    if let Some(doc) = &module.doc {
        let _ = writeln!(page, "{doc}\n");
    }
    if let Some(example) = &module.example {
        let _ = writeln!(page, "```kdl\n{example}\n```\n");
    }
    let rows: Vec<Vec<String>> = module
        .options
        .iter()
        .flat_map(ModuleOption::rows)
        .map(|(name, option)| {
            let default = if option.required {
                "required".to_owned()
            } else {
                code(&option.default_in_words())
            };
            vec![code(&name), option.kind_in_words(), default, option.doc.clone()]
        })
        .collect();
    page.push_str(&table(&["option", "type", "default", "meaning"], &rows));
    let rows: Vec<Vec<String>> = module
        .ports
        .iter()
        .map(|port| vec![code(&port.name), port.port.clone(), port.protocol.clone(), port.notes()])
        .collect();
    page.push_str(&table(&["endpoint", "port", "protocol", ""], &rows));
    let rows: Vec<Vec<String>> = module
        .state
        .iter()
        .map(|state| {
            let what = state.what.clone().unwrap_or_default();
            vec![code(&state.name), what, code(&state.path), state.backup_in_words()]
        })
        .collect();
    page.push_str(&table(&["state", "what", "folder", "backup"], &rows));
    if !module.by_hand.is_empty() {
        let _ = writeln!(page, "By hand, once it runs: {}.\n", module.by_hand.join("; "));
    }
    for (title, list) in [
        ("Containers", &module.containers),
        ("Images", &module.images),
        ("Packages", &module.packages),
        ("Known as", &module.roles),
        ("Formerly", &module.formerly),
    ] {
        if !list.is_empty() {
            let _ = writeln!(
                page,
                "{title}: {}.\n",
                list.iter().map(|item| code(item)).collect::<Vec<_>>().join(", ")
            );
        }
    }
}
