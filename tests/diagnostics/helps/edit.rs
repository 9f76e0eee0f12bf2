//! Follows a help line as a person would, who does what it says and nothing else.

use labwright::diag::{Diagnostic, Diagnostics};
use labwright::source::{FileId, SourceFile, Span};
use labwright::syntax::{self, Node};

/// What a help line says to do.
#[derive(Debug)]
enum Step {
    /// Write this in place of what the finding points at.
    Replace(String),
    /// Write these lines or properties into the node that the finding is about.
    Add(Vec<String>),
    /// Write this line into the machine or service with a name.
    AddTo(String, String),
    /// Delete what the finding points at, or the node of this name around it.
    Remove(Option<String>),
}

/// Lists the texts between backticks.
fn quoted(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// Returns whether a text is an edit as it stands, and has no place for a reader to fill in.
fn is_whole(text: &str) -> bool {
    let shouts = |word: &str| word.len() > 2 && word.bytes().all(|byte| byte.is_ascii_uppercase());
    !text.is_empty()
        && !text.contains('…')
        && !text.split(|one: char| !one.is_ascii_alphanumeric()).any(shouts)
}

/// Returns whether a help line quotes text that somebody could write as it stands.
pub fn quotes_an_edit(help: &str) -> bool {
    quoted(help).into_iter().any(|text| is_whole(text) && text.contains([' ', '=', '"']))
}

fn step(help: &str) -> Option<Step> {
    let after = |words: &str| {
        let (before, rest) = help.split_once(words)?;
        let begins = before.is_empty() || before.ends_with(": ");
        quoted(rest).first().copied().filter(|_| begins && rest.starts_with('`'))
    };
    if let Some(name) = after("did you mean ") {
        return Some(Step::Replace(name.to_owned()));
    }
    if let Some(rest) = help.strip_prefix("write ")
        && let Some(number) = rest.strip_suffix(" without quotes")
    {
        return Some(Step::Replace(number.to_owned()));
    }
    if let Some(line) = after("give one of them another port: ") {
        return Some(Step::Add(vec![line.to_owned()]));
    }
    if let Some(first) = after("add ") {
        let rest = help.strip_prefix("add ")?;
        if rest.get(first.len() + 2..).is_some_and(|rest| rest.starts_with(" to ")) {
            return None;
        }
        let mut lines = vec![first.to_owned()];
        let mut rest = rest.get(first.len() + 2..).unwrap_or_default();
        while let Some(more) = rest.strip_prefix(", `") {
            let (line, behind) = more.split_once('`')?;
            lines.push(line.to_owned());
            rest = behind;
        }
        return lines.iter().all(|line| is_whole(line)).then_some(Step::Add(lines));
    }
    let written = after("write ")
        .or_else(|| after("say the unit: "))
        .or_else(|| after("put it in quotes: "))
        .or_else(|| after("add the prefix length: "));
    if let Some(text) = written {
        let rest = help.split_once(&format!("`{text}`")).map_or("", |(_, rest)| rest);
        if let Some(owner) = rest.strip_prefix(" in `") {
            let owner = owner.split('`').next()?;
            return Some(Step::AddTo(owner.to_owned(), text.to_owned()));
        }
        if rest.starts_with(" in a ") {
            return None;
        }
        return is_whole(text).then(|| Step::Replace(text.to_owned()));
    }
    if let Some(named) = after("remove the ") {
        return Some(Step::Remove(Some(named.to_owned())));
    }
    let removes = ["remove it", "remove this line", "delete it"];
    removes.iter().any(|words| help.starts_with(words)).then_some(Step::Remove(None))
}

/// A node with its place in the file, block and all.
struct Place {
    start: usize,
    /// The end of its last entry.
    head: usize,
    end: usize,
    /// Whether it has a block.
    block: bool,
}

/// Finds the innermost node that contains an offset.
fn innermost(text: &str, nodes: &[Node<'_>], at: usize) -> Option<Place> {
    nodes.iter().find_map(|node| {
        let place = whole(text, node);
        let inside = (place.start..=place.end).contains(&at);
        inside.then(|| innermost(text, &node.children, at).unwrap_or(place))
    })
}

/// Returns a node's place. Its block ends where the brace after its last child is.
fn whole(text: &str, node: &Node<'_>) -> Place {
    let (start, head) = (node.span.start as usize, node.span.end as usize);
    let rest = text.get(head..).unwrap_or_default();
    let block = rest.trim_start_matches(' ').starts_with('{');
    let inside = node.children.last().map_or(head, |last| whole(text, last).end);
    let end = if block {
        let open = node.children.is_empty().then(|| rest.find('{')).flatten().unwrap_or(0);
        let from = inside + open;
        text.get(from..).and_then(|rest| rest.find('}')).map_or(inside, |at| from + at + 1)
    } else {
        inside
    };
    Place { start, head, end, block }
}

/// The nodes that stand at the top of a file.
const TOP: &[&str] = &["service", "secret", "network", "host", "vm", "lxc", "name", "alert"];

fn insert(text: &mut String, line: &str, at: usize) -> Option<()> {
    let first = line.split([' ', '=']).next()?;
    if TOP.contains(&first) && !line.starts_with(&format!("{first}=")) {
        text.push_str(&format!("\n{line}\n"));
        return Some(());
    }
    let place = {
        let document = syntax::parse(text, FileId(0), &mut Diagnostics::default())?;
        innermost(text, &document.nodes, at)?
    };
    if line.starts_with(&format!("{first}=")) {
        text.insert_str(place.head, &format!(" {line}"));
    } else if place.block {
        let open = place.head + text.get(place.head..)?.find('{')?;
        text.insert_str(open + 1, &format!("\n{line}\n"));
    } else {
        text.insert_str(place.head, &format!(" {{\n{line}\n}}"));
    }
    Some(())
}

/// Writes a text in place of a span. What is named inside of quotes stays inside of them.
fn replace(text: &mut String, span: std::ops::Range<usize>, new: &str) -> Option<()> {
    let before = text.get(..span.start)?;
    // The finding may point at the word in brackets, and the help show the brackets too.
    let new = if before.ends_with('(') && new.ends_with(')') {
        new.trim_matches(['(', ')'])
    } else {
        new
    };
    let old = text.get(span.clone())?.to_owned();
    let (first, _) = new.split_once([' ', '=']).unwrap_or((new, ""));
    // An argument gets the name of its property.
    let words: Vec<&str> = old.split([' ', ':']).collect();
    let is_named =
        |word: &str| word.split_once('=').is_some_and(|(_, value)| words.contains(&value));
    if !old.contains('=') && new.split(' ').all(is_named) {
        text.replace_range(span, new);
        return Some(());
    }
    if (new.contains(' ') || new.contains('=')) && !new.starts_with(['"', '#', '(']) {
        // A whole property or node: it stands for the one of its name.
        let document = syntax::parse(text, FileId(0), &mut Diagnostics::default());
        if let Some(place) =
            document.and_then(|document| innermost(text, &document.nodes, span.start))
        {
            let head = text.get(place.start..place.head)?;
            if new.starts_with(&format!("{first}=")) {
                let own = head.find(&format!(" {first}=")).map(|at| place.start + at + 1);
                match own {
                    Some(at) => {
                        let length = text.get(at..)?.find([' ', '\n', ';', '}']).unwrap_or(0);
                        text.replace_range(at..at + length, new);
                    }
                    None => text.insert_str(place.head, &format!(" {new}")),
                }
                return Some(());
            }
            if head.split(' ').next() == Some(first) {
                text.replace_range(place.start..place.head, new);
                return Some(());
            }
        }
    }
    let bare = new.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    let name_in_node = old.contains([' ', '{']) && !old.starts_with('"') && bare;
    if name_in_node {
        // The finding is about a node, and the help about its name.
        let length = old.find([' ', '{']).unwrap_or(old.len());
        text.replace_range(span.start..span.start + length, new);
    } else if old.starts_with('"') && !new.starts_with(['"', '#', '(']) && !is_number(new) {
        text.replace_range(span, &format!("\"{new}\""));
    } else {
        text.replace_range(span, new);
    }
    Some(())
}

fn is_number(text: &str) -> bool {
    text.parse::<f64>().is_ok()
}

/// Does what the help of a finding says. Returns nothing if it names no edit.
pub fn follow(
    files: &[SourceFile],
    finding: &Diagnostic,
    place: impl Fn(Span) -> Option<usize>,
) -> Option<Vec<SourceFile>> {
    let step = step(finding.help.as_deref()?)?;
    let span = finding.span?;
    let file = place(span)?;
    let mut files = files.to_vec();
    let range = span.start as usize..span.end as usize;
    match step {
        Step::Replace(new) => replace(&mut files[file].text, range, &new)?,
        Step::Add(lines) => {
            for line in lines {
                insert(&mut files[file].text, &line, range.start)?;
            }
        }
        Step::AddTo(owner, line) => {
            let first = line.split(' ').next()?.to_owned();
            let (file, at, old) = files.iter().enumerate().find_map(|(index, file)| {
                let text = &file.text;
                let document = syntax::parse(text, FileId(0), &mut Diagnostics::default())?;
                let own = document.nodes.iter().find(|node| {
                    ["host", "vm", "lxc", "service"].contains(&node.name.value.as_ref())
                        && text
                            .get(node.span.start as usize..node.span.end as usize)
                            .is_some_and(|head| head.split(' ').nth(1) == Some(owner.as_str()))
                })?;
                let child = own.children.iter().find(|child| child.name.value == first);
                let old = child.map(|child| child.span.start as usize..child.span.end as usize);
                Some((index, own.span.start as usize, old))
            })?;
            match old {
                Some(range) => files[file].text.replace_range(range, &line),
                None => insert(&mut files[file].text, &line, at)?,
            }
        }
        Step::Remove(named) => {
            let text = &mut files[file].text;
            let document = syntax::parse(text, FileId(0), &mut Diagnostics::default());
            let node = document
                .and_then(|document| innermost(text, &document.nodes, range.start))
                .filter(|node| match &named {
                    Some(name) => text[node.start..].starts_with(name.as_str()),
                    None => node.start == range.start,
                });
            let range = node.map_or(range, |node| node.start..node.end);
            text.replace_range(range, "");
        }
    }
    Some(files)
}
