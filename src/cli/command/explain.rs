//! `labwright explain`: what a code means, or which codes there are.

use std::io;

use serde::Serialize;

use super::{Format, json};
use crate::cli::Exit;
use crate::cli::console::Console;
use crate::codes;
use crate::diag::{Code, suggest};
use crate::reference::codes as reference;

/// Explains a code: what it means, why it matters and what to write instead
#[derive(Debug, clap::Args)]
pub struct Explain {
    /// The code, as findings show it in brackets; without one, every code is listed
    #[arg(value_parser = find)]
    code: Option<&'static Code>,
    /// The format of the page
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Serialize)]
struct Page {
    code: &'static str,
    severity: &'static str,
    summary: &'static str,
    explain: &'static str,
}

impl From<&Code> for Page {
    fn from(code: &Code) -> Self {
        Self {
            code: code.name,
            severity: code.severity.name(),
            summary: code.summary,
            explain: code.explain,
        }
    }
}

impl Explain {
    pub fn run(self) -> io::Result<Exit> {
        let text = match (self.code, self.format) {
            (Some(code), Format::Text) => reference::page(code),
            (Some(code), Format::Json) => json(&Page::from(code))?,
            (None, Format::Text) => reference::list(),
            (None, Format::Json) => {
                json(&reference::sorted().into_iter().map(Page::from).collect::<Vec<_>>())?
            }
        };
        Console::result(&text)?;
        Ok(Exit::Fine)
    }
}

fn find(name: &str) -> Result<&'static Code, String> {
    codes::find(name).ok_or_else(|| {
        suggest(name, codes::all().map(|code| code.name), || {
            "`labwright explain` lists the codes".to_owned()
        })
    })
}
