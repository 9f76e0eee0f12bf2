//! Emits the files of images that the machine builds.

use serde::Serialize;

use super::Member;
use crate::artifact::Artifacts;
use crate::emit::Context;
use crate::kind::Kind;

/// An image to build, for the step that brings images.
#[derive(Debug, Serialize)]
pub(super) struct BuildView<'p> {
    image: &'p str,
    /// The folder below `payload/`.
    pub(super) folder: String,
    dockerfile: &'p str,
    target: Option<&'p str>,
    arguments: Vec<String>,
    /// The files that are programs, because their first line names what runs them. No file of a
    /// lab has a mode.
    programs: Vec<&'p str>,
}

/// Adds the files of each image, and lists the images.
pub(super) fn add<'p>(
    context: &Context<'p>,
    members: &[Member<'p>],
    artifacts: &mut Artifacts,
) -> Vec<BuildView<'p>> {
    let mut views = Vec::new();
    for (service, container) in members {
        let Some(build) = &container.build else { continue };
        let folder = format!("{}/build/{}/", service.name, container.name);
        let mut programs = Vec::new();
        for (name, file) in &build.files {
            let text = &context.sources.file(*file).text;
            // A bundle keeps no mode of such a file, so the step that builds sets it again.
            if text.starts_with("#!") {
                programs.push(name.as_str());
            }
            let origin = vec![format!("service {}", service.name)];
            artifacts.add(format!("{folder}{name}"), Kind::Text, text.as_str(), origin);
        }
        views.push(BuildView {
            image: &container.image.value,
            folder,
            dockerfile: &build.dockerfile,
            target: build.target.as_deref(),
            arguments: build
                .arguments
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect(),
            programs,
        });
    }
    views
}
