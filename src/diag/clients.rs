//! Finds passwords that no name is before: in comments, and in the commands of programs that take
//! them as a word of its own.

use std::ops::Range;

/// The programs, by a part of their name, with the option before the password, and whether both are
/// one word.
const CLIENTS: [(&str, &str, bool); 8] = [
    ("mysql", "-p", true),
    ("mariadb", "-p", true),
    ("7z", "-p", true),
    ("sshpass", "-p", false),
    ("redis", "-a", false),
    ("valkey", "-a", false),
    ("mosquitto", "-P", false),
    ("ldap", "-w", false),
];

/// Finds the comment of a line that speaks of a password, and may have it in it.
pub fn comment(line: &str) -> Option<Range<usize>> {
    const WORDS: [&str; 4] = ["password", "passwd", "passphrase", "secret is"];
    // In quotes, `//` is a part of a URL.
    let is_comment = |at: &usize| {
        let before = line.get(..*at).unwrap_or_default();
        before.matches('"').count() % 2 == 0 && !before.ends_with(':')
    };
    let starts = ["//", "/*"].into_iter().flat_map(|mark| line.match_indices(mark));
    let start = starts.map(|(at, _)| at).filter(is_comment).min()?;
    let text = line.get(start..)?;
    let lower = text.to_ascii_lowercase();
    let end = text.find("*/").map_or(line.len(), |end| start + end);
    let speaks = WORDS.iter().any(|word| lower.contains(word));
    speaks.then_some(start + 2..end.max(start + 2))
}

/// Lists the passwords in a line that has such a command.
pub fn passwords(line: &str) -> Vec<Range<usize>> {
    let own = CLIENTS.into_iter().filter(|(program, ..)| line.contains(program));
    // The program of a command that is set by hand may be that of the image.
    let by_hand = ("", "-p", true);
    let any = line.contains("raw ").then_some(by_hand);
    let clients: Vec<(&str, &str, bool)> = own.chain(any).collect();
    let mut found = Vec::new();
    if clients.is_empty() {
        return found;
    }
    let mut before = "";
    let mut start = 0;
    for word in line.split(|c: char| c.is_whitespace() || "\"'`;,{}".contains(c)) {
        let mut values = clients.iter().filter_map(|(_, option, joined)| {
            let after = !joined && before == *option;
            if after { Some(word) } else { word.strip_prefix(option) }
        });
        let is_one = |value: &&str| {
            // `-p8080:80` is a port, and `-p=x` of another kind of program.
            let other = value.bytes().all(|byte| byte.is_ascii_digit() || b":.".contains(&byte));
            !other && !value.starts_with(['$', '-', '='])
        };
        if let Some(value) = values.find(is_one) {
            let end = start + word.len();
            found.push(end - value.len()..end);
        }
        // Between an option and its value, quotes and blanks may be in a row.
        if !word.is_empty() {
            before = word;
        }
        let end = line.get(start + word.len()..).and_then(|rest| rest.chars().next());
        start += word.len() + end.map_or(0, char::len_utf8);
    }
    found
}
