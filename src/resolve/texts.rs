//! Reads text with secrets in it.

use super::visible::Secrets;
use crate::decl::Block;
use crate::model::{SecretText, SecretUse, TextPart, divided};
use crate::source::Span;

/// Reads the value of a variable in which secrets are marked.
pub fn secret_text(env: &Block<'_>, name: String, text: &str, secrets: &Secrets) -> SecretText {
    let parts = divided(text).filter_map(|part| match part {
        Ok(plain) => Some(TextPart::Plain(plain.to_owned())),
        Err(name) => Some(TextPart::Secret(secrets.id(name)?)),
    });
    let in_url = match super::read::text(env, "encode").as_deref() {
        Some(how) => how == "url",
        None => text.split_once("://").is_some_and(|(scheme, _)| {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
            !scheme.is_empty() && scheme.bytes().all(plain)
        }),
    };
    SecretText { name, parts: parts.collect(), in_url }
}

/// Lists the secrets of a text as uses of the container.
pub fn uses_of(text: &SecretText, span: Span) -> Vec<SecretUse> {
    let used = |part: &TextPart| match part {
        TextPart::Plain(_) => None,
        TextPart::Secret(secret) => Some(SecretUse {
            secret: *secret,
            at: None,
            file_variable: None,
            value_variable: None,
            in_text: true,
            first_start: None,
            owner: "root".to_owned(),
            mode: "0400".to_owned(),
            span,
        }),
    };
    text.parts.iter().filter_map(used).collect()
}
