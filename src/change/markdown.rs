//! A comparison as Markdown for a pull request: the lines in full, the details folded, and never
//! more than a comment may hold.

use std::collections::{BTreeMap, BTreeSet};

use super::class::Class;
use super::compare::Comparison;
use super::lines;
use super::state::FileName;

/// How many bytes there are at the most; hosts of repositories refuse comments of 65,536.
pub const MOST: usize = 64_000;

/// How many bytes the sentence about what is left out takes at the most.
const ROOM: usize = 100;

/// How many bytes the lines may take; the rest is for the details.
const LINES: usize = 48_000;

/// How many things are named that may have another name.
const LIKELY: usize = 8;

/// Writes a comparison.
pub fn write(comparison: &Comparison) -> String {
    let mut out = format!("### What this change does to {}\n\n", escape(&comparison.is.lab));
    let lines = lines::lines(comparison);
    if lines.is_empty() {
        out.push_str(&format!("Nothing: {}.\n", lines::machines(comparison)));
        return out;
    }
    let mut class: Option<Class> = None;
    let mut left_out = 0;
    for line in &lines {
        let mut text = String::new();
        if class != Some(line.class) {
            text.push_str(&format!("\n**{}**\n\n", line.class.title()));
        }
        text.push_str(&format!("- {} ({})\n", escape(&line.text), escape(&line.because)));
        // The worst come first, so what is left out is never worse than what is shown.
        if left_out > 0 || out.len() + text.len() > LINES {
            left_out += 1;
            continue;
        }
        class = Some(line.class);
        out.push_str(&text);
    }
    if left_out > 0 {
        out.push_str(&format!("\n{left_out} more lines, none worse than these, are left out.\n"));
    }
    for one in comparison.likely.iter().take(LIKELY) {
        let (question, moved) = (escape(&one.question()), escape(&one.moved()));
        out.push_str(&format!("\nOnly another name? {question} <code>{moved}</code>.\n"));
    }
    let machines = lines::machines(comparison);
    out.push_str(&format!("\nIn all, {}.\n", escape(&machines)));
    details(comparison, &mut out);
    out
}

/// Adds the files that differ by what they come from, folded, as far as there is room.
fn details(comparison: &Comparison, out: &mut String) {
    const END: &str = "\n</details>\n";
    let mut causes: BTreeMap<String, BTreeSet<&FileName>> = BTreeMap::new();
    for entry in &comparison.entries {
        causes.entry(lines::because(entry)).or_default().extend(&entry.files);
    }
    causes.retain(|_, files| !files.is_empty());
    let count = causes.values().flatten().collect::<BTreeSet<_>>().len();
    if count == 0 {
        return;
    }
    let noun = if count == 1 { "file differs" } else { "files differ" };
    let mut text = format!("\n<details><summary>{count} {noun}</summary>\n\n");
    let mut left_out = 0;
    for (because, files) in causes {
        let files = files.iter().map(|(machine, path)| escape(&format!("{machine}/{path}")));
        let row = format!("- {}: {}\n", escape(&because), files.collect::<Vec<_>>().join(", "));
        if out.len() + text.len() + row.len() + END.len() + ROOM > MOST {
            left_out += 1;
        } else {
            text.push_str(&row);
        }
    }
    if left_out > 0 {
        text.push_str(&format!("\nThose of {left_out} more lines are left out.\n"));
    }
    text.push_str(END);
    out.push_str(&text);
}

/// Writes text so that Markdown and HTML see nothing in it but text, and nobody is mentioned.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in crate::diag::one_line(text).chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '@' => out.push_str("&#64;"),
            // `#12` and `!12` are links to issues.
            '#' => out.push_str("&#35;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '!' | '$' => {
                out.push('\\');
                out.push(character);
            }
            // `:tada:` would become an emoji, and `https:` a link.
            ':' => out.push_str("&#58;"),
            other => out.push(other),
        }
    }
    out
}
