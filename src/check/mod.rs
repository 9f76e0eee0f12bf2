//! The rules that a whole lab is checked against: one file each, registered in [`RULES`].
//!
//! A rule reads the plan and adds findings; it repairs nothing and knows no other rule.

pub mod accept;
mod host_port_twice;

use crate::diag::{Code, Diagnostics};
use crate::plan::Plan;

/// Is one rule: what it raises and how it looks for it.
#[derive(Debug)]
pub struct Rule {
    /// The code of its findings.
    pub code: &'static Code,
    /// Looks at the lab.
    pub check: fn(&Plan<'_>, &mut Diagnostics),
}

/// Lists the rules. Order does not matter.
#[rustfmt::skip] // One a line: each is added and removed by itself.
pub static RULES: &[&Rule] = &[
    &host_port_twice::RULE,
];

/// Runs every rule.
pub fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    for rule in RULES {
        (rule.check)(plan, diagnostics);
    }
}
