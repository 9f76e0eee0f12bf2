//! Emits what carries new values to programs that read them at their first start alone: passwords
//! of databases, accounts of administrators, names that are stored.
//!
//! One script does all of it. What the values were is noted as a digest, for root alone.

use std::sync::LazyLock;

use serde::Serialize;

use super::{Context, Emitter};
use crate::artifact::{Artifacts, Slot};
use crate::diag::Diagnostics;
use crate::format::Templates;
use crate::kind::Kind;
use crate::model::{Container, FirstStart, SecretUse, Service};
use crate::plan::joined::{note, secret_note};
use crate::plan::secret_path;

/// The emitter of values that count at the first start alone.
pub const EMITTER: Emitter = Emitter { name: "first_start", folders: &["first-start"], emit };

const SCRIPT: &str = "first-start/carry.sh";

static TEMPLATES: LazyLock<Templates> =
    LazyLock::new(|| Templates::new(&[("carry.sh.j2", include_str!("carry.sh.j2"))]));

#[derive(Debug, Serialize)]
struct View<'p> {
    values: Vec<Given<'p>>,
    postgres: bool,
    mariadb: bool,
}

/// A value that counts at the first start alone.
#[derive(Debug, Serialize)]
struct Given<'p> {
    /// The name under which it is noted, for people too.
    key: String,
    /// The function of the script that carries it over.
    way: &'static str,
    /// The container, or the service if no container reads it.
    of: &'p str,
    /// The file of a secret, or nothing.
    file: String,
    /// The value, if it is not a secret.
    value: &'p str,
    /// The user of the database, the line for the shell, or the advice.
    with: &'p str,
}

/// The ways, in the order in which they are taken. Databases come last, so that a program that has
/// to be given a new value still reaches its database.
const WAYS: [&str; 5] = ["command", "person", "nothing", "mariadb", "postgres"];

fn emit(context: &Context<'_>, artifacts: &mut Artifacts, diagnostics: &mut Diagnostics) {
    let mut values: Vec<Given<'_>> =
        context.services().flat_map(|(_, service)| values(context, service)).collect();
    if values.is_empty() {
        return;
    }
    // The root of MariaDB after its user, which root's old password changes.
    let rank = |value: &Given<'_>| {
        (WAYS.iter().position(|way| *way == value.way), value.with == ROOT, value.key.clone())
    };
    values.sort_by_key(rank);
    let any = |way: &str| values.iter().any(|value| value.way == way);
    let view = View { postgres: any("postgres"), mariadb: any("mariadb"), values };
    let Some(script) = TEMPLATES.write("carry.sh.j2", &view, &context.this().name, diagnostics)
    else {
        return;
    };
    artifacts.add(SCRIPT, Kind::Shell, script, context.origin());
    for (slot, mode) in [
        (Slot::CHECK_FIRST_START, "check"),
        (Slot::PLAN_FIRST_START, "plan"),
        (Slot::FIRST_START_RUNNING, "before"),
        (Slot::FIRST_START, "after"),
    ] {
        // No inputs: the values are the machine's own.
        let inputs: &[&str] = if slot == Slot::PLAN_FIRST_START { &[SCRIPT] } else { &[] };
        let body = format!("exec sh {SCRIPT} {mode}\n");
        artifacts.step(slot, "first-start", inputs, &body, context.origin());
    }
}

/// The user that `MariaDB` always has.
const ROOT: &str = "root";

fn values<'p>(context: &Context<'p>, service: &'p Service) -> Vec<Given<'p>> {
    let mut values = Vec::new();
    for container in &service.containers {
        let secrets = container
            .secrets
            .iter()
            .filter_map(|used| secret(context, &container.name, used, Some(container)));
        values.extend(secrets);
        for variable in &container.environment {
            let Some(first_start) = &variable.first_start else { continue };
            values.push(Given {
                key: note(&container.name, &variable.name),
                way: way(first_start),
                of: &container.name,
                file: String::new(),
                value: &variable.value,
                with: with(first_start, None, ""),
            });
        }
    }
    let own = service.secrets.iter();
    values.extend(own.filter_map(|used| secret(context, &service.name, used, None)));
    values
}

fn secret<'p>(
    context: &Context<'p>,
    of: &'p str,
    used: &'p SecretUse,
    container: Option<&'p Container>,
) -> Option<Given<'p>> {
    let first_start = used.first_start.as_ref()?;
    let name = context.model()[used.secret].name.as_str();
    let variable = used.file_variable.as_deref().or(used.value_variable.as_deref());
    Some(Given {
        key: secret_note(of, used, name),
        way: way(first_start),
        of,
        file: secret_path(name, &used.owner),
        value: "",
        with: with(first_start, container, variable.unwrap_or_default()),
    })
}

const fn way(first_start: &FirstStart) -> &'static str {
    match first_start {
        FirstStart::Postgres => "postgres",
        FirstStart::Mariadb => "mariadb",
        FirstStart::Command(_) => "command",
        FirstStart::Person(_) => "person",
        FirstStart::Nothing => "nothing",
    }
}

/// Returns what a way needs in addition to the value.
fn with<'p>(
    first_start: &'p FirstStart,
    container: Option<&'p Container>,
    variable: &str,
) -> &'p str {
    let user = |names: &[&str], usual: &'p str| {
        let mut variables = container.iter().flat_map(|container| &container.environment);
        let found = variables.find(|one| names.contains(&one.name.as_str()));
        found.map_or(usual, |one| one.value.as_str())
    };
    match first_start {
        // The images make these users when no variable names another.
        FirstStart::Postgres => user(&["POSTGRES_USER"], "postgres"),
        FirstStart::Mariadb if variable.contains("ROOT") => ROOT,
        FirstStart::Mariadb => user(&["MARIADB_USER", "MYSQL_USER"], ROOT),
        FirstStart::Command(text) | FirstStart::Person(text) => text,
        FirstStart::Nothing => "",
    }
}
