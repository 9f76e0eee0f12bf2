//! Reads KDL text as nodes.

mod errors;
mod generated;
mod oracle;

use labwright::diag::Diagnostics;
use labwright::syntax::{self, Document};
use oracle::FILE;

fn parse(text: &str) -> Result<Document<'_>, Diagnostics> {
    let mut diagnostics = Diagnostics::default();
    syntax::parse(text, FILE, &mut diagnostics).ok_or(diagnostics)
}
