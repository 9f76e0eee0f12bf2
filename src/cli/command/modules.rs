//! `labwright modules`: the standard library, or one module of it.

use std::fmt::Write as _;
use std::io;
use std::path::PathBuf;

use super::lab::FollowLinks;
use super::{Format, json};
use crate::cli::Exit;
use crate::cli::console::Console;
use crate::cli::table::Table;
use crate::compile;
use crate::diag::{Diagnostics, suggest, wrap};
use crate::load::read_lab_with;
use crate::reference::modules::{Module, ModuleOption, by_category, describe};
use crate::reference::search::matching;
use crate::source::Sources;

/// Lists the modules by what they are for, or shows one: its options, ports and state
#[derive(Debug, clap::Args)]
pub struct Modules {
    /// The module to show; other words list the modules that they describe
    name: Vec<String>,
    /// A lab, to include its own modules
    #[arg(long, value_name = "LAB")]
    lab: Option<PathBuf>,
    #[command(flatten)]
    links: FollowLinks,
    /// The format of the result
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

impl Modules {
    pub fn run(self, console: &Console) -> io::Result<Exit> {
        let sources = match self.lab.as_deref().map(|lab| read_lab_with(lab, self.links.into())) {
            None => Sources::with_standard_library(Vec::new()),
            Some(Ok(sources)) => sources,
            Some(Err(unreadable)) => {
                for found in &unreadable.diagnostics {
                    console.error(&found.message, found.help.as_deref().unwrap_or_default());
                }
                return Ok(if unreadable.outside { Exit::Outside } else { Exit::Findings });
            }
        };
        let mut findings = Diagnostics::default();
        let modules: Vec<Module> =
            compile::modules(&sources, &mut findings).iter().map(describe).collect();
        if findings.has_errors() {
            console.error("the modules have errors", "`labwright check` shows them");
            return Ok(Exit::Findings);
        }
        let name = self.name.join(" ");
        let text = match name.trim() {
            "" if self.format == Format::Json => json(&modules)?,
            "" => list(&modules, console),
            name => {
                let found = matching(&modules, name);
                match modules.iter().find(|module| module.name == name) {
                    Some(module) if self.format == Format::Json => json(module)?,
                    Some(module) => page(module, console),
                    None if found.is_empty() => {
                        let names = modules.iter().map(|module| module.name.as_str());
                        let help =
                            suggest(name, names, || "`labwright modules` lists them".to_owned());
                        console.error(&format!("no module is called or about `{name}`"), &help);
                        return Ok(Exit::Use);
                    }
                    None if self.format == Format::Json => json(&found)?,
                    None => table(&found, console),
                }
            }
        };
        Console::result(&text)?;
        Ok(Exit::Fine)
    }
}

fn list(modules: &[Module], console: &Console) -> String {
    let groups = by_category(modules);
    let groups = groups.iter().map(|(category, modules)| {
        let rows = rows(modules).layout(console.room, 2);
        format!("{}\n{rows}", console.title(category))
    });
    groups.collect::<Vec<_>>().join("\n")
}

fn table(modules: &[&Module], console: &Console) -> String {
    rows(modules).layout(console.room, 0)
}

fn rows(modules: &[&Module]) -> Table {
    let mut table = Table::new(["module", "is"]);
    for module in modules {
        table.row([module.name.clone(), module.summary.clone()]);
    }
    table
}

fn page(module: &Module, console: &Console) -> String {
    let width = console.width;
    let mut text = format!(
        "{}: {}\n",
        console.title(&module.name),
        wrap(&module.summary, width.saturating_sub(module.name.len() + 2), "")
    );
    if let Some(homepage) = &module.homepage {
        let _ = writeln!(text, "{homepage}");
    }
    if let Some(why) = &module.discontinued {
        let _ = writeln!(text, "\n{}", wrap(&format!("It is discontinued: {why}."), width, ""));
    }
    if let Some(doc) = &module.doc {
        let _ = writeln!(text, "\n{}", wrap(doc, width, ""));
    }
    let mut section = |title: &str, content: String| {
        if !content.is_empty() {
            let _ = write!(text, "\n{}\n{content}", console.title(title));
        }
    };
    section(
        "Options",
        module
            .options
            .iter()
            .flat_map(ModuleOption::rows)
            .map(|(name, option)| entry(&name, option, width))
            .collect(),
    );
    let mut ports = Table::new(["endpoint", ">port", "protocol", ""]);
    for port in &module.ports {
        ports.row([port.name.clone(), port.port.clone(), port.protocol.clone(), port.notes()]);
    }
    let mut states = Table::new(["state", "folder", "backup"]);
    for state in &module.state {
        states.row([state.name.clone(), state.path.clone(), state.backup_in_words()]);
    }
    for (title, table) in [("Ports", &ports), ("State", &states)] {
        section(title, if table.is_empty() { String::new() } else { table.layout(width, 2) });
    }
    let lists = [
        ("Containers", &module.containers),
        ("Images", &module.images),
        ("Packages", &module.packages),
        ("Known as", &module.roles),
        ("Formerly", &module.formerly),
    ];
    for (title, list) in lists {
        section(title, list.iter().map(|item| format!("  {item}\n")).collect());
    }
    let step = |step: &String| format!("  {}\n", wrap(step, width - 2, "  "));
    section("By hand, once it runs", module.by_hand.iter().map(step).collect());
    section(
        "Example",
        module
            .example
            .iter()
            .flat_map(|example| example.lines())
            .map(|line| format!("  {line}").trim_end().to_owned() + "\n")
            .collect(),
    );
    text
}

/// Writes an option: its type on one line, its meaning below.
fn entry(name: &str, option: &ModuleOption, width: usize) -> String {
    let default = match (&option.default, option.required) {
        (_, true) => ", required".to_owned(),
        (Some(default), _) => format!(", default {default}"),
        (None, false) => String::new(),
    };
    let head = wrap(&format!("{name}  ({}{default})", option.kind_in_words()), width - 2, "    ");
    let doc = wrap(&option.doc, width - 6, "");
    let doc: String = doc.lines().map(|line| format!("      {line}\n")).collect();
    format!("  {}\n{doc}", head.replace('\n', "\n  "))
}
