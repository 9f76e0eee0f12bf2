//! Converts text of which only a part is a secret, such as the password in a URL.

use super::hosts::with_hosts;
use super::kdl::{Given, Line, braced, line};
use super::stack::{Around, Stack};
use super::yaml::Place;

/// What stands for the secret while the rest of the text is converted: a letter, as far as the
/// borders of names are concerned, which no text has.
const PLACE: &str = "\u{e000}";

/// A text with one secret in it.
struct Parts {
    before: String,
    secret: String,
    after: String,
}

/// Converts a variable whose value has one secret in it. Returns its node, and what it becomes.
pub fn variable(
    name: &str,
    value: &str,
    (owner, place): (&str, Place),
    stack: &mut Stack,
    around: &mut Around<'_>,
) -> Option<(Line, String)> {
    let parts = password_in_url(value).or_else(|| known_secret(value, around))?;
    // `$X` replaces the secret here, because a variable is never taken for one.
    let rest = format!("{}$X{}", parts.before, parts.after);
    if value.contains(PLACE) || around.secrets.hides(&rest) {
        return None;
    }
    let known = around.secrets.variable_of(&parts.secret);
    let called = known.unwrap_or_else(|| format!("{name}_PASSWORD"));
    let wanted = format!("{}-{}", stack.service, called.to_ascii_lowercase());
    let doc = format!("the password in `{name}` of `{owner}`");
    let secret = around.secrets.declare(&parts.secret, &wanted, place, &doc);
    let option = stack.secret_option(&secret, &called, &format!("The value of `{called}`."));
    let text = format!("{}{PLACE}{}", parts.before, parts.after);
    let (given, renamed) = with_hosts(name, &text, around.number, around.renames);
    let text = match given {
        Given::Text(text) => braced(&text),
        Given::Filled(text) => text,
        Given::Ref(_) => return None,
    };
    let text = text.replace(PLACE, &format!("{{opt.{option}}}"));
    let mut what = format!("env, with the secret `{secret}` in it, which the machine puts there");
    for new in renamed {
        what = format!("{what}, and {new}");
    }
    Some((line("env").arg(name).arg(Given::Filled(text)), what))
}

/// Divides a URL at its password.
fn password_in_url(value: &str) -> Option<Parts> {
    let (scheme, rest) = value.split_once("://")?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    let end = rest.find(['/', '?', '#', ' ', '"', '\'']).unwrap_or(rest.len());
    let (user, _) = rest.get(..end)?.rsplit_once('@')?;
    let (name, password) = user.split_once(':')?;
    if password.is_empty() || !scheme.bytes().all(plain) {
        return None;
    }
    Some(Parts {
        before: format!("{scheme}://{name}:"),
        secret: decoded(password)?,
        after: rest.get(user.len()..)?.to_owned(),
    })
}

/// Divides a text at a secret that another variable has by itself.
fn known_secret(value: &str, around: &Around<'_>) -> Option<Parts> {
    let secret = around.secrets.known_in(value)?;
    let (before, after) = value.split_once(&secret)?;
    let whole = before.is_empty() && after.is_empty();
    (!whole).then(|| Parts { before: before.to_owned(), after: after.to_owned(), secret })
}

/// Decodes the percent signs of a URL.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digits = [rest.next()?, rest.next()?];
        let digits = str::from_utf8(&digits).ok()?.to_owned();
        bytes.push(u8::from_str_radix(&digits, 16).ok()?);
    }
    String::from_utf8(bytes).ok()
}
