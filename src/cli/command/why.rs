//! `labwright why`: the declarations that made a line.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;

use super::lab::{FollowLinks, Format as Findings, Lab};
use super::{Format, json};
use crate::artifact::Artifacts;
use crate::cli::Exit;
use crate::cli::console::Console;
use crate::compile::{self, Analyzed};
use crate::diag::Diagnostics;
use crate::emit;
use crate::source::Sources;
use crate::why::answer::Explainer;
use crate::why::find::Target;
use crate::why::question::{Question, Wrong, read};
use crate::why::{self, unused};

/// Says why a line of an emitted file is there: the declarations that it changes with
#[derive(Debug, clap::Args)]
pub struct Why {
    /// The file and the line, as on the machine, in the bundle or in `snapshots/`
    #[arg(value_name = "MACHINE/PATH[:LINE]", required_unless_present = "unused")]
    line: Option<String>,
    /// The lab's folder: the one that holds `lab.kdl`
    #[arg(long, value_name = "LAB", default_value = ".")]
    lab: PathBuf,
    #[command(flatten)]
    links: FollowLinks,
    /// List the declarations without effect on any file or finding
    #[arg(long, conflicts_with = "line")]
    unused: bool,
    /// Who reads the result
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

impl Why {
    pub fn run(self, console: &Console) -> io::Result<Exit> {
        let lab = Lab::at(self.lab.clone(), self.links);
        let format = if self.format == Format::Json { Findings::Json } else { Findings::Text };
        let sources = match lab.read() {
            Ok(sources) => sources,
            Err(unread) => return Ok(lab.report_unread(&unread, format, console)),
        };
        let mut analyzed = compile::analyze(&sources);
        let services = analyzed.model.iter().flat_map(|model| &model.services);
        let modules: BTreeSet<String> = services.map(|service| service.module.clone()).collect();
        let Some(line) = &self.line else {
            let checked = analyzed.check(&sources);
            if checked.plan.is_none() {
                lab.report(&checked.diagnostics, &sources, format, console);
                return Ok(Exit::Findings);
            }
            let found = unused::unused(&Explainer::new(&sources, &modules));
            Console::result(&if self.format == Format::Json {
                json(&why::json::unused(&found, &sources))?
            } else {
                why::text::unused(&found, &sources)
            })?;
            return Ok(Exit::Fine);
        };
        // Few labs that somebody asks about have errors, so this does not wait for the checks.
        let (asked, explainer) = rayon::join(
            || asked(line, &mut analyzed, &sources),
            || Explainer::new(&sources, &modules),
        );
        let target = match asked {
            Ok(target) => target,
            Err(NoTarget::Faulty(found)) => {
                lab.report(&found, &sources, format, console);
                return Ok(Exit::Findings);
            }
            Err(NoTarget::Wrong(Wrong { problem, help })) => {
                console.error(&problem, &help);
                return Ok(Exit::Use);
            }
        };
        let lines = explainer.explain(&target);
        let Target { machine, path, .. } = &target;
        Console::result(&if self.format == Format::Json {
            json(&why::json::answer(machine, path, &lines, &sources))?
        } else {
            why::text::write(machine, path, &lines, &sources, console.width)
        })?;
        Ok(Exit::Fine)
    }
}

/// Why nothing can be said about a line.
enum NoTarget {
    /// The lab has errors.
    Faulty(Diagnostics),
    /// The question is about nothing that the lab emits.
    Wrong(Wrong),
}

/// Checks a lab and emits what a question is about.
fn asked(line: &str, analyzed: &mut Analyzed, sources: &Sources) -> Result<Target, NoTarget> {
    let checked = analyzed.check(sources);
    let Some(plan) = &checked.plan else { return Err(NoTarget::Faulty(checked.diagnostics)) };
    // Most questions name the machine, and the others need not be built for it.
    let named = plan.model.machines.iter().filter(|machine| line.contains(&machine.name));
    let named: BTreeMap<String, Artifacts> = named
        .filter_map(|machine| {
            let emitters = emit::emitters();
            let emitted = compile::artifacts_of(plan, sources, &machine.name, emitters)?;
            Some((machine.name.clone(), emitted.ok()?))
        })
        .collect();
    target(line, &named).or_else(|_| {
        let machines = compile::artifacts(plan, sources).map_err(NoTarget::Faulty)?;
        target(line, &machines).map_err(NoTarget::Wrong)
    })
}

/// Finds the file and the line that a question is about.
fn target(line: &str, machines: &BTreeMap<String, Artifacts>) -> Result<Target, Wrong> {
    let Question { machine, path, line } = read(line, machines)?;
    let target = machines
        .get(&machine)
        .and_then(|artifacts| Target::of(&machine, &path, artifacts))
        .ok_or_else(|| Wrong {
            problem: format!("`{machine}/{path}` can't be read"),
            help: "name another file".to_owned(),
        })?;
    target.at(line)
}
