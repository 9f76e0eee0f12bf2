//! Lists every code that labwright knows. Each is defined next to what raises it.

use crate::diag::Code;
use crate::{bundle, check, decl, disk, emit, format, load, resolve, syntax};

/// Every code except those of the rules in [`check::RULES`], with one line for each file that
/// defines codes.
#[rustfmt::skip] // One a line: each is added and removed by itself.
pub static ALL: &[&[&Code]] = &[
    load::codes::CODES,
    syntax::codes::CODES,
    decl::codes::CODES,
    resolve::codes::CODES,
    check::accept::CODES,
    bundle::codes::CODES,
    disk::codes::CODES,
    emit::CODES,
    emit::service_files::CODES,
    emit::grafana::CODES,
    format::templates::CODES,
];

/// Finds a code by its name.
pub fn find(name: &str) -> Option<&'static Code> {
    all().find(|code| code.name == name)
}

/// Lists every code.
pub fn all() -> impl Iterator<Item = &'static Code> {
    ALL.iter()
        .flat_map(|group| group.iter().copied())
        .chain(check::RULES.iter().map(|rule| rule.code))
}
