//! Measures text by a fixed table, so that a picture is the same on every machine.

use std::borrow::Cow;

/// Returns the greatest width of a text in pixels, at a font size of 12 pixels. The widths are at
/// least those of `DejaVu Sans`, which is wider than the fonts of most systems.
pub fn width(text: &str) -> i32 {
    (text.chars().map(tenths).sum::<i32>() + 9) / 10
}

/// Returns the width of a character in tenths of a pixel.
const fn tenths(character: char) -> i32 {
    match character {
        'i' | 'j' | 'l' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' | ' ' => 42,
        'f' | 't' | 'r' | '(' | ')' | '[' | ']' | '-' | '/' | '\\' => 50,
        'm' | 'w' | 'M' | 'W' | '@' | '%' => 128,
        'a'..='z' | '0'..='9' | '_' => 77,
        ' '..='~' => 102,
        '\u{a0}'..='\u{24f}' => 108,
        _ => 150,
    }
}

/// Shortens a text to a width, with an ellipsis at its end.
pub fn fit(text: &str, most: i32) -> Cow<'_, str> {
    if width(text) <= most {
        return Cow::Borrowed(text);
    }
    let mut used = tenths('…');
    let kept = text.chars().take_while(|character| {
        used += tenths(*character);
        used <= most * 10
    });
    let mut short: String = kept.collect();
    short.push('…');
    Cow::Owned(short)
}
