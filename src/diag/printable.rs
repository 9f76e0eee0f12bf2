//! Makes text safe to show. Nothing in a lab's source may control the terminal it is shown on, or
//! look like other text.

use std::borrow::Cow;

/// Returns whether `character` moves the cursor, sets a colour, turns the direction of text, or is
/// invisible.
pub(super) fn is_hostile(character: char) -> bool {
    matches!(character,
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{ad}' | '\u{61c}' | '\u{180e}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e007f}')
}

/// Writes every hostile character as its escape; newlines and tabs become blanks.
pub(crate) fn one_line(text: &str) -> Cow<'_, str> {
    escape(text, |character| if matches!(character, '\n' | '\t') { Some(' ') } else { None })
}

/// Writes every hostile character except the newline as its escape.
pub(crate) fn lines(text: &str) -> Cow<'_, str> {
    escape(text, |character| (character == '\n').then_some('\n'))
}

/// Replaces every hostile character by one that is as wide as it looks, for text in which a place
/// is marked.
pub(super) fn pointed_at(text: &str) -> String {
    text.chars()
        .map(|character| {
            if is_hostile(character) && !matches!(character, '\n' | '\t') {
                '\u{fffd}'
            } else {
                character
            }
        })
        .collect()
}

fn escape(text: &str, instead: impl Fn(char) -> Option<char>) -> Cow<'_, str> {
    if !text.chars().any(is_hostile) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match instead(character) {
            Some(other) => shown.push(other),
            None if is_hostile(character) => shown.extend(character.escape_unicode()),
            None => shown.push(character),
        }
    }
    Cow::Owned(shown)
}

/// Breaks `text` at blanks so that no line is wider than `width`, unless a word is. Lines after the
/// first begin with `indent`.
pub fn wrap(text: &str, width: usize, indent: &str) -> String {
    let mut wrapped = String::with_capacity(text.len());
    for (number, line) in text.lines().enumerate() {
        if number > 0 {
            wrapped.push('\n');
            wrapped.push_str(indent);
        }
        let mut column = if number > 0 { indent.chars().count() } else { 0 };
        for (position, word) in line.split(' ').enumerate() {
            let length = word.chars().count();
            if position > 0 && column + 1 + length > width {
                wrapped.push('\n');
                wrapped.push_str(indent);
                column = indent.chars().count();
            } else if position > 0 {
                wrapped.push(' ');
                column += 1;
            }
            wrapped.push_str(word);
            column += length;
        }
    }
    wrapped
}
