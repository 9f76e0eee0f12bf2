//! Finds images whose content may change under the same name.

use super::{Rule, about_image};
use crate::diag::{Code, Diagnostics, codes};
use crate::plan::Plan;

/// Finds images without a digest whose tag names no version.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code =
    codes::code!("unpinned-image", Warning, "an image has no tag that names a version");

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    for (service, container) in plan.model.containers() {
        // An image that is none is already reported.
        let is_named = !container.image.value.is_empty();
        if is_named && !container.has_pinned_image() {
            let message = format!("`{}` names no version", container.image.value);
            diagnostics.push(
                about_image(&CODE, service, container, message)
                    .help("name a version in the tag, or a digest: `NAME:1.2.3`"),
            );
        }
    }
}
