//! Converts the variables of a container that a module of the library runs.

use super::{Becoming, Draft, Misfit};
use crate::import::hosts::names_host;
use crate::import::ledger::{At, Fate};
use crate::import::library::{Module, Variable, fits, option, same_major, unfilled};
use crate::import::names::named;
use crate::import::secrets::is_secret;
use crate::import::stack::{Around, OWN};
use crate::import::words;

impl Draft {
    /// Sets an option to the value of a variable.
    fn choose(
        &mut self,
        module: &Module<'_>,
        wanted: &str,
        (name, value): (&str, &str),
    ) -> Result<(), Misfit> {
        let found = option(&format!("opt.{wanted}"), &module.options);
        let Some(option) = found.filter(|option| fits(option, value)) else {
            return Err(format!("its option `{wanted}` does not accept `{name}`"));
        };
        let known = self.options.entry(option.name.to_owned()).or_default();
        if known.is_empty() {
            known.push(value.to_owned());
        } else if !known.iter().any(|known| known == value) {
            return Err(format!("its option `{wanted}` would need two values"));
        }
        Ok(())
    }

    /// Sets an option to the words of a variable, if it accepts all of them.
    fn list(&mut self, module: &Module<'_>, wanted: &str, value: &str) -> bool {
        let words: Vec<String> = value.split(',').map(|word| word.trim().to_owned()).collect();
        let found = option(&format!("opt.{wanted}"), &module.options);
        let accepted = found.is_some_and(|option| words.iter().all(|word| fits(option, word)));
        if accepted && !self.options.contains_key(wanted) {
            self.options.insert(wanted.to_owned(), words);
            return true;
        }
        false
    }
}

/// A variable that a compose file sets.
pub(super) struct Setting<'s> {
    /// Its name.
    pub name: &'s str,
    /// Its value.
    pub value: &'s str,
    /// Where it is written.
    pub at: &'s At<'s>,
}

/// Converts a variable. Returns what `raw` must set.
pub(super) fn variable(
    setting: &Setting<'_>,
    becoming: &mut Becoming<'_, '_, '_>,
) -> Result<Option<String>, Misfit> {
    let Setting { name, value, at } = *setting;
    let Becoming { module, container, draft, around, .. } = becoming;
    let secret = is_secret(name, value) || around.secrets.hides(value);
    match container.variable(name) {
        Variable::Secret(_) if value.starts_with("file:") => {
            return Err(format!("`{name}` names a file"));
        }
        Variable::Secret(option) => {
            let doc = format!("`{name}` of `{}`", container.name);
            draft.secrets.push((option.to_owned(), value.to_owned(), at.node.place, doc));
            draft.say(at, Fate::Changed, format!("the option `{option}`, a secret of the machine"));
        }
        Variable::Option(wanted) if !secret => {
            draft.choose(module, wanted, (name, value))?;
            match container.other_name(name) {
                Some(other) => {
                    draft.say(at, Fate::Changed, format!("the option `{wanted}`, as `{other}`"));
                }
                None => draft.say(at, Fate::Kept, format!("the option `{wanted}`")),
            }
        }
        Variable::Fixed(fixed) if fixed == value => match container.other_name(name) {
            Some(other) => draft.say(at, Fate::Changed, format!("the module's `{other}`")),
            None => draft.say(at, Fate::Kept, "the module's"),
        },
        Variable::Number(fixed) if value.parse() == Ok(fixed) => {
            draft.say(at, Fate::Kept, "the module's");
        }
        Variable::Port(endpoint) if value.parse::<u16>().is_ok_and(|port| port > 0) => {
            draft.ports.extend(value.parse().map(|port| (endpoint.to_owned(), port)));
            draft.say(at, Fate::Kept, format!("the port of the endpoint `{endpoint}`"));
        }
        Variable::Derived if name == "TZ" && value == around.lab.timezone => {
            draft.say(at, Fate::Kept, "the lab's time zone");
        }
        Variable::Listed(wanted) if !secret && draft.list(module, wanted, value) => {
            draft.say(at, Fate::Kept, format!("the option `{wanted}`"));
        }
        Variable::Switch(wanted, on, text) if text == value && module.is_switch(wanted) => {
            draft.choose(module, wanted, (name, if on { "true" } else { "false" }))?;
            draft.say(at, Fate::Kept, format!("the option `{wanted}`"));
        }
        Variable::Filled(format) => {
            address(format, setting, becoming)?;
            becoming.say(at, Fate::Changed, "made of the module's options");
        }
        Variable::Derived if is_host(name, value, around) => {
            draft.say(at, Fate::Changed, "the container's name in the lab");
        }
        // The data of a database was made with these.
        Variable::Fixed(_) if container.database => {
            return Err(format!("it sets `{name}` otherwise, and the data was made with this"));
        }
        Variable::Fixed(_) if ["DB", "DATABASE", "USER"].iter().any(|word| name.contains(word)) => {
            return Err(format!("it sets `{name}` otherwise"));
        }
        // Several containers often read one file.
        Variable::Unset if at.path.contains(".env_file.") && module.sets(name) => {
            draft.say(at, Fate::Lost, "another container of the service reads it");
        }
        Variable::Unset if secret && !container.database && module.sets(name) => {
            draft.say(at, Fate::Lost, "another container of the service reads it");
        }
        Variable::Unset if secret && !container.database && addable(name, value) => {
            add(setting, becoming)?;
        }
        _ if secret => return Err(format!("it has no option for `{name}`, which is a secret")),
        _ if value.contains('\0') => return Err(format!("`{name}` is not text")),
        _ => {
            draft.say(at, Fate::Kept, "raw compose.environment");
            return Ok(Some(format!("{name}={value}")));
        }
    }
    Ok(None)
}

/// Returns whether an option of its own can set a variable to a value.
fn addable(name: &str, value: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    name.chars().all(is_plain) && !value.contains(['\0', '\n'])
}

/// Adds an option to the module, for a secret that it has none for.
fn add(setting: &Setting<'_>, becoming: &mut Becoming<'_, '_, '_>) -> Result<(), Misfit> {
    let Setting { name, value, at } = *setting;
    let Becoming { module, container, draft, around, image } = becoming;
    let misfit = || format!("it has no option for `{name}`, which is a secret");
    // Another version may want other secrets because it is another program.
    let tag = words::image(image).tag;
    if !same_major(container.image.1.as_deref(), tag.as_deref()) {
        return Err(misfit());
    }
    let option = named(name);
    let known = module.options.iter().any(|other| other.name == option);
    let other = draft.secrets.iter().find(|(known, ..)| *known == option);
    let differs = other.is_some_and(|(_, other, ..)| other != value);
    if known || differs || OWN.contains(&&*option) || !around.lab.additions.may(module.name) {
        return Err(misfit());
    }
    let doc = format!("`{name}` of `{}`", container.name);
    draft.added.push(((container.name.to_owned(), name.to_owned()), option.clone()));
    draft.secrets.push((option.clone(), value.to_owned(), at.node.place, doc));
    let what = format!("the option `{option}`, which the lab adds to the module, a secret");
    draft.say(at, Fate::Changed, what);
    Ok(())
}

/// Sets the options that an address with a password is made of.
fn address(
    format: &str,
    setting: &Setting<'_>,
    becoming: &mut Becoming<'_, '_, '_>,
) -> Result<(), Misfit> {
    let Setting { name, value, at } = *setting;
    let Becoming { module, container, draft, around, .. } = becoming;
    let misfit = || format!("`{name}` is not made of its options");
    // These say the same with or without them.
    let plain =
        |text: &str| text.replacen("postgres://", "postgresql://", 1).replacen(":5432/", "/", 1);
    let (format, value) = (plain(format), plain(value));
    for (part, text) in unfilled(&format, &value).ok_or_else(misfit)? {
        let Some(wanted) = part.strip_prefix("opt.") else {
            if around.renames.iter().any(|rename| rename.from == text) {
                continue;
            }
            return Err(misfit());
        };
        let known = option(part, &module.options).ok_or_else(misfit)?;
        if known.kind != "secret" {
            draft.choose(module, wanted, (name, text))?;
        } else if text.contains('%') {
            return Err(misfit());
        } else {
            let doc = format!("`{wanted}` in `{name}` of `{}`", container.name);
            draft.secrets.push((wanted.to_owned(), text.to_owned(), at.node.place, doc));
        }
    }
    Ok(())
}

fn is_host(name: &str, value: &str, around: &Around<'_>) -> bool {
    around.renames.iter().any(|rename| names_host(name, value, &rename.from))
}
