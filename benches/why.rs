//! Measures how long a person waits for `why`: many lines of a lab, spread evenly over its files,
//! each asked about by itself and from the beginning.
//!
//! `cargo bench --bench why` asks about a generated lab of ten machines, and
//! `cargo bench --bench why -- FOLDER LINES` about so many lines of the lab in a folder.
#![expect(clippy::disallowed_types, reason = "measures time")]

mod lab;

use std::collections::BTreeSet;
use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use labwright::source::Sources;
use labwright::why::answer::Explainer;
use labwright::why::find::Target;
use labwright::{compile, emit, load, review::snapshot};

/// The machines of the generated lab.
const MACHINES: usize = 10;

/// How many lines are asked about.
const LINES: usize = 200;

/// How many of the slowest lines are named.
const NAMED: usize = 5;

/// A line of a file of a machine.
type Line = (String, String, usize);

fn main() {
    let given: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let sources = given.first().map_or_else(
        || lab::sources(MACHINES),
        |folder| load::read_lab(Path::new(folder)).expect("a lab's folder"),
    );
    let wanted = given.get(1).map_or(LINES, |lines| lines.parse().expect("a number of lines"));
    let all = lines(&sources);
    let step = all.len().div_ceil(wanted).max(1);
    let mut taken: Vec<(Duration, &Line)> =
        all.iter().step_by(step).map(|line| (ask(&sources, line), line)).collect();
    taken.sort();
    let at = |share: usize| taken[(taken.len() - 1) * share / 100].0.as_millis();
    println!("{} of {} lines, in milliseconds", taken.len(), all.len());
    println!("half within {}, 95 of 100 within {}, all within {}", at(50), at(95), at(100));
    for (time, (machine, path, line)) in taken.iter().rev().take(NAMED) {
        println!("{:>6}  {machine}/{path}:{line}", time.as_millis());
    }
}

/// Lists every line of every file that is not blank.
fn lines(sources: &Sources) -> Vec<Line> {
    let mut analyzed = compile::analyze(sources);
    let plan = analyzed.check(sources).plan.expect("the lab has no error");
    let machines = compile::artifacts(&plan, sources).expect("no machine has a finding");
    let mut lines = Vec::new();
    for (machine, artifacts) in &machines {
        for path in snapshot::paths(artifacts).expect("the files of a machine") {
            let Some(target) = Target::of(machine, &path, artifacts) else { continue };
            let filled = target.text.lines().zip(1..).filter(|(line, _)| !line.trim().is_empty());
            lines.extend(filled.map(|(_, line)| (machine.clone(), path.clone(), line)));
        }
    }
    lines
}

/// Explains one line as the command does, from the sources on.
fn ask(sources: &Sources, (machine, path, line): &Line) -> Duration {
    let start = Instant::now();
    let mut analyzed = compile::analyze(sources);
    let services = analyzed.model.iter().flat_map(|model| &model.services);
    let modules: BTreeSet<String> = services.map(|service| service.module.clone()).collect();
    let (target, explainer) = rayon::join(
        || {
            let plan = analyzed.check(sources).plan.expect("the lab has no error");
            let made = compile::artifacts_of(&plan, sources, machine, emit::emitters());
            let artifacts = made.expect("the machine").expect("no finding");
            let target = Target::of(machine, path, &artifacts).expect("the file");
            target.at(Some(*line)).expect("the line")
        },
        || Explainer::new(sources, &modules),
    );
    black_box(explainer.explain(&target));
    start.elapsed()
}
