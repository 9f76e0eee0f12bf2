//! Writes what reviewers read of a release: one page with everything, and a short summary for a
//! merge request.
//!
//! It is made from the [`Plan`] alone, so it describes what the bundles do. Beyond the plan, it
//! knows only places in the sources.

mod access;
mod bring_up;
mod keeping;
mod page;
pub mod picture;
pub mod snapshot;
pub(crate) mod view;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use minijinja::value::{Serde, Value};
use minijinja::{Error, Output, State};

use crate::bundle::OneWayEntry;
use crate::bundle::release::ReleaseIndex;
use crate::diag::{Diagnostics, one_line};
use crate::format;
use crate::format::Templates;
use crate::model::Size;
use crate::plan::Plan;
use crate::source::Sources;

/// The name of the page, below `review/`.
pub const REPORT: &str = "report.html";

/// The name of the summary, below `review/`.
pub const SUMMARY: &str = "summary.md";

static TEMPLATES: LazyLock<Templates> = LazyLock::new(|| {
    templates(&[
        ("report.html.j2", include_str!("report.html.j2")),
        ("new-images.html.j2", include_str!("new-images.html.j2")),
        STYLE,
        picture::TEMPLATE,
        picture::STYLE,
        ("summary.md.j2", include_str!("summary.md.j2")),
        ("bring-up.html.j2", include_str!("bring-up.html.j2")),
        ("bring-up.css", include_str!("bring-up.css")),
    ])
});

/// The name of the page by which a lab is brought up, below `review/`.
pub const BRING_UP: &str = "bring-up.html";

/// The name of the list of services with their modules, below `review/`.
pub const SERVICES: &str = "services.tsv";

/// The styles of the pages.
pub const STYLE: (&str, &str) = ("report.css", include_str!("report.css"));

/// Makes templates for pages that people read.
pub fn templates(sources: &[(&'static str, &'static str)]) -> Templates {
    let mut environment = format::environment();
    // The page grows with the lab, and its templates are our own, so no limit is needed.
    environment.set_fuel(None);
    environment.set_formatter(write_visibly);
    environment.add_filter("size", |bytes: u64| Size(bytes).rounded());
    Templates::within(environment, sources)
}

/// Writes a value so that nothing in it is invisible, turns the direction of text, or looks like
/// other text.
fn write_visibly(
    out: &mut Output<'_>,
    state: &mut State<'_, '_>,
    value: &Value,
) -> Result<(), Error> {
    match value.as_str() {
        Some(text) if !value.is_safe() => {
            format::write_value(out, state, &Value::from(one_line(text)))
        }
        _ => format::write_value(out, state, value),
    }
}

/// Writes what reviewers read of a release, by the names below `review/`.
///
/// `findings` are those that the lab does not accept. `one_way` lists for each machine what its
/// bundle can't take back.
pub fn review(
    plan: &Plan<'_>,
    sources: &Sources,
    index: &ReleaseIndex,
    findings: &Diagnostics,
    one_way: &BTreeMap<String, Vec<OneWayEntry>>,
) -> Result<BTreeMap<String, Vec<u8>>, String> {
    // Both pages see one value: to convert it takes as long as to write the shorter of them.
    let page = Value::from(Serde(page::page(plan, sources, index, findings, one_way)));
    let write = |name: &str, template: &str| {
        Ok((name.to_owned(), TEMPLATES.render(template, &page)?.into_bytes()))
    };
    let bring_up = || {
        let page = Value::from(Serde(bring_up::page(plan, index)));
        let text = TEMPLATES.render("bring-up.html.j2", &page)?;
        Ok((BRING_UP.to_owned(), text.into_bytes()))
    };
    let (report, (summary, bring_up)) = rayon::join(
        || write(REPORT, "report.html.j2"),
        || rayon::join(|| write(SUMMARY, "summary.md.j2"), bring_up),
    );
    let services = Ok((SERVICES.to_owned(), services(plan).into_bytes()));
    [report, summary, bring_up, services].into_iter().collect()
}

/// Lists each service with its module, the module's version and the machine. Bundles don't say it,
/// but a comparison of two releases shows it.
fn services(plan: &Plan<'_>) -> String {
    let services = plan.model.services.iter().map(|service| {
        let machine = &plan.model[service.machine].name;
        format!("{}\t{}\t{}\t{machine}\n", service.name, service.module, service.module_version)
    });
    services.collect()
}
