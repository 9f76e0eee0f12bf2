//! Findings that the lab accepts.

use serde::{Deserialize, Serialize};

/// A finding that somebody read and accepted, as `release.json` lists it. Sorted by its fields.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accepted {
    /// The finding's code.
    pub code: String,
    /// The entity it is about.
    pub on: String,
    /// Why it is accepted.
    pub reason: String,
}
