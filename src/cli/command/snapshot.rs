//! `labwright snapshot`: the emitted files as a tree for review.

use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::lab::{Format as Findings, Lab};
use super::{Format, json};
use crate::cli::Exit;
use crate::cli::console::Console;
use crate::compile;
use crate::diag::{Diagnostic, Diagnostics};
use crate::disk::interrupt::Interrupt;
use crate::disk::staging::OutputError;
use crate::disk::tree::{self, Differences};
use crate::load::would_be_read;
use crate::review::snapshot::{PAGE, snapshot};
use crate::source::Sources;

/// Writes the files of every machine as a tree of plain files, for review in git
#[derive(Debug, clap::Args)]
pub struct Snapshot {
    #[command(flatten)]
    lab: Lab,
    /// The folder of the tree [default: snapshots in the lab's folder]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Write nothing, and name each file of the folder that is stale, missing or left over
    #[arg(long)]
    check: bool,
    /// The format of the result
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// The files that differ, as they are printed.
#[derive(Serialize)]
struct Compared<'a> {
    folder: String,
    files: usize,
    stale: &'a [String],
    missing: &'a [String],
    leftover: &'a [String],
}

impl Snapshot {
    pub fn run(self, console: &Console, interrupt: &Interrupt) -> io::Result<Exit> {
        let format = if self.format == Format::Json { Findings::Json } else { Findings::Text };
        let sources = match self.lab.read() {
            Ok(sources) => sources,
            Err(unread) => return Ok(self.lab.report_unread(&unread, format, console)),
        };
        let mut analyzed = compile::analyze(&sources);
        let checked = analyzed.check(&sources);
        let report = |found: &Diagnostics| self.lab.report(found, &sources, format, console);
        let Some(plan) = &checked.plan else {
            report(&checked.diagnostics);
            return Ok(Exit::Findings);
        };
        let machines = match compile::artifacts(plan, &sources) {
            Ok(machines) => machines,
            Err(found) => {
                report(&found);
                return Ok(Exit::Findings);
            }
        };
        let files = match snapshot(&machines) {
            Ok(files) => files,
            Err(error) => {
                console.error(&error.to_string(), "`labwright check` shows it in full");
                return Ok(Exit::Findings);
            }
        };
        let folder = self.out.clone().unwrap_or_else(|| self.lab.lab.join("snapshots"));
        let differences = tree::compare(&folder, &files).and_then(|differences| {
            if would_be_read(&self.lab.lab, &folder) {
                let help = "name a folder outside `modules/`";
                return Err(OutputError::refused(&folder, "the lab is read there", help));
            }
            if !self.check && !differences.is_empty() {
                tree::replace(&folder, &files, PAGE, interrupt)?;
            }
            Ok(differences)
        });
        match differences {
            Ok(differences) => self.print(&folder, files.len(), &differences, console),
            Err(OutputError { code, problem, help }) => {
                let mut found = Diagnostics::default();
                found.push(Diagnostic::lab(code, problem).help(help));
                self.lab.report(&found, &Sources::default(), format, console);
                Ok(Exit::Outside)
            }
        }
    }

    fn print(
        &self,
        folder: &Path,
        files: usize,
        differences: &Differences,
        console: &Console,
    ) -> io::Result<Exit> {
        let Differences { stale, missing, leftover } = differences;
        let folder = folder.display().to_string();
        Console::result(&if self.format == Format::Json {
            json(&Compared { folder, files, stale, missing, leftover })?
        } else {
            let words = if self.check {
                ["stale", "missing", "leftover"]
            } else {
                ["changed", "new", "removed"]
            };
            let lists = words.into_iter().zip([stale, missing, leftover]);
            let mut text: String = lists
                .flat_map(|(word, list)| list.iter().map(move |path| format!("{word:8}  {path}\n")))
                .collect();
            text.push_str(&match (differences.is_empty(), self.check) {
                (true, _) => {
                    format!("{}: all {files} files are as the lab says\n", console.title(&folder))
                }
                (false, true) => format!(
                    "{} is not as the lab says: run `labwright snapshot`\n",
                    console.title(&folder)
                ),
                (false, false) => format!("{}: {files} files\n", console.title(&folder)),
            });
            text
        })?;
        Ok(if self.check && !differences.is_empty() { Exit::Findings } else { Exit::Fine })
    }
}
