//! The edits between two states of a lab's sources, node by node, and the sources with only some
//! of them applied.
//!
//! Knows KDL and nothing of labs, but for `moved`, which makes a removal and an addition one edit.

mod matching;
mod write;

use std::collections::{BTreeMap, BTreeSet};

use super::facts::Renames;
use crate::diag::Diagnostics;
use crate::source::{FileId, Layer, SourceFile, Sources, Span};
use crate::syntax::{self, Document, Node};

use matching::Matcher;

/// One of the two states that are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// The old state.
    Was,
    /// The new state.
    Is,
}

/// What an edit does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum EditKind {
    /// Something is new.
    Added,
    /// Something is gone.
    Removed,
    /// Something has another value.
    Changed,
    /// Something has another name, as `moved` says.
    Renamed,
}

impl EditKind {
    /// Returns the word for programs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Changed => "changed",
            Self::Renamed => "renamed",
        }
    }
}

/// A place in one of the two states, as people look it up.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file, below the lab's folder.
    pub path: String,
    /// The line, from 1; nothing when the whole file is meant.
    pub line: Option<usize>,
    /// Whether it is gone, and so the place is that in the old state.
    pub gone: bool,
}

/// The smallest change of the sources that is looked at by itself: a node or a property that is
/// new, gone or different.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// What it does.
    pub kind: EditKind,
    /// The node, from its top declaration on: `service jellyfin / expose`.
    pub node: String,
    /// Its place in the old sources.
    pub was: Option<Place>,
    /// Its place in the new sources.
    pub is: Option<Place>,
    /// Whether it is about one line: a property, a node without a block.
    pub small: bool,
    /// The node that is new or gone, which may be looked at in parts.
    whole: Option<(Side, Span)>,
}

impl Edit {
    /// Returns the place that people look up: in the new state, or where it was.
    pub fn place(&self) -> Option<Place> {
        let gone = || self.was.clone().map(|place| Place { gone: true, ..place });
        self.is.clone().or_else(gone)
    }
}

/// A node of the tree that holds both states.
#[derive(Debug)]
enum Piece<'s> {
    /// A node that both states have, written as in the old one.
    Same(&'s Node<'s>),
    /// A node that one of the states has.
    Only { side: Side, edit: usize, node: &'s Node<'s> },
    /// A node that differs.
    Both {
        was: &'s Node<'s>,
        is: &'s Node<'s>,
        arguments: Option<usize>,
        properties: Vec<(&'s str, Option<usize>)>,
        children: Vec<Piece<'s>>,
    },
}

/// A file of the merged state.
#[derive(Debug)]
enum FilePieces<'s> {
    /// Its text is the same in both states.
    Same,
    /// Its nodes.
    Nodes(Vec<Piece<'s>>),
    /// It is not KDL, and is replaced as a whole.
    Whole(usize),
}

/// The documents of the files that differ; what edits are made from.
#[derive(Debug, Default)]
pub struct Documents<'s> {
    was: Vec<(FileId, Document<'s>)>,
    is: Vec<(FileId, Document<'s>)>,
}

impl<'s> Documents<'s> {
    /// Parses the files that are not the same in both states; files with syntax errors are left
    /// out, since no lab is built from them.
    pub fn parse(was: &'s Sources, is: &'s Sources) -> Self {
        Self { was: differing(was, is), is: differing(is, was) }
    }

    /// Lists the new names that a `moved` of the new state gives.
    pub fn renames(&self) -> Renames {
        let nodes = self.is.iter().flat_map(|(_, document)| &document.nodes);
        let names = nodes
            .filter_map(matching::moved_words)
            .map(|(kind, from, to)| ((kind.to_owned(), from.to_owned()), to.to_owned()));
        Renames::of(&names.collect())
    }
}

fn differing<'s>(of: &'s Sources, other: &Sources) -> Vec<(FileId, Document<'s>)> {
    let mut documents = Vec::new();
    for (id, file) in of.files() {
        let same = other.find(file.layer, &file.path).map(|id| &other.file(id).text);
        if is_edited(file) && is_kdl(file) && same != Some(&file.text) {
            let mut faults = Diagnostics::default();
            documents
                .extend(syntax::parse(&file.text, id, &mut faults).map(|document| (id, document)));
        }
    }
    documents
}

fn is_edited(file: &SourceFile) -> bool {
    // The standard library is part of this program, so it is the same in both states.
    file.layer != Layer::Builtin
}

fn is_kdl(file: &SourceFile) -> bool {
    file.path.rsplit_once('.').is_some_and(|(_, extension)| extension == "kdl")
}

/// All edits between two states of a lab's sources.
#[derive(Debug)]
pub struct Edits<'s> {
    /// The edits, by file and line.
    pub list: Vec<Edit>,
    was: &'s Sources,
    is: &'s Sources,
    files: BTreeMap<(Layer, &'s str), FilePieces<'s>>,
    /// The nodes that are new or gone, and all below them.
    nodes: BTreeMap<(Side, Span), &'s Node<'s>>,
}

/// Says which edits are applied.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Choice {
    /// The edits that are applied, by index.
    pub applied: BTreeSet<usize>,
    /// A further node of one of the states that is left out, by its place.
    pub without: Option<(Side, Span)>,
}

impl<'s> Edits<'s> {
    /// Finds the edits from `was` to `is`. A `coarse` edit is a whole top declaration, whatever
    /// differs inside it.
    pub fn find(
        was: &'s Sources,
        is: &'s Sources,
        documents: &'s Documents<'s>,
        coarse: bool,
    ) -> Self {
        let mut matcher = Matcher::new(was, is, coarse);
        let mut files = BTreeMap::new();
        for (_, file) in was.files().chain(is.files()).filter(|(_, file)| is_edited(file)) {
            files.entry((file.layer, file.path.as_str())).or_insert(FilePieces::Same);
        }
        for layer in [Layer::Site, Layer::Lab] {
            let (old, new) = (tops(&documents.was, was, layer), tops(&documents.is, is, layer));
            for (path, pieces) in matcher.top(&old, &new) {
                files.insert((layer, path), FilePieces::Nodes(pieces));
            }
        }
        for ((layer, path), pieces) in &mut files {
            let text = |sources: &'s Sources| {
                sources.find(*layer, path).map(|id| sources.file(id)).filter(|file| !is_kdl(file))
            };
            let (old, new) = (text(was), text(is));
            if old.map(|file| &file.text) != new.map(|file| &file.text) {
                *pieces = FilePieces::Whole(matcher.file(path, old.is_some(), new.is_some()));
            }
        }
        let mut nodes = BTreeMap::new();
        for pieces in files.values() {
            if let FilePieces::Nodes(pieces) = pieces {
                only(pieces, &mut nodes);
            }
        }
        Self { list: matcher.finish(), was, is, files, nodes }
    }

    /// Returns the sources with some of the edits applied.
    pub fn apply(&self, choice: &Choice) -> Sources {
        let standard = self.is.files().map(|(_, file)| file).filter(|file| !is_edited(file));
        let mut files: Vec<SourceFile> = standard.cloned().collect();
        for ((layer, path), pieces) in &self.files {
            let text = |side: Side| {
                let sources = self.sources(side);
                sources.find(*layer, path).map(|id| sources.file(id).text.clone())
            };
            let text = match pieces {
                FilePieces::Whole(edit) if choice.applied.contains(edit) => text(Side::Is),
                FilePieces::Same | FilePieces::Whole(_) => text(Side::Was),
                FilePieces::Nodes(pieces) => Some(self.write(pieces, choice)),
            };
            files.extend(text.map(|text| SourceFile {
                path: (*path).to_owned(),
                text,
                layer: *layer,
            }));
        }
        Sources::new(files)
    }

    /// Lists the places of the nodes right below a node that is new or gone; `inside` is the edit's
    /// own node or one below it.
    pub fn parts(&self, edit: usize, inside: Option<Span>) -> Vec<(Side, Span)> {
        let Some((side, whole)) = self.list.get(edit).and_then(|edit| edit.whole) else {
            return Vec::new();
        };
        let found = self.nodes.get(&(side, inside.unwrap_or(whole)));
        let children = found.map(|node| node.children.as_slice()).unwrap_or_default();
        children.iter().map(|child| (side, child.span)).collect()
    }

    /// Returns the place of a node.
    pub fn place(&self, side: Side, span: Span) -> Place {
        Place { gone: side == Side::Was, ..place(self.sources(side), span) }
    }

    fn sources(&self, side: Side) -> &'s Sources {
        match side {
            Side::Was => self.was,
            Side::Is => self.is,
        }
    }
}

type Tops<'s> = Vec<(&'s str, &'s Node<'s>)>;

fn tops<'s>(
    documents: &'s [(FileId, Document<'s>)],
    sources: &'s Sources,
    layer: Layer,
) -> Tops<'s> {
    let of_layer = documents.iter().filter(|(id, _)| sources.file(*id).layer == layer);
    of_layer
        .flat_map(|(id, document)| {
            let path = sources.file(*id).path.as_str();
            document.nodes.iter().map(move |node| (path, node))
        })
        .collect()
}

fn place(sources: &Sources, span: Span) -> Place {
    Place {
        path: sources.file(span.file).path.clone(),
        line: Some(sources.line(span.file, span.start) + 1),
        gone: false,
    }
}

/// Collects the nodes that one of the states has, and all below them.
fn only<'s>(pieces: &[Piece<'s>], nodes: &mut BTreeMap<(Side, Span), &'s Node<'s>>) {
    for piece in pieces {
        match piece {
            Piece::Same(_) => {}
            Piece::Only { side, node, .. } => within(*side, node, nodes),
            Piece::Both { children, .. } => only(children, nodes),
        }
    }
}

fn within<'s>(side: Side, node: &'s Node<'s>, nodes: &mut BTreeMap<(Side, Span), &'s Node<'s>>) {
    nodes.insert((side, node.span), node);
    for child in &node.children {
        within(side, child, nodes);
    }
}
