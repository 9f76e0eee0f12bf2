//! `labwright build --check`: compares a release with what these sources make, under different
//! conditions.
//!
//! The two builds differ in as much as they can inside one process: one thread and several threads,
//! and files that are found in opposite orders.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::json;
use super::lab::Format;
use crate::bundle::release::{self, INDEX, SUMS};
use crate::bundle::signature;
use crate::cli::Exit;
use crate::cli::console::Console;
use crate::compile::{Compiled, Discard, Release, compile};
use crate::diag::{Diagnostics, one_line};
use crate::digest::sha256_hex;
use crate::disk::folder;
use crate::source::Sources;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Comparison<'a> {
    lab: &'a str,
    version: &'a str,
    folder: String,
    content_id: &'a str,
    differences: Vec<String>,
}

/// Builds twice and compares both builds with the release in the folder that `place` returns for a
/// lab and its version. Passes the findings to `report` before it prints the result.
pub fn reproduce(
    sources: &Sources,
    place: impl Fn(&str, &str) -> PathBuf,
    format: Format,
    report: impl Fn(&Diagnostics),
    console: &Console,
) -> io::Result<Exit> {
    let Compiled { findings, release } = with_threads(1, || compile(sources, Discard::open))?;
    report(&findings);
    let Ok(one) = release else { return Ok(Exit::Findings) };
    let out = place(&one.index.lab, &one.index.version);
    let mut files: Vec<_> = sources.files().map(|(_, file)| file.clone()).collect();
    files.reverse();
    let other = with_threads(4, || compile(&Sources::new(files), Discard::open))?;
    let mut differences = match &other.release {
        Ok(other) => between(&one, other),
        Err(_) => vec!["the second build fails".to_owned()],
    };
    differences.extend(standing(&one, &out));
    let index = &one.index;
    let comparison = Comparison {
        lab: &index.lab,
        version: &index.version,
        folder: out.display().to_string(),
        content_id: &index.content_id,
        differences,
    };
    Console::result(&if format == Format::Json {
        json(&comparison)?
    } else {
        comparison.text(console)
    })?;
    Ok(if comparison.differences.is_empty() { Exit::Fine } else { Exit::Findings })
}

impl Comparison<'_> {
    fn text(&self, console: &Console) -> String {
        let title = console.title(&format!("{} {}", self.lab, self.version));
        if self.differences.is_empty() {
            return format!(
                "{title}: two builds and {} are the same\n\ncontent   {}\n",
                one_line(&self.folder),
                self.content_id
            );
        }
        let lines: String = self
            .differences
            .iter()
            .map(|difference| format!("  {}\n", one_line(difference)))
            .collect();
        format!(
            "{title} is not what {} holds:\n\n{lines}\ncontent   {}\n",
            one_line(&self.folder),
            self.content_id
        )
    }
}

fn with_threads<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> io::Result<T> {
    let pool =
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().map_err(io::Error::other)?;
    Ok(pool.install(work))
}

/// Lists the differences between two builds.
fn between(one: &Release<Discard>, other: &Release<Discard>) -> Vec<String> {
    // The index has the hash of every bundle, so only the files for reviewers can still differ.
    if one.json == other.json {
        let names =
            one.review.iter().filter(|(name, bytes)| other.review.get(*name) != Some(bytes));
        return names
            .map(|(name, _)| format!("two builds write different `review/{name}`"))
            .collect();
    }
    let machines: Vec<String> = one
        .index
        .machines
        .iter()
        .filter(|(name, machine)| other.index.machines.get(*name) != Some(machine))
        .map(|(name, _)| format!("two builds of `{name}` differ"))
        .collect();
    if machines.is_empty() {
        vec![format!("two builds write different `{INDEX}`")]
    } else {
        machines
    }
}

/// Lists the differences between a build and the folder.
pub(super) fn standing(made: &Release<Discard>, out: &Path) -> Vec<String> {
    let mut found = match folder::list(out) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return vec!["there is nothing there: run `labwright build` first".to_owned()];
        }
        Err(error) => return vec![format!("it can't be read: {error}")],
    };
    let mut expected: BTreeMap<String, String> = made
        .index
        .machines
        .values()
        .map(|machine| (machine.archive.clone(), machine.sha256.clone()))
        .collect();
    expected.extend(
        made.review.iter().map(|(name, bytes)| (format!("review/{name}"), sha256_hex(bytes))),
    );
    expected.insert(INDEX.to_owned(), sha256_hex(&made.json));
    let sums = release::sums(&expected);
    expected.insert(SUMS.to_owned(), sha256_hex(sums.as_bytes()));

    // No build makes the signatures.
    found.retain(|name| {
        name.strip_suffix(signature::SUFFIX).is_none_or(|signed| !expected.contains_key(signed))
    });
    let names: BTreeSet<&String> = expected.keys().chain(&found).collect();
    let difference = |name: &String| match (expected.get(name), found.contains(name)) {
        (None, _) => Some(format!("`{name}` does not belong to it")),
        (Some(_), false) => Some(format!("`{name}` is missing")),
        (Some(hash), true) => match folder::read(out, name) {
            Ok(bytes) if sha256_hex(&bytes) == *hash => None,
            Ok(_) => Some(format!("`{name}` has different bytes")),
            Err(error) => Some(format!("`{name}` can't be read: {error}")),
        },
    };
    names.into_iter().filter_map(difference).collect()
}
