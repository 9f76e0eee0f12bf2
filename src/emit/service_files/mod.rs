//! Emits the files and steps that modules make from their own templates.

mod codes;
mod routes;
mod templates;
mod views;

use std::sync::OnceLock;

use minijinja::Value;

use super::{Context, Emitter};
use crate::artifact::{Artifacts, Install, Phase, Slot};
use crate::diag::Diagnostics;
use crate::kind::Kind;
use crate::model::{
    Script, ScriptPhase, Service, ServiceFile, ServiceFileTarget, ServiceId, TemplateId,
};
use crate::source::Span;

pub(crate) use codes::CODES;

/// The emitter of every [`ServiceFile`] and [`Script`] of the machine's services.
pub const EMITTER: Emitter = Emitter { name: "service_files", folders: &[], emit };

/// The data that the templates of all machines share: the view of the whole lab.
#[derive(Debug, Default)]
pub struct Shared {
    lab: OnceLock<Value>,
}

fn emit(context: &Context<'_>, artifacts: &mut Artifacts, diagnostics: &mut Diagnostics) {
    for (id, service) in context.services() {
        for file in &service.files {
            add_file(context, id, service, file, artifacts, diagnostics);
        }
        for script in &service.scripts {
            add_script(context, id, service, script, artifacts, diagnostics);
        }
    }
}

/// Renders a template of a service's module as a file of `kind` named `name`. A failure becomes a
/// finding at the template's line.
///
/// `used_at` is the declaration that uses the template.
pub fn render(
    context: &Context<'_>,
    service: ServiceId,
    template: &TemplateId,
    (kind, name): (Kind, &str),
    used_at: Span,
    diagnostics: &mut Diagnostics,
) -> Option<String> {
    let lab = || context.shared.lab.get_or_init(|| views::lab(context.plan)).clone();
    // The view of the whole lab is large, so it is built only for a template that uses it.
    let view = |uses_lab| {
        views::of_service(context, service, if uses_lab { lab() } else { Value::UNDEFINED })
    };
    match templates::render(template, (kind, name), context.sources, view) {
        Ok(text) => Some(text),
        Err(fault) => {
            diagnostics.push(codes::template_error(context, service, template, &fault, used_at));
            None
        }
    }
}

fn add_file(
    context: &Context<'_>,
    id: ServiceId,
    service: &Service,
    file: &ServiceFile,
    artifacts: &mut Artifacts,
    diagnostics: &mut Diagnostics,
) {
    let Some(text) =
        render(context, id, &file.template, (file.kind, &file.name), file.span, diagnostics)
    else {
        return;
    };
    // A program may read more than what the name says.
    let plain = file.kind == Kind::Text && !file.known_by_name;
    let about = (file.kind, if plain { "" } else { &*file.name }, &file.template);
    if let Some(found) = codes::malformed(context, id, about, &text, file.span) {
        diagnostics.push(found);
    }
    let path = format!("{}/{}", service.name, file.name);
    let destination = match &file.target {
        ServiceFileTarget::Config | ServiceFileTarget::Container { .. } => {
            format!("{}/{}", service.config_folder(), file.name)
        }
        ServiceFileTarget::Machine(path) => path.clone(),
    };
    artifacts.installs.push(Install {
        source: path.clone(),
        destination,
        owner: file.owner.clone(),
        group: file.group.clone(),
        mode: file.mode.clone(),
    });
    artifacts.add(path, file.kind, text, origin(service));
}

fn add_script(
    context: &Context<'_>,
    id: ServiceId,
    service: &Service,
    script: &Script,
    artifacts: &mut Artifacts,
    diagnostics: &mut Diagnostics,
) {
    let rendered = render(
        context,
        id,
        &script.template,
        (Kind::Shell, &script.name),
        script.span,
        diagnostics,
    );
    let Some(text) = rendered else { return };
    let about = (Kind::Shell, &*script.name, &script.template);
    if let Some(found) = codes::malformed(context, id, about, &text, script.span) {
        diagnostics.push(found);
    }
    // The step has its own first line. A template has one too, so that editors and shellcheck
    // recognize it.
    let body = text
        .strip_prefix("#!")
        .map_or(text.as_str(), |rest| rest.split_once('\n').map_or("", |(_, body)| body));
    let phase = match script.phase {
        ScriptPhase::Check => Phase::Check,
        ScriptPhase::Activate => Phase::Activate,
        ScriptPhase::Health => Phase::Health,
    };
    let step = format!("{}-{}", service.name, script.name.trim_end_matches(".sh"));
    artifacts.step(
        Slot { phase, number: script.number },
        &step,
        &[&format!("{}/", service.name)],
        body,
        origin(service),
    );
}

fn origin(service: &Service) -> Vec<String> {
    vec![format!("service {}", service.name)]
}
