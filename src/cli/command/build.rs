//! `labwright build`: the release of a lab.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::lab::{Format, Lab};
use super::{json, reproduce};
use crate::bundle::Bundle;
use crate::bundle::release::{self, Packed, ReleaseIndex};
use crate::cli::Exit;
use crate::cli::console::Console;
use crate::cli::human;
use crate::cli::progress::Progress;
use crate::cli::table::Table;
use crate::compile::{Compiled, Release, Sink, Stop, compile};
use crate::diag::{Accepted, Diagnostic, Diagnostics, Severity, one_line, summary, wrap};
use crate::disk::interrupt::Interrupt;
use crate::disk::output::ReleaseWriter;
use crate::disk::staging::OutputError;
use crate::load::would_be_read;
use crate::plan::Plan;
use crate::review::REPORT;
use crate::source::Sources;

/// Builds the release of a lab: one archive per machine, and an index
#[derive(Debug, clap::Args)]
pub struct Build {
    #[command(flatten)]
    lab: Lab,
    /// The folder of the release [default: outputs/<lab>-<version>]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Write nothing: build twice under different conditions, and compare both with what the folder
    /// holds
    #[arg(long)]
    check: bool,
    /// The format of the findings; with `json`, of the result too
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// A finished release, as it is printed.
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
    pub fn run(self, console: &Console, interrupt: &Interrupt) -> io::Result<Exit> {
        let sources = match self.lab.read() {
            Ok(sources) => sources,
            Err(unread) => {
                self.report(&unread.findings, &Sources::default(), console);
                return Ok(unread.exit);
            }
        };
        let folder = |lab: &str, version: &str| {
            self.out
                .clone()
                .unwrap_or_else(|| Path::new("outputs").join(release::folder(lab, version)))
        };
        if self.check {
            let report = |findings: &Diagnostics| self.report(findings, &sources, console);
            return reproduce::reproduce(&sources, folder, self.format, report, console);
        }
        let Compiled { mut findings, release } = compile(&sources, |plan| {
            let lab = &plan.model.lab;
            let folder = folder(&lab.name, &lab.version);
            // The release would be a source of the next build.
            if would_be_read(&self.lab.lab, &folder) {
                let help = "name a folder outside `modules/`";
                return Err(OutputError::refused(&folder, "the lab is read there", help));
            }
            Writing::open(folder, plan, interrupt, *console)
        });
        let written = release.and_then(|release| finish(release).map_err(Stop::Sink));
        let exit = match &written {
            Ok(_) => Exit::Fine,
            Err(Stop::Findings) => Exit::Findings,
            Err(Stop::Sink(_)) => Exit::Outside,
        };
        if let Err(Stop::Sink(OutputError { code, problem, help })) = &written {
            findings.push(Diagnostic::lab(code, problem).help(help));
        }
        self.report(&findings, &sources, console);
        if let Ok((index, sizes, folder)) = written {
            let built = Built::new(index, &sizes, &folder, &findings);
            Console::result(&if self.format == Format::Json {
                json(&built)?
            } else {
                built.text(&findings, console)
            })?;
        }
        Ok(exit)
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

/// A release on its way to the disk.
struct Writing {
    folder: PathBuf,
    writer: ReleaseWriter,
    progress: Progress,
}

impl Writing {
    fn open(
        folder: PathBuf,
        plan: &Plan<'_>,
        interrupt: &Interrupt,
        console: Console,
    ) -> Result<Self, OutputError> {
        let writer = ReleaseWriter::new(&folder, interrupt)?;
        let progress = Progress::new(console, plan.model.machines.len());
        Ok(Self { folder, writer, progress })
    }
}

impl Sink for Writing {
    type Error = OutputError;

    fn take(&self, bundle: Bundle) -> Result<Packed, OutputError> {
        let packed = self.writer.add_bundle(&bundle)?;
        self.progress.step();
        Ok(packed)
    }
}

/// Writes what comes after the bundles, and moves the release to its place.
fn finish(release: Release<Writing>) -> Result<(ReleaseIndex, Sizes, PathBuf), OutputError> {
    let Release { index, json, review, sizes, sink: Writing { folder, writer, progress: _ } } =
        release;
    writer.add_review(&review)?;
    writer.finish(&json)?;
    Ok((index, sizes, folder))
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
            one_line(&self.folder)
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
            one_line(&Path::new(&self.folder).join("review").join(REPORT).display().to_string())
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
