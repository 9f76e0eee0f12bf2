//! Writes the tables of a bundle that sh reads. Columns are separated by tabs, rows are sorted,
//! there is no header, and a table without rows is an empty file.

use std::collections::BTreeMap;

use super::Manifest;
use crate::artifact::Artifacts;

const INSTALL: &str = "install.tsv";
const SECRETS: &str = "secrets.required";
const ONE_WAY: &str = "one-way.tsv";

/// Writes the tables of the lists in `artifacts`, by path below `payload/`.
pub fn write(artifacts: &Artifacts) -> Result<[(&'static str, String); 3], String> {
    check_installs(artifacts)?;
    check_secrets(artifacts)?;
    check_one_way(artifacts)?;
    Ok([
        (
            INSTALL,
            table(
                artifacts
                    .installs
                    .iter()
                    .map(|i| [&i.source, &i.destination, &i.owner, &i.group, &i.mode]),
            )?,
        ),
        (SECRETS, table(artifacts.secrets.iter().map(|s| [&s.name, &s.path, &s.owner, &s.mode]))?),
        (ONE_WAY, table(artifacts.one_way.iter().map(|o| [&o.key, &o.value, &o.what]))?),
    ])
}

/// Writes the tables that match a manifest, to compare them with those of a bundle. If they differ,
/// the machine would do something else than a reviewer of the manifest expects.
pub fn of_manifest(manifest: &Manifest) -> Result<[(&'static str, String); 3], String> {
    Ok([
        (
            INSTALL,
            table(manifest.installs.iter().map(|i| [&i.src, &i.dst, &i.owner, &i.group, &i.mode]))?,
        ),
        (SECRETS, table(manifest.secrets.iter().map(|s| [&s.name, &s.path, &s.owner, &s.mode]))?),
        (ONE_WAY, table(manifest.one_way.iter().map(|o| [&o.key, &o.value, &o.what]))?),
    ])
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

fn check_installs(artifacts: &Artifacts) -> Result<(), String> {
    let mut seen = BTreeMap::new();
    for install in &artifacts.installs {
        let source = &install.source;
        if !artifacts.files.contains_key(source) {
            return Err(format!("`{source}` is to be installed, but no emitter wrote it"));
        }
        check_absolute(&install.destination)?;
        check_mode(&install.mode)?;
        match seen.insert(&install.destination, install) {
            Some(other) if other != install => {
                return Err(format!(
                    "`{}` and `{source}` both go to `{}`",
                    other.source, install.destination
                ));
            }
            _ => {}
        }
    }
    Ok(())
}

fn check_secrets(artifacts: &Artifacts) -> Result<(), String> {
    let mut seen = BTreeMap::new();
    for secret in &artifacts.secrets {
        check_absolute(&secret.path)?;
        check_mode(&secret.mode)?;
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

fn check_one_way(artifacts: &Artifacts) -> Result<(), String> {
    let mut seen = BTreeMap::new();
    for fact in &artifacts.one_way {
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
    if octal {
        Ok(())
    } else {
        Err(format!("the mode `{}` is not four octal digits", mode.escape_debug()))
    }
}
