//! The finding of a template that can't be rendered.

use super::templates::Fault;
use crate::diag::{Diagnostic, codes};
use crate::emit::Context;
use crate::model::{ServiceId, TemplateId};
use crate::source::Span;

codes::define! {
    /// A template of a module fails.
    TEMPLATE_ERROR = "template-error", Error, "a module's template can't be rendered",
        "\
A template sees `opt`, `service`, `machine`, `state`, `need`, `secret` and `lab` (docs/templates.md says what is in them) and nothing
else; a name that is not there is an error, not an empty text. A value is written so that it can't leave its place; where that is
impossible (a line break in a file of lines, a list where one value stands), it is an error too.

    port: {{ opt.prot }}

Write the option's name as the module declares it:

    port: {{ opt.port }}
";
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
