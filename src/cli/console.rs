//! Finds out where the output of a command goes: whether a person at a terminal reads it, how wide
//! that is, and whether colour is allowed.

use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};

use crate::diag::{one_line, plain_lines};

/// The number of columns of text where the width of the terminal is unknown.
const WIDTH: usize = 80;

/// The properties of the program's two outputs.
#[derive(Debug, Clone, Copy)]
pub struct Console {
    /// Whether results, on the standard output, are coloured.
    pub color_results: bool,
    /// Whether messages, on the standard error, are coloured.
    pub color_messages: bool,
    /// Whether a person watches the standard error and should see progress.
    pub interactive: bool,
    /// The number of columns for text.
    pub width: usize,
    /// The number of columns for a table of results. In a pipe there is no limit, so that every row
    /// is one line.
    pub room: usize,
}

impl Console {
    /// Looks at the terminal, at `NO_COLOR` and at `COLUMNS`.
    pub fn detect() -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "settings of the terminal, which change no output but its colours and lines"
        )]
        let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let plain = variable("NO_COLOR").is_some();
        let (results, messages) = (io::stdout().is_terminal(), io::stderr().is_terminal());
        let terminal = || {
            terminal_size::terminal_size()
                // Without this, the size could be that of a terminal on the standard input.
                .filter(|_| results || messages)
                .map(|(width, _)| usize::from(width.0))
        };
        let wanted = variable("COLUMNS").and_then(|columns| columns.parse().ok());
        let width = wanted.or_else(terminal);
        Self {
            color_results: results && !plain,
            color_messages: messages && !plain,
            interactive: messages,
            width: width.unwrap_or(WIDTH).clamp(40, 160),
            room: if results { width } else { wanted }.unwrap_or(usize::MAX).max(40),
        }
    }

    /// Prints a result. A reader that closes the pipe early (`| head`) does not make it fail.
    pub fn result(text: &str) -> io::Result<()> {
        let mut out = io::stdout().lock();
        match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            Err(error) => {
                Err(io::Error::new(error.kind(), format!("can't print the result: {error}")))
            }
            Ok(()) => Ok(()),
        }
    }

    /// Prints a message. If that fails, there is no other place to report it.
    pub fn message(text: &str) {
        let _ = io::stderr().lock().write_all(text.as_bytes());
    }

    /// Prints an error that is not a finding about a lab, with advice.
    pub fn error(&self, problem: &str, help: &str) {
        // Both may repeat what was typed, and names of files.
        let (problem, help) = (plain_lines(problem), plain_lines(help));
        let error = if self.color_messages { "\x1b[1;91merror\x1b[0m" } else { "error" };
        let help = if help.is_empty() { String::new() } else { format!("  help: {help}\n") };
        Self::message(&format!("{error}: {problem}\n{help}"));
    }

    /// Prints what is wrong with the arguments, or the help that they ask for.
    pub fn usage(&self, error: &clap::Error) -> io::Result<()> {
        let text = error.render();
        if error.use_stderr() {
            // Among styles, one that was typed could not be told from ours.
            let is_harmless = |typed: OsString| {
                let typed = typed.to_string_lossy();
                plain_lines(&typed) == typed
            };
            let styles = self.color_messages && std::env::args_os().all(is_harmless);
            if styles {
                Self::message(&text.ansi().to_string());
            } else {
                Self::message(&plain_lines(&text.to_string()));
            }
            return Ok(());
        }
        Self::result(&if self.color_results { text.ansi().to_string() } else { text.to_string() })
    }

    /// Formats the title of a result, in bold on a terminal.
    pub fn title(&self, text: &str) -> String {
        let text = one_line(text);
        if self.color_results { format!("\x1b[1m{text}\x1b[0m") } else { text.into_owned() }
    }
}
