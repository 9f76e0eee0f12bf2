//! `labwright build`: the release of a lab.

use std::path::PathBuf;

use super::super::Exit;
use super::super::interrupt::Interrupt;
use super::super::output::ReleaseWriter;
use super::super::staging::OutputError;
use super::check::report;
use crate::bundle::release::{self, ReleaseIndex};
use crate::compile::{self, Failure};
use crate::diag::Severity;
use crate::plan::build::plan;
use crate::source::{Sources, read_lab};

/// Builds the release of a lab.
#[derive(Debug, clap::Args)]
pub struct Build {
    /// The lab's folder
    #[arg(default_value = ".")]
    lab: PathBuf,
    /// The folder of the release [default: outputs/<lab>-<version>]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl Build {
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
        let Some(model) = checked.model.filter(|_| !checked.diagnostics.has_errors()) else { return Exit::Findings };
        let plan = plan(&model);
        let out = self.out.unwrap_or_else(|| PathBuf::from("outputs").join(release::folder(&model.lab.name, &model.lab.version)));
        let outside = |error: OutputError| {
            eprintln!("error: {error}");
            Exit::Outside
        };
        let interrupt = match Interrupt::listen() {
            Ok(interrupt) => interrupt,
            Err(error) => {
                eprintln!("error: {error}");
                return Exit::Outside;
            }
        };
        let writer = match ReleaseWriter::new(&out, &interrupt) {
            Ok(writer) => writer,
            Err(error) => return outside(error),
        };
        let packed = match compile::bundles(&plan, &sources, |bundle| writer.add_bundle(bundle)) {
            Ok(packed) => packed,
            Err(Failure::Findings(found)) => {
                report(&found, &sources);
                return Exit::Findings;
            }
            Err(Failure::Bundle(problem)) => {
                eprintln!("error: {problem}");
                return Exit::Findings;
            }
            Err(Failure::Write(error)) => return outside(error),
        };
        let machines = packed.len();
        let index = ReleaseIndex::new(compile::facts(&plan, &sources, checked.accepted), packed)
            .and_then(|release| Ok((release.to_json()?, release)));
        let (json, release) = match index {
            Ok(index) => index,
            Err(error) => {
                eprintln!("error: {error}");
                return Exit::Findings;
            }
        };
        if let Err(error) = writer.finish(&json) {
            return outside(error);
        }
        println!("{} {}: {machines} machines in {}", model.lab.name, model.lab.version, out.display());
        println!("content {}", release.content_id);
        println!("{} warnings", checked.diagnostics.count(Severity::Warning));
        Exit::Fine
    }
}
