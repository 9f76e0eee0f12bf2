//! `labwright man`: manual pages.

use std::io;

use super::super::Exit;
use super::super::console::Console;

/// Writes a manual page to the standard output, in roff
#[derive(Debug, clap::Args)]
pub struct Man {
    /// The command whose page is wanted; without one, the program's
    #[arg(value_parser = find)]
    command: Option<clap::Command>,
}

impl Man {
    pub fn run(self, console: &Console) -> io::Result<Exit> {
        let mut page = Vec::new();
        clap_mangen::Man::new(self.command.unwrap_or_else(super::program)).render(&mut page)?;
        console.result(&String::from_utf8_lossy(&page))?;
        Ok(Exit::Fine)
    }
}

fn find(name: &str) -> Result<clap::Command, String> {
    let program = super::program();
    let command = program.get_subcommands().find(|command| command.get_name() == name);
    command.map(|command| command.clone().display_name(format!("labwright-{name}"))).ok_or_else(|| "there is no such command".to_owned())
}
