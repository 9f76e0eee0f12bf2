//! Checks the names of a bundle's files, so that every tar, file system and shell reads them the
//! same way.

/// The longest path that the name field of a ustar header can hold, including the root folder.
pub const LONGEST: usize = 100;

/// The most files in a bundle, its root files included. labctl has the same limit: it looks at each
/// file several times.
pub const MOST_FILES: usize = 10_000;

/// Checks a word that becomes part of a file name: the name of the lab or machine, or the version.
pub fn check_word(what: &str, word: &str) -> Result<(), String> {
    if word.contains('/') {
        return Err(format!("the {what} `{word}` holds a `/`"));
    }
    check_part(word).map_err(|problem| format!("the {what} `{}`: {problem}", word.escape_debug()))
}

/// Checks the paths below `payload/` of the bundle whose root folder is `root`. The paths must be
/// sorted by byte.
pub fn check_paths<'p>(root: &str, paths: impl Iterator<Item = &'p str>) -> Result<(), String> {
    let mut sorted: Vec<&str> = paths.collect();
    // The other three are `BUNDLE`, `SHA256SUMS` and `manifest.json`.
    if sorted.len() + 3 > MOST_FILES {
        return Err(format!("it has more than {MOST_FILES} files"));
    }
    for path in &sorted {
        for part in path.split('/') {
            check_part(part)
                .map_err(|problem| format!("the path `{}`: {problem}", path.escape_debug()))?;
        }
        let length = root.len() + "/payload/".len() + path.len();
        if length > LONGEST {
            return Err(format!(
                "`{root}/payload/{path}` has {length} bytes; the limit is {LONGEST}"
            ));
        }
    }
    sorted.sort_unstable_by(|a, b| folded(a).cmp(folded(b)));
    sorted.windows(2).try_for_each(|pair| check_neighbours(pair[0], pair[1]))
}

/// Checks one part of a path.
pub fn check_part(part: &str) -> Result<(), String> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    match part {
        "" => Err("an empty name".to_owned()),
        "." | ".." => Err(format!("`{part}` is not a name")),
        _ if part.starts_with('-') => {
            Err("a name that begins with `-` reads as an option".to_owned())
        }
        _ => match part.chars().find(|&character| !u8::try_from(character).is_ok_and(allowed)) {
            Some(character) => {
                Err(format!("`{}` is not one of A-Z a-z 0-9 . _ -", character.escape_debug()))
            }
            None => Ok(()),
        },
    }
}

/// Returns the parts of a path without regard to case, so that paths that collide on some file
/// systems are neighbours when sorted.
fn folded(path: &str) -> impl Iterator<Item = u8> + '_ {
    // As the lowest byte, a slash keeps a file next to what would be in a folder of its name. By
    // its own value, `a-b` would come between `a` and `a/b`.
    path.bytes().map(|byte| if byte == b'/' { 0 } else { byte.to_ascii_lowercase() })
}

fn check_neighbours(first: &str, second: &str) -> Result<(), String> {
    let (mut left, mut right) = (first.split('/'), second.split('/'));
    loop {
        match (left.next(), right.next()) {
            (Some(a), Some(b)) if a == b => {}
            (Some(a), Some(b)) if a.eq_ignore_ascii_case(b) => {
                return Err(format!(
                    "`{first}` and `{second}` differ only by case in `{a}` and `{b}`"
                ));
            }
            (None, Some(_)) => {
                return Err(format!("`{first}` is a file and the folder of `{second}`"));
            }
            _ => return Ok(()),
        }
    }
}
