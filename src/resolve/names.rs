//! Finds entities by name, and suggests the nearest name if there is none.

use super::codes;
use crate::decl::Value;
use crate::decl::types::is_name;
use crate::diag::{Code, Diagnostic, Diagnostics, suggest};
use crate::source::Spanned;

/// Finds `name` in a list sorted by name. Reports a name that is not in it.
pub fn find<T>(
    what: &str,
    name: &Spanned<Value<'_>>,
    list: &[T],
    name_of: impl Fn(&T) -> &str,
    diagnostics: &mut Diagnostics,
) -> Option<usize> {
    let text = name.text().unwrap_or_default();
    let found = list.binary_search_by(|entry| name_of(entry).cmp(text)).ok();
    // If the name of an entity in the list is invalid, either name may be the wrong one, and the
    // invalid name is already reported.
    if found.is_none() && list.iter().all(|entry| is_name(name_of(entry))) {
        unknown(&codes::UNKNOWN_NAME, what, text, name, list.iter().map(name_of), diagnostics);
    }
    found
}

/// The number of names that are listed if none is near.
const SHOWN: usize = 8;

/// Reports an unknown name.
pub fn unknown<'n>(
    code: &'static Code,
    what: &str,
    text: &str,
    name: &Spanned<Value<'_>>,
    names: impl Iterator<Item = &'n str>,
    diagnostics: &mut Diagnostics,
) {
    if name.is_faulty() {
        return;
    }
    let names: Vec<&str> = names.collect();
    let help = suggest(text, names.iter().copied(), || match names.split_at_checked(SHOWN) {
        Some((first, more)) if !more.is_empty() => {
            format!("there are: {} and {} more", first.join(", "), more.len())
        }
        _ if names.is_empty() => format!("the lab has no {what} yet"),
        _ => format!("there are: {}", names.join(", ")),
    });
    diagnostics
        .push(Diagnostic::new(code, name.span, format!("there is no {what} `{text}`")).help(help));
}

/// Returns the name of a module's container in compose. A container with the module's name gets the
/// name of the service; the name of any other is appended to that.
pub fn compose_name(module: &str, service: &str, container: &str) -> String {
    if container == module { service.to_owned() } else { format!("{service}-{container}") }
}
