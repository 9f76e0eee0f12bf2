//! Checks that this machine cannot make. Leaving one out is never silent.
//!
//! A test that asks less than it could says so by [`left_out`], and by nothing else.
//! `LABWRIGHT_LEFT_OUT` names a file that takes a line for each, which `./test` counts at its end.
//! `LABWRIGHT_REQUIRE_ALL=1` makes a failure of each.

use std::env;
use std::fs::OpenOptions;
use std::io::Write;

/// Records that the running test leaves a check out, and why.
///
/// # Panics
/// With `LABWRIGHT_REQUIRE_ALL=1`, where nothing may be left out.
pub fn left_out(why: &str) {
    // nextest runs each test in a process of its own, whose threads may have any name.
    let test = env::var("NEXTEST_TEST_NAME").ok();
    let thread = std::thread::current();
    let test = test.as_deref().or(thread.name()).unwrap_or("a test");
    if let Some(list) = env::var_os("LABWRIGHT_LEFT_OUT") {
        let mut list =
            OpenOptions::new().append(true).create(true).open(list).expect("the list opens");
        // One call a line: tests write at the same time.
        list.write_all(format!("{why}\t{test}\n").as_bytes()).expect("the list takes a line");
    }
    assert!(
        env::var_os("LABWRIGHT_REQUIRE_ALL").is_none_or(|value| value != "1"),
        "nothing may be left out here: {why}"
    );
    eprintln!("left out: {why}");
}
