//! `labwright diff`: what a change does to the lab.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use clap::ValueEnum;

use super::lab::FollowLinks;
use crate::bundle::read::read_archive;
use crate::bundle::release::{INDEX, ReleaseIndex};
use crate::bundle::verify::verify_release;
use crate::change::class::Class;
use crate::change::compare::{Comparison, Fault, Input, compare};
use crate::change::{html, json, markdown, release, text};
use crate::cli::Exit;
use crate::cli::console::Console;
use crate::cli::git;
use crate::codes;
use crate::diag::{self, Code, Diagnostics, Style};
use crate::disk::folder;
use crate::load::read_lab_with;
use crate::review::SERVICES;
use crate::source::Sources;

/// Begins the name of a revision.
const REVISION: &str = "git:";

/// Says what a change does to the lab, worst first, and which edit each effect comes from
///
/// A and B are each the folder of a lab, the folder of a release, or `git:REV`: the lab as it is at
/// a revision.
#[derive(Debug, clap::Args)]
pub struct Diff {
    /// The old state
    #[arg(value_name = "A", default_value = "git:HEAD")]
    was: PathBuf,
    /// The new state; without it the folder of `--lab`, or this one
    #[arg(value_name = "B")]
    is: Option<PathBuf>,
    /// The folder of the lab that `git:REV` is about; without it the folder given, or this one
    #[arg(long, value_name = "DIR")]
    lab: Option<PathBuf>,
    #[command(flatten)]
    links: FollowLinks,
    /// Who reads the result
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Lists every effect of a small edit too; without it, its text takes at most five lines
    #[arg(long)]
    all: bool,
    /// Ends with 1 when anything differs on a machine, in access or in findings
    #[arg(long)]
    exit_code: bool,
    /// Ends with 1 when something differs in one of these classes
    #[arg(long, value_name = "CLASS", value_delimiter = ',', value_parser = class())]
    fail_on: Vec<Class>,
}

/// The reader of the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A person
    Text,
    /// A program
    Json,
    /// A pull request
    Markdown,
    /// A browser: one page that needs no other file
    Html,
}

fn class() -> impl clap::builder::TypedValueParser<Value = Class> {
    use clap::builder::{PossibleValuesParser, TypedValueParser};
    PossibleValuesParser::new(Class::ALL.map(Class::name))
        .try_map(|word| Class::parse(&word).ok_or("no such class"))
}

/// The reason why a state can't be compared, and the exit code of the command.
struct Unread {
    exit: Exit,
    problem: Problem,
}

enum Problem {
    Findings(Diagnostics),
    Words { what: String, help: &'static str },
}

impl Diff {
    pub fn run(self, console: &Console) -> io::Result<Exit> {
        let states = [self.was.as_path(), self.is()].map(|state| (state, self.read(state)));
        let mut inputs = Vec::new();
        for (state, input) in states {
            match input {
                Ok(input) => inputs.push(input),
                Err(Unread { exit, problem }) => {
                    report(state, &problem, &Sources::default(), console);
                    return Ok(exit);
                }
            }
        }
        let [was, is] = inputs.as_slice() else { return Ok(Exit::Use) };
        let comparison = match compare(was, is) {
            Ok(comparison) => comparison,
            Err(Fault { new, diagnostics }) => {
                let (state, input) = if new { (self.is(), is) } else { (self.was.as_path(), was) };
                let none = Sources::default();
                let sources = if let Input::Sources(sources) = input { sources } else { &none };
                report(state, &Problem::Findings(diagnostics), sources, console);
                return Ok(Exit::Findings);
            }
        };
        Console::result(&self.write(&comparison, console)?)?;
        Ok(self.exit(&comparison))
    }

    fn read(&self, state: &Path) -> Result<Input, Unread> {
        if let Some(revision) = state.to_string_lossy().strip_prefix(REVISION) {
            return git::read_lab(self.repository(), revision).map(Input::Sources).map_err(
                |what| Unread {
                    exit: Exit::Outside,
                    problem: Problem::Words {
                        what: format!("can't read `{}`: {what}", state.display()),
                        help: "name a revision of the repository that the lab is in, and with \
                               `--lab` the lab's folder",
                    },
                },
            );
        }
        if folder::read(state, INDEX).is_ok() {
            return read_release(state);
        }
        read_lab_with(state, self.links.into()).map(Input::Sources).map_err(|unreadable| Unread {
            exit: if unreadable.outside { Exit::Outside } else { Exit::Findings },
            problem: Problem::Findings(unreadable.diagnostics),
        })
    }

    fn is(&self) -> &Path {
        self.is.as_deref().or(self.lab.as_deref()).unwrap_or_else(|| Path::new("."))
    }

    /// Returns the folder of the lab whose revisions are meant.
    fn repository(&self) -> &Path {
        let is_lab = |state: &&Path| {
            !state.to_string_lossy().starts_with(REVISION) && folder::read(state, INDEX).is_err()
        };
        let folder = || [self.is(), self.was.as_path()].into_iter().find(is_lab);
        self.lab.as_deref().or_else(folder).unwrap_or_else(|| Path::new("."))
    }

    fn write(&self, comparison: &Comparison, console: &Console) -> io::Result<String> {
        match self.format {
            Format::Text => {
                let look = text::Look {
                    width: console.width,
                    color: console.color_results,
                    all: self.all,
                };
                Ok(text::write(comparison, look))
            }
            Format::Json => json::write(comparison).map_err(io::Error::other),
            Format::Markdown => Ok(markdown::write(comparison)),
            Format::Html => html::write(comparison).map_err(io::Error::other),
        }
    }

    fn exit(&self, comparison: &Comparison) -> Exit {
        let named = |class| self.fail_on.contains(&class);
        let fails = comparison.entries.iter().any(|entry| named(entry.class))
            // Cosmetic edits change nothing, so they have no entry.
            || (named(Class::Cosmetic) && !comparison.idle.is_empty());
        if fails || (self.exit_code && comparison.differs()) { Exit::Findings } else { Exit::Fine }
    }
}

/// Reads a release, if it is sound.
fn read_release(state: &Path) -> Result<Input, Unread> {
    let unsound = |what: String| Unread {
        exit: Exit::Findings,
        problem: Problem::Words {
            what: format!("`{}` is not a sound release: {what}", state.display()),
            help: "`labwright verify` says all that is wrong with it",
        },
    };
    let read = |name: &str| folder::read(state, name).map_err(|error| error.to_string());
    let names = folder::list(state).map_err(|error| unsound(error.to_string()))?;
    if let Some(problem) = verify_release(&names, None, read).into_iter().next() {
        return Err(unsound(problem));
    }
    let index = read(INDEX).map_err(unsound)?;
    let index: ReleaseIndex =
        serde_json::from_slice(&index).map_err(|error| unsound(error.to_string()))?;
    let mut archives = BTreeMap::new();
    for (name, machine) in &index.machines {
        let bytes = read(&machine.archive).map_err(unsound)?;
        archives.insert(name.clone(), read_archive(&machine.archive, &bytes).map_err(unsound)?);
    }
    // Releases of older versions do not have this list.
    let services = read(&format!("review/{SERVICES}")).unwrap_or_default();
    release::read(&index, &services, &archives).map(Input::Release).map_err(unsound)
}

/// Prints why a state can't be compared.
fn report(state: &Path, problem: &Problem, sources: &Sources, console: &Console) {
    match problem {
        Problem::Words { what, help } => console.error(&diag::one_line(what), help),
        Problem::Findings(findings) => {
            let codes: Vec<&Code> = codes::all().collect();
            let prefix = state.to_string_lossy();
            let prefix = prefix.strip_prefix("./").unwrap_or(&prefix);
            let style = Style {
                color: console.color_messages,
                width: console.width,
                prefix,
                codes: &codes,
            };
            Console::message(&diag::render(findings, sources, diag::Format::Text, style));
        }
    }
}
