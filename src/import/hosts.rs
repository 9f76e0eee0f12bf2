//! Finds the names of containers in the values of a compose file, and gives them those of the lab.

use std::path::Path;

use super::kdl::{Given, braced};
use super::stack::{Rename, Stack};

/// Says which hosts in a text have another name in the lab.
pub fn hosts_in(value: &str, renames: &[Rename], in_url: bool) -> Vec<String> {
    let places = renames.iter().filter(|rename| rename.from != rename.to);
    places
        .filter(|rename| !occurrences(value, &rename.from, in_url).is_empty())
        .map(|rename| format!("`{}` for `{}`", rename.to, rename.from))
        .collect()
}

/// Returns a value in which the containers have their names of the lab, and says which.
pub fn with_hosts(
    name: &str,
    value: &str,
    stack: usize,
    renames: &[Rename],
) -> (Given, Vec<String>) {
    let upper = name.to_ascii_uppercase();
    let named = [
        "HOST", "SERVER", "ADDR", "URL", "URI", "ENDPOINT", "BROKER", "REDIS", "NODE", "UPSTREAM",
        "BACKEND", "PEER",
    ]
    .iter()
    .any(|word| upper.contains(word));
    // `made` names containers of this module in braces. `plain` is the text if there are none.
    let mut made = braced(value);
    let mut plain = value.to_owned();
    let (mut renamed, mut filled) = (Vec::new(), false);
    for rename in renames.iter().filter(|rename| rename.from != rename.to) {
        // A single word counts as a host only if the variable's name suggests one.
        let whole = named && value == rename.from;
        let new = if rename.stack == stack {
            format!("{{container.{}}}", rename.container)
        } else {
            rename.to.clone()
        };
        let replaced = if whole {
            plain.clone_from(&rename.to);
            new.clone()
        } else {
            plain = replace_hosts(&plain, &rename.from, &rename.to);
            replace_hosts(&made, &rename.from, &new)
        };
        if replaced != made {
            filled |= rename.stack == stack;
            made = replaced;
            renamed.push(format!("`{}` for `{}`", rename.to, rename.from));
        }
    }
    let only = made.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    let given = match only {
        _ if !filled => Given::Text(plain),
        Some(only) if only.starts_with("container.") && !only.contains(['{', '}']) => {
            Given::Ref(only.to_owned())
        }
        _ => Given::Filled(made),
    };
    (given, renamed)
}

/// Finds where a text names a host: after `://` or `@`, or before a port.
fn occurrences(text: &str, host: &str, in_url: bool) -> Vec<usize> {
    let part = |c: char| c.is_alphanumeric() || "-_.".contains(c);
    text.match_indices(host)
        .map(|(at, _)| at)
        .filter(|at| {
            let before = text.get(..*at).unwrap_or_default();
            let after = text.get(at + host.len()..).unwrap_or_default();
            if before.ends_with(part) || after.starts_with(part) {
                return false;
            }
            let port = after
                .strip_prefix(':')
                .is_some_and(|port| port.starts_with(|c: char| c.is_ascii_digit()));
            // What comes before an `@` is the user, not the host.
            let authority = after.split(['/', '?', '#']).next().unwrap_or_default();
            let first = before.ends_with("//") && !authority.contains('@');
            first || before.ends_with('@') || (port && !in_url)
        })
        .collect()
}

fn replace_hosts(text: &str, host: &str, new: &str) -> String {
    let mut made = String::with_capacity(text.len());
    let mut from = 0;
    for at in occurrences(text, host, false) {
        made.push_str(text.get(from..at).unwrap_or_default());
        made.push_str(new);
        from = at + host.len();
    }
    made.push_str(text.get(from..).unwrap_or_default());
    made
}

/// Returns whether a text names a container as a host.
pub fn names_host(name: &str, value: &str, host: &str) -> bool {
    let rename =
        Rename { from: host.to_owned(), stack: 0, container: String::new(), to: String::new() };
    !with_hosts(name, value, 1, &[rename]).1.is_empty()
}

/// Lists the containers of other services that the files of a service name, each with the file.
/// What an image is built from is not asked.
pub fn told<'s>(
    stack: &'s Stack,
    number: usize,
    renames: &'s [Rename],
) -> Vec<(&'s Rename, &'s str)> {
    let is_built =
        |name: &str| stack.built.values().any(|folder| Path::new(name).starts_with(folder));
    let files = stack.files.iter().filter(|(name, _)| !is_built(name));
    let others = || renames.iter().filter(|rename| rename.stack != number);
    files
        .flat_map(|(name, text)| others().map(move |rename| (rename, name.as_str(), text)))
        .filter(|(rename, _, text)| file_names_host(text, &rename.from))
        .map(|(rename, name, _)| (rename, name))
        .collect()
}

/// Returns whether a file names a container as a host, outside of comments. What follows a colon
/// may be the tag of an image there, so only a port counts.
fn file_names_host(text: &str, host: &str) -> bool {
    let is_comment = |line: &str| {
        let line = line.trim_start();
        line.starts_with(['#', ';']) || line.starts_with("//")
    };
    let names = |line: &str| {
        occurrences(line, host, false).into_iter().any(|at| {
            let before = line.get(..at).unwrap_or_default();
            let after = line.get(at + host.len()..).unwrap_or_default();
            let rest =
                after.trim_start_matches(':').trim_start_matches(|c: char| c.is_ascii_digit());
            let is_tag = rest.starts_with(|c: char| c.is_alphanumeric() || ".-_".contains(c));
            before.ends_with("//") || before.ends_with('@') || !is_tag
        })
    };
    text.contains(host) && text.lines().any(|line| !is_comment(line) && names(line))
}

#[cfg(test)]
mod tests {
    use super::{Given, Rename, file_names_host, with_hosts};

    #[test]
    fn finds_hosts_in_files() {
        for (text, wanted) in [
            ("targets: ['db:5432']", true),
            ("proxy_pass http://db/;", true),
            ("server db:80;", true),
            ("# http://db", false),
            ("image: db:16.2", false),
            ("image: db:16-alpine", false),
            ("http://db.example.org", false),
            ("a db is kept", false),
        ] {
            assert_eq!(file_names_host(text, "db"), wanted, "{text}");
        }
    }

    #[test]
    fn renames_hosts_and_nothing_else() {
        let rename = |from: &str, stack| Rename {
            from: from.to_owned(),
            stack,
            container: from.to_owned(),
            to: format!("app-{from}"),
        };
        let renames = [rename("db", 0), rename("web", 1)];
        for (name, value, wanted) in [
            ("DB_HOST", "db", Given::Ref("container.db".to_owned())),
            ("DB_NAME", "db", Given::Text("db".to_owned())),
            ("X", "db:5432", Given::Filled("{container.db}:5432".to_owned())),
            ("URL", "http://web/{x}", Given::Text("http://app-web/{x}".to_owned())),
            ("URL", "http://db/{x}", Given::Filled("http://{container.db}/{{x}}".to_owned())),
            ("URL", "x://db:pw@db/x", Given::Filled("x://db:pw@{container.db}/x".to_owned())),
            ("URL", "http://db.example.org", Given::Text("http://db.example.org".to_owned())),
        ] {
            assert_eq!(with_hosts(name, value, 0, &renames).0, wanted, "{name}={value}");
        }
    }
}
