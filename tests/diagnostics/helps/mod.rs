//! Does what help lines say, in many labs with a mistake: the finding must be gone, and no other
//! may have come.

mod draft;
mod edit;
mod instances;
mod planted;
mod prose;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use labwright::compile;
use labwright::diag::{Diagnostic, Diagnostics};
use labwright::load::read_lab;
use labwright::plan::{Flow, FlowSource};
use labwright::source::{FileId, Layer, SourceFile, Sources, Span};
use labwright::syntax;
use rayon::prelude::*;

use crate::cli::{case, names};

/// A lab's own files.
type Lab = Vec<SourceFile>;

fn checked(lab: &Lab) -> (Sources, Vec<Diagnostic>) {
    let sources = Sources::with_standard_library(lab.clone());
    let found = compile::check(&sources).0;
    (sources, found.iter().cloned().collect())
}

fn title(found: &Diagnostic) -> (String, String) {
    (found.code.name.to_owned(), found.message.clone())
}

/// A lab with a mistake.
struct Mistaken {
    /// The name of the lab without it.
    of: String,
    what: String,
    lab: Lab,
}

/// Lists the connections that a lab allows, if it has no error.
fn flows(lab: &Lab) -> BTreeSet<String> {
    let sources = Sources::with_standard_library(lab.clone());
    let mut analyzed = compile::analyze(&sources);
    let Some(plan) = analyzed.check(&sources).plan else { return BTreeSet::new() };
    let line = |flow: &Flow| {
        let from = match flow.from {
            FlowSource::Zone(zone) => plan.model[zone].name.as_str(),
            FlowSource::Containers(_) | FlowSource::Neighbours(_) => "containers",
        };
        format!("{from} → {}:{} {:?}\n", plan.model[flow.to].name, flow.ports, flow.transport)
    };
    plan.flows.iter().map(line).collect()
}

fn is_kdl(file: &SourceFile) -> bool {
    std::path::Path::new(&file.path).extension().is_some_and(|ending| ending == "kdl")
}

/// Lists the faults of files that are not KDL.
fn unreadable(lab: &Lab) -> Vec<Diagnostic> {
    let mut found = Diagnostics::default();
    for file in lab.iter().filter(|file| is_kdl(file)) {
        syntax::parse(&file.text, FileId(0), &mut found);
    }
    found.iter().cloned().collect()
}

fn is_broken(lab: &Lab) -> bool {
    !unreadable(lab).is_empty()
}

/// Follows every help of a lab, each by itself. Returns how many were followed, and what went
/// wrong. Without the connections of the `right` lab, the lab may have several mistakes, of which
/// some hide others. With them, no help may open more.
fn followed(lab: &Lab, right: Option<&BTreeSet<String>>) -> (usize, String) {
    let (sources, before) = checked(lab);
    let place = |span: Span| {
        let file = sources.file(span.file);
        lab.iter().position(|own| (own.layer, &own.path) == (file.layer, &file.path))
    };
    let known: BTreeSet<_> = before.iter().map(title).collect();
    let (mut count, mut wrong) = (0, String::new());
    for finding in &before {
        let Some(mended) = edit::follow(lab, finding, place) else { continue };
        count += 1;
        // What is not KDL hides the findings about its meaning.
        let only_syntax = right.is_none() && is_broken(lab);
        let after = if only_syntax { unreadable(&mended) } else { checked(&mended).1 };
        let own = |one: &&Diagnostic| title(one) == title(finding);
        let stays = after.iter().filter(own).count() >= before.iter().filter(own).count();
        let new: Vec<String> = after
            .iter()
            .filter(|one| !known.contains(&title(one)))
            .map(|one| format!("{}: {}", one.code.name, one.message))
            .collect();
        let opened = right.map(|right| flows(&mended).difference(right).cloned().collect());
        let opened: Vec<String> = opened.unwrap_or_default();
        if stays || !new.is_empty() || !opened.is_empty() {
            let _ = writeln!(
                wrong,
                "{}: {}\n    help: {}\n    {}",
                finding.code.name,
                finding.message,
                finding.help.as_deref().unwrap_or_default(),
                if stays { "the finding stays".to_owned() } else { new.join("\n    ") }
                    + &opened.concat(),
            );
            let line = finding.span.map(|span| sources.place(span)).unwrap_or_default();
            let _ = writeln!(wrong, "    at {line}");
        }
    }
    (count, wrong)
}

fn all_followed(labs: &[Mistaken], right: &BTreeMap<String, BTreeSet<String>>, least: usize) {
    let done: Vec<(usize, String)> = labs
        .par_iter()
        .map(|Mistaken { of, what, lab }| {
            let (count, wrong) = followed(lab, right.get(of));
            (count, if wrong.is_empty() { wrong } else { format!("== {what}\n{wrong}") })
        })
        .collect();
    let count: usize = done.iter().map(|(count, _)| count).sum();
    let wrong: String = done.into_iter().map(|(_, wrong)| wrong).collect();
    assert!(wrong.is_empty(), "{wrong}");
    assert!(count >= least, "only {count} helps name an edit");
}

fn own_files(folder: &std::path::Path) -> Option<Lab> {
    let sources = read_lab(folder).ok()?;
    let own = sources.files().map(|(_, file)| file.clone());
    Some(own.filter(|file| file.layer != Layer::Builtin).collect())
}

#[test]
fn the_help_of_every_code_helps() {
    let folder = case("diagnostics");
    let labs: Vec<Mistaken> = names(&folder)
        .into_iter()
        // Of its findings only the first ones are shown.
        .filter(|code| code != "too-many-syntax-errors")
        .filter_map(|code| {
            let lab = own_files(&folder.join(&code))?;
            Some(Mistaken { of: String::new(), what: code, lab })
        })
        .collect();
    all_followed(&labs, &BTreeMap::new(), 30);
}

#[test]
fn the_help_for_usual_mistakes_helps() {
    let right = own_files(&case("mistakes")).expect("a lab");
    let right = BTreeMap::from([("mistakes".to_owned(), flows(&right))]);
    all_followed(&planted::by_hand(), &right, 30);
}

#[test]
fn the_help_for_mistakes_in_the_labs_helps() {
    let labs = planted::in_labs();
    let right: BTreeMap<String, BTreeSet<String>> =
        planted::labs().map(|(name, lab)| (name, flows(&lab))).collect();
    assert!(right.values().all(|flows| flows.len() > 5), "the labs allow connections");
    all_followed(&labs, &right, 50);
}

/// Helps that quote something of the language and name no edit: the code, a part of the help, and
/// the reason.
const NO_EDIT: &[(&str, &str, &str)] = &[
    ("bad-annotation", "", "it shows how an annotation is written"),
    ("database-without-dump", "", "only the module's author knows how to dump it"),
    ("file-malformed", "kind=text", "only the owner knows what reads the file"),
    ("missing-option", "", "only the owner knows the value"),
    ("missing-value", "", "only the owner knows the values"),
    ("multiline-string", "", "the text's own blanks are wrong"),
    ("number-out-of-range", "", "nobody knows what the number stands for"),
    ("profile-without-target", "in a machine", "only the owner knows which machine"),
    ("stray-character", "", "it shows how values are separated"),
    ("typed-secret", "", "only the module's author knows how the program reads it"),
    ("unclosed-string", "", "nobody knows where the text ends"),
    ("wrong-type", "in the route, or", "only the owner knows which of the two names is the first"),
    ("wrong-type", "such as", "it shows how such a value is written"),
    ("wrong-kind", "", "only the owner knows another host"),
];

/// Returns a help without what it quotes: the same for all findings that have this text.
fn shape(help: &str) -> String {
    let mut quoted = false;
    let parts = help.split('`').map(|part| {
        quoted = !quoted;
        if quoted { part } else { "…" }
    });
    parts.collect::<Vec<_>>().join("`")
}

/// A help of a code, whatever it quotes.
type Help = (String, String);

/// Each text of help that quotes something to write is followed: by itself, or by hand in `prose`
/// and `draft`. So a new text can't escape, though another of its code is followed.
#[test]
fn a_help_that_names_an_edit_is_followed_somewhere() {
    let folder = case("diagnostics");
    let (mut named, mut followed) = (BTreeMap::<Help, String>::new(), BTreeSet::<Help>::new());
    followed.extend(prose::shapes());
    let codes: BTreeSet<&str> = draft::codes().collect();
    let cases = names(&folder).into_iter().filter(|code| code != "too-many-syntax-errors");
    let cases = cases.filter_map(|code| own_files(&folder.join(&code)));
    for lab in cases.chain(planted::by_hand().into_iter().map(|mistaken| mistaken.lab)) {
        let (sources, found) = checked(&lab);
        let place = |span: Span| {
            let file = sources.file(span.file);
            lab.iter().position(|own| (own.layer, &own.path) == (file.layer, &file.path))
        };
        for finding in &found {
            let help = finding.help.as_deref().unwrap_or_default();
            let key = (finding.code.name.to_owned(), shape(help));
            if edit::follow(&lab, finding, place).is_some() {
                followed.insert(key);
            } else if edit::quotes_an_edit(help) {
                named.insert(key, help.to_owned());
            }
        }
    }
    named.retain(|key, _| !followed.contains(key) && !codes.contains(key.0.as_str()));
    let is = |(known, part, _): &&(&str, &str, &str), (code, _): &Help, help: &str| {
        known == code && help.contains(part)
    };
    let new: Vec<_> = named
        .iter()
        .filter(|(key, help)| !NO_EDIT.iter().any(|known| is(&known, key, help)))
        .collect();
    assert!(new.is_empty(), "{} are followed nowhere: {new:#?}", new.len());
    let stale: Vec<_> = NO_EDIT
        .iter()
        .filter(|known| !named.iter().any(|(key, help)| is(known, key, help)))
        .collect();
    assert!(stale.is_empty(), "{stale:?} are followed");
}
