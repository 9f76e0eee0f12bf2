//! `labwright man`: manual pages.

use std::io;

use crate::cli::Exit;
use crate::cli::console::Console;

/// Writes a manual page to the standard output, in roff
#[derive(Debug, clap::Args)]
pub struct Man {
    /// The command that the page is about [default: the program itself]
    #[arg(value_parser = known)]
    command: Option<String>,
}

impl Man {
    pub fn run(self) -> io::Result<Exit> {
        let program = super::program();
        let command = self.command.and_then(|name| {
            Some(
                program
                    .find_subcommand(&name)?
                    .clone()
                    .display_name(format!("labwright-{name}"))
                    .bin_name(format!("labwright {name}")),
            )
        });
        let mut page = Vec::new();
        clap_mangen::Man::new(command.unwrap_or(program)).render(&mut page)?;
        Console::result(&String::from_utf8_lossy(&page))?;
        Ok(Exit::Fine)
    }
}

fn known(name: &str) -> Result<String, String> {
    super::program()
        .find_subcommand(name)
        .map(|_| name.to_owned())
        .ok_or_else(|| "there is no such command".to_owned())
}
