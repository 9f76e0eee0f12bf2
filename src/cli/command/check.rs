//! `labwright check`: every finding, no output.

use std::io;

use super::lab::{Format, Lab};
use crate::cli::Exit;
use crate::cli::console::Console;
use crate::compile;
use crate::diag::{Style, summary};
use crate::source::Sources;

/// Reports everything that is wrong with a lab; writes nothing
#[derive(Debug, clap::Args)]
pub struct Check {
    #[command(flatten)]
    lab: Lab,
    /// The format of the findings
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

impl Check {
    pub fn run(self, console: &Console) -> io::Result<Exit> {
        let (sources, (findings, accepted), failure) = match self.lab.read() {
            Ok(sources) => {
                let found = compile::check(&sources);
                (sources, found, Exit::Findings)
            }
            Err(unread) => (Sources::default(), (unread.findings, Vec::new()), unread.exit),
        };
        let style =
            Style { color: console.color_results, width: console.width, ..Style::default() };
        let mut text = self.lab.write(&findings, &sources, self.format, style);
        if self.format == Format::Text {
            let accepted = match accepted.len() {
                0 => String::new(),
                count => format!(", {count} accepted"),
            };
            text.push_str(&format!("{}{accepted}\n", summary(&findings)));
        }
        Console::result(&text)?;
        Ok(if findings.has_errors() { failure } else { Exit::Fine })
    }
}
