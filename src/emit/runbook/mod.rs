//! Emits RUNBOOK.md: what a machine is and how to restore it, for a person at night.

mod access;
mod by_hand;
mod kept;
mod repositories;
mod setup;
mod step;
mod view;

use std::sync::LazyLock;

use minijinja::value::Value;

use super::{Context, Emitter};
use crate::artifact::Artifacts;
use crate::diag::Diagnostics;
use crate::format::Templates;
use crate::format::{environment, markdown_text};
use crate::kind::Kind;

pub use setup::{Archive, steps};
pub use step::{Line, Piece, Step};
pub use view::is_a;

/// The emitter of a machine's runbook.
pub const EMITTER: Emitter = Emitter { name: "runbook", folders: &["RUNBOOK.md"], emit };

static TEMPLATES: LazyLock<Templates> = LazyLock::new(|| {
    let mut environment = environment();
    environment.add_filter("plain", |text: &str| Value::from_safe_string(plain(text)));
    environment.add_filter("code", |text: &str| Value::from_safe_string(code(text)));
    environment.add_filter("quoting", |text: &str| Value::from_safe_string(quoting(text)));
    Templates::within(environment, &[("RUNBOOK.md.j2", include_str!("RUNBOOK.md.j2"))])
});

/// Writes text to copy in a block of code, unchanged and on one line.
fn plain(text: &str) -> String {
    text.chars().filter(|character| !character.is_control()).collect()
}

/// Writes text to copy as code within a paragraph or a table.
fn code(text: &str) -> String {
    let text = plain(text);
    // Inside code, a backslash does not escape a backquote.
    if text.is_empty() || text.contains('`') {
        markdown_text(&text)
    } else {
        // Even inside code, a bar ends the cell of a table.
        format!("`{}`", text.replace('|', "\\|"))
    }
}

/// Writes a sentence, in which what is between back quotes is code.
fn quoting(text: &str) -> String {
    let pieces: Vec<&str> = text.split('`').collect();
    if pieces.len().is_multiple_of(2) {
        return markdown_text(text);
    }
    let piece = |(index, text): (usize, &&str)| {
        if !index.is_multiple_of(2) && !text.is_empty() { code(text) } else { markdown_text(text) }
    };
    pieces.iter().enumerate().map(piece).collect()
}

fn emit(context: &Context<'_>, artifacts: &mut Artifacts, diagnostics: &mut Diagnostics) {
    let Some(text) = TEMPLATES.write(
        "RUNBOOK.md.j2",
        &view::runbook(context),
        &context.this().name,
        diagnostics,
    ) else {
        return;
    };
    let services = context.services().map(|(_, service)| format!("service {}", service.name));
    artifacts.add(
        "RUNBOOK.md",
        Kind::Markdown,
        text,
        context.origin().into_iter().chain(services).collect(),
    );
}
