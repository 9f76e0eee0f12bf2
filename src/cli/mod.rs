//! The command line, and the only code that writes to the disk.

pub mod codes;
mod command;
mod console;
pub mod folder;
pub mod interrupt;
pub mod output;
pub mod progress;
pub mod staging;
pub mod table;

use std::process::ExitCode;

use clap::FromArgMatches;

pub use command::program;

use console::Console;

use crate::model::Size;

/// Is what a command ends with; the contract's exit codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Fine.
    Fine = 0,
    /// Findings with an error, or a difference where one was asked for.
    Findings = 1,
    /// Wrong use.
    Use = 2,
    /// The outside failed: disk, network.
    Outside = 3,
}

/// Runs the command that the arguments name.
pub fn run() -> ExitCode {
    let console = Console::detect();
    // Wrong use ends with 2, which is clap's own code for it too.
    let matches = command::program().term_width(console.width).get_matches();
    let arguments =
        command::Arguments::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let exit = arguments.run(&console).unwrap_or_else(|error| {
        console.error(&error.to_string(), "");
        Exit::Outside
    });
    ExitCode::from(exit as u8)
}

/// Writes a number of bytes as people read it: `31.2 KiB`.
fn human(bytes: u64) -> String {
    Size(bytes).rounded()
}
