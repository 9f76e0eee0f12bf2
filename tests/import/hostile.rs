//! Files that are made to break readers.

use std::fmt::Write as _;
use std::fs;

use proptest::prelude::*;

use crate::cli::{case, labwright};

/// Imports a text, and returns the exit code and all that is printed.
fn code(text: &[u8]) -> (i32, String) {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("compose.yaml"), text).expect("a file");
    let run = labwright(folder.path(), &["import", "compose", "compose.yaml", "--format", "json"]);
    let all = run.all();
    assert!(!all.contains("panicked"), "{all}");
    (run.code, all)
}

#[test]
fn hostile_files_are_refused_quickly() {
    let mut laughs = "x0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..40 {
        let names = vec![format!("*a{}", level - 1); 10].join(", ");
        let _ = writeln!(laughs, "x{level}: &a{level} [{names}]");
    }
    let mut bomb = "services:\n  web:\n    image: x\n    environment:\n".to_owned();
    for level in 0..30 {
        let next = level + 1;
        let _ = writeln!(bomb, "      V{level}: \"${{V{next}:-${{V{next}:-$V{next}}}}}\"");
    }
    let deep = format!("services: {}x{}", "[".repeat(50_000), "]".repeat(50_000));
    let defaults =
        format!("services: {{a: {{image: \"{}x{}\"}}}}", "${A:-".repeat(9000), "}".repeat(9000));
    let circle = "services: {a: {extends: b}, b: {extends: a}}";
    let itself = "include: [compose.yaml]\nservices: {}";
    let chain = |length: usize| -> String {
        let one = |it| format!("  s{it}: {{extends: s{}}}\n", it + 1);
        let last = format!("  s{length}: {{image: x}}\n");
        format!("services:\n{}{last}", (0..length).map(one).collect::<String>())
    };
    let (row, endless) = (chain(500), chain(20_000));
    for text in [
        &laughs,
        &deep,
        &defaults,
        &row,
        &endless,
        circle,
        itself,
        "\0",
        "- a",
        "services: 5",
        "? [a]\n: b",
        "%YAML 9.9\n--- a",
    ] {
        assert_eq!(code(text.as_bytes()).0, 1, "{}", text.get(..60).unwrap_or(text));
    }
    for text in ["", "services:", "services: {}", &bomb, "services: {a: {image: {}}}"] {
        assert!(code(text.as_bytes()).0 < 3, "{text}");
    }
    assert_eq!(code(b"services: {a: {image: \"\xff\"}}").0, 1);
}

#[test]
fn files_that_include_each_other_in_many_ways_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    // Each includes all after it, so the ways through them double with each.
    for it in 0..16 {
        let after: Vec<String> = (it + 1..17).map(|next| format!("f{next}.yaml")).collect();
        let text = format!("include: [{}]\nservices: {{}}\n", after.join(", "));
        fs::write(folder.path().join(format!("f{it}.yaml")), text).expect("a file");
    }
    fs::write(folder.path().join("f16.yaml"), "services: {a: {image: x}}\n").expect("a file");
    let run = labwright(folder.path(), &["import", "compose", "f0.yaml"]);
    assert_eq!(run.code, 1, "{}", run.all());
    assert!(run.all().contains("includes and extends files more than 1000 times"), "{}", run.all());
}

#[test]
fn a_project_with_more_services_than_anybody_has_is_refused() {
    let services: String = (0..=1_000).map(|it| format!("  s{it}: {{image: x}}\n")).collect();
    let (exit, said) = code(format!("services:\n{services}").as_bytes());
    assert_eq!(exit, 1);
    assert!(said.contains("has 1001 services, and at most 1000 are read"), "{said}");
}

/// Every line of every sample, to cut and mix.
fn lines() -> Vec<String> {
    let mut lines = Vec::new();
    for name in super::samples() {
        for file in ["compose.yaml", "compose.yml", "docker-compose.yml"] {
            let path = case("import").join(&name).join(file);
            if let Ok(text) = fs::read_to_string(path) {
                lines.extend(text.lines().map(str::to_owned));
            }
        }
    }
    lines
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
    #[test]
    fn broken_files_never_end_the_program(
        picks in proptest::collection::vec(
            (any::<prop::sample::Index>(), 0..6_usize, any::<char>()),
            1..60,
        )
    ) {
        let lines = lines();
        let mut text = "services:\n  a:\n    image: x:1\n".to_owned();
        for (pick, kind, character) in picks {
            let line = pick.get(&lines);
            match kind {
                0 => text.push_str(line.trim_start()),
                1 => text.push_str(&line.replace(':', &character.to_string())),
                2 => { text.push_str(line); text.push(character); }
                _ => text.push_str(line),
            }
            text.push('\n');
        }
        let (code, all) = code(text.as_bytes());
        prop_assert!(code == 0 || code == 1, "{code}: {all}");
    }
}
