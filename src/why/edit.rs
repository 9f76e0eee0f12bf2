//! Edits of a lab's text, and the lab as it is with them.

use std::collections::{BTreeMap, BTreeSet};

use crate::artifact::Artifacts;
use crate::compile::{self, Analyzed, Checked, Decoded};
use crate::decl::Block;
use crate::diag::{Diagnostics, Severity};
use crate::emit::Emitter;
use crate::plan::plan;
use crate::source::{FileId, Sources, Span};

/// Another text in the place of a range of bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edit {
    /// The range that is replaced.
    pub span: Span,
    /// The text in its place.
    pub text: String,
}

impl Edit {
    /// Makes an edit that comments out the node, argument or property that begins at `span`.
    pub fn leave_out(span: Span) -> Self {
        Self { span: Span { end: span.start, ..span }, text: "/-".to_owned() }
    }
}

/// Returns the sources with `edits`, and the files that they are in. An edit that overlaps the one
/// before it is not made.
pub fn apply(sources: &Sources, edits: &[Edit]) -> (Sources, Vec<FileId>) {
    let texts = texts(sources, edits);
    let files = texts.iter().map(|(file, _)| *file).collect();
    (sources.with_texts(texts), files)
}

/// Returns the texts of the files that `edits` are in.
fn texts<'e>(
    sources: &Sources,
    edits: impl IntoIterator<Item = &'e Edit>,
) -> Vec<(FileId, String)> {
    let mut by_file: BTreeMap<FileId, Vec<&Edit>> = BTreeMap::new();
    for edit in edits {
        by_file.entry(edit.span.file).or_default().push(edit);
    }
    let mut texts = Vec::with_capacity(by_file.len());
    for (file, mut edits) in by_file {
        edits.sort();
        let text = &sources.file(file).text;
        let (mut edited, mut at) = (String::with_capacity(text.len() + 16), 0);
        for edit in edits {
            let (start, end) = (edit.span.start as usize, edit.span.end as usize);
            if let Some(before) = text.get(at..start) {
                edited.push_str(before);
                edited.push_str(&edit.text);
                at = end;
            }
        }
        edited.push_str(text.get(at..).unwrap_or_default());
        texts.push((file, edited));
    }
    texts
}

/// An error that a lab has with some edits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What is wrong.
    pub message: String,
    /// The place, as it is in the lab without the edits.
    pub span: Option<Span>,
    /// The other places that it has to do with.
    pub labels: Vec<Span>,
}

/// Lists the errors among findings about a lab with `edits`.
fn faults(findings: &Diagnostics, edits: &[Edit]) -> Vec<Fault> {
    let errors = findings.iter().filter(|found| found.severity() == Severity::Error);
    errors
        .map(|found| Fault {
            message: found.message.clone(),
            span: found.span.map(|span| unedited(span, edits)),
            labels: found.labels.iter().map(|label| unedited(label.span, edits)).collect(),
        })
        .collect()
}

/// Finds the place without `edits`, which are sorted, that is at `span` with them.
fn unedited(span: Span, edits: &[Edit]) -> Span {
    let place = |at: u32| {
        // The place, and how far the edits before it have moved it.
        let (mut was, mut end) = (at, 0);
        for edit in edits.iter().filter(|edit| edit.span.file == span.file) {
            if edit.span.start < end {
                continue;
            }
            let text = u32::try_from(edit.text.len()).unwrap_or_default();
            if edit.span.start + text > was {
                return was.min(edit.span.start.max(edit.span.end));
            }
            was = was + (edit.span.end - edit.span.start) - text;
            end = edit.span.end;
        }
        was
    };
    Span { start: place(span.start), end: place(span.end), ..span }
}

/// A lab that is built many times, each time with other edits.
#[derive(Debug)]
pub struct Workbench<'s> {
    sources: &'s Sources,
    /// The sources with the edits that every version has.
    edited: &'s Sources,
    /// The edits that every version has.
    base: BTreeSet<Edit>,
    decoded: Decoded<'s>,
}

impl<'s> Workbench<'s> {
    /// Decodes a lab. `modules` are those that its services use.
    pub fn new(sources: &'s Sources, modules: &BTreeSet<String>) -> Self {
        let decoded = Decoded::new(sources, |module| modules.contains(module));
        Self { sources, edited: sources, base: BTreeSet::new(), decoded }
    }

    /// Takes the lab over with the edits `base`, which make `edited` of it. Places stay those of
    /// the lab itself.
    pub fn within<'e>(
        &self,
        edited: &'e Sources,
        base: BTreeSet<Edit>,
        modules: &BTreeSet<String>,
    ) -> Workbench<'e>
    where
        's: 'e,
    {
        let files: BTreeSet<FileId> = base.iter().map(|edit| edit.span.file).collect();
        let files: Vec<FileId> = files.into_iter().collect();
        let decoded = self.decoded.within(edited, &files, |module| modules.contains(module));
        Workbench { sources: self.sources, edited, base, decoded }
    }

    /// Returns the sources without edits.
    pub fn sources(&self) -> &'s Sources {
        self.sources
    }

    /// Returns the sources with edits.
    pub fn edited(&self, edits: &BTreeSet<Edit>) -> Sources {
        apply(self.sources, &edits.iter().cloned().collect::<Vec<_>>()).0
    }

    /// Lists the blocks of every file.
    pub fn blocks(&self) -> impl Iterator<Item = &Block<'s>> {
        self.decoded.blocks()
    }

    /// Resolves the lab with `edits`, or returns what is wrong with it then.
    pub fn trial(&self, edits: &[Edit]) -> Result<Trial, Vec<Fault>> {
        let more: Vec<&Edit> = edits.iter().filter(|edit| !self.base.contains(edit)).collect();
        let files: BTreeSet<FileId> = more.iter().map(|edit| edit.span.file).collect();
        let mut edits: Vec<Edit> = more.into_iter().chain(&self.base).cloned().collect();
        edits.sort();
        let touched = edits.iter().filter(|edit| files.contains(&edit.span.file));
        let sources = self.edited.with_texts(texts(self.sources, touched));
        let files: Vec<FileId> = files.into_iter().collect();
        let analyzed = self.decoded.analyze(&sources, &files);
        if analyzed.has_errors() {
            return Err(faults(&analyzed.into_diagnostics(), &edits));
        }
        Ok(Trial { sources, analyzed, edits })
    }

    /// Builds the whole lab with `edits`; nothing if it has an error then.
    pub fn state(&self, edits: &[Edit]) -> Option<State> {
        let (sources, files) = apply(self.sources, edits);
        let mut analyzed = self.decoded.analyze(&sources, &files);
        let Checked { plan, accepted, diagnostics } = analyzed.check(&sources);
        let machines = compile::artifacts(&plan?, &sources).ok()?;
        let open = diagnostics.iter().map(|found| format!("{} {}", found.code.name, found.message));
        let accepted = accepted.iter().map(|one| format!("{} {} {}", one.code, one.on, one.reason));
        Some(State { machines, findings: open.chain(accepted).collect() })
    }
}

/// All that a lab comes to: its files and what is found in it.
#[derive(Debug, PartialEq, Eq)]
pub struct State {
    machines: BTreeMap<String, Artifacts>,
    findings: Vec<String>,
}

/// A lab with edits, resolved but not checked: most edits have no effect on what is asked about,
/// and then it does not matter whether the lab may be like that.
#[derive(Debug)]
pub struct Trial {
    sources: Sources,
    analyzed: Analyzed,
    /// The edits, sorted.
    edits: Vec<Edit>,
}

impl Trial {
    /// Emits the files of `machine` that `emitters` write: nothing if there is no such machine.
    pub fn emit(
        &self,
        machine: &str,
        emitters: &[&'static Emitter],
    ) -> Result<Option<Artifacts>, Vec<Fault>> {
        let Some(model) = &self.analyzed.model else { return Ok(None) };
        let plan = plan(model);
        let emitters = emitters.iter().copied();
        let emitted = compile::artifacts_of(&plan, &self.sources, machine, emitters).transpose();
        emitted.map_err(|findings| faults(&findings, &self.edits))
    }

    /// Returns what is wrong if the lab has an error.
    pub fn check(mut self) -> Result<(), Vec<Fault>> {
        let found = self.analyzed.errors(&self.sources);
        if found.has_errors() { Err(faults(&found, &self.edits)) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::{Edit, apply, unedited};
    use crate::source::{FileId, Layer, SourceFile, Sources, Span};

    #[test]
    fn a_place_is_found_again_without_the_edits_before_it() {
        let text = "one two three four";
        let file = SourceFile { path: "lab.kdl".into(), text: text.into(), layer: Layer::Lab };
        let sources = Sources::new(vec![file]);
        let at = |word: &str| {
            let start = u32::try_from(text.find(word).expect("the word")).expect("small");
            Span::new(FileId(0), start, start + u32::try_from(word.len()).expect("small"))
        };
        let edits = vec![
            Edit::leave_out(at("one")),
            Edit { span: at("two"), text: "twenty-two".to_owned() },
        ];
        let edited = apply(&sources, &edits).0.file(FileId(0)).text.clone();
        for word in ["one", "three", "four"] {
            let start = u32::try_from(edited.find(word).expect("the word")).expect("small");
            let end = start + u32::try_from(word.len()).expect("small");
            assert_eq!(unedited(Span::new(FileId(0), start, end), &edits), at(word), "{word}");
        }
    }
}
