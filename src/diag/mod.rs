//! Findings about a lab: what is wrong, where, and what to write instead.
//!
//! Knows nothing of KDL or labs. A stage returns its value and pushes onto [`Diagnostics`].
//! Rendering is in the files next to this one.

mod accepted;
mod clients;
pub mod codes;
mod github;
pub mod hidden;
mod json;
pub mod names;
mod places;
mod printable;
pub mod render;
mod sarif;
mod style;
pub mod suspect;
mod text;
mod words;

pub use accepted::Accepted;
pub use printable::wrap;
pub(crate) use printable::{lines as plain_lines, one_line};
pub use render::{render, summary};
pub use style::{Format, Style};

use std::collections::BTreeSet;

use crate::source::Span;

/// The severity of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Nothing is built.
    Error,
    /// The lab is built, but the finding needs a fix or an `accept`.
    Warning,
    /// There is a newer or better way.
    Advice,
}

impl Severity {
    /// Returns the word for people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Advice => "advice",
        }
    }
}

/// A kind of finding, defined once, next to the code that raises it.
#[derive(Debug)]
pub struct Code {
    /// The stable name in kebab case. It describes the wrong pattern: `scrape-without-exporter`.
    pub name: &'static str,
    /// The severity.
    pub severity: Severity,
    /// What the finding says, in one line.
    pub summary: &'static str,
    /// Why it matters, an example that raises it and what to write instead. Markdown, for
    /// `labwright explain`.
    pub explain: &'static str,
}

/// A second place that is related to a finding.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Label {
    /// The place.
    pub span: Span,
    /// How this place is related to it.
    pub message: String,
}

/// A finding, with its place.
#[derive(Debug, Clone)]
pub struct Diagnostic {
    /// The kind.
    pub code: &'static Code,
    /// What is wrong, in lower case without a final stop.
    pub message: String,
    /// The place that is wrong, or nothing for a finding about the lab as a whole.
    pub span: Option<Span>,
    /// The text next to the line of the primary place. It may be empty.
    pub caption: String,
    /// The other places.
    pub labels: Vec<Label>,
    /// What to write instead.
    pub help: Option<String>,
    /// The entity that it is about, for `accept CODE on=SUBJECT`.
    pub subject: Option<String>,
    /// The places that may hold the value of a secret. No format shows their text.
    pub concealed: Vec<Span>,
}

impl Diagnostic {
    /// Starts a finding of kind `code` at `span`.
    pub fn new(code: &'static Code, span: Span, message: impl Into<String>) -> Self {
        Self { span: Some(span), ..Self::lab(code, message) }
    }

    /// Starts a finding about the lab as a whole.
    pub fn lab(code: &'static Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            span: None,
            caption: String::new(),
            labels: Vec::new(),
            help: None,
            subject: None,
            concealed: Vec::new(),
        }
    }

    /// Sets the text next to the primary place.
    #[must_use]
    pub fn caption(mut self, caption: impl Into<String>) -> Self {
        self.caption = caption.into();
        self
    }

    /// Adds a second place.
    #[must_use]
    pub fn label(mut self, span: Span, message: impl Into<String>) -> Self {
        self.labels.push(Label { span, message: message.into() });
        self
    }

    /// Sets the advice.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Sets the entity that an `accept` would name.
    #[must_use]
    pub fn on(mut self, subject: impl Into<String>) -> Self {
        self.subject = Some(subject.into());
        self
    }

    /// Hides the text at a place that may hold the value of a secret.
    #[must_use]
    pub fn conceal(mut self, span: Span) -> Self {
        self.concealed.push(span);
        self
    }

    /// Returns the severity.
    pub fn severity(&self) -> Severity {
        self.code.severity
    }
}

/// The findings of one or more stages, none of which stops at the first.
#[derive(Debug, Default, Clone)]
pub struct Diagnostics {
    list: Vec<Diagnostic>,
    /// The nodes that nobody understood, with all that is in them.
    misread: Vec<Span>,
    /// The nodes that lack nothing but what another finding says.
    complete: BTreeSet<Span>,
}

impl Diagnostics {
    /// Adds a finding.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.list.push(diagnostic);
    }

    /// Appends another collection.
    pub fn append(&mut self, mut other: Self) {
        self.list.append(&mut other.list);
        self.misread.append(&mut other.misread);
        self.complete.append(&mut other.complete);
    }

    /// Notes a node that nobody understood. What it names may be what it declares.
    pub fn misread(&mut self, node: Span) {
        self.misread.push(node);
    }

    /// Takes the nodes that nobody understood.
    pub fn take_misread(&mut self) -> Vec<Span> {
        std::mem::take(&mut self.misread)
    }

    /// Notes a node about which a finding says more than that something is missing.
    pub fn complete(&mut self, node: Span) {
        self.complete.insert(node);
    }

    /// Takes the nodes about which a finding says more than that something is missing.
    pub fn take_complete(&mut self) -> BTreeSet<Span> {
        std::mem::take(&mut self.complete)
    }

    /// Returns the number of findings so far, by which [`Self::since`] lists later ones.
    pub fn mark(&self) -> usize {
        self.list.len()
    }

    /// Lists the findings that were added after a mark.
    pub fn since(&mut self, mark: usize) -> impl Iterator<Item = &mut Diagnostic> {
        self.list.iter_mut().skip(mark)
    }

    /// Takes back the findings after a mark.
    pub fn truncate(&mut self, mark: usize) {
        self.list.truncate(mark);
    }

    /// Returns whether an error prevents the build.
    pub fn has_errors(&self) -> bool {
        self.list.iter().any(|diagnostic| diagnostic.severity() == Severity::Error)
    }

    /// Counts the findings of one severity.
    pub fn count(&self, severity: Severity) -> usize {
        self.list.iter().filter(|diagnostic| diagnostic.severity() == severity).count()
    }

    /// Keeps the findings for which `keep` returns true.
    pub fn retain(&mut self, keep: impl FnMut(&Diagnostic) -> bool) {
        self.list.retain(keep);
    }

    /// Sorts by file, place and code, removes duplicates, and shortens texts that quote too much of
    /// the source.
    pub fn finish(&mut self) {
        for found in &mut self.list {
            let labels = found.labels.iter_mut().map(|label| &mut label.message);
            for text in [&mut found.message, &mut found.caption]
                .into_iter()
                .chain(&mut found.help)
                .chain(labels)
            {
                shorten(text);
            }
        }
        self.list.sort_by(|a, b| {
            (a.span, a.code.name, &a.message, &a.labels).cmp(&(
                b.span,
                b.code.name,
                &b.message,
                &b.labels,
            ))
        });
        self.list.dedup_by(|a, b| {
            a.span == b.span && a.code.name == b.code.name && a.message == b.message
        });
    }

    fn each(&mut self) -> std::slice::IterMut<'_, Diagnostic> {
        self.list.iter_mut()
    }

    /// Lists the findings.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.list.iter()
    }

    /// Returns whether there are no findings.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
}

impl<'d> IntoIterator for &'d Diagnostics {
    type Item = &'d Diagnostic;
    type IntoIter = std::slice::Iter<'d, Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// Removes the middle of a text that is too long to read.
fn shorten(text: &mut String) {
    const MOST: usize = 1000;
    const HEAD: usize = 600;
    const TAIL: usize = 200;
    if text.len() > MOST {
        let middle = text.floor_char_boundary(HEAD)..text.ceil_char_boundary(text.len() - TAIL);
        text.replace_range(middle, " … ");
    }
}

/// Writes the advice for a word that is not among `candidates`: the most likely candidate, or else
/// `otherwise`.
pub fn suggest<'c>(
    word: &str,
    candidates: impl IntoIterator<Item = &'c str>,
    otherwise: impl FnOnce() -> String,
) -> String {
    nearest(word, candidates).map_or_else(otherwise, |near| format!("did you mean `{near}`?"))
}

/// The most candidates that are compared with a word, so that many wrong words take no longer for
/// many candidates.
const MOST_CANDIDATES: usize = 1_000;

/// Finds the candidate that is nearest to `word`.
pub fn nearest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    distances(word, candidates).min().map(|(_, candidate)| candidate)
}

/// Finds every candidate that is near enough to `word` to be meant.
pub fn near<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Vec<&'c str> {
    distances(word, candidates).map(|(_, candidate)| candidate).collect()
}

fn distances<'c>(
    word: &str,
    candidates: impl IntoIterator<Item = &'c str>,
) -> impl Iterator<Item = (usize, &'c str)> {
    // In a long name, a whole word may differ: that is another name.
    let limit = (word.chars().count() / 3).clamp(1, 3);
    candidates
        .into_iter()
        .take(MOST_CANDIDATES)
        // A larger difference in length already exceeds the limit. Measuring it anyway would take
        // memory in proportion to the product of both lengths.
        .filter(move |candidate| candidate.chars().count().abs_diff(word.chars().count()) <= limit)
        .map(move |candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(move |(distance, _)| *distance <= limit)
}
