//! `labwright show`: the resolved lab.

mod text;

use std::io;

use super::super::Exit;
use super::super::console::Console;
use super::findings::{Format as Findings, Lab};
use super::{Format, json};
use crate::review::lab;

/// Shows the resolved lab: machines, services, ports, flows, routes, capacity, backups
#[derive(Debug, clap::Args)]
pub struct Show {
    #[command(flatten)]
    lab: Lab,
    /// Who reads the result
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

impl Show {
    pub fn run(self, console: &Console) -> io::Result<Exit> {
        let mut read = self.lab.read();
        let checked = read.resolved.check(&read.sources);
        let Some(plan) = &checked.plan else {
            let format = if self.format == Format::Json { Findings::Json } else { Findings::Text };
            self.lab.report(&checked.diagnostics, &read.sources, format, console);
            return Ok(read.failure);
        };
        let view = lab::view(plan, &read.sources, checked.accepted);
        Console::result(&if self.format == Format::Json {
            json(&view)?
        } else {
            text::write(&view, console)
        })?;
        Ok(Exit::Fine)
    }
}
