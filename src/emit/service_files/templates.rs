//! Compiles all templates of a lab once.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use minijinja::{Environment, Error, ErrorKind, Value};

use crate::format;
use crate::kind::Kind;
use crate::model::{Model, TemplateId};
use crate::source::{FileId, Sources, Span};

#[derive(Debug)]
pub(super) struct Templates {
    environment: Environment<'static>,
    compiled: BTreeMap<(FileId, &'static str), Result<Compiled, Fault>>,
}

/// A fault in a template, with its place.
#[derive(Debug, Clone)]
pub(super) struct Fault {
    pub(super) problem: String,
    pub(super) place: Span,
}

#[derive(Debug)]
struct Compiled {
    name: String,
    uses_lab: bool,
}

impl Templates {
    /// Compiles the templates of all services. A faulty one is reported when something uses it.
    pub(super) fn of(model: &Model, sources: &Sources) -> Self {
        let mut wanted = BTreeSet::new();
        for service in &model.services {
            wanted.extend(
                service
                    .files
                    .iter()
                    .map(|file| (file.template.file, escape(file.kind, &file.name))),
            );
            wanted.extend(
                service
                    .scripts
                    .iter()
                    .map(|script| (script.template.file, escape(Kind::Shell, ""))),
            );
            let dashboards =
                service.dashboards.iter().filter_map(|dashboard| dashboard.template.as_ref());
            wanted.extend(
                dashboards.map(|template| (template.file, escape(Kind::GrafanaDashboard, ""))),
            );
        }
        for template in model.dashboards.iter().filter_map(|dashboard| dashboard.template.as_ref())
        {
            wanted.insert((template.file, escape(Kind::GrafanaDashboard, "")));
        }
        let mut environment = format::environment();
        wanted.retain(|(file, _)| is_template(&sources.file(*file).path));
        let compiled =
            wanted.into_iter().map(|key| (key, compile(&mut environment, sources, key))).collect();
        Self { environment, compiled }
    }

    /// Renders a template, or returns any other file unchanged. `view` is called with whether the
    /// template uses the whole lab.
    pub(super) fn render(
        &self,
        template: &TemplateId,
        (kind, name): (Kind, &str),
        sources: &Sources,
        view: impl FnOnce(bool) -> Value,
    ) -> Result<String, Fault> {
        let fault = |error: Error| Fault::of(&error, template.file, sources);
        // Only a template is rendered. Braces in any other file mean nothing to labwright.
        if !is_template(&template.name) {
            return Ok(sources.file(template.file).text.clone());
        }
        match self.compiled.get(&(template.file, escape(kind, name))) {
            Some(Ok(compiled)) => {
                let view = view(compiled.uses_lab);
                self.environment
                    .get_template(&compiled.name)
                    .and_then(|template| template.render(view))
                    .map_err(fault)
            }
            Some(Err(error)) => Err(error.clone()),
            None => Err(fault(Error::new(ErrorKind::TemplateNotFound, "no service declares it"))),
        }
    }
}

/// Returns whether a file is rendered rather than copied.
fn is_template(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|extension| extension == "j2")
}

impl Fault {
    fn of(error: &Error, file: FileId, sources: &Sources) -> Self {
        let problem = error.detail().map_or_else(
            || error.kind().to_string(),
            |detail| format!("{}: {detail}", error.kind()),
        );
        Self { problem, place: place(error, file, &sources.file(file).text) }
    }
}

/// Returns the place of the expression that failed, or else of its line.
fn place(error: &Error, file: FileId, text: &str) -> Span {
    let offset = |offset: usize| u32::try_from(offset.min(text.len())).unwrap_or(u32::MAX);
    if let Some(range) = error.range() {
        return Span::new(file, offset(range.start), offset(range.end));
    }
    let line = error.line().unwrap_or(1).saturating_sub(1);
    let start: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
    let length = text.get(start..).and_then(|rest| rest.lines().next()).map_or(0, str::len);
    Span::new(file, offset(start), offset(start + length))
}

fn compile(
    environment: &mut Environment<'static>,
    sources: &Sources,
    (file, escape): (FileId, &'static str),
) -> Result<Compiled, Fault> {
    let source = sources.file(file);
    // The text after the last dot decides how values are escaped.
    let name = format!("{}.{}.{escape}", file.0, source.path);
    environment
        .add_template_owned(name.clone(), source.text.clone())
        .and_then(|()| environment.get_template(&name))
        .map(|template| template.undeclared_variables(false).contains("lab"))
        .map(|uses_lab| Compiled { name, uses_lab })
        .map_err(|error| Fault::of(&error, file, sources))
}

/// Returns the file name's ending that selects how values are escaped: by the kind of file, and by
/// its name if the kind leaves it open.
fn escape(kind: Kind, name: &str) -> &'static str {
    match kind {
        Kind::Shell => "sh",
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
        | Kind::Alloy => "json",
        Kind::Markdown => "md",
        _ => match name.rsplit('.').next().unwrap_or("") {
            "sh" => "sh",
            "json" | "yaml" | "yml" | "toml" => "json",
            "md" => "md",
            "xml" | "html" => "html",
            _ => "conf",
        },
    }
}
