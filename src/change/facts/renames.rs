//! The new names that `moved` gives, and the facts that have an old one in their key.

use std::collections::BTreeMap;

use super::{Facts, Family, Key};
use crate::decl::moved::last_names;

/// New names of entities.
#[derive(Debug, Clone, Default)]
pub struct Renames {
    /// By kind and old name.
    names: BTreeMap<(String, String), String>,
    /// The keys of facts whose names are made from that of an entity, such as a unit's, and what
    /// they become.
    keys: BTreeMap<Key, Key>,
}

impl Renames {
    /// Takes new names over, by kind and old name.
    pub fn of(names: &BTreeMap<(String, String), String>) -> Self {
        // What has had several names has the last one.
        let pairs = names.iter().map(|((kind, old), new)| ((kind, old), (kind, new)));
        let all = last_names(&pairs.collect()).into_iter();
        let all = all.map(|((kind, old), (_, new))| ((kind.clone(), old.clone()), new.clone()));
        Self { names: all.collect(), keys: BTreeMap::new() }
    }

    /// Returns the new names, by kind and old name.
    pub fn names(&self) -> &BTreeMap<(String, String), String> {
        &self.names
    }

    /// Returns the new name of an entity.
    pub fn name(&self, kind: &str, name: &str) -> Option<&str> {
        self.names.get(&(kind.to_owned(), name.to_owned())).map(String::as_str)
    }

    /// Finds the facts of the old state alone that the new state has under a name that is made from
    /// a new one.
    pub(in crate::change) fn settle(&mut self, old: &Facts, new: &Facts) {
        if self.names.is_empty() {
            return;
        }
        let gone = old.keys().filter(|key| !new.contains_key(key) && key.family != Family::Files);
        let moved = gone.filter_map(|key| {
            let other =
                Key { name: self.words(&key.name), part: self.words(&key.part), ..key.clone() };
            (new.contains_key(&other) && !old.contains_key(&other)).then(|| (key.clone(), other))
        });
        self.keys = moved.collect();
    }

    /// Gives facts the keys that [`Self::settle`] found.
    pub(in crate::change) fn applied(&self, facts: Facts) -> Facts {
        if self.keys.is_empty() {
            return facts;
        }
        let key = |key: Key| self.keys.get(&key).cloned().unwrap_or(key);
        facts.into_iter().map(|(own, value)| (key(own), value)).collect()
    }

    /// Writes new names in the place of the old ones, where those are whole words.
    fn words(&self, text: &str) -> String {
        self.names.iter().fold(text.to_owned(), |text, ((_, old), new)| replaced(&text, old, new))
    }
}

/// Replaces a word. A name has hyphens in it, and may be a part of another one.
fn replaced(text: &str, old: &str, new: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(old) {
        let ends = !before.ends_with(char::is_alphanumeric);
        let is_word = ends && !after.starts_with(char::is_alphanumeric);
        out.push_str(before);
        out.push_str(if is_word { new } else { old });
        rest = after;
    }
    out.push_str(rest);
    out
}
