//! Reads the nodes of one file.
//!
//! Goes over the text once, without recursion, and borrows from it. It accepts KDL v2, and the
//! property tests compare it with the `kdl` crate. It refuses a few words that KDL accepts but
//! reads differently from what their writer can have meant.

use std::borrow::Cow;
use std::ops::Range;

use super::faults::{Fault, Kind};
use super::scan::{Cursor, Unclosed};
use super::{DEEPEST, Document, Node, PropertyEntry, numbers, scan, strings};
use crate::source::{FileId, Span, Spanned};

/// The number of faults after which the rest of a file is not read.
const MOST_FAULTS: usize = 100;

/// Reads `text`. Returns every fault when there is one.
pub(super) fn read(text: &str, file: FileId) -> Result<Document<'_>, Vec<Fault>> {
    if let Some((at, character)) = scan::forbidden(text) {
        return Err(vec![Fault::new(Kind::Forbidden(character), at, at + character.len_utf8())]);
    }
    document(Cursor::new(text), file)
}

/// Reads the nodes in a part of `text`, which begins with a node.
pub(super) fn read_part(
    text: &str,
    part: Range<usize>,
    file: FileId,
) -> Result<Document<'_>, Vec<Fault>> {
    let own = text.get(part.clone()).unwrap_or_default();
    if let Some((at, character)) = scan::forbidden(own) {
        let at = part.start + at;
        return Err(vec![Fault::new(Kind::Forbidden(character), at, at + character.len_utf8())]);
    }
    let text = text.get(..part.end).unwrap_or_default();
    document(Cursor { text, at: part.start, line_start: part.start, line_token: part.start }, file)
}

fn document(cursor: Cursor<'_>, file: FileId) -> Result<Document<'_>, Vec<Fault>> {
    let mut reader = Reader {
        cursor,
        file,
        faults: Vec::new(),
        nodes: Vec::new(),
        blocks: Vec::new(),
        spaced: false,
        early_close: None,
    };
    reader.document();
    if reader.faults.is_empty() { Ok(Document { nodes: reader.nodes }) } else { Err(reader.faults) }
}

/// The state of reading one file.
pub(super) struct Reader<'s> {
    pub(super) cursor: Cursor<'s>,
    file: FileId,
    pub(super) faults: Vec<Fault>,
    /// The finished nodes of the innermost open block.
    nodes: Vec<Node<'s>>,
    blocks: Vec<Block<'s>>,
    /// Whether there is a blank before the next byte.
    pub(super) spaced: bool,
    /// The first block whose closing brace is indented less than the line that opens it. If a brace
    /// is missing at the end of the file, it is most likely missing there.
    early_close: Option<(usize, usize)>,
}

/// A node that may have further entries.
struct Pending<'s> {
    node: Node<'s>,
    /// Whether `/-` comes before it.
    discarded: bool,
    /// Whether a block came after it, discarded or not.
    had_block: bool,
    /// Whether its own block came after it.
    had_children: bool,
}

/// An open `{`.
struct Block<'s> {
    owner: Pending<'s>,
    /// The nodes before the owner, in the block around it.
    siblings: Vec<Node<'s>>,
    discarded: bool,
    open: usize,
    /// The indentation of the line that contains `{`.
    indent: usize,
}

/// A failure that is recorded as a fault already; the reader has moved past the place.
pub(super) struct Failed;

impl<'s> Reader<'s> {
    fn document(&mut self) {
        while self.faults.len() < MOST_FAULTS {
            self.line_space();
            match self.cursor.byte() {
                None => return self.end_of_file(),
                Some(b'}') => self.close_block(),
                Some(_) => self.node(),
            }
        }
        self.fault(Kind::TooMany, self.cursor.at, self.cursor.at);
    }

    fn end_of_file(&mut self) {
        let Some(block) = self.blocks.last() else { return };
        let fault = match self.early_close {
            Some((open, close)) => {
                Fault::new(Kind::UnclosedBlock, open, open + 1).with(close, close + 1)
            }
            None => Fault::new(Kind::UnclosedBlock, block.open, block.open + 1),
        };
        self.faults.push(fault);
    }

    fn close_block(&mut self) {
        let at = self.cursor.at;
        self.cursor.at += 1;
        let Some(block) = self.blocks.pop() else {
            return self.fault(Kind::StrayBrace, at, at + 1);
        };
        // The indentation of a brace tells something only if nothing comes before it on the line.
        let first_on_line = self.cursor.line_token == at;
        if first_on_line && at - self.cursor.line_start < block.indent && self.early_close.is_none()
        {
            self.early_close = Some((block.open, at));
        }
        let mut owner = block.owner;
        let children = std::mem::replace(&mut self.nodes, block.siblings);
        owner.had_block = true;
        if !block.discarded {
            owner.had_children = true;
            owner.node.children = children;
        }
        // A discarded block may follow the node's own without a blank.
        self.spaced = !block.discarded && self.cursor.looking_at("/-");
        self.rest_of_node(owner);
    }

    fn open_block(&mut self, owner: Pending<'s>, discarded: bool) {
        let open = self.cursor.at;
        if self.blocks.len() == DEEPEST {
            self.fault(Kind::TooDeep, open, open + 1);
            return self.give_up();
        }
        if owner.had_children && !discarded {
            // The block is still opened, so that its closing brace is not reported as a stray one.
            self.fault(Kind::SecondBlock, open, open + 1);
        }
        self.cursor.at += 1;
        let indent = self.cursor.line_token.saturating_sub(self.cursor.line_start);
        self.blocks.push(Block {
            owner,
            siblings: std::mem::take(&mut self.nodes),
            discarded,
            open,
            indent,
        });
    }

    fn node(&mut self) {
        let mut discarded = false;
        let mut first_of_file = false;
        if self.cursor.looking_at("/-") {
            let start = self.cursor.at;
            // A version marker counts only at the very beginning, where a byte order mark of three
            // bytes may come before it.
            first_of_file = start == self.cursor.line_start && start <= 3;
            discarded = true;
            self.cursor.at += 2;
            self.line_space();
            if matches!(self.cursor.byte(), None | Some(b'}' | b';' | b'/')) {
                self.fault(Kind::SlashdashAlone, start, start + 2);
                if self.cursor.byte() != Some(b'}') {
                    self.cursor.skip_character();
                }
                return;
            }
        }
        let start = self.cursor.at;
        match self.cursor.byte() {
            Some(b'{') if !self.cursor.looking_at("{{") => {
                self.fault(Kind::BlockWithoutName, start, start + 1);
            }
            Some(b';') => {
                self.cursor.at += 1;
                return self.fault(Kind::LoneSemicolon, start, start + 1);
            }
            Some(b'#') if !self.raw_string_follows() => {
                self.cursor.skip_to_newline();
                return self.fault(Kind::HashComment, start, start + 1);
            }
            _ => {}
        }
        let empty = Spanned::new(Cow::Borrowed(""), self.span(start, start));
        let mut node = Node {
            annotation: None,
            name: empty,
            arguments: Vec::new(),
            properties: Vec::new(),
            children: Vec::new(),
            span: self.span(start, start),
        };
        if self.header(&mut node).is_ok() {
            node.span.end = node.name.span.end;
            if first_of_file && node.name.value == "kdl-version" {
                self.version_marker(start);
            }
            self.spaced = false;
            if self.equals_follows() {
                let kind = if self.goes_on(&node) {
                    Kind::PropertyOnNextLine
                } else {
                    Kind::EqualsAfterName
                };
                self.fault(kind, self.cursor.at, self.cursor.at + 1);
                self.cursor.at += 1;
                self.spaced = true;
            }
        } else {
            // The name is unreadable and is reported. Whether a blank is missing after it can't be
            // known.
            self.spaced = true;
        }
        self.rest_of_node(Pending { node, discarded, had_block: false, had_children: false });
    }

    /// Returns whether the `=` after a name makes a property of the node in the line before, which
    /// is indented less and has no block.
    fn goes_on(&self, node: &Node<'s>) -> bool {
        const NEAR: usize = 200;
        let Some(before) = self.nodes.last() else { return false };
        let (end, start) = (before.span.end as usize, node.span.start as usize);
        let between = self.cursor.text.get(end..start).filter(|between| between.len() < NEAR);
        let next_line = between
            .is_some_and(|between| between.trim().is_empty() && between.matches('\n').count() == 1);
        let indent = |at: usize| {
            let line = self.cursor.text.get(at.saturating_sub(NEAR)..at).unwrap_or_default();
            line.bytes().rev().take_while(|byte| matches!(byte, b' ' | b'\t')).count()
        };
        let joined = node.name.span.end as usize == self.cursor.at
            && !matches!(self.cursor.byte_ahead(1), None | Some(b' ' | b'\t' | b'\r' | b'\n'));
        joined
            && next_line
            && before.children.is_empty()
            && indent(start) > indent(before.span.start as usize)
    }

    fn header(&mut self, node: &mut Node<'s>) -> Result<(), Failed> {
        if self.cursor.byte() == Some(b'{') {
            return Err(Failed);
        }
        node.annotation = self.annotation()?;
        let start = self.cursor.at;
        if numbers::begins(self.cursor.rest()) {
            self.cursor.skip_to_blank();
            self.fault(Kind::NumberAsName, start, self.cursor.at);
            return Err(Failed);
        }
        node.name = self.string()?;
        Ok(())
    }

    /// Reads entries, discarded entries and blocks, up to the end of the node or into its block.
    fn rest_of_node(&mut self, mut pending: Pending<'s>) {
        // The start of the last value.
        let mut value = self.cursor.at;
        while self.faults.len() < MOST_FAULTS {
            self.node_space();
            let start = self.cursor.at;
            match self.cursor.byte() {
                None | Some(b'}') => return self.finish(pending),
                Some(b';') => {
                    self.cursor.at += 1;
                    return self.finish(pending);
                }
                Some(b'{') if self.cursor.looking_at("{{") => {
                    self.interpolation(start);
                    continue;
                }
                Some(b'{') => return self.open_block(pending, false),
                Some(b'/') if self.cursor.byte_ahead(1) == Some(b'/') => {
                    return self.finish(pending);
                }
                Some(_) if self.cursor.newline() > 0 => return self.finish(pending),
                Some(b',') if !self.spaced && !pending.had_block => {
                    self.cursor.at += 1;
                    self.list_goes_on();
                    self.list(value);
                    continue;
                }
                Some(_) if !self.spaced => {
                    self.unexpected_behind_value(&pending);
                    continue;
                }
                Some(b'/') if self.cursor.byte_ahead(1) == Some(b'-') => {
                    self.cursor.at += 2;
                    self.line_space();
                    if self.cursor.byte() == Some(b'{') {
                        return self.open_block(pending, true);
                    }
                    self.discarded_entry(&pending, start);
                    continue;
                }
                Some(_) => {}
            }
            self.spaced = false;
            let entry = self.entry();
            if pending.had_block {
                self.fault(Kind::EntryAfterBlock, start, self.cursor.at.max(start + 1));
            }
            let Ok((name, entry)) = entry else { continue };
            pending.node.span.end = entry.value.span.end;
            value = entry.value.span.start as usize;
            match name {
                Some(name) => push(&mut pending.node.properties, PropertyEntry { name, entry }),
                None => push(&mut pending.node.arguments, entry),
            }
        }
    }

    /// Reads the entry that the `/-` at `start` discards.
    fn discarded_entry(&mut self, pending: &Pending<'s>, start: usize) {
        if matches!(self.cursor.byte(), None | Some(b'}' | b';' | b'/')) {
            return self.fault(Kind::SlashdashAlone, start, start + 2);
        }
        if pending.had_block {
            self.fault(Kind::EntryAfterBlock, start, start + 2);
        }
        self.spaced = false;
        // The entry is read for its faults alone: they count even though its value doesn't.
        drop(self.entry());
    }

    fn finish(&mut self, pending: Pending<'s>) {
        if !pending.discarded {
            self.nodes.push(pending.node);
        }
    }

    fn version_marker(&mut self, start: usize) {
        let rest = self.cursor.text.get(self.cursor.at..).unwrap_or_default();
        let version = rest.trim_start_matches([' ', '\t']);
        if version
            .strip_prefix('1')
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(char::is_whitespace))
        {
            self.fault(Kind::OldVersion, start, self.cursor.at);
        }
    }

    /// Records what follows a value or a block without a blank, and moves past it.
    fn unexpected_behind_value(&mut self, pending: &Pending<'s>) {
        let start = self.cursor.at;
        match self.cursor.byte() {
            Some(byte @ (b'=' | b')' | b'\\')) => {
                let kind = match byte {
                    b'=' => Kind::EqualsAfterValue,
                    b')' => Kind::StrayParenthesis,
                    _ => Kind::StrayBackslash,
                };
                self.cursor.at += 1;
                self.fault(kind, start, self.cursor.at);
            }
            Some(_) if pending.had_block => {
                self.fault(Kind::EntryAfterBlock, start, start + 1);
                self.skip_line();
            }
            Some(b':') => {
                self.cursor.at += 1;
                self.fault(Kind::Colon, start, self.cursor.at);
            }
            _ => self.fault(Kind::MissingSpace, start, start + 1),
        }
        self.spaced = true;
    }

    /// Moves to the end of the line, or to the first brace or `;` outside quotes.
    pub(super) fn skip_line(&mut self) {
        while let Some(byte) = self.cursor.byte() {
            match byte {
                b'{' | b'}' | b';' => break,
                // This line has a fault already; another one in a string of it would only distract.
                b'"' => drop(strings::quoted(&mut self.cursor)),
                b'/' if self.cursor.byte_ahead(1) == Some(b'/') => break,
                _ if self.cursor.newline() > 0 => break,
                _ => self.cursor.skip_character(),
            }
        }
        self.spaced = true;
    }

    pub(super) fn node_space(&mut self) {
        match self.cursor.skip_node_space() {
            Ok(any) => self.spaced |= any,
            Err(unclosed) => self.unclosed_comment(&unclosed),
        }
    }

    fn line_space(&mut self) {
        if let Err(unclosed) = self.cursor.skip_line_space() {
            self.unclosed_comment(&unclosed);
        }
    }

    fn unclosed_comment(&mut self, unclosed: &Unclosed) {
        self.fault(Kind::UnclosedComment, unclosed.0, unclosed.0 + 2);
        self.give_up();
    }

    /// Stops reading: all further faults would be consequences of the last one.
    fn give_up(&mut self) {
        self.cursor.at = self.cursor.text.len();
        self.blocks.clear();
    }

    pub(super) fn fault(&mut self, kind: Kind, start: usize, end: usize) {
        self.faults.push(Fault::new(kind, start, end));
    }

    /// Makes a span. The offsets fit because [`super::parse`] refuses larger files.
    pub(super) fn span(&self, start: usize, end: usize) -> Span {
        Span::new(
            self.file,
            u32::try_from(start).unwrap_or(u32::MAX),
            u32::try_from(end).unwrap_or(u32::MAX),
        )
    }
}

/// Adds `item`, and makes room for just one at first. Most nodes have one argument, and the usual
/// room for four would take a third of a kilobyte for each node.
fn push<T>(list: &mut Vec<T>, item: T) {
    if list.is_empty() {
        list.reserve_exact(1);
    }
    list.push(item);
}
