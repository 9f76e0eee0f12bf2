//! Notices Ctrl-C and SIGTERM where it is safe to stop.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A request to stop the program. All clones share it.
#[derive(Debug, Clone, Default)]
pub struct Interrupt {
    asked: Arc<AtomicBool>,
}

impl Interrupt {
    /// Listens for the signals that ask a program to stop. A second signal stops it at once.
    pub fn listen() -> io::Result<Self> {
        let interrupt = Self::default();
        for signal in signal_hook::consts::TERM_SIGNALS {
            // The order matters. On the first signal the shutdown finds the flag unset, and only
            // then is it set. The second signal ends the program.
            signal_hook::flag::register_conditional_shutdown(
                *signal,
                128 + signal,
                Arc::clone(&interrupt.asked),
            )?;
            signal_hook::flag::register(*signal, Arc::clone(&interrupt.asked))?;
        }
        Ok(interrupt)
    }

    /// Asks the program to stop.
    pub fn ask(&self) {
        self.asked.store(true, Ordering::SeqCst);
    }

    /// Returns whether the program was asked to stop.
    pub fn asked(&self) -> bool {
        self.asked.load(Ordering::SeqCst)
    }
}
