//! Writes the tables of a bundle that sh reads. Columns are separated by tabs, rows are sorted,
//! there is no header, and a table without rows is an empty file.

use std::collections::BTreeMap;

use super::{InstallEntry, Manifest, OneWayEntry, SecretEntry};

const INSTALL: &str = "install.tsv";
const SECRETS: &str = "secrets.required";
const ONE_WAY: &str = "one-way.tsv";

/// Writes the tables of a manifest's lists, by path below `payload/`, if a machine can follow them.
/// `is_there` says which files `payload/` has.
///
/// A bundle is packed with these tables, and verified against them: if they differed, the machine
/// would do something else than a reviewer of the manifest expects.
pub fn write(
    manifest: &Manifest,
    is_there: impl Fn(&str) -> bool,
) -> Result<[(&'static str, String); 3], String> {
    let Manifest { installs, secrets, one_way, .. } = manifest;
    check_installs(installs, is_there)?;
    check_secrets(secrets)?;
    check_one_way(one_way)?;
    Ok([
        (INSTALL, table(installs.iter().map(|i| [&i.src, &i.dst, &i.owner, &i.group, &i.mode]))?),
        (SECRETS, table(secrets.iter().map(|s| [&s.name, &s.path, &s.owner, &s.mode]))?),
        (ONE_WAY, table(one_way.iter().map(|o| [&o.key, &o.value, &o.what]))?),
    ])
}

/// Returns whether a file, named from the root folder, is one of these tables.
pub fn is_table(path: &str) -> bool {
    path.strip_prefix("payload/").is_some_and(|path| [INSTALL, SECRETS, ONE_WAY].contains(&path))
}

fn table<const COLUMNS: usize>(
    rows: impl Iterator<Item = [impl AsRef<str>; COLUMNS]>,
) -> Result<String, String> {
    let mut lines = Vec::new();
    for row in rows {
        let mut line = String::new();
        for (index, cell) in row.iter().map(AsRef::as_ref).enumerate() {
            // sh reads the columns with `IFS=<tab> read`, which treats several tabs as one and so
            // loses an empty column.
            if cell.is_empty() || cell.chars().any(char::is_control) {
                return Err(format!("`{}` is not allowed in a table", cell.escape_debug()));
            }
            if index > 0 {
                line.push('\t');
            }
            line.push_str(cell);
        }
        line.push('\n');
        lines.push(line);
    }
    lines.sort_unstable();
    lines.dedup();
    Ok(lines.concat())
}

fn check_installs(
    installs: &[InstallEntry],
    is_there: impl Fn(&str) -> bool,
) -> Result<(), String> {
    let mut seen = BTreeMap::new();
    for install in installs {
        let (source, destination) = (&install.src, &install.dst);
        if !is_there(source) {
            return Err(format!("`{source}` is to be installed, but is missing"));
        }
        check_absolute(destination)?;
        // These are the characters that labctl takes.
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._@:+-".contains(&byte);
        if !destination.bytes().all(is_plain) {
            return Err(format!("`{destination}` is not a path that labctl installs"));
        }
        check_mode(&install.mode)?;
        check_owner(&install.owner)?;
        check_owner(&install.group)?;
        match seen.insert(destination, install) {
            Some(other) if other != install => {
                return Err(format!("`{}` and `{source}` both go to `{destination}`", other.src));
            }
            _ => {}
        }
    }
    // A file can't be the folder of another one.
    for (path, install) in &seen {
        let mut above = path.match_indices('/').filter_map(|(at, _)| path.get(..at));
        if let Some(folder) = above.find_map(|above| seen.get(&above.to_owned())) {
            return Err(format!("`{}` would be in `{}`, which is a file", install.dst, folder.dst));
        }
    }
    Ok(())
}

fn check_secrets(secrets: &[SecretEntry]) -> Result<(), String> {
    let mut seen = BTreeMap::new();
    for secret in secrets {
        check_absolute(&secret.path)?;
        check_mode(&secret.mode)?;
        let (owner, group) = secret.owner.split_once(':').unwrap_or((&secret.owner, "0"));
        check_owner(owner)?;
        check_owner(group)?;
        match seen.insert(&secret.path, secret) {
            Some(other) if other != secret => {
                return Err(format!(
                    "the secret file `{}` is required twice, in different ways",
                    secret.path
                ));
            }
            _ => {}
        }
    }
    Ok(())
}

fn check_one_way(facts: &[OneWayEntry]) -> Result<(), String> {
    let mut seen = BTreeMap::new();
    for fact in facts {
        match seen.insert(&fact.key, fact) {
            Some(other) if other != fact => {
                return Err(format!("the one-way fact `{}` has two values", fact.key));
            }
            _ => {}
        }
    }
    Ok(())
}

fn check_absolute(path: &str) -> Result<(), String> {
    let clean = path
        .strip_prefix('/')
        .is_some_and(|rest| rest.split('/').all(|part| !matches!(part, "" | "." | "..")));
    if clean { Ok(()) } else { Err(format!("`{}` is not an absolute path", path.escape_debug())) }
}

fn check_mode(mode: &str) -> Result<(), String> {
    let octal = mode.len() == 4 && mode.bytes().all(|byte| matches!(byte, b'0'..=b'7'));
    if !octal {
        Err(format!("the mode `{}` is not four octal digits", mode.escape_debug()))
    } else if mode.starts_with('0') {
        Ok(())
    } else {
        Err(format!("the mode `{mode}` gives a file more than reading, writing and running"))
    }
}

/// Checks the name or number of a user or group, which becomes an argument of chown.
fn check_owner(owner: &str) -> Result<(), String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if !owner.is_empty() && !owner.starts_with('-') && owner.bytes().all(is_plain) {
        Ok(())
    } else {
        Err(format!("`{}` is not a user or group", owner.escape_debug()))
    }
}
