//! `labwright build`: the release of a lab.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::super::Exit;
use super::super::console::Console;
use super::super::human;
use super::super::interrupt::Interrupt;
use super::super::output::ReleaseWriter;
use super::super::progress::Progress;
use super::super::staging::OutputError;
use super::super::table::Table;
use super::findings::{Format, Lab};
use super::{json, reproduce};
use crate::bundle::Bundle;
use crate::bundle::release::{self, Accepted, Packed, ReleaseIndex};
use crate::compile::{self, Failure};
use crate::diag::{Diagnostic, Diagnostics, Severity, summary, wrap};
use crate::plan::Plan;
use crate::review::{REPORT, review};
use crate::source::Sources;

/// Builds the release of a lab: one archive for every machine, and an index
#[derive(Debug, clap::Args)]
pub struct Build {
    #[command(flatten)]
    lab: Lab,
    /// The folder of the release [default: outputs/<lab>-<version>]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Write nothing: build twice under different conditions, and compare both with what stands in
    /// the folder
    #[arg(long)]
    check: bool,
    /// Who reads the findings, and with `json` the result
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// A finished release, for the reader of the result.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Built {
    lab: String,
    version: String,
    folder: String,
    content_id: String,
    input_id: String,
    machines: BTreeMap<String, BuiltMachine>,
    findings: Counts,
    accepted: Vec<Accepted>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BuiltMachine {
    kind: String,
    addresses: Vec<String>,
    archive: String,
    content_id: String,
    sha256: String,
    files: usize,
    size: u64,
}

#[derive(Serialize)]
struct Counts {
    error: usize,
    warning: usize,
    advice: usize,
}

impl Build {
    pub fn run(self, console: &Console) -> io::Result<Exit> {
        // Listen from the beginning, so that a signal ends the build in the same way at any point.
        let interrupt = if self.check { Interrupt::default() } else { Interrupt::listen()? };
        let mut read = self.lab.read();
        let checked = read.resolved.check(&read.sources);
        let mut findings = checked.diagnostics;
        let Some(plan) = checked.plan else {
            self.report(&findings, &read.sources, console);
            return Ok(read.failure);
        };
        let lab = &plan.model.lab;
        let out = self
            .out
            .clone()
            .unwrap_or_else(|| Path::new("outputs").join(release::folder(&lab.name, &lab.version)));
        if self.check {
            self.report(&findings, &read.sources, console);
            return reproduce::reproduce(
                &plan,
                &read.sources,
                &findings,
                &checked.accepted,
                &out,
                self.format,
                console,
            );
        }
        let made =
            write(&plan, &read.sources, &findings, checked.accepted, &out, &interrupt, *console);
        let made = made.map_err(|failure| fail(failure, &mut findings));
        self.report(&findings, &read.sources, console);
        let (index, sizes) = match made {
            Ok(made) => made,
            Err(exit) => return Ok(exit),
        };
        let built = Built::new(index, &sizes, &out, &findings);
        Console::result(&if self.format == Format::Json {
            json(&built)?
        } else {
            built.text(&findings, console)
        })?;
        Ok(Exit::Fine)
    }

    fn report(&self, findings: &Diagnostics, sources: &Sources, console: &Console) {
        self.lab.report(findings, sources, self.format, console);
        if self.format == Format::Text && findings.has_errors() {
            Console::message(&format!("{}\n", summary(findings)));
        }
    }
}

/// The number of files and the size in bytes of each machine's archive.
type Sizes = BTreeMap<String, (usize, u64)>;

/// A release without its archives, which are written as they are made.
pub struct Made {
    /// The index.
    pub index: ReleaseIndex,
    /// The index in the form in which it is written.
    pub json: Vec<u8>,
    /// The files for reviewers, by their names below `review/`.
    pub review: BTreeMap<String, Vec<u8>>,
    sizes: Sizes,
}

/// Makes the release and passes each archive to `write`.
pub fn make<E: Send>(
    plan: &Plan<'_>,
    sources: &Sources,
    findings: &Diagnostics,
    accepted: Vec<Accepted>,
    write: impl Fn(Bundle) -> Result<Packed, E> + Sync,
) -> Result<Made, Failure<E>> {
    let mut packed = compile::bundles(plan, sources, write)?;
    let one_way = packed
        .iter_mut()
        .map(|(name, packed)| (name.clone(), std::mem::take(&mut packed.one_way)))
        .collect();
    let sizes =
        packed.iter().map(|(name, packed)| (name.clone(), (packed.files, packed.size))).collect();
    let index = ReleaseIndex::new(compile::facts(plan, sources, accepted), packed);
    let index = index.and_then(|index| Ok((index.to_json()?, index)));
    let (json, index) = index.map_err(|error| Failure::Bundle(error.to_string()))?;
    let review = review(plan, sources, &index, findings, &one_way).map_err(Failure::Bundle)?;
    Ok(Made { index, json, review, sizes })
}

fn write(
    plan: &Plan<'_>,
    sources: &Sources,
    findings: &Diagnostics,
    accepted: Vec<Accepted>,
    out: &Path,
    interrupt: &Interrupt,
    console: Console,
) -> Result<(ReleaseIndex, Sizes), Failure<OutputError>> {
    let writer = ReleaseWriter::new(out, interrupt).map_err(Failure::Write)?;
    let progress = Progress::new(console, plan.model.machines.len());
    let Made { index, json, review, sizes } = make(plan, sources, findings, accepted, |bundle| {
        let packed = writer.add_bundle(bundle)?;
        progress.step();
        Ok(packed)
    })?;
    writer.add_review(&review).map_err(Failure::Write)?;
    writer.finish(&json).map_err(Failure::Write)?;
    Ok((index, sizes))
}

/// Turns a failure into findings and an exit code.
fn fail(failure: Failure<OutputError>, findings: &mut Diagnostics) -> Exit {
    match failure {
        Failure::Findings(found) => {
            findings.append(found);
            findings.finish();
            Exit::Findings
        }
        Failure::Bundle(problem) => {
            findings.push(
                Diagnostic::lab(&compile::UNPACKABLE, problem)
                    .help("shorten the name that it shows"),
            );
            Exit::Findings
        }
        Failure::Write(error) => {
            findings.push(Diagnostic::lab(error.code, error.problem).help(error.help));
            Exit::Outside
        }
    }
}

impl Built {
    fn new(index: ReleaseIndex, sizes: &Sizes, folder: &Path, findings: &Diagnostics) -> Self {
        let machine = |(name, machine): (String, release::Machine)| {
            let (files, size) = sizes.get(&name).copied().unwrap_or_default();
            let release::Machine { addresses, archive, content_id, kind, sha256 } = machine;
            (name, BuiltMachine { kind, addresses, archive, content_id, sha256, files, size })
        };
        let count = |severity| findings.count(severity);
        Self {
            folder: folder.display().to_string(),
            machines: index.machines.into_iter().map(machine).collect(),
            findings: Counts {
                error: count(Severity::Error),
                warning: count(Severity::Warning),
                advice: count(Severity::Advice),
            },
            lab: index.lab,
            version: index.version,
            content_id: index.content_id,
            input_id: index.input_id,
            accepted: index.accepted,
        }
    }

    fn text(&self, findings: &Diagnostics, console: &Console) -> String {
        const MOST: usize = 30;
        let mut text = format!(
            "{} in {}\n\n",
            console.title(&format!("{} {}", self.lab, self.version)),
            self.folder
        );
        let mut table = Table::new(["machine", "kind", "address", ">files", ">archive"]);
        for (name, machine) in self.machines.iter().take(MOST) {
            let address = machine.addresses.first().cloned().unwrap_or_default();
            table.row([
                name.clone(),
                machine.kind.clone(),
                address,
                machine.files.to_string(),
                human(machine.size),
            ]);
        }
        text.push_str(&table.layout(console.room, 2));
        if self.machines.len() > MOST {
            let _ = writeln!(text, "  … and {} more", self.machines.len() - MOST);
        }
        let _ = writeln!(text, "\ncontent   {}", self.content_id);
        let _ = writeln!(
            text,
            "report    {}",
            Path::new(&self.folder).join("review").join(REPORT).display()
        );
        let _ = writeln!(text, "findings  {}", summary(findings));
        let subject = |on: &str| if on.is_empty() { String::new() } else { format!(" on {on}") };
        let accepted: Vec<String> = self
            .accepted
            .iter()
            .map(|accepted| format!("{}{}", accepted.code, subject(&accepted.on)))
            .collect();
        if !accepted.is_empty() {
            let line = format!("accepted  {}", accepted.join(", "));
            let _ = writeln!(text, "{}", wrap(&line, console.width, "          "));
        }
        text
    }
}
