//! Reads the files and scripts of a module, and finds their templates.

use super::names::compose_name;
use super::read::{Report, text};
use crate::decl::Block;
use crate::diag::Diagnostics;
use crate::kind::Kind;
use crate::model::{
    OnChange, Script, ScriptPhase, Service, ServiceFile, ServiceFileTarget, TemplateId,
};
use crate::source::{FileId, Sources, Spanned};

pub fn template(
    block: &Block<'_>,
    sources: &Sources,
    report: Report<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<TemplateId> {
    let from = block.property("from")?;
    let path = template_path(block, sources)?;
    let found = template_file(block, sources);
    if found.is_none() {
        report(from.span, format!("there is no file `{path}`"), diagnostics);
    }
    Some(TemplateId { file: found?, name: path })
}

fn template_path(block: &Block<'_>, sources: &Sources) -> Option<String> {
    let name = block.property("from")?.text()?;
    let home = sources.file(block.span.file);
    Some(
        home.path
            .rsplit_once('/')
            .map_or_else(|| name.to_owned(), |(folder, _)| format!("{folder}/{name}")),
    )
}

/// Finds the template that a node names, in the folder of its module.
pub fn template_file(block: &Block<'_>, sources: &Sources) -> Option<FileId> {
    sources.find(sources.file(block.span.file).layer, &template_path(block, sources)?)
}

fn kind_of(word: &str) -> Option<Kind> {
    Kind::ALL.iter().copied().find(|kind| kind.name() == word)
}

pub fn file(
    block: &Block<'_>,
    service: &Service,
    sources: &Sources,
    report: Report<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<ServiceFile> {
    let name = block.key().to_owned();
    let valid = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
    };
    if !name.split('/').all(valid) {
        report(
            block.key_span(),
            format!("`{name}` can't be a file's name: letters, digits, `.`, `_` and `-`"),
            diagnostics,
        );
        return None;
    }
    let ending = match name.rsplit('.').next().unwrap_or_default() {
        "yaml" | "yml" => Kind::Yaml,
        "json" => Kind::Json,
        "sh" => Kind::Shell,
        "env" => Kind::Env,
        "ini" | "conf" | "cfg" => Kind::Ini,
        "md" => Kind::Markdown,
        _ => Kind::Text,
    };
    let container = block
        .property("container")
        .and_then(Spanned::text)
        .map(|container| compose_name(&service.module, &service.name, container))
        .or_else(|| service.containers.first().map(|container| container.name.clone()));
    let target = match (text(block, "at"), text(block, "install"), container) {
        (_, Some(path), _) => ServiceFileTarget::Machine(path),
        (Some(at), None, Some(container)) => ServiceFileTarget::Container { container, at },
        _ => ServiceFileTarget::Config,
    };
    let on_change = match (text(block, "restart"), text(block, "reload")) {
        (Some(unit), _) => OnChange::RestartUnit(unit),
        (None, Some(unit)) => OnChange::ReloadUnit(unit),
        _ if matches!(target, ServiceFileTarget::Machine(_)) => OnChange::Nothing,
        _ => OnChange::Container,
    };
    Some(ServiceFile {
        kind: text(block, "kind").as_deref().and_then(kind_of).unwrap_or(ending),
        template: template(block, sources, report, diagnostics)?,
        target,
        on_change,
        owner: text(block, "owner").unwrap_or_else(|| "root".to_owned()),
        group: text(block, "group")
            .or_else(|| text(block, "owner"))
            .unwrap_or_else(|| "root".to_owned()),
        mode: text(block, "mode").unwrap_or_else(|| "0644".to_owned()),
        span: block.span,
        name,
    })
}

pub fn script(
    block: &Block<'_>,
    sources: &Sources,
    report: Report<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Script> {
    Some(Script {
        name: block.key().to_owned(),
        phase: match block.property("phase").and_then(Spanned::text) {
            Some("check") => ScriptPhase::Check,
            Some("health") => ScriptPhase::Health,
            _ => ScriptPhase::Activate,
        },
        number: block
            .property("order")
            .and_then(Spanned::number)
            .filter(|order| *order < 100)
            .unwrap_or(40),
        template: template(block, sources, report, diagnostics)?,
        span: block.span,
    })
}
