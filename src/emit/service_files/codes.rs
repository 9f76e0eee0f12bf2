//! The finding of a template that can't be rendered.

use super::templates::Fault;
use crate::diag::{Diagnostic, codes};
use crate::emit::Context;
use crate::model::{ServiceId, TemplateId};
use crate::source::Span;

codes::define! {
    TEMPLATE_ERROR = "template-error", Error, "a module's template can't be rendered";
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
