//! Knows what a value may hold in each kind of file of lines, and refuses the rest.
//!
//! A value must arrive as it is: it becomes no other line, setting or word, is not cut off by a
//! comment, and loses no blanks.

use std::fmt::Write as _;

/// The grammar of a file of lines, by the program that reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grammar {
    /// Text of which only lines are known.
    Plain,
    /// Sections and settings, with comments that begin with `#` or `;`.
    Ini,
    /// Like [`Self::Ini`], with references that begin with `%`.
    Fail2ban,
    /// A unit of systemd, with specifiers that begin with `%`.
    Unit,
    /// `NAME=value`, as compose, systemd and sh read it.
    Env,
    /// Folders that NFS exports.
    Exports,
    /// A Caddyfile.
    Caddy,
    /// Directives of nginx.
    Nginx,
}

impl Grammar {
    /// All grammars.
    pub const ALL: [Self; 8] = [
        Self::Plain,
        Self::Ini,
        Self::Fail2ban,
        Self::Unit,
        Self::Env,
        Self::Exports,
        Self::Caddy,
        Self::Nginx,
    ];

    /// Returns the ending of the files, which is its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plain => "conf",
            Self::Ini => "ini",
            Self::Fail2ban => "local",
            Self::Unit => "unit",
            Self::Env => "env",
            Self::Exports => "exports",
            Self::Caddy => "caddy",
            Self::Nginx => "nginx",
        }
    }

    /// Writes one value, or says why a file can't hold it.
    pub fn value(self, text: &str) -> Result<String, String> {
        let fault = |what: &str| Err(format!("this file can't hold {what}"));
        if text.chars().any(char::is_control) {
            return fault("a line break or control character");
        }
        if let Some(character) = text.chars().find(|character| self.forbids(*character)) {
            return Err(format!("this file can't hold `{character}` in a value"));
        }
        if self != Self::Plain && text.trim() != text {
            return fault("a blank at the beginning or end of a value");
        }
        if matches!(self, Self::Unit | Self::Ini | Self::Fail2ban) && text.ends_with('\\') {
            return fault("a backslash at the end of a value, which joins it with the next line");
        }
        // To Perl's Config::IniFiles, which sanoid has.
        if self == Self::Ini && text.starts_with("<<") {
            return fault("`<<` at the beginning of a value, which makes it one of several lines");
        }
        Ok(match self {
            Self::Unit | Self::Fail2ban => text.replace('%', "%%"),
            Self::Exports => octal(text),
            _ => text.to_owned(),
        })
    }

    /// Writes one of several values with blanks between them, or says why a file can't hold it.
    pub fn word(self, text: &str) -> Result<String, String> {
        let text = self.value(text)?;
        let is_split = text.is_empty() || text.contains(|c: char| c.is_whitespace());
        match self {
            Self::Unit if text.contains(['"', '\'', '\\']) => {
                Err("a unit can't hold a quote or backslash in one of several values".to_owned())
            }
            Self::Unit if is_split => Ok(format!("\"{text}\"")),
            _ if is_split => Err("one of several values can't be empty or hold a blank".to_owned()),
            _ => Ok(text),
        }
    }

    /// Writes a value in quotes, in which blanks are kept, or says why a file can't hold it. With
    /// `raw`, what the program replaces in it is meant to be replaced.
    pub fn quoted(self, text: &str, raw: bool) -> Result<String, String> {
        let fault = |what: &str| Err(format!("this file can't hold {what} in quotes"));
        if text.chars().any(char::is_control) {
            return fault("a line break or control character");
        }
        match self {
            // Between back quotes, Caddy takes every sign as it is.
            Self::Caddy if text.contains('`') => fault("a back quote"),
            // Placeholders are replaced in back quotes too.
            Self::Caddy if !raw && text.contains(['{', '}']) => fault("a brace"),
            Self::Caddy => Ok(format!("`{text}`")),
            // nginx replaces variables in quotes too, and has no escape for `$`.
            Self::Nginx if !raw && text.contains('$') => fault("`$`"),
            Self::Nginx => Ok(format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))),
            _ => fault("any value"),
        }
    }

    fn forbids(self, character: char) -> bool {
        match self {
            Self::Plain | Self::Unit | Self::Exports => false,
            Self::Ini | Self::Fail2ban => matches!(character, '#' | ';'),
            Self::Env => matches!(character, '#' | '"' | '\'' | '\\' | '$' | '`'),
            Self::Caddy => character.is_whitespace() || "\"`{}#\\<".contains(character),
            Self::Nginx => character.is_whitespace() || "\"'{};#\\$".contains(character),
        }
    }
}

/// Writes a path that is not plain as the octal number of each byte.
fn octal(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"/._-+:,@".contains(&byte) {
            line.push(char::from(byte));
        } else {
            let _ = write!(line, "\\{byte:03o}");
        }
    }
    line
}

/// Returns whether text is one word to any program: it has no blanks, quotes, or signs that begin
/// something else.
pub fn is_word(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_./:@+%~-".contains(&byte);
    !text.is_empty() && text.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_becomes_another_line() {
        for grammar in Grammar::ALL {
            for text in ["a\nb", "a\rb", "a\0", "a\u{85}b", "\n"] {
                assert!(grammar.value(text).is_err(), "{grammar:?} takes {text:?}");
                assert!(grammar.word(text).is_err(), "{grammar:?} takes the word {text:?}");
            }
            assert_eq!(grammar.value("plain").unwrap(), "plain");
        }
    }

    #[test]
    fn a_value_arrives_as_it_is() {
        assert!(Grammar::Ini.value("a # b").is_err() && Grammar::Ini.value("a;b").is_err());
        assert!(Grammar::Ini.value(" a").is_err() && Grammar::Ini.value("a\\").is_err());
        assert!(Grammar::Ini.value("<<a").is_err() && Grammar::Ini.value("a <<b").is_ok());
        assert_eq!(Grammar::Fail2ban.value("50%").unwrap(), "50%%");
        assert_eq!(Grammar::Unit.value("50% of \"x\"").unwrap(), "50%% of \"x\"");
        assert_eq!(Grammar::Unit.word("/srv/a b").unwrap(), "\"/srv/a b\"");
        assert!(Grammar::Unit.word("/srv/a\"b").is_err() && Grammar::Unit.value("a\\").is_err());
        assert!(Grammar::Env.value("$HOME").is_err() && Grammar::Env.value("a b").is_ok());
        assert_eq!(Grammar::Exports.value("/srv/a b").unwrap(), "/srv/a\\040b");
        assert!(Grammar::Caddy.value("/a b").is_err() && Grammar::Caddy.value("{$X}").is_err());
        assert!(Grammar::Nginx.value("/a;b").is_err() && Grammar::Nginx.value("/a{").is_err());
        assert!(Grammar::Caddy.word("").is_err());
    }

    #[test]
    fn a_quoted_value_ends_where_its_quotes_do() {
        assert_eq!(Grammar::Caddy.quoted("a \"b\" \\", false).unwrap(), "`a \"b\" \\`");
        assert_eq!(Grammar::Nginx.quoted("a \"b\" \\", false).unwrap(), r#""a \"b\" \\""#);
        assert!(Grammar::Caddy.quoted("`", true).is_err());
        assert!(Grammar::Caddy.quoted("{host}", false).is_err());
        assert!(Grammar::Caddy.quoted("{host}", true).is_ok());
        assert!(Grammar::Nginx.quoted("$host", false).is_err());
        assert!(Grammar::Nginx.quoted("$host", true).is_ok());
        for grammar in Grammar::ALL {
            assert!(grammar.quoted("a\nb", true).is_err());
        }
    }
}
