//! Holds what reviewers read of a release against its index and its bundles, as far as that goes:
//! the pages are of this release and run nothing, and the list of services names those of the
//! bundles. What they say besides is covered only by a signature, or by building the lab again.

use std::collections::{BTreeMap, BTreeSet};

use super::claims::{belongs, is_plain};
use super::manifest::Manifest;
use super::release::{INDEX, ReleaseIndex};
use crate::model::MachineKind;

/// The folder of the files for reviewers.
const FOLDER: &str = "review/";

/// The pages, each with the end of its title.
const PAGES: [(&str, &str); 2] =
    [("review/bring-up.html", "bring-up"), ("review/report.html", "review")];

const SUMMARY: &str = "review/summary.md";
const SERVICES: &str = "review/services.tsv";

/// The beginning of each page. With this policy, a browser runs no script of the page and asks no
/// server for anything, whatever follows.
const START: &str = "\
<!DOCTYPE html>
<html lang=\"en\">
<head>
<meta charset=\"utf-8\" />
<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\" />
<meta name=\"referrer\" content=\"no-referrer\" />
<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; \
                     style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'\" />
";

/// What the bundles name.
#[derive(Debug, Default)]
pub struct Named {
    /// The services, each with the machine that runs an image for it, if one does.
    pub services: BTreeSet<(String, Option<String>)>,
    /// The machines, each with the word of its kind.
    pub machines: BTreeSet<(String, String)>,
}

impl Named {
    /// Lists what the manifest of a machine names. Its origins name others too.
    pub fn of(machine: &str, manifest: &Manifest) -> Self {
        let mut named = Self::default();
        for image in &manifest.images {
            named.services.insert((image.service.clone(), Some(machine.to_owned())));
        }
        let folders = manifest.files.iter().filter_map(|file| belongs(&file.path).ok().flatten());
        named.services.extend(folders.map(|folder| (folder.to_owned(), None)));
        for origin in manifest.files.iter().flat_map(|file| &file.origin) {
            match origin.split_once(' ') {
                Some(("service", name)) => {
                    named.services.insert((name.to_owned(), None));
                }
                Some((kind, name)) if MachineKind::ALL.iter().any(|it| it.name() == kind) => {
                    named.machines.insert((name.to_owned(), kind.to_owned()));
                }
                _ => {}
            }
        }
        named
    }
}

/// Returns whether a release has a file of this name for reviewers.
pub fn is_file(name: &str) -> bool {
    name == SUMMARY || name == SERVICES || PAGES.iter().any(|(page, _)| name == *page)
}

/// Lists the problems of the files for reviewers.
pub fn check(
    index: &ReleaseIndex,
    files: &BTreeMap<String, Vec<u8>>,
    named: &[Named],
    problems: &mut Vec<String>,
) {
    let machines = named.iter().flat_map(|named| &named.machines);
    for (name, kind) in machines.collect::<BTreeSet<_>>() {
        if index.machines.get(name).is_none_or(|machine| machine.kind != *kind) {
            problems
                .push(format!("an archive names `{kind} {name}`, which `{INDEX}` does not have"));
        }
    }
    let ReleaseIndex { lab, version, content_id, .. } = index;
    for (name, bytes) in files.iter().filter(|(name, _)| name.starts_with(FOLDER)) {
        if !std::str::from_utf8(bytes).is_ok_and(is_plain) {
            problems.push(format!("`{name}` holds characters that nobody sees"));
        }
    }
    let text = |name: &str| files.get(name).map(|bytes| String::from_utf8_lossy(bytes));
    let mut expect = |name: &str, holds: &dyn Fn(&str) -> bool| match text(name) {
        None => problems.push(format!("`{name}` is missing")),
        Some(text) if !holds(&text) => {
            problems.push(format!("`{name}` is not that of {lab} {version} with this content"));
        }
        Some(_) => {}
    };
    for (page, title) in PAGES {
        let title = format!("<title>{lab} {version}: {title}</title>\n");
        expect(page, &|text| {
            text.strip_prefix(START)
                .is_some_and(|rest| rest.starts_with(&title) && !leads_elsewhere(rest))
        });
    }
    expect(SUMMARY, &|text| {
        text.starts_with(&format!("# {lab} {version}\n\n")) && text.contains(content_id.as_str())
    });
    expect(SERVICES, &|text| lists(text, index, named));
}

/// Returns whether a page has what a browser follows by itself and no policy holds back: a refresh
/// that opens another page, or a link that looks a name up.
fn leads_elsewhere(page: &str) -> bool {
    let page = page.to_ascii_lowercase();
    page.contains("<meta") || page.contains("<link")
}

/// Returns whether the table of services has a row for each service that a bundle names, and no
/// machine that the index does not have.
fn lists(table: &str, index: &ReleaseIndex, named: &[Named]) -> bool {
    let mut rows = BTreeMap::new();
    for line in table.lines() {
        let cells: Vec<&str> = line.split('\t').collect();
        let [name, _, _, machine] = cells[..] else { return false };
        if !index.machines.contains_key(machine) || rows.insert(name, machine).is_some() {
            return false;
        }
    }
    named.iter().flat_map(|named| &named.services).all(|(service, machine)| {
        rows.get(service.as_str())
            .is_some_and(|known| machine.as_ref().is_none_or(|machine| machine == known))
    })
}
