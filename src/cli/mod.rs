//! The command line, and the only code that writes to the disk.

mod command;
pub mod folder;
pub mod interrupt;
pub mod output;
pub mod staging;

use std::process::ExitCode;

use clap::Parser;

/// Is what a command ends with; the contract's exit codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Fine.
    Fine = 0,
    /// Findings with an error, or a difference where one was asked for.
    Findings = 1,
    /// The outside failed: disk, network.
    Outside = 3,
}

/// Runs the command that the arguments name.
pub fn run() -> ExitCode {
    // Wrong use ends with 2, which is clap's own code for it.
    let exit = command::Arguments::parse().run();
    ExitCode::from(exit as u8)
}
