//! The command line, and the only code that writes to the disk.

mod command;
mod console;
mod git;
pub mod progress;
pub mod table;

use std::process::{self, ExitCode};

use clap::FromArgMatches;

pub use command::program;

use console::Console;

use crate::disk::interrupt::Interrupt;
use crate::model::Size;

/// The exit code of a command. The documentation promises these numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Success.
    Fine = 0,
    /// At least one error among the findings, or a difference when one was searched for.
    Findings = 1,
    /// Wrong usage.
    Use = 2,
    /// A failure outside the program, such as of the disk.
    Outside = 3,
}

/// Runs the command that the arguments name.
pub fn run() -> ExitCode {
    // First of all, so that a signal ends every command in the same way at any point.
    let interrupt = Interrupt::default();
    let listens = interrupt.listen(|| {
        Console::detect().error("interrupted", "");
        process::exit(Exit::Outside as i32);
    });
    let console = Console::detect();
    if let Err(error) = listens {
        console.error(&format!("can't listen for signals: {error}"), "");
        return ExitCode::from(Exit::Outside as u8);
    }
    // clap exits with 2 on wrong usage, which is the right code here too.
    let matches = command::program().term_width(console.width).try_get_matches();
    let arguments = matches.and_then(|matches| command::Arguments::from_arg_matches(&matches));
    let exit = arguments.map_or_else(
        |error| {
            let exit = if error.use_stderr() { Exit::Use } else { Exit::Fine };
            console.usage(&error).map(|()| exit)
        },
        |arguments| arguments.run(&console, &interrupt),
    );
    let exit = exit.unwrap_or_else(|error| {
        console.error(&error.to_string(), "");
        Exit::Outside
    });
    ExitCode::from(exit as u8)
}

/// Formats a number of bytes for people: `31.2 KiB`.
fn human(bytes: u64) -> String {
    Size(bytes).rounded()
}
