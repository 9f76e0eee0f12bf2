//! Makes a service of its module.

use std::collections::{BTreeMap, BTreeSet};

use super::definition::ModuleDefinition;
use super::endpoints::{endpoints, fixed_ports, forward_auth, own_addresses, pages, ports, proxy};
use super::evaluate::{self, Evaluator, Made};
use super::given::{Given, Reader};
use super::names::{self, compose_name};
use super::scope::Scope;
use super::views::service_view;
use super::visible::{Home, Secrets, Visible};
use super::{codes, monitoring, parts, storage};
use crate::decl::{Block, Value};
use crate::diag::{Diagnostic, Diagnostics};
use crate::model::{
    Around, Backup, BackupClass, ContainerList, Cron, Data, Endpoint, Role, SecretId, Service,
    State, StateBackup,
};
use crate::source::{Layer, Sources, Span, Spanned};

/// A service whose relations to other services are not resolved yet.
#[derive(Debug)]
pub struct Draft<'s> {
    /// The service so far.
    pub service: Service,
    /// The service's node.
    pub block: &'s Block<'s>,
    /// The evaluated parts that refer to other services.
    pub concrete: Vec<Block<'s>>,
    /// The containers that use another service's network, with that service's name.
    pub network_services: Vec<(String, Spanned<String>)>,
}

/// The lab that services are made in.
#[derive(Clone, Copy)]
pub struct Surroundings<'a> {
    /// The lab.
    pub lab: &'a Visible,
    /// The names of all services, sorted.
    pub services: &'a [&'a str],
    /// The machine.
    pub home: &'a Home,
    /// The files.
    pub sources: &'a Sources,
    /// What surrounds the service.
    pub around: &'a Around,
}

/// Evaluates a module for a service.
pub fn draft<'s>(
    block: &'s Block<'s>,
    module: &ModuleDefinition<'s>,
    surroundings: Surroundings<'_>,
    diagnostics: &mut Diagnostics,
) -> Draft<'s> {
    let Surroundings { lab, services, home, sources, around } = surroundings;
    let expressions = &module.expressions;
    let name = block.key();
    let module_name = module.block.key();
    let containers = module.containers.iter().map(|container| {
        ((*container).to_owned(), Data::Text(compose_name(module_name, name, container)))
    });
    let scope = Scope::new(BTreeMap::from([
        ("machine", home.view.clone()),
        ("lab", lab.lab.clone()),
        ("service", service_view(name, around)),
        ("container", Data::Record(containers.collect())),
    ]));
    // What a service keeps stays where it is when the service gets another name.
    let scope = match (lab.former.get(name), home.appdata()) {
        (Some(former), Some(appdata)) => {
            scope.keeping(format!("{appdata}/{name}"), format!("{appdata}/{former}"))
        }
        _ => scope,
    };
    let reader =
        Reader { service: block, module: module.block, lab, services, scope: &scope, sources };
    let Given { options, spans: option_spans, faulty } = reader.read(&module.options, diagnostics);

    let report = |span: Span, message: String, diagnostics: &mut Diagnostics| {
        // A missing or wrong option is already reported. Every use of it in the module would only
        // repeat that.
        if !faulty.is_empty() {
            return;
        }
        let text = format!("module `{module_name}`: {message}");
        let diagnostic = if sources.file(span.file).layer == Layer::Builtin {
            Diagnostic::new(&codes::BAD_MODULE, block.key_span(), text)
                .label(span, "here in the module")
        } else {
            Diagnostic::new(&codes::BAD_MODULE, span, text)
                .label(block.key_span(), "for this service")
        };
        diagnostics.push(diagnostic);
    };
    let scope = scope.with("opt", Data::Record(options.clone()));
    let made = Made::default();
    // What the module makes of a service that it refuses would only repeat that.
    let mut found = Diagnostics::default();
    let mut concrete = Vec::new();
    Evaluator { expressions, scope: &scope, made: &made, report: &report }.blocks(
        &module.states,
        &mut concrete,
        &mut found,
    );
    // A state under a condition may override one outside of it, and every part must see the same.
    evaluate::settle(&mut concrete, module.block.schema.children);
    let mut states: Vec<State> = concrete.iter().filter_map(state).collect();
    // The service may move a state, and other parts must see the new path.
    for node in block.all("state") {
        keep_elsewhere(node, &mut states, name, diagnostics);
    }
    let paths = states.iter().map(|state| (state.name.clone(), Data::Text(state.path.clone())));
    let scope = scope.with("state", Data::Record(paths.collect()));
    Evaluator { expressions, scope: &scope, made: &made, report: &report }.blocks(
        &module.endpoints,
        &mut concrete,
        &mut found,
    );
    evaluate::settle(&mut concrete, module.block.schema.children);
    let [ports, outer] = ports(block, &concrete, &module.others);
    let pages = pages(block, &concrete, &module.others, home.address, around);
    let scope = scope.with("port", ports).with("outer", outer).with("page", pages);
    let evaluator = Evaluator { expressions, scope: &scope, made: &made, report: &report };
    evaluator.blocks(&module.others, &mut concrete, &mut found);
    evaluate::settle(&mut concrete, module.block.schema.children);
    // Assertions may name states and ports, so they come last.
    if assertions(module.block, block, &faulty, &evaluator, diagnostics) {
        diagnostics.append(found);
    }

    let endpoints = endpoints(block, &concrete, module_name, name, &lab.secrets, diagnostics);
    let mut service = Service {
        name: name.to_owned(),
        module: module_name.to_owned(),
        module_version: module
            .block
            .property("version")
            .and_then(Spanned::string)
            .unwrap_or_default(),
        summary: module.block.value("summary").and_then(Spanned::string).unwrap_or_default(),
        homepage: module.block.value("homepage").and_then(Spanned::string),
        machine: home.id,
        roles: concrete
            .iter()
            .filter(|block| block.schema.name == "role")
            .flat_map(|block| &block.arguments)
            .filter_map(role)
            .chain(provided_roles(&endpoints))
            .collect(),
        own_addresses: own_addresses(block),
        endpoints,
        states,
        databases: Vec::new(),
        reversible: concrete
            .iter()
            .find(|block| block.schema.name == "reversible")
            .and_then(|block| block.argument(0)?.string()),
        health_within: block
            .value("health-within")
            .or_else(|| {
                concrete
                    .iter()
                    .find(|part| part.schema.name == "health-within")
                    .and_then(|part| part.argument(0))
            })
            .and_then(Spanned::duration),
        by_hand: Vec::new(),
        containers: ContainerList::default(),
        networks: Vec::new(),
        files: Vec::new(),
        packages: Vec::new(),
        units: Vec::new(),
        sysctls: Vec::new(),
        kernel_modules: Vec::new(),
        devices: Vec::new(),
        secrets: Vec::new(),
        scripts: Vec::new(),
        needs: Vec::new(),
        links: Vec::new(),
        gateway: None,
        proxy: None,
        forward_auth: None,
        backup: None,
        exposes: Vec::new(),
        routes: Vec::new(),
        around: around.clone(),
        alerts: concrete
            .iter()
            .filter(|block| block.schema.name == "alert")
            .map(monitoring::alert)
            .collect(),
        dashboards: Vec::new(),
        raw: Vec::new(),
        usual_image: usual_image(module),
        options,
        option_spans,
        incomplete: !faulty.is_empty(),
        span: block.key_span(),
    };
    fixed_ports(block, &service, module.block, sources, diagnostics);
    known_containers(module, &concrete, &report, diagnostics);
    known_endpoints(module, &concrete, &report, diagnostics);
    reached_endpoints(&concrete, &report, diagnostics);
    let reading = parts::Reading { lab, sources, report: &report };
    let network_services = parts::fill(&mut service, block, &concrete, reading, diagnostics);
    service.proxy = concrete
        .iter()
        .find(|block| block.schema.name == "proxy")
        .and_then(|block| proxy(block, &service));
    service.forward_auth = concrete
        .iter()
        .find(|block| block.schema.name == "forward-auth")
        .and_then(|block| forward_auth(block, &service));
    if service.has(Role::Restic) {
        service.backup = backup(&service, &lab.secrets);
    }
    // Relations to other services are resolved once all services are known. The other parts are in
    // the service by now, and in a large lab they take a lot of memory.
    concrete.retain(|part| matches!(part.schema.name, "needs" | "gateway"));
    concrete.shrink_to_fit();
    Draft { service, block, concrete, network_services }
}

/// Reports parts that name a container which the module does not have. A conditional container
/// counts even when it is left out.
fn known_containers(
    module: &ModuleDefinition<'_>,
    concrete: &[Block<'_>],
    report: &dyn Fn(Span, String, &mut Diagnostics),
    diagnostics: &mut Diagnostics,
) {
    let named = concrete.iter().filter_map(|part| part.property("container"));
    let awaited =
        concrete.iter().flat_map(|part| part.all("depends-on")).filter_map(|node| node.argument(0));
    for name in named.chain(awaited) {
        let Some(text) = name.text().filter(|text| !module.containers.contains(text)) else {
            continue;
        };
        let help = crate::diag::suggest(text, module.containers.iter().copied(), || {
            format!("it has {}", module.containers.join(", "))
        });
        report(name.span, format!("there is no container `{text}`; {help}"), diagnostics);
    }
}

/// Reports endpoints of containers without a network, which nothing reaches.
fn reached_endpoints(
    concrete: &[Block<'_>],
    report: &dyn Fn(Span, String, &mut Diagnostics),
    diagnostics: &mut Diagnostics,
) {
    let mode = |part: &Block<'_>| part.value("network").and_then(Spanned::text) == Some("none");
    let alone: BTreeSet<&str> = concrete
        .iter()
        .filter(|part| part.schema.name == "container" && mode(part))
        .map(Block::key)
        .collect();
    for part in concrete.iter().filter(|part| part.schema.name == "provides") {
        let of = part.property("container").and_then(Spanned::text);
        if let Some(name) = of.filter(|name| alone.contains(name)) {
            let what = part.key();
            let message = format!("nothing reaches `{what}`: container `{name}` has no network");
            report(part.span, message, diagnostics);
        }
    }
}

/// Reports proxies and logins that name an endpoint which the module does not have. A conditional
/// endpoint counts even when it is left out.
fn known_endpoints(
    module: &ModuleDefinition<'_>,
    concrete: &[Block<'_>],
    report: &dyn Fn(Span, String, &mut Diagnostics),
    diagnostics: &mut Diagnostics,
) {
    fn names<'b>(blocks: &'b [Block<'_>], found: &mut Vec<&'b str>) {
        for block in blocks {
            match block.schema.name {
                "when" => names(&block.children, found),
                _ => found.push(block.key()),
            }
        }
    }
    let mut known = Vec::new();
    names(&module.endpoints, &mut known);
    // The name of an endpoint may be a value of the service.
    if known.contains(&"") {
        return;
    }
    for part in concrete {
        let named = match part.schema.name {
            "proxy" => [part.property("http"), part.property("https")],
            "forward-auth" => [part.argument(0), None],
            _ => continue,
        };
        for name in named.into_iter().flatten() {
            let Some(text) = name.text().filter(|text| !known.contains(text)) else { continue };
            let help =
                crate::diag::suggest(text, known.iter().copied(), || match known.join(", ") {
                    list if list.is_empty() => "it has none".to_owned(),
                    list => format!("it has {list}"),
                });
            report(name.span, format!("there is no endpoint `{text}`; {help}"), diagnostics);
        }
    }
}

/// Reports what a module requires and the service lacks, and returns whether it has all.
fn assertions(
    module: &Block<'_>,
    service: &Block<'_>,
    faulty: &BTreeSet<String>,
    evaluator: &Evaluator<'_, '_>,
    diagnostics: &mut Diagnostics,
) -> bool {
    // An assertion about an option that is missing or wrong would only repeat that.
    let settled = |assertion: &&Block<'_>| {
        !faulty.iter().any(|option| assertion.key().contains(option.as_str()))
    };
    let mut all_hold = true;
    for assertion in
        module.children.iter().filter(|child| child.schema.name == "assert").filter(settled)
    {
        let Some(condition) = assertion.argument(0) else { continue };
        if evaluator.holds(condition, diagnostics) == Some(false) {
            all_hold = false;
            let message = assertion.argument(1).and_then(Spanned::text).unwrap_or_default();
            diagnostics.push(
                Diagnostic::new(
                    &codes::ASSERTION_FAILED,
                    service.key_span(),
                    format!("`{}`: {message}", service.key()),
                )
                .label(assertion.span, format!("module `{}` requires this", module.key())),
            );
        }
    }
    all_hold
}

fn state(block: &Block<'_>) -> Option<State> {
    if block.schema.name != "state" {
        return None;
    }
    let text = |name: &str| block.property(name).and_then(Spanned::string);
    let backup = match text("backup").as_deref() {
        None => StateBackup::Inherit,
        Some("dump") => StateBackup::Dump,
        Some("never") => StateBackup::Never(text("reason").unwrap_or_default()),
        Some(word) => storage::backup_class(word).map_or(StateBackup::Inherit, StateBackup::Class),
    };
    Some(State {
        name: block.key().to_owned(),
        path: text("path")?,
        backup,
        owner: text("owner").unwrap_or_else(|| "root".to_owned()),
        group: text("group").or_else(|| text("owner")).unwrap_or_else(|| "root".to_owned()),
        mode: text("mode").unwrap_or_else(|| "0755".to_owned()),
        local_disk: block.property("local-disk").and_then(Spanned::bool).unwrap_or(false),
        what: text("what"),
        live_copy: text("live-copy"),
        // A finding shows its first line alone.
        span: block.key_span(),
    })
}

/// Returns the default of a module's option `image`.
fn usual_image(module: &ModuleDefinition<'_>) -> Option<String> {
    let option = module.options.iter().find(|option| option.name == "image")?;
    option.default?.argument(0)?.string()
}

/// Returns the roles that a service has because of what its endpoints provide.
fn provided_roles(endpoints: &[Endpoint]) -> impl Iterator<Item = Role> {
    endpoints.iter().filter_map(|endpoint| match endpoint.role.as_deref()? {
        "alertmanager" => Some(Role::Alertmanager),
        "loki" => Some(Role::Loki),
        _ => None,
    })
}

/// Applies what a service says about a state of its module.
fn keep_elsewhere(
    node: &Block<'_>,
    states: &mut [State],
    service: &str,
    diagnostics: &mut Diagnostics,
) {
    let Some(wanted) = node.argument(0) else { return };
    let name = wanted.text().unwrap_or_default();
    let Some(at) = states.iter().position(|state| state.name == name) else {
        let known = states.iter().map(|state| state.name.as_str());
        let what = format!("state of `{service}` named");
        names::unknown(&codes::UNKNOWN_NAME, &what, name, wanted, known, diagnostics);
        return;
    };
    let Some(state) = states.get_mut(at) else { return };
    let text = |name: &str| node.property(name).and_then(Spanned::string);
    if let Some(path) = text("path") {
        state.path = path;
    }
    match text("backup").as_deref() {
        Some("never") => state.backup = StateBackup::Never(text("reason").unwrap_or_default()),
        Some(word) => {
            if let Some(class) = storage::backup_class(word) {
                state.backup = StateBackup::Class(class);
            }
        }
        None => {}
    }
}

fn role(word: &Spanned<Value<'_>>) -> Option<Role> {
    Some(match word.text()? {
        "prometheus" => Role::Prometheus,
        "grafana" => Role::Grafana,
        "log-collector" => Role::LogCollector,
        "restic" => Role::Restic,
        "copy" => Role::Copy,
        "fail2ban" => Role::Fail2ban,
        "dns" => Role::Dns,
        "node-exporter" => Role::NodeExporter,
        "container-exporter" => Role::ContainerExporter,
        "blackbox-exporter" => Role::BlackboxExporter,
        "database" => Role::Database,
        _ => return None,
    })
}

/// Reads what a service with the role `restic` does from its options: `repository`, `password`,
/// `keep`, `schedule`, `check`.
fn backup(service: &Service, secrets: &Secrets) -> Option<Backup> {
    let span = |name: &str| service.option_span(name);
    // Even with faulty options, the service counts as a backup, so that what it would save is not
    // reported as lost.
    let text = |name: &str| service.option(name).as_text().or(service.incomplete.then_some(""));
    let password = service.option("password").as_secret();
    let password = password.or(service.incomplete.then_some(""))?;
    let secret = secrets.id(password);
    let schedule =
        [BackupClass::Hourly, BackupClass::Daily, BackupClass::Weekly, BackupClass::Monthly];
    let keep = ["last", "hourly", "daily", "weekly", "monthly", "yearly"];
    let texts = |name: &str| {
        service.option(name).items().iter().filter_map(Data::as_text).map(str::to_owned)
    };
    let wanted: Vec<String> = texts("classes").collect();
    Some(Backup {
        classes: schedule
            .iter()
            .filter(|class| wanted.iter().any(|name| name == class.name()))
            .copied()
            .collect(),
        tags: texts("tags").collect(),
        repository: Spanned::new(text("repository")?.to_owned(), span("repository")),
        password: secret.or_else(|| service.incomplete.then(|| SecretId::at(0)))?,
        host_key: service.option("sftp-host-key").as_text().map(str::to_owned),
        schedule: schedule
            .into_iter()
            .filter_map(|class| {
                Some((
                    class,
                    Cron::parse(service.option("schedule").field(class.name()).as_text()?)?,
                ))
            })
            .collect(),
        keep: keep
            .into_iter()
            .filter_map(|name| {
                Some((
                    name.to_owned(),
                    u32::try_from(service.option("keep").field(name).as_integer()?).ok()?,
                ))
            })
            .collect(),
        exclude: texts("exclude").collect(),
        check: service.option("check").as_text().and_then(Cron::parse),
        span: service.span,
    })
}
