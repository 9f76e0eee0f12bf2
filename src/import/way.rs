//! A way in that labels describe, before it becomes a route.

use std::collections::{BTreeMap, BTreeSet};

use super::kdl::Line;
use super::ledger::Fate;
use super::yaml::Place;

/// A way in that labels describe.
#[derive(Debug, Default)]
pub struct Way {
    /// The host names.
    pub hosts: Vec<String>,
    /// The paths, with whether the service gets requests without them; none for all.
    pub paths: Vec<(String, bool)>,
    /// The port in the container, if the labels name one.
    pub port: Option<u16>,
    /// Whether the container speaks https.
    pub https: bool,
    /// What the route says of the proxy, by what it is about.
    pub lines: BTreeMap<String, Line>,
    /// The users who may log in.
    pub login: Option<Login>,
    /// The labels that it is made of.
    pub labels: BTreeSet<String>,
    /// What becomes of labels that are more than a part of the route.
    pub said: BTreeMap<String, (Fate, String)>,
    /// What becomes of labels of other containers.
    pub elsewhere: Vec<(Place, String)>,
}

/// A setting of a middleware: a label of some container.
#[derive(Debug, Clone)]
pub struct Setting {
    /// The label's name, as it is written.
    pub label: String,
    /// Its value.
    pub value: String,
    /// Where it is written.
    pub place: Place,
}

/// The users who may log in.
#[derive(Debug)]
pub struct Login {
    /// The lines of the users, or nothing if they are in a file.
    pub value: String,
    /// Where they are written.
    pub place: Place,
    /// The label.
    pub label: String,
}

impl Way {
    /// Adds a line. The first one about something stays.
    pub fn handling(&mut self, line: Line, about: &str) {
        let key = format!("{} {}", line.name(), about.to_ascii_lowercase());
        self.lines.entry(key).or_insert(line);
    }

    /// Returns whether a name can be one of a middleware that is handed on as it is.
    pub fn takes_raw(&self, kind: &str) -> bool {
        !kind.is_empty()
            && kind.bytes().all(|byte| byte.is_ascii_alphanumeric())
            && !self.lines.contains_key(&format!("raw {kind}"))
    }

    /// Says what becomes of a setting of a middleware.
    pub fn say(&mut self, setting: &Setting, fate: Fate, what: &str) {
        if self.labels.contains(&setting.label) {
            self.note(&setting.label, fate, what);
        } else if fate == Fate::Lost {
            self.elsewhere.push((setting.place, format!("`{}` is lost: {what}", setting.label)));
        }
    }

    /// Says that a label becomes something.
    pub fn change(&mut self, label: &str, what: &str) {
        self.note(label, Fate::Changed, what);
    }

    /// Says that a label is lost.
    pub fn lose(&mut self, label: &str, why: impl Into<String>) {
        self.note(label, Fate::Lost, &why.into());
    }

    fn note(&mut self, label: &str, fate: Fate, what: &str) {
        let said = self.said.entry(label.to_owned()).or_insert((fate, String::new()));
        said.0 = said.0.max(fate);
        if !said.1.contains(what) {
            if !said.1.is_empty() {
                said.1.push_str("; ");
            }
            said.1.push_str(what);
        }
    }
}
