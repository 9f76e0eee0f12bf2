//! Finds settings that two declarations want to be different.

use std::collections::BTreeMap;

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::model::{Container, Service};
use crate::plan::{Plan, kernel};
use crate::source::Span;

/// Finds kernel settings, folders and variables that get two values. The machine or the container
/// has one of them, and which one it is nobody said.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code =
    codes::code!("settings-disagree", Error, "two declarations want different values of one thing");

/// A value, with who wants it.
#[derive(Clone, Copy)]
struct Wanted<'p, V> {
    value: V,
    service: &'p Service,
    span: Span,
}

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    for machine in &plan.machines {
        let services = || machine.services.iter().map(|id| &plan.model[*id]);
        let (mut settings, mut folders) = (BTreeMap::new(), BTreeMap::new());
        for service in services() {
            let own = service.sysctls.iter().map(|one| (&*one.name, &*one.value, service.span));
            // A service that carries a network needs the machine to forward.
            let needed = service.gateway.iter().flat_map(|gateway| {
                let needed = kernel::forwarding(plan.model, service);
                needed.map(|(name, value)| (name, value, gateway.span))
            });
            for (name, value, span) in own.chain(needed) {
                let wanted = Wanted { value, service, span };
                let first = *settings.entry(name).or_insert(wanted);
                if first.value != value {
                    let what = format!("the kernel setting `{name}`");
                    let values = (first.value.to_owned(), value.to_owned());
                    diagnostics.push(finding(&what, values, first, wanted));
                }
            }
            for state in &service.states {
                let value = (&*state.owner, &*state.group, &*state.mode);
                let wanted = Wanted { value, service, span: state.span };
                let first = *folders.entry(state.path.as_str()).or_insert(wanted);
                if first.value != value {
                    let words = |(owner, group, mode): (&str, &str, &str)| {
                        format!("{owner}:{group} {mode}")
                    };
                    let what = format!("the owner and mode of `{}`", state.path);
                    let values = (words(first.value), words(value));
                    diagnostics.push(finding(&what, values, first, wanted));
                }
            }
        }
    }
    for service in &plan.model.services {
        for container in &service.containers {
            variables(service, container, diagnostics);
            let mut settings: BTreeMap<&str, &str> = BTreeMap::new();
            for setting in &container.sysctls {
                let first = *settings.entry(&setting.name).or_insert(&setting.value);
                if first != setting.value {
                    let what = format!("the setting `{}` of `{}`", setting.name, container.name);
                    let wanted = Wanted { value: first, service, span: container.span };
                    let values = (first.to_owned(), setting.value.clone());
                    diagnostics.push(finding(&what, values, wanted, wanted));
                }
            }
        }
    }
}

fn finding<V: Copy>(
    what: &str,
    (one, other): (String, String),
    first: Wanted<'_, V>,
    second: Wanted<'_, V>,
) -> Diagnostic {
    let message = format!("{what} would be `{one}` for `{}`, and `{other}`", first.service.name);
    let found = Diagnostic::new(&CODE, second.service.span, message).label(first.span, "the first");
    let own = [first.span, first.service.span, second.service.span];
    let found =
        if own.contains(&second.span) { found } else { found.label(second.span, "the second") };
    found.help("let both want the same").on(second.service.name.clone())
}

/// Finds variables of a container that two nodes set.
fn variables(service: &Service, container: &Container, diagnostics: &mut Diagnostics) {
    let plain = container.environment.iter().map(|one| (one.name.as_str(), one.span));
    let secrets = container.secrets.iter().flat_map(|used| {
        let names = [&used.file_variable, &used.value_variable];
        names.into_iter().flatten().map(|name| (name.as_str(), used.span))
    });
    let mut taken: BTreeMap<&str, Span> = BTreeMap::new();
    for (name, span) in plain.chain(secrets) {
        let first = *taken.entry(name).or_insert(span);
        if first != span {
            let message = format!("two nodes set the variable `{name}` of `{}`", container.name);
            diagnostics.push(
                Diagnostic::new(&CODE, service.span, message)
                    .label(first, "the first")
                    .label(span, "the second")
                    .help("remove one of the two")
                    .on(service.name.clone()),
            );
        }
    }
}
