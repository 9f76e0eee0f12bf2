//! Ctrl-C and a polite kill, noticed where it is safe to stop.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Tells whether the program was asked to stop; clones tell the same.
#[derive(Debug, Clone, Default)]
pub struct Interrupt {
    asked: Arc<AtomicBool>,
}

impl Interrupt {
    /// Listens for the signals that ask a program to stop; a second one stops it on the spot.
    pub fn listen() -> io::Result<Self> {
        let interrupt = Self::default();
        for signal in signal_hook::consts::TERM_SIGNALS {
            // In this order: what the first signal sets arms the shutdown for the second.
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

    /// Says whether the program was asked to stop.
    pub fn asked(&self) -> bool {
        self.asked.load(Ordering::SeqCst)
    }
}
