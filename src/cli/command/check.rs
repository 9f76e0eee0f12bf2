//! `labwright check`: every finding, no output.

use std::io;

use super::super::Exit;
use super::super::console::Console;
use super::findings::{Format, Lab};
use crate::compile::check_templates;
use crate::diag::{Style, summary};

/// Says everything that is wrong with a lab; writes nothing
#[derive(Debug, clap::Args)]
pub struct Check {
    #[command(flatten)]
    lab: Lab,
    /// Who reads the findings
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

impl Check {
    pub fn run(self, console: &Console) -> io::Result<Exit> {
        let mut read = self.lab.read();
        let mut checked = read.resolved.check(&read.sources);
        let findings = &mut checked.diagnostics;
        if let Some(plan) = &checked.plan {
            findings.append(check_templates(plan, &read.sources));
            findings.finish();
        }
        let style = Style { color: console.color_results, width: console.width, prefix: "" };
        let mut text = self.lab.write(findings, &read.sources, self.format, style);
        if self.format == Format::Text {
            let accepted = match checked.accepted.len() {
                0 => String::new(),
                count => format!(", {count} accepted"),
            };
            text.push_str(&format!("{}{accepted}\n", summary(findings)));
        }
        Console::result(&text)?;
        Ok(if findings.has_errors() { read.failure } else { Exit::Fine })
    }
}
