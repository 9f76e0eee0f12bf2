//! Random edits of the four labs: everything that differs is explained, and every cause is true.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::test_runner::Config;

use labwright::change::cause::Cause;
use labwright::change::class::Class;
use labwright::change::compare::Comparison;
use labwright::change::edits::{Choice, Documents, Edits};
use labwright::change::facts::Renames;
use labwright::change::state::State;
use labwright::source::{SourceFile, Sources};

use super::{LABS, compare, line, shipped};

/// What becomes of one line.
#[derive(Debug, Clone)]
enum Change {
    Drop,
    Double(usize),
    Number(u8),
    Word(usize),
}

fn change() -> impl Strategy<Value = (prop::sample::Index, Change)> {
    let kind = prop_oneof![
        Just(Change::Drop),
        (0..1000_usize).prop_map(Change::Double),
        (1..9_u8).prop_map(Change::Number),
        (0..1000_usize).prop_map(Change::Word),
    ];
    (any::<prop::sample::Index>(), kind)
}

/// Changes one line of a lab; lines that are comments stay.
fn apply(files: &mut [SourceFile], at: prop::sample::Index, change: &Change) {
    let lines: Vec<(usize, usize)> = files
        .iter()
        .enumerate()
        .flat_map(|(file, source)| (0..source.text.lines().count()).map(move |line| (file, line)))
        .collect();
    let (file, number) = *at.get(&lines);
    let words = ["lan", "internet", "daily", "never", "weekly", "#true", "#false", "ufw"];
    let text: Vec<String> = files[file]
        .text
        .lines()
        .enumerate()
        .map(|(index, line)| match change {
            _ if index != number || line.trim_start().starts_with("//") => line.to_owned(),
            Change::Drop => String::new(),
            Change::Double(by) => format!("{line}\n{}", line.replace("web", words[by % 3])),
            Change::Number(digit) => {
                let digits = |character: char| character.is_ascii_digit();
                line.find(digits).map_or_else(
                    || line.to_owned(),
                    |found| format!("{}{digit}{}", &line[..found], &line[found + 1..]),
                )
            }
            Change::Word(which) => {
                let known = words.iter().find(|word| line.contains(**word));
                known.map_or_else(
                    || line.to_owned(),
                    |known| line.replacen(known, words[which % words.len()], 1),
                )
            }
        })
        .collect();
    files[file].text = text.join("\n");
}

fn build(files: &[SourceFile]) -> Option<State> {
    State::build(&Sources::with_standard_library(files.to_vec()), &Renames::default()).ok()
}

/// Checks that every differing file belongs to an entry, and nothing is unexplained.
fn complete(comparison: &Comparison, was: &State, is: &State) {
    let shown = comparison.entries.iter().map(line).collect::<Vec<_>>().join("\n");
    let explained: BTreeSet<_> = comparison.entries.iter().flat_map(|entry| &entry.files).collect();
    for name in was.files.keys().chain(is.files.keys()) {
        if was.files.get(name) != is.files.get(name) {
            assert!(explained.contains(name), "{name:?} belongs to nothing:\n{shown}");
        }
    }
    for name in explained {
        assert_ne!(was.files.get(name), is.files.get(name), "{name:?} is the same");
    }
    assert!(comparison.entries.iter().all(|entry| entry.class != Class::Unexplained), "{shown}");
}

/// Checks that the edits of each cause bring its entry about, and that undoing them takes it away.
pub fn true_causes(comparison: &Comparison, was: &[SourceFile], is: &[SourceFile]) {
    let was = Sources::with_standard_library(was.to_vec());
    let is = Sources::with_standard_library(is.to_vec());
    let documents = Documents::parse(&was, &is);
    let edits = Edits::find(&was, &is, &documents, false);
    if edits.list.len() < 2 || edits.list != comparison.edits {
        return;
    }
    let state = |choice: &Choice| State::build(&edits.apply(choice), &documents.renames());
    let old = State::build(&was, &documents.renames()).expect("the old lab");
    let new = State::build(&is, &documents.renames()).expect("the new lab");
    let all: BTreeSet<usize> = (0..edits.list.len()).collect();
    let mut seen = BTreeSet::new();
    for entry in comparison.entries.iter().filter(|entry| seen.insert(entry.cause.clone())) {
        let key = &entry.key;
        let holds = |applied: BTreeSet<usize>| {
            let state = state(&Choice { applied, without: None });
            state.is_ok_and(|state| state.facts.get(key) != old.facts.get(key))
        };
        match &entry.cause {
            Cause::Together(cause) => {
                let cause: BTreeSet<usize> = cause.iter().copied().collect();
                assert!(holds(cause.clone()), "{} does not come about", line(entry));
                let rest = all.difference(&cause).copied().collect();
                let undone = state(&Choice { applied: rest, without: None });
                if let Ok(undone) = undone {
                    let value = undone.facts.get(key);
                    // Where words say what is so, other words are another entry.
                    let other = entry.is.is_some() && value != new.facts.get(key);
                    let gone = value == old.facts.get(key) || other;
                    assert!(gone, "{} stays", line(entry));
                }
            }
            Cause::Each(cause) => {
                for edit in cause {
                    assert!(holds(BTreeSet::from([*edit])), "{} of {edit}", line(entry));
                }
            }
            other => panic!("{other:?}"),
        }
    }
}

proptest! {
    #![proptest_config(Config { cases: 24, failure_persistence: None, max_global_rejects: 4096,
    ..Config::default() })]

    #[test]
    fn every_difference_belongs_to_an_entry_with_a_true_cause(
        lab in 0..LABS.len(),
        changes in prop::collection::vec(change(), 1..4),
    ) {
        let was = shipped(LABS[lab]);
        let mut is = was.clone();
        for (at, change) in &changes {
            let before = is.clone();
            apply(&mut is, *at, change);
            // A change that breaks the lab says nothing of the others.
            if build(&is).is_none() {
                is = before;
            }
        }
        let texts = |files: &[SourceFile]| {
            files.iter().map(|file| file.text.clone()).collect::<Vec<_>>()
        };
        prop_assume!(texts(&is) != texts(&was));
        let (old, new) = (build(&was).expect("a lab"), build(&is).expect("a lab"));
        let comparison = compare(&was, &is);
        complete(&comparison, &old, &new);
        true_causes(&comparison, &was, &is);
    }

    #[test]
    fn where_things_stand_changes_nothing(lab in 0..LABS.len(),
    at in any::<prop::sample::Index>()) {
        let was = shipped(LABS[lab]);
        let mut is = was.clone();
        let moved = at.index(is.len());
        is[moved].text.insert_str(0, "// something new\n\n");
        if is[moved].path != "lab.kdl" {
            is[moved].path = format!("below/other-{}", is[moved].path);
        }
        let comparison = compare(&was, &is);
        prop_assert!(comparison.entries.is_empty());
        prop_assert!(comparison.edits.is_empty(), "{:?}", comparison.edits);
    }
}
