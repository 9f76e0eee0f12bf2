//! Finds parts of one program in different versions.

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
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
        for (index, first) in service.containers.iter().enumerate() {
            for second in service.containers.iter().skip(index + 1) {
                let (one, other) = (first.repository(), second.repository());
                let (version, other_version) = (first.tag(), second.tag());
                let together = one == other
                    || TOGETHER.contains(&(one, other))
                    || TOGETHER.contains(&(other, one));
                if !together || release(version) == release(other_version) {
                    continue;
                }
                diagnostics.push(
                    Diagnostic::new(
                        &CODE,
                        service.span,
                        format!(
                            "`{}` has parts of version {version} and {other_version}",
                            service.name
                        ),
                    )
                    .label(first.span, format!("`{}`", first.name))
                    .label(second.span, format!("`{}`", second.name))
                    .help("give both the same version")
                    .on(service.name.clone()),
                );
            }
        }
    }
}

/// Returns a tag without the variant of the build: `v3.1.0-openvino` is version `v3.1.0`.
fn release(tag: &str) -> &str {
    tag.split('-').next().unwrap_or(tag)
}
