//! Reads a lab for a command, and writes the findings about it.

use std::path::{Path, PathBuf};

use clap::ValueEnum;

use super::super::Exit;
use super::super::console::Console;
use crate::compile::{self, Resolved};
use crate::diag::{self, Diagnostics, Style};
use crate::source::{Sources, read_lab};

/// The reader of the findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A person, with the lines in question
    Text,
    /// A program
    Json,
    /// A code scanner: SARIF 2.1.0
    Sarif,
    /// GitHub's runner, which shows them beside the changed lines
    Github,
}

/// Names the lab that a command is about.
#[derive(Debug, clap::Args)]
pub struct Lab {
    /// The lab's folder: the one that holds `lab.kdl`
    #[arg(value_name = "LAB", default_value = ".")]
    pub lab: PathBuf,
}

/// A lab, as far as it could be read.
pub struct Read {
    /// The files. There are none if they could not be read.
    pub sources: Sources,
    /// The lab that was made of them, not checked yet.
    pub resolved: Resolved,
    /// The exit code of the command if the lab has an error.
    pub failure: Exit,
}

impl Lab {
    /// Reads the lab.
    pub fn read(&self) -> Read {
        match read_lab(&self.lab) {
            Ok(sources) => {
                Read { resolved: compile::resolve(&sources), sources, failure: Exit::Findings }
            }
            Err(unreadable) => Read {
                sources: Sources::default(),
                resolved: Resolved::unreadable(unreadable.diagnostics),
                failure: if unreadable.outside { Exit::Outside } else { Exit::Findings },
            },
        }
    }

    /// Writes the findings about the lab. Paths are relative to the current folder.
    pub fn write(
        &self,
        findings: &Diagnostics,
        sources: &Sources,
        format: Format,
        style: Style<'_>,
    ) -> String {
        let prefix = prefix(&self.lab);
        let format = match format {
            Format::Text => diag::Format::Text,
            Format::Json => diag::Format::Json,
            Format::Sarif => diag::Format::Sarif,
            Format::Github => diag::Format::Github,
        };
        diag::render(findings, sources, format, Style { prefix: &prefix, ..style })
    }

    /// Prints the findings as messages. In the text format, prints nothing if there are none.
    pub fn report(
        &self,
        findings: &Diagnostics,
        sources: &Sources,
        format: Format,
        console: &Console,
    ) {
        let style = Style { color: console.color_messages, width: console.width, prefix: "" };
        Console::message(&self.write(findings, sources, format, style));
    }
}

fn prefix(lab: &Path) -> String {
    let text = lab.to_string_lossy();
    text.strip_prefix("./").unwrap_or(&text).to_owned()
}
