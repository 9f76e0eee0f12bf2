//! Types a password at every place of the language's tables, and asks every format of findings:
//! none repeats it.

use labwright::compile;
use labwright::decl::schema::NodeSchema;
use labwright::decl::types::Type;
use labwright::diag::{Diagnostics, Format, Style, render};
use labwright::source::{FileId, Sources, Span};
use labwright::syntax;
use rayon::prelude::*;

use super::tables::{Place, head, lab, places};

/// A password that a program made. Its shape gives it away, so it is shown nowhere.
const MADE: &str = "hunter2-Xk29vQ7pLm4Z";

/// A password that somebody thought of, with a sign that is in no name.
const WITH_SIGN: &str = "hunter2-Sommer!";

/// A password that somebody thought of. It is not shown where a secret belongs.
const THOUGHT_OF: &str = "Hunter2!";

/// Writes a node with a text in each place: in place of every value, name and annotation, beside
/// them, and below.
fn written(node: &NodeSchema, text: &str) -> Vec<String> {
    let head = head(node);
    let quoted = format!("\"{text}\"");
    let mut all = vec![
        format!("{head} {quoted}"),
        format!("{head} {text}=1"),
        format!("{head} x={quoted}"),
        format!("{head} {{ {text}; }}"),
        format!("{head} {{ x {quoted}; }}"),
        format!("{head} {{ {text} \"x\" {{ y; }}; }}"),
        format!("({text}){head}"),
        format!("{head}; {text} \"x\""),
        format!("{head}; x {quoted}"),
        format!("{head} /* {text} */ \u{202e}"),
        format!("{head} \"{text}"),
    ];
    let mut ignored = Diagnostics::default();
    let document = syntax::parse(&head, FileId(0), &mut ignored).expect("an example");
    let node = document.nodes.first().expect("a node");
    let mut put = |span: Span, new: String| {
        let mut line = head.clone();
        line.replace_range(span.start as usize..span.end as usize, &new);
        all.push(line);
    };
    for entry in node.arguments.iter().chain(node.properties.iter().map(|own| &own.entry)) {
        put(entry.value.span, quoted.clone());
        put(entry.value.span, text.to_owned());
        put(entry.value.span, format!("(secret){quoted}"));
        put(entry.value.span, format!("({text})\"x\""));
    }
    for property in &node.properties {
        put(property.name.span, text.to_owned());
    }
    put(node.name.span, text.to_owned());
    all
}

/// Writes a node with a text where a secret belongs to it, and next to that.
fn beside(node: &NodeSchema, text: &str) -> Vec<String> {
    let head = head(node);
    let quoted = format!("\"{text}\"");
    let values = [
        quoted.clone(),
        text.to_owned(),
        format!("(secret){quoted}"),
        format!("({text})\"x\""),
        format!("\"a\\\"b\\n{text}\""),
    ];
    let mut all = Vec::new();
    for property in node.properties.iter().filter(|field| field.ty == Type::Secret) {
        all.extend(values.iter().map(|value| format!("{head} {}={value}", property.name)));
    }
    let first = node.arguments.first().or(node.rest.as_ref());
    if node.name == "secret" || first.is_some_and(|field| field.ty == Type::Secret) {
        let name = node.name;
        all.extend(values.iter().map(|value| format!("{name} {value}")));
        all.extend(values.iter().map(|value| format!("{head} {value}")));
        all.extend(values.iter().map(|value| format!("{head} x={value}")));
        all.push(format!("{head} {text}=1"));
        all.push(format!("{head} {{ {text}; }}"));
        all.push(format!("{head} {{ x {quoted}; }}"));
        all.push(format!("{head} {{ doc {quoted} 1; }}"));
        all.push(format!("{head} {{\n{text} \"x\"\n}}"));
    }
    for variable in node.properties.iter().filter(|field| field.ty == Type::Variable) {
        all.push(format!("{head} {}={quoted}", variable.name));
        all.push(format!("{head} {}=(secret){quoted}", variable.name));
    }
    all
}

/// Lists the labs in whose findings a text is.
fn shown(tries: &[(Place, String)], secret: &str) -> Vec<String> {
    let shows = |(place, line): &(Place, String)| {
        let sources = Sources::with_standard_library(lab(place, line));
        let found = compile::check(&sources).0;
        let formats = [Format::Text, Format::Json, Format::Sarif, Format::Github];
        let told = formats.map(|format| render(&found, &sources, format, Style::default()));
        let told = told.iter().find(|told| told.contains(secret))?;
        let line_of = told.lines().find(|line| line.contains(secret)).unwrap_or_default();
        Some(format!("{}: {line}\n    {line_of}", place.name()))
    };
    tries.par_iter().filter_map(shows).collect()
}

fn tries(write: impl Fn(&NodeSchema) -> Vec<String>) -> Vec<(Place, String)> {
    let each = |place: Place| {
        let lines = write(place.node).into_iter();
        lines.map(move |line| (place.clone(), line)).collect::<Vec<_>>()
    };
    nodes().into_iter().flat_map(each).collect()
}

/// Lists every node once, in the first place where it may stand.
fn nodes() -> Vec<Place> {
    let mut seen: Vec<&NodeSchema> = Vec::new();
    let mut places = places();
    places.retain(|place| {
        let is_new = !seen.iter().any(|node| std::ptr::eq(*node, place.node));
        seen.extend(is_new.then_some(place.node));
        is_new
    });
    places
}

#[test]
fn a_password_that_a_program_made_is_repeated_nowhere() {
    // Every third try: each node and each kind of mistake is among them.
    let tries: Vec<_> = tries(|node| written(node, MADE)).into_iter().step_by(3).collect();
    let shown = shown(&tries, "Xk29vQ7pLm4Z");
    assert!(shown.is_empty(), "{} are shown:\n{}", shown.len(), shown.join("\n"));
}

#[test]
fn a_password_with_a_sign_that_no_name_has_is_repeated_nowhere() {
    let tries: Vec<_> = tries(|node| written(node, WITH_SIGN)).into_iter().step_by(3).collect();
    let shown = shown(&tries, "Sommer");
    assert!(shown.is_empty(), "{} are shown:\n{}", shown.len(), shown.join("\n"));
}

#[test]
fn a_password_that_somebody_thought_of_is_not_repeated_where_a_secret_belongs() {
    let tries = tries(|node| beside(node, THOUGHT_OF));
    assert!(tries.len() > 50, "{}", tries.len());
    let shown = shown(&tries, "Hunter2");
    assert!(shown.is_empty(), "{} are shown:\n{}", shown.len(), shown.join("\n"));
}

/// Writes a node that takes a secret in forms that are wrong, of words that are no secrets.
fn misshapen(node: &NodeSchema) -> Vec<String> {
    let (head, name) = (head(node), node.name);
    let mut all = vec![
        name.to_owned(),
        format!("{name} user=me password=(secret)pw"),
        format!("{name} me (secret)pw"),
        format!("{name} {{ user me; }}"),
        format!("{name} {{ {name}; }}"),
        format!("{head} user=me"),
        format!("{head} (secret)pw"),
        format!("{head} {head}"),
        format!("({name}){head}"),
    ];
    let properties = || node.properties.iter().map(|field| field.name);
    all.extend(properties().map(|field| format!("{name} {field}=#true")));
    all.extend(properties().map(|field| format!("{name} {field}=(x)pw {field}=pw")));
    all
}

#[test]
fn the_words_of_the_language_are_shown_where_a_secret_belongs() {
    let takes_secret = |place: &Place| {
        let node = place.node;
        let mut fields = node.arguments.iter().chain(&node.rest).chain(node.properties);
        fields.any(|field| field.ty == Type::Secret || field.secrets)
    };
    let mut wrong = Vec::new();
    let mut tried = 0;
    for place in nodes().into_iter().filter(takes_secret) {
        for line in misshapen(place.node) {
            let mut files = lab(&place, &line);
            // What a route says is only looked at if there is its proxy.
            for file in files.iter_mut().filter(|file| file.text.contains("via=npm")) {
                file.text = file.text.replace("via=npm", "via=caddy") + "service caddy on=box\n";
            }
            let sources = Sources::with_standard_library(files);
            let found = compile::check(&sources).0;
            let told = render(&found, &sources, Format::Text, Style::default());
            let name = place.node.name;
            tried += 1;
            // What is hidden keeps its length, so the name of the node is where it was written.
            let hidden = "*".repeat(name.chars().count());
            let at = line.find(name).unwrap_or_default();
            let starts = |shown: &str| {
                let shown = shown.split_once("| ").map_or("", |(_, shown)| shown);
                shown.get(at..).is_some_and(|rest| rest.starts_with(&hidden))
            };
            let quoted = told.contains("`***` ") || told.contains("`***`\n");
            let undeclared = found.iter().any(|found| {
                let words = found.span.map(|span| sources.text(span)).unwrap_or_default();
                found.code.name == "undeclared-secret" && words == name
            });
            if quoted || undeclared || told.lines().any(starts) {
                wrong.push(format!("{}: {line}\n{told}", place.name()));
            }
        }
    }
    assert!(tried > 100, "{tried}");
    assert!(wrong.is_empty(), "{} of {tried}:\n{}", wrong.len(), wrong.join("\n"));
}
