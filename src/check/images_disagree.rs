//! Finds parts of one program in different versions.

use std::collections::BTreeMap;

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::model::Container;
use crate::plan::Plan;

/// Finds services whose containers must have one version but don't.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code =
    codes::code!("images-disagree", Warning, "parts of one program have different versions");

/// Repositories that are released together. An image that occurs twice must also have one version.
static TOGETHER: &[(&str, &str)] =
    &[("immich-app/immich-server", "immich-app/immich-machine-learning")];

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    for service in &plan.model.services {
        let mut firsts: BTreeMap<&str, &Container> = BTreeMap::new();
        for second in &service.containers {
            let first = *firsts.entry(program(second.repository())).or_insert(second);
            let (version, other_version) = (first.tag(), second.tag());
            if release(version) == release(other_version) {
                continue;
            }
            let message =
                format!("`{}` has parts of version {version} and {other_version}", service.name);
            diagnostics.push(
                Diagnostic::new(&CODE, service.span, message)
                    .label(first.span, format!("`{}`", first.name))
                    .label(second.span, format!("`{}`", second.name))
                    .help("give both the same version")
                    .on(service.name.clone()),
            );
        }
    }
}

/// Returns the repository that a part of a program is released with.
fn program(repository: &str) -> &str {
    let whole = TOGETHER.iter().find(|(_, part)| *part == repository);
    whole.map_or(repository, |(whole, _)| whole)
}

/// Returns a tag without the variant of the build: `v3.1.0-openvino` is version `v3.1.0`.
fn release(tag: &str) -> &str {
    tag.split('-').next().unwrap_or(tag)
}
