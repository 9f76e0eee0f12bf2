//! Reads the files and scripts of a module, and finds their templates.

use std::collections::BTreeSet;

use super::names::compose_name;
use super::read::{Report, text};
use crate::decl::Block;
use crate::diag::Diagnostics;
use crate::kind::Kind;
use crate::model::{
    Mount, MountKind, OnChange, Script, ScriptPhase, Service, ServiceFile, ServiceFileTarget,
    TemplateId,
};
use crate::source::{FileId, Layer, Sources, Spanned};

/// Lists the words of a text that may name what to connect to: a URL, or a host with its port.
/// Comments don't count.
fn addresses_in(text: &str) -> Vec<String> {
    let is_comment = |line: &&str| {
        let line = line.trim_start();
        line.starts_with(['#', ';']) || line.starts_with("//")
    };
    let divides = |c: char| c.is_whitespace() || "\"'`,;<>()[]{}=|".contains(c);
    let is_address = |word: &&str| {
        let mut pairs = word.as_bytes().windows(2);
        let ends = |next: u8| next == b'/' || next.is_ascii_digit();
        word.contains('@') || pairs.any(|pair| matches!(pair, [b':', next] if ends(*next)))
    };
    let lines = text.lines().filter(|line| !is_comment(line));
    let words: BTreeSet<&str> =
        lines.flat_map(|line| line.split(divides)).filter(is_address).collect();
    words.into_iter().map(str::to_owned).collect()
}

/// Returns whether the first line of what a text becomes may name the program that runs it. A
/// template may begin with statements, which leave nothing behind.
fn names_interpreter(text: &str) -> bool {
    text.starts_with("#!") || (text.starts_with('{') && text.contains("#!"))
}

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

fn kind_by_name(name: &str) -> Kind {
    match name.rsplit('.').next().unwrap_or_default() {
        "yaml" | "yml" => Kind::Yaml,
        "json" => Kind::Json,
        "sh" => Kind::Shell,
        "env" => Kind::Env,
        "ini" | "conf" | "cfg" => Kind::Ini,
        "md" => Kind::Markdown,
        _ => Kind::Text,
    }
}

fn is_file_name(name: &str) -> bool {
    let valid = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
    };
    name.split('/').all(valid)
}

/// Lists the files below a folder next to the module's own file, by their paths in it. Also returns
/// the folder's path.
pub fn files_below(
    from: &str,
    block: &Block<'_>,
    sources: &Sources,
    report: Report<'_>,
    diagnostics: &mut Diagnostics,
) -> (String, Vec<(String, FileId)>) {
    let home = sources.file(block.span.file);
    let own = home.path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let folder = format!("{own}/{}/", from.trim_end_matches('/'));
    let mut files = Vec::new();
    for (id, file) in sources.files() {
        let rest = file.path.strip_prefix(&folder).filter(|_| file.layer == home.layer);
        let Some(rest) = rest else { continue };
        if is_file_name(rest) {
            files.push((rest.to_owned(), id));
            continue;
        }
        let message = format!(
            "`{}` can't travel: the name of a file has letters, digits, `.`, `_` and `-`",
            file.path
        );
        report(block.span, message, diagnostics);
    }
    files.sort();
    (folder, files)
}

/// Reads a folder of a module: its files, and the mount by which a container sees them.
pub fn folder(
    block: &Block<'_>,
    service: &mut Service,
    sources: &Sources,
    report: Report<'_>,
    diagnostics: &mut Diagnostics,
) {
    let (Some(from), Some(at)) = (text(block, "from"), text(block, "at")) else { return };
    let (folder, files) = files_below(&from, block, sources, report, diagnostics);
    let name = block.key();
    let owner = text(block, "owner").unwrap_or_else(|| "root".to_owned());
    let mut found = Vec::new();
    for (rest, id) in files {
        found.push(ServiceFile {
            name: format!("{name}/{}", rest.strip_suffix(".j2").unwrap_or(&rest)),
            // labwright does not know the format that the program reads.
            kind: Kind::Text,
            known_by_name: false,
            template: TemplateId { file: id, name: sources.file(id).path.clone() },
            addresses: addresses_in(&sources.file(id).text),
            runs: names_interpreter(&sources.file(id).text),
            target: ServiceFileTarget::Config,
            on_change: OnChange::Container,
            owner: owner.clone(),
            group: text(block, "group").unwrap_or_else(|| owner.clone()),
            mode: text(block, "mode").unwrap_or_else(|| "0644".to_owned()),
            span: block.span,
        });
    }
    if found.is_empty() {
        report(block.span, format!("there is no file below `{folder}`"), diagnostics);
        return;
    }
    let source = format!("{}/{name}", service.config_folder());
    let wanted = block
        .property("container")
        .and_then(Spanned::text)
        .map(|container| compose_name(&service.module, &service.name, container));
    let sees = match &wanted {
        Some(wanted) => service.containers.called_mut(wanted),
        None => service.containers.first_mut(),
    };
    let Some(container) = sees else {
        report(block.span, "no container could see the folder".to_owned(), diagnostics);
        return;
    };
    container.mounts.push(Mount {
        kind: MountKind::Config,
        source,
        at,
        read_only: true,
        propagation: None,
        span: block.span,
    });
    service.files.append(&mut found);
}

pub fn file(
    block: &Block<'_>,
    service: &Service,
    sources: &Sources,
    report: Report<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<ServiceFile> {
    let name = block.key().to_owned();
    if !is_file_name(&name) {
        report(
            block.key_span(),
            format!("`{name}` can't be a file's name: letters, digits, `.`, `_` and `-`"),
            diagnostics,
        );
        return None;
    }
    let ending = kind_by_name(&name);
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
    let template = template(block, sources, report, diagnostics)?;
    let kind = text(block, "kind").as_deref().and_then(kind_of);
    Some(ServiceFile {
        kind: kind.unwrap_or(ending),
        known_by_name: kind.is_none(),
        addresses: addresses_in(&sources.file(template.file).text),
        runs: names_interpreter(&sources.file(template.file).text),
        template,
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
        of_lab: sources.file(block.span.file).layer != Layer::Builtin,
        span: block.span,
    })
}
