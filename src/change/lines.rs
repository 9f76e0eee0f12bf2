//! What a person reads of a comparison: one line for each entry. Entries that say the same of
//! several things share a line.

use super::cause::Cause;
use super::class::Class;
use super::compare::{Comparison, Entry};
use super::edits::{Edit, Place};
use super::facts::Family;
use crate::diag::one_line;

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The class.
    pub class: Class,
    /// What changes.
    pub text: String,
    /// What it comes from: `services.kdl:14`.
    pub because: String,
    /// The number of entries that it represents.
    pub entries: usize,
}

/// How many lines the change of one thing takes at the most, not counting the last.
const ONE_CAUSE: usize = 4;

/// How many places one line names that act together. Nobody reads more in a line, and in a comment
/// they would take the room of what is worse.
const TOGETHER: usize = 12;

/// How many things one line names.
const NAMED: usize = 4;

/// Writes every entry. Those that say the same share a line. If a single small edit is the cause of
/// all, each class gets one line with its worst entry.
pub fn lines(comparison: &Comparison) -> Vec<Line> {
    let lines = joined(&comparison.entries, NAMED);
    if !is_one(comparison) || lines.len() <= ONE_CAUSE {
        return lines;
    }
    let short = one_a_class(&lines);
    // A change that touches this much is worth reading in full.
    if short.len() > ONE_CAUSE { lines } else { short }
}

/// Writes every entry, whatever the number of lines.
pub fn all(comparison: &Comparison) -> Vec<Line> {
    joined(&comparison.entries, usize::MAX)
}

/// Says whether all comes from one small edit, such as that of an attribute. A declaration with a
/// block does many things, and each is worth a line.
pub fn is_one(comparison: &Comparison) -> bool {
    matches!(comparison.edits.as_slice(), [edit] if edit.small)
}

/// Writes the worst entry of each class, and how many more there are.
pub fn worst(comparison: &Comparison) -> Vec<Line> {
    one_a_class(&joined(&comparison.entries, 1))
}

fn one_a_class(lines: &[Line]) -> Vec<Line> {
    let mut short: Vec<Line> = Vec::new();
    for line in lines {
        match short.last_mut().filter(|last| last.class == line.class) {
            Some(last) => last.entries += line.entries,
            None => short.push(line.clone()),
        }
    }
    for line in &mut short {
        // The first line of a class is the one that is shown. It may already represent several
        // entries.
        let first = lines.iter().find(|first| first.class == line.class);
        let shown = first.map_or(0, |first| first.entries);
        if line.entries > shown {
            line.text = format!("{}, and {} more", line.text, line.entries - shown);
        }
    }
    short
}

/// Joins entries of one class and cause that say the same of several things.
fn joined(entries: &[Entry], named: usize) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut rest: Vec<&Entry> = entries.iter().collect();
    while let Some(first) = rest.first().copied() {
        let folders = folders(first);
        let same = |entry: &&Entry| {
            let values = (&entry.was, &entry.is) == (&first.was, &first.is)
                || folders.is_some() && self::folders(entry) == folders;
            entry.class == first.class
                && entry.key.family == first.key.family
                && entry.places == first.places
                && entry.cause == first.cause
                && entry.effect == first.effect
                && values
        };
        let (group, others): (Vec<&Entry>, Vec<&Entry>) = rest.into_iter().partition(same);
        rest = others;
        // Several that have moved along with the folder that they are in share the line of that.
        let moved = folders.filter(|_| group.len() > 1);
        let moved = moved.map(|(was, is)| Entry { was: Some(was), is: Some(is), ..first.clone() });
        let first = moved.as_ref().unwrap_or(first);
        let subjects: Vec<&str> = group.iter().map(|entry| entry.subject.as_str()).collect();
        let subject = listed(&subjects, named);
        let effect = if group.len() > 1 { plural(first.effect) } else { first.effect.to_owned() };
        lines.push(Line {
            class: first.class,
            text: one_line(&with(first, &subject, &effect)).into_owned(),
            because: because(first),
            entries: group.len(),
        });
    }
    lines
}

/// Returns the folders that something was and is kept below, if they are all that differs.
fn folders(entry: &Entry) -> Option<(String, String)> {
    if entry.key.family != Family::State {
        return None;
    }
    // `facts/data.rs` writes the machine after the path.
    let (was, old) = entry.was.as_ref()?.split_once(" on ")?;
    let (is, new) = entry.is.as_ref()?.split_once(" on ")?;
    let same = was.rsplit('/').zip(is.rsplit('/')).take_while(|(was, is)| was == is);
    let length: usize = same.map(|(name, _)| name.len() + 1).sum();
    let above = |path: &str| path.get(..path.len().checked_sub(length)?).map(str::to_owned);
    let (was, is) = (above(was)?, above(is)?);
    let is_below = old == new && length > 0 && !was.is_empty() && !is.is_empty();
    is_below.then(|| (format!("below {was} on {old}"), format!("below {is} on {new}")))
}

/// Lists subjects; what they begin and end with alike is said once.
fn listed(subjects: &[&str], most_named: usize) -> String {
    let words: Vec<Vec<&str>> =
        subjects.iter().map(|subject| subject.split(' ').collect()).collect();
    let shortest = words.iter().map(Vec::len).min().unwrap_or_default();
    let Some(first) = words.first().filter(|_| words.len() > 1) else {
        return subjects.concat();
    };
    // One word of each is its own.
    let most = shortest.saturating_sub(1);
    let same_start = |at: &usize| words.iter().all(|list| list.get(*at) == first.get(*at));
    let start = (0..most).take_while(same_start).count();
    let back = |list: &[&str], at: usize| list.iter().rev().nth(at).map(|word| (*word).to_owned());
    let same_end = |at: &usize| words.iter().all(|list| back(list, *at) == back(first, *at));
    let end = (0..most - start).take_while(same_end).count();
    let own = |list: &Vec<&str>| list.get(start..list.len() - end).unwrap_or_default().join(" ");
    let named: Vec<String> = words.iter().take(most_named).map(own).collect();
    let more = match words.len().saturating_sub(most_named) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let head = first.get(..start).unwrap_or_default().iter().map(|word| format!("{word} "));
    let tail = first.get(first.len() - end..).unwrap_or_default();
    let tail = tail.iter().map(|word| format!(" {word}")).collect::<String>();
    // A joined entry lists its clients with commas already.
    let comma = if named.iter().any(|name| name.contains(',')) { "; " } else { ", " };
    format!("{}{}{more}{tail}", head.collect::<String>(), named.join(comma))
}

fn plural(effect: &str) -> String {
    match effect.strip_prefix("is ") {
        Some(rest) => format!("are {rest}"),
        None => effect.replacen("has ", "have ", 1),
    }
}

/// Says what an entry says, of its own subject.
pub fn said(entry: &Entry) -> String {
    with(entry, &entry.subject, entry.effect)
}

fn with(entry: &Entry, subject: &str, effect: &str) -> String {
    let short = |value: &Option<String>| value.as_deref().map(short);
    let is = match (&entry.was, &entry.is) {
        (Some(was), Some(is)) if entry.key.family == Family::Image => Some(other_tag(was, is)),
        _ => entry.is.clone(),
    };
    match (short(&entry.was), short(&is)) {
        (Some(was), Some(is)) if effect.is_empty() => format!("{subject}: {was} -> {is}"),
        (Some(was), Some(is)) => format!("{subject}: {was} -> {is}, {effect}"),
        _ => format!("{subject} {effect}"),
    }
}

/// Leaves the name of an image out where another one has it already.
fn other_tag(was: &str, is: &str) -> String {
    let name = |image: &str| {
        let tagged = image.split('@').next().unwrap_or_default();
        let name = tagged.rsplit_once(':').filter(|(_, tag)| !tag.contains('/'));
        name.map(|(name, _)| format!("{name}:"))
    };
    let tag = name(was).filter(|old| name(is).as_ref() == Some(old));
    tag.and_then(|name| is.strip_prefix(&name)).unwrap_or(is).to_owned()
}

/// Shortens the digest of an image, which no line of a terminal has room for.
fn short(value: &str) -> String {
    const SHOWN: usize = 12;
    match value.split_once("@sha256:") {
        Some((image, digest)) if digest.len() > SHOWN => {
            format!("{image}@sha256:{}…", digest.get(..SHOWN).unwrap_or_default())
        }
        _ => value.to_owned(),
    }
}

/// Names what an entry comes from.
pub fn because(entry: &Entry) -> String {
    let places = places(&entry.places);
    match &entry.cause {
        Cause::Together(_) => some(&places, TOGETHER, " with "),
        Cause::Each(_) => some(&places, TOGETHER, " and "),
        Cause::Among(_) => format!("among {}", some(&places, NAMED, ", ")),
        Cause::Release(what) => one_line(what).into_owned(),
        Cause::Unknown => "unexplained".to_owned(),
    }
}

/// The most places of one file that are written each by itself.
const BY_ITSELF: usize = 3;

/// Writes places. The lines of one file stand behind its name together where there are many:
/// `services.kdl:11,14,20,24`.
fn places(places: &[Place]) -> Vec<String> {
    let same_file =
        |a: &Place, b: &Place| (a.gone, &a.path) == (b.gone, &b.path) && b.line.is_some();
    let mut written = Vec::new();
    let mut rest: Vec<&Place> = places.iter().collect();
    while let Some(first) = rest.first().copied() {
        let (mut own, others): (Vec<&Place>, Vec<&Place>) =
            rest.iter().partition(|other| same_file(first, other));
        if first.line.is_none() || own.len() <= BY_ITSELF {
            written.push(place(first));
            rest.remove(0);
            continue;
        }
        own.sort_by_key(|place| place.line);
        let lines: Vec<String> =
            own.iter().filter_map(|own| own.line).map(|l| l.to_string()).collect();
        let whole = Place { line: None, ..first.clone() };
        written.push(format!("{}:{}", place(&whole), some(&lines, TOGETHER, ",")));
        rest = others;
    }
    written
}

/// Joins places, of which `most` are named.
fn some(places: &[String], most: usize, word: &str) -> String {
    match places.split_at_checked(most) {
        Some((named, rest)) if !rest.is_empty() => {
            format!("{} and {} more", named.join(word), rest.len())
        }
        _ => places.join(word),
    }
}

/// Writes a place: `services.kdl:14`, or `was services.kdl:14` where it is gone.
pub fn place(place: &Place) -> String {
    let path = one_line(&place.path);
    let was = if place.gone { "was " } else { "" };
    let line = place.line.map(|line| format!(":{line}")).unwrap_or_default();
    format!("{was}{path}{line}")
}

/// Says which machines change.
pub fn machines(comparison: &Comparison) -> String {
    let machines = &comparison.machines;
    let all =
        machines.same + machines.changed.len() + machines.added.len() + machines.removed.len();
    let some = [
        ("change", machines.changed.len()),
        ("are new", machines.added.len()),
        ("are gone", machines.removed.len()),
    ];
    let parts: Vec<String> = some
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|(what, count)| match (*count, *what) {
            (1, "change") => "1 changes".to_owned(),
            (1, what) => format!("1 {}", what.replacen("are", "is", 1)),
            (count, what) => format!("{count} {what}"),
        })
        .collect();
    let word = if all == 1 { "machine" } else { "machines" };
    let edits = match comparison.idle.as_slice() {
        [] => String::new(),
        [edit] => {
            let at = comparison.edits.get(*edit).and_then(Edit::place);
            format!(" by the edit of {}", at.as_ref().map(place).unwrap_or_default())
        }
        edits => format!(" by {} edits", edits.len()),
    };
    match (parts.as_slice(), comparison.entries.is_empty()) {
        ([], true) => {
            let bundles =
                if all == 1 { "its bundle is" } else { &format!("all {all} bundles are") };
            format!("no machine changes{edits}: {bundles} the same, byte for byte")
        }
        ([], false) => format!("no machine changes, of {all}"),
        (parts, _) => format!("of {all} {word}, {}", parts.join(", ")),
    }
}
