//! Finds what the container of a module says about variables, secrets and mounts.

use crate::decl::{Block, Value};
use crate::model::image::postgres_data;
use crate::source::Spanned;

/// An option that decides between forms of a module, and its word.
pub type Choice<'s> = Option<(&'s str, &'s str)>;

/// What a module does with a variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variable<'s> {
    /// It sets it to this text.
    Fixed(&'s str),
    /// It sets it to this number.
    Number(i64),
    /// An option sets it.
    Option(&'s str),
    /// It sets it to the port of an endpoint, at which the program then listens.
    Port(&'s str),
    /// It sets it to something that follows from the lab.
    Derived,
    /// A secret sets it, or a file that it names.
    Secret(&'s str),
    /// It does not set it.
    Unset,
}

/// A condition about one option.
#[derive(Debug)]
pub struct Test<'s> {
    /// The option.
    pub option: &'s str,
    /// The word that it is compared with, if it is.
    pub word: Option<&'s str>,
    /// Whether it must be that word.
    pub equal: bool,
}

/// Reads the condition of a `when`, if it is about one option alone.
pub fn test<'s>(when: &'s Block<'s>) -> Option<Test<'s>> {
    let (Value::Text(text) | Value::Expression(text)) = &when.argument(0)?.value else {
        return None;
    };
    let (option, word, equal) = match (text.split_once(" == "), text.split_once(" != ")) {
        (Some((option, word)), None) => (option, Some(word), true),
        (None, Some((option, word))) => (option, Some(word), false),
        (None, None) => (text.as_ref(), None, true),
        _ => return None,
    };
    let quoted = |text: &'s str| text.strip_prefix("opt['")?.strip_suffix("']");
    let option = option.strip_prefix("opt.").or_else(|| quoted(option))?;
    let is_name = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
    let word = match word {
        Some(word) => Some(word.strip_prefix('\'')?.strip_suffix('\'')?),
        None => None,
    };
    (is_name(option) && word.is_none_or(is_name)).then_some(Test { option, word, equal })
}

/// Returns whether a `when` counts in a form of its module, if that form decides it.
pub fn holds(when: &Block<'_>, choice: Choice<'_>) -> Option<bool> {
    let (test, (option, word)) = (test(when)?, choice?);
    let wanted = test.word.filter(|_| test.option == option)?;
    Some((wanted == word) == test.equal)
}

/// Returns what a container does with a variable, if it says anything about it.
pub fn variable<'s>(block: &'s Block<'s>, name: &str, choice: Choice<'_>) -> Option<Variable<'s>> {
    for child in &block.children {
        let found = match child.schema.name {
            "env" if child.key() == name => Some(match &child.argument(1)?.value {
                Value::Text(text) => Variable::Fixed(text),
                Value::Integer(number) => Variable::Number(*number),
                Value::Reference(path) => match path.split_once('.') {
                    Some(("opt", name)) => Variable::Option(name),
                    Some(("port", name)) => Variable::Port(name),
                    _ => Variable::Derived,
                },
                _ => Variable::Derived,
            }),
            "secret" => {
                let variable = |key: &str| child.property(key).and_then(Spanned::text);
                let file = variable("file-variable");
                let stem = file.map(|file| {
                    let ends = ["__FILE", "_FILE", "_SECRETFILE"];
                    let stem = ends.iter().find_map(|end| file.strip_suffix(end));
                    stem.or_else(|| file.strip_prefix("FILE__")).unwrap_or(file)
                });
                let own = variable("value-variable") == Some(name) || stem == Some(name);
                let option = match &child.argument(0)?.value {
                    Value::Reference(path) => path.strip_prefix("opt."),
                    _ => None,
                };
                option.filter(|_| own).map(Variable::Secret)
            }
            "when" if holds(child, choice) != Some(false) => variable(child, name, choice),
            _ => None,
        };
        if found.is_some() {
            return found;
        }
    }
    None
}

/// Returns whether a program keeps the value that a secret had at its first start.
pub fn keeps_secret(block: &Block<'_>, option: &str, choice: Choice<'_>) -> bool {
    block.children.iter().any(|child| match child.schema.name {
        "secret" => {
            let source = child.argument(0).map(|source| &source.value);
            let own = matches!(source, Some(Value::Reference(path))
                if path.strip_prefix("opt.") == Some(option));
            let first = child.property("first-start").and_then(Spanned::text);
            own && first.is_some_and(|first| first != "nothing")
        }
        "when" if holds(child, choice) != Some(false) => keeps_secret(child, option, choice),
        _ => false,
    })
}

/// Returns the mount at a path of a container that runs an image.
pub fn mount<'s>(
    block: &'s Block<'s>,
    (at, image): (&str, &str),
    choice: Choice<'_>,
) -> Option<&'s Block<'s>> {
    let is_there = |mount: &Block<'_>| match mount.property("at").map(|at| &at.value) {
        Some(Value::Text(own)) => own == at,
        // PostgreSQL keeps its data where its image says.
        Some(Value::Expression(own)) if own.ends_with("| postgres_data") => {
            postgres_data(image) == Some(at)
        }
        _ => false,
    };
    block.children.iter().find_map(|child| match child.schema.name {
        "mount" if is_there(child) => Some(child),
        "when" if holds(child, choice) != Some(false) => mount(child, (at, image), choice),
        _ => None,
    })
}
