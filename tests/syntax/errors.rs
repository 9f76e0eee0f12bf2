//! Checks the errors about text that is not KDL.

use labwright::diag::Diagnostics;
use labwright::syntax::LARGEST;

use super::parse;

fn refused(text: &str) -> Diagnostics {
    let Err(mut found) = parse(text) else { panic!("accepted {text:?}") };
    found.finish();
    found
}

/// Lists `line:text-at-the-place: message [help]` of every error.
fn errors(text: &str) -> Vec<String> {
    refused(text)
        .iter()
        .map(|found| {
            let span = found.span.unwrap();
            let (start, end) = (span.start as usize, span.end as usize);
            let line = text[..start].matches('\n').count() + 1;
            format!(
                "{line}:{}: {} [{}]",
                &text[start..end],
                found.message,
                found.help.as_deref().unwrap_or_default()
            )
        })
        .collect()
}

#[track_caller]
fn only(text: &str, expected: &str) {
    assert_eq!(errors(text), [expected]);
}

#[test]
fn text_without_quotes_is_named_for_what_it_is() {
    only(
        "address lan 192.168.1.1",
        "1:192.168.1.1: the address `192.168.1.1` has no quotes [write `\"192.168.1.1\"`]",
    );
    only(
        "network lan cidr=192.168.1.0/24",
        "1:192.168.1.0/24: the network `192.168.1.0/24` has no quotes [write `\"192.168.1.0/24\"`]",
    );
    only(
        "network lan cidr=fd00::/64",
        "1:fd00::/64: the network `fd00::/64` has no quotes [write `\"fd00::/64\"`]",
    );
    only("memory (size)30GiB", "1:30GiB: the size `30GiB` has no quotes [write `\"30GiB\"`]");
    only("keep 30d", "1:30d: the duration `30d` has no quotes [write `\"30d\"`]");
    only(
        "expose 8096/tcp",
        "1:8096/tcp: `8096/tcp` has a protocol in it [leave `/tcp` out: a port is a number alone]",
    );
    only(
        "expose web/tcp",
        "1:web/tcp: `web/tcp` has a protocol in it [write `web`: the protocol is no part of a \
         name]",
    );
    only("library a/udp/b", "1:a/udp/b: the path `a/udp/b` has no quotes [write `\"a/udp/b\"`]");
    only(
        "mount /mnt/media",
        "1:/mnt/media: the path `/mnt/media` has no quotes [write `\"/mnt/media\"`]",
    );
    only(
        "homepage https://x.org/a",
        "1:https://x.org/a: the URL `https://x.org/a` has no quotes [write `\"https://x.org/a\"`]",
    );
    only(
        "version 2025.11.3",
        "1:2025.11.3: the version `2025.11.3` has no quotes [write `\"2025.11.3\"`]",
    );
    only("at 12:30", "1:12:30: the text `12:30` has no quotes [write `\"12:30\"`]");
    only("path C:\\data", "1:C:\\data: the text `C:\\data` has no quotes [write `#\"C:\\data\"#`]");
}

#[test]
fn an_interpolation_needs_quotes() {
    only(
        "a ${b}",
        "1:${b}: `${b}` opens a child block, since it has no quotes [write `\"${b}\"`; labwright \
         passes it on as it is]",
    );
    only(
        "a x${b}y",
        "1:x${b}y: `x${b}y` opens a child block, since it has no quotes [write `\"x${b}y\"`; \
         labwright passes it on as it is]",
    );
    only(
        "a {{ b }}",
        "1:{{ b }}: `{{ b }}` opens a child block, since it has no quotes [write `\"{{ b }}\"`; \
         labwright passes it on as it is]",
    );
}

#[test]
fn keywords_need_their_hash() {
    only(
        "a true",
        "1:true: the bare word `true` is not allowed: KDL 2 writes it with a `#` [write `#true`, \
         or `\"true\"` for the text]",
    );
    only(
        "a b=false",
        "1:false: the bare word `false` is not allowed: KDL 2 writes it with a `#` [write \
         `#false`, or `\"false\"` for the text]",
    );
    only(
        "a #yes",
        "1:#yes: KDL has no keyword `#yes` [the keywords are `#true`, `#false`, `#null`, `#inf`, \
         `#-inf`, `#nan`; write text as `\"#yes\"`]",
    );
    only("# note {\na", "1:#: `#` does not begin a comment in KDL [write `//` before a comment]");
}

#[test]
fn every_error_of_a_file_is_found() {
    let text = "vm web {\n  address 10.0.0.1 10.0.0.2\n  on true\n  memory 4GiB\n}\nhost pve {\n  \
                domain = \"x\"\n}\n";
    let places: Vec<_> =
        errors(text).into_iter().map(|error| error.chars().take(12).collect::<String>()).collect();
    assert_eq!(
        places,
        ["2:10.0.0.1: ", "2:10.0.0.2: ", "3:true: the ", "4:4GiB: the ", "7:=: the val"]
    );
}

#[test]
fn a_missing_brace_is_shown_where_the_block_begins() {
    only(
        "vm web {\n  cores 2\n",
        "1:{: this `{` is not closed [close it with a `}` where the block ends]",
    );
    only(
        "vm web {\n    disk {\n        size 1\n}\nvm b {\n}\n",
        "2:{: this `{` is not closed [close it with a `}` where the block ends]",
    );
    only(
        "a\n}\nb",
        "2:}: this `}` closes nothing [look above for a `{` that is missing or a block that was \
         closed too early, or delete it]",
    );
}

#[test]
fn a_missing_quote_is_shown_where_the_string_begins() {
    let help = "close it on the same line; text of several lines begins and ends with `\"\"\"`";
    only("vm \"web {\n  cores 2\n}\n", &format!("1:\": this string is not closed [{help}]"));
    only("a \"x\nb \"y\"\n", &format!("1:\": this string is not closed [{help}]"));
    only(
        "a \"\"\"\n x\nb",
        "1:\"\"\": this string is not closed [write `\"\"\"` (and as many `#` as at its \
         beginning) on a line of its own after the text]",
    );
}

#[test]
fn deep_nesting_is_one_error_at_its_line() {
    let help = "look for a `}` that is missing above";
    only(&"a {\n".repeat(5000), &format!("33:{{: blocks are nested deeper than 32 [{help}]"));
    only(&"a /-{\n".repeat(5000), &format!("33:{{: blocks are nested deeper than 32 [{help}]"));
    let deepest = format!("{}{}", "a {\n".repeat(32), "}\n".repeat(32));
    assert!(parse(&deepest).is_ok());
}

#[test]
fn deep_comments_and_chains_are_no_trouble() {
    assert!(parse(&format!("{} x {}", "/*".repeat(100_000), "*/".repeat(100_000))).is_ok());
    assert_eq!(errors(&"/*".repeat(100_000)).len(), 1);
    assert!(!refused(&"}".repeat(100_000)).is_empty());
    assert!(!refused(&"(".repeat(100_000)).is_empty());
    assert!(!refused(&format!("a {}", "/-".repeat(100_000))).is_empty());
    assert!(!refused(&"\"".repeat(99_999)).is_empty());
    assert!(!refused(&"#\"".repeat(100_000)).is_empty());
    assert!(!refused(&"a \\ ".repeat(100_000)).is_empty());
}

#[test]
fn a_large_file_and_a_binary_are_one_line_each() {
    let large = " ".repeat(LARGEST + 1);
    only(
        &large,
        "1:: this file is larger than 16 MiB [move it out of the lab's folder, or rename it so \
         that it does not end in `.kdl`]",
    );
    let binary = format!("\u{7f}ELF{}", "\0\u{1}\u{fffd}".repeat(1000));
    assert_eq!(errors(&binary).len(), 1);
    only(
        "a b\u{202e}c",
        "1:\u{202e}: the file holds the character U+202E, which KDL allows nowhere [delete it; \
         inside a quoted string it can be written as `\\u{202e}`]",
    );
}

#[test]
fn a_flood_of_errors_ends() {
    let found = errors(&"a 1.1.1.1\n".repeat(10_000));
    assert_eq!(found.len(), 101);
    assert!(found[100].contains("too many syntax errors"), "{}", found[100]);
}

#[test]
fn every_kind_of_error_has_its_words() {
    let texts = [
        "a b\u{1}c",
        "mount /mnt/media",
        "domain 'x y'",
        "10.0.0.1 web",
        "a ${B}",
        "a true",
        "a #True",
        "a b # note",
        "a 170141183460469231731687303715884105728",
        "a \"b",
        "a #\"b",
        "a \"\"\"\nb",
        "a \"\\d\"",
        "a \"\\u{110000}\"",
        "a \"\"\"b\"\"\"",
        "a \"\"\"\n  b\"\"\"",
        "a \"\"\"\n b\n  \"\"\"",
        "/* a",
        "a {",
        "a }",
        "{ a }",
        "a {} {}",
        "a {} b",
        "a \"b\"c",
        "a = b",
        "a 1=2",
        "a b=",
        "a (b",
        "a ()b",
        "a (size)",
        "a b)",
        "a \\ b",
        "a [b]",
        "a;;",
        "a /-",
        "/-",
        "/- kdl-version 1",
        "a r#\"b\"#",
        "a (x/y)\"b\" 1.2.3",
        "a 'b",
    ];
    let mut shown = String::new();
    for text in texts {
        shown.extend(errors(text).into_iter().map(|error| format!("{text:?}\n    {error}\n")));
    }
    crate::snapshots::assert_snapshot("diagnostics", "syntax-errors", &shown);
}
