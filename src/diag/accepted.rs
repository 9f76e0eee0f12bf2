//! Findings that the lab accepts.

use serde::{Deserialize, Serialize};

/// A finding that the lab accepts, as `release.json` lists it. Findings are sorted by these fields.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accepted {
    /// The finding's code.
    pub code: String,
    /// The entity that the finding is about.
    pub on: String,
    /// The reason why it is accepted.
    pub reason: String,
}
