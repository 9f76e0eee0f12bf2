//! Reads the containers of a module.

use std::collections::{BTreeMap, BTreeSet};

use super::names::compose_name;
use super::process::{accelerators, process};
use super::read::{Report, first_start, flag, plain, secret, sysctl, text, words};
use super::service_networks::on_network;
use super::texts::{secret_text, uses_of};
use super::visible::Visible;
use super::{builds, codes, container_faults, running, start};
use crate::decl::{Block, Value, grammar};
use crate::diag::{Diagnostic, Diagnostics, suggest};
use crate::model::{
    Build, Container, Dependency, Device, Duration, Environment, Health, HealthProbe, Mount,
    MountKind, NetworkMode, Protocol, Resources, SECRET_MARK, Service,
};
use crate::source::{Sources, Spanned};

pub fn device(block: &Block<'_>) -> Option<Device> {
    let at = text(block, "at");
    Some(Device { path: block.argument(0)?.string()?, at, accelerator: None, span: block.span })
}

/// Reads the image of a container, and how the machine builds it.
fn image(
    block: &Block<'_>,
    name: &str,
    sources: &Sources,
    report: Report<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<(Spanned<String>, Option<Build>)> {
    match (block.value("image"), block.child("build")) {
        (Some(image), None) => {
            Some((Spanned::new(image.string().unwrap_or_default(), image.span), None))
        }
        (None, Some(node)) => {
            let build = builds::build(node, sources, report, diagnostics)?;
            let image = builds::image(name, &build, sources);
            Some((Spanned::new(image, node.span), Some(build)))
        }
        (Some(_), Some(node)) => {
            let message = format!("container `{}` has an image and builds one", block.key());
            report(node.span, message, diagnostics);
            None
        }
        (None, None) => {
            report(block.span, format!("container `{}` has no image", block.key()), diagnostics);
            None
        }
    }
}

pub fn container(
    block: &Block<'_>,
    service: &Service,
    (lab, sources): (&Visible, &Sources),
    report: Report<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Container> {
    let name = compose_name(&service.module, &service.name, block.key());
    let (image, build) = image(block, &name, sources, report, diagnostics)?;
    container_faults::check(block, service, report, diagnostics);
    let all = |name: &'static str| block.all(name).flat_map(words).collect::<Vec<_>>();
    // Compose refuses a list with an item twice, which several conditions may add.
    let each = |name: &'static str| {
        let mut seen = BTreeSet::new();
        let mut list = all(name);
        list.retain(|word| seen.insert(word.clone()));
        list
    };
    let is = |name: &str| block.value(name).and_then(Spanned::bool).unwrap_or(false);
    let mut container = Container {
        name,
        own_name: block.key().to_owned(),
        // A finding about the image points at the option, if the service sets it.
        image: Spanned::new(
            image.value,
            service
                .option_spans
                .get("image")
                .and_then(|spans| spans.first())
                .copied()
                .unwrap_or(image.span),
        ),
        build,
        entrypoint: all("entrypoint"),
        command: all("command"),
        user: block.value("user").map(plain),
        environment: Vec::new(),
        texts: Vec::new(),
        secrets: block
            .all("secret")
            .filter_map(|part| secret(part, &lab.secrets, report, diagnostics))
            .collect(),
        mounts: block
            .all("mount")
            .filter_map(|part| mount(part, service, report, diagnostics))
            .collect(),
        devices: block.all("device").filter_map(device).chain(accelerators(block)).collect(),
        tmpfs: all("tmpfs"),
        network: match block.value("network").and_then(Spanned::text) {
            Some("host") => NetworkMode::Host,
            Some("none") => NetworkMode::None,
            // A `service` becomes that service's container in `link`, once every service is known.
            _ => NetworkMode::Bridge,
        },
        on: block.all("on-network").map(on_network).collect(),
        host_pid: is("host-pid"),
        cap_add: each("cap-add"),
        cap_drop: each("cap-drop"),
        privileged: is("privileged"),
        security_options: each("security-option"),
        groups: each("group"),
        sysctls: block
            .all("sysctl")
            .inspect(|node| {
                container_faults::sysctl_value(node, report, diagnostics);
                check_sysctl(node, block, report, diagnostics);
            })
            .filter_map(sysctl)
            .collect(),
        extra_hosts: each("extra-host"),
        shm_size: block.value("shm-size").and_then(Spanned::size),
        init: is("init"),
        read_only: is("read-only"),
        health: block.child("health").and_then(|part| health(part, service, report, diagnostics)),
        depends_on: block
            .all("depends-on")
            .map(|part| Dependency {
                container: compose_name(&service.module, &service.name, part.key()),
                until: running::until(part),
                restart: flag(part, "restart").unwrap_or(false),
            })
            .collect(),
        resources: Resources::default(),
        process: process(block, report, diagnostics),
        runs: running::runs(block, report, diagnostics),
        restart: running::restart(block, report, diagnostics),
        logging: running::logging(block),
        stop_grace: block.value("stop-grace").and_then(Spanned::duration),
        reload_signal: block.value("reload").and_then(Spanned::string),
        labels: block
            .all("label")
            .filter_map(|label| Some((label.key().to_owned(), plain(label.argument(1)?))))
            .collect(),
        raw: BTreeMap::new(),
        raw_environment: Vec::new(),
        span: block.span,
    };
    if let Some(limits) = block.child("limits") {
        container.resources = limits_of(limits);
    }
    for env in block.all("env") {
        // A variable whose value is nothing is not set.
        let Some(value) = env.argument(1) else { continue };
        let (name, text) = (env.key().to_owned(), plain(value));
        if text.contains(SECRET_MARK) {
            let text = secret_text(env, name, &text, &lab.secrets);
            container.secrets.extend(uses_of(&text, value.span));
            container.texts.push(text);
        } else {
            container.environment.push(Environment {
                name,
                value: text,
                span: value.span,
                first_start: first_start(env),
            });
        }
    }
    for (text, span) in
        start::with_secrets(block, &mut container, &lab.secrets, report, diagnostics)
    {
        container.secrets.extend(uses_of(&text, span));
        container.texts.push(text);
    }
    container.environment.sort();
    container.texts.sort_by(|a, b| a.name.cmp(&b.name));
    container.depends_on.sort();
    container.sysctls.sort();
    Some(container)
}

fn limits_of(block: &Block<'_>) -> Resources {
    Resources {
        memory: block
            .property("memory")
            .and_then(|value| Some(Spanned::new(value.size()?, value.span))),
        millicpus: block.property("cpus").and_then(|value| {
            let millicpus = match value.value {
                Value::Integer(number) => u32::try_from(number).ok()?.checked_mul(1000)?,
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "the type is from 0.01 to 4096"
                )]
                Value::Float(number) => (number * 1000.0).round() as u32,
                _ => return None,
            };
            Some(Spanned::new(millicpus, value.span))
        }),
    }
}

fn mount(
    block: &Block<'_>,
    service: &Service,
    report: Report<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Mount> {
    let source = plain_path(block.argument(0)?.string()?);
    let at = match text(block, "at")? {
        same if same == "same" => source.clone(),
        at => plain_path(at),
    };
    let folder = service.config_folder();
    let kind = if source.starts_with("volume:") {
        MountKind::Volume
    } else if let Some(state) = service.states.iter().find(|state| state.path == source) {
        MountKind::State(state.name.clone())
    } else if source == folder || source.starts_with(&format!("{folder}/")) {
        MountKind::Config
    } else {
        MountKind::Path
    };
    // Docker has one list of volumes for all services, so the name begins with the service's.
    let source = source
        .strip_prefix("volume:")
        .map_or_else(|| source.clone(), |name| format!("{}-{name}", service.name));
    if kind == MountKind::Volume && !is_volume(block.argument(0)?.text().unwrap_or_default()) {
        let message =
            format!("`{source}` is not the name of a volume: letters, digits, `.`, `_`, `-`");
        report(block.span, message, diagnostics);
        return None;
    }
    // The files that lxcfs makes are the exception: they are meant for this place.
    let hides = is_below_proc(&at) && !is_below_proc(&source) && !source.contains("/lxcfs/");
    if hides || at.contains(':') {
        let why = if hides { "is the kernel's own" } else { "has a `:`, which ends it for docker" };
        report(block.span, format!("nothing can be mounted at `{at}`, which {why}"), diagnostics);
        return None;
    }
    let valid = |path: &str| {
        path.starts_with('/')
            && !path.chars().any(char::is_control)
            && !path.split('/').any(|part| part == "..")
    };
    if !valid(&at) || (kind != MountKind::Volume && !valid(&source)) {
        report(
            block.span,
            format!("a mount needs two absolute paths, not `{source}` at `{at}`"),
            diagnostics,
        );
        return None;
    }
    Some(Mount {
        kind,
        source,
        at,
        read_only: flag(block, "read-only").unwrap_or(false),
        propagation: text(block, "propagation"),
        span: block.argument(0)?.span,
    })
}

/// Writes an absolute path without what changes nothing in it: `//`, `/./` and `/` at its end.
fn plain_path(path: String) -> String {
    if !path.starts_with('/') {
        return path;
    }
    let parts = path.split('/').filter(|part| !part.is_empty() && *part != ".");
    let plain: String = parts.flat_map(|part| ["/", part]).collect();
    if plain.is_empty() { "/".to_owned() } else { plain }
}

/// Reports a kernel setting that is not the container's own, so that the container would not start.
fn check_sysctl(
    node: &Block<'_>,
    container: &Block<'_>,
    report: Report<'_>,
    diagnostics: &mut Diagnostics,
) {
    let name = node.key();
    let host = container.value("network").and_then(Spanned::text) == Some("host");
    if grammar::is_sysctl_of_container(name, host) {
        return;
    }
    let why = if host && name.starts_with("net") {
        "on the machine's own network, it is the machine's"
    } else {
        "it is the machine's: write `sysctl` in the module, beside the container"
    };
    report(node.span, format!("a container can't have the setting `{name}`: {why}"), diagnostics);
}

/// Returns whether text is `volume:` and a name that docker takes for that of a volume.
fn is_volume(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    text.strip_prefix("volume:").is_some_and(|name| {
        name.starts_with(|first: char| first.is_ascii_alphanumeric())
            && name.len() <= 100
            && name.bytes().all(plain)
    })
}

fn is_below_proc(path: &str) -> bool {
    path == "/proc" || path.starts_with("/proc/")
}

fn health(
    block: &Block<'_>,
    service: &Service,
    report: Report<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Health> {
    let duration = |name: &str, default| {
        block.property(name).and_then(Spanned::duration).unwrap_or(Duration(default))
    };
    let probe = if let Some(name) = block.property("http") {
        let found =
            service.endpoints.iter().find(|endpoint| Some(endpoint.name.as_str()) == name.text());
        let Some(endpoint) = found else {
            report(
                name.span,
                format!("there is no endpoint `{}`", name.text().unwrap_or_default()),
                diagnostics,
            );
            return None;
        };
        let path =
            text(block, "path").or_else(|| endpoint.path.clone()).unwrap_or_else(|| "/".to_owned());
        HealthProbe::Http { port: endpoint.port, path, tls: endpoint.protocol == Protocol::Https }
    } else if !block.arguments.is_empty() {
        command_probe(words(block).collect())
    } else if flag(block, "image") == Some(true) {
        HealthProbe::Image
    } else {
        HealthProbe::None
    };
    Some(Health {
        probe,
        interval: duration("interval", 30),
        timeout: duration("timeout", 10),
        retries: block.property("retries").and_then(Spanned::number).unwrap_or(3),
        start_period: duration("start-period", 60),
    })
}

/// Understands a health check in compose's words too: `CMD` before a program, `CMD-SHELL` before a
/// line for a shell, and `NONE`.
fn command_probe(words: Vec<String>) -> HealthProbe {
    match words.split_first() {
        Some((first, [])) if first == "NONE" => HealthProbe::None,
        Some((first, program)) if first == "CMD" => HealthProbe::Command(program.to_vec()),
        Some((first, line)) if first == "CMD-SHELL" => {
            let shell = ["/bin/sh", "-c"].map(str::to_owned);
            HealthProbe::Command(shell.into_iter().chain([line.join(" ")]).collect())
        }
        _ => HealthProbe::Command(words),
    }
}

/// Returns the container that a service's node applies to: the one that it names, or else the
/// first.
pub fn target<'c>(
    service: &'c mut Service,
    node: &Block<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<&'c mut Container> {
    let wanted = node.property("container");
    let name = wanted
        .and_then(Spanned::text)
        .map(|name| compose_name(&service.module, &service.name, name));
    let known = match &name {
        Some(name) => service.containers.called(name).is_some(),
        None => !service.containers.is_empty(),
    };
    if !known {
        let names: Vec<&str> =
            service.containers.iter().map(|container| container.name.as_str()).collect();
        let written = wanted.and_then(Spanned::text).unwrap_or_default();
        // A module calls its containers by shorter names than compose does.
        let prefix = format!("{}-", service.name);
        let own: Vec<&str> = names
            .iter()
            .map(|name| match name.strip_prefix(&prefix) {
                Some(own) => own,
                None => &service.module,
            })
            .collect();
        let help = match written.strip_prefix(&prefix).filter(|short| own.contains(short)) {
            Some(short) => format!("did you mean `{short}`?"),
            None if names.is_empty() => "the service has no container".to_owned(),
            None => suggest(written, own.iter().copied(), || {
                format!("its containers: {}", own.join(", "))
            }),
        };
        let span = wanted.map_or(node.span, |wanted| wanted.span);
        diagnostics.push(
            Diagnostic::new(
                &codes::UNKNOWN_NAME,
                span,
                format!("`{}` has no such container", service.name),
            )
            .help(help),
        );
    }
    match name {
        Some(name) => service.containers.called_mut(&name),
        None => service.containers.first_mut(),
    }
}

pub fn resources(service: &mut Service, block: &Block<'_>, diagnostics: &mut Diagnostics) {
    let mut limited = BTreeMap::new();
    for node in block.all("resources") {
        let limits = limits_of(node);
        if let Some(container) = target(service, node, diagnostics) {
            for limit in node.properties.iter().filter(|limit| limit.name != "container") {
                let what = (container.name.clone(), limit.name.clone());
                let own = (limit.rank, limit.value.span);
                let other = limited.insert(what, own).filter(|(rank, _)| *rank == limit.rank);
                if let Some((_, first)) = other {
                    let (name, of) = (&limit.name, &container.name);
                    let message = format!("`{name}` of the container `{of}` is limited twice");
                    let code = &crate::decl::codes::CONFLICTING_VALUES;
                    diagnostics.push(
                        Diagnostic::new(code, limit.value.span, message)
                            .label(first, "first here")
                            .help("keep one of the two"),
                    );
                }
            }
            container.resources.memory = limits.memory.or(container.resources.memory);
            container.resources.millicpus = limits.millicpus.or(container.resources.millicpus);
        }
    }
}
