//! Finds programs that connect to a Redis or Valkey without the password that it wants.

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::model::{Container, Data};
use crate::plan::Plan;

/// Finds containers that name such a store of their service and get no password.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code = codes::code!(
    "client-without-password",
    Warning,
    "a program connects to a Redis or Valkey without the password that it wants"
);

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    for service in &plan.model.services {
        for store in service.containers.iter().filter(|container| wants_password(container)) {
            let clients = service.containers.iter().filter(|client| client.name != store.name);
            for client in clients.filter(|client| names(client, store) && !has_password(client)) {
                let message = format!(
                    "`{}` connects to `{}` without the password that it wants",
                    client.name, store.name
                );
                diagnostics.push(
                    Diagnostic::new(&CODE, service.span, message)
                        .label(store.span, "refuses clients without a password")
                        .label(client.span, "gets none")
                        .help(
                            "give it the same secret, or leave the password out: no other \
                             machine reaches it unless a port is published",
                        )
                        .on(service.name.clone()),
                );
            }
        }
    }
}

fn wants_password(container: &Container) -> bool {
    let program = container.repository().rsplit('/').next().unwrap_or_default();
    let is_store = ["redis", "valkey", "keydb", "redis-stack-server"].contains(&program);
    let raw = container.raw.get("command").map(words).unwrap_or_default();
    let mut words = container.command.iter().chain(&container.entrypoint).chain(&raw);
    is_store && words.any(|word| word.contains("--requirepass"))
}

/// Lists the words of a command that `raw` sets.
fn words(value: &Data) -> Vec<String> {
    value.items().iter().filter_map(Data::as_text).map(str::to_owned).collect()
}

/// Returns whether a variable of the client holds the name of the store.
fn names(client: &Container, store: &Container) -> bool {
    let is_name = |word: &str| word == store.name;
    client
        .environment
        .iter()
        .any(|variable| variable.value.split(|one: char| "/:@,".contains(one)).any(is_name))
}

/// Returns whether the client gets a password: as a secret, or in an address.
fn has_password(client: &Container) -> bool {
    let is_of_store = |name: &str| {
        ["REDIS", "VALKEY", "CACHE", "BROKER", "CELERY"].iter().any(|word| name.contains(word))
    };
    let secrets = client.secrets.iter().flat_map(|used| {
        [used.file_variable.as_deref(), used.value_variable.as_deref()].into_iter().flatten()
    });
    // A file without a variable may hold anything.
    client.secrets.iter().any(|used| used.file_variable.is_none() && used.value_variable.is_none())
        || secrets
            .chain(client.environment.iter().filter_map(|variable| {
                (variable.value.contains("://") && variable.value.contains('@')
                    || variable.name.contains("PASS"))
                .then_some(variable.name.as_str())
            }))
            .any(is_of_store)
}
