//! The commands, with one file each.

mod build;
mod check;
mod completions;
mod diff;
mod explain;
mod import;
mod lab;
mod man;
mod modules;
mod reach;
mod reproduce;
mod show;
mod snapshot;
mod verify;
mod why;

use std::io;

use clap::{CommandFactory, Parser, Subcommand, ValueEnum};
use serde::Serialize;

use super::Exit;
use super::console::Console;
use crate::disk::interrupt::Interrupt;

const EXITS: &str = "0 fine; 1 errors among the findings, or a difference; 2 wrong usage; 3 a \
                     failure outside labwright, such as a full disk.";

/// Compiles a homelab written in KDL into one release: plain files for every machine.
#[derive(Debug, Parser)]
#[command(
    name = "labwright",
    version,
    about,
    max_term_width = 100,
    arg_required_else_help = true,
    after_help = format!("Exit status: {EXITS}")
)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Build(build::Build),
    Check(check::Check),
    Diff(diff::Diff),
    Verify(verify::Verify),
    Show(show::Show),
    Snapshot(snapshot::Snapshot),
    Reach(reach::Reach),
    Why(why::Why),
    Explain(explain::Explain),
    Modules(modules::Modules),
    Import(import::Import),
    Completions(completions::Completions),
    Man(man::Man),
}

/// Describes the whole command line.
pub fn program() -> clap::Command {
    Arguments::command()
}

impl Arguments {
    /// Runs the command. Fails if the result can't be printed.
    pub fn run(self, console: &Console, interrupt: &Interrupt) -> io::Result<Exit> {
        match self.command {
            Command::Build(command) => command.run(console, interrupt),
            Command::Check(command) => command.run(console),
            Command::Diff(command) => command.run(console),
            Command::Verify(command) => command.run(console),
            Command::Show(command) => command.run(console),
            Command::Snapshot(command) => command.run(console, interrupt),
            Command::Reach(command) => command.run(console),
            Command::Why(command) => command.run(console),
            Command::Explain(command) => command.run(),
            Command::Modules(command) => command.run(console),
            Command::Import(command) => command.run(console, interrupt),
            Command::Completions(command) => command.run(),
            Command::Man(command) => command.run(console),
        }
    }
}

/// The reader of a command's facts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// For programs
    Json,
}

/// Writes facts as indented JSON with a final newline.
fn json(facts: &impl Serialize) -> io::Result<String> {
    let mut text = serde_json::to_string_pretty(facts)?;
    text.push('\n');
    Ok(text)
}
