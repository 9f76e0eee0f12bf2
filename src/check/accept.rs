//! Takes accepted findings out of the others, and reports `accept` nodes that are wrong.

use crate::diag::{Accepted, Code, Diagnostic, Diagnostics, Severity, codes, suggest};
use crate::model::Model;

codes::define! {
    pub UNUSED = "unused-accept", Warning, "an `accept` that matches no finding";
    UNKNOWN = "unknown-code", Error, "an `accept` of a code that does not exist";
    OF_AN_ERROR = "accept-of-error", Error, "an `accept` of an error";
}

/// Removes accepted findings from `diagnostics` and returns them. `codes` lists every code.
pub fn accept<C: Iterator<Item = &'static Code>>(
    model: &Model,
    codes: impl Fn() -> C,
    diagnostics: &mut Diagnostics,
) -> Vec<Accepted> {
    let mut accepted = Vec::new();
    for entry in model.accepts.iter().filter(|entry| !entry.code.is_empty()) {
        let Some(code) = codes().find(|code| code.name == entry.code) else {
            let names = codes().map(|code| code.name);
            let help =
                suggest(&entry.code, names, || "`labwright explain` lists the codes".to_owned());
            diagnostics.push(
                Diagnostic::new(
                    &UNKNOWN,
                    entry.code_span,
                    format!("there is no code `{}`", entry.code),
                )
                .help(help),
            );
            continue;
        };
        if code.severity == Severity::Error {
            diagnostics.push(
                Diagnostic::new(
                    &OF_AN_ERROR,
                    entry.span,
                    format!("`{}` is an error and can't be accepted", code.name),
                )
                .help("fix the error and remove the `accept`"),
            );
            continue;
        }
        let matches = |found: &Diagnostic| {
            found.code.name == code.name && (entry.on.is_none() || entry.on == found.subject)
        };
        let mut subjects: Vec<String> = diagnostics
            .iter()
            .filter(|found| matches(found))
            .map(|found| found.subject.clone().unwrap_or_default())
            .collect();
        // An `accept` without a reason is already reported.
        if subjects.is_empty() && !entry.reason.is_empty() {
            let on = entry.on.as_ref().map(|on| format!(" on `{on}`")).unwrap_or_default();
            diagnostics.push(
                Diagnostic::new(&UNUSED, entry.span, format!("nothing raises `{}`{on}", code.name))
                    .help("remove the `accept`"),
            );
            continue;
        }
        subjects.sort();
        subjects.dedup();
        diagnostics.retain(|found| !matches(found));
        accepted.extend(subjects.into_iter().map(|on| Accepted {
            code: code.name.to_owned(),
            on,
            reason: entry.reason.clone(),
        }));
    }
    accepted.sort();
    accepted
}
