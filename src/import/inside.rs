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
    /// It sets it to this text where an option is true, or where it is not.
    Switch(&'s str, bool, &'s str),
    /// The words of an option set it, with commas.
    Listed(&'s str),
    /// It sets it to something that follows from the lab, or sometimes only.
    Derived,
    /// A secret sets it, or a file that it names.
    Secret(&'s str),
    /// It sets it to this text, with names in braces, of which one is a secret.
    Filled(&'s str),
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
    let option = named(option)?;
    let word = match word {
        Some(word) => Some(word.strip_prefix('\'')?.strip_suffix('\'')?),
        None => None,
    };
    (is_name(option) && word.is_none_or(is_name)).then_some(Test { option, word, equal })
}

/// Returns the option without which a `when` counts, if it is about no other.
pub fn without<'s>(when: &'s Block<'s>) -> Option<&'s str> {
    let (Value::Text(text) | Value::Expression(text)) = &when.argument(0)?.value else {
        return None;
    };
    named(text.strip_prefix("not ")?).filter(|name| is_name(name))
}

/// Returns the option that an expression names.
fn named(expression: &str) -> Option<&str> {
    let quoted = || expression.strip_prefix("opt['")?.strip_suffix("']");
    expression.strip_prefix("opt.").or_else(quoted)
}

fn is_name(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
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
                Value::Format(text) if text.contains("password}") => Variable::Filled(text),
                Value::Expression(text) => {
                    let listed = || listed(text).map_or(Variable::Derived, Variable::Listed);
                    file_of(text).map_or_else(listed, Variable::Secret)
                }
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
                // Some programs read a file as the variable that it is named after.
                let named = variable("at").and_then(|path| path.rsplit('/').next());
                let own = [variable("value-variable"), stem, named].contains(&Some(name));
                let option = match &child.argument(0)?.value {
                    Value::Reference(path) => path.strip_prefix("opt."),
                    _ => None,
                };
                own.then(|| option.map_or(Variable::Derived, Variable::Secret))
            }
            "when" => match holds(child, choice) {
                Some(false) => None,
                Some(true) => variable(child, name, choice),
                None => variable(child, name, choice).map(|found| sometimes(child, found)),
            },
            _ => None,
        };
        if found.is_some() {
            return found;
        }
    }
    None
}

/// Returns what a variable is that a module sets under a condition only.
fn sometimes<'s>(when: &'s Block<'s>, found: Variable<'s>) -> Variable<'s> {
    let switch = test(when).filter(|test| test.word.is_none()).map(|test| (test.option, true));
    let switch = switch.or_else(|| Some((without(when)?, false)));
    match (found, switch) {
        (Variable::Fixed(text), Some((option, on))) => Variable::Switch(option, on, text),
        (Variable::Fixed(_) | Variable::Number(_) | Variable::Switch(..), _) => Variable::Derived,
        _ => found,
    }
}

/// Returns the secret of an expression that makes the program read it from its file.
fn file_of(expression: &str) -> Option<&str> {
    let secret = expression.strip_prefix("'file:")?.strip_suffix("']|secret_file")?;
    Some(secret.split_once("opt['")?.1)
}

/// Returns the option whose words an expression joins with commas.
fn listed(expression: &str) -> Option<&str> {
    let option = expression.strip_suffix(" | join(',')")?.strip_prefix("opt.")?;
    is_name(option).then_some(option)
}

/// Reads what the names in the braces of a text stand for in another one. None if it is not made
/// like that.
pub fn unfilled<'t>(format: &'t str, text: &'t str) -> Option<Vec<(&'t str, &'t str)>> {
    let (mut format, mut text) = (format, text);
    let mut found = Vec::new();
    while let Some((before, rest)) = format.split_once('{') {
        let (name, after) = rest.split_once('}')?;
        text = text.strip_prefix(before)?;
        let next = after.split('{').next().unwrap_or_default();
        let end = if next.is_empty() { text.len() } else { text.find(next)? };
        found.push((name, text.get(..end)?));
        (format, text) = (after, text.get(end..)?);
    }
    (format == text && found.iter().all(|(_, value)| !value.is_empty())).then_some(found)
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
        // A file or folder of the system, where it is on the machine.
        Some(Value::Text(own)) if *own == "same" => {
            mount.argument(0).is_some_and(|source| source.text() == Some(at))
        }
        Some(Value::Text(own)) => own == at,
        // PostgreSQL keeps its data where its image says.
        Some(Value::Expression(own)) if own.ends_with("| postgres_data") => {
            postgres_data(image) == Some(at)
        }
        _ => false,
    };
    block.children.iter().find_map(|child| match child.schema.name {
        "mount" if is_there(child) => Some(child),
        "when" => match holds(child, choice) {
            Some(false) => None,
            Some(true) => mount(child, (at, image), choice),
            // What an option may mount of the system is perhaps not there.
            None => mount(child, (at, image), choice)
                .filter(|mount| mount.argument(0).is_some_and(|source| source.text().is_none())),
        },
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::unfilled;

    #[test]
    fn reads_what_names_stand_for() {
        let format = "db://{opt.user}:{opt.password}@{container.db}/{opt.name}";
        let found = unfilled(format, "db://me:pw@home/x").expect("the same form");
        let values: Vec<&str> = found.iter().map(|(_, value)| *value).collect();
        assert_eq!(values, ["me", "pw", "home", "x"]);
        for other in ["db://me@home/x", "db://me:pw@home/", "url://me:pw@home/x", ""] {
            assert_eq!(unfilled(format, other), None, "{other}");
        }
        assert_eq!(unfilled("plain", "plain"), Some(Vec::new()));
    }
}
