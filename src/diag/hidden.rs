//! Finds text that may be the value of a secret, typed in by mistake: what follows a word such as
//! `password`.

use std::ops::Range;

use super::names::Names;
use super::words::{Word, words};
use super::{clients, suspect};

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

/// Short names that people give to passwords.
const SHORT: [&str; 4] = ["pass", "pw", "pwd", "psk"];

/// Headers of HTTP whose value is a secret.
const HEADERS: [&str; 4] = ["authorization", "proxy-authorization", "cookie", "set-cookie"];

/// What people write a name and a password after.
const LOGINS: [&str; 12] = [
    "account",
    "admin",
    "auth",
    "basic-auth",
    "basic_auth",
    "basicauth",
    "caddy.basic_auth",
    "credentials",
    "login",
    "user",
    "username",
    "-u",
];

/// What repositories begin with before the user: `sftp:ada@host`.
const SCHEMES: [&str; 9] =
    ["sftp", "ssh", "rest", "s3", "rclone", "b2", "azure", "swift", "mailto"];

/// Returns whether text is written as variables are: in capitals.
fn is_variable(name: &str) -> bool {
    name.len() > 2 && !name.contains(|c: char| c.is_ascii_lowercase())
}

/// Lists the ranges of a line of KDL that may hold the value of a secret, in order: those where a
/// secret belongs, and words that were made by chance, wherever they are.
pub fn hidden(line: &str, names: &Names<'_>) -> Vec<Range<usize>> {
    let mut list = typed(line, names);
    let meets =
        |one: &Range<usize>, other: &Range<usize>| one.start < other.end && other.start < one.end;
    for word in clients::passwords(line) {
        if !list.iter().any(|known| meets(known, &word)) {
            list.push(word);
        }
    }
    if let Some(comment) = clients::comment(line) {
        list.retain(|known| !meets(known, &comment));
        list.push(comment);
    }
    for word in suspect::made_by_chance(line) {
        let before = line.get(..word.start).unwrap_or_default().trim_end_matches(['"', '=']);
        let public = before.ends_with("public-key");
        if !public && !list.iter().any(|known| meets(known, &word)) {
            list.push(word);
        }
    }
    list.sort_by_key(|range| range.start);
    list
}

/// Hides the words of a text that were made by chance.
pub fn without_chance(text: &str) -> Option<String> {
    let found = suspect::made_by_chance(text);
    let mut shown = (!found.is_empty()).then(|| text.to_owned())?;
    for range in found.into_iter().rev() {
        shown.replace_range(range, "***");
    }
    Some(shown)
}

/// Returns whether a word is one of the language or of a module, rather than a secret.
pub fn is_plain_word(word: &str) -> bool {
    word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
}

/// Returns whether a value that belongs to nothing may be a secret: it is no path and no address.
pub fn is_unclear(text: &str) -> bool {
    let number = text.contains(['.', ':'])
        && text.bytes().all(|b| b.is_ascii_hexdigit() || b".:/".contains(&b));
    is_value(text) && !number
}

/// Returns whether a word is what people call a variable.
fn is_name_of_variable(word: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    let mixed = word.bytes().any(|byte| byte.is_ascii_lowercase())
        && word.bytes().any(|byte| byte.is_ascii_digit());
    word.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && word.bytes().all(plain)
        && !mixed
}

/// Returns whether a word, as it is written, stands where the name of a variable belongs and is
/// none.
fn is_no_variable(word: &str, before: Option<&Word<'_>>, between: &str) -> bool {
    let between = between.trim();
    let place = before.is_some_and(|before| match before.text {
        "env" => between.is_empty(),
        "file-variable" | "value-variable" => between == "=",
        _ => false,
    });
    let marked = ["(ref)", "(f)", "(expr)"].iter().any(|mark| word.starts_with(mark));
    place && !marked && !is_name_of_variable(word.trim_matches(['"', '#']))
}

/// Lists the ranges of a line that are where a secret belongs. What an annotation such as
/// `(secret)` marks is a name, and a path says only where one is.
fn typed(line: &str, names: &Names<'_>) -> Vec<Range<usize>> {
    let words = words(line);
    let mut list = Vec::new();
    // The last value that belongs to a name.
    let mut named = None;
    // The first word of the node, and whether the block of a secret is open.
    let (mut node, mut inside_block) = (None, false);
    // Whether the node is of the type of secrets.
    let mut of_type = false;
    // How many words have come since one that a name and a password follow.
    let mut after_login: Option<usize> = None;
    for (index, word) in words.iter().enumerate() {
        let inside = word.text.trim_matches(['"', '#']);
        let before = index.checked_sub(1).and_then(|before| words.get(before));
        let between = line
            .get(before.map_or(0, |before| before.range.end)..word.range.start)
            .unwrap_or_default();
        if between.contains('{') {
            let of =
                |name: &str| ["secret", "secrets"].contains(&name) || names_its_value(name, names);
            inside_block |= node.is_some_and(of);
        }
        inside_block &= !between.contains('}');
        let extended = node == Some("extend") && before.is_some_and(|word| word.text == "extend");
        if before.is_none() || extended || between.contains([';', '{', '}']) {
            node = Some(inside);
            (of_type, after_login) = (false, None);
        }
        of_type |= before.is_some_and(|word| word.text == "type") && inside == "secret";
        // `password:hunter2` is one word.
        if let Some(value) = joined_value(word, names) {
            list.push(value);
            continue;
        }
        // The word after the name, or after its `=`.
        let alone = between.trim().is_empty();
        let is_property = line.get(word.range.end..).is_some_and(|rest| rest.starts_with('='));
        after_login = after_login.map(|words| words + usize::from(alone && !is_property));
        // The user of `admin admin hunter2` is called like a login.
        if LOGINS.contains(&inside.trim_start_matches("--")) && after_login != Some(1) {
            after_login = Some(0);
        } else if after_login.is_some_and(|words| words > 1) && alone && !is_property {
            list.push(word.range.clone());
            continue;
        }
        // `user=ada:hunter2`, as curl and others take it.
        let follows_login = before.is_some_and(|before| {
            let name = before.text.trim_matches(['"', '#']).trim_start_matches("--");
            LOGINS.contains(&name) || name.ends_with("-user")
        });
        let value = password_of(inside, follows_login && ["=", ""].contains(&between.trim()));
        if let Some(value) = value {
            let at = word.text.find(inside).unwrap_or_default() + word.range.start;
            list.push(at + value.start..at + value.end);
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
        // What is not the public key of ssh may be the private one, or a password.
        let no_public_key = before.is_some_and(|before| before.text == "public-key")
            && ["=", ""].contains(&between.trim())
            && !is_property
            && !is_marked(word.text)
            && !suspect::is_public_key(inside);
        let no_key = before.is_some_and(|before| before.text == "ssh-key")
            && ["=", ""].contains(&between.trim())
            && !is_property
            && !["ssh-", "ecdsa-", "AAAA", "("].iter().any(|mark| word.text.contains(mark));
        let of_secret = before.is_some_and(|before| before.text == "value")
            && between.trim() == "="
            && node == Some("secret");
        if suspect::is_surely_secret(inside)
            || no_key
            || no_public_key
            || (node == Some("label")
                && before.is_some_and(|before| before.text != "label")
                && between.trim().is_empty()
                && is_unclear(inside))
            || of_secret
            || (inside_block
                && !is_own_of_secret(word.text, before)
                && !names_its_value(word.text, names))
            || (after_secret(before) && between.trim().is_empty() && !is_name(word.text))
            || is_no_variable(word.text, before, between)
        {
            list.push(word.range.clone());
            continue;
        }
        // Further values of a node belong to the first.
        let has_value = |before: &&Word<'_>| {
            names_its_value(before.text, names)
                || named == Some(&before.range)
                || (of_type && before.text == "default")
        };
        if before.is_none_or(|before| !has_value(&before)) {
            continue;
        }
        let joined = ["", "=", ","].contains(&between.trim());
        // In `token role=x`, the word after `token` is the name of a property and not a value.
        let value = !is_marked(word.text) && is_value(inside);
        let named_here = is_property && alone && is_plain_word(inside);
        if joined && value && !named_here {
            list.push(word.range.clone());
            named = Some(&word.range);
        }
    }
    list
}

/// Returns whether the value of a name that ends a line, if it has none there, may begin the next.
pub fn awaits_value(line: &str, names: &Names<'_>) -> bool {
    let words = words(line);
    let mut last = words.iter().rev();
    let (last, before) = (last.next(), last.next());
    last.is_some_and(|last| {
        line.trim_end().len() == last.range.end
            && (names_its_value(last.text, names) || after_secret(before))
    })
}

/// Returns whether a line ends in the middle of the value of a secret.
pub fn is_open(line: &str, names: &Names<'_>) -> bool {
    let words = words(line);
    let [.., before, last] = &words[..] else { return false };
    let opens = last.text.strip_prefix('"').is_some_and(|rest| !rest.ends_with('"'));
    opens && names_its_value(before.text, names)
}

/// Returns whether a word in the block of a secret is no part of it: the name of a node, a comment,
/// or `${VARIABLE}`.
fn is_own_of_secret(word: &str, before: Option<&Word<'_>>) -> bool {
    let variable = before.is_some_and(|before| before.text == "$") && is_variable(word);
    variable
        || ["doc", "value", "secret"].contains(&word)
        || ["//", "/*", "*/", "/-"].iter().any(|mark| word.starts_with(mark))
}

/// Returns the part of a word that is a value: `password:hunter2`, `password(hunter2)`.
fn joined_value(word: &Word<'_>, names: &Names<'_>) -> Option<Range<usize>> {
    let quotes = word.text.len() - word.text.trim_start_matches(['"', '#']).len();
    let inside = word.text.get(quotes..)?;
    let at = inside.find([':', '('])?;
    let (name, rest) = inside.split_at_checked(at)?;
    let value = rest.get(1..)?.trim_end_matches(['"', '#', ')']);
    let start = word.range.start + quotes + at + 1;
    let is_one = is_plain_name(name) && names_its_value(name, names) && is_value(value);
    is_one.then_some(start..start + value.len())
}

fn is_plain_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    !name.is_empty() && name.bytes().all(plain)
}

/// Finds the password in `ada:hunter2@host`, and in `ada:hunter2` where a login belongs.
fn password_of(word: &str, is_login: bool) -> Option<Range<usize>> {
    let at = word.find([':', '%'])?;
    let (user, rest) = (word.get(..at)?, word.get(at + 1..)?);
    if is_login && !rest.is_empty() && !rest.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(at + 1..word.len());
    }
    let end = rest.rfind('@').filter(|end| *end > 0)?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._+-".contains(&byte);
    let is_one = !user.is_empty()
        && user.bytes().all(plain)
        && word.as_bytes().get(at) == Some(&b':')
        && !SCHEMES.contains(&user)
        && !rest.starts_with("//")
        // The digest of an image comes after its version.
        && !rest.get(end..).is_some_and(|rest| rest.starts_with("@sha256:"))
        && !suspect::is_variable(rest);
    is_one.then_some(at + 1..at + 1 + end)
}

/// Returns whether a word is `password` with a mistake in it.
fn is_nearly_password(word: &str) -> bool {
    (6..=10).contains(&word.len()) && strsim::damerau_levenshtein(word, "password") <= 2
}

/// Returns whether the word before is a node that takes the name of a secret.
fn after_secret(before: Option<&Word<'_>>) -> bool {
    before.is_some_and(|before| ["secret", "uses-secret"].contains(&before.text))
}

/// Returns whether a word, as it is written, is the name of a secret rather than a secret.
fn is_name(word: &str) -> bool {
    let word = word.strip_prefix("(secret)").map_or(word, |name| name.trim_matches(['"', '#']));
    if word.starts_with('(') || suspect::is_variable(word) {
        return true;
    }
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    word.starts_with(|first: char| first.is_ascii_lowercase()) && word.bytes().all(plain)
}

/// Returns whether a word is marked as something else than a value that is written as it is.
fn is_marked(word: &str) -> bool {
    let reference = word.strip_prefix("(ref)");
    // `(ref)` says where a value is: `opt.password`.
    reference.is_some_and(|path| path.contains('.'))
        || ["(f)", "(expr)"]
            .iter()
            .any(|mark| word.strip_prefix(mark).is_some_and(|text| text.contains('.')))
        || (word.starts_with("(secret)") && is_name(word))
}

fn names_its_value(word: &str, names: &Names<'_>) -> bool {
    let name = ["(force)", "(default)"].iter().find_map(|mark| word.strip_prefix(mark));
    let name = name.unwrap_or(word).trim_end_matches(':').trim_matches(['"', '#']);
    let plain = name.to_ascii_lowercase();
    let plain = plain.trim_start_matches("--");
    let public = ["ssh-", "host-", "public"].iter().any(|part| plain.contains(part));
    (names_secret(name)
        || names.has(name)
        || (suspect::names_secret(name) && !public)
        || ["privatekey", "presharedkey", "private"].contains(&plain)
        || HEADERS.contains(&plain)
        || SHORT.contains(&plain)
        || is_nearly_password(plain))
        && !name.contains([' ', '(', '='])
        && !["secret", "uses-secret", "file-variable", "value-variable"].contains(&name)
}

fn is_value(text: &str) -> bool {
    let keyword = ["true", "false", "null"].contains(&text);
    !text.is_empty() && !text.starts_with('/') && !text.contains("type=") && !keyword
}

#[cfg(test)]
mod tests {
    use super::{Names, hidden};

    fn shown(line: &str) -> String {
        let mut text = line.to_owned();
        for range in hidden(line, &Names::default()).into_iter().rev() {
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
            ("password: \"hunter2\"", "password: ***"),
            ("password (text)\"hunter2\"", "password ***"),
            ("password (secret)\"Hunter 2\"", "password ***"),
            ("password { value \"hunter2\"; }; x \"y\"", "password { value ***; }; x \"y\""),
            ("secrets { x \"hunter2\"; }", "secrets { *** ***; }"),
            ("secret \"hunter2\"", "secret ***"),
            ("login ada \"hunter2\"", "login *** ***"),
            ("token Hunter2=\"x\"", "token ***=***"),
            ("env \"hunter 2\" x", "env *** x"),
            ("env (secret)hunter2 x", "env *** x"),
            ("secret pw file-variable=\"hunter2!\"", "secret pw file-variable=***"),
            ("secret pw { doc \"hunter2\"; }", "secret pw { doc ***; }"),
            ("expose \"Xk29vQ7pLm4Z\" // Xk29vQ7pLm4Z", "expose \"***\" // ***"),
            ("x Authorization \"Bearer hunter2two\"", "x Authorization ***"),
            ("password \"a\",\"b c\" d; x y", "password ***,*** ***; x y"),
            ("raw compose.environment \"A_TOKEN=abc\"", "raw compose.environment \"A_TOKEN=***\""),
            ("admin ada hunter; x y z", "admin ada ***; x y z"),
            ("extend admin ada \"hunter\"", "extend admin ada ***"),
            ("admin ada { ssh-key \"hunter\"; }", "admin ada { ssh-key ***; }"),
            ("user ada hunter", "user ada ***"),
            ("raw caddy.basic_auth ada hunter", "raw caddy.basic_auth ada ***"),
            ("auth \"ada:hunter\"", "auth \"ada:***\""),
            ("raw compose.command \"-u\" \"ada:hunter\"", "raw compose.command \"-u\" \"ada:***\""),
            ("raw compose.command \"--pass\" hunter", "raw compose.command \"--pass\" ***"),
            ("smtp-user \"ada:hunter\"", "smtp-user \"ada:***\""),
            ("smarthost \"ada:hunter@mail:587\"", "smarthost \"ada:***@mail:587\""),
            ("email \"ada:hun@ter@example.org\"", "email \"ada:***@example.org\""),
            ("request-header Authorization hunter", "request-header Authorization ***"),
            ("admin-pw hunter", "admin-pw ***"),
            ("smtp-pass hunter", "smtp-pass ***"),
            ("PrivateKey = hunter", "PrivateKey = ***"),
            ("peer PresharedKey=hunter", "peer PresharedKey=***"),
            ("private hunter", "private ***"),
            ("secret admin-password value=hunter", "secret admin-password value=***"),
            ("admin admin hunter", "admin admin ***"),
            ("label \"a.b\" \"hunter\"", "label \"a.b\" ***"),
            ("x \"a://b\" // hunter: the password", "x \"a://b\" //***"),
            ("peer public-key=hunter x=y", "peer public-key=*** x=y"),
            (
                "raw compose.command \"mysqldump\" \"-phunter\"",
                "raw compose.command \"mysqldump\" \"-p***\"",
            ),
            (
                "health \"mariadb-admin ping -phunter -u x\"",
                "health \"mariadb-admin ping -p*** -u x\"",
            ),
            ("command redis-cli -a hunter", "command redis-cli -a ***"),
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
            "admin ada { ssh-key \"ssh-ed25519 AAAA ada\"; }",
            "admin ada",
            "user \"1000:1000\"",
            "repository \"sftp:ada@backup.example.org:/restic\"",
            "image \"redis:8.2@sha256:0123456789abcdef0123456789abcdef\"",
            "extra-host \"nas:192.168.1.5\"",
            "sftp-host-key \"ssh-ed25519 AAAA\"",
            "peer public-key=\"xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=\"",
            "passthrough igpu",
            "login (secret)app-users",
            "auth=authelia",
            "user ada; host a b c",
            "label \"a.b\" \"/data\"",
            "url \"https://a/password\" // a note",
            "command mysqld -p$WORD",
            "command nginx -p \"8080:80\" -prefix",
        ] {
            assert_eq!(shown(line), line);
        }
    }
}
