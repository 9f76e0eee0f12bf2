//! `labwright man`: manual pages.

use std::io::{self, Write};

use clap_mangen::Man as Page;

use crate::cli::Exit;
use crate::cli::console::Console;

/// Writes a manual page to the standard output, in roff
#[derive(Debug, clap::Args)]
pub struct Man {
    /// The command that the page is about, as `build` or `import compose` [default: the program
    /// itself]
    #[arg(value_name = "COMMAND")]
    words: Vec<String>,
}

impl Man {
    pub fn run(self, console: &Console) -> io::Result<Exit> {
        let mut command = super::program();
        let mut name = command.get_name().to_owned();
        for word in &self.words {
            let Some(inner) = command.find_subcommand(word).cloned() else {
                let problem = format!("`{}` has no command `{word}`", name.replace('-', " "));
                let help = "`labwright help` lists the commands";
                console.error(&crate::diag::one_line(&problem), help);
                return Ok(Exit::Use);
            };
            name = format!("{name}-{word}");
            command = inner;
        }
        let mut page = Vec::new();
        render(command, &name, &mut page)?;
        Console::result(&String::from_utf8_lossy(&page))?;
        Ok(Exit::Fine)
    }
}

/// Writes the page of a command, in the order that readers of manual pages expect.
fn render(command: clap::Command, name: &str, page: &mut Vec<u8>) -> io::Result<()> {
    let command = command
        .display_name(name.to_owned())
        .bin_name(name.replace('-', " "))
        // There is no page about the help.
        .disable_help_subcommand(true);
    let has_inner = command.has_subcommands();
    let source = format!("labwright {}", env!("CARGO_PKG_VERSION"));
    let man = Page::new(command).source(source).manual("labwright");
    man.render_title(page)?;
    man.render_name_section(page)?;
    man.render_synopsis_section(page)?;
    man.render_description_section(page)?;
    man.render_options_section(page)?;
    if has_inner {
        man.render_subcommands_section(page)?;
    }
    writeln!(page, ".SH \"EXIT STATUS\"\n{}", super::EXITS)
}
