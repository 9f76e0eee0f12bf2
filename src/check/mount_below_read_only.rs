//! Finds mounts below a folder that is mounted read-only.

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::model::{Container, Machine, Mount, Service};
use crate::plan::Plan;
use crate::source::Span;

/// Finds shares and mounts of containers whose place is in a folder that is mounted read-only, in
/// which nothing can make the folder that they need.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code = codes::code!(
    "mount-below-read-only",
    Warning,
    "a mount is inside of a folder that is mounted read-only"
);

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    for machine in &plan.model.machines {
        shares(machine, diagnostics);
    }
    for service in &plan.model.services {
        for container in &service.containers {
            mounts(service, container, diagnostics);
        }
    }
}

fn shares(machine: &Machine, diagnostics: &mut Diagnostics) {
    for outer in machine.shares.iter().filter(|share| share.read_only) {
        let inner = machine.shares.iter().filter(|inner| below(&outer.at, &inner.at).is_some());
        for inner in inner {
            let message = format!(
                "`{}` is below `{}`, which `{}` mounts read-only",
                inner.at, outer.at, machine.name
            );
            diagnostics.push(finding(message, inner.span, outer.span, &machine.name));
        }
    }
}

fn mounts(service: &Service, container: &Container, diagnostics: &mut Diagnostics) {
    for outer in container.mounts.iter().filter(|mount| mount.read_only) {
        for inner in container.mounts.iter().filter(|inner| needs_folder(outer, inner)) {
            let message = format!(
                "`{}` is below `{}`, which `{}` has read-only",
                inner.at, outer.at, container.name
            );
            diagnostics.push(finding(message, inner.span, outer.span, &service.name));
        }
    }
}

/// Returns whether a mount needs a folder inside of another one that need not have it. The machine
/// itself has the folders of its system, and what is mounted at its own place is there.
fn needs_folder(outer: &Mount, inner: &Mount) -> bool {
    let Some(rest) = below(&outer.at, &inner.at) else { return false };
    let own = format!("{}{rest}", outer.source.trim_end_matches('/'));
    outer.source != "/" && own != inner.source
}

/// Returns the part of a path after a folder that it is in.
fn below<'p>(folder: &str, path: &'p str) -> Option<&'p str> {
    path.strip_prefix(folder.trim_end_matches('/')).filter(|rest| rest.starts_with('/'))
}

fn finding(message: String, inner: Span, outer: Span, on: &str) -> Diagnostic {
    Diagnostic::new(&CODE, inner, message)
        .label(outer, "read-only here")
        .help("mount it elsewhere, or make its folder where the read-only one comes from")
        .on(on)
}
