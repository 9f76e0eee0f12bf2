//! Reads patterns of paths as restic does. Sources: `filter.go` of restic, and `path/filepath` of
//! Go.

/// One sign of a part of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Sign {
    /// Any text.
    Text,
    /// Any letter.
    Letter,
    /// A letter of some ranges, or of none of them.
    Set { without: bool, ranges: Vec<(char, char)> },
    /// This letter.
    Just(char),
}

/// A pattern of paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    is_absolute: bool,
    /// The parts between slashes. Without signs, any number of folders.
    parts: Vec<Option<Vec<Sign>>>,
}

impl Pattern {
    /// Reads a line of a file of patterns. Returns nothing if restic would refuse it, take it for a
    /// comment, or put a variable of its own surroundings into it.
    pub fn parse(line: &str) -> Option<Self> {
        let text = line.trim().replace("$$", "\0");
        if text.is_empty() || text.starts_with('#') || text.contains('$') {
            return None;
        }
        let text = text.replace('\0', "$");
        let parts = text.split('/').filter(|part| !part.is_empty());
        let parts = parts.map(|part| match part {
            "**" => Some(None),
            part => signs(part).map(Some),
        });
        Some(Self { is_absolute: text.starts_with('/'), parts: parts.collect::<Option<_>>()? })
    }

    /// Returns whether the pattern leaves out a folder with all that is in it.
    pub fn covers(&self, folder: &str) -> bool {
        let names: Vec<&str> = folder.split('/').filter(|name| !name.is_empty()).collect();
        // How many names may be used up. A pattern that names no place may begin anywhere.
        let mut used: Vec<bool> =
            (0..=names.len()).map(|at| at == 0 || !self.is_absolute).collect();
        for part in &self.parts {
            let mut before = false;
            used = match part {
                None => used
                    .iter()
                    .map(|one| {
                        before |= one;
                        before
                    })
                    .collect(),
                Some(signs) => {
                    let fits = used.iter().zip(&names).map(|(one, name)| *one && fits(signs, name));
                    std::iter::once(false).chain(fits).collect()
                }
            };
        }
        used.contains(&true)
    }
}

/// Reads a part of a pattern.
fn signs(part: &str) -> Option<Vec<Sign>> {
    let mut letters = part.chars();
    let mut signs = Vec::new();
    while let Some(letter) = letters.next() {
        signs.push(match letter {
            '*' => Sign::Text,
            '?' => Sign::Letter,
            '\\' => Sign::Just(letters.next()?),
            '[' => set(&mut letters)?,
            other => Sign::Just(other),
        });
    }
    Some(signs)
}

/// Reads what follows a `[`, up to its `]`.
fn set(letters: &mut std::str::Chars<'_>) -> Option<Sign> {
    let without = letters.as_str().starts_with('^');
    if without {
        letters.next();
    }
    let mut ranges = Vec::new();
    loop {
        let first = match letters.next()? {
            ']' if !ranges.is_empty() => return Some(Sign::Set { without, ranges }),
            ']' | '-' => return None,
            '\\' => letters.next()?,
            other => other,
        };
        let mut last = first;
        if letters.as_str().starts_with('-') {
            letters.next();
            last = match letters.next()? {
                ']' | '-' => return None,
                '\\' => letters.next()?,
                other => other,
            };
        }
        ranges.push((first, last));
    }
}

fn fits(signs: &[Sign], name: &str) -> bool {
    // Which numbers of signs may be used up by the letters so far.
    let mut used = vec![false; signs.len() + 1];
    let skip = |used: &mut Vec<bool>| {
        let mut before = false;
        for (at, sign) in signs.iter().enumerate() {
            let here = used.get(at).copied().unwrap_or_default() || before;
            before = here && *sign == Sign::Text;
            if let Some(next) = used.get_mut(at + 1).filter(|_| before) {
                *next = true;
            }
        }
    };
    used.splice(..1, [true]);
    skip(&mut used);
    for letter in name.chars() {
        let mut next = vec![false; signs.len() + 1];
        for (at, sign) in signs.iter().enumerate().filter(|(at, _)| used.get(*at) == Some(&true)) {
            let (fits, to) = match sign {
                Sign::Text => (true, at),
                Sign::Letter => (true, at + 1),
                Sign::Just(own) => (*own == letter, at + 1),
                Sign::Set { without, ranges } => {
                    let inside = ranges.iter().any(|(a, b)| (a..=b).contains(&&letter));
                    (inside != *without, at + 1)
                }
            };
            if let Some(to) = next.get_mut(to).filter(|_| fits) {
                *to = true;
            }
        }
        skip(&mut next);
        used = next;
    }
    used.last() == Some(&true)
}

#[cfg(test)]
mod tests {
    use super::Pattern;

    #[test]
    fn patterns_are_read_as_restic_reads_them() {
        for right in
            ["*.tmp", "/srv/**/cache", "[Cc]ache", "a[^b-d]", r"\[x", "$$x", " x ", "!/srv"]
        {
            assert!(Pattern::parse(right).is_some(), "{right}");
        }
        for wrong in ["", " ", "#x", "[", "a[]", "a[b-]", r"x\", "$HOME/x", "/srv/[a/b]", "[]a]"] {
            assert_eq!(Pattern::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_pattern_covers_what_is_in_a_folder() {
        let covers = |pattern: &str, folder: &str| {
            Pattern::parse(pattern).is_some_and(|pattern| pattern.covers(folder))
        };
        let all = ["/", "*", "**", "/**", "/srv", "/srv/*", "data", "/s*v/da?a/x", "[a-x]", "**/x"];
        for pattern in all {
            assert!(covers(pattern, "/srv/data/x"), "{pattern}");
        }
        let others =
            ["*.tmp", "/srv/data/x/*.log", "/data", "srv/x", "[^a-x]", "/srv/data/xy", "!/srv"];
        for pattern in others {
            assert!(!covers(pattern, "/srv/data/x"), "{pattern}");
        }
        let many = "*a".repeat(2_000);
        assert!(!covers(&many, &format!("/{}b", "a".repeat(2_000))));
    }
}
