//! Checks the codes, their pages and the reference that is made from them.

use std::collections::BTreeSet;
use std::path::Path;

use labwright::codes;
use labwright::reference::codes as reference;
use labwright::syntax;

#[test]
fn names_are_unique_and_kebab_case() {
    let mut names = BTreeSet::new();
    for code in codes::all() {
        assert!(names.insert(code.name), "{} is there twice", code.name);
        let well_formed = code.name.split('-').all(|part| {
            !part.is_empty()
                && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        });
        assert!(well_formed, "{}", code.name);
        assert_eq!(codes::find(code.name).map(|found| found.name), Some(code.name));
    }
    assert!(codes::find("no-such-code").is_none());
}

#[test]
fn every_code_says_what_it_means_and_why() {
    for code in codes::all() {
        assert!(
            !code.summary.is_empty() && !code.summary.ends_with('.'),
            "{}: {:?}",
            code.name,
            code.summary
        );
        assert!(!code.explain.trim().is_empty(), "{} has no page", code.name);
        assert_eq!(
            code.explain.matches("```").count() % 2,
            0,
            "{} has a block without an end",
            code.name
        );
    }
}

#[test]
fn a_page_fits_a_terminal() {
    insta::assert_snapshot!(reference::page(&syntax::codes::MISPLACED_EQUALS), @r#"
    error[misplaced-equals]: an equals sign is not part of a property

    A node is a name followed by its values, without an equals sign. Only a property
    has one, between its name and its value.

    Wrong:

        lab home version="2026.1" {
            domain = "example.org"
        }

    Right:

        lab home version="2026.1" {
            domain "example.org"
        }
    "#);
    for code in codes::all() {
        let mut example = false;
        for line in reference::page(code).lines() {
            example |= line.starts_with("    ");
            assert!(
                example || line.chars().count() <= 80 || !line.contains(' '),
                "{}: {line}",
                code.name
            );
            example &= !line.is_empty();
        }
    }
}

#[test]
fn the_list_has_a_line_for_every_code() {
    let list = reference::list();
    assert_eq!(list.lines().count(), codes::all().count());
    assert!(list.lines().is_sorted(), "{list}");
}

#[test]
fn docs_codes_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/codes.md");
    if std::env::var_os("LABWRIGHT_UPDATE_DOCS").is_some() {
        std::fs::write(&path, reference::reference()).expect("docs/codes.md is written");
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == reference::reference(),
        "docs/codes.md is stale: LABWRIGHT_UPDATE_DOCS=1 cargo test docs_codes"
    );
}
