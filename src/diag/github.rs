//! Writes findings as commands for GitHub's runner.

use std::fmt::Write as _;

use super::places::Places;
use super::{Diagnostics, Severity};

pub(super) fn render(diagnostics: &Diagnostics, places: &Places<'_>) -> String {
    let mut text = String::new();
    for diagnostic in diagnostics {
        let command = match diagnostic.severity() {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Advice => "notice",
        };
        let place = diagnostic.span.map_or_else(String::new, |span| {
            let position = places.start(span);
            format!(
                "file={},line={},col={},",
                property(&places.path(span.file)),
                position.line,
                position.column
            )
        });
        let mut message = diagnostic.message.clone();
        for label in &diagnostic.labels {
            let position = places.start(label.span);
            let _ = write!(
                message,
                "\n{}:{}:{}: {}",
                places.path(label.span.file),
                position.line,
                position.column,
                label.message
            );
        }
        if let Some(help) = &diagnostic.help {
            let _ = write!(message, "\nhelp: {help}");
        }
        let _ = writeln!(
            text,
            "::{command} {place}title={}::{}",
            property(diagnostic.code.name),
            data(&message)
        );
    }
    text
}

/// Escapes what would end the message. The runner decodes it again.
fn data(text: &str) -> String {
    // The percent sign comes first, or it would escape the other escapes.
    super::printable::lines(&text.replace('\r', "\n")).replace('%', "%25").replace('\n', "%0A")
}

/// Escapes what would end a property.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
