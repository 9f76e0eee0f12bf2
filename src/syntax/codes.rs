//! The codes of what is not KDL.

use crate::diag::{Code, Severity};

/// Lists the codes of this stage.
pub static CODES: &[&Code] = &[&SYNTAX];

/// Says that the text is not KDL.
pub static SYNTAX: Code = Code { name: "syntax", severity: Severity::Error, summary: "the text is not KDL", explain: "" };
