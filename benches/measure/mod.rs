//! Prints what every benchmark measures: machines and megabytes a second, the ratio of packing,
//! processor time, and the peak of memory so far.
//!
//! Where other programs run at the same time, compare the processor time for one machine.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The numbers of bytes in one run.
#[derive(Default, Clone, Copy)]
pub struct Volume {
    /// The bytes of the files.
    pub read: u64,
    /// The bytes of the archives, or 0 if it makes none.
    pub written: u64,
}

/// What a run took.
#[derive(Clone, Copy)]
pub struct Spent {
    seconds: f64,
    /// The processor time in hundredths of a second, where the system reports it.
    ticks: Option<u64>,
}

impl Spent {
    /// Prints how many times as long as the floor it took, by the clock and in processor time.
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    pub fn compare(self, floor: Self) {
        let both = self.ticks.zip(floor.ticks).filter(|(_, floor)| *floor > 0);
        let busy = both.map(|(own, floor)| format!("{:.2}", own as f64 / floor as f64));
        println!(
            "{:<34}{:>11}{:>9}{:>8}{:>9.2}{:>12}",
            "  as many times the floor",
            "",
            "",
            "",
            self.seconds / floor.seconds,
            busy.unwrap_or_default()
        );
    }
}

/// Prints the titles of the columns.
pub fn head() {
    println!(
        "{:<34}{:>11}{:>9}{:>8}{:>9}{:>12}{:>9}",
        "", "machines/s", "MB/s", "ratio", "ms", "cpu us/mach", "peak MB"
    );
}

/// Runs `work` for `machines` machines, prints a line about it and returns what it took.
pub fn run(name: &str, machines: usize, work: impl FnOnce() -> Volume) -> Spent {
    let (start, busy) = (Instant::now(), processor_ticks());
    let volume = work();
    let seconds = start.elapsed().as_secs_f64();
    let ticks = processor_ticks().zip(busy).map(|(after, before)| after.own - before.own);
    let spent = Spent { seconds, ticks };
    line(name, machines, volume, spent, peak());
    spent
}

/// Runs `work`, prints a line about it and returns its result, whose volume `measure` returns.
pub fn run_keeping<T>(
    name: &str,
    machines: usize,
    work: impl FnOnce() -> T,
    measure: impl FnOnce(&T) -> Volume,
) -> T {
    let mut made = None;
    run(name, machines, || measure(made.insert(work())));
    made.expect("it has run")
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn line(name: &str, machines: usize, volume: Volume, spent: Spent, peak: Option<u64>) {
    let Spent { seconds, ticks } = spent;
    let (rate, speed) = (machines as f64 / seconds, volume.read as f64 / 1e6 / seconds);
    let ratio = match volume.written {
        0 => String::new(),
        written => format!("{:.2}", volume.read as f64 / written as f64),
    };
    let busy = ticks.map(|ticks| format!("{:.0}", ticks as f64 * 1e4 / machines as f64));
    let peak = peak.map(|peak| format!("{:.0}", peak as f64 / 1e6));
    println!(
        "{name:<34}{rate:>11.0}{speed:>9.1}{ratio:>8}{:>9.1}{:>12}{:>9}",
        seconds * 1e3,
        busy.as_deref().unwrap_or("?"),
        peak.as_deref().unwrap_or("?")
    );
}

/// Runs a command several times, prints its least time and its peak of memory, and returns what it
/// took. What else runs on the machine only makes a run slower.
pub fn process(name: &str, machines: usize, read: u64, command: impl Fn() -> Command) -> Spent {
    let mut times: Vec<Spent> = Vec::new();
    let mut most = 0;
    let runs = if machines > 100 { 3 } else { 11 };
    for _ in 0..runs {
        let (start, busy) = (Instant::now(), processor_ticks());
        let mut child =
            command().stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
        let status = format!("/proc/{}/status", child.id());
        while child.try_wait().expect("it runs").is_none() {
            most = most.max(peak_of(&status).unwrap_or(0));
            std::thread::sleep(Duration::from_micros(300));
        }
        let seconds = start.elapsed().as_secs_f64();
        let ticks =
            processor_ticks().zip(busy).map(|(after, before)| after.children - before.children);
        times.push(Spent { seconds, ticks });
    }
    let least = |a: &Spent, b: &Spent| a.seconds.total_cmp(&b.seconds);
    let seconds = times.iter().copied().min_by(least).expect("it has run").seconds;
    let ticks = times.iter().filter_map(|spent| spent.ticks).min();
    let spent = Spent { seconds, ticks };
    line(name, machines, Volume { read, written: 0 }, spent, Some(most));
    spent
}

/// Returns the peak of memory of the process, where the system reports it.
fn peak() -> Option<u64> {
    peak_of("/proc/self/status")
}

fn peak_of(status: &str) -> Option<u64> {
    let status = std::fs::read_to_string(status).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kibibytes| kibibytes * 1024)
}

/// Processor time in hundredths of a second.
struct Ticks {
    /// Of all threads of the benchmark.
    own: u64,
    /// Of the processes that it started and that have ended.
    children: u64,
}

/// Returns the processor time so far, where the system reports it.
fn processor_ticks() -> Option<Ticks> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The second field is a name in brackets that may contain blanks. Fields 14 to 17 are user and
    // system time, first the process's own and then that of its children.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut sum =
        || Some(fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?);
    Some(Ticks { own: sum()?, children: sum()? })
}
