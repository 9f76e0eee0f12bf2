//! `labwright reach`: what is read back from the emitted files, held against the plan; what the
//! answers say.

mod advice;
mod agreement;
mod answers;
mod planted;

use std::path::Path;

use labwright::compile::analyze;
use labwright::load::read_lab;
use labwright::plan::Plan;
use labwright::source::{Layer, SourceFile, Sources};

pub const LABS: [&str; 4] =
    ["blackbox", "media-automation", "media-server-home", "media-server-single"];

/// Reads a lab of the repository.
pub fn lab(name: &str) -> Sources {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("modules/labs").join(name);
    read_lab(&folder).unwrap_or_else(|_| panic!("{} can be read", folder.display()))
}

/// Makes a lab of one file.
pub fn written(text: &str) -> Sources {
    let file = SourceFile { path: "lab.kdl".into(), text: text.into(), layer: Layer::Lab };
    Sources::with_standard_library(vec![file])
}

/// Plans a lab and shows it to a test.
pub fn with_plan<T>(sources: &Sources, test: impl FnOnce(&Plan<'_>) -> T) -> T {
    let mut analyzed = analyze(sources);
    let checked = analyzed.check(sources);
    let plan = checked.plan.unwrap_or_else(|| panic!("no lab: {:?}", checked.diagnostics));
    test(&plan)
}
