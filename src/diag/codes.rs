//! The list of every code that labwright knows, in one place; each is defined beside what raises it.

use super::Code;
use crate::{check, cli, compile, decl, emit, resolve, source, syntax};

/// Lists every code, grouped by the stage that raises it.
#[rustfmt::skip] // One a line: each is added and removed by itself.
pub static ALL: &[&[&Code]] = &[
    source::codes::CODES,
    syntax::codes::CODES,
    decl::codes::CODES,
    resolve::codes::CODES,
    check::accept::CODES,
    compile::CODES,
    cli::codes::CODES,
    emit::service_files::CODES,
    emit::grafana::CODES,
    emit::render::CODES,
];

/// Finds a code by its name.
pub fn find(name: &str) -> Option<&'static Code> {
    all().find(|code| code.name == name)
}

/// Lists every code.
pub fn all() -> impl Iterator<Item = &'static Code> {
    ALL.iter().flat_map(|group| group.iter().copied()).chain(check::RULES.iter().map(|rule| rule.code))
}
