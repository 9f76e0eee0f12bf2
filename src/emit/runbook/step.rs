//! A step of bringing a machine up, as a person reads it.

use serde::Serialize;

/// A step that a person takes and ticks off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// What to do.
    pub says: Vec<Piece>,
    /// What is typed, in order.
    pub commands: Vec<Line>,
    /// What to know afterwards.
    pub then: Vec<Piece>,
}

/// A piece of a sentence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Piece {
    /// Its text.
    pub text: String,
    /// Whether it is something to copy.
    pub code: bool,
}

/// A line that is typed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// The line.
    pub text: String,
    /// Whether it is typed at the computer that has the release. The others are typed as root on
    /// the machine.
    pub here: bool,
}

impl Step {
    pub(super) fn new(words: &str) -> Self {
        Self { says: Vec::new(), commands: Vec::new(), then: Vec::new() }.says(words)
    }

    /// Adds words, among them names from the lab.
    pub(super) fn says(mut self, words: &str) -> Self {
        self.says.push(Piece { text: words.to_owned(), code: false });
        self
    }

    /// Adds something to copy within the words.
    pub(super) fn code(mut self, text: &str) -> Self {
        self.says.push(Piece { text: text.to_owned(), code: true });
        self
    }

    /// Adds a line to type as root on the machine.
    pub(super) fn run(mut self, line: &str) -> Self {
        self.commands.push(Line { text: line.to_owned(), here: false });
        self
    }

    /// Adds a line to type at the computer that has the release.
    pub(super) fn here(mut self, line: &str) -> Self {
        self.commands.push(Line { text: line.to_owned(), here: true });
        self
    }

    pub(super) fn then(mut self, words: &str) -> Self {
        self.then.push(Piece { text: words.to_owned(), code: false });
        self
    }
}
