//! Splits command lines that are written as one text, as compose does.

/// A command line.
#[derive(Debug, PartialEq, Eq)]
pub struct Words {
    /// Its words.
    pub words: Vec<String>,
    /// The sign at which compose ends it, although the text goes on.
    pub end: Option<char>,
}

/// What a sign is within.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Within {
    Nothing,
    /// A quote, which is no part of the word.
    Quote(char),
    /// Backquotes, which are.
    Back,
    /// `$(`, whose blanks divide nothing.
    Command,
}

/// Splits a text. Compose knows the quotes of a shell, and ends at a sign by which a shell would
/// end a command: `;`, `&`, `|`, `<` and `>`.
pub fn split(text: &str) -> Result<Words, &'static str> {
    let mut read = Words { words: Vec::new(), end: None };
    let (mut word, mut begun, mut within) = (String::new(), false, Within::Nothing);
    let mut signs = text.chars();
    while let Some(sign) = signs.next() {
        match (sign, within) {
            ('\\', within) if within != Within::Quote('\'') => {
                word.push(signs.next().ok_or("it ends with a backslash")?);
                begun = true;
            }
            (' ' | '\t' | '\r' | '\n', Within::Nothing) => {
                if begun {
                    read.words.push(std::mem::take(&mut word));
                }
                begun = false;
            }
            ('"' | '\'', Within::Nothing) => within = Within::Quote(sign),
            (_, Within::Quote(quote)) if sign == quote => {
                (within, begun) = (Within::Nothing, true);
            }
            ('(', Within::Nothing) if !word.ends_with('$') => {
                return Err("compose refuses its bracket");
            }
            (';' | '&' | '|' | '<' | '>', Within::Nothing) => {
                // The number of a stream belongs to the sign.
                begun &= !(sign == '>' && word.starts_with(|c: char| c.is_ascii_digit()));
                read.end = Some(sign);
                break;
            }
            _ => {
                within = match (sign, within) {
                    ('`', Within::Nothing) => Within::Back,
                    ('`', Within::Back) | (')', Within::Command) => Within::Nothing,
                    ('(' | ')', Within::Nothing) => Within::Command,
                    (_, within) => within,
                };
                word.push(sign);
                begun = true;
            }
        }
    }
    if within != Within::Nothing {
        return Err("its quotes do not match");
    }
    read.words.extend(begun.then_some(word));
    Ok(read)
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn splits_as_compose_does() {
        for (text, wanted) in [
            ("a 'b c' \"d\\\"e\" f\\ g", "a|b c|d\"e|f g"),
            ("a ''", "a|"),
            ("a #b c#d", "a|#b|c#d"),
            ("a 'b\\' \\\\", "a|b\\|\\"),
            ("a \"b\\nc\"", "a|bnc"),
            ("a \"b\"'c'd", "a|bcd"),
            ("a $(b c) `d e`", "a|$(b c)|`d e`"),
            ("a --url=http://x/?a=b&c=d", "a|--url=http://x/?a=b ends at &"),
            ("a b2>c", "a|b2 ends at >"),
            ("a 2>&1", "a ends at >"),
            ("a; b", "a ends at ;"),
            ("a ';' \"<b>\"", "a|;|<b>"),
            ("a \\; b", "a|;|b"),
        ] {
            let read = split(text).expect("a command line");
            let end = read.end.map(|sign| format!(" ends at {sign}")).unwrap_or_default();
            assert_eq!(read.words.join("|") + &end, wanted, "{text}");
        }
        for text in ["a 'b", "a \"b", "a (b)", "a `b", "a $(b", "a b)", "a \\"] {
            assert!(split(text).is_err(), "{text}");
        }
    }
}
