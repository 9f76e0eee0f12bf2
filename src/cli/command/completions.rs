//! `labwright completions`: what a shell needs to complete the command line.

use std::io;

use clap_complete::Shell;

use super::super::Exit;
use super::super::console::Console;

/// Writes a shell's completions to the standard output
#[derive(Debug, clap::Args)]
pub struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    pub fn run(self) -> io::Result<Exit> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut super::program(), "labwright", &mut script);
        Console::result(&String::from_utf8_lossy(&script))?;
        Ok(Exit::Fine)
    }
}
