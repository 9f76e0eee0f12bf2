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
    if value.ends_with('\\') {
        return Err(format!("`{value}` ends in a backslash, which joins it with the next line"));
    }
    Ok(value.replace('%', "%%"))
}

/// Returns the name of the unit that mounts at `path`, as `systemd-escape --path --suffix=mount`
/// does.
pub fn mount_name(path: &str) -> String {
    let mut name = String::new();
    for (index, byte) in path.trim_matches('/').bytes().enumerate() {
        match byte {
            b'/' => name.push('-'),
            b'.' if index == 0 => name.push_str("\\x2e"),
            b'_' | b'.' | b':' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => {
                name.push(char::from(byte));
            }
            _ => {
                let _ = write!(name, "\\x{byte:02x}");
            }
        }
    }
    name + ".mount"
}
