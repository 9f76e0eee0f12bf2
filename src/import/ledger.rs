//! Keeps account of what becomes of every key.
//!
//! The code that reads a key says what becomes of it. A key that nothing spoke for at the end is
//! lost, and reported as lost.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::yaml::{Node, Place, Value};

/// What becomes of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Fate {
    /// It means the same in the lab.
    Kept,
    /// The lab says or does it in another way.
    Changed,
    /// The lab has nothing for it.
    Lost,
}

/// What becomes of one key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// Where it is written.
    pub place: Place,
    /// Its path, such as `services.web.ports[0]`.
    pub path: String,
    /// What becomes of it.
    pub fate: Fate,
    /// What it becomes, or why it is lost.
    pub what: String,
}

/// The account of one project.
#[derive(Debug, Default)]
pub struct Ledger {
    entries: Vec<Entry>,
    /// The same entries, to find one that was made before.
    known: BTreeSet<Entry>,
    /// The numbers of the entries of each path.
    paths: BTreeMap<String, Vec<usize>>,
    remarks: BTreeSet<(Place, String)>,
}

/// A value with its path.
#[derive(Debug, Clone)]
pub struct At<'n> {
    /// The path.
    pub path: String,
    /// The value.
    pub node: &'n Node,
}

impl<'n> At<'n> {
    /// Names a value.
    pub fn new(path: impl Into<String>, node: &'n Node) -> Self {
        Self { path: path.into(), node }
    }

    /// Returns the value of a key.
    pub fn get(&self, key: &str) -> Option<Self> {
        self.node.get(key).map(|node| Self::new(format!("{}.{key}", self.path), node))
    }

    /// Returns the entries of a map.
    pub fn entries(&self) -> impl Iterator<Item = (&'n str, Self)> {
        let path = self.path.clone();
        let node: &'n Node = self.node;
        node.entries()
            .iter()
            .map(move |(key, node)| (key.as_str(), At::new(format!("{path}.{key}"), node)))
    }

    /// Returns the items of a list, or a scalar as the only one.
    pub fn items(&self) -> Vec<Self> {
        if self.node.scalar().is_some() {
            return vec![self.clone()];
        }
        let items = self.node.items().iter().enumerate();
        items.map(|(number, node)| Self::new(format!("{}[{number}]", self.path), node)).collect()
    }

    /// Returns the text of a scalar.
    pub fn text(&self) -> Option<&'n str> {
        let node: &'n Node = self.node;
        node.scalar()
    }
}

impl Ledger {
    /// Says what becomes of a value and of all in it.
    pub fn say(&mut self, at: &At<'_>, fate: Fate, what: impl Into<String>) {
        self.note(at.node.place, &at.path, fate, &what.into());
    }

    /// Says that a value means the same in the lab.
    pub fn kept(&mut self, at: &At<'_>, what: impl Into<String>) {
        self.say(at, Fate::Kept, what);
    }

    /// Says that the lab does it in another way.
    pub fn changed(&mut self, at: &At<'_>, what: impl Into<String>) {
        self.say(at, Fate::Changed, what);
    }

    /// Says that the lab has nothing for a value.
    pub fn lost(&mut self, at: &At<'_>, why: impl Into<String>) {
        self.say(at, Fate::Lost, why);
    }

    /// Says what becomes of a key that is no longer in the tree.
    pub fn note(&mut self, place: Place, path: &str, fate: Fate, what: &str) {
        let entry = Entry { place, path: path.to_owned(), fate, what: what.to_owned() };
        if self.known.insert(entry.clone()) {
            self.paths.entry(path.to_owned()).or_default().push(self.entries.len());
            self.entries.push(entry);
        }
    }

    /// Adds something that a reader should know about a place.
    pub fn remark(&mut self, place: Place, what: impl Into<String>) {
        self.remarks.insert((place, what.into()));
    }

    /// Records as lost everything that no code has spoken for.
    pub fn close(&mut self, at: &At<'_>) {
        if self.paths.contains_key(&at.path) {
            return;
        }
        match &at.node.value {
            Value::Map(entries) if !entries.is_empty() => {
                let below: Vec<At<'_>> = at.entries().map(|(_, at)| at).collect();
                for at in below {
                    self.close(&at);
                }
            }
            Value::List(items) if !items.is_empty() => {
                for at in at.items() {
                    self.close(&at);
                }
            }
            Value::Map(_) | Value::List(_) => self.kept(at, "nothing is in it"),
            _ => self.lost(at, "labwright has nothing for it"),
        }
    }

    /// Returns the entries below a path so far, in the order in which they were made.
    pub fn below(&self, path: &str) -> impl Iterator<Item = &Entry> {
        let mut numbers: Vec<usize> = self.paths.get(path).into_iter().flatten().copied().collect();
        for sign in ['.', '['] {
            let start = format!("{path}{sign}");
            let below = self.paths.range(start.clone()..);
            let below = below.take_while(|(path, _)| path.starts_with(&start));
            numbers.extend(below.flat_map(|(_, numbers)| numbers));
        }
        numbers.sort_unstable();
        numbers.into_iter().filter_map(|number| self.entries.get(number))
    }

    /// Takes what was said, sorted by place.
    pub fn finish(mut self) -> (Vec<Entry>, Vec<(Place, String)>) {
        self.entries.sort_by(|a, b| (a.place, &a.path).cmp(&(b.place, &b.path)));
        (self.entries, self.remarks.into_iter().collect())
    }
}
