//! Reads nodes in ways that all parts of a module share.

use super::names;
use super::visible::Secrets;
use crate::decl::sysctl::dotted;
use crate::decl::{Block, Value};
use crate::diag::Diagnostics;
use crate::model::{Data, FirstStart, SecretUse, Sysctl};
use crate::source::{Span, Spanned};

pub type Report<'r> = &'r dyn Fn(Span, String, &mut Diagnostics);

pub fn text(block: &Block<'_>, property: &str) -> Option<String> {
    block.property(property).and_then(Spanned::string)
}

pub fn flag(block: &Block<'_>, property: &str) -> Option<bool> {
    block.property(property).and_then(Spanned::bool)
}

pub fn words(block: &Block<'_>) -> impl Iterator<Item = String> {
    block.arguments.iter().map(plain)
}

/// Writes a value of any type as the text that a program sees.
pub fn plain(value: &Spanned<Value<'_>>) -> String {
    match value.value.to_data() {
        Data::Text(text) => text,
        Data::Integer(number) => number.to_string(),
        Data::Bool(value) => value.to_string(),
        // Fields that take any value refuse secrets when they are decoded and evaluated.
        Data::Secret(_) | Data::None | Data::List(_) | Data::Record(_) => String::new(),
    }
}

pub fn secret(
    block: &Block<'_>,
    secrets: &Secrets,
    report: Report<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<SecretUse> {
    // One that is missing or at fault is already reported.
    let name = block.argument(0).filter(|name| !name.is_faulty())?;
    let Some(id) = secrets.id(name.secret().unwrap_or_default()) else {
        let near = names::near_secret(name.secret().unwrap_or_default(), secrets);
        let message = near.map_or_else(
            // It may be the secret itself, typed in by mistake.
            || "no secret of this name is declared".to_owned(),
            |near| format!("there is no secret of this name; did you mean `{near}`?"),
        );
        let mark = diagnostics.mark();
        report(name.span, message, diagnostics);
        if near.is_none() {
            diagnostics.since(mark).for_each(|found| found.concealed.push(name.span));
        }
        return None;
    };
    Some(SecretUse {
        secret: id,
        at: text(block, "at"),
        file_variable: text(block, "file-variable"),
        value_variable: text(block, "value-variable"),
        in_text: false,
        owner: text(block, "owner").unwrap_or_else(|| "root".to_owned()),
        mode: text(block, "mode").unwrap_or_else(|| "0400".to_owned()),
        first_start: first_start(block),
        span: name.span,
    })
}

/// Reads what becomes of a new value that counts at the first start alone.
pub fn first_start(block: &Block<'_>) -> Option<FirstStart> {
    Some(match text(block, "first-start")?.as_str() {
        "postgres" => FirstStart::Postgres,
        "mariadb" => FirstStart::Mariadb,
        "command" => FirstStart::Command(text(block, "change").unwrap_or_default()),
        "person" => FirstStart::Person(
            text(block, "advice")
                .unwrap_or_else(|| "change it there by the program's own means first".to_owned()),
        ),
        _ => FirstStart::Nothing,
    })
}

pub fn sysctl(block: &Block<'_>) -> Option<Sysctl> {
    Some(Sysctl { name: dotted(block.key()), value: plain(block.argument(1)?) })
}

/// Returns a value as text, or nothing if it is missing or not text.
pub fn string(value: Option<&Spanned<Value<'_>>>) -> Option<String> {
    value.and_then(Spanned::string)
}
