//! The commands, one file each.

mod build;
mod check;

use clap::{Parser, Subcommand};

use super::Exit;

/// Compiles a homelab: KDL in, one verified release of plain files for every machine out.
#[derive(Debug, Parser)]
#[command(name = "labwright", version, about, max_term_width = 100, arg_required_else_help = true)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Build(build::Build),
    Check(check::Check),
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Exit {
        match self.command {
            Command::Build(command) => command.run(),
            Command::Check(command) => command.run(),
        }
    }
}
