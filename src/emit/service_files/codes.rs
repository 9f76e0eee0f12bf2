//! The findings of templates that can't be rendered, and of files that are not of their kind.

use super::templates::Fault;
use crate::diag::{Diagnostic, codes};
use crate::emit::Context;
use crate::format::well_formed::{self, Malformed};
use crate::kind::Kind;
use crate::model::{ServiceId, TemplateId};
use crate::source::{FileId, Layer, Span};

codes::define! {
    TEMPLATE_ERROR = "template-error", Error, "a module's template can't be rendered";
    FILE_MALFORMED = "file-malformed", Error, "the program that reads a file would refuse it";
}

pub(super) fn template_error(
    context: &Context<'_>,
    service: ServiceId,
    template: &TemplateId,
    fault: &Fault,
    used_at: Span,
) -> Diagnostic {
    let service = &context.model()[service];
    Diagnostic::new(&TEMPLATE_ERROR, fault.place, format!("`{}`: {}", template.name, fault.problem))
        .label(used_at, "the file that it makes")
        .label(service.span, format!("for service `{}`", service.name))
        .on(&service.name)
}

/// Reports a file of a module of the lab that is not of its kind.
pub(super) fn malformed(
    context: &Context<'_>,
    service: ServiceId,
    (kind, file, template): (Kind, &str, &TemplateId),
    text: &str,
    used_at: Span,
) -> Option<Diagnostic> {
    let source = context.sources.file(template.file);
    // Those of the library are tested with their programs.
    if source.layer == Layer::Builtin {
        return None;
    }
    let Malformed { line, problem, help } = well_formed::malformed(kind, file, text)?;
    let message = format!("`{}`: {problem}", template.name);
    // A template has other lines than what it makes.
    let found = if source.text == text {
        let place = line_of(template.file, text, line);
        Diagnostic::new(&FILE_MALFORMED, place, message).label(used_at, "the file that it makes")
    } else {
        Diagnostic::new(&FILE_MALFORMED, used_at, message)
    };
    let service = &context.model()[service];
    let named = format!("for service `{}`", service.name);
    Some(found.label(service.span, named).help(help).on(&service.name))
}

/// Returns the place of a line of a file.
fn line_of(file: FileId, text: &str, line: usize) -> Span {
    let mut lines = text.split_inclusive('\n');
    let start: usize = lines.by_ref().take(line.saturating_sub(1)).map(str::len).sum();
    let length = lines.next().unwrap_or_default().trim_end().len();
    let offset = |offset: usize| u32::try_from(offset).unwrap_or(u32::MAX);
    Span::new(file, offset(start), offset(start + length))
}
