//! Converts the environment and the labels of a container, and the host names in them.

use std::collections::{BTreeMap, BTreeSet};

use super::dotenv;
use super::files::file_name;
use super::hosts::{hosts_in, with_hosts};
use super::kdl::{Given, Line, line};
use super::ledger::{At, Fate};
use super::secrets::{is_secret, is_secret_label};
use super::stack::{Around, Stack};
use super::words::accepted;
use super::yaml::Place;
use crate::decl::types::Type;

/// What files give a container as its environment.
#[derive(Debug, Default)]
pub struct Filed<'n> {
    /// The variables.
    pub variables: Vec<(String, String, Place)>,
    /// What becomes of each file.
    pub said: Vec<(At<'n>, Fate, String)>,
}

/// Reads the files of `env_file`. The last one wins over the others.
pub fn filed<'n>(service: &At<'n>, around: &mut Around<'_>) -> Filed<'n> {
    let mut filed = Filed::default();
    let (mut all, mut last) = (Vec::new(), BTreeMap::new());
    for file in service.get("env_file").iter().flat_map(At::items) {
        let path = file.text().or_else(|| file.get("path").and_then(|path| path.text()));
        let Some(path) = path else { continue };
        let text = match around.files.read(path) {
            Ok(text) => text,
            Err(_) if file.get("required").and_then(|at| at.node.truth()) == Some(false) => {
                let what = "it is not there, and need not be".to_owned();
                filed.said.push((file, Fate::Kept, what));
                continue;
            }
            Err(problem) => {
                let what = format!(
                    "`{}` can't be read ({problem}): add its variables by hand",
                    file_name(path)
                );
                filed.said.push((file, Fate::Lost, what));
                continue;
            }
        };
        let number = around.read.iter().position(|name| name == path).unwrap_or_else(|| {
            around.read.push(path.to_owned());
            around.read.len() - 1
        });
        let found = dotenv::read(&text, &around.project.variables);
        let what = format!("its {} variables are written as `env` and secrets", found.len());
        filed.said.push((file, Fate::Changed, what));
        for (name, value, line) in found {
            last.insert(name.clone(), all.len());
            all.push((name, value, Place { file: number, line }));
        }
    }
    let all = all.into_iter().enumerate();
    let all = all.filter(|(at, (name, ..))| last.get(name) == Some(at));
    filed.variables = all.map(|(_, variable)| variable).collect();
    filed
}

/// Converts `environment` and `env_file`. `command` are the nodes of the command line, in which a
/// variable may stand for a secret.
pub fn environment(
    service: &At<'_>,
    command: &[Line],
    stack: &mut Stack,
    around: &mut Around<'_>,
) -> Vec<Line> {
    let of_command = |name: &str| {
        command.iter().any(|line| line.text_of("value-variable").as_deref() == Some(name))
    };
    let what_of_command = "the variable has what the command line says, which wins over it";
    let mut lines = Vec::new();
    let own = service.get("environment");
    let names: Vec<&str> = own.iter().flat_map(|own| own.entries().map(|(name, _)| name)).collect();
    let filed = filed(service, around);
    for (file, fate, what) in filed.said {
        around.ledger.say(&file, fate, what);
    }
    // The service's own `environment` wins over all files.
    for (name, value, place) in filed.variables {
        if names.contains(&name.as_str()) {
            continue;
        }
        let path = format!("{}.env_file.{name}", service.path);
        if of_command(&name) {
            around.ledger.note(place, &path, Fate::Changed, what_of_command);
            continue;
        }
        let (node, fate, what) = variable(service, &name, &value, place, stack, around);
        lines.extend(node);
        around.ledger.note(place, &path, fate, &what);
    }
    for (name, at) in own.iter().flat_map(At::entries) {
        let given = around.project.variables.values.get(name).map(String::as_str);
        let Some(value) = at.text().or(given).map(str::to_owned) else {
            around.ledger.lost(&at, "its value is in no file");
            continue;
        };
        if of_command(name) {
            around.ledger.changed(&at, what_of_command);
            continue;
        }
        let (node, fate, what) = variable(service, name, &value, at.node.place, stack, around);
        lines.extend(node);
        around.ledger.say(&at, fate, what);
    }
    lines
}

fn variable(
    service: &At<'_>,
    name: &str,
    value: &str,
    place: Place,
    stack: &mut Stack,
    around: &mut Around<'_>,
) -> (Option<Line>, Fate, String) {
    if !accepted(Type::Variable, name) || !accepted(Type::Any, value) {
        return (None, Fate::Lost, "no program can have such a variable".to_owned());
    }
    if name == "TZ" && value == around.lab.timezone {
        let node = line("env").arg(name).arg(Given::Ref("lab.timezone".to_owned()));
        return (Some(node), Fate::Kept, "the lab's time zone".to_owned());
    }
    if is_secret(name, value) || around.secrets.hides(value) {
        let owner = owner_name(service);
        let made = super::partial::variable(name, value, (owner, place), stack, around);
        if let Some((node, what)) = made {
            return (Some(node), Fate::Changed, what);
        }
        let hint = hosts_in(value, around.renames, true);
        let hint = if hint.is_empty() {
            String::new()
        } else {
            format!(", with {} in it", hint.join(" and "))
        };
        let doc = format!("`{name}` of `{owner}`{hint}");
        let wanted = format!("{}-{}", stack.service, name.to_ascii_lowercase());
        let secret = around.secrets.declare(value, &wanted, place, &doc);
        let option = stack.secret_option(&secret, name, &format!("The value of `{name}`."));
        let node =
            line("secret").arg(Given::Ref(format!("opt.{option}"))).prop("value-variable", name);
        let what = format!("the secret `{secret}`, which the machine keeps{hint}");
        return (Some(node), Fate::Changed, what);
    }
    // Such as `${PWD}`: the folder is another one on the machine.
    let moved = value.starts_with('/').then(|| around.lab.on_machine(value));
    let value = moved.as_deref().unwrap_or(value);
    let (given, renamed) = with_hosts(name, value, around.number, around.renames);
    let node = line("env").arg(name).arg(given);
    if renamed.is_empty() {
        (Some(node), Fate::Kept, "env".to_owned())
    } else {
        (Some(node), Fate::Changed, format!("env, with {}", renamed.join(" and ")))
    }
}

/// Returns the name of a service in its compose file.
pub fn owner_name<'a>(service: &'a At<'_>) -> &'a str {
    service.path.strip_prefix("services.").unwrap_or(&service.path)
}

/// Says that a label stays, and who reads it.
pub fn label_kept(name: &str) -> &'static str {
    match name.strip_prefix("homepage.") {
        None => "label",
        Some("group" | "name" | "icon" | "href" | "description" | "siteMonitor") => {
            "label, which the module homepage shows"
        }
        Some(_) => "label, which the module homepage does not read",
    }
}

/// Converts `labels` and `label_file`, but for the labels that are part of a route.
pub fn labels(service: &At<'_>, routed: &BTreeSet<String>, around: &mut Around<'_>) -> Vec<Line> {
    let mut lines = Vec::new();
    for file in service.get("label_file").iter().flat_map(At::items) {
        around.ledger.lost(&file, "copy its labels into `label` nodes");
    }
    for (name, at) in service.get("labels").iter().flat_map(At::entries) {
        if routed.contains(name) {
            continue;
        }
        let value = at.text().unwrap_or_default();
        if !accepted(Type::Key, name) || !accepted(Type::Any, value) {
            around.ledger.lost(&at, "docker refuses such a label");
        } else if name.starts_with("com.docker.compose.") || name.starts_with("labwright.") {
            around.ledger.lost(&at, "compose and labwright set such labels themselves");
        } else if around.secrets.hides(value) || is_secret_label(name, value) {
            around.ledger.lost(&at, "it has a secret in it, which no label may hold");
        } else {
            lines.push(line("label").arg(name).arg(value));
            around.ledger.kept(&at, label_kept(name));
        }
    }
    lines
}
