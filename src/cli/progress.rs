//! Shows the progress of a long build to a person at a terminal. This is the only file that reads
//! the clock.

#![expect(
    clippy::disallowed_types,
    reason = "how long a person has waited decides what they see, and nothing else"
)]

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

use super::console::Console;

/// The time that a build may take without showing progress, in milliseconds.
pub const PATIENCE: u64 = 1000;

/// The time between two updates of the line, in milliseconds.
pub const REFRESH: u64 = 100;

/// A counter of finished machines, used from every thread.
#[derive(Debug)]
pub struct Progress {
    console: Console,
    total: usize,
    done: AtomicUsize,
    start: Instant,
    shown: AtomicU64,
}

impl Progress {
    /// Starts counting towards `total`.
    pub fn new(console: Console, total: usize) -> Self {
        Self {
            console,
            total,
            done: AtomicUsize::new(0),
            start: Instant::now(),
            shown: AtomicU64::new(0),
        }
    }

    /// Counts one more machine.
    pub fn step(&self) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        if !self.console.interactive {
            return;
        }
        let now = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        let shown = self.shown.load(Ordering::Relaxed);
        // If several threads get here at once, only one of them writes the line.
        if is_due(now, shown)
            && self.shown.compare_exchange(shown, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
        {
            Console::message(&format!("\r\x1b[Kbuilding: {done} of {} machines", self.total));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown.load(Ordering::Relaxed) > 0 {
            Console::message("\r\x1b[K");
        }
    }
}

/// Returns whether a line is due at `now` when the last one was shown at `shown` (0 if none was).
/// Both are in milliseconds from the start.
pub fn is_due(now: u64, shown: u64) -> bool {
    // Another thread may have shown a line after this one read the clock.
    now >= PATIENCE && (shown == 0 || now - shown.min(now) >= REFRESH)
}
