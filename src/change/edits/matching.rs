//! Which node of the old state is which of the new one.

use std::collections::{BTreeMap, BTreeSet};

use super::{Edit, EditKind, Piece, Place, Side, Tops, place};
use crate::source::Sources;
use crate::syntax::{Entry, Node};

/// Matches nodes and collects the edits.
pub(super) struct Matcher<'s> {
    was: &'s Sources,
    is: &'s Sources,
    coarse: bool,
    list: Vec<Edit>,
    /// The nodes around the one that is looked at.
    path: Vec<String>,
}

/// Names what a node is about: its name and its first argument.
type Key<'n> = (&'n str, Option<&'n str>);

fn key<'n>(node: &'n Node<'_>) -> Key<'n> {
    let first = node.arguments.first().and_then(|entry| entry.value.value.as_text());
    (&node.name.value, first)
}

impl<'s> Matcher<'s> {
    pub(super) fn new(was: &'s Sources, is: &'s Sources, coarse: bool) -> Self {
        Self { was, is, coarse, list: Vec::new(), path: Vec::new() }
    }

    pub(super) fn finish(self) -> Vec<Edit> {
        self.list
    }

    /// Matches the top nodes of all files, in whichever file they are: moving a node to another
    /// file is not an edit. Returns the pieces of each file.
    pub(super) fn top(
        &mut self,
        was: &Tops<'s>,
        is: &Tops<'s>,
    ) -> BTreeMap<&'s str, Vec<Piece<'s>>> {
        let mut files: BTreeMap<&'s str, Vec<Piece<'s>>> = BTreeMap::new();
        for (path, _) in was.iter().chain(is) {
            files.entry(path).or_default();
        }
        let nodes = |tops: &Tops<'s>| tops.iter().map(|(_, node)| *node).collect::<Vec<_>>();
        let (old, new) = (nodes(was), nodes(is));
        let pairs = pair(&old, &new, true);
        let renamed = self.renames(&old, &new, &pairs);
        for (index, (path, node)) in was.iter().enumerate() {
            let piece = if let Some(other) = pairs.get(&index).and_then(|other| new.get(*other)) {
                self.both(node, other)
            } else {
                let edit = renamed.get(&(Side::Was, index)).copied();
                let edit = edit.unwrap_or_else(|| self.only(Side::Was, node));
                Piece::Only { side: Side::Was, edit, node }
            };
            files.entry(path).or_default().push(piece);
        }
        let taken: BTreeSet<usize> = pairs.values().copied().collect();
        for (index, (path, node)) in is.iter().enumerate() {
            if !taken.contains(&index) {
                let edit = renamed.get(&(Side::Is, index)).copied();
                let edit = edit.unwrap_or_else(|| self.only(Side::Is, node));
                files.entry(path).or_default().push(Piece::Only { side: Side::Is, edit, node });
            }
        }
        files
    }

    /// Makes one edit of each `moved` that is new, with the old and the new declaration.
    fn renames(
        &mut self,
        old: &[&'s Node<'s>],
        new: &[&'s Node<'s>],
        pairs: &BTreeMap<usize, usize>,
    ) -> BTreeMap<(Side, usize), usize> {
        let mut edits = BTreeMap::new();
        for (index, moved) in new.iter().enumerate() {
            let Some((kind, from, to)) = moved_words(moved) else { continue };
            // The old state has this `moved` too, so an earlier change made the rename.
            if pairs.values().any(|taken| *taken == index) {
                continue;
            }
            let gone = old
                .iter()
                .enumerate()
                .find(|(at, node)| !pairs.contains_key(at) && key(node) == (kind, Some(from)));
            let come = new.iter().enumerate().find(|(at, node)| {
                !pairs.values().any(|taken| taken == at) && key(node) == (kind, Some(to))
            });
            if let (Some((gone, old)), Some((come, new))) = (gone, come) {
                let edit = self.push(Edit {
                    kind: EditKind::Renamed,
                    node: format!("moved {kind} {from}"),
                    was: Some(place(self.was, old.span)),
                    is: Some(place(self.is, new.span)),
                    small: false,
                    whole: None,
                });
                edits.insert((Side::Was, gone), edit);
                edits.insert((Side::Is, come), edit);
                edits.insert((Side::Is, index), edit);
            }
        }
        edits
    }

    /// Adds the edit that replaces a file as a whole.
    pub(super) fn file(&mut self, path: &str, was: bool, is: bool) -> usize {
        let whole =
            |there: bool| there.then(|| Place { path: path.to_owned(), line: None, gone: false });
        let kind = match (was, is) {
            (false, _) => EditKind::Added,
            (true, false) => EditKind::Removed,
            (true, true) => EditKind::Changed,
        };
        self.push(Edit {
            kind,
            node: path.to_owned(),
            was: whole(was),
            is: whole(is),
            small: false,
            whole: None,
        })
    }

    fn both(&mut self, was: &'s Node<'s>, is: &'s Node<'s>) -> Piece<'s> {
        if same(was, is) {
            return Piece::Same(was);
        }
        self.path.push(title(is));
        let names = || {
            let mut names: Vec<&'s str> = Vec::new();
            for entry in was.properties.iter().chain(&is.properties) {
                if !names.contains(&&*entry.name.value) {
                    names.push(&entry.name.value);
                }
            }
            names
        };
        // Edits of properties find them by name, which does not work if a name occurs twice.
        let twice = |node: &Node<'_>| {
            let mut seen = BTreeSet::new();
            !node.properties.iter().all(|entry| seen.insert(&*entry.name.value))
        };
        // The order of addresses counts, and edits of single nodes can't express a new order.
        let order = out_of_order(&was.children, &is.children);
        if self.coarse || twice(was) || twice(is) || order {
            // Written as one node with the children of one of the states.
            let edit = self.changed(was.span, is.span);
            self.path.pop();
            return Piece::Both {
                was,
                is,
                arguments: Some(edit),
                properties: names().into_iter().map(|name| (name, Some(edit))).collect(),
                children: was
                    .children
                    .iter()
                    .map(|node| Piece::Only { side: Side::Was, edit, node })
                    .chain(is.children.iter().map(|node| Piece::Only {
                        side: Side::Is,
                        edit,
                        node,
                    }))
                    .collect(),
            };
        }
        let annotation = |node: &'s Node<'s>| node.annotation.as_ref().map(|word| &word.value);
        let arguments = (!same_entries(&was.arguments, &is.arguments)
            || annotation(was) != annotation(is))
        .then(|| self.changed(was.span, is.span));
        let mut properties = Vec::new();
        for name in names() {
            let find =
                |node: &'s Node<'s>| node.properties.iter().find(|entry| entry.name.value == *name);
            let (old, new) = (find(was), find(is));
            let equal = match (old, new) {
                (Some(old), Some(new)) => same_entry(&old.entry, &new.entry),
                (old, new) => old.is_none() && new.is_none(),
            };
            let edit = (!equal).then(|| {
                let span = |entry: Option<&crate::syntax::PropertyEntry<'_>>, node: &Node<'_>| {
                    entry.map_or(node.span, |entry| entry.name.span)
                };
                self.changed(span(old, was), span(new, is))
            });
            properties.push((name, edit));
        }
        let children = self.children(was, is);
        self.path.pop();
        Piece::Both { was, is, arguments, properties, children }
    }

    /// Matches the nodes of two blocks; what is written stays in the order of the new state.
    fn children(&mut self, was: &'s Node<'s>, is: &'s Node<'s>) -> Vec<Piece<'s>> {
        let (old, new): (Vec<_>, Vec<_>) =
            (was.children.iter().collect(), is.children.iter().collect());
        let pairs = pair(&old, &new, false);
        let back: BTreeMap<usize, usize> = pairs.iter().map(|(was, is)| (*is, *was)).collect();
        let mut pieces = Vec::new();
        let mut gone = old.iter().enumerate().filter(|(index, _)| !pairs.contains_key(index));
        let mut next = gone.next();
        for (index, node) in new.iter().enumerate() {
            let Some(other) = back.get(&index) else {
                let edit = self.only(Side::Is, node);
                pieces.push(Piece::Only { side: Side::Is, edit, node });
                continue;
            };
            // A node that is gone keeps its place before what came after it, as the order may
            // count.
            while let Some((at, node)) = next.filter(|(at, _)| at < other) {
                let _ = at;
                let edit = self.only(Side::Was, node);
                pieces.push(Piece::Only { side: Side::Was, edit, node });
                next = gone.next();
            }
            if let Some(old) = old.get(*other) {
                pieces.push(self.both(old, node));
            }
        }
        while let Some((_, node)) = next {
            let edit = self.only(Side::Was, node);
            pieces.push(Piece::Only { side: Side::Was, edit, node });
            next = gone.next();
        }
        pieces
    }

    fn only(&mut self, side: Side, node: &Node<'_>) -> usize {
        self.path.push(title(node));
        let (kind, sources) = match side {
            Side::Was => (EditKind::Removed, self.was),
            Side::Is => (EditKind::Added, self.is),
        };
        let at = Some(place(sources, node.span));
        let (was, is) = if side == Side::Was { (at, None) } else { (None, at) };
        let edit = Edit {
            kind,
            node: self.path.join(" / "),
            was,
            is,
            small: node.children.is_empty(),
            whole: Some((side, node.span)),
        };
        self.path.pop();
        self.push(edit)
    }

    fn changed(&mut self, was: crate::source::Span, is: crate::source::Span) -> usize {
        let (was, is) = (place(self.was, was), place(self.is, is));
        self.push(Edit {
            kind: EditKind::Changed,
            node: self.path.join(" / "),
            was: Some(was),
            is: Some(is),
            small: !self.coarse,
            whole: None,
        })
    }

    fn push(&mut self, edit: Edit) -> usize {
        self.list.push(edit);
        self.list.len() - 1
    }
}

/// Returns `kind`, old and new name of a `moved`.
pub(super) fn moved_words<'n>(node: &'n Node<'_>) -> Option<(&'n str, &'n str, &'n str)> {
    let text = |entry: &'n Entry<'_>| entry.value.value.as_text();
    let [kind, from] = node.arguments.as_slice() else { return None };
    let to = node.properties.iter().find(|entry| entry.name.value == "to")?;
    (node.name.value == "moved").then_some((text(kind)?, text(from)?, text(&to.entry)?))
}

/// Names a node for people. Only the names of declarations are shown: another first argument may
/// be a value that was meant to be a secret.
fn title(node: &Node<'_>) -> String {
    const NAMED: [&str; 16] = [
        "admin", "network", "router", "host", "vm", "lxc", "service", "module", "secret",
        "profile", "alert", "accept", "pool", "dataset", "zone", "expose",
    ];
    match key(node) {
        (name, Some(first)) if NAMED.contains(&name) => format!("{name} {first}"),
        (name, _) => name.to_owned(),
    }
}

/// Pairs the nodes of two lists by index: equal ones first, then those about the same thing.
fn pair(was: &[&Node<'_>], is: &[&Node<'_>], top: bool) -> BTreeMap<usize, usize> {
    let mut pairs = BTreeMap::new();
    let mut free: BTreeMap<Key<'_>, Vec<usize>> = BTreeMap::new();
    for (index, node) in is.iter().enumerate() {
        free.entry(key(node)).or_default().push(index);
    }
    let mut left: BTreeMap<Key<'_>, Vec<usize>> = BTreeMap::new();
    for (index, node) in was.iter().enumerate() {
        let candidates = free.entry(key(node)).or_default();
        match candidates
            .iter()
            .position(|other| is.get(*other).is_some_and(|other| same(node, other)))
        {
            Some(position) => {
                pairs.insert(index, candidates.remove(position));
            }
            None => left.entry(key(node)).or_default().push(index),
        }
    }
    let mut unpaired: BTreeMap<&str, (Vec<usize>, Vec<usize>)> = BTreeMap::new();
    for (key, old) in left {
        let new = free.remove(&key).unwrap_or_default();
        let (mut old, mut new) = (old.into_iter(), new.into_iter());
        loop {
            match (old.next(), new.next()) {
                (Some(old), Some(new)) => {
                    pairs.insert(old, new);
                }
                (old, new) if old.is_some() || new.is_some() => {
                    let (olds, news) = unpaired.entry(key.0).or_default();
                    olds.extend(old);
                    news.extend(new);
                }
                _ => break,
            }
        }
    }
    for (key, new) in free {
        unpaired.entry(key.0).or_default().1.extend(new);
    }
    // `memory "4GiB"`: the first argument is not a name, and the node occurs once.
    for (name, (old, new)) in unpaired {
        if let ([old], [new]) = (old.as_slice(), new.as_slice())
            // At the top, another first argument names another thing. Only these two occur once.
            && (!top || matches!(name, "lab" | "edition"))
        {
            pairs.insert(*old, *new);
        }
    }
    pairs
}

/// Says whether nodes of one name that both blocks have are in another order.
fn out_of_order(was: &[Node<'_>], is: &[Node<'_>]) -> bool {
    let (old, new): (Vec<_>, Vec<_>) = (was.iter().collect(), is.iter().collect());
    let mut last: BTreeMap<&str, usize> = BTreeMap::new();
    pair(&old, &new, false).into_iter().any(|(was, is)| {
        let name = old.get(was).map_or("", |node| &*node.name.value);
        last.insert(name, is).is_some_and(|before| before > is)
    })
}

/// Says whether two nodes mean the same, wherever they are.
fn same(was: &Node<'_>, is: &Node<'_>) -> bool {
    let annotation = |node: &Node<'_>| node.annotation.as_ref().map(|word| word.value.to_string());
    was.name.value == is.name.value
        && was.arguments.len() == is.arguments.len()
        && was.properties.len() == is.properties.len()
        && was.children.len() == is.children.len()
        && annotation(was) == annotation(is)
        && same_entries(&was.arguments, &is.arguments)
        && was.properties.iter().all(|entry| {
            let mut others =
                is.properties.iter().filter(|other| other.name.value == entry.name.value);
            others.next().is_some_and(|other| same_entry(&entry.entry, &other.entry))
                && others.next().is_none()
        })
        && was.children.iter().zip(&is.children).all(|(was, is)| same(was, is))
}

fn same_entries(was: &[Entry<'_>], is: &[Entry<'_>]) -> bool {
    was.len() == is.len() && was.iter().zip(is).all(|(was, is)| same_entry(was, is))
}

fn same_entry(was: &Entry<'_>, is: &Entry<'_>) -> bool {
    let annotation =
        |entry: &Entry<'_>| entry.annotation.as_ref().map(|word| word.value.to_string());
    was.value.value == is.value.value && annotation(was) == annotation(is)
}
