//! Reads `.env` and `env_file`, as compose does.

use std::collections::BTreeMap;

use super::interpolate::{Variables, replace};

/// Returns the variables of a file, in its order, with their lines. Its values may use `variables`
/// and those above them. Other lines are left out.
pub fn read(text: &str, variables: &Variables) -> Vec<(String, String, usize)> {
    let mut found = Vec::new();
    let mut own: BTreeMap<String, String> = BTreeMap::new();
    // Some editors begin a file with a byte order mark.
    let mut lines = text.trim_start_matches('\u{feff}').lines().enumerate();
    while let Some((number, line)) = lines.next() {
        let line = line.trim_start();
        let line = line.strip_prefix("export ").unwrap_or(line);
        let Some((name, value)) = line.split_once(['=', ':']).filter(|_| !line.starts_with('#'))
        else {
            continue;
        };
        let name = name.trim();
        if !is_name(name) {
            continue;
        }
        let value = value.trim_start();
        let value = match value.chars().next() {
            Some(quote @ ('\'' | '"')) => {
                let mut content = String::new();
                let mut piece = value.get(1..).unwrap_or_default();
                // A value in quotes may go over several lines.
                loop {
                    let end = end_of(piece, quote);
                    content.push_str(piece.get(..end.unwrap_or(piece.len())).unwrap_or_default());
                    if end.is_some() {
                        break;
                    }
                    let Some((_, more)) = lines.next() else { break };
                    content.push('\n');
                    piece = more;
                }
                if quote == '"' { unescaped(&content, &own, variables) } else { content }
            }
            _ => filled(without_comment(value), &own, variables),
        };
        own.insert(name.to_owned(), value.clone());
        found.push((name.to_owned(), value, number + 1));
    }
    found
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "_.-[]".contains(c))
        && !text.starts_with(|c: char| c.is_ascii_digit())
}

/// Finds the quote that ends a value in one of its lines.
fn end_of(text: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    for (at, character) in text.char_indices() {
        if character == quote && !escaped {
            return Some(at);
        }
        escaped = quote == '"' && character == '\\' && !escaped;
    }
    None
}

/// Compose takes only what follows a blank for a comment, and no value that begins with `#`.
fn without_comment(value: &str) -> &str {
    let end = value.find(" #").unwrap_or(value.len());
    value.get(..end).unwrap_or_default().trim_end()
}

/// Replaces variables. A value that compose would refuse is kept as it is.
fn filled(value: &str, own: &BTreeMap<String, String>, variables: &Variables) -> String {
    replace(value, own, variables).unwrap_or_else(|_| value.to_owned())
}

fn unescaped(value: &str, own: &BTreeMap<String, String>, variables: &Variables) -> String {
    let mut text = String::with_capacity(value.len());
    let mut rest = value.chars();
    // In one pass: in `C:\\new`, the second backslash is the value's own, and begins nothing.
    while let Some(character) = rest.next() {
        let escaped = if character == '\\' { rest.next() } else { None };
        match (character, escaped) {
            ('\\', Some('n')) => text.push('\n'),
            ('\\', Some('r')) => text.push('\r'),
            ('\\', Some('t')) => text.push('\t'),
            ('\\', Some(own @ ('"' | '\\'))) => text.push(own),
            // `$$` is a plain `$` to `filled`.
            ('\\', Some('$')) => text.push_str("$$"),
            (character, escaped) => text.extend([Some(character), escaped].into_iter().flatten()),
        }
    }
    filled(&text, own, variables)
}

#[cfg(test)]
mod tests {
    use super::read;
    use crate::import::interpolate::Variables;

    #[test]
    fn reads_what_people_write() {
        let text = "# note\nA=1\nexport B = two # why\nC='$A'\nD=\"${A}-x\"\nE=a#b\nF=\n\
                    G=\"one\ntwo\"\nnot a line\nH=${A}${B}\nI=\"C:\\\\new\"\nJ= # a\nK=b\t#c\n";
        let found = read(text, &Variables::default());
        let shown: Vec<String> =
            found.iter().map(|(name, value, line)| format!("{line} {name}={value}")).collect();
        assert_eq!(
            shown,
            [
                "2 A=1",
                "3 B=two",
                "4 C=$A",
                "5 D=1-x",
                "6 E=a#b",
                "7 F=",
                "8 G=one\ntwo",
                "11 H=1two",
                "12 I=C:\\new",
                "13 J=# a",
                "14 K=b\t#c"
            ]
        );
    }
}
