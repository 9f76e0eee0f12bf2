//! A comparison as JSON, for programs. The shape is documented in `docs/commands.md` and named by
//! [`FORMAT`].

use serde::Serialize;

use super::cause::Cause;
use super::class::Class;
use super::compare::{Comparison, Entry, Title};
use super::edits::Place;
use super::lines;

/// The name and version of the shape.
pub const FORMAT: &str = "labwright.diff/1";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report<'c> {
    format: &'static str,
    was: State<'c>,
    is: State<'c>,
    differs: bool,
    machines: Machines<'c>,
    classes: Vec<Count>,
    entries: Vec<Row<'c>>,
    edits: Vec<EditRow<'c>>,
    likely_moved: Vec<Moved<'c>>,
}

#[derive(Serialize)]
struct State<'c> {
    lab: &'c str,
    version: &'c str,
    compiler: &'c str,
}

#[derive(Serialize)]
struct Machines<'c> {
    changed: &'c [String],
    added: &'c [String],
    removed: &'c [String],
    same: usize,
}

#[derive(Serialize)]
struct Moved<'c> {
    kind: &'static str,
    was: &'c str,
    is: &'c str,
}

#[derive(Serialize)]
struct Count {
    class: &'static str,
    entries: usize,
}

#[derive(Serialize)]
struct Row<'c> {
    class: &'static str,
    machine: Option<&'c str>,
    subject: &'c str,
    was: Option<&'c str>,
    is: Option<&'c str>,
    effect: Option<&'c str>,
    text: String,
    because: Because<'c>,
    files: Vec<File<'c>>,
}

#[derive(Serialize)]
struct Because<'c> {
    /// `together`, `each`, `among`, `release` or `unknown`.
    kind: &'static str,
    edits: &'c [usize],
    places: Vec<At<'c>>,
    release: Option<&'c str>,
}

#[derive(Serialize)]
struct At<'c> {
    path: &'c str,
    line: Option<usize>,
    gone: bool,
}

#[derive(Serialize)]
struct File<'c> {
    machine: &'c str,
    path: &'c str,
}

#[derive(Serialize)]
struct EditRow<'c> {
    kind: &'static str,
    node: &'c str,
    was: Option<At<'c>>,
    is: Option<At<'c>>,
    acts: bool,
}

/// Writes a comparison.
pub fn write(comparison: &Comparison) -> Result<String, String> {
    let entries: Vec<Row<'_>> = comparison.entries.iter().map(row).collect();
    let classes = Class::ALL
        .into_iter()
        .map(|class| Count {
            class: class.name(),
            entries: comparison.entries.iter().filter(|entry| entry.class == class).count(),
        })
        .filter(|count| count.entries > 0)
        .collect();
    let edits = comparison.edits.iter().enumerate().map(|(index, edit)| EditRow {
        kind: edit.kind.name(),
        node: &edit.node,
        was: edit.was.as_ref().map(at),
        is: edit.is.as_ref().map(at),
        acts: !comparison.idle.contains(&index),
    });
    let machines = &comparison.machines;
    let report = Report {
        format: FORMAT,
        was: state(&comparison.was),
        is: state(&comparison.is),
        differs: comparison.differs(),
        machines: Machines {
            changed: &machines.changed,
            added: &machines.added,
            removed: &machines.removed,
            same: machines.same,
        },
        classes,
        entries,
        edits: edits.collect(),
        likely_moved: comparison
            .likely
            .iter()
            .map(|one| Moved { kind: one.kind, was: &one.was, is: &one.is })
            .collect(),
    };
    let mut text = serde_json::to_string_pretty(&report).map_err(|error| error.to_string())?;
    text.push('\n');
    Ok(text)
}

fn state(title: &Title) -> State<'_> {
    State { lab: &title.lab, version: &title.version, compiler: &title.compiler }
}

fn at(place: &Place) -> At<'_> {
    At { path: &place.path, line: place.line, gone: place.gone }
}

fn row(entry: &Entry) -> Row<'_> {
    let (kind, release) = match &entry.cause {
        Cause::Together(_) => ("together", None),
        Cause::Each(_) => ("each", None),
        Cause::Among(_) => ("among", None),
        Cause::Release(what) => ("release", Some(what.as_str())),
        Cause::Unknown => ("unknown", None),
    };
    let files = entry.files.iter().map(|(machine, path)| File { machine, path });
    Row {
        class: entry.class.name(),
        machine: Some(entry.machine.as_str()).filter(|machine| !machine.is_empty()),
        subject: &entry.subject,
        was: entry.was.as_deref(),
        is: entry.is.as_deref(),
        effect: Some(entry.effect).filter(|effect| !effect.is_empty()),
        text: lines::said(entry),
        because: Because {
            kind,
            edits: entry.cause.edits(),
            places: entry.places.iter().map(at).collect(),
            release,
        },
        files: files.collect(),
    }
}
