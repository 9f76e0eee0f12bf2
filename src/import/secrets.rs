//! Keeps values that are secrets out of everything that is written.

use std::collections::{BTreeMap, BTreeSet};

use super::names::Names;
use super::yaml::Place;
use crate::diag::suspect::words;
pub use crate::diag::suspect::{has_secret_shape, is_secret, is_variable};

/// A secret that the machine must have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Needed {
    /// Its name in the lab.
    pub name: String,
    /// The place that its value is written at today.
    pub place: Place,
    /// What it is, for people.
    pub doc: String,
}

/// The secrets of an import. Their values stay in memory.
#[derive(Debug, Default)]
pub struct Secrets {
    /// Their names by their values, and by their projects where several may have the same value
    /// by chance.
    names: BTreeMap<(String, String), String>,
    /// The variables that are secrets as a whole, by their values.
    variables: BTreeMap<String, String>,
    /// Values that can't be mistaken for a word that something else is called.
    strong: BTreeSet<String>,
    /// The lengths of these.
    lengths: BTreeSet<usize>,
    /// The project that is converted.
    project: String,
    /// Words that also are names of something: users, databases, services.
    ordinary: BTreeSet<String>,
    /// Every secret, in the order in which it was found.
    pub needed: Vec<Needed>,
    taken: Names,
}

impl Secrets {
    /// Learns that a variable has a value, before anything is written.
    pub fn learn(&mut self, name: &str, value: &str) {
        if is_secret(name, value) {
            // A URL is not a secret as a whole. Only its password is.
            if !value.contains("://") && !is_variable(value) {
                self.variables.entry(value.to_owned()).or_insert_with(|| name.to_owned());
            }
            if is_strong(value) {
                self.strong.insert(value.to_owned());
                self.lengths.insert(value.len());
            }
        } else {
            let last = words(name).pop().unwrap_or_default();
            if matches!(last.as_str(), "USER" | "USERNAME" | "DB" | "DATABASE" | "NAME" | "HOST") {
                self.ordinary.insert(value.to_owned());
            }
        }
    }

    /// Begins with a project.
    pub fn enter(&mut self, project: &str) {
        project.clone_into(&mut self.project);
    }

    /// Keeps a name from being given to a secret.
    pub fn reserve(&mut self, name: &str) {
        self.taken.reserve(name);
    }

    /// Learns a word that is not a secret even if something uses it as one.
    pub fn learn_word(&mut self, word: &str) {
        self.ordinary.insert(word.to_owned());
    }

    /// Returns whether text must not be written, because it is a secret or contains one.
    pub fn hides(&self, text: &str) -> bool {
        has_secret_shape(text) || self.strong_in(text).any(|secret| !self.ordinary.contains(secret))
    }

    /// Lists the strong secrets in a text. It is looked for each length that a secret has, and not
    /// for each secret, since a text may have as many secrets as there are.
    fn strong_in(&self, text: &str) -> impl Iterator<Item = &String> {
        let part = move |start: usize, length: usize| text.get(start..start.checked_add(length)?);
        let starts = move |length: usize| 0..=text.len().saturating_sub(length);
        self.lengths.iter().flat_map(move |length| {
            starts(*length).filter_map(move |start| self.strong.get(part(start, *length)?))
        })
    }

    /// Returns the variable that has a secret as its whole value.
    pub fn variable_of(&self, value: &str) -> Option<String> {
        self.variables.get(value).cloned()
    }

    /// Returns the longest secret of a variable that a text has in it once.
    pub fn known_in(&self, text: &str) -> Option<String> {
        let strong = self.strong_in(text).filter(|secret| !self.ordinary.contains(*secret));
        let known = strong.filter(|secret| self.variables.contains_key(*secret));
        let found = known.filter(|secret| text.matches(secret.as_str()).count() == 1);
        found.max_by_key(|secret| secret.len()).cloned()
    }

    /// Declares a secret, and returns its name. The same value again is the same secret, unless two
    /// projects have taken it from their examples.
    pub fn declare(&mut self, value: &str, wanted: &str, place: Place, doc: &str) -> String {
        let own = !is_strong(value) || is_example(value);
        let project = if own { self.project.clone() } else { String::new() };
        let key = (value.to_owned(), project);
        if let Some(name) = self.names.get(&key) {
            return name.clone();
        }
        // Programs often begin their variables with their own name.
        let doubled = wanted.split_once('-').and_then(|(owner, rest)| {
            rest.strip_prefix(owner)?.starts_with(['_', '-']).then_some(rest)
        });
        let name = self.taken.take_long(doubled.unwrap_or(wanted));
        self.needed.push(Needed { name: name.clone(), place, doc: doc.to_owned() });
        // Two secrets whose values are not known need not be the same.
        if !value.is_empty() {
            self.names.insert(key, name.clone());
        }
        name
    }
}

/// Returns whether a label holds a secret. The names of routers and middlewares say nothing of it.
pub fn is_secret_label(name: &str, value: &str) -> bool {
    let traefik = name.starts_with("traefik.").then(|| name.rsplit('.').next().unwrap_or(name));
    is_secret(traefik.unwrap_or(name), value)
}

/// Returns whether a value is too peculiar to be anything but a secret.
fn is_strong(value: &str) -> bool {
    // A short word of small letters may also be the name of something.
    let plain = value.chars().all(|c| c.is_ascii_lowercase() || "-_.".contains(c));
    value.len() >= 12 || (value.len() >= 6 && !plain)
}

/// Returns whether a value is one that examples have, so that people who copied two of them have
/// the same value twice.
fn is_example(value: &str) -> bool {
    let value: String = value.chars().filter(char::is_ascii_alphanumeric).collect();
    let value = value.to_ascii_lowercase();
    ["changeme", "changethis", "example", "password", "passwd", "secret", "default", "replace"]
        .iter()
        .chain(&["admin", "insert", "your", "12345", "supersecure", "test"])
        .any(|word| value.contains(word))
}

#[cfg(test)]
mod tests {
    use super::{Place, Secrets};

    #[test]
    fn examples_of_two_projects_are_two_secrets() {
        let mut secrets = Secrets::default();
        let mut names = |project: &str, value: &str| {
            secrets.enter(project);
            secrets.declare(value, &format!("{project}-key"), Place::default(), "")
        };
        assert_eq!(names("one", "changeme123!"), "one-key");
        assert_eq!(names("one", "changeme123!"), "one-key");
        assert_eq!(names("two", "changeme123!"), "two-key");
        assert_eq!(names("two", "postgres"), "two-key-2");
        assert_eq!(names("three", "f1986213-9d72-4c36"), "three-key");
        assert_eq!(names("four", "f1986213-9d72-4c36"), "three-key");
    }
}
