//! The list of every code that labwright knows, in one place; each is defined beside what raises it.

use super::Code;
use crate::{emit, source, syntax};

/// Lists every code, grouped by the stage that raises it.
pub const ALL: &[&[&Code]] = &[source::codes::CODES, emit::service_files::CODES, syntax::codes::CODES, emit::render::CODES];

/// Finds a code by its name.
pub fn find(name: &str) -> Option<&'static Code> {
    all().find(|code| code.name == name)
}

/// Lists every code.
pub fn all() -> impl Iterator<Item = &'static Code> {
    ALL.iter().flat_map(|group| group.iter().copied())
}
