//! Declarations of one thing in several places: which of them lost against the one that decides.

use super::candidates::{Candidate, Candidates, Part};
use super::edit::{Edit, Workbench};
use super::find::Search;
use super::reason::{Reason, Role};
use crate::source::Span;

/// Finds what `reason` won over: without it, the line would change with them.
pub fn lost(search: &Search<'_>, candidates: &Candidates, reason: &Reason) -> Vec<(Span, String)> {
    if matches!(reason.role, Role::Template | Role::Default) {
        return Vec::new();
    }
    let Some((entity, field)) = reason.declaration.split_once(" / ") else { return Vec::new() };
    // The node that the winning value is in.
    let node = candidates.list.iter().rev().find(|other| {
        other.part == Part::Presence
            && other.span.file == reason.span.file
            && other.span.start <= reason.span.start
            && reason.span.end <= other.span.end
            && !other.path.ends_with('=')
    });
    let Some(node) = node else { return Vec::new() };
    // Several nodes in one place are there side by side.
    let rivals: Vec<&Candidate> = candidates
        .list
        .iter()
        .filter(|other| other.part == Part::Value && other.top != node.top)
        .filter(|other| is_rival(search.bench, entity, field, &other.path))
        .collect();
    if rivals.is_empty() {
        return Vec::new();
    }
    let without = Edit::leave_out(node.span);
    let Some(second) = search.file(std::slice::from_ref(&without)) else { return Vec::new() };
    let takes_effect = |rival: &&Candidate| {
        rival.edits.iter().any(|edits| {
            let edits: Vec<Edit> = edits.iter().cloned().chain([without.clone()]).collect();
            search.file(&edits).is_some_and(|other| other != second)
        })
    };
    let mut lost: Vec<(Span, String)> = rivals
        .into_iter()
        .filter(takes_effect)
        .map(|rival| (rival.span, rival.path.clone()))
        .collect();
    lost.dedup_by(|a, b| a.1 == b.1);
    lost
}

/// Returns whether the value at `path` may be about the same thing as `field` of `entity`.
fn is_rival(bench: &Workbench<'_>, entity: &str, field: &str, path: &str) -> bool {
    let plain = |text: &str| text.strip_prefix("extend ").unwrap_or(text).to_owned();
    let (entity, field) = match (entity.starts_with("profile "), field.split_once(" / ")) {
        (true, Some((inner, field))) => (plain(inner), field.to_owned()),
        _ => (plain(entity), field.to_owned()),
    };
    let Some((other, rest)) = path.split_once(" / ") else { return false };
    let head = field.split([' ', '=']).next().unwrap_or_default();
    if other.starts_with("profile ") {
        let inner = rest.split_once(" / ");
        let entity_in = inner.is_some_and(|(inner, rest)| plain(inner) == entity && rest == field);
        return rest == field || entity_in;
    }
    if other.starts_with("module ") {
        // An option's default, in a module whose file is that of the service.
        let default = format!("option {head} / default");
        let service = entity.starts_with("service ") || entity == other;
        return service
            && (rest == default || (entity == other && rest == field))
            && is_module_of(bench, &entity, other);
    }
    plain(other) == entity && rest == field
}

/// Returns whether a service may be of a module; the build that follows shows whether it is.
fn is_module_of(bench: &Workbench<'_>, entity: &str, module: &str) -> bool {
    let module = module.strip_prefix("module ").unwrap_or(module);
    let Some(service) = entity.strip_prefix("service ") else { return true };
    service == module
        || bench.blocks().any(|block| {
            let named = block.schema.name == "service" && block.key() == service;
            named && block.property("module").and_then(|name| name.text()) == Some(module)
        })
}
