//! `labwright why` as people run it.

use std::fs;
use std::path::Path;

use crate::cli::{case, copy, labwright};
use crate::snapshots::assert_snapshot;

#[test]
fn an_answer_names_what_the_line_changes_with() {
    let run = |what: &str| labwright(&case("tiny"), &["why", what]);
    let file = run("box/echo/greeting.txt:1");
    assert_eq!((file.code, file.err.as_str()), (0, ""));
    assert_snapshot("cli", "why", &file.out);
    let compose = run("box/compose/compose.yaml");
    assert_snapshot("cli", "why-file", &compose.out);
    let wide = compose.out.lines().filter(|line| line.chars().count() > 80);
    assert_eq!(wide.collect::<Vec<_>>(), Vec::<&str>::new());
}

#[test]
fn a_default_of_the_language_is_named_at_the_node_that_leaves_it_out() {
    let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("modules/labs/media-server-home");
    let table = "snapshots/media-server-home/extranet/firewall/flows.tsv.snap";
    let table = Path::new(env!("CARGO_MANIFEST_DIR")).join(table);
    let table = fs::read_to_string(table).expect("a snapshot");
    // The head of a snapshot has three lines.
    let at = table.lines().skip(3).position(|line| line.starts_with("lan\ttcp\t22\t"));
    let line = at.map_or(0, |at| at + 1);
    let run = labwright(&home, &["why", &format!("extranet/firewall/flows.tsv:{line}")]);
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.says("is a default of the language"), "{}", run.out);
    assert!(run.says("ssh port= (default: 22)"), "{}", run.out);
    let what = format!("extranet/firewall/flows.tsv:{line}");
    let run = labwright(&home, &["why", &what, "--format", "json"]);
    let reasons = run.json()["lines"][0]["reasons"].clone();
    let named = reasons.as_array().into_iter().flatten().filter(|it| it["role"] == "default");
    assert!(named.into_iter().any(|it| it["value"] == "(default: 22)"), "{reasons}");
}

#[test]
fn json_has_the_promised_shape() {
    let run = labwright(&case("tiny"), &["why", "box/echo/greeting.txt:1", "--format", "json"]);
    assert_eq!(run.code, 0, "{run:?}");
    assert_snapshot("cli", "why-json", &run.out);
    let unused = labwright(&case("tiny"), &["why", "--unused", "--format", "json"]);
    assert_eq!(unused.json()["format"], "labwright.why/1");
}

#[test]
fn a_wrong_question_is_wrong_use_with_advice() {
    for (what, advice) in [
        ("bax/compose/compose.yaml", "did you mean `box`?"),
        ("box/compose/compose.yml", "did you mean `box/compose/compose.yaml`?"),
        ("box/greeting.tx", "did you mean `box/echo/greeting.txt`?"),
        ("box/echo/greeting.txt:2", "`box/echo/greeting.txt` has 1 line"),
        ("box/echo/greeting.txt:0", "without a number, all lines are explained"),
        ("box/echo/greeting.txt:99999999999999999999999", "has 1 line"),
        ("\u{1b}[31m/x", "the machines are box"),
    ] {
        let run = labwright(&case("tiny"), &["why", what]);
        assert_eq!(run.code, 2, "{run:?}");
        assert!(run.says(advice), "{what}: {}", run.err);
        assert!(!run.err.contains('\u{1b}'), "{run:?}");
    }
    assert_eq!(labwright(&case("tiny"), &["why"]).code, 2);
}

#[test]
fn hostile_text_is_inert_and_a_pasted_secret_is_not_shown() {
    let copy = copy("tiny");
    let lab = copy.path().join("tiny");
    let file = lab.join("services.kdl");
    let text = fs::read_to_string(&file).expect("a source");
    fs::write(&file, text.replace("\"hello\"", "\"password=hunter2\\u{200b}\"")).expect("written");
    for format in ["text", "json"] {
        let what = "box/echo/greeting.txt";
        let run = labwright(&lab, &["why", what, "--format", format]);
        assert_eq!(run.code, 0, "{run:?}");
        assert!(!run.out.contains("hunter2") && !run.out.contains('\u{200b}'), "{}", run.out);
        assert!(run.says("service echo / greeting"), "{}", run.out);
    }
}
