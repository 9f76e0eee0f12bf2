//! Finds Dockerfiles that begin with an image whose content may change under the same name.

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::model::image;
use crate::plan::Plan;

/// Finds bases of images without a digest whose tag names no version.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code =
    codes::code!("unpinned-base", Warning, "a Dockerfile begins with an image without a version");

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    for (service, container) in plan.model.containers() {
        let Some(build) = &container.build else { continue };
        for base in build.bases.iter().filter(|base| !image::is_pinned(&base.value)) {
            let message = format!("`{}` names no version", base.value);
            diagnostics.push(
                Diagnostic::new(&CODE, base.span, message)
                    .label(build.span, format!("the image of container `{}`", container.name))
                    .help("name a version in the tag, or a digest: `NAME:1.2.3`")
                    .on(service.name.clone()),
            );
        }
    }
}
