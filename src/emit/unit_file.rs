//! Writes unit files of systemd so that no value becomes another line, a specifier or a
//! continuation.

use std::fmt::Write as _;

/// Writes a unit file. Fails with a description of the value if a unit file can't contain it.
pub fn write<'v>(
    sections: impl IntoIterator<Item = (&'v str, Vec<(&'v str, String)>)>,
) -> Result<String, String> {
    let mut text = String::new();
    for (section, settings) in sections {
        if !text.is_empty() {
            text.push('\n');
        }
        let _ = writeln!(text, "[{}]", word(section)?);
        for (key, value) in settings {
            let _ = writeln!(text, "{}={}", word(key)?, line(&value)?);
        }
    }
    Ok(text)
}

/// Writes the values of a setting. Those of a command are its words, and each reaches the program
/// as it is. Those of `Environment` are assignments.
pub fn value(key: &str, words: &[String]) -> Result<String, String> {
    match words {
        [program, words @ ..] if key.starts_with("Exec") => {
            // systemd replaces variables in commands, even inside quotes.
            let words = words.iter().map(|word| argument(word).replace('$', "$$"));
            let command: Vec<String> =
                std::iter::once(program_path(program)?.to_owned()).chain(words).collect();
            Ok(command.join(" "))
        }
        [_, ..] if key == "Environment" => {
            let assignments: Vec<String> = words.iter().map(|word| argument(word)).collect();
            Ok(assignments.join(" "))
        }
        [value] => Ok(value.clone()),
        _ => Err(format!("`{key}` takes one value")),
    }
}

/// Returns the path of a program, which systemd reads without quotes and variables. Signs before it
/// change how it runs: a hyphen allows it to fail.
fn program_path(program: &str) -> Result<&str, String> {
    let path = program.trim_start_matches(['-', '@', ':', '+', '!']);
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+@%".contains(&byte);
    if path.starts_with('/') && !path.ends_with('/') && path.bytes().all(plain) {
        Ok(program)
    } else {
        Err(format!(
            "`{program}` is not the path of a program: write each word of a command by itself"
        ))
    }
}

/// Quotes a word as systemd reads it.
fn argument(word: &str) -> String {
    // A `;` is not among these, because by itself it would begin another command.
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./:@+,=%".contains(&byte);
    if !word.is_empty() && word.bytes().all(plain) {
        return word.to_owned();
    }
    let mut quoted = String::from('"');
    for character in word.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            _ => quoted.push(character),
        }
    }
    quoted.push('"');
    quoted
}

fn word(word: &str) -> Result<&str, String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if !word.is_empty() && word.bytes().all(plain) {
        Ok(word)
    } else {
        Err(format!("`{}` is not a name in a unit file", word.escape_debug()))
    }
}

fn line(value: &str) -> Result<String, String> {
    if value.chars().any(char::is_control) {
        return Err(format!("`{}` has a line break or control character", value.escape_debug()));
    }
    if value.trim() != value {
        return Err(format!("`{value}` has a blank at its beginning or end, which would be lost"));
    }
    if value.ends_with('\\') {
        return Err(format!("`{value}` ends in a backslash, which joins it with the next line"));
    }
    Ok(value.replace('%', "%%"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(words: &[&str]) -> Result<String, String> {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        line(&value("ExecStart", &words)?)
    }

    #[test]
    fn a_command_has_the_words_that_it_was_given() {
        assert_eq!(command(&["/bin/sh", "/etc/x.sh", "--a=b"]).unwrap(), "/bin/sh /etc/x.sh --a=b");
        assert_eq!(command(&["-/bin/x", "50%"]).unwrap(), "-/bin/x 50%%");
        assert_eq!(command(&["/bin/x", ";", "${HOME}"]).unwrap(), r#"/bin/x ";" "$${HOME}""#);
        assert_eq!(command(&["/bin/x", r#"a"b\c"#, ""]).unwrap(), r#"/bin/x "a\"b\\c" """#);
    }

    #[test]
    fn what_is_no_program_is_refused() {
        for program in ["x", "/bin/x ; /bin/sh", "/bin/x --y", "${HOME}/x", "/bin/\"x\"", "", "-"] {
            assert!(command(&[program]).is_err(), "{program}");
        }
        assert!(command(&[]).is_err() && command(&["/bin/x", "a\nb"]).is_err());
        assert!(value("Type", &["a".to_owned(), "b".to_owned()]).is_err());
        assert_eq!(value("Type", &["oneshot".to_owned()]).unwrap(), "oneshot");
    }
}
