//! The answer as JSON, whose shape `docs/commands.md` promises.

use serde::Serialize;

use super::reason::{Line, Role};
use super::text::shown;
use super::unused::Unused;
use crate::source::{Layer, Sources, Span};

/// The version of the shape.
pub const FORMAT: &str = "labwright.why/1";

/// The answer about a file.
#[derive(Debug, Serialize)]
pub struct Answer<'a> {
    format: &'static str,
    machine: &'a str,
    path: &'a str,
    lines: Vec<LineFacts<'a>>,
}

#[derive(Debug, Serialize)]
struct LineFacts<'a> {
    line: usize,
    text: String,
    reasons: Vec<ReasonFacts<'a>>,
    fixed: Option<FixedFacts>,
}

#[derive(Debug, Serialize)]
struct ReasonFacts<'a> {
    role: &'static str,
    place: Place<'a>,
    declaration: &'a str,
    value: Option<&'a str>,
    lost: Vec<LostFacts<'a>>,
}

#[derive(Debug, Serialize)]
struct LostFacts<'a> {
    place: Place<'a>,
    declaration: &'a str,
}

#[derive(Debug, Serialize)]
struct FixedFacts {
    source: String,
    why: &'static str,
}

#[derive(Debug, Serialize)]
struct Place<'a> {
    layer: &'static str,
    file: &'a str,
    line: usize,
}

/// The declarations without effect.
#[derive(Debug, Serialize)]
pub struct AllUnused<'a> {
    format: &'static str,
    unused: Vec<LostFacts<'a>>,
}

fn place(sources: &Sources, span: Span) -> Place<'_> {
    let file = sources.file(span.file);
    let layer = match file.layer {
        Layer::Builtin => "std",
        Layer::Site => "site",
        Layer::Lab => "lab",
    };
    Place { layer, file: &file.path, line: sources.line(span.file, span.start) + 1 }
}

/// Makes the answer about lines of one file.
pub fn answer<'a>(
    machine: &'a str,
    path: &'a str,
    lines: &'a [Line],
    sources: &'a Sources,
) -> Answer<'a> {
    let lines = lines
        .iter()
        .map(|line| LineFacts {
            line: line.number,
            text: shown(&line.text),
            reasons: line
                .reasons
                .iter()
                .map(|reason| ReasonFacts {
                    role: match reason.role {
                        Role::Decides => "decides",
                        Role::Template => "template",
                        Role::Default => "default",
                        Role::Needs => "needs",
                    },
                    place: place(sources, reason.span),
                    declaration: &reason.declaration,
                    value: Some(reason.value.as_str()).filter(|value| !value.is_empty()),
                    lost: reason
                        .lost
                        .iter()
                        .map(|(span, declaration)| LostFacts {
                            place: place(sources, *span),
                            declaration,
                        })
                        .collect(),
                })
                .collect(),
            fixed: line.fixed.map(|fixed| FixedFacts {
                source: format!("src/{}", fixed.source),
                why: fixed.why,
            }),
        })
        .collect();
    Answer { format: FORMAT, machine, path, lines }
}

/// Makes the list of declarations without effect.
pub fn unused<'a>(unused: &'a [Unused], sources: &'a Sources) -> AllUnused<'a> {
    let unused = unused
        .iter()
        .map(|unused| LostFacts {
            place: place(sources, unused.span),
            declaration: &unused.declaration,
        })
        .collect();
    AllUnused { format: FORMAT, unused }
}
