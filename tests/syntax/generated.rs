//! Compares the reading of random documents with the `kdl` crate.

use labwright::diag::{self, Format, Style};
use labwright::source::{Layer, SourceFile, Sources};
use labwright::syntax::{Document, Entry, Node, Scalar};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::{oracle, parse};

/// Pieces of KDL, the awkward ones included. Any sequence of them is a text to try.
const PIECES: &[&str] = &[
    "a",
    "vm",
    "lan",
    "tru",
    "-",
    "+x",
    ".",
    "..",
    "é",
    "日本",
    "$",
    "*",
    "#true",
    "#false",
    "#null",
    "#inf",
    "#-inf",
    "#nan",
    "#yes",
    "#",
    "0",
    "7",
    "-12",
    "+3",
    "1_000",
    "0755",
    "1.10",
    "-2.5e+3",
    "1e5",
    "0xFf_",
    "0o17",
    "0b1_0",
    "1__2",
    "12345678901234567890",
    "3GiB",
    "0x",
    ".5",
    "1.",
    "true",
    "nan",
    "-inf",
    "192.168.1.1",
    "8096/tcp",
    "\"\"",
    "\"x y\"",
    "\"\\n\\\"\\u{1F600}\\s\"",
    "\"a\\   \n  b\"",
    "\"{\"",
    "\"//\"",
    "\"\\q\"",
    "\"",
    "#\"raw \\\"#",
    "##\"a\"#b\"##",
    "#\"\"#",
    "\"\"\"\n  one\n\n    two \\\n  three\n  \"\"\"",
    "#\"\"\"\n\tx\\\n\t\"\"\"#",
    "\"\"\"\n\"\"\"",
    "\"\"\"\n x\n  \"\"\"",
    "\"\"\"",
    "(size)",
    "( \"a b\" )",
    "(a",
    ")",
    "=",
    "x=1",
    "\"k k\"=(t)#true",
    "k = v",
    "{",
    "}",
    " {",
    "}\n",
    "{}",
    ";",
    "\n",
    "\n",
    "\n    ",
    "\r\n",
    "\u{2028}",
    "\u{85}",
    " ",
    " ",
    " ",
    " ",
    "\t",
    "\u{a0}",
    "\u{3000}",
    "\\\n",
    "\\ // c\n",
    "\\",
    "// c",
    "// c\n",
    "/* c */",
    "/* a /* b */ c **/",
    "/*",
    "*/",
    "/-",
    " /-",
    "/- ",
    "\n/-",
    "/-{",
    "/-\n",
    "[",
    "]",
    "'",
    ",",
    "\u{feff}",
    "\u{202e}",
    "\0",
    "kdl-version",
    "/- kdl-version 2\n",
];

fn soup() -> impl Strategy<Value = String> {
    vec(select(PIECES), 0..24).prop_map(|pieces| pieces.concat())
}

fn blank() -> impl Strategy<Value = &'static str> {
    select(&[" ", " ", " ", "  ", "\t", " /* c */ ", " \\\n    ", " \\ // c\n", "\u{a0}"][..])
}

fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-z][a-z0-9._-]{0,8}".prop_filter("a keyword", |word| !["true", "false", "null",
        "inf", "nan"].contains(&word.as_str())),
        1 => "[-+.*<>,:@~!?|^&%][a-z]{0,3}",
        1 => string(),
    ]
}

fn string() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "\"[ -!#-\\[\\]-~é日]{0,12}\"",
        1 => "\"([a-z ]|\\\\n|\\\\\\\\|\\\\\"|\\\\u\\{[0-9a-c]{1,4}\\}|\\\\ \n ){0,6}\"",
        1 => "#\"[ -!$-~é]{0,8}\"#",
        1 => "\"\"\"\n(    [a-z ]{0,9}\n|\n| \n){0,4}    \"\"\"",
    ]
}

fn scalar() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => word(),
        3 => string(),
        2 => "[+-]?[0-9][0-9_]{0,6}",
        1 => "[+-]?[0-9]{1,5}\\.[0-9]{1,4}([eE][+-]?[0-9]{1,2})?",
        1 => "[+-]?0x[0-9a-fA-F][0-9a-fA-F_]{0,6}|0o[0-7]{1,4}|0b[01]{1,8}",
        1 => select(&["#true", "#false", "#null", "#inf", "#-inf",
        "#nan"][..]).prop_map(str::to_owned),
    ]
}

fn entry() -> impl Strategy<Value = String> {
    let annotation =
        prop_oneof![4 => Just(String::new()), 1 => word().prop_map(|word| format!("({word})"))];
    let name =
        prop_oneof![2 => Just(String::new()), 1 => word().prop_map(|word| format!("{word}="))];
    let discard = prop_oneof![8 => Just(""), 1 => Just("/-"), 1 => Just("/- ")];
    (blank(), discard, name, annotation, scalar()).prop_map(
        |(blank, discard, name, annotation, scalar)| {
            format!("{blank}{discard}{name}{annotation}{scalar}")
        },
    )
}

fn node() -> impl Strategy<Value = String> {
    let end = || select(&["\n", "\n", ";", " // c\n", "\r\n", "\n\n"][..]);
    let head = || {
        (
            prop_oneof![9 => Just(""), 1 => Just("/-"), 1 => Just("(force)")],
            word(),
            vec(entry(), 0..4),
        )
            .prop_map(|(mark, name, entries)| format!("{mark}{name}{}", entries.concat()))
    };
    let leaf = (head(), end()).prop_map(|(head, end)| head + end).boxed();
    leaf.prop_recursive(3, 16, 4, move |inner| {
        (
            head(),
            select(&[" {", "{", " {\n", " /-{ x; } {\n"][..]),
            vec(inner, 0..4),
            select(&["}", "  }", "} /-{ y }"][..]),
            end(),
        )
            .prop_map(|(head, open, nodes, close, end)| {
                format!("{head}{open}{}{close}{end}", nodes.concat())
            })
    })
}

fn document() -> impl Strategy<Value = String> {
    (
        prop_oneof![4 => Just(""), 1 => Just("\u{feff}"), 1 => Just("/- kdl-version 2\n")],
        vec(node(), 0..5),
    )
        .prop_map(|(start, nodes)| format!("{start}{}", nodes.concat()))
}

fn mutated() -> impl Strategy<Value = String> {
    (
        document(),
        vec(
            (
                any::<prop::sample::Index>(),
                0..6_usize,
                prop_oneof![1 => Just(""), 2 => select(PIECES)],
            ),
            1..3,
        ),
    )
        .prop_map(|(mut text, changes)| {
            for (index, length, piece) in changes {
                let places: Vec<usize> =
                    text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
                let start = index.index(places.len());
                let end = (start + length).min(places.len() - 1);
                text.replace_range(places[start]..places[end], piece);
            }
            text
        })
}

/// Asserts that the crate accepts what the reader accepts, as the same tree.
fn agrees(text: &str) -> Result<(), TestCaseError> {
    let Ok(ours) = parse(text) else { return Ok(()) };
    if oracle::can_judge(text) {
        let theirs = oracle::parse(text);
        if theirs.is_none() && text.contains("/-") && text.contains(';') {
            // The crate refuses a `;` after a node that `/-` discards, which the specification
            // allows.
            return Ok(());
        }
        prop_assert!(theirs.is_some(), "only the reader accepts {text:?}");
        // They are compared as text, in which a NaN equals itself.
        prop_assert_eq!(format!("{:#?}", Some(&ours)), format!("{:#?}", theirs.as_ref()));
    }
    for node in &ours.nodes {
        spans_hold(text, node)?;
    }
    Ok(())
}

/// Asserts that the text of every span, read alone, gives the value that the span belongs to.
fn spans_hold(text: &str, node: &Node<'_>) -> Result<(), TestCaseError> {
    let entries =
        node.arguments.iter().chain(node.properties.iter().map(|property| &property.entry));
    for Entry { annotation, value } in entries {
        alone(text, &text[value.span.start as usize..value.span.end as usize], &value.value)?;
        if let Some(word) = annotation {
            alone(
                text,
                &text[word.span.start as usize..word.span.end as usize],
                &Scalar::Text(word.value.clone()),
            )?;
        }
    }
    for word in node
        .properties
        .iter()
        .map(|property| &property.name)
        .chain([&node.name])
        .chain(&node.annotation)
    {
        alone(
            text,
            &text[word.span.start as usize..word.span.end as usize],
            &Scalar::Text(word.value.clone()),
        )?;
    }
    let alone = &text[node.span.start as usize..node.span.end as usize];
    let again = parse(alone).ok().and_then(|document| {
        document.nodes.into_iter().next().map(|node| (node.arguments.len(), node.properties.len()))
    });
    prop_assert_eq!(
        again,
        Some((node.arguments.len(), node.properties.len())),
        "the node's span in {:?}",
        text
    );
    node.children.iter().try_for_each(|child| spans_hold(text, child))
}

fn alone(text: &str, written: &str, value: &Scalar<'_>) -> Result<(), TestCaseError> {
    let source = format!("n {written}");
    let found = parse(&source)
        .ok()
        .and_then(|document| document.nodes.into_iter().next()?.arguments.into_iter().next());
    prop_assert_eq!(
        format!("{:?}", found.map(|entry| entry.value.value)),
        format!("{:?}", Some(value)),
        "{:?} in {:?}",
        written,
        text
    );
    Ok(())
}

/// Returns whether the reader may refuse what KDL allows: words that KDL reads differently from
/// what their writer can have meant, invisible marks, and errors of the crate.
fn may_refuse(text: &str) -> bool {
    let slips = [
        "://", "'", "${", "{{", "\u{202e}", "\u{feff}", "\0", "/-", "-inf", "#\"\"\"", "0X", "0B",
        "0O",
    ];
    slips.iter().any(|slip| text.contains(slip))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None,
    ..ProptestConfig::default() })]

    #[test]
    fn well_formed_documents_are_read(text in document()) {
        if let Err(found) = parse(&text) {
            let messages: Vec<_> = found.iter().map(|found| (&found.message, found.span)).collect();
            prop_assert!(false, "refused {text:?}: {messages:?}");
        }
        agrees(&text)?;
    }

    #[test]
    fn what_is_read_of_changed_documents_is_kdl(text in mutated()) {
        agrees(&text)?;
    }

    #[test]
    fn what_is_read_of_pieces_is_kdl(text in soup()) {
        agrees(&text)?;
    }

    #[test]
    fn what_the_crate_reads_is_read(text in mutated()) {
        if !may_refuse(&text) && oracle::can_judge(&text) && oracle::parse(&text).is_some() {
            prop_assert!(parse(&text).is_ok(), "refused {text:?}");
        }
    }

    #[test]
    fn the_errors_of_any_pieces_can_be_shown(text in soup()) {
        if let Err(mut found) = parse(&text) {
            found.finish();
            let file = SourceFile { path: "lab.kdl".to_owned(), text, layer: Layer::Lab };
            let sources = Sources::new(vec![file]);
            for format in [Format::Text, Format::Json, Format::Sarif, Format::Github] {
                prop_assert!(!diag::render(&found, &sources, format, Style::default()).is_empty());
            }
        }
    }

    #[test]
    fn any_text_gives_a_document_or_errors(text in any::<String>()) {
        if let Err(found) = parse(&text) {
            prop_assert!(found.has_errors());
        }
    }
}

#[test]
fn an_empty_text_is_an_empty_document() {
    assert_eq!(parse("").ok(), Some(Document::default()));
}
