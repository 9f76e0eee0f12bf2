//! Knows values that are secrets, by the names that they have and by their shape.

use std::ops::Range;

/// Splits the name of a variable into its words, in capitals.
pub fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before_lower = false;
    for character in name.chars() {
        let border = character.is_ascii_uppercase() && before_lower;
        if !character.is_ascii_alphanumeric() || border {
            words.push(String::new());
        }
        if character.is_ascii_alphanumeric()
            && let Some(last) = words.last_mut()
        {
            last.push(character.to_ascii_uppercase());
        }
        before_lower = character.is_ascii_lowercase();
    }
    words.retain(|word| !word.is_empty());
    words
}

/// The ends of names that say something about a secret but are not secret.
#[rustfmt::skip] // A table is read line by line.
const ABOUT: &[&str] = &[
    "FILE", "PATH", "DIR", "FOLDER", "EXPIRY", "EXPIRES", "EXPIRATION", "TTL", "LENGTH", "LIMIT",
    "TIMEOUT", "LIFETIME", "MIN", "MAX", "ENABLED", "ENABLE", "DISABLED", "DISABLE", "POLICY",
    "TYPE", "ALGORITHM", "METHOD", "HEADER", "ISSUER", "COUNT", "SIZE", "AGE", "INTERVAL", "NAME",
    "USER", "USERNAME", "ENDPOINT", "HOST", "PORT", "PROVIDER", "MODE", "FORMAT", "FIELD",
    "ATTRIBUTE", "AUDIENCE", "SCOPE", "SCOPES", "ROTATION", "ALLOWED", "REQUIRED", "EXPIRE",
    "DURATION", "TIME", "MINUTES", "SECONDS", "HOURS", "DAYS", "URL", "URI", "DOMAIN", "EMAIL",
    "STRATEGY", "REALM",
];

/// Returns whether a variable with this name and value is a secret.
pub fn is_secret(name: &str, value: &str) -> bool {
    if value.trim().is_empty() {
        return false;
    }
    if has_secret_shape(value) {
        return true;
    }
    let word = value.to_ascii_lowercase();
    if matches!(word.as_str(), "true" | "false" | "yes" | "no" | "on" | "off" | "none" | "null") {
        return false;
    }
    // The address of a page alone, such as the one at which a program gets its webhooks.
    let address = value.strip_prefix("https://").or_else(|| value.strip_prefix("http://"));
    if address.is_some_and(|rest| !rest.trim_end_matches('/').contains(['/', '@', '?', '$'])) {
        return false;
    }
    // A file that holds the secret.
    if value.starts_with('/') && !name.to_ascii_uppercase().contains("PASS") {
        return false;
    }
    let words = words(name);
    let last = words.last().map_or("", String::as_str);
    names_secret(name)
        || (last == "AUTH" && value.contains([':', '/']))
        || (last == "USERS" && value.contains(':'))
}

/// The words that mark the value of a name as a secret, anywhere in the name.
#[rustfmt::skip] // A table is read line by line.
const WORDS: &[&str] = &[
    "PASS", "PSK", "JWT", "SALT", "PEPPER", "HTPASSWD", "CLAIM", "LICENSE", "LICENCE", "COOKIE",
    "SEED", "MNEMONIC", "PIN", "AUTHKEY", "REQUIREPASS", "ROOTPW",
];

/// The parts of such words.
const PARTS: &[&str] =
    &["PASSWORD", "PASSWD", "PASSPHRASE", "SECRET", "TOKEN", "APIKEY", "CREDENTIAL"];

/// Returns whether a variable of this name has a secret as its value.
pub fn names_secret(name: &str) -> bool {
    let words = words(name);
    let Some(last) = words.last().map(String::as_str) else { return false };
    let has = |word: &str| words.iter().any(|own| own == word);
    // The URL of a webhook is the secret itself, so this comes before `ABOUT`, which has `URL`.
    let is_url = matches!(last, "WEBHOOK" | "WEBHOOKS" | "URL" | "URLS" | "URI" | "ENDPOINT");
    if has("WEBHOOK") && is_url || has("DSN") {
        return true;
    }
    if ABOUT.contains(&last) || has("PUBLIC") || has("PUB") {
        return false;
    }
    PARTS.iter().any(|part| words.iter().any(|own| own.contains(part)))
        || WORDS.iter().any(|word| has(word))
        || (last == "PWD" && words.len() > 1)
        || (last.ends_with("PW") && last.len() <= 4)
        || ((last.ends_with("KEY") || has("KEY")) && !has("KEYBOARD"))
        || (last == "KEYS" && words.len() > 1)
}

/// The beginnings of tokens that well-known services give out.
const TOKENS: &[&str] = &[
    "ghp_",
    "gho_",
    "ghs_",
    "github_pat_",
    "glpat-",
    "sk-",
    "sk_live_",
    "sk_test_",
    "xoxb-",
    "xoxp-",
    "xapp-",
    "AKIA",
    "ASIA",
    "AIza",
    "hf_",
    "npm_",
    "dckr_pat_",
    "tskey-",
    "eyJ",
    "SG.",
    "dop_v1_",
    "pypi-",
    "shpat_",
    "rk_live_",
    "whsec_",
    "AGE-SECRET-KEY-",
    "claim-",
    "ctoken",
    "ntfy_tk_",
    "tk_",
];

/// The marks of hashed passwords.
const HASHES: &[&str] = &[
    "$2a$", "$2b$", "$2y$", "$apr1$", "$argon2", "$6$", "$5$", "$1$", "$pbkdf2", "{SHA}", "{SSHA}",
];

/// Returns whether text looks like a secret or contains one.
pub fn has_secret_shape(text: &str) -> bool {
    if is_surely_secret(text) {
        return true;
    }
    text.split(breaks).any(is_token)
}

fn breaks(character: char) -> bool {
    character.is_whitespace() || "\"',;=:&?()[]{}<>|@`…".contains(character)
}

/// Lists the words of a text that were made by chance, such as tokens, keys and passwords of a
/// password manager. What is public by its nature is left out: paths, digests of images, and keys
/// of ssh as `authorized_keys` has them.
pub fn made_by_chance(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut start = 0;
    for word in text.split(breaks) {
        let before = text.get(..start).unwrap_or_default();
        let public =
            word.starts_with("/dev/") || word.starts_with("AAAA") || before.ends_with("sha256:");
        if word.starts_with('/') {
            // The parts of a path are names. That of a volume of Docker is in hexadecimal.
            let mut at = start;
            for part in word.split('/') {
                let hex = part.bytes().all(|byte| byte.is_ascii_hexdigit());
                let shaped = is_token(part) || is_password(part) || is_thought_of(part);
                if !public && !hex && shaped {
                    found.push(at..at + part.len());
                }
                at += part.len() + 1;
            }
        } else if !public && (is_token(word) || is_password(word) || is_thought_of(word)) {
            found.push(start..start + word.len());
        } else if word.contains('/') {
            let mut at = start;
            for part in word.split('/') {
                if is_thought_of(part) {
                    found.push(at..at + part.len());
                }
                at += part.len() + 1;
            }
        }
        let end = text.get(start + word.len()..).and_then(|rest| rest.chars().next());
        start += word.len() + end.map_or(0, char::len_utf8);
    }
    found
}

/// Returns whether a short word is one that nobody would think of: letters of both kinds and digits
/// take turns all the time.
fn is_password(word: &str) -> bool {
    const MOST: usize = 100;
    let has = |kind: fn(&char) -> bool| word.chars().any(|letter| kind(&letter));
    (10..=MOST).contains(&word.len())
        && has(char::is_ascii_lowercase)
        && has(char::is_ascii_uppercase)
        && has(char::is_ascii_digit)
        && turns(word) * 2 >= word.len()
}

/// Returns whether a word is as people write passwords, and no name, path, version or address:
/// letters, digits and a sign that none of these has.
fn is_thought_of(word: &str) -> bool {
    const SIGNS: &[u8] = b"!^$%*#";
    const MOST: usize = 64;
    let has = |kind: fn(&u8) -> bool| word.bytes().any(|letter| kind(&letter));
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let loud = word.contains(['!', '^']) && word.starts_with(|one: char| one.is_alphanumeric());
    (8..=MOST).contains(&word.len())
        && word.bytes().all(|byte| plain(byte) || SIGNS.contains(&byte))
        && has(u8::is_ascii_lowercase)
        && has(u8::is_ascii_digit)
        && (loud || (has(u8::is_ascii_uppercase) && word.bytes().any(|byte| !plain(byte))))
        // `$` and `%` begin a variable, and `*.` a name of many hosts.
        && word.starts_with(|one: char| one.is_alphanumeric() || one == '!')
}

/// Counts the neighbours in a word that are of different kinds.
fn turns(word: &str) -> usize {
    let kind = |byte: u8| match byte {
        b'a'..=b'z' => 0,
        b'A'..=b'Z' => 1,
        b'0'..=b'9' => 2,
        _ => 3,
    };
    let pairs = word.as_bytes().windows(2).filter(
        |pair| matches!(pair, [a, b] if kind(*a) != kind(*b) && kind(*a) != 3 && kind(*b) != 3),
    );
    pairs.count()
}

/// Returns whether text has a secret in it, whatever its name is: a private key, a hashed password,
/// a password in a URL or as a parameter.
pub fn is_surely_secret(text: &str) -> bool {
    text.contains("PRIVATE KEY-----")
        || HASHES.iter().any(|mark| text.contains(mark))
        || has_password_in_url(text)
        || has_secret_parameter(text)
}

/// Returns whether a URL in the text has a password: `scheme://user:password@host`, or without the
/// scheme.
pub fn has_password_in_url(text: &str) -> bool {
    let mut rest = text;
    while let Some((_, after)) = rest.split_once("//") {
        let end = after.find(['/', '?', '#', ' ', '"', '\'']).unwrap_or(after.len());
        let authority = after.get(..end).unwrap_or_default();
        // A password may contain a slash that should have been escaped.
        let user = authority.rsplit_once('@').map(|(user, _)| user).or_else(|| {
            let (user, _) = after.split_once('@')?;
            (!user.contains(char::is_whitespace) && user.contains(':')).then_some(user)
        });
        if let Some((_, password)) = user.and_then(|user| user.split_once(':'))
            && !password.is_empty()
            && !is_variable(password)
        {
            return true;
        }
        rest = after;
    }
    false
}

/// Takes the user and the password out of an address such as `rest:https://user:word@host/`.
pub fn without_password(repository: &str) -> String {
    let Some((scheme, rest)) = repository.split_once("://") else { return repository.to_owned() };
    match rest.rsplit_once('@') {
        // A password may have a `/` in it, so the first one does not end what must be left out.
        Some((user, host)) if user.contains(':') || !user.contains('/') => {
            format!("{scheme}://…@{host}")
        }
        _ => repository.to_owned(),
    }
}

/// Returns whether something has a secret as a parameter: `?token=…`, `password=…`, `Bearer …`.
fn has_secret_parameter(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    if lower.split_once("bearer ").is_some_and(|(_, token)| token.trim().len() >= 8) {
        return true;
    }
    let names = [
        "password",
        "passwd",
        "pwd",
        "token",
        "apikey",
        "api_key",
        "api-key",
        "secret",
        "access_key",
        "requirepass",
        "accountkey",
        "sharedaccesskey",
    ];
    for name in names {
        let mut from = 0;
        while let Some(at) = lower.get(from..).and_then(|rest| rest.find(name)) {
            let after = from + at + name.len();
            let rest = text.get(after..).unwrap_or_default();
            // In JSON, quotes are around the name, and perhaps blanks after it.
            let rest = rest.trim_start_matches(['"', '\\', '\'']).trim_start();
            if let Some(value) = rest.strip_prefix(['=', ':']) {
                let value = value.trim_start().trim_start_matches(['"', '\\', '\'']);
                let end = value.find([' ', '&', ';', '\n', '"', '\'', ',']).unwrap_or(value.len());
                let value = value.get(..end).unwrap_or_default();
                let ordinary = ["true", "false", "yes", "no", "on", "off", "none"];
                if !value.is_empty()
                    && !is_variable(value)
                    && !value.starts_with('/')
                    && !ordinary.contains(&value.to_ascii_lowercase().as_str())
                {
                    return true;
                }
            }
            from = after;
        }
    }
    false
}

/// Returns whether text looks as keys of `WireGuard` do, public ones and others.
pub fn is_public_key(text: &str) -> bool {
    let valid = |byte: u8| byte.is_ascii_alphanumeric() || b"+/".contains(&byte);
    text.strip_suffix('=').is_some_and(|key| key.len() == 43 && key.bytes().all(valid))
}

/// Returns whether text names a variable rather than a value.
pub fn is_variable(text: &str) -> bool {
    text.starts_with(['$', '{', '<', '%'])
}

/// Returns whether a word was made by chance or by an authority: a token, a key, a hash.
fn is_token(word: &str) -> bool {
    let known = TOKENS.iter().any(|start| {
        word.strip_prefix(start).is_some_and(|rest| {
            rest.len() >= 12
                && rest.chars().all(|c| c.is_ascii_alphanumeric() || "-_.+/".contains(c))
        })
    });
    if known {
        return true;
    }
    let hex = word.chars().all(|c| c.is_ascii_hexdigit());
    let mixed = |word: &str| {
        word.chars().any(|c| c.is_ascii_digit()) && word.chars().any(|c| c.is_ascii_alphabetic())
    };
    if hex && word.len() >= 24 && mixed(word) {
        return true;
    }
    let alphabet = |c: char| c.is_ascii_alphanumeric() || "+/_-".contains(c);
    if word.len() < 20 || !word.trim_end_matches('=').chars().all(alphabet) {
        return false;
    }
    // Words in capitals, paths and names with hyphens do not change their case all the time.
    let all = word.chars().any(|c| c.is_ascii_lowercase()) && mixed(word);
    all && turns(word) * 4 >= word.len()
}

#[cfg(test)]
mod tests {
    use super::{has_secret_shape, is_secret, made_by_chance, without_password};

    #[test]
    fn a_word_that_was_made_by_chance_is_found_and_what_is_public_is_not() {
        let token = "hunter2-Xk29vQ7pLm4Z";
        for text in [
            token,
            "é (`Xk29vQ7pLm4Z`)",
            "a=Xk29vQ7pLm4Z;",
            "/srv/Xk29vQ7pLm4Z/x",
            "ghp_abcdefghijklmnop1234",
            "(ref)hunter2-Sommer!",
            "Passw0rd#Haus",
            "modules/thing/hunter2-Sommer!",
            "x \"sommer2024!\" y",
        ] {
            assert_eq!(made_by_chance(text).len(), 1, "{text}");
        }
        for text in [
            "/dev/disk/by-id/nvme-Samsung_SSD_980_S649NX0T12345a",
            "docker.io/library/busybox:1.37@sha256:0123456789abcdef0123456789abcdef",
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExampleExample",
            "the option `dns-credentials` of `nginx-proxy-manager2`",
            "Content-Security-Policy PostgreSQL17 IPv6 SHA256SUMS media.example.org",
            "x != 1e9 and $labels.Machine2 or 1.2~rc1+Dfsg1 *.Media2.example.org !/Srv2 g++-12",
            "2001:db8::1 52:54:00:AB:cd:ef 0000:00:02.0 x86_64-linux-gnu",
        ] {
            assert!(made_by_chance(text).is_empty(), "{text}: {:?}", made_by_chance(text));
        }
    }

    #[test]
    fn knows_secrets_by_name_and_shape() {
        for (name, value) in [
            ("POSTGRES_PASSWORD", "postgres"),
            ("PASSWORD", "123456"),
            ("DISCORD_WEBHOOK_URL", "https://chat.example.org/api/webhooks/1/x"),
            ("X_WEBHOOK", "https://u@chat.example.org"),
            ("DB_PASS", "x"),
            ("DATABASE_URL", "postgres://u:word@db:5432/x"),
            ("REDIS_URL", "redis://:word@cache:6379"),
            ("CONFIG", "ghp_abcdefghijklmnopqrst0123456789"),
            ("secretKey", "abc"),
            ("PLEX_CLAIM", "claim-abc"),
            ("BASIC_AUTH", "me:word"),
            ("APP_KEY", "base64:U29tZVJhbmRvbUtleTEyMzQ1Njc4"),
            ("OPTS", "-Dpassword=word"),
            ("NTFY", "Bearer abcdefghijk"),
            ("SALT", "0f9c2ab4d18e7765"),
            ("X", "e3b0c44298fc1c149afbf4c8996fb924"),
        ] {
            assert!(is_secret(name, value), "{name}={value}");
        }
        for (name, value) in [
            ("POSTGRES_USER", "postgres"),
            ("PASSWORD_LOGIN", "true"),
            ("REGISTRY_AUTH_HTPASSWD_REALM", "Registry"),
            ("TOKEN_EXPIRY", "3600"),
            ("TOKEN_TIME", "48"),
            ("UN_WEBHOOK_0_TIMEOUT", "10s"),
            ("WEBHOOK_URL", "https://n8n.example.org/"),
            ("DB_PASSWORD_FILE", "/run/secrets/db"),
            ("DATABASE_URL", "postgres://db:5432/x"),
            ("TZ", "Europe/Brussels"),
            ("HOMEPAGE_ALLOWED_HOSTS", "homepage.example.org:3000"),
            ("KEYBOARD", "de"),
            ("JAVA_OPTS", "-Xmx512m -Dlog4j2.formatMsgNoLookups=true"),
            ("SSH_KEY", "/config/id_ed25519"),
            ("PASSWORD", ""),
            ("PUBLIC_KEY", "abc"),
            ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin"),
        ] {
            assert!(!is_secret(name, value), "{name}={value}");
        }
        assert!(has_secret_shape("traefik:$apr1$x$y"));
        assert!(!has_secret_shape("curl -f http://localhost:8080/health || exit 1"));
        assert!(!has_secret_shape("mysqladmin ping -p$MYSQL_ROOT_PASSWORD"));
        assert!(!has_secret_shape("redis://cache:6379/0"));
    }

    #[test]
    fn an_address_is_shown_without_its_password() {
        for (written, shown) in [
            ("rest:https://ada:word@host/b", "rest:https://…@host/b"),
            ("rest:https://ada:wo/rd@host/b", "rest:https://…@host/b"),
            ("sftp://ada@host/b", "sftp://…@host/b"),
            ("https://host/b@c", "https://host/b@c"),
            ("/mnt/a@b", "/mnt/a@b"),
        ] {
            assert_eq!(without_password(written), shown, "{written}");
        }
    }
}
