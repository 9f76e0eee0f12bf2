//! Text with secrets in it, which only the machine can put together.

use super::{SECRET_MARK, SecretId};

/// A variable whose value is text with secrets in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretText {
    /// The variable's name.
    pub name: String,
    /// The parts of its value, in order.
    pub parts: Vec<TextPart>,
    /// Whether the secrets are parts of a URL, and written as one.
    pub in_url: bool,
}

/// A part of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TextPart {
    /// Text.
    Plain(String),
    /// The value of a secret.
    Secret(SecretId),
}

/// Divides text at the secrets that are marked in it. Their names are `Err`.
pub fn divided(text: &str) -> impl Iterator<Item = Result<&str, &str>> {
    // A mark is on both sides of a name, so every second part is one.
    let parts = text.split(SECRET_MARK).enumerate();
    parts
        .map(|(number, part)| if number.is_multiple_of(2) { Ok(part) } else { Err(part) })
        .filter(|part| *part != Ok(""))
}
