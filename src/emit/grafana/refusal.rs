//! Finds dashboards that Grafana would refuse.

use std::collections::BTreeMap;

use super::{DASHBOARD_REFUSED, File, Named};
use crate::diag::{Diagnostic, Diagnostics};
use crate::source::Span;

/// The most characters of an id.
const LONGEST: usize = 40;

/// Says why Grafana would refuse a dashboard by itself.
pub(super) fn of(named: &Named) -> Option<(String, &'static str)> {
    let Named { uid, title } = named;
    if title.as_ref().is_none_or(String::is_empty) {
        let help = "give it a title; the file is the dashboard itself, as Grafana saves it to a \
                    file, and nothing around it";
        return Some(("has no title".to_owned(), help));
    }
    let uid = uid.as_deref().unwrap_or_default();
    let valid = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if uid.len() > LONGEST || !uid.bytes().all(valid) {
        let help = "let its `uid` be letters, digits, `-` and `_`, or leave it out";
        return Some((
            format!("has a `uid` that is longer than {LONGEST} or has other signs"),
            help,
        ));
    }
    None
}

/// Makes the finding about a dashboard.
pub(super) fn found(span: Span, name: &str, (problem, help): (String, &str)) -> Diagnostic {
    let message = format!("Grafana refuses dashboard `{name}`: it {problem}");
    Diagnostic::new(&DASHBOARD_REFUSED, span, message).help(help).on(name)
}

/// Reports dashboards of one Grafana with one id or one title. It writes none of them any more.
pub(super) fn twice(files: &[File], diagnostics: &mut Diagnostics) {
    let mut known: BTreeMap<(&str, &str), &File> = BTreeMap::new();
    for file in files {
        for (key, value) in [("uid", &file.named.uid), ("title", &file.named.title)] {
            let Some(value) = value.as_deref().filter(|value| !value.is_empty()) else { continue };
            let Some(first) = known.insert((key, value), file) else { continue };
            let Some((span, name)) = &file.declared else { continue };
            let problem = format!("has the {key} of another one");
            let finding = found(*span, name, (problem, "give one of them another"));
            diagnostics.push(match &first.declared {
                Some((other, _)) => finding.label(*other, "the other one"),
                None => finding.caption("the other one is labwright's own"),
            });
        }
    }
}
