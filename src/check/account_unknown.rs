//! Finds users and groups that nothing makes on the machine.

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::model::{Model, Service, ServiceFileTarget, Unit};
use crate::plan::Plan;
use crate::resolve::accounts::is_of_system;
use crate::source::Span;

/// Finds units that run as somebody who is not there, and files, folders and secrets that belong
/// to one.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code = codes::code!(
    "account-unknown",
    Warning,
    "a program or a file is that of a user whom nothing makes"
);

/// The settings of a unit that name a user or a group.
const NAMES: &[&str] = &["User", "Group", "SocketUser", "SocketGroup"];

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    let model = plan.model;
    datasets(model, diagnostics);
    for service in model.services.iter().filter(|service| !makes_accounts(service)) {
        for (name, what, span) in named(service) {
            if is_known(model, service, name) {
                continue;
            }
            let message = format!(
                "nothing makes the account `{name}` on `{}`, which {what}",
                model[service.machine].name
            );
            let found = Diagnostic::new(&CODE, service.span, message)
                .label(span, "the module declares it here")
                .help(
                    "name an account of the system, an admin of the lab or a number; or let the \
                     module make the account, by a package or a file in `/etc/sysusers.d`",
                )
                .on(service.name.clone());
            diagnostics.push(found);
        }
    }
}

/// Finds the owners of datasets.
fn datasets(model: &Model, diagnostics: &mut Diagnostics) {
    for machine in &model.machines {
        for dataset in machine.pools.iter().flat_map(|pool| &pool.datasets) {
            let owner = dataset.owner.as_deref().unwrap_or_default();
            let is_there = |name: &&str| is_account(model, name);
            let Some(name) = owner.split(':').find(|name| !is_there(name)) else { continue };
            let message = format!(
                "nothing makes the account `{name}` on `{}`, to which a dataset belongs",
                machine.name
            );
            diagnostics.push(
                Diagnostic::new(&CODE, dataset.span, message)
                    .help("write its number, as in `owner=\"1000:1000\"`")
                    .on(machine.name.clone()),
            );
        }
    }
}

/// Returns whether each machine has an account, by its system or by the lab.
fn is_account(model: &Model, name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_digit())
        || is_of_system(name)
        || model.admins.iter().any(|admin| admin.name == name)
}

/// Returns whether a service may make accounts in a way that can't be seen.
fn makes_accounts(service: &Service) -> bool {
    let makes = |path: &str| path.starts_with("/etc/sysusers.d/");
    !service.packages.is_empty()
        || !service.scripts.is_empty()
        || service
            .files
            .iter()
            .any(|file| matches!(&file.target, ServiceFileTarget::Machine(path) if makes(path)))
}

/// Lists the accounts that a service names, each once, with what each is for.
fn named(service: &Service) -> Vec<(&str, String, Span)> {
    let mut named = Vec::new();
    for unit in &service.units {
        let what = format!("`{}` of `{}` runs as", unit.name, service.name);
        named.extend(of_unit(unit).map(|name| (name, what.clone(), unit.span)));
    }
    for file in &service.files {
        let what = format!("`{}` of `{}` belongs to", file.name, service.name);
        named.extend([&file.owner, &file.group].map(|name| (&**name, what.clone(), file.span)));
    }
    for state in &service.states {
        let what = format!("the folder `{}` of `{}` belongs to", state.name, service.name);
        named.extend([&state.owner, &state.group].map(|name| (&**name, what.clone(), state.span)));
    }
    let inside = service.containers.iter().flat_map(|container| &container.secrets);
    for used in service.secrets.iter().chain(inside) {
        let what = format!("a secret of `{}` belongs to", service.name);
        named.push((&used.owner, what, used.span));
    }
    named.sort_by_key(|(name, _, span)| (*name, *span));
    named.dedup_by_key(|(name, ..)| *name);
    named
}

fn of_unit(unit: &Unit) -> impl Iterator<Item = &str> {
    let lines = unit.sections.iter().flat_map(|(_, lines)| lines);
    let is_made = lines.clone().any(|(name, words)| {
        let on = |word: &String| ["yes", "true", "on", "1"].contains(&word.as_str());
        name == "DynamicUser" && words.iter().any(on)
    });
    lines
        .filter(move |(name, _)| !is_made && NAMES.contains(&name.as_str()))
        .flat_map(|(_, words)| words)
        // systemd fills in a specifier.
        .filter(|word| !word.is_empty() && !word.contains('%'))
        .map(String::as_str)
}

fn is_known(model: &Model, service: &Service, name: &str) -> bool {
    // A package names its account after itself, or after a part of its own name.
    let on_machine = model.services.iter().filter(|other| other.machine == service.machine);
    let mut packages = on_machine.flat_map(|other| &other.packages);
    is_account(model, name) || packages.any(|package| package.name.contains(name))
}
