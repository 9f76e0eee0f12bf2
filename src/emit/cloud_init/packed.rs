//! YAML with labctl in it. The serializer would look at each of its characters several times to
//! find that none of them needs an escape, which is half the work of a whole machine.

use std::cell::Cell;
use std::fmt;

use serde::{Serialize, Serializer};

use crate::emit::labctl;
use crate::format;

/// Whether the next string in the YAML is labctl.
#[derive(Debug, Default)]
pub(super) struct Slot(Cell<bool>);

/// labctl, packed, as a value.
#[derive(Debug)]
pub(super) struct Packed<'s>(pub(super) &'s Slot);

impl Serialize for Packed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // The serializer writes an empty string as two quotes. labctl goes in after the first one.
        self.0.0.set(true);
        serializer.serialize_str("")
    }
}

/// Text that is written, with labctl put in after the quote that opens its string.
struct Filling<'s> {
    text: String,
    slot: &'s Slot,
}

impl fmt::Write for Filling<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.text.push_str(text);
        Ok(())
    }

    fn write_char(&mut self, character: char) -> fmt::Result {
        self.text.push(character);
        if character == '\'' && self.slot.0.take() {
            self.text.push_str(labctl::PACKED);
        }
        Ok(())
    }
}

/// Writes a value that holds a [`Packed`] of this slot as YAML, after a first line.
pub(super) fn yaml(first_line: &str, slot: &Slot, value: &impl Serialize) -> String {
    let mut text = String::with_capacity(labctl::PACKED.len() + 4096);
    text.push_str(first_line);
    let mut filling = Filling { text, slot };
    match format::write_yaml(&mut filling, value) {
        Ok(()) => filling.text,
        Err(error) => error,
    }
}
