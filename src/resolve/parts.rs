//! Reads the concrete parts of a module into a service: containers, files, units, databases.

use std::collections::BTreeMap;

use super::codes;
use super::instance::compose_name;
use crate::artifact::Kind;
use crate::decl::{Block, Value};
use crate::diag::{Diagnostic, Diagnostics};
use crate::model::{
    Container, Dashboard, Data, Database, Dependency, Device, Duration, Engine, Environment,
    Health, HealthProbe, Model, Mount, MountKind, NetworkMode, OnChange, Package, Protocol,
    Resources, Script, ScriptPhase, SecretId, SecretUse, Service, ServiceFile, ServiceFileTarget,
    Sysctl, TemplateId, Unit, UnitAction,
};
use crate::source::{FileId, Sources, Span, Spanned};

type Report<'r> = &'r dyn Fn(Span, String, &mut Diagnostics);

fn text(block: &Block<'_>, property: &str) -> Option<String> {
    block.property(property).and_then(Spanned::string)
}

fn flag(block: &Block<'_>, property: &str) -> Option<bool> {
    block.property(property).and_then(Spanned::bool)
}

fn words(block: &Block<'_>) -> impl Iterator<Item = String> {
    block.arguments.iter().map(plain)
}

/// Writes a value of any type as the text that a program sees.
fn plain(value: &Spanned<Value<'_>>) -> String {
    match value.value.to_data() {
        Data::Text(text) => text,
        Data::Integer(number) => number.to_string(),
        Data::Bool(value) => value.to_string(),
        Data::None | Data::List(_) | Data::Record(_) => String::new(),
    }
}

/// Fills in what the concrete parts say; returns the containers that live in another service's
/// network.
pub fn fill(
    service: &mut Service,
    block: &Block<'_>,
    concrete: &[Block<'_>],
    model: &Model,
    sources: &Sources,
    report: Report<'_>,
    diagnostics: &mut Diagnostics,
) -> Vec<(usize, Spanned<String>)> {
    let mut network_services = Vec::new();
    for part in concrete {
        match part.schema.name {
            "container" => {
                if let Some(name) =
                    part.child("network").and_then(|network| network.property("service"))
                {
                    network_services.push((
                        service.containers.len(),
                        Spanned::new(name.string().unwrap_or_default(), name.span),
                    ));
                }
                service.containers.extend(container(part, service, model, report, diagnostics));
            }
            "database" => service.databases.extend(database(part, service)),
            "package" => {
                service.packages.extend(words(part).map(|name| Package { name, span: part.span }));
            }
            "unit" => service.units.push(unit(part)),
            "sysctl" => service.sysctls.extend(sysctl(part)),
            "uses-secret" => service.secrets.extend(secret(part, model, report, diagnostics)),
            _ => {}
        }
    }
    for part in concrete {
        match part.schema.name {
            "file" => service.files.extend(file(part, service, sources, report, diagnostics)),
            "script" => service.scripts.extend(script(part, sources, report, diagnostics)),
            "dashboard" => {
                let Some(template) = template(part, sources, report, diagnostics) else { continue };
                let name = part.key().to_owned();
                service.dashboards.push(Dashboard {
                    name,
                    id: None,
                    revision: None,
                    sha256: None,
                    template: Some(template),
                    span: part.span,
                });
            }
            _ => {}
        }
    }
    resources(service, block, diagnostics);
    super::raw::fill(service, block, diagnostics);
    network_services
}

fn container(
    block: &Block<'_>,
    service: &Service,
    model: &Model,
    report: Report<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Container> {
    let Some(image) = block.value("image") else {
        report(block.span, format!("container `{}` has no image", block.key()), diagnostics);
        return None;
    };
    let all = |name: &'static str| block.all(name).flat_map(words).collect::<Vec<_>>();
    let is = |name: &str| block.value(name).and_then(Spanned::bool).unwrap_or(false);
    let mut container = Container {
        name: compose_name(&service.module, &service.name, block.key()),
        image: Spanned::new(
            image.string().unwrap_or_default(),
            service
                .option_spans
                .get("image")
                .and_then(|spans| spans.first())
                .copied()
                .unwrap_or(image.span),
        ),
        entrypoint: all("entrypoint"),
        command: all("command"),
        user: block.value("user").map(plain),
        environment: block
            .all("env")
            .filter_map(|env| {
                Some(Environment { name: env.key().to_owned(), value: plain(env.argument(1)?) })
            })
            .collect(),
        secrets: block
            .all("secret")
            .filter_map(|part| secret(part, model, report, diagnostics))
            .collect(),
        mounts: block
            .all("mount")
            .filter_map(|part| mount(part, service, report, diagnostics))
            .collect(),
        devices: block
            .all("device")
            .filter_map(|device| {
                Some(Device { path: device.argument(0)?.string()?, span: device.span })
            })
            .collect(),
        tmpfs: all("tmpfs"),
        network: match block.value("network").and_then(Spanned::text) {
            Some("host") => NetworkMode::Host,
            Some("none") => NetworkMode::None,
            // `service` is linked to that service's container once every service is known.
            _ => NetworkMode::Bridge,
        },
        host_pid: is("host-pid"),
        cap_add: all("cap-add"),
        cap_drop: all("cap-drop"),
        privileged: is("privileged"),
        security_options: all("security-option"),
        groups: all("group"),
        sysctls: block.all("sysctl").filter_map(sysctl).collect(),
        extra_hosts: all("extra-host"),
        shm_size: block.value("shm-size").and_then(Spanned::size),
        init: is("init"),
        read_only: is("read-only"),
        health: block.child("health").and_then(|part| health(part, service, report, diagnostics)),
        depends_on: block
            .all("depends-on")
            .map(|part| Dependency {
                container: compose_name(&service.module, &service.name, part.key()),
                healthy: flag(part, "healthy").unwrap_or(true),
                restart: flag(part, "restart").unwrap_or(false),
            })
            .collect(),
        resources: Resources::default(),
        stop_grace: block.value("stop-grace").and_then(Spanned::duration),
        reload_signal: block.value("reload").and_then(Spanned::string),
        labels: block
            .all("label")
            .filter_map(|label| Some((label.key().to_owned(), plain(label.argument(1)?))))
            .collect(),
        raw: BTreeMap::new(),
        span: block.span,
    };
    if let Some(limits) = block.child("limits") {
        container.resources = limits_of(limits);
    }
    container.environment.sort();
    container.depends_on.sort();
    container.sysctls.sort();
    Some(container)
}

fn limits_of(block: &Block<'_>) -> Resources {
    Resources {
        memory: block
            .property("memory")
            .and_then(|value| Some(Spanned::new(value.size()?, value.span))),
        millicpus: block.property("cpus").and_then(|value| match value.value {
            Value::Integer(number) => u32::try_from(number).ok()?.checked_mul(1000),
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "checked to be from 0 to a million"
            )]
            Value::Float(number) if (0.0..1_000_000.0).contains(&number) => {
                Some((number * 1000.0).round() as u32)
            }
            _ => None,
        }),
    }
}

fn secret(
    block: &Block<'_>,
    model: &Model,
    report: Report<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<SecretUse> {
    let name = block.argument(0)?;
    let Ok(index) = model
        .secrets
        .binary_search_by(|secret| secret.name.as_str().cmp(name.text().unwrap_or_default()))
    else {
        report(
            name.span,
            format!("there is no secret `{}`", name.text().unwrap_or_default()),
            diagnostics,
        );
        return None;
    };
    Some(SecretUse {
        secret: SecretId::at(index),
        at: text(block, "at"),
        file_variable: text(block, "file-variable"),
        value_variable: text(block, "value-variable"),
        owner: text(block, "owner").unwrap_or_else(|| "root".to_owned()),
        mode: text(block, "mode").unwrap_or_else(|| "0400".to_owned()),
        span: name.span,
    })
}

fn mount(
    block: &Block<'_>,
    service: &Service,
    report: Report<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Mount> {
    let source = block.argument(0)?.string()?;
    let at = match text(block, "at")? {
        same if same == "same" => source.clone(),
        at => at,
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
    let source = source
        .strip_prefix("volume:")
        .map_or_else(|| source.clone(), |name| format!("{}-{name}", service.name));
    let valid = |path: &str| {
        path.starts_with('/')
            && !path.chars().any(char::is_control)
            && !path.split('/').any(|part| part == "..")
    };
    if !valid(&at) || (kind != MountKind::Volume && !valid(&source)) {
        report(
            block.span,
            format!("a mount needs absolute paths, and `{source}` at `{at}` is not"),
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
        HealthProbe::Command(words(block).collect())
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

fn database(block: &Block<'_>, service: &Service) -> Option<Database> {
    let database = block.key().to_owned();
    let base = database.rsplit('/').next().unwrap_or_default();
    let engine = text(block, "engine")?;
    Some(Database {
        name: if base == service.name {
            base.to_owned()
        } else {
            format!("{}-{base}", service.name)
        },
        engine: Engine::ALL.into_iter().find(|known| known.name() == engine)?,
        container: text(block, "container")
            .map(|name| compose_name(&service.module, &service.name, &name)),
        user: text(block, "user").unwrap_or_else(|| base.to_owned()),
        major: text(block, "major"),
        state: text(block, "state"),
        span: block.span,
        database,
    })
}

fn sysctl(block: &Block<'_>) -> Option<Sysctl> {
    Some(Sysctl { name: block.key().to_owned(), value: plain(block.argument(1)?) })
}

fn unit(block: &Block<'_>) -> Unit {
    let lines = |section: &Block<'_>| {
        section
            .all("set")
            .filter_map(|set| Some((set.key().to_owned(), plain(set.argument(1)?))))
            .collect()
    };
    Unit {
        name: block.key().to_owned(),
        action: match text(block, "action").as_deref() {
            Some("enable") => UnitAction::Enable,
            Some("install") => UnitAction::Install,
            _ => UnitAction::EnableStart,
        },
        sections: block
            .all("section")
            .map(|section| (section.key().to_owned(), lines(section)))
            .collect(),
        span: block.span,
    }
}

fn template(
    block: &Block<'_>,
    sources: &Sources,
    report: Report<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<TemplateId> {
    let from = block.property("from")?;
    let path = template_path(block, sources)?;
    let found = template_file(block, sources);
    if found.is_none() {
        report(from.span, format!("there is no file `{path}`"), diagnostics);
    }
    Some(TemplateId { file: found?, name: path })
}

fn template_path(block: &Block<'_>, sources: &Sources) -> Option<String> {
    let name = block.property("from")?.text()?;
    let home = sources.file(block.span.file);
    Some(
        home.path
            .rsplit_once('/')
            .map_or_else(|| name.to_owned(), |(folder, _)| format!("{folder}/{name}")),
    )
}

/// Finds the template that a node names, in the folder of its module.
pub fn template_file(block: &Block<'_>, sources: &Sources) -> Option<FileId> {
    sources.find(sources.file(block.span.file).layer, &template_path(block, sources)?)
}

fn kind_of(word: &str) -> Option<Kind> {
    Kind::ALL.iter().copied().find(|kind| kind.name() == word)
}

fn file(
    block: &Block<'_>,
    service: &Service,
    sources: &Sources,
    report: Report<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<ServiceFile> {
    let name = block.key().to_owned();
    let valid = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
    };
    if !name.split('/').all(valid) {
        report(
            block.key_span(),
            format!("`{name}` can't be a file's name: letters, digits, `.`, `_` and `-`"),
            diagnostics,
        );
        return None;
    }
    let ending = match name.rsplit('.').next().unwrap_or_default() {
        "yaml" | "yml" => Kind::Yaml,
        "json" => Kind::Json,
        "sh" => Kind::Shell,
        "env" => Kind::Env,
        "ini" | "conf" | "cfg" => Kind::Ini,
        "md" => Kind::Markdown,
        _ => Kind::Text,
    };
    let container = block
        .property("container")
        .and_then(Spanned::text)
        .map(|container| compose_name(&service.module, &service.name, container))
        .or_else(|| service.containers.first().map(|container| container.name.clone()));
    let target = match (text(block, "at"), text(block, "install"), container) {
        (_, Some(path), _) => ServiceFileTarget::Machine(path),
        (Some(at), None, Some(container)) => ServiceFileTarget::Container { container, at },
        _ => ServiceFileTarget::Config,
    };
    let on_change = match (text(block, "restart"), text(block, "reload")) {
        (Some(unit), _) => OnChange::RestartUnit(unit),
        (None, Some(unit)) => OnChange::ReloadUnit(unit),
        _ if matches!(target, ServiceFileTarget::Machine(_)) => OnChange::Nothing,
        _ => OnChange::Container,
    };
    Some(ServiceFile {
        kind: text(block, "kind").as_deref().and_then(kind_of).unwrap_or(ending),
        template: template(block, sources, report, diagnostics)?,
        target,
        on_change,
        owner: text(block, "owner").unwrap_or_else(|| "root".to_owned()),
        group: text(block, "group")
            .or_else(|| text(block, "owner"))
            .unwrap_or_else(|| "root".to_owned()),
        mode: text(block, "mode").unwrap_or_else(|| "0644".to_owned()),
        span: block.span,
        name,
    })
}

fn script(
    block: &Block<'_>,
    sources: &Sources,
    report: Report<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Script> {
    Some(Script {
        name: block.key().to_owned(),
        phase: match block.property("phase").and_then(Spanned::text) {
            Some("check") => ScriptPhase::Check,
            Some("health") => ScriptPhase::Health,
            _ => ScriptPhase::Activate,
        },
        number: block
            .property("order")
            .and_then(Spanned::number)
            .filter(|order| *order < 100)
            .unwrap_or(40),
        template: template(block, sources, report, diagnostics)?,
        span: block.span,
    })
}

/// Finds the container that a service's node is about: the one it names, else the first.
pub fn target<'c>(
    service: &'c mut Service,
    node: &Block<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<&'c mut Container> {
    let wanted = node.property("container");
    let name = wanted
        .and_then(Spanned::text)
        .map(|name| compose_name(&service.module, &service.name, name));
    let names: Vec<String> =
        service.containers.iter().map(|container| container.name.clone()).collect();
    let found = service
        .containers
        .iter_mut()
        .find(|container| name.as_ref().is_none_or(|name| *name == container.name));
    if found.is_none() {
        let help = if names.is_empty() {
            "the service has no container".to_owned()
        } else {
            format!("its containers: {}", names.join(", "))
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
    found
}

fn resources(service: &mut Service, block: &Block<'_>, diagnostics: &mut Diagnostics) {
    for node in block.all("resources") {
        let limits = limits_of(node);
        if let Some(container) = target(service, node, diagnostics) {
            container.resources.memory = limits.memory.or(container.resources.memory);
            container.resources.millicpus = limits.millicpus.or(container.resources.millicpus);
        }
    }
}
