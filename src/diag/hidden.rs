//! Finds text that may be the value of a secret, typed in by mistake: what follows a word such as
//! `password`.

use std::ops::Range;

use super::suspect;

/// The words of names that have a secret as their value.
const WORDS: [&str; 8] =
    ["password", "passwd", "passphrase", "secret", "token", "api_key", "apikey", "private_key"];

/// Returns whether the value of something of this name may be a secret.
pub fn names_secret(name: &str) -> bool {
    if is_variable(name) {
        return suspect::names_secret(name);
    }
    let name = name.to_lowercase().replace('-', "_");
    // The value of `password_file` is a path.
    WORDS.iter().any(|word| name.contains(word)) && !name.ends_with("_file")
}

/// Returns whether text is written as variables are: in capitals.
fn is_variable(name: &str) -> bool {
    name.len() > 2 && !name.contains(|c: char| c.is_ascii_lowercase())
}

/// A word of a line.
struct Word<'l> {
    text: &'l str,
    range: Range<usize>,
}

/// Lists the ranges of a line of KDL that may hold the value of a secret. What an annotation such
/// as `(secret)` marks is a name, and a path says only where one is.
pub fn hidden(line: &str) -> Vec<Range<usize>> {
    let words = words(line);
    let mut list = Vec::new();
    // The last value that belongs to a name.
    let mut named = None;
    for (index, word) in words.iter().enumerate() {
        let inside = word.text.trim_matches(['"', '#']);
        if suspect::has_password_in_url(inside) {
            list.push(word.range.clone());
            continue;
        }
        // `"DB_PASSWORD=hunter2"` holds both.
        if let Some((name, value)) = inside.split_once('=')
            && word.text.starts_with(['"', '#'])
            && names_secret(name)
            && !name.contains(' ')
            && is_value(value)
        {
            let end =
                word.range.end - (word.text.len() - word.text.trim_end_matches(['"', '#']).len());
            list.push(end - value.len()..end);
            continue;
        }
        let before = index.checked_sub(1).and_then(|before| words.get(before));
        // Further values of a node belong to the first.
        let names =
            |before: &&Word<'_>| names_its_value(before.text) || named == Some(&before.range);
        let Some(before) = before.filter(names) else { continue };
        let between = line.get(before.range.end..word.range.start).unwrap_or_default();
        let joined = ["", "=", ","].contains(&between.trim());
        // In `token role=x`, the word after `token` is the name of a property and not a value.
        let property = line.get(word.range.end..).is_some_and(|rest| rest.starts_with('='));
        let value = !word.text.starts_with('(') && is_value(inside);
        if joined && value && !(property && between.trim().is_empty()) {
            list.push(word.range.clone());
            named = Some(&word.range);
        }
    }
    list
}

fn names_its_value(word: &str) -> bool {
    let name = word.trim_matches(['"', '#']);
    names_secret(name)
        && !name.contains([' ', '(', '='])
        && !["secret", "uses-secret", "file-variable", "value-variable"].contains(&name)
}

fn is_value(text: &str) -> bool {
    let keyword = ["true", "false", "null"].contains(&text);
    !text.is_empty() && !text.starts_with('/') && !text.contains("type=") && !keyword
}

/// Splits a line into words: text in quotes of any kind, or what no blank and no `=` ends.
fn words(line: &str) -> Vec<Word<'_>> {
    let mut words = Vec::new();
    let mut characters = line.char_indices().peekable();
    while let Some((start, first)) = characters.next() {
        if first.is_whitespace() || matches!(first, '=' | ',' | ';' | '{' | '}') {
            continue;
        }
        let mut end = start + first.len_utf8();
        let mut closing = closing(first);
        while let Some(&(at, next)) = characters.peek() {
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
            if closing.is_some_and(|closing| closing.contains(&next)) && end > start + 2 {
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

/// Returns what closes a quote.
fn closing(open: char) -> Option<&'static [char]> {
    Some(match open {
        '"' => &['"'],
        '\'' => &['\''],
        '\u{201c}'..='\u{201f}' => &['\u{201c}', '\u{201d}'],
        '«' => &['»'],
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::hidden;

    fn shown(line: &str) -> String {
        let mut text = line.to_owned();
        for range in hidden(line).into_iter().rev() {
            text.replace_range(range, "***");
        }
        text
    }

    #[test]
    fn a_value_behind_the_name_of_a_secret_is_hidden() {
        let cases = [
            ("env DB_PASSWORD \"hunter2\"", "env DB_PASSWORD ***"),
            ("env \"API-KEY\" \"a b\" x=1", "env \"API-KEY\" *** x=1"),
            ("service x { admin-password hunter2; }", "service x { admin-password ***; }"),
            ("password='hunter2'", "password=***"),
            ("password = \"hunter2\" on=x", "password = *** on=x"),
            ("password “hunter 2”", "password ***"),
            ("token #\"a\"#", "token ***"),
            ("env DB_PASS \"hunter2\"", "env DB_PASS ***"),
            ("env SESSION_KEY \"hunter2\"", "env SESSION_KEY ***"),
            ("env URL \"pg://u:hunter2@d\" x", "env URL *** x"),
            ("token 1234", "token ***"),
            ("password \"a\",\"b c\" d; x y", "password ***,*** ***; x y"),
            ("raw compose.environment \"A_TOKEN=abc\"", "raw compose.environment \"A_TOKEN=***\""),
        ];
        for (line, expected) in cases {
            assert_eq!(shown(line), expected);
        }
    }

    #[test]
    fn names_of_secrets_are_shown() {
        for line in [
            "secret admin-password",
            "password (secret)restic-password",
            "password (secret)\"restic-password\"",
            "option password type=secret { doc \"The password.\"; }",
            "secret (ref)opt.password file-variable=DB_PASSWORD_FILE at=\"/run/x\"",
            "env DB_PASSWORD_FILE \"/run/secrets/x\"",
            "env PASSWORD_FILE \"x\"",
            "doc \"The password of the repository\"",
            "needs token role=x",
            "ssh-key \"ssh-ed25519 AAAA ada\"",
            "env TOKEN_NAME \"labwright\"",
            "password #true",
        ] {
            assert_eq!(shown(line), line);
        }
    }
}
