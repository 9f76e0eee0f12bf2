//! Compiles labs that are almost right: shipped ones with tokens dropped, doubled, swapped and
//! replaced.

use proptest::prelude::*;
use proptest::test_runner::Config;

use super::{build, shipped};

/// Splits KDL at white space and quotes, and keeps every byte, so that tokens can be moved around.
fn tokens(text: &str) -> Vec<String> {
    let mut tokens = vec![String::new()];
    let mut quoted = false;
    for character in text.chars() {
        let edge = !quoted && (character.is_whitespace() || "{}=;()".contains(character));
        if edge {
            tokens.push(character.to_string());
            tokens.push(String::new());
        } else if let Some(last) = tokens.last_mut() {
            last.push(character);
        }
        quoted ^= character == '"';
    }
    tokens.retain(|token| !token.is_empty());
    tokens
}

#[derive(Debug, Clone)]
enum Change {
    Drop(usize),
    Double(usize),
    Swap(usize, usize),
    Replace(usize, String),
}

fn change() -> impl Strategy<Value = Change> {
    let word = prop_oneof![
        Just("\"\"".to_owned()),
        Just("0".to_owned()),
        Just("-1".to_owned()),
        Just("99999999999999999999".to_owned()),
        Just("#null".to_owned()),
        Just("#true".to_owned()),
        Just("1.5".to_owned()),
        Just("internet".to_owned()),
        Just("\"::/0\"".to_owned()),
        Just("\"0.0.0.0/0\"".to_owned()),
        Just("\"/\"".to_owned()),
        Just("\"18446744073709551615B\"".to_owned()),
        Just("(force)".to_owned()),
        Just("(expr)\"opt.x\"".to_owned()),
        "[a-z-]{1,8}",
        "\"[ -~]{0,12}\"",
    ];
    prop_oneof![
        any::<usize>().prop_map(Change::Drop),
        any::<usize>().prop_map(Change::Double),
        (any::<usize>(), any::<usize>()).prop_map(|(a, b)| Change::Swap(a, b)),
        (any::<usize>(), word).prop_map(|(at, word)| Change::Replace(at, word)),
    ]
}

proptest! {
    #![proptest_config(Config { cases: 96, failure_persistence: None, ..Config::default() })]

    #[test]
    fn a_changed_lab_builds_or_says_what_is_wrong(file in any::<usize>(),
    changes in prop::collection::vec(change(), 1..4)) {
        let mut files = shipped("media-server-home");
        let index = file % files.len();
        let file = &mut files[index];
        let mut tokens = tokens(&file.text);
        for change in changes {
            let count = tokens.len();
            match change {
                Change::Drop(at) => drop(tokens.remove(at % count)),
                Change::Double(at) => tokens.insert(at % count, tokens[at % count].clone()),
                Change::Swap(a, b) => tokens.swap(a % count, b % count),
                Change::Replace(at, word) => tokens[at % count] = word,
            }
        }
        file.text = tokens.concat();
        if let Err(said) = build(files) {
            prop_assert!(said.contains("error"), "{said}");
        }
    }
}
