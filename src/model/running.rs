//! When a container runs, and what becomes of its output.

use std::collections::BTreeMap;

use super::Cron;

/// What makes a container run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Runs {
    /// Compose starts it, and it stays.
    #[default]
    Always,
    /// Compose starts it, and it ends by itself.
    Once,
    /// A person starts it, and it ends by itself.
    ByHand,
    /// A timer starts it, and it ends by itself.
    Every(Cron),
}

impl Runs {
    /// Returns whether compose starts it.
    pub const fn is_started(&self) -> bool {
        matches!(self, Self::Always | Self::Once)
    }

    /// Returns the word of the language, or nothing for a container that stays.
    pub const fn word(&self) -> Option<&'static str> {
        match self {
            Self::Always => None,
            Self::Once => Some("once"),
            Self::ByHand => Some("manual"),
            Self::Every(_) => Some("every"),
        }
    }

    /// Returns the profile of compose that keeps it from being started with the others.
    pub fn profile(&self) -> Option<&'static str> {
        if self.is_started() { None } else { self.word() }
    }
}

/// Where docker writes what a container prints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logging {
    /// The driver.
    pub driver: String,
    /// Its options.
    pub options: BTreeMap<String, String>,
}

/// What a container waits for in another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Until {
    /// Its start.
    Started,
    /// Its health.
    Healthy,
    /// Its end, with the exit code 0.
    Completed,
}
