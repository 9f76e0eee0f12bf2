//! Finds passwords and tokens that are written into the lab.

use super::Rule;
use crate::diag::suspect::{has_password_in_url, is_secret, is_variable};
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::model::{Data, Service};
use crate::plan::Plan;
use crate::source::Span;

/// Finds environment variables whose value is a secret in text, in containers and units.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code =
    codes::code!("typed-secret", Warning, "a password or token is written into the lab");

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    for service in &plan.model.services {
        for container in &service.containers {
            let by_module = container.environment.iter().map(|variable| (variable, true));
            let by_hand = container.raw_environment.iter().map(|variable| (variable, false));
            for (variable, is_of_module) in by_module.chain(by_hand) {
                if !is_typed(&variable.name, &variable.value) {
                    continue;
                }
                let mut found = Finding::new(service, &variable.name, &container.name);
                if is_of_module {
                    found.made_of(&variable.value, variable.span);
                } else {
                    found.span = variable.span;
                }
                diagnostics.push(found.told());
            }
            for (name, value) in flags(&container.entrypoint).chain(flags(&container.command)) {
                if is_typed(name.trim_start_matches('-'), value) && !is_variable(value) {
                    let mut found = Finding::new(service, name, &container.name);
                    found.made_of(value, container.span);
                    found.is_at_label = false;
                    diagnostics.push(found.told().help(
                        "let the program read it from a file or a variable, which `secret … \
                         file-variable=` and `value-variable=` pass on; choose another value, \
                         since this one is known",
                    ));
                }
            }
        }
        for (option, spans) in &service.option_spans {
            let given = service.options.get(option).map(Data::items).unwrap_or_default();
            let typed = |given: &&Data| given.as_text().is_some_and(has_password_in_url);
            if let (Some(_), Some(span)) = (given.iter().find(typed), spans.first()) {
                let mut found = Finding::new(service, option, &service.name);
                found.span = *span;
                diagnostics.push(found.told().help(
                    "leave the password out of the URL: an option of the type `secret` passes it \
                     on; choose another one, since this one is known",
                ));
            }
        }
        for unit in &service.units {
            let lines = unit.sections.iter().flat_map(|(_, lines)| lines);
            let variables = lines.filter(|(key, _)| key == "Environment").flat_map(|line| &line.1);
            for (name, value) in variables.filter_map(|text| text.split_once('=')) {
                if is_typed(name, value) {
                    let mut found = Finding::new(service, name, &unit.name);
                    found.made_of(value, unit.span);
                    found.is_at_label = false;
                    diagnostics.push(found.told());
                }
            }
        }
    }
}

/// Returns whether a variable has a secret as its value, and not the way to one.
fn is_typed(name: &str, value: &str) -> bool {
    // Grafana reads `$__file{…}` and `$__env{…}` as the way to a value.
    let leads = value.starts_with('/')
        || ["file:", "filepath:"].iter().any(|way| value.starts_with(way))
        || value.starts_with("$__");
    is_secret(name, value) && !leads
}

/// Lists the options of a command that have a value: `--password=x` or `--password x`.
fn flags(words: &[String]) -> impl Iterator<Item = (&str, &str)> {
    // The last word has none after it, and must not be cut off by `zip`.
    let after = words.iter().skip(1).map(String::as_str).chain([""]);
    words.iter().zip(after).filter_map(|(word, next)| match word.split_once('=') {
        Some((name, value)) => Some((name, value)),
        None => {
            Some((word.as_str(), next)).filter(|_| word.starts_with("--") && !next.starts_with('-'))
        }
    })
}

/// What a finding says.
struct Finding<'s> {
    service: &'s Service,
    name: &'s str,
    reader: &'s str,
    span: Span,
    label: Option<Span>,
    /// Whether the label is the value itself, and not only near it.
    is_at_label: bool,
}

impl<'s> Finding<'s> {
    fn new(service: &'s Service, name: &'s str, reader: &'s str) -> Self {
        Self { service, name, reader, span: service.span, label: None, is_at_label: true }
    }

    /// Sets the places of a value that the module writes at `span`: the option that it was made
    /// of comes first.
    fn made_of(&mut self, value: &str, span: Span) {
        let holds = |given: &Data| {
            given.as_text().is_some_and(|text| !text.is_empty() && value.contains(text))
        };
        let mut options = self.service.option_spans.iter().filter(|(name, _)| {
            self.service.options.get(*name).is_some_and(|given| given.items().iter().any(holds))
        });
        if let Some(option) = options.find_map(|(_, spans)| spans.first()) {
            self.span = *option;
        }
        self.label = Some(span);
    }

    fn told(self) -> Diagnostic {
        let Self { service, name, reader, span, label, is_at_label } = self;
        let message = format!("the value of `{name}` of `{reader}` is written into the lab");
        let found = Diagnostic::new(&CODE, span, message)
            .caption("the release holds it, and everybody who reads the lab knows it")
            .help(format!(
                "declare `secret NAME`, and pass it on with `secret … value-variable=\"{name}\"` \
                 in the module; choose another value, since this one is known"
            ))
            .on(service.name.clone());
        // An option says where the text is; the module only passes it on.
        let place = if span == service.span { label.filter(|_| is_at_label) } else { Some(span) };
        let found = match place {
            Some(place) => found.conceal(place),
            None => found,
        };
        match label {
            Some(label) => found.label(label, "the module writes it here"),
            None => found,
        }
    }
}
