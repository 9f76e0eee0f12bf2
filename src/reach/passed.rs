//! Connections that a filter has let through.

use std::net::IpAddr;

use super::read::Line;
use crate::plan::CidrSet;

/// What a filter lets through.
#[derive(Debug)]
pub(super) struct Passed {
    pub(super) from: CidrSet,
    pub(super) quote: Option<(Option<Line>, String)>,
    /// The address that they appear as from here on.
    pub(super) seen_as: Option<IpAddr>,
}
