//! Finds images whose content may change under the same name.

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::plan::Plan;

/// Finds images without a digest whose tag names no version.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code =
    codes::code!("unpinned-image", Warning, "an image has no tag that names a version");

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    for service in &plan.model.services {
        for container in &service.containers {
            let image = container.image.value.as_str();
            if !container.has_pinned_image() {
                let written = service.option_spans.contains_key("image");
                let span = if written { container.image.span } else { service.span };
                diagnostics.push(
                    Diagnostic::new(&CODE, span, format!("`{image}` names no version"))
                        .label(
                            container.span,
                            format!("the image of container `{}`", container.name),
                        )
                        .help("name a version in the tag, or a digest: `NAME:1.2.3`")
                        .on(service.name.clone()),
                );
            }
        }
    }
}
