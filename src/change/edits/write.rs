//! KDL text of the merged tree, with some of the edits applied.

use std::collections::BTreeMap;

use super::{Choice, Edits, Piece, Side};
use crate::source::Span;
use crate::syntax::Node;

impl Edits<'_> {
    /// Writes the nodes of a file.
    pub(super) fn write(&self, pieces: &[Piece<'_>], choice: &Choice) -> String {
        let mut out = String::new();
        self.pieces(&mut out, pieces, choice);
        out
    }

    fn pieces(&self, out: &mut String, pieces: &[Piece<'_>], choice: &Choice) {
        for piece in pieces {
            match piece {
                Piece::Same(node) => self.node(out, Side::Was, node, choice),
                Piece::Only { side, edit, node } => {
                    // A new node is there once its edit is applied, and an old one until then.
                    if (*side == Side::Is) == choice.applied.contains(edit) {
                        self.node(out, *side, node, choice);
                    }
                }
                Piece::Both { was, is, arguments, properties, children } => {
                    let side = side_of(*arguments, choice);
                    let node = if side == Side::Is { is } else { was };
                    self.head(out, side, node);
                    let both = [Side::Was, Side::Is].map(|side| {
                        let node = if side == Side::Is { is } else { was };
                        let entries = node.properties.iter();
                        entries.map(|entry| (&*entry.name.value, entry)).collect::<BTreeMap<_, _>>()
                    });
                    // The sources may mix properties and arguments. Only the order of the arguments
                    // counts.
                    for (name, edit) in properties {
                        let side = side_of(*edit, choice);
                        let entries = if side == Side::Is { &both[1] } else { &both[0] };
                        if let Some(entry) = entries.get(name) {
                            out.push(' ');
                            out.push_str(self.text(side, entry.name.span));
                            out.push('=');
                            self.value(out, side, &entry.entry);
                        }
                    }
                    block(out, |out| self.pieces(out, children, choice));
                }
            }
        }
    }

    /// Writes the annotation, the name and the arguments of a node.
    fn head(&self, out: &mut String, side: Side, node: &Node<'_>) {
        self.annotation(out, side, node.annotation.as_ref().map(|annotation| annotation.span));
        out.push_str(self.text(side, node.name.span));
        for argument in &node.arguments {
            out.push(' ');
            self.value(out, side, argument);
        }
    }

    fn value(&self, out: &mut String, side: Side, entry: &crate::syntax::Entry<'_>) {
        self.annotation(out, side, entry.annotation.as_ref().map(|annotation| annotation.span));
        out.push_str(self.text(side, entry.value.span));
    }

    fn annotation(&self, out: &mut String, side: Side, span: Option<Span>) {
        if let Some(span) = span {
            out.push('(');
            out.push_str(self.text(side, span));
            out.push(')');
        }
    }

    /// Writes a node as it is in one of the states; the words of its line are taken over as
    /// they are, since they mean the same anywhere.
    fn node(&self, out: &mut String, side: Side, node: &Node<'_>, choice: &Choice) {
        if choice.without == Some((side, node.span)) {
            return;
        }
        out.push_str(self.text(side, node.span));
        block(out, |out| {
            for child in &node.children {
                self.node(out, side, child, choice);
            }
        });
    }

    fn text(&self, side: Side, span: Span) -> &str {
        self.sources(side).text(span)
    }
}

fn block(out: &mut String, children: impl FnOnce(&mut String)) {
    let before = out.len();
    out.push_str(" {\n");
    let opened = out.len();
    children(out);
    // The parser does not tell an empty block from none, so an empty one can be left out.
    if out.len() == opened {
        out.truncate(before);
    } else {
        out.push('}');
    }
    out.push('\n');
}

fn side_of(edit: Option<usize>, choice: &Choice) -> Side {
    if edit.is_some_and(|edit| choice.applied.contains(&edit)) { Side::Is } else { Side::Was }
}
