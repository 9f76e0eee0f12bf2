//! A comparison as one page for a browser, in the looks of the report: what was next to what is.

use std::sync::LazyLock;

use serde::Serialize;

use super::class::Class;
use super::compare::Comparison;
use super::lines;
use crate::format::Templates;
use crate::review::picture::{self, Picture};
use crate::review::{self, templates};

#[derive(Serialize)]
struct Page<'c> {
    lab: &'c str,
    was: &'c str,
    is: &'c str,
    machines: String,
    picture: Option<Picture>,
    changed: Vec<MachineRow<'c>>,
    counts: Vec<Count>,
    classes: Vec<ClassRows<'c>>,
    edits: Vec<EditRow<'c>>,
    nothing: bool,
    likely: Vec<Likely>,
}

#[derive(Serialize)]
struct Likely {
    question: String,
    moved: String,
}

#[derive(Serialize)]
struct MachineRow<'c> {
    name: &'c str,
    how: &'static str,
}

#[derive(Serialize)]
struct Count {
    name: &'static str,
    title: &'static str,
    entries: usize,
}

#[derive(Serialize)]
struct ClassRows<'c> {
    name: &'static str,
    title: &'static str,
    rows: Vec<Row<'c>>,
}

#[derive(Serialize)]
struct Row<'c> {
    subject: &'c str,
    was: Option<&'c str>,
    is: Option<&'c str>,
    effect: &'c str,
    because: String,
    files: Vec<String>,
}

#[derive(Serialize)]
struct EditRow<'c> {
    node: &'c str,
    kind: &'static str,
    was: String,
    is: String,
    acts: bool,
}

static TEMPLATES: LazyLock<Templates> = LazyLock::new(|| {
    templates(&[
        ("diff.html.j2", include_str!("diff.html.j2")),
        review::STYLE,
        picture::TEMPLATE,
        picture::STYLE,
    ])
});

/// Writes a comparison.
pub fn write(comparison: &Comparison) -> Result<String, String> {
    let rows = |class: Class| -> Vec<Row<'_>> {
        let own = comparison.entries.iter().filter(|entry| entry.class == class);
        own.map(|entry| Row {
            subject: &entry.subject,
            was: entry.was.as_deref(),
            is: entry.is.as_deref(),
            effect: entry.effect,
            because: lines::because(entry),
            files: entry.files.iter().map(|(machine, path)| format!("{machine}/{path}")).collect(),
        })
        .collect()
    };
    let classes: Vec<ClassRows<'_>> = Class::ALL
        .into_iter()
        .map(|class| ClassRows { name: class.name(), title: class.title(), rows: rows(class) })
        .filter(|class| !class.rows.is_empty())
        .collect();
    let place = |place: &Option<_>| place.as_ref().map(lines::place).unwrap_or_default();
    let edits = comparison.edits.iter().enumerate().map(|(index, edit)| EditRow {
        node: &edit.node,
        kind: edit.kind.name(),
        was: place(&edit.was),
        is: place(&edit.is),
        acts: !comparison.idle.contains(&index),
    });
    let machines = &comparison.machines;
    // Where nothing changes, there is nothing to see.
    let shown = comparison.scene.as_ref().filter(|_| comparison.differs());
    let changed =
        [("new", &machines.added), ("gone", &machines.removed), ("changes", &machines.changed)];
    let page = Page {
        lab: &comparison.is.lab,
        was: &comparison.was.version,
        is: &comparison.is.version,
        machines: lines::machines(comparison),
        picture: shown.cloned().map(picture::picture),
        changed: changed
            .into_iter()
            .flat_map(|(how, names)| names.iter().map(move |name| MachineRow { name, how }))
            .collect(),
        counts: classes
            .iter()
            .map(|class| Count { name: class.name, title: class.title, entries: class.rows.len() })
            .collect(),
        nothing: classes.is_empty(),
        classes,
        edits: edits.collect(),
        likely: comparison
            .likely
            .iter()
            .map(|one| Likely { question: one.question(), moved: one.moved() })
            .collect(),
    };
    TEMPLATES.render("diff.html.j2", &page)
}
