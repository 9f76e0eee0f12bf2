//! Writes findings for a program, as one JSON array.

use std::io;

use serde::Serialize;
use serde_json::ser::{Formatter, PrettyFormatter, Serializer};

use super::places::Places;
use super::printable::is_hostile;
use super::{Diagnostic, Diagnostics};
use crate::source::Span;

#[derive(Serialize)]
struct Finding<'d> {
    code: &'d str,
    severity: &'d str,
    message: &'d str,
    #[serde(flatten)]
    place: Place,
    labels: Vec<Label<'d>>,
    help: Option<&'d str>,
}

#[derive(Serialize)]
struct Label<'d> {
    #[serde(flatten)]
    place: Place,
    message: &'d str,
}

#[derive(Serialize, Default)]
struct Place {
    file: Option<String>,
    line: Option<usize>,
    column: Option<usize>,
}

pub(super) fn render(diagnostics: &Diagnostics, places: &Places<'_>) -> String {
    let findings: Vec<Finding<'_>> =
        diagnostics.iter().map(|diagnostic| finding(diagnostic, places)).collect();
    write(&findings)
}

fn finding<'d>(diagnostic: &'d Diagnostic, places: &Places<'_>) -> Finding<'d> {
    Finding {
        code: diagnostic.code.name,
        severity: diagnostic.severity().name(),
        message: &diagnostic.message,
        place: diagnostic.span.map(|span| place(span, places)).unwrap_or_default(),
        labels: diagnostic
            .labels
            .iter()
            .map(|label| Label { place: place(label.span, places), message: &label.message })
            .collect(),
        help: diagnostic.help.as_deref(),
    }
}

fn place(span: Span, places: &Places<'_>) -> Place {
    let position = places.start(span);
    Place {
        file: Some(places.path(span.file)),
        line: Some(position.line),
        column: Some(position.column),
    }
}

/// Writes `value` as indented JSON. Every hostile character is an escape, because people read JSON
/// in terminals too.
pub(super) fn write(value: &impl Serialize) -> String {
    let mut bytes = Vec::new();
    // Writing to memory fails only for maps whose keys are not strings, and there are none here.
    let written = value
        .serialize(&mut Serializer::with_formatter(&mut bytes, Escaping(PrettyFormatter::new())));
    debug_assert!(written.is_ok(), "{written:?}");
    bytes.push(b'\n');
    String::from_utf8(bytes).unwrap_or_default()
}

struct Escaping(PrettyFormatter<'static>);

impl Formatter for Escaping {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        for piece in fragment.split_inclusive(is_hostile) {
            let Some(hostile) =
                piece.chars().next_back().filter(|character| is_hostile(*character))
            else {
                writer.write_all(piece.as_bytes())?;
                continue;
            };
            writer.write_all(&piece.as_bytes()[..piece.len() - hostile.len_utf8()])?;
            // An escape of JSON holds 16 bits, so some characters need two.
            for unit in hostile.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
        }
        Ok(())
    }

    fn begin_array<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_array(writer)
    }

    fn end_array<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array(writer)
    }

    fn begin_array_value<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.0.begin_array_value(writer, first)
    }

    fn end_array_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array_value(writer)
    }

    fn begin_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object(writer)
    }

    fn end_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object(writer)
    }

    fn begin_object_key<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.0.begin_object_key(writer, first)
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object_value(writer)
    }

    fn end_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object_value(writer)
    }
}
