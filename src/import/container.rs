//! Converts one service of compose into a container of a module.

use super::kdl::{Given, Line, line};
use super::ledger::{At, Fate};
use super::names::named;
use super::stack::{Around, Stack, comment};
use super::yaml::Node;
use super::{
    command, databases, gpu, internal, limits, mounts, ports, process, rest, routes, running,
    runtime, variables, words,
};
use crate::decl::types::Type;

/// The containers around one, by their names in the compose file.
pub struct Neighbours {
    /// Those of the same module, with their names in it.
    pub own: Vec<(String, String)>,
    /// Every service of the project, with the name of its service in the lab.
    pub services: Vec<(String, String)>,
}

/// Adds a container to a stack.
pub fn convert(
    name: &str,
    node: &Node,
    container: &str,
    neighbours: &Neighbours,
    stack: &mut Stack,
    around: &mut Around<'_>,
) {
    let path = format!("services.{name}");
    let service = At::new(path.as_str(), node);
    let mut raws = Vec::new();
    let mut body = vec![image(&service, name, container, stack, around)];
    body.extend(command::command_line(&service, stack, around));
    body.extend(user(&service, around));
    let environment = variables::environment(&service, &body, stack, around);
    body.extend(environment);
    body.extend(runtime::secret_files(&service, container, stack, around));
    body.extend(mounts::mounts(&service, container, stack, around));
    body.extend(runtime::devices(&service, &mut raws, around));
    body.extend(runtime::rights(&service, around));
    body.extend(runtime::network(&service, &neighbours.services, stack, around));
    body.extend(internal::lines(&service, around));
    body.extend(process::process(&service, around));
    body.extend(running::running(&service, around));
    body.extend(deploy(&service, around));
    body.extend(gpu::gpus(&service, around));
    body.extend(limits::limits(&service, around));
    body.extend(runtime::health(&service, around));
    body.extend(runtime::dependencies(&service, &neighbours.own, around));
    body.extend(runtime::ending(&service, around));
    // This reads from `body` which state the data is in.
    databases::database(&service, container, &body, stack, around);
    ports::ports(&service, container, stack, around);
    let mut routed = Vec::new();
    let endpoints = routes::Endpoints::Making(stack);
    let target = routes::Target { service: &service, container, endpoints, settings: &mut routed };
    let taken = routes::routes(target, around);
    stack.settings.extend(routed);
    body.extend(variables::labels(&service, &taken, around));
    rest::raw(&service, &mut raws, around);
    rest::others(&service, around);
    // By now, everything that reads a key has said what becomes of it.
    around.ledger.close(&service);

    let main = stack.containers.is_empty();
    for raw in raws {
        let raw = if main { raw } else { raw.prop("container", container) };
        stack.settings.push(raw);
    }
    let entries: Vec<_> =
        around.ledger.below(&path).filter(|entry| entry.fate != Fate::Kept).collect();
    let made = line("container").arg(container).children(body);
    stack.containers.push(made.comment(&comment(&entries, around.read, &path)));
}

/// Converts `image` and `build`.
fn image(
    service: &At<'_>,
    name: &str,
    container: &str,
    stack: &mut Stack,
    around: &mut Around<'_>,
) -> Line {
    let built = format!("{}-{}:latest", named(&around.project.name), named(name));
    let valid = |text: &str| words::accepted(Type::Image, text);
    let at = service.get("image");
    let mut reference = at.as_ref().and_then(At::text).unwrap_or_default().to_owned();
    if let Some(build) = service.get("build") {
        let used = if valid(&reference) { &reference } else { &built };
        let why = match super::build::build(&build, name, container, stack, around) {
            Ok(node) => {
                if let Some(at) = &at {
                    around.ledger.changed(at, "the image is built, and named by its files");
                }
                return node;
            }
            Err(why) => why,
        };
        let what = format!(
            "{why}, so labwright can't build it: build `{used}` on the machine, or name an image \
             of a registry in the option `image`"
        );
        around.lab.findings.push((build.node.place, format!("`{name}`: {what}")));
        around.ledger.changed(&build, what);
    }
    if !valid(&reference) {
        if let Some(at) = &at {
            around.ledger.lost(at, "it is not the name of an image");
        }
        if service.get("build").is_none() {
            let finding = format!("`{name}` has no image: set the option `image`");
            around.lab.findings.push((service.node.place, finding));
        }
        reference = built;
    } else if let Some(at) = &at {
        let read = words::image(&reference);
        let newest = around.lab.newest.get(&read.repository).filter(|_| read.is_unpinned());
        if let Some(tag) = newest {
            let plain = reference.strip_suffix(":latest").unwrap_or(&reference);
            reference = format!("{plain}:{tag}");
            around
                .ledger
                .changed(at, format!("`{tag}`, the newest version that the library knows"));
        } else {
            around.ledger.kept(at, "the option `image`");
        }
    }
    let main = container == stack.module || stack.containers.is_empty();
    let option = if main { "image".to_owned() } else { format!("{container}-image") };
    let option = if main { option } else { stack.option_names.take(&option) };
    stack.options.push(
        line("option")
            .arg(option.as_str())
            .prop("type", "image")
            .child(line("default").arg(reference))
            .child(line("doc").arg("The image.")),
    );
    line("image").arg(Given::Ref(format!("opt.{option}")))
}

fn user(service: &At<'_>, around: &mut Around<'_>) -> Option<Line> {
    let at = service.get("user")?;
    let named = at.text().filter(|text| words::accepted(Type::Account, text));
    if named.is_some() {
        around.ledger.kept(&at, "user");
    } else {
        around.ledger.lost(&at, "it names nobody");
    }
    named.map(|user| line("user").arg(user))
}

/// Converts `deploy`, most of which is for swarms.
fn deploy(service: &At<'_>, around: &mut Around<'_>) -> Vec<Line> {
    let mut lines = Vec::new();
    let Some(deploy) = service.get("deploy") else { return lines };
    let swarm = "it is for a swarm";
    for (key, at) in deploy.entries() {
        match key {
            "resources" => resources(&at, &mut lines, around),
            // `running` converts this.
            "restart_policy" if service.get("restart").is_none() => {}
            "replicas" if at.text() == Some("1") => around.ledger.kept(&at, "one container"),
            "replicas" => around.ledger.lost(&at, "a lab runs one container of each kind"),
            _ => around.ledger.lost(&at, swarm),
        }
    }
    lines
}

fn resources(at: &At<'_>, lines: &mut Vec<Line>, around: &mut Around<'_>) {
    if let Some(limits) = at.get("limits")
        && let Some(pids) = limits.get("pids")
    {
        match pids.text().and_then(|text| text.parse::<i64>().ok()) {
            Some(number) if (1..=4_194_304).contains(&number) => {
                lines.push(line("pids").number(number));
                around.ledger.changed(&pids, "pids, which says the same without a swarm");
            }
            _ => around.ledger.lost(&pids, "it is not a number that a lab accepts"),
        }
    }
    let Some(reservations) = at.get("reservations") else { return };
    for (key, at) in reservations.entries() {
        match key {
            // `limits` converts this.
            "memory" => {}
            "devices" => lines.extend(gpu::reserved(&at, around)),
            _ => around.ledger.lost(&at, "a lab reserves no processors for a container"),
        }
    }
}
