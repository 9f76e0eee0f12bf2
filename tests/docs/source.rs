//! Checks how the source reads, as far as that can be searched for.

use std::path::{Path, PathBuf};

use super::root;

/// The folders of the source that follow these rules.
const FOLDERS: [&str; 3] = ["src", "tests", "benches"];

/// Doc comments begin with a noun phrase for a type and a verb in the third person for a function,
/// and none of these words begins either.
const TICS: [&str; 3] = ["Is ", "Are ", "Has "];

/// Lists the files of Rust below `folder`.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in folder.read_dir().expect("a folder").map(|entry| entry.expect("an entry").path()) {
        if entry.is_dir() {
            found.extend(files(&entry));
        } else if entry.extension().is_some_and(|extension| extension == "rs") {
            found.push(entry);
        }
    }
    found.sort();
    found
}

/// Returns the first lines of the doc comments in a text, each with its number from 1.
fn summaries(text: &str) -> Vec<(usize, &str)> {
    let comment = |line: &'_ str| {
        let line = line.trim_start();
        line.starts_with("///") || line.starts_with("//!")
    };
    let mut inside = false;
    let mut found = Vec::new();
    for (line, number) in text.lines().zip(1..) {
        if comment(line) && !inside {
            found.push((number, line.trim_start().trim_start_matches(['/', '!']).trim_start()));
        }
        inside = comment(line);
    }
    found
}

/// Returns the places in a text where a doc comment begins with a tic.
fn tics(text: &str) -> Vec<usize> {
    let begins = |summary: &str| TICS.iter().any(|tic| summary.starts_with(tic));
    let found = summaries(text).into_iter().filter(|(_, summary)| begins(summary));
    found.map(|(number, _)| number).collect()
}

#[test]
fn a_tic_is_found_at_the_beginning_of_a_doc_comment_only() {
    let text = "/// Is a thing.\nstruct A;\n\n/// A thing.\n/// Is more.\nstruct B;\n// Is why.\n";
    assert_eq!(tics(text), [1]);
    assert_eq!(tics("//! Has it all.\n\n    /// Returns it.\n    /// Has more.\n"), [1]);
}

#[test]
fn no_doc_comment_begins_with_a_tic() {
    let mut found = Vec::new();
    for file in FOLDERS.iter().flat_map(|folder| files(&root().join(folder))) {
        let text = std::fs::read_to_string(&file).expect("the file is text");
        found.extend(tics(&text).into_iter().map(|line| format!("{}:{line}", file.display())));
    }
    assert!(found.is_empty(), "doc comments begin with {TICS:?}: {found:#?}");
}

#[test]
fn no_file_of_the_source_has_more_than_500_lines() {
    let long = |file: &PathBuf| {
        let text = std::fs::read_to_string(file).expect("the file is text");
        text.lines().count() > 500
    };
    let files = FOLDERS.iter().flat_map(|folder| files(&root().join(folder)));
    let found: Vec<PathBuf> = files.filter(long).collect();
    assert!(found.is_empty(), "split these: {found:#?}");
}

/// Returns the numbers of the lines with more than 100 characters.
fn wide(text: &str) -> Vec<usize> {
    let wide = text.lines().zip(1..).filter(|(line, _)| line.chars().count() > 100);
    wide.map(|(_, number)| number).collect()
}

#[test]
fn a_line_is_wide_from_101_characters_on() {
    let text = format!("{}\n{}\n", "é".repeat(100), "x".repeat(101));
    assert_eq!(wide(&text), [2]);
}

/// rustfmt leaves an expression as it is when a literal in it is too long for a line.
#[test]
fn no_line_of_the_source_is_wide() {
    let files = FOLDERS.iter().flat_map(|folder| files(&root().join(folder)));
    let mut found = Vec::new();
    for file in files.chain([root().join("build.rs")]) {
        let text = std::fs::read_to_string(&file).expect("the file is text");
        found.extend(wide(&text).into_iter().map(|line| format!("{}:{line}", file.display())));
    }
    assert!(found.is_empty(), "break these lines: {found:#?}");
}
