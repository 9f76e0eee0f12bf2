//! Feeds labwright inputs that are almost right, until one makes it panic or takes too long.
//!
//! `cargo run --example fuzz -- [--seconds N] [--seed N] [TARGET]...` runs each target for that
//! long. It works on stable Rust, so no coverage guides it: an input that is answered in a new way
//! joins the corpus. `tests/README.md` says how to run it for a night.
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "reads and writes inputs, and looks at clocks"
)]

mod mutate;
mod targets;

use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use mutate::Random;
use rustix::time::{ClockId, clock_gettime};
use targets::{TARGETS, Target};

/// The most processor time that one input may take, in seconds. What is built without optimization
/// is slow, and so is a processor that others share.
const LONGEST: i64 = 60;

/// How long an input may wait for something. None waits for anything but processors.
const PATIENCE: Duration = Duration::from_mins(15);

/// Returns the processor time that this process has had, in seconds.
fn worked() -> i64 {
    clock_gettime(ClockId::ProcessCPUTime).tv_sec
}

/// When the current input was fed, while one is.
static FED: Mutex<Option<Instant>> = Mutex::new(None);

/// Notes that an input is fed now, or that it is answered.
fn note(fed: Option<Instant>) {
    if let Ok(mut since) = FED.lock() {
        *since = fed;
    }
}

/// Ends the program when an input is never answered.
fn watch() {
    loop {
        std::thread::sleep(Duration::from_secs(1));
        let since = FED.lock().ok().and_then(|since| *since);
        if since.is_some_and(|since| since.elapsed() > PATIENCE) {
            eprintln!("an input is not answered; it is the newest in target/fuzz");
            std::process::exit(1);
        }
    }
}

/// The largest input, in bytes.
const LARGEST: usize = 1 << 20;

fn main() -> ExitCode {
    let (mut seconds, mut seed, mut names) = (60, 1, Vec::new());
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut number = || arguments.next().and_then(|text| text.parse().ok());
        match argument.as_str() {
            "--seconds" => seconds = number().unwrap_or(seconds),
            "--seed" => seed = number().unwrap_or(seed),
            _ => names.push(argument),
        }
    }
    if let Some(unknown) = names.iter().find(|name| TARGETS.iter().all(|it| it.name != **name)) {
        let known: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
        eprintln!("there is no target `{unknown}`; there are: {}", known.join(", "));
        return ExitCode::from(2);
    }
    std::thread::spawn(watch);
    let chosen = TARGETS.iter().filter(|it| names.is_empty() || names.iter().any(|n| n == it.name));
    for target in chosen {
        if let Err(why) = run(target, Duration::from_secs(seconds), seed) {
            eprintln!("{}: {why}", target.name);
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

/// Returns the folder of this program, with the corpora.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

/// Feeds one target. The input that is being tried is in a file, so that it is there even if the
/// process is killed or its stack overflows.
fn run(target: &Target, time: Duration, seed: u64) -> Result<(), String> {
    let place = folder().join("../target/fuzz");
    fs::create_dir_all(&place).map_err(|error| error.to_string())?;
    let current = place.join(format!("{}.input", target.name));
    let mut corpus = (target.seeds)();
    let own = folder().join("corpus").join(target.name);
    let mut files: Vec<PathBuf> =
        fs::read_dir(own).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    files.sort();
    corpus.extend(files.iter().filter_map(|file| fs::read(file).ok()));
    let feed = |input: &[u8]| {
        fs::write(&current, input).map_err(|error| error.to_string())?;
        let before = worked();
        note(Some(Instant::now()));
        let answer = catch_unwind(AssertUnwindSafe(|| (target.feed)(input)));
        note(None);
        let what = || format!("; the input is in {}", current.display());
        let answer = answer.map_err(|_| format!("it panicked{}", what()))?;
        let took = worked() - before;
        if took > LONGEST {
            return Err(format!("it took {took} s of the processor{}", what()));
        }
        Ok(answer)
    };
    let mut known = BTreeSet::new();
    for input in &corpus {
        known.insert(feed(input)?);
    }
    let (given, started, mut count) = (corpus.len(), Instant::now(), 0);
    let mut random = Random::new(seed);
    while started.elapsed() < time {
        let mut input = mutate::mutate(&corpus, target.words, &mut random);
        input.truncate(LARGEST);
        count += 1;
        if known.insert(feed(&input)?) {
            corpus.push(input);
        }
    }
    let new = corpus.len() - given;
    println!("{}: {count} inputs, {new} answered in a new way", target.name);
    let _ = fs::remove_file(&current);
    Ok(())
}
