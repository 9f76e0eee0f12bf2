//! A comparison as text for a terminal.

use super::compare::Comparison;
use super::lines::{self, Line};
use crate::diag::wrap;

/// How text is written.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    /// How many columns a line may take.
    pub width: usize,
    /// Whether classes are coloured.
    pub color: bool,
    /// Whether every effect of a small edit is listed.
    pub all: bool,
}

/// The column that what an entry says begins in.
const INDENT: usize = 13;

/// How many rows of 80 columns the change of one thing takes at the most.
const OF_ONE_EDIT: usize = 5;

/// Writes a comparison: one line for each entry, worst first, and one about the machines.
pub fn write(comparison: &Comparison, look: Look) -> String {
    let lines = if look.all { lines::all(comparison) } else { lines::lines(comparison) };
    let whole = rows(comparison, &lines, None, look);
    if look.all || !lines::is_one(comparison) || whole.lines().count() <= OF_ONE_EDIT {
        return whole;
    }
    let mut lines = lines::worst(comparison);
    let mut out = rows(comparison, &lines, None, look);
    let mut hidden: Vec<Line> = Vec::new();
    // The worst of all stays, however long it is.
    while out.lines().count() > OF_ONE_EDIT && lines.len() > 1 {
        hidden.extend(lines.pop());
        out = rows(comparison, &lines, Some(&also(&hidden)), look);
    }
    out
}

/// Names the classes that there is no room for.
fn also(hidden: &[Line]) -> String {
    let tags: Vec<&str> = hidden.iter().rev().map(|line| line.class.tag()).collect();
    let count: usize = hidden.iter().map(|line| line.entries).sum();
    format!("{count} more in {}; `--all` lists them", tags.join(", "))
}

fn rows(comparison: &Comparison, lines: &[Line], also: Option<&str>, look: Look) -> String {
    let common = common(lines);
    let mut out = String::new();
    let mut write = |tag: &str, colored: &str, text: &str| {
        // `Console::detect` gives no width below 40, so the subtraction can't underflow.
        for (number, row) in wrap(text, look.width - INDENT, "").lines().enumerate() {
            // The escapes of a colour take no columns, so the plain tag is measured.
            let blank = " ".repeat(INDENT - if number == 0 { tag.len() } else { 0 });
            let tag = if number == 0 { colored } else { "" };
            out.push_str(&format!("{tag}{blank}{row}\n"));
        }
    };
    for line in lines {
        let because = if common.is_some() { String::new() } else { format!(" ({})", line.because) };
        let tag = line.class.tag();
        let colored = if look.color { paint(line, tag) } else { tag.to_owned() };
        write(tag, &colored, &format!("{}{because}", line.text));
    }
    if let Some(also) = also {
        write("also", "also", also);
    }
    for one in &comparison.likely {
        write("hint", "hint", &format!("{} `{}`", one.question(), one.moved()));
    }
    out.push_str(&wrap(&last(comparison, common), look.width, ""));
    out.push('\n');
    out
}

/// Returns what all lines come from, when that is one and the same.
fn common(lines: &[Line]) -> Option<&str> {
    let first = lines.first()?;
    lines.iter().all(|line| line.because == first.because).then_some(first.because.as_str())
}

fn last(comparison: &Comparison, common: Option<&str>) -> String {
    let machines = lines::machines(comparison);
    match common {
        Some("unexplained") => format!("{machines}; nothing explains it"),
        Some(because) if because.starts_with("was ") => {
            format!("{machines}, because of what {because}")
        }
        Some(because) => format!("{machines}, because of {because}"),
        None => machines,
    }
}

fn paint(line: &Line, tag: &str) -> String {
    let color = match line.class {
        super::class::Class::AccessOpened
        | super::class::Class::Data
        | super::class::Class::Unexplained => "1;91",
        super::class::Class::AccessClosed
        | super::class::Class::Kept
        | super::class::Class::Cosmetic => "2",
        _ => "1",
    };
    format!("\x1b[{color}m{tag}\x1b[0m")
}
