//! Reads the strings of KDL: quoted, raw, and both over several lines.
//!
//! Each function begins at the opening quote (or the first `#`) and ends after the string, even
//! when it has a fault, so that the reader goes on with what follows.

use std::borrow::Cow;

use super::Text;
use super::faults::{Fault, Kind};
use super::scan::{Cursor, MAY_END_STRING, blank_length, newline_length};

/// Reads `"…"` or `"""…"""`.
pub(super) fn quoted<'s>(cursor: &mut Cursor<'s>) -> Result<Text<'s>, Fault> {
    if cursor.looking_at("\"\"\"") {
        return multiline(cursor, cursor.at, 0);
    }
    let open = cursor.at;
    cursor.at += 1;
    let mut text = Cow::Borrowed("");
    let mut piece = cursor.at;
    let mut fault = None;
    loop {
        skip_plain(cursor);
        match cursor.byte() {
            Some(b'"') => break,
            Some(b'\\') => {
                // While `text` is empty, adding to it borrows, so a string without escapes is not
                // copied.
                text += cursor.since(piece);
                match escape(cursor) {
                    Ok(Some(character)) => text.to_mut().push(character),
                    Ok(None) => {}
                    // Reading goes on, so that the cursor ends after the string and not inside it.
                    Err(bad) => fault = fault.or(Some(bad)),
                }
                piece = cursor.at;
            }
            Some(_) if cursor.newline() == 0 => cursor.skip_character(),
            _ => return Err(unclosed(cursor, open, open + 1, Kind::UnclosedString)),
        }
    }
    text += cursor.since(piece);
    cursor.at += 1;
    fault.map_or(Ok(text), Err)
}

/// Reads `#"…"#`, `#"""…"""#` and so on. The text must begin with at least one `#` and then a
/// quote.
pub(super) fn raw<'s>(cursor: &mut Cursor<'s>) -> Result<Text<'s>, Fault> {
    let open = cursor.at;
    while cursor.byte() == Some(b'#') {
        cursor.at += 1;
    }
    let hashes = cursor.at - open;
    if cursor.looking_at("\"\"\"") {
        return multiline(cursor, open, hashes);
    }
    cursor.at += 1;
    let start = cursor.at;
    loop {
        skip_plain(cursor);
        match cursor.byte() {
            Some(b'"') if closes(cursor, 1, hashes) => break,
            Some(_) if cursor.newline() == 0 => cursor.skip_character(),
            _ => return Err(unclosed(cursor, open, start, Kind::UnclosedString)),
        }
    }
    let text = cursor.since(start);
    cursor.at += 1 + hashes;
    Ok(Cow::Borrowed(text))
}

/// Reads a string over several lines. `hashes` is 0 for a string with escapes.
fn multiline<'s>(cursor: &mut Cursor<'s>, open: usize, hashes: usize) -> Result<Text<'s>, Fault> {
    cursor.at = open + hashes + 3;
    let newline = cursor.newline();
    if newline == 0 {
        let fault = Fault::new(Kind::MultilineStart, open, cursor.at);
        skip_string_on_line(cursor, hashes);
        return Err(fault);
    }
    cursor.at += newline;
    let body = cursor.at;
    let mut last_line = body;
    loop {
        skip_plain(cursor);
        match cursor.byte() {
            None => return Err(Fault::new(Kind::UnclosedString, open, body - newline)),
            Some(b'"') if closes(cursor, 3, hashes) => break,
            Some(b'\\') if hashes == 0 => skip_escape(cursor),
            Some(_) => match cursor.newline() {
                0 => cursor.skip_character(),
                length => {
                    cursor.at += length;
                    last_line = cursor.at;
                }
            },
        }
    }
    let close = cursor.at;
    let behind = close + 3 + hashes;
    // A closure, so that the cursor moves past the string whether or not a line of it has a fault.
    let text = (|| {
        cursor.at = last_line;
        skip_blanks(cursor);
        let indent = cursor.since(last_line);
        // Escaped blanks may come before the closing quotes, but they are not part of the
        // indentation.
        while hashes == 0 && cursor.at < close && is_blank_escape(cursor) {
            skip_escape(cursor);
        }
        if cursor.at != close {
            return Err(Fault::new(Kind::MultilineEnd, close, behind));
        }
        cursor.at = body;
        let mut text = String::with_capacity(last_line - body);
        while cursor.at < last_line {
            line(cursor, indent, hashes == 0, &mut text)
                .map_err(|fault| fault.with(close, behind))?;
        }
        // The newline before the closing quotes is not part of the string.
        text.pop();
        Ok(Cow::Owned(text))
    })();
    cursor.at = behind;
    text
}

/// Adds one line of a string over several lines, without its indentation.
fn line(
    cursor: &mut Cursor<'_>,
    indent: &str,
    escapes: bool,
    text: &mut String,
) -> Result<(), Fault> {
    let start = cursor.at;
    skip_blanks(cursor);
    let newline = cursor.newline();
    if newline > 0 {
        cursor.at += newline;
        text.push('\n');
        return Ok(());
    }
    // Only a line with text on it needs the indentation.
    let content = cursor.at;
    cursor.at = start;
    if !cursor.looking_at(indent) {
        return Err(Fault::new(Kind::MultilineIndent, start, content.max(start + 1)));
    }
    cursor.at += indent.len();
    let mut piece = cursor.at;
    loop {
        skip_plain(cursor);
        if escapes && cursor.byte() == Some(b'\\') {
            text.push_str(cursor.since(piece));
            text.extend(escape(cursor)?);
            piece = cursor.at;
            continue;
        }
        match cursor.newline() {
            0 => cursor.skip_character(),
            newline => {
                text.push_str(cursor.since(piece));
                text.push('\n');
                cursor.at += newline;
                return Ok(());
            }
        }
    }
}

/// Moves past an escape. Returns the character that it means, or nothing for escaped blanks.
fn escape(cursor: &mut Cursor<'_>) -> Result<Option<char>, Fault> {
    let start = cursor.at;
    let character = match cursor.byte_ahead(1) {
        Some(b'n') => '\n',
        Some(b't') => '\t',
        Some(b'r') => '\r',
        Some(b's') => ' ',
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(byte @ (b'"' | b'\\')) => char::from(byte),
        Some(b'u') => return unicode_escape(cursor).map(Some),
        _ if is_blank_escape(cursor) => {
            skip_escape(cursor);
            return Ok(None);
        }
        _ => {
            skip_escape(cursor);
            return Err(Fault::new(Kind::BadEscape, start, cursor.at));
        }
    };
    cursor.at += 2;
    Ok(Some(character))
}

fn unicode_escape(cursor: &mut Cursor<'_>) -> Result<char, Fault> {
    let start = cursor.at;
    cursor.at += 2;
    let braced = cursor.byte() == Some(b'{');
    cursor.at += usize::from(braced);
    let digits = cursor.at;
    // KDL allows at most six digits.
    while cursor.at - digits < 6 && cursor.byte().is_some_and(|byte| byte.is_ascii_hexdigit()) {
        cursor.at += 1;
    }
    let character = u32::from_str_radix(cursor.since(digits), 16).ok().and_then(char::from_u32);
    let closed = braced && cursor.byte() == Some(b'}');
    cursor.at += usize::from(closed);
    match character {
        Some(character) if closed => Ok(character),
        _ => Err(Fault::new(Kind::BadEscape, start, cursor.at)),
    }
}

/// Moves past `\` and one character, or past all the blanks and newlines after it.
fn skip_escape(cursor: &mut Cursor<'_>) {
    let blank = is_blank_escape(cursor);
    cursor.at += 1;
    if !blank {
        cursor.skip_character();
        return;
    }
    loop {
        skip_blanks(cursor);
        match cursor.newline() {
            0 => return,
            length => cursor.at += length,
        }
    }
}

fn is_blank_escape(cursor: &Cursor<'_>) -> bool {
    let rest = cursor.rest();
    rest.first() == Some(&b'\\') && (blank_length(&rest[1..]) > 0 || newline_length(&rest[1..]) > 0)
}

fn skip_blanks(cursor: &mut Cursor<'_>) {
    loop {
        match blank_length(cursor.rest()) {
            0 => return,
            length => cursor.at += length,
        }
    }
}

/// Moves to the next byte that may have a meaning in a string.
fn skip_plain(cursor: &mut Cursor<'_>) {
    let rest = cursor.rest();
    cursor.at += rest.iter().position(|byte| MAY_END_STRING[*byte as usize]).unwrap_or(rest.len());
}

/// Returns whether the next characters are `quotes` quotes and then `hashes` hashes.
fn closes(cursor: &Cursor<'_>, quotes: usize, hashes: usize) -> bool {
    let rest = cursor.rest();
    rest.len() >= quotes + hashes
        && rest[..quotes].iter().all(|byte| *byte == b'"')
        && rest[quotes..quotes + hashes].iter().all(|byte| *byte == b'#')
}

/// Moves past a string that begins with three quotes but goes on in the same line.
fn skip_string_on_line(cursor: &mut Cursor<'_>, hashes: usize) {
    while cursor.byte().is_some() && cursor.newline() == 0 {
        if cursor.byte() == Some(b'"') && (closes(cursor, 3, hashes) || closes(cursor, 1, hashes)) {
            let quotes = if closes(cursor, 3, hashes) { 3 } else { 1 };
            cursor.at += quotes + hashes;
            return;
        }
        cursor.skip_character();
    }
}

/// Makes the fault of a string that its line ends, and moves to where the reader should go on.
fn unclosed(cursor: &mut Cursor<'_>, open: usize, content: usize, kind: Kind) -> Fault {
    // `vm "web {`: the brace was meant as one; without it, its closing brace would be reported too.
    if cursor.since(content).trim_end().ends_with('{') {
        cursor.at = content + cursor.since(content).trim_end().len() - 1;
    }
    Fault::new(kind, open, content)
}
