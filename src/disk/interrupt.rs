//! Ends the program when a signal asks for it, without leaving anything half done behind.
//!
//! A thread waits for signals, so that the program ends at once even while it computes. Once a
//! release is being written, the thread only passes the request on, and the writer stops and cleans
//! up. A second signal does not wait for the writer: the thread cleans up and ends the program.

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use signal_hook::consts::{SIGHUP, TERM_SIGNALS};
use signal_hook::iterator::Signals;

/// A request to stop the program. All clones share it.
#[derive(Debug, Clone, Default)]
pub struct Interrupt {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    asked: AtomicBool,
    work: Mutex<Work>,
}

/// The state of what is written to the disk.
#[derive(Default)]
enum Work {
    /// Nothing is written yet.
    #[default]
    Nothing,
    /// What exists has to be removed if it is not finished.
    Unfinished(Undo),
    /// Everything has its place.
    Finished,
}

/// Removes what exists of unfinished work.
pub type Undo = Box<dyn Fn() + Send>;

impl fmt::Debug for Work {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Nothing => "Nothing",
            Self::Unfinished(_) => "Unfinished",
            Self::Finished => "Finished",
        })
    }
}

impl Interrupt {
    /// Listens for the signals that ask a program to stop, and calls `exit` to end it.
    ///
    /// A signal that the program was started to ignore, as with `nohup`, stays ignored.
    pub fn listen(&self, exit: impl Fn() + Send + 'static) -> io::Result<()> {
        let ignored = ignored_signals();
        let is_heard = |signal: &i32| (ignored >> (signal - 1)) & 1 == 0;
        // `TERM_SIGNALS` lacks SIGHUP, which a terminal that closes sends.
        let heard = TERM_SIGNALS.iter().copied().chain([SIGHUP]).filter(is_heard);
        let mut signals = Signals::new(heard)?;
        let interrupt = self.clone();
        thread::Builder::new().name("signals".to_owned()).spawn(move || {
            for _ in signals.forever() {
                interrupt.signalled(&exit);
            }
        })?;
        Ok(())
    }

    fn signalled(&self, exit: &impl Fn()) {
        let again = self.shared.asked.swap(true, Ordering::SeqCst);
        // The lock is held until the program has ended, so that nothing new begins.
        match &*self.work() {
            Work::Unfinished(_) | Work::Finished if !again => {}
            Work::Unfinished(undo) => {
                undo();
                exit();
            }
            Work::Nothing | Work::Finished => exit(),
        }
    }

    /// Begins work that has to be undone if it is not finished. No signal comes in between.
    pub fn begin<T, E>(&self, begin: impl FnOnce() -> Result<(T, Undo), E>) -> Result<T, E> {
        let mut work = self.work();
        let (begun, undo) = begin()?;
        *work = Work::Unfinished(undo);
        Ok(begun)
    }

    /// Finishes the work, after which nothing has to be undone. No signal comes in between.
    pub fn finish<E>(&self, finish: impl FnOnce() -> Result<(), E>) -> Result<(), E> {
        let mut work = self.work();
        finish()?;
        *work = Work::Finished;
        Ok(())
    }

    /// Asks the program to stop.
    pub fn ask(&self) {
        self.shared.asked.store(true, Ordering::SeqCst);
    }

    /// Returns whether the program was asked to stop.
    pub fn asked(&self) -> bool {
        self.shared.asked.load(Ordering::SeqCst)
    }

    fn work(&self) -> MutexGuard<'_, Work> {
        self.shared.work.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the signals that are ignored, one bit each. There are none if the system does not say.
#[expect(clippy::disallowed_methods, reason = "the kernel says how the program was started")]
fn ignored_signals() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}
