//! The lab that a command is about: reads it, and prints the findings about it.

use std::path::{Path, PathBuf};

use clap::ValueEnum;

use crate::cli::Exit;
use crate::cli::console::Console;
use crate::codes;
use crate::diag::{self, Code, Diagnostics, Style};
use crate::load::{Links, read_lab_with};
use crate::source::Sources;

/// The reader of the findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people: text with the lines in question
    Text,
    /// For programs
    Json,
    /// For code scanners: SARIF 2.1.0
    Sarif,
    /// For GitHub's runner, which shows them next to the changed lines
    Github,
}

/// Names the lab that a command is about.
#[derive(Debug, clap::Args)]
pub struct Lab {
    /// The lab's folder: the one that holds `lab.kdl`
    #[arg(value_name = "LAB", default_value = ".")]
    pub lab: PathBuf,
    #[command(flatten)]
    links: FollowLinks,
}

/// The links in the lab's folder that are followed.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct FollowLinks {
    /// Follow links in the lab's folder that lead out of it
    #[arg(long)]
    follow_links: bool,
}

impl From<FollowLinks> for Links {
    fn from(FollowLinks { follow_links }: FollowLinks) -> Self {
        if follow_links { Self::Everywhere } else { Self::Inside }
    }
}

/// A lab that can't be read.
pub struct Unread {
    /// The reasons.
    pub findings: Diagnostics,
    /// The exit code of the command.
    pub exit: Exit,
}

impl Lab {
    /// Names the lab of a command that takes its folder by an option.
    pub fn at(lab: PathBuf, links: FollowLinks) -> Self {
        Self { lab, links }
    }

    /// Reads the lab.
    pub fn read(&self) -> Result<Sources, Unread> {
        read_lab_with(&self.lab, self.links.into()).map_err(|unreadable| Unread {
            findings: unreadable.diagnostics,
            exit: if unreadable.outside { Exit::Outside } else { Exit::Findings },
        })
    }

    /// Prints why the lab can't be read, and returns the exit code.
    pub fn report_unread(&self, unread: &Unread, format: Format, console: &Console) -> Exit {
        self.report(&unread.findings, &Sources::default(), format, console);
        unread.exit
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
        let codes: Vec<&Code> = codes::all().collect();
        diag::render(findings, sources, format, Style { prefix: &prefix, codes: &codes, ..style })
    }

    /// Prints the findings as messages. In the text format, prints nothing if there are none.
    pub fn report(
        &self,
        findings: &Diagnostics,
        sources: &Sources,
        format: Format,
        console: &Console,
    ) {
        let style =
            Style { color: console.color_messages, width: console.width, ..Style::default() };
        Console::message(&self.write(findings, sources, format, style));
    }
}

fn prefix(lab: &Path) -> String {
    let text = lab.to_string_lossy();
    text.strip_prefix("./").unwrap_or(&text).to_owned()
}
