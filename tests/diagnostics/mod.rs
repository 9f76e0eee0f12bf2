//! Checks how findings look to their readers.

mod cases;
mod codes;
mod concealed;
mod edits;
mod helps;
mod impossible;
pub mod mistakes;
mod pages;
mod refused;
mod units;
mod unworkable;

use std::fmt::Write as _;

use labwright::diag::{self, Code, Diagnostic, Diagnostics, Format, Severity, Style};
use labwright::source::{Layer, SourceFile, Sources, Span};
use labwright::syntax;

use crate::snapshots::assert_snapshot;

static CONFLICT: Code = Code {
    name: "port-conflict",
    severity: Severity::Error,
    summary: "two ports collide",
    explain: "Why.",
};
static RETIRED: Code = Code {
    name: "image-retired",
    severity: Severity::Warning,
    summary: "an image is retired",
    explain: "Why.",
};
static NEWER: Code = Code {
    name: "newer-way",
    severity: Severity::Advice,
    summary: "there is a better way",
    explain: "Why.",
};

const LAB: &str = "lab home version=\"1\"

service grafana on=pi {
    port 3001
}

// a long way between the two places


// a very long way




service uptime-kuma on=pi {
    port 3001
    image \"readarr\"
}
";

/// Makes sources of one file of a lab, one of a site module and one of the standard library.
fn sources(lab: &str) -> Sources {
    let file = |path: &str, layer, text: &str| SourceFile {
        path: path.to_owned(),
        text: text.to_owned(),
        layer,
    };
    Sources::new(vec![
        file("lab.kdl", Layer::Lab, lab),
        file("modules/own/module.kdl", Layer::Site, "module own {\n    provides web port=80\n}\n"),
        file(
            "jellyfin/module.kdl",
            Layer::Builtin,
            "module jellyfin {\n    provides web port=8096\n}\n",
        ),
    ])
}

/// Returns the `number`th place of `written` in a file.
fn span(sources: &Sources, layer: Layer, path: &str, written: &str, number: usize) -> Span {
    let file = sources.find(layer, path).expect("the file");
    let (start, _) = sources.file(file).text.match_indices(written).nth(number).expect("the text");
    Span::new(file, u32::try_from(start).unwrap(), u32::try_from(start + written.len()).unwrap())
}

/// Makes one finding of each kind that the renderers tell apart.
fn findings(sources: &Sources) -> Diagnostics {
    let lab = |written, number| span(sources, Layer::Lab, "lab.kdl", written, number);
    let mut found = Diagnostics::default();
    found.push(
        Diagnostic::new(
            &CONFLICT,
            lab("3001", 0),
            "`grafana` and `uptime-kuma` both publish port 3001 of `pi`, and only one of them can \
             have it",
        )
        .caption("the first")
        .label(lab("3001", 1), "the second")
        .label(
            span(sources, Layer::Builtin, "jellyfin/module.kdl", "8096", 0),
            "this one is free to move",
        )
        .label(span(sources, Layer::Site, "modules/own/module.kdl", "80", 0), "100% free, too")
        .help(
            "write `port 3002` in one of them; the route and the scrape target follow by \
             themselves, on both machines",
        ),
    );
    found.push(Diagnostic::new(
        &RETIRED,
        lab("\"readarr\"", 0),
        "the image `readarr` is retired, and nothing came after it",
    ));
    found.push(Diagnostic::lab(&NEWER, "the lab has no `admin`").help("write `admin NAME`"));
    found.finish();
    found
}

fn render(format: Format, style: Style<'_>) -> String {
    let sources = sources(LAB);
    diag::render(&findings(&sources), &sources, format, style)
}

#[test]
fn text() {
    assert_snapshot("diagnostics", "text", &render(Format::Text, Style::default()));
}

#[test]
fn text_is_coloured_when_asked() {
    let coloured = render(Format::Text, Style { color: true, ..Style::default() });
    assert!(coloured.contains("\u{1b}[1m\u{1b}[91merror[port-conflict]"), "{coloured:?}");
    let mut plain = String::new();
    for (number, piece) in coloured.split('\u{1b}').enumerate() {
        plain.push_str(if number == 0 {
            piece
        } else {
            piece.split_once('m').unwrap_or_default().1
        });
    }
    assert_eq!(plain, render(Format::Text, Style::default()));
}

#[test]
fn text_keeps_to_its_width() {
    for width in [60, 80, 120] {
        let text = render(Format::Text, Style { width, ..Style::default() });
        let widest = text.lines().map(|line| line.chars().count()).max();
        assert!(widest <= Some(width), "{widest:?} > {width}:\n{text}");
    }
}

#[test]
fn json() {
    assert_snapshot(
        "diagnostics",
        "json",
        &render(Format::Json, Style { prefix: "modules/labs/x", ..Style::default() }),
    );
}

#[test]
fn github() {
    assert_snapshot(
        "diagnostics",
        "github",
        &render(Format::Github, Style { prefix: "modules/labs/x/", ..Style::default() }),
    );
}

#[test]
fn sarif() {
    let mut log: serde_json::Value =
        serde_json::from_str(&render(Format::Sarif, Style::default())).expect("JSON");
    let rules = log["runs"][0]["tool"]["driver"]["rules"].take();
    for result in log["runs"][0]["results"].as_array_mut().expect("results") {
        // The index changes with every new code, but the code that it points at doesn't.
        let index =
            usize::try_from(result["ruleIndex"].take().as_u64().expect("an index")).unwrap();
        assert_eq!(rules[index]["id"], result["ruleId"]);
    }
    log["runs"][0]["tool"]["driver"]["version"].take();
    assert_snapshot("diagnostics", "sarif", &serde_json::to_string_pretty(&log).expect("JSON"));
}

#[test]
fn the_syntax_errors_of_a_file_are_shown_together() {
    let lab = "network lan cidr=192.168.1.0/24\nvm web {\n    memory 4GiB swap=true\n    motd \
               \"welcome\n    disk root {\n        size \"20GiB\"\n}\nhost ${NAME}\n";
    let sources = sources(lab);
    let file = sources.find(Layer::Lab, "lab.kdl").expect("the file");
    let mut found = Diagnostics::default();
    assert!(syntax::parse(lab, file, &mut found).is_none());
    found.finish();
    let text = diag::render(&found, &sources, Format::Text, Style::default());
    assert_snapshot("diagnostics", "syntax", &format!("{text}{}\n", diag::summary(&found)));
}

#[test]
fn hostile_text_does_not_reach_the_terminal() {
    let hostile =
        "\u{1b}]0;owned\u{7}\u{1b}[2J\u{9b}31m\u{202e}\u{2066}\u{feff}\r\u{8}\u{e0041}\u{200b}";
    let lab = format!("a \"{hostile}\" b\n");
    let sources = sources(&lab);
    let place = span(&sources, Layer::Lab, "lab.kdl", "b", 0);
    let mut found = Diagnostics::default();
    found.push(
        Diagnostic::new(&CONFLICT, place, format!("bad {hostile}"))
            .caption(hostile)
            .label(place, hostile)
            .help(hostile),
    );
    found.push(Diagnostic::lab(&CONFLICT, hostile).help(format!("one\n{hostile}")));
    for format in [Format::Text, Format::Json, Format::Sarif, Format::Github] {
        let text = diag::render(&found, &sources, format, Style::default());
        let raw: Vec<char> = text
            .chars()
            .filter(|character| {
                *character != '\n' && hostile.contains(*character) && !character.is_ascii_graphic()
            })
            .collect();
        assert_eq!(raw, [], "{format:?}: {text:?}");
    }
    let json = diag::render(&found, &sources, Format::Json, Style::default());
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json[0]["message"], format!("bad {hostile}"), "a program gets the text as it is");
}

#[test]
fn commands_for_github_stay_one_line_each() {
    let sources = sources("a\n");
    let mut found = Diagnostics::default();
    found.push(Diagnostic::lab(&CONFLICT, "100%\r\n::error::x").help("a, b: c"));
    let text = diag::render(&found, &sources, Format::Github, Style::default());
    assert_eq!(text, "::error title=port-conflict::100%25%0A%0A::error::x%0Ahelp: a, b: c\n");
}

#[test]
fn any_place_can_be_shown() {
    let texts = ["", "é", "a\r\nb\r\n", "\t\u{9b}日本\n\n", "x"];
    for text in texts {
        let sources = sources(text);
        let file = sources.find(Layer::Lab, "lab.kdl").expect("the file");
        for start in 0..=9 {
            for end in [0, start, start + 1, 100] {
                let mut found = Diagnostics::default();
                found.push(
                    Diagnostic::new(&CONFLICT, Span::new(file, start, end), "here")
                        .label(Span::new(file, end, start), "there"),
                );
                for format in [Format::Text, Format::Json, Format::Sarif, Format::Github] {
                    assert!(!diag::render(&found, &sources, format, Style::default()).is_empty());
                }
            }
        }
    }
}

#[test]
fn of_many_findings_in_a_long_file_or_a_long_line_the_rest_is_counted() {
    let mut lines = String::new();
    for number in 0..20_000 {
        let _ = writeln!(lines, "node{number} \"value\"");
    }
    for lab in [lines.clone(), lines.replace('\n', ";")] {
        let sources = sources(&lab);
        let file = sources.find(Layer::Lab, "lab.kdl").expect("the file");
        let mut found = Diagnostics::default();
        for number in 0..2_000_u32 {
            found.push(Diagnostic::new(
                &CONFLICT,
                Span::new(file, number * 190, number * 190 + 5),
                "old",
            ));
        }
        let text = diag::render(&found, &sources, Format::Text, Style::default());
        assert_eq!(text.matches("error[port-conflict]: old").count(), 200);
        let rest = text.split_once("1800 more findings are not shown").expect("how many are left");
        assert!(rest.1.contains("1800 of `port-conflict`"), "{}", rest.1);
        assert!(text.len() < 200_000, "{}", text.len());
        // A program gets them all.
        let json = diag::render(&found, &sources, Format::Json, Style::default());
        assert_eq!(json.matches("\"message\": \"old\"").count(), 2_000);
        let mut few = Diagnostics::default();
        for one in found.iter().take(200) {
            few.push(one.clone());
        }
        let text = diag::render(&few, &sources, Format::Text, Style::default());
        assert_eq!(text.matches("error[port-conflict]: old").count(), 200);
        assert!(!text.contains("not shown"), "{text}");
    }
}

#[test]
fn a_quoted_text_that_is_far_too_long_loses_its_middle() {
    let long = format!("begin{}end", "é".repeat(3_000_000));
    let sources = Sources::with_standard_library(vec![SourceFile {
        path: "lab.kdl".to_owned(),
        text: format!(
            "edition 1\nlab home version=\"1\"\n\"{long}\" 1\nnetwork \"{long}\" \
             cidr=\"10.0.0.0/8\"\n"
        ),
        layer: Layer::Lab,
    }]);
    let found = labwright::compile::analyze(&sources).check(&sources).diagnostics;
    assert!(found.count(Severity::Error) >= 2, "{found:?}");
    for format in [Format::Text, Format::Json, Format::Sarif, Format::Github] {
        let text = diag::render(&found, &sources, format, Style::default());
        // SARIF describes every code that exists.
        assert!(text.len() < 200_000, "{} bytes", text.len());
        assert!(text.contains("`begin") && text.contains('…') && text.contains("end`"), "{text}");
    }
}

#[test]
fn findings_are_counted_in_words() {
    let count = |codes: &[&'static Code]| {
        let mut found = Diagnostics::default();
        for code in codes {
            found.push(Diagnostic::lab(code, "x"));
        }
        diag::summary(&found)
    };
    assert_eq!(count(&[]), "no findings");
    assert_eq!(count(&[&CONFLICT]), "1 error");
    assert_eq!(
        count(&[&RETIRED, &CONFLICT, &RETIRED, &CONFLICT, &RETIRED]),
        "2 errors, 3 warnings"
    );
    assert_eq!(count(&[&NEWER, &RETIRED]), "1 warning, 1 piece of advice");
}
