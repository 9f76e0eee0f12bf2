//! `labwright completions`: what a shell needs to complete command lines.

use std::io;

use clap::builder::PossibleValuesParser;
use clap_complete::Shell;

use crate::cli::Exit;
use crate::cli::console::Console;
use crate::codes;
use crate::compile;
use crate::diag::Diagnostics;
use crate::reference::modules::describe;
use crate::source::Sources;

/// Writes a shell's completions to the standard output
#[derive(Debug, clap::Args)]
pub struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    pub fn run(self) -> io::Result<Exit> {
        let mut script = Vec::new();
        clap_complete::generate(
            self.shell,
            &mut with_names(super::program()),
            "labwright",
            &mut script,
        );
        Console::result(&String::from_utf8_lossy(&script))?;
        Ok(Exit::Fine)
    }
}

/// Adds the names of labwright's own that arguments take: codes and modules.
fn with_names(program: clap::Command) -> clap::Command {
    let codes = PossibleValuesParser::new(codes::all().map(|code| code.name));
    let library = Sources::with_standard_library(Vec::new());
    let modules = compile::modules(&library, &mut Diagnostics::default());
    let modules = PossibleValuesParser::new(modules.iter().map(|module| describe(module).name));
    program
        .mut_subcommand("explain", |explain| {
            explain.mut_arg("code", |code| code.value_parser(codes))
        })
        .mut_subcommand("modules", |command| {
            command.mut_arg("name", |name| name.value_parser(modules))
        })
}
