//! Describes who reads findings, and how they are shown.

use super::Code;

/// The reader of the findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Format {
    /// A person, with the lines of source in question.
    Text,
    /// A program: one JSON array.
    Json,
    /// A code scanner's page: SARIF 2.1.0.
    Sarif,
    /// GitHub's runner, which shows them next to the changed lines.
    Github,
}

/// The style of the written findings.
#[derive(Debug, Clone, Copy)]
pub struct Style<'p> {
    /// Whether text is coloured.
    pub color: bool,
    /// The number of columns for text.
    pub width: usize,
    /// The lab's folder as the reader sees it. It comes before every path of the lab.
    pub prefix: &'p str,
    /// Every code that exists, for a code scanner, which shows them as its rules.
    pub codes: &'p [&'static Code],
}

impl Default for Style<'_> {
    fn default() -> Self {
        Self { color: false, width: 80, prefix: "", codes: &[] }
    }
}
