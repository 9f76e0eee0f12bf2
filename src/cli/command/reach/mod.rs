//! `labwright reach`: who may connect to what, and through which rules.

mod text;

use std::io;
use std::path::PathBuf;

use super::lab::{FollowLinks, Format as Findings, Lab};
use super::{Format, json};
use crate::cli::Exit;
use crate::cli::console::Console;
use crate::compile;
use crate::diag::{one_line, suggest};
use crate::reach::view::AnswersView;
use crate::reach::{Answer, Failure, Files, Verdict};

/// Says whether one place of the lab may connect to another, and what decides on the way
#[derive(Debug, clap::Args)]
pub struct Reach {
    /// Where connections come from: a zone, a machine, a service, an address, `internet`
    #[arg(required_unless_present = "matrix", conflicts_with = "matrix")]
    from: Option<String>,
    /// Where they go: a zone, a machine, a service, a host name, an address, `internet`; without a
    /// port, all that FROM may reach there; left out, all that it may reach
    #[arg(value_name = "TO[:PORT[/udp]]", conflicts_with = "matrix")]
    to: Option<String>,
    /// Ask from every zone and machine to every machine and host name
    #[arg(long)]
    matrix: bool,
    /// The lab's folder: the one that holds `lab.kdl`
    #[arg(long, value_name = "LAB", default_value = ".")]
    lab: PathBuf,
    #[command(flatten)]
    links: FollowLinks,
    /// End with 1 if the connection is refused
    #[arg(long)]
    exit_code: bool,
    /// Who reads the result
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

impl Reach {
    pub fn run(self, console: &Console) -> io::Result<Exit> {
        let findings = if self.format == Format::Json { Findings::Json } else { Findings::Text };
        let lab = Lab::at(self.lab.clone(), self.links);
        let sources = match lab.read() {
            Ok(sources) => sources,
            Err(unread) => return Ok(lab.report_unread(&unread, findings, console)),
        };
        let mut analyzed = compile::analyze(&sources);
        let checked = analyzed.check(&sources);
        let Some(plan) = &checked.plan else {
            lab.report(&checked.diagnostics, &sources, findings, console);
            return Ok(Exit::Findings);
        };
        let files = Files::new(plan, &sources);
        let answers = match self.ask(&files) {
            Ok(answers) => answers,
            Err(failure) => return Ok(fail(&failure, console)),
        };
        let allowed = answers.iter().any(|answer| answer.verdict != Verdict::Closed);
        let mut view = AnswersView::new(&answers, &sources);
        if let Some(from) = &self.from {
            view.add_folders(from, plan, &sources);
        }
        if self.matrix {
            // A list of everything has no room for how.
            view.chain.clear();
            for connection in &mut view.connections {
                connection.chain.clear();
            }
        }
        let chains = self.names_a_port() || view.connections.len() == 1;
        Console::result(&match (self.format, self.matrix, chains) {
            (Format::Json, ..) => json(&view)?,
            (Format::Text, true, _) => text::matrix(&view, console),
            (Format::Text, false, true) => text::chains(&view, console),
            (Format::Text, false, false) => text::list(&view, console),
        })?;
        Ok(if self.exit_code && !allowed { Exit::Findings } else { Exit::Fine })
    }

    fn ask(&self, files: &Files<'_>) -> Result<Vec<Answer>, Failure> {
        match (&self.from, &self.to) {
            (Some(from), Some(to)) => files.reach(from, to),
            (Some(from), None) => files.reach_all(from),
            (None, _) => files.matrix(),
        }
    }

    /// Says whether the question names a port, so that how it is decided is the answer.
    fn names_a_port(&self) -> bool {
        self.to.as_ref().is_some_and(|to| match to.rsplit_once(']') {
            Some((_, port)) => !port.is_empty(),
            None => to.contains(':') && to.parse::<std::net::IpAddr>().is_err(),
        })
    }
}

fn fail(failure: &Failure, console: &Console) -> Exit {
    match failure {
        Failure::Unknown(unknown) => {
            let help = suggest(&unknown.word, unknown.like.as_deref(), || {
                "`labwright show` lists zones, machines, services and routes".to_owned()
            });
            console.error(&one_line(&unknown.to_string()), &one_line(&help));
            Exit::Use
        }
        Failure::Unreadable(unreadable) => {
            let problem = format!("reach does not understand the emitted {unreadable}");
            let help = "an answer without it could be wrong; this is a fault of labwright";
            console.error(&one_line(&problem), help);
            Exit::Findings
        }
    }
}
