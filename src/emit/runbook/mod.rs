//! RUNBOOK.md: what a machine is and how to bring it back, for a person at night.

mod view;

use std::sync::LazyLock;

use super::render::Templates;
use super::{Context, Emitter};
use crate::artifact::{Artifacts, Kind};
use crate::diag::Diagnostics;

/// Writes the runbook of a machine.
pub const EMITTER: Emitter = Emitter { name: "runbook", emit };

static TEMPLATES: LazyLock<Templates> = LazyLock::new(|| Templates::new(&[("RUNBOOK.md.j2", include_str!("RUNBOOK.md.j2"))]));

fn emit(context: &Context<'_>, artifacts: &mut Artifacts, diagnostics: &mut Diagnostics) {
    let Some(text) = TEMPLATES.write("RUNBOOK.md.j2", &view::runbook(context), &context.this().name, diagnostics) else { return };
    let services = context.services().map(|(_, service)| format!("service {}", service.name));
    artifacts.add("RUNBOOK.md", Kind::Markdown, text, context.origin().into_iter().chain(services).collect());
}
