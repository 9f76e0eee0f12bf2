//! Renders the templates of modules.

use std::path::Path;
use std::sync::LazyLock;

use minijinja::{Environment, Value};

use crate::format::bounded::{self, Compiled};
use crate::format::{self, Escape, Grammar};
use crate::kind::Kind;
use crate::model::TemplateId;
use crate::source::{FileId, Sources, Span};

/// What all templates run in.
static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(format::template_environment);

/// A fault in a template, with its place.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) problem: String,
    pub(super) place: Span,
}

/// Renders a template, or returns any other file unchanged. `view` is called with whether the
/// template uses the whole lab.
pub(super) fn render(
    template: &TemplateId,
    (kind, name): (Kind, &str),
    sources: &Sources,
    view: impl FnOnce(bool) -> Value,
) -> Result<String, Fault> {
    let text = &sources.file(template.file).text;
    // Only a template is rendered. Braces in any other file mean nothing to labwright.
    if !is_template(&template.name) {
        return Ok(text.clone());
    }
    Compiled::template(&template.name, text)
        .and_then(|compiled| {
            let escape = escape(kind, name);
            // Between such quotes, the value would not be where it is quoted.
            if let Some(fault) = bounded::value_in_quotes(text)
                && matches!(escape, Escape::Shell | Escape::Json)
            {
                return Err(fault);
            }
            let view = view(bounded::mentions(text, "lab"));
            compiled.render(&ENVIRONMENT, escape, view)
        })
        .map_err(|fault| Fault::of(fault, template.file))
}

/// Returns whether a file is rendered rather than copied.
fn is_template(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|extension| extension == "j2")
}

impl Fault {
    fn of(fault: bounded::Fault, file: FileId) -> Self {
        let offset = |offset: usize| u32::try_from(offset).unwrap_or(u32::MAX);
        let place = Span::new(file, offset(fault.range.start), offset(fault.range.end));
        Self { problem: fault.problem, place }
    }
}

/// Returns how values are escaped: by the kind of file, and by its name if the kind leaves it open.
fn escape(kind: Kind, name: &str) -> Escape {
    match kind {
        Kind::Shell => Escape::Shell,
        Kind::Json
        | Kind::Yaml
        | Kind::GrafanaDashboard
        | Kind::GrafanaProvisioning
        | Kind::PrometheusConfig
        | Kind::PrometheusRules
        | Kind::Alertmanager
        | Kind::Loki
        | Kind::Compose
        | Kind::CloudInitUserData
        | Kind::CloudInitMetaData
        | Kind::CloudInitNetworkConfig
        // Traefik's dynamic files are YAML or TOML, and a JSON string is a string in both.
        | Kind::Traefik
        // A string of Alloy's language is a Go string, and Go can read JSON strings.
        | Kind::Alloy => Escape::Json,
        Kind::Markdown => Escape::Markdown,
        Kind::Ini => Escape::Lines(Grammar::Ini),
        Kind::Fail2ban => Escape::Lines(Grammar::Fail2ban),
        Kind::Env => Escape::Lines(Grammar::Env),
        Kind::SystemdUnit => Escape::Lines(Grammar::Unit),
        Kind::Caddy => Escape::Lines(Grammar::Caddy),
        _ if Path::new(name).extension().is_some_and(|ending| ending == "toml") => Escape::Json,
        _ => Escape::of(name),
    }
}
