//! Checks tables, and the lines that show progress.

use labwright::cli::progress::{PATIENCE, REFRESH, is_due};
use labwright::cli::table::Table;

fn table() -> Table {
    let mut table = Table::new(["name", ">size", "what it is"]);
    table.row([
        "a".to_owned(),
        "9".to_owned(),
        "ghcr.io/immich-app/immich-machine-learning:v3.1.0".to_owned(),
    ]);
    table.row([
        "another".to_owned(),
        "1000".to_owned(),
        "some words that go on for a while, until the line ends".to_owned(),
    ]);
    table
}

#[test]
fn a_table_is_as_wide_as_it_needs() {
    insta::assert_snapshot!(table().layout(100, 2), @r"
      name     size  what it is
      a           9  ghcr.io/immich-app/immich-machine-learning:v3.1.0
      another  1000  some words that go on for a while, until the line ends
    ");
}

#[test]
fn a_narrow_terminal_breaks_the_widest_column() {
    insta::assert_snapshot!(table().layout(45, 0), @r"
    name     size  what it is
    a           9  ghcr.io/immich-app/
                   immich-machine-learning:v3.1.0
    another  1000  some words that go on for a
                   while, until the line ends
    ");
}

#[test]
fn nothing_is_lost_however_narrow_it_gets() {
    let letters = |text: &str| text.chars().filter(|character| character.is_alphanumeric()).count();
    let whole = letters(&table().layout(200, 0));
    for width in 0..120 {
        let text = table().layout(width, 0);
        assert_eq!(letters(&text), whole, "{text}");
        assert!(
            width < 34 || text.lines().all(|line| line.chars().count() <= width),
            "{width}: {text}"
        );
    }
}

#[test]
fn progress_is_shown_after_a_second_and_not_too_often() {
    assert!(!is_due(PATIENCE - 1, 0));
    assert!(is_due(PATIENCE, 0));
    assert!(!is_due(PATIENCE + REFRESH - 1, PATIENCE));
    assert!(is_due(PATIENCE + REFRESH, PATIENCE));
}
