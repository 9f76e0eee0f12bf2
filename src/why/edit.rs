//! Edits of a lab's text, and the lab as it is with them.

use std::collections::{BTreeMap, BTreeSet};

use crate::artifact::Artifacts;
use crate::compile::{self, Analyzed, Checked, Decoded};
use crate::decl::Block;
use crate::diag::{Accepted, Diagnostics, Severity};
use crate::emit::{self, Emitter};
use crate::plan::{Plan, plan};
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

/// Adds edits of the blanks at the beginnings of lines, so that what comes after `edits`, which are
/// sorted, stays in its place. Then most of a file is what it was, and need not be resolved again.
pub fn in_place(sources: &Sources, edits: &[Edit]) -> Vec<Edit> {
    let mut all = Vec::with_capacity(2 * edits.len());
    for edits in edits.chunk_by(|one, next| one.span.file == next.span.file) {
        let Some(first) = edits.first() else { continue };
        let file = sources.file(first.span.file);
        // Blanks are part of a text of several lines.
        if file.is_kdl() && memchr::memmem::find(file.text.as_bytes(), b"\"\"\"").is_none() {
            add_blanks(&file.text, edits, &mut all);
        } else {
            all.extend_from_slice(edits);
        }
    }
    all
}

/// Adds the edits of one file, with those of blanks between them.
fn add_blanks(text: &str, edits: &[Edit], all: &mut Vec<Edit>) {
    let (mut longer, mut at) = (0_usize, 0_usize);
    let mut shorter = 0_usize;
    let ends = edits.iter().skip(1).map(|edit| edit.span.start as usize).chain([text.len()]);
    for (edit, end) in edits.iter().zip(ends) {
        all.push(edit.clone());
        // An edit that overlaps the one before it is not made.
        if (edit.span.start as usize) >= at {
            at = edit.span.end as usize;
            longer += edit.text.len();
            shorter += at - edit.span.start as usize;
        }
        while longer != shorter {
            let Some(rest) = text.get(at..end) else { break };
            let Some(line) = rest.find('\n') else { break };
            let start = at + line + 1;
            let blanks = text.get(start..end).unwrap_or_default();
            let blanks = blanks.len() - blanks.trim_start_matches(' ').len();
            let taken = blanks.min(longer.saturating_sub(shorter));
            let added = shorter.saturating_sub(longer);
            at = start + taken;
            shorter += taken;
            longer += added;
            if taken + added > 0 {
                let [start, end] = [start, at].map(|at| u32::try_from(at).unwrap_or(u32::MAX));
                let span = Span { start, end, ..edit.span };
                all.push(Edit { span, text: " ".repeat(added) });
            }
        }
    }
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
        let edits: Vec<Edit> = edits.iter().cloned().collect();
        apply(self.sources, &in_place(self.sources, &edits)).0
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
        let edits = in_place(self.sources, &edits);
        let touched = edits.iter().filter(|edit| files.contains(&edit.span.file));
        let sources = self.edited.with_texts(texts(self.sources, touched));
        let files: Vec<FileId> = files.into_iter().collect();
        let analyzed = self.decoded.analyze(&sources, &files);
        if analyzed.has_errors() {
            return Err(faults(&analyzed.into_diagnostics(), &edits));
        }
        Ok(Trial { sources, analyzed, edits })
    }

    /// Builds the whole lab; nothing if it has an error.
    pub fn state(&self) -> Option<State> {
        let mut analyzed = self.decoded.analyze(self.sources, &[]);
        let Checked { plan, accepted, diagnostics } = analyzed.check(self.sources);
        let machines = compile::artifacts(&plan?, self.sources).ok()?;
        Some(State { machines, findings: findings(&diagnostics, &accepted) })
    }

    /// Returns whether the lab with `edits` comes to something else than `normal`; nothing if it
    /// has an error then. The machine `near` is looked at first: few edits change others alone.
    pub fn differs(&self, edits: &[Edit], normal: &State, near: Option<&str>) -> Option<bool> {
        let mut edits = edits.to_vec();
        edits.sort();
        let (sources, files) = apply(self.sources, &in_place(self.sources, &edits));
        let mut analyzed = self.decoded.analyze(&sources, &files);
        let Checked { plan, accepted, diagnostics } = analyzed.check(&sources);
        let plan = plan?;
        if findings(&diagnostics, &accepted) != normal.findings {
            return Some(true);
        }
        if let Some(near) = near {
            let emitted = compile::artifacts_of(&plan, &sources, near, emit::emitters());
            if emitted.transpose().ok()?.as_ref() != normal.machines.get(near) {
                return Some(true);
            }
        }
        Some(compile::artifacts(&plan, &sources).ok()? != normal.machines)
    }
}

/// Lists what is found in a lab, without places: an edit moves them.
fn findings(open: &Diagnostics, accepted: &[Accepted]) -> Vec<String> {
    let open = open.iter().map(|found| format!("{} {}", found.code.name, found.message));
    let accepted = accepted.iter().map(|one| format!("{} {} {}", one.code, one.on, one.reason));
    open.chain(accepted).collect()
}

/// All that a lab comes to: its files and what is found in it.
#[derive(Debug, PartialEq, Eq)]
pub struct State {
    machines: BTreeMap<String, Artifacts>,
    findings: Vec<String>,
}

impl State {
    /// Returns whether the lab has a machine.
    pub fn has(&self, machine: &str) -> bool {
        self.machines.contains_key(machine)
    }
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
        let Some(plan) = self.plan() else { return Ok(None) };
        self.emit_planned(&plan, machine, emitters)
    }

    /// Plans the lab.
    pub fn plan(&self) -> Option<Plan<'_>> {
        self.analyzed.model.as_ref().map(plan)
    }

    /// Emits as [`Self::emit`] does, of a lab that is planned.
    pub fn emit_planned(
        &self,
        plan: &Plan<'_>,
        machine: &str,
        emitters: &[&'static Emitter],
    ) -> Result<Option<Artifacts>, Vec<Fault>> {
        let emitters = emitters.iter().copied();
        let emitted = compile::artifacts_of(plan, &self.sources, machine, emitters).transpose();
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
    use super::{Edit, apply, in_place, unedited};
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

    #[test]
    fn what_comes_after_an_edit_stays_in_its_place() {
        let text = "host box {\n    os old\n    ip 1\n}\nvm \"a\"; vm \"b\"\n  vm c\n";
        let sources = |path: &str, text: &str| {
            let file = SourceFile { path: path.into(), text: text.into(), layer: Layer::Lab };
            Sources::new(vec![file])
        };
        let edit = |word: &str, other: &str| {
            let start = u32::try_from(text.find(word).expect("the word")).expect("small");
            let end = start + u32::try_from(word.len()).expect("small");
            Edit { span: Span::new(FileId(0), start, end), text: other.to_owned() }
        };
        let edits = [edit("old", "newer"), edit("\"a\"", "\"abcd\""), edit("\"b\"", "2")];
        for edits in [&edits[..1], &edits[1..2], &edits[2..], &edits[..2], &edits[1..], &edits] {
            let lab = sources("lab.kdl", text);
            let edits = in_place(&lab, edits);
            let edited = apply(&lab, &edits).0.file(FileId(0)).text.clone();
            for edit in &edits {
                assert!(edited.contains(&edit.text), "{edited}");
            }
            // The words of the last line have two blanks before them to take.
            let shift = edited.len().abs_diff(text.len());
            assert!(shift <= 1, "{shift} in {edited}");
            let is_moved = edited.find("vm c") != text.find("vm c");
            assert_eq!(is_moved, shift > 0, "{edited}");
            let place = u32::try_from(edited.find("vm c").expect("a word")).expect("small");
            let was = u32::try_from(text.find("vm c").expect("a word")).expect("small");
            let found = unedited(Span::new(FileId(0), place, place + 4), &edits);
            assert_eq!(found, Span::new(FileId(0), was, was + 4), "{edited}");
        }
        // A text of several lines holds its blanks, and so does what is no KDL.
        let kept =
            [("lab.kdl", format!("{text}raw \"\"\"\n  x\n  \"\"\"\n")), ("a.j2", text.to_owned())];
        for (path, text) in kept {
            assert_eq!(in_place(&sources(path, &text), &edits[..1]), edits[..1], "{path}");
        }
    }
}
