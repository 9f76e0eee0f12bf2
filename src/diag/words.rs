//! Splits a line of KDL into words, even one with mistakes in it.

use std::ops::Range;

/// A word of a line of KDL, with its quotes.
#[derive(Clone)]
pub struct Word<'l> {
    pub text: &'l str,
    pub range: Range<usize>,
}

/// Splits a line into words: text in quotes of any kind, or what no blank and no `=` ends.
pub fn words(line: &str) -> Vec<Word<'_>> {
    let mut words = Vec::new();
    let mut characters = line.char_indices().peekable();
    while let Some((start, first)) = characters.next() {
        if first.is_whitespace() || matches!(first, '=' | ',' | ';' | '{' | '}') {
            continue;
        }
        if let Some(end) = triple(line, start) {
            words.push(Word { text: line.get(start..end).unwrap_or_default(), range: start..end });
            while characters.next_if(|(at, _)| *at < end).is_some() {}
            continue;
        }
        let mut end = start + first.len_utf8();
        let mut closing = closing(first);
        while let Some(&(at, next)) = characters.peek() {
            let was_open = closing.is_some();
            match closing {
                Some(_) => {}
                None if next.is_whitespace() || matches!(next, '=' | ',' | ';' | '{' | '}') => {
                    break;
                }
                // `(secret)"x"` is one word, as is `#"x"#`.
                None => closing = self::closing(next).filter(|_| matches!(first, '(' | '#')),
            }
            characters.next();
            end = at + next.len_utf8();
            // What opens a quote does not close it.
            if was_open && closing.is_some_and(|closing| closing.contains(&next)) && end > start + 2
            {
                break;
            }
        }
        while first == '#'
            && let Some((at, '#')) = characters.peek().copied()
        {
            characters.next();
            end = at + 1;
        }
        if let Some(text) = line.get(start..end) {
            words.push(Word { text, range: start..end });
        }
    }
    words
}

/// Returns where a text in three quotes ends, if one begins here.
fn triple(line: &str, start: usize) -> Option<usize> {
    const QUOTES: &str = "\"\"\"";
    let rest = line.get(start..)?.strip_prefix(QUOTES)?;
    let inside = rest.find(QUOTES).map_or(rest.len(), |at| at + QUOTES.len());
    Some(start + QUOTES.len() + inside)
}

/// Returns what closes a quote.
pub fn closing(open: char) -> Option<&'static [char]> {
    Some(match open {
        '"' => &['"'],
        '\'' => &['\''],
        '\u{201c}'..='\u{201f}' => &['\u{201c}', '\u{201d}'],
        '«' => &['»'],
        _ => return None,
    })
}
