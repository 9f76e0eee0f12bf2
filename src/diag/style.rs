//! Who reads findings, and how they look.

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
    /// GitHub's runner, which shows them beside the changed lines.
    Github,
}

/// The looks of the findings.
#[derive(Debug, Clone, Copy)]
pub struct Style<'p> {
    /// Whether text is coloured.
    pub color: bool,
    /// How many columns text may take.
    pub width: usize,
    /// The lab's folder as the reader sees it; it comes before every path of the lab.
    pub prefix: &'p str,
    /// Every code there is, for a code scanner, which shows them as its rules.
    pub codes: &'p [&'static Code],
}

impl Default for Style<'_> {
    fn default() -> Self {
        Self { color: false, width: 80, prefix: "", codes: &[] }
    }
}
