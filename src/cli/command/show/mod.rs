//! `labwright show`: the resolved lab.

mod text;

use std::io;

use super::lab::{Format as Findings, Lab};
use super::{Format, json};
use crate::cli::Exit;
use crate::cli::console::Console;
use crate::compile;
use crate::review::view;

/// Shows the resolved lab: machines, services, ports, flows, routes, capacity, backups
#[derive(Debug, clap::Args)]
pub struct Show {
    #[command(flatten)]
    lab: Lab,
    /// The format of the result
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

impl Show {
    pub fn run(self, console: &Console) -> io::Result<Exit> {
        let format = if self.format == Format::Json { Findings::Json } else { Findings::Text };
        let sources = match self.lab.read() {
            Ok(sources) => sources,
            Err(unread) => return Ok(self.lab.report_unread(&unread, format, console)),
        };
        let mut analyzed = compile::analyze(&sources);
        let checked = analyzed.check(&sources);
        let Some(plan) = &checked.plan else {
            self.lab.report(&checked.diagnostics, &sources, format, console);
            return Ok(Exit::Findings);
        };
        let view = view::view(plan, &sources, checked.accepted);
        Console::result(&if self.format == Format::Json {
            json(&view)?
        } else {
            text::write(&view, console)
        })?;
        Ok(Exit::Fine)
    }
}
