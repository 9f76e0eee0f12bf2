//! Which nodes are named by the rest of a lab: those that are not can go first.

use std::collections::{BTreeMap, BTreeSet};

use super::candidates::{Candidates, Whole};
use super::edit::Edit;
use crate::source::{FileId, Layer, SourceFile, Sources};

/// Divides nodes into those that a lab without what `edits` leave out names outside of them, and
/// the others.
pub fn divided(
    sources: &Sources,
    candidates: &Candidates,
    edits: &BTreeSet<Edit>,
    nodes: Vec<usize>,
) -> (Vec<usize>, Vec<usize>) {
    let whole = |node: &usize| candidates.wholes.get(*node).filter(|whole| !whole.name.is_empty());
    let mut names: BTreeMap<Scope<'_>, BTreeMap<&str, usize>> = BTreeMap::new();
    if nodes.len() > 1 {
        for whole in nodes.iter().filter_map(whole) {
            names.entry(Scope::of(sources, whole)).or_default().insert(&whole.name, 0);
        }
    }
    let starts: BTreeSet<(FileId, u32)> =
        edits.iter().map(|edit| (edit.span.file, edit.span.start)).collect();
    let mut out: BTreeMap<FileId, Vec<(usize, usize)>> = BTreeMap::new();
    for Whole { span, end, .. } in &candidates.wholes {
        if starts.contains(&(span.file, span.start)) {
            out.entry(span.file).or_default().push((span.start as usize, *end as usize));
        }
    }
    for (scope, counts) in &mut names {
        for (id, file) in sources.files().filter(|(_, file)| scope.has(file)) {
            for text in left(&file.text, out.get(&id).map_or(&[], Vec::as_slice)) {
                for word in words(text) {
                    if let Some(count) = counts.get_mut(word) {
                        *count += 1;
                    }
                }
            }
        }
    }
    let is_named = |node: &usize| {
        let Some(whole) = whole(node) else { return false };
        let counts = names.get(&Scope::of(sources, whole));
        let count = counts.and_then(|counts| counts.get(whole.name.as_str()));
        let text = &sources.file(whole.span.file).text;
        let own = text.get(whole.span.start as usize..whole.end as usize).unwrap_or_default();
        let own = words(own).filter(|word| *word == whole.name).count();
        count.is_some_and(|count| *count > own)
    };
    nodes.into_iter().partition(is_named)
}

/// The files in which a node is named.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Scope<'s> {
    /// Those of the lab.
    Lab,
    /// Those of a module.
    Module(Layer, &'s str),
}

impl<'s> Scope<'s> {
    fn of(sources: &'s Sources, whole: &Whole) -> Self {
        let file = sources.file(whole.span.file);
        match file.layer {
            Layer::Lab => Self::Lab,
            layer => Self::Module(layer, file.folder()),
        }
    }

    fn has(&self, file: &SourceFile) -> bool {
        match self {
            Self::Lab => file.layer == Layer::Lab && file.is_kdl(),
            Self::Module(layer, folder) => file.layer == *layer && file.folder() == *folder,
        }
    }
}

/// Lists what is left of a file without some places, which are sorted.
fn left<'t>(text: &'t str, out: &[(usize, usize)]) -> impl Iterator<Item = &'t str> {
    let mut at = 0;
    out.iter().copied().chain([(text.len(), text.len())]).filter_map(move |(start, end)| {
        let part = text.get(at..start);
        at = at.max(end);
        part
    })
}

/// Lists the words of a text, of which a name is one.
pub fn words(text: &str) -> impl Iterator<Item = &str> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    text.split(move |c: char| !is_part(c)).filter(|word| !word.is_empty())
}
