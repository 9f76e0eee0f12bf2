//! Finding things by name, with the nearest name when there is none.

use super::codes;
use crate::decl::Value;
use crate::decl::types::is_name;
use crate::diag::{Code, Diagnostic, Diagnostics, suggest};
use crate::source::Spanned;

/// Finds `name` in a list sorted by name; reports it when it is not there.
pub fn find<T>(
    what: &str,
    name: &Spanned<Value<'_>>,
    list: &[T],
    name_of: impl Fn(&T) -> &str,
    diagnostics: &mut Diagnostics,
) -> Option<usize> {
    let text = name.text().unwrap_or_default();
    let found = list.binary_search_by(|entry| name_of(entry).cmp(text)).ok();
    // Beside an entity whose own name is at fault nobody can tell which name is wrong.
    if found.is_none() && list.iter().all(|entry| is_name(name_of(entry))) {
        unknown(&codes::UNKNOWN_NAME, what, text, name, list.iter().map(name_of), diagnostics);
    }
    found
}

/// Is how many names are listed where none is near.
const SHOWN: usize = 8;

/// Reports a name that nothing has.
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

/// Names a module's container in compose: the module's own name becomes the service's, any other is
/// put behind it.
pub fn compose_name(module: &str, service: &str, container: &str) -> String {
    if container == module { service.to_owned() } else { format!("{service}-{container}") }
}
