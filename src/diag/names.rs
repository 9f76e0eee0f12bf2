//! Finds the names that a lab gives to secrets.

use std::collections::BTreeSet;

use crate::source::Sources;

/// The names of the language whose value is a secret and that do not say so.
const FIELDS: [&str; 2] = ["login", "preshared-key"];

/// Names that are too common to say that their value is a secret, though an option with the name
/// may take one.
const COMMON: [&str; 3] = ["config", "user", "users"];

/// The names that have a secret as their value in a lab: those of the language, and the options of
/// modules that say so by their type.
#[derive(Debug)]
pub struct Names<'s>(BTreeSet<&'s str>);

impl Default for Names<'_> {
    fn default() -> Self {
        Self(FIELDS.into())
    }
}

impl<'s> Names<'s> {
    /// Finds the names in the text of all files. The files need not be valid: a mistake in one must
    /// not show what is secret in it.
    pub fn of(sources: &'s Sources) -> Self {
        let mut names = Self::default();
        for (_, file) in sources.files() {
            for (at, _) in file.text.match_indices("type=") {
                let after = file.text.get(at + "type=".len()..).unwrap_or_default();
                if after.trim_start_matches('"').starts_with("secret") {
                    names.0.extend(option_before(file.text.get(..at).unwrap_or_default()));
                }
            }
        }
        names
    }

    /// Returns whether a name is one of them.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains(name)
    }
}

/// Returns the name of the option or field whose node the text ends in.
fn option_before(text: &str) -> Option<&str> {
    let start = text.rfind(['\n', ';', '{']).map_or(0, |at| at + 1);
    let mut words = text.get(start..)?.split_whitespace();
    words.find(|word| ["option", "field"].contains(word))?;
    let name = words.next()?.trim_matches('"');
    (!COMMON.contains(&name)).then_some(name)
}
