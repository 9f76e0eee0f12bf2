//! `labwright check`: every finding, no output.

use std::path::PathBuf;

use super::super::Exit;
use crate::compile;
use crate::diag::{Diagnostics, place};
use crate::source::{Sources, read_lab};

/// Says everything that is wrong with a lab; writes nothing.
#[derive(Debug, clap::Args)]
pub struct Check {
    /// The lab's folder
    #[arg(default_value = ".")]
    lab: PathBuf,
}

impl Check {
    pub fn run(self) -> Exit {
        let sources = match read_lab(&self.lab) {
            Ok(sources) => sources,
            Err(unreadable) => {
                report(&unreadable.diagnostics, &Sources::default());
                return if unreadable.outside { Exit::Outside } else { Exit::Findings };
            }
        };
        let checked = compile::check(&sources);
        report(&checked.diagnostics, &sources);
        if checked.diagnostics.has_errors() { Exit::Findings } else { Exit::Fine }
    }
}

/// Prints findings.
pub fn report(diagnostics: &Diagnostics, sources: &Sources) {
    for diagnostic in diagnostics {
        let place = diagnostic.span.map(|span| place(sources, span)).unwrap_or_default();
        eprintln!("{place}: {} [{}]: {}", diagnostic.severity().name(), diagnostic.code.name, diagnostic.message);
        for label in &diagnostic.labels {
            eprintln!("  {}: {}", crate::diag::place(sources, label.span), label.message);
        }
        if let Some(help) = &diagnostic.help {
            eprintln!("  help: {help}");
        }
    }
}
