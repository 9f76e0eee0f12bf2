//! Decodes a file of which a small part has another text: only the node that the part is in.

use std::ops::Range;

use crate::decl::schema::{Child, TOP};
use crate::decl::{Block, decode};
use crate::diag::Diagnostics;
use crate::source::{FileId, SourceFile};
use crate::syntax;

/// Decodes `file`, which `blocks` are decoded of but for the text, that was `was`.
///
/// Returns nothing if that takes more than one node, or if there is something to find; then the
/// whole file has to be decoded.
pub fn decode_again<'s>(
    blocks: &[Block<'s>],
    was: &str,
    (id, file): (FileId, &'s SourceFile),
) -> Option<Vec<Block<'s>>> {
    let changed = changed(was, &file.text)?;
    let mut blocks = blocks.to_vec();
    let (index, end) = around(&blocks, &changed, was.len())?;
    let top = blocks.get_mut(index)?;
    if top.schema.name == "module" && top.children.first()?.span.start as usize <= changed.start {
        // Where the last node ends, and the module with it, is not known.
        let last = top.children.last()?.span.start as usize;
        let (index, end) = around(&top.children, &changed, last)?;
        let (title, groups) = (format!("`module {}`", top.key()), top.schema.children);
        let children = top.children.to_mut();
        replace(children, index, end, |range| part(range, (&title, groups), (id, file)))?;
    } else {
        replace(&mut blocks, index, end, |range| part(range, ("file", &[TOP]), (id, file)))?;
    }
    Some(blocks)
}

/// Returns the part that is another; nothing if what comes after it is in another place.
fn changed(was: &str, is: &str) -> Option<Range<usize>> {
    if was.len() != is.len() {
        return None;
    }
    let differs = |(a, b): (u8, u8)| a != b;
    let start = was.bytes().zip(is.bytes()).position(differs).unwrap_or(was.len());
    let after = was.bytes().rev().zip(is.bytes().rev()).position(differs).unwrap_or_default();
    Some(start..was.len() - after)
}

/// Finds the node that a part of the text is in, and where the next one begins, or the text ends.
fn around(blocks: &[Block<'_>], part: &Range<usize>, end: usize) -> Option<(usize, usize)> {
    let start = |block: &Block<'_>| block.span.start as usize;
    let index = blocks.partition_point(|block| start(block) <= part.start).checked_sub(1)?;
    let next = blocks.get(index + 1).map_or(end, start);
    (part.end <= next).then_some((index, next))
}

/// Puts what is decoded of the text of a node in its place, if that is the same node or nothing.
fn replace<'s>(
    blocks: &mut Vec<Block<'s>>,
    index: usize,
    end: usize,
    decode: impl FnOnce(Range<usize>) -> Option<Vec<Block<'s>>>,
) -> Option<()> {
    let was = blocks.get(index)?;
    let mut decoded = decode(was.span.start as usize..end)?.into_iter();
    let is = decoded.next();
    // Whether another name is twice in a block, or known to it, is not looked at here.
    let is_same = is.as_ref().is_none_or(|is| is.name == was.name && is.key() == was.key());
    if !is_same || decoded.next().is_some() {
        return None;
    }
    blocks.splice(index..=index, is);
    Some(())
}

/// Decodes a part of a file.
fn part<'s>(
    range: Range<usize>,
    (parent, groups): (&str, &[&'static [Child]]),
    (id, file): (FileId, &'s SourceFile),
) -> Option<Vec<Block<'s>>> {
    let document = syntax::parse_part(&file.text, range, id)?;
    let mut findings = Diagnostics::default();
    let blocks = decode::nodes(document.nodes, parent, groups, file, &mut findings);
    findings.is_empty().then_some(blocks)
}
