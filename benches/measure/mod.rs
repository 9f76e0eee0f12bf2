//! Prints what every benchmark measures: machines and megabytes a second, the ratio of packing,
//! processor time, and the peak of memory so far.
//!
//! Where other programs run beside the benchmark, compare the processor time for one machine.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The numbers of bytes in one run.
#[derive(Default, Clone, Copy)]
pub struct Volume {
    /// The bytes of the files.
    pub read: u64,
    /// The bytes of the archives.
    pub written: u64,
}

/// Prints the titles of the columns.
pub fn head() {
    println!(
        "{:<34}{:>11}{:>9}{:>8}{:>9}{:>12}{:>9}",
        "", "machines/s", "MB/s", "ratio", "ms", "cpu us/mach", "peak MB"
    );
}

/// Runs `work` for `machines` machines, prints a line about it and returns the seconds it took.
#[expect(clippy::cast_precision_loss, reason = "figures for people")]
pub fn run(name: &str, machines: usize, work: impl FnOnce() -> Volume) -> f64 {
    let (start, busy) = (Instant::now(), processor_ticks());
    let volume = work();
    let seconds = start.elapsed().as_secs_f64();
    let (rate, speed) = (machines as f64 / seconds, volume.read as f64 / 1e6 / seconds);
    let ratio = match volume.written {
        0 => String::new(),
        written => format!("{:.2}", volume.read as f64 / written as f64),
    };
    // The kernel counts in hundredths of a second.
    let busy = processor_ticks()
        .zip(busy)
        .map(|(after, before)| (after - before) as f64 * 1e4 / machines as f64);
    let busy = busy.map_or_else(|| "?".to_owned(), |busy| format!("{busy:.0}"));
    let peak = peak().map_or_else(|| "?".to_owned(), |peak| format!("{:.0}", peak as f64 / 1e6));
    println!(
        "{name:<34}{rate:>11.0}{speed:>9.0}{ratio:>8}{:>9.1}{busy:>12}{peak:>9}",
        seconds * 1e3
    );
    seconds
}

/// Runs `work`, prints a line about it and returns its result.
pub fn run_keeping<T>(name: &str, machines: usize, volume: Volume, work: impl FnOnce() -> T) -> T {
    let mut made = None;
    run(name, machines, || {
        made = Some(work());
        volume
    });
    made.expect("it has run")
}

/// Runs a command several times, prints its least time and its peak of memory, and returns the
/// seconds. What else runs on the machine only makes a run slower.
#[expect(clippy::cast_precision_loss, reason = "figures for people")]
pub fn process(name: &str, machines: usize, read: u64, command: impl Fn() -> Command) -> f64 {
    let mut times = Vec::new();
    let mut most = 0;
    let runs = if machines > 100 { 3 } else { 11 };
    for _ in 0..runs {
        let start = Instant::now();
        let mut child =
            command().stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
        let status = format!("/proc/{}/status", child.id());
        while child.try_wait().expect("it runs").is_none() {
            most = most.max(peak_of(&status).unwrap_or(0));
            std::thread::sleep(Duration::from_micros(300));
        }
        times.push(start.elapsed().as_secs_f64());
    }
    let seconds = times.into_iter().min_by(f64::total_cmp).expect("it has run");
    let (rate, speed) = (machines as f64 / seconds, read as f64 / 1e6 / seconds);
    println!(
        "{name:<34}{rate:>11.0}{speed:>9.0}{:>8}{:>9.1}{:>12}{:>9.0}",
        "",
        seconds * 1e3,
        "",
        most as f64 / 1e6
    );
    seconds
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

/// Returns the processor time of all threads, where the system reports it.
fn processor_ticks() -> Option<u64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The second field is a name in brackets that may contain blanks. User and system time are
    // fields 14 and 15.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    Some(fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?)
}
