//! Finds entities by name, and suggests the nearest name if there is none.

use super::codes;
use super::visible::Secrets;
use crate::decl::Value;
use crate::decl::types::is_name;
use crate::diag::{Code, Diagnostic, Diagnostics, near, nearest, suggest};
use crate::source::{Span, Spanned};

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
    if found.is_none() && list.iter().take(LOOKED_AT).all(|entry| is_name(name_of(entry))) {
        let names: Vec<&str> = list.iter().take(LOOKED_AT).map(name_of).collect();
        unknown_of(&codes::UNKNOWN_NAME, what, (text, name), (&names, list.len()), diagnostics);
    }
    found
}

/// The most entities that are looked at for an unknown name, so that many unknown names take no
/// longer for many entities.
const LOOKED_AT: usize = 1_000;

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
    let names: Vec<&str> = names.collect();
    unknown_of(code, what, (text, name), (&names, names.len()), diagnostics);
}

/// Reports an unknown name, with the first of the names that there are, and their number.
fn unknown_of(
    code: &'static Code,
    what: &str,
    (text, name): (&str, &Spanned<Value<'_>>),
    (names, count): (&[&str], usize),
    diagnostics: &mut Diagnostics,
) {
    if name.is_faulty() {
        return;
    }
    let help =
        if what == "zone" { zones(text, names, count) } else { others(what, text, names, count) };
    diagnostics
        .push(Diagnostic::new(code, name.span, format!("there is no {what} `{text}`")).help(help));
}

/// Writes what may have been meant by the unknown name of a zone. Who may connect depends on it, so
/// a name is suggested only if no other is as near, and if it is not that of another member of a
/// row.
fn zones(text: &str, names: &[&str], count: usize) -> String {
    let without_digits = |name: &str| name.replace(|one: char| one.is_ascii_digit(), "");
    match near(text, names.iter().copied())[..] {
        [one] if text.chars().count() > 3 && without_digits(one) != without_digits(text) => {
            format!("did you mean `{one}`?")
        }
        _ => {
            let others: Vec<&str> =
                names.iter().copied().filter(|name| *name != "internet").take(SHOWN).collect();
            let more = match count.saturating_sub(1).saturating_sub(SHOWN) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            format!("there are: {}{more}; `internet` is all that is outside", others.join(", "))
        }
    }
}

fn others(what: &str, text: &str, names: &[&str], count: usize) -> String {
    suggest(text, names.iter().copied(), || match names.split_at_checked(SHOWN) {
        Some((first, more)) if !more.is_empty() => {
            format!("there are: {} and {} more", first.join(", "), count - SHOWN)
        }
        _ if names.is_empty() && what.contains(" of `") => "there is none: remove it".to_owned(),
        _ if names.is_empty() => format!("the lab has no {what} yet"),
        _ => format!("there are: {}", names.join(", ")),
    })
}

/// Returns the name of a module's container in compose. A container with the module's name gets the
/// name of the service; the name of any other is appended to that.
pub fn compose_name(module: &str, service: &str, container: &str) -> String {
    if container == module { service.to_owned() } else { format!("{service}-{container}") }
}

/// Returns the secret whose name is like `name`.
pub fn near_secret<'m>(name: &str, secrets: &'m Secrets) -> Option<&'m str> {
    nearest(name, secrets.names())
}

/// Reports that the lab declares no secret of a name.
pub fn undeclared(name: &str, span: Span, secrets: &Secrets) -> Diagnostic {
    match near_secret(name, secrets) {
        Some(near) => {
            Diagnostic::new(&codes::UNDECLARED_SECRET, span, format!("there is no secret `{name}`"))
                .help(format!("did you mean `{near}`?"))
        }
        None if name.strip_prefix("(secret)").is_some_and(|name| secrets.id(name).is_some()) => {
            let message = "`(secret)` in quotes is a part of the text";
            Diagnostic::new(&codes::UNDECLARED_SECRET, span, message)
                .help("write `(secret)NAME`, without quotes around it")
        }
        // It may be the secret itself, typed in by mistake.
        None => Diagnostic::new(
            &codes::UNDECLARED_SECRET,
            span,
            "no secret of this name is declared",
        )
        .help(
            "declare `secret NAME` and write `(secret)NAME` here: a lab never holds the value \
             itself",
        )
        .conceal(span),
    }
}
