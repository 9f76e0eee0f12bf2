//! Finding things by name, with the nearest name when there is none.

use super::codes;
use crate::decl::Value;
use crate::diag::{Code, Diagnostic, Diagnostics, nearest};
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
    if found.is_none() {
        unknown(&codes::UNKNOWN_NAME, what, text, name, list.iter().map(name_of), diagnostics);
    }
    found
}

/// Reports a name that nothing has.
pub fn unknown<'n>(
    code: &'static Code,
    what: &str,
    text: &str,
    name: &Spanned<Value<'_>>,
    names: impl Iterator<Item = &'n str>,
    diagnostics: &mut Diagnostics,
) {
    let mut names: Vec<&str> = names.collect();
    let help = nearest(text, names.iter().copied()).map_or_else(
        || {
            let more = names.len().saturating_sub(8);
            names.truncate(8);
            match (names.is_empty(), more) {
                (true, _) => format!("the lab has no {what} yet"),
                (false, 0) => format!("there are: {}", names.join(", ")),
                (false, more) => format!("there are: {} and {more} more", names.join(", ")),
            }
        },
        |near| format!("did you mean `{near}`?"),
    );
    diagnostics.push(Diagnostic::new(code, name.span, format!("there is no {what} `{text}`")).help(help));
}
