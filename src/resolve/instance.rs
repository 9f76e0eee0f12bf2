//! Makes one module concrete for one service.

use std::collections::{BTreeMap, BTreeSet};

use super::evaluate::{self, Evaluator, Expressions, Scope};
use super::options::{Given, OptionSpec, Reader, option_specs};
use super::{codes, lab, machines, parts};
use crate::decl::{Block, Value};
use crate::diag::{Diagnostic, Diagnostics};
use crate::model::{
    Backup, BackupClass, Credentials, Cron, Data, Endpoint, MachineId, Model, Protocol, Proxy,
    ProxyProgram, Resources, Role, SecretId, Service, State, StateBackup,
};
use crate::source::{Layer, Sources, Span, Spanned};

/// Is a module as every service of it uses it.
pub struct ModuleDefinition<'s> {
    /// The module's node.
    pub block: &'s Block<'s>,
    /// Its options.
    pub options: Vec<OptionSpec<'s>>,
    /// The names of its containers, conditional ones included, in the order written.
    containers: Vec<&'s str>,
    /// The parts that say what it keeps; made concrete first, since the others name it.
    states: Vec<Block<'s>>,
    /// Its endpoints; made concrete next, since the others name their ports.
    endpoints: Vec<Block<'s>>,
    /// The other parts.
    others: Vec<Block<'s>>,
}

impl<'s> ModuleDefinition<'s> {
    /// Prepares a module.
    pub fn new(block: &'s Block<'s>) -> Self {
        let mut containers = Vec::new();
        container_names(block, &mut containers);
        let body: Vec<&Block<'s>> = block
            .children
            .iter()
            .filter(|child| !matches!(child.schema.name, "option" | "assert"))
            .collect();
        Self {
            block,
            options: option_specs(block),
            containers,
            states: parts_of(&body, |kind| kind == "state"),
            endpoints: parts_of(&body, |kind| kind == "provides"),
            others: parts_of(&body, |kind| !matches!(kind, "state" | "provides")),
        }
    }
}

fn container_names<'s>(block: &'s Block<'s>, names: &mut Vec<&'s str>) {
    for child in &block.children {
        match child.schema.name {
            "container" => names.push(child.key()),
            "when" => container_names(child, names),
            _ => {}
        }
    }
}

/// Keeps the nodes of some kinds, with the conditions that they stand under.
fn parts_of<'s>(blocks: &[&Block<'s>], wanted: fn(&str) -> bool) -> Vec<Block<'s>> {
    let part = |block: &&Block<'s>| {
        if block.schema.name != "when" {
            return wanted(block.schema.name).then(|| (*block).clone());
        }
        let children = parts_of(&block.children.iter().collect::<Vec<_>>(), wanted);
        (!children.is_empty()).then(|| Block { children, ..(*block).clone() })
    };
    blocks.iter().filter_map(part).collect()
}

/// Names a module's container in compose: the module's own name becomes the service's, any other is
/// put behind it.
pub fn compose_name(module: &str, service: &str, container: &str) -> String {
    if container == module { service.to_owned() } else { format!("{service}-{container}") }
}

/// Is a service before other services are looked at.
pub struct Draft<'s> {
    /// What is known so far.
    pub service: Service,
    /// The service's node.
    pub block: &'s Block<'s>,
    /// The concrete parts that name other services.
    pub concrete: Vec<Block<'s>>,
    /// Containers that live in another service's network, and that service's name.
    pub network_services: Vec<(usize, Spanned<String>)>,
}

/// Makes a module concrete.
#[expect(clippy::too_many_arguments, reason = "everything that a module's values may depend on")]
pub fn draft<'s>(
    block: &'s Block<'s>,
    module: &ModuleDefinition<'s>,
    machine: usize,
    expressions: &Expressions<'s>,
    services: &[&str],
    sources: &Sources,
    model: &Model,
    diagnostics: &mut Diagnostics,
) -> Draft<'s> {
    let name = block.key();
    let module_name = module.block.key();
    let machine = MachineId::at(machine);
    let containers = module.containers.iter().map(|container| {
        ((*container).to_owned(), Data::Text(compose_name(module_name, name, container)))
    });
    let scope = Scope::new(BTreeMap::from([
        ("machine", machine_view(model, machine)),
        ("lab", lab_view(model)),
        (
            "service",
            record([
                ("name", Data::Text(name.to_owned())),
                ("config", Data::Text(format!("/etc/labwright/services/{name}"))),
            ]),
        ),
        ("container", Data::Record(containers.collect())),
    ]));
    let reader =
        Reader { service: block, module: module.block, model, services, scope: &scope, sources };
    let Given { options, spans: option_spans, faulty } = reader.read(&module.options, diagnostics);

    let report = |span: Span, message: String, diagnostics: &mut Diagnostics| {
        // A missing or wrong option would only raise the same fault again wherever the module uses
        // it.
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
    let mut concrete = Vec::new();
    Evaluator { expressions, scope: &scope, report: &report }.blocks(
        &module.states,
        &mut concrete,
        diagnostics,
    );
    let states: Vec<State> = concrete.iter().filter_map(state).collect();
    let paths = states.iter().map(|state| (state.name.clone(), Data::Text(state.path.clone())));
    let scope = scope.with("state", Data::Record(paths.collect()));
    Evaluator { expressions, scope: &scope, report: &report }.blocks(
        &module.endpoints,
        &mut concrete,
        diagnostics,
    );
    let scope = scope.with("port", ports(block, &concrete, &module.others));
    let evaluator = Evaluator { expressions, scope: &scope, report: &report };
    evaluator.blocks(&module.others, &mut concrete, diagnostics);
    evaluate::settle(&mut concrete, module.block.schema.children);
    assertions(module.block, block, &faulty, &evaluator, diagnostics);

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
        machine,
        roles: concrete
            .iter()
            .filter(|block| block.schema.name == "role")
            .flat_map(|block| &block.arguments)
            .filter_map(role)
            .collect(),
        endpoints: endpoints(block, &concrete, module_name, name, model, diagnostics),
        states,
        databases: Vec::new(),
        containers: Vec::new(),
        files: Vec::new(),
        packages: Vec::new(),
        units: Vec::new(),
        sysctls: Vec::new(),
        secrets: Vec::new(),
        scripts: Vec::new(),
        needs: Vec::new(),
        gateway: None,
        proxy: None,
        backup: None,
        exposes: Vec::new(),
        routes: Vec::new(),
        resources: Resources::default(),
        alerts: concrete
            .iter()
            .filter(|block| block.schema.name == "alert")
            .map(lab::alert)
            .collect(),
        dashboards: Vec::new(),
        raw: Vec::new(),
        options,
        option_spans,
        incomplete: !faulty.is_empty(),
        span: block.key_span(),
    };
    fixed_ports(block, &service, module.block, sources, diagnostics);
    known_containers(module, &concrete, &report, diagnostics);
    let network_services =
        parts::fill(&mut service, block, &concrete, model, sources, &report, diagnostics);
    service.proxy = concrete
        .iter()
        .find(|block| block.schema.name == "proxy")
        .and_then(|block| proxy(block, &service));
    if service.has(Role::Restic) {
        service.backup = backup(&service, model);
    }
    // What other services answer is looked up once all are known; the rest is in the service by
    // now, and a large lab has a lot of it.
    concrete.retain(|part| matches!(part.schema.name, "needs" | "gateway"));
    concrete.shrink_to_fit();
    Draft { service, block, concrete, network_services }
}

/// Reports parts that name a container which the module does not have; one under a condition may be
/// left out, and is had all the same.
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

fn record<const N: usize>(fields: [(&str, Data); N]) -> Data {
    Data::Record(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

fn optional(value: Option<String>) -> Data {
    value.map_or(Data::None, Data::Text)
}

fn machine_view(model: &Model, id: MachineId) -> Data {
    let machine = &model[id];
    record([
        ("name", Data::Text(machine.name.clone())),
        ("kind", Data::Text(machine.kind.name().to_owned())),
        ("os", optional(machine.os.map(|os| os.name().to_owned()))),
        ("arch", Data::Text(machine.arch.name().to_owned())),
        ("address", optional(machine.address().map(|address| address.to_string()))),
        ("appdata", Data::Text(machine.appdata.clone())),
        ("gpu", Data::Bool(machine.has_gpu())),
        ("cores", machine.cores.map_or(Data::None, |cores| Data::Integer(i64::from(cores)))),
        ("memory", optional(machine.memory.as_ref().map(ToString::to_string))),
        ("zone", Data::Text(model[machine.zone].name.clone())),
        ("managed", Data::Bool(machine.kind.is_managed())),
    ])
}

fn lab_view(model: &Model) -> Data {
    record([
        ("name", Data::Text(model.lab.name.clone())),
        ("domain", optional(model.lab.domain.clone())),
        ("timezone", Data::Text(model.lab.timezone.clone())),
        ("email", optional(model.lab.email.clone())),
    ])
}

fn assertions(
    module: &Block<'_>,
    service: &Block<'_>,
    faulty: &BTreeSet<String>,
    evaluator: &Evaluator<'_, '_>,
    diagnostics: &mut Diagnostics,
) {
    // What is said of an option that is missing or wrong follows from that.
    let settled = |assertion: &&Block<'_>| {
        !faulty.iter().any(|option| assertion.key().contains(option.as_str()))
    };
    for assertion in
        module.children.iter().filter(|child| child.schema.name == "assert").filter(settled)
    {
        let Some(condition) = assertion.argument(0) else { continue };
        if evaluator.holds(condition, diagnostics) == Some(false) {
            let message = assertion.argument(1).and_then(Spanned::text).unwrap_or_default();
            diagnostics.push(
                Diagnostic::new(
                    &codes::ASSERTION_FAILED,
                    service.key_span(),
                    format!("`{}`: {message}", service.key()),
                )
                .label(assertion.span, format!("module `{}` says so", module.key())),
            );
        }
    }
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
        Some(word) => machines::backup_class(word).map_or(StateBackup::Inherit, StateBackup::Class),
    };
    Some(State {
        name: block.key().to_owned(),
        path: text("path")?,
        backup,
        owner: text("owner").unwrap_or_else(|| "root".to_owned()),
        group: text("group").or_else(|| text("owner")).unwrap_or_else(|| "root".to_owned()),
        mode: text("mode").unwrap_or_else(|| "0755".to_owned()),
        local_disk: block.property("local-disk").and_then(Spanned::bool).unwrap_or(false),
        span: block.span,
    })
}

fn role(word: &Spanned<Value<'_>>) -> Option<Role> {
    Some(match word.text()? {
        "prometheus" => Role::Prometheus,
        "alertmanager" => Role::Alertmanager,
        "grafana" => Role::Grafana,
        "loki" => Role::Loki,
        "log-collector" => Role::LogCollector,
        "restic" => Role::Restic,
        "fail2ban" => Role::Fail2ban,
        "dns" => Role::Dns,
        "node-exporter" => Role::NodeExporter,
        "container-exporter" => Role::ContainerExporter,
        "blackbox-exporter" => Role::BlackboxExporter,
        "forward-auth" => Role::ForwardAuth,
        "database" => Role::Database,
        _ => return None,
    })
}

/// Returns what a service says of an endpoint's port.
fn given_port<'b, 's>(service: &'b Block<'s>, endpoint: &str) -> Option<&'b Spanned<Value<'s>>> {
    service.all("port").find(|node| node.key() == endpoint).and_then(|node| node.argument(1))
}

/// Returns the port that an endpoint's program listens on, and the one on the machine: on the
/// machine's own network they are one.
fn ports_of(service: &Block<'_>, endpoint: &Block<'_>, parts: &[Block<'_>]) -> Option<(u16, u16)> {
    let port = endpoint.property("port").and_then(Spanned::number)?;
    let host_port = given_port(service, endpoint.key()).and_then(Spanned::number).unwrap_or(port);
    let on_machine = endpoint
        .property("container")
        .and_then(Spanned::text)
        .is_none_or(|container| on_machine(parts, container));
    Some((if on_machine { host_port } else { port }, host_port))
}

/// Says whether a container is on the machine's own network.
fn on_machine(parts: &[Block<'_>], container: &str) -> bool {
    parts.iter().any(|part| match part.schema.name {
        "when" => on_machine(&part.children, container),
        "container" => {
            part.key() == container && part.value("network").and_then(Spanned::text) == Some("host")
        }
        _ => false,
    })
}

/// Lists by endpoint the port that its program listens on: what a module hands to it.
fn ports(service: &Block<'_>, concrete: &[Block<'_>], others: &[Block<'_>]) -> Data {
    let provided = concrete.iter().filter(|block| block.schema.name == "provides");
    let port = |block: &Block<'_>| {
        Some((
            block.key().to_owned(),
            Data::Integer(i64::from(ports_of(service, block, others)?.0)),
        ))
    };
    Data::Record(provided.filter_map(port).collect())
}

/// Finds ports that a service gives and nobody tells the program: on the machine's own network it
/// listens where it always did.
fn fixed_ports(
    block: &Block<'_>,
    service: &Service,
    module: &Block<'_>,
    sources: &Sources,
    diagnostics: &mut Diagnostics,
) {
    for endpoint in service.endpoints.iter().filter(|endpoint| endpoint.port == endpoint.host_port)
    {
        let Some(given) = given_port(block, &endpoint.name) else { continue };
        let names =
            [format!("port.{}", endpoint.name), format!("endpoints.{}.port", endpoint.name)];
        let provided = find_endpoint(module, &endpoint.name);
        let usual = provided
            .and_then(|provided| provided.property("port"))
            .and_then(Spanned::number::<u16>);
        if usual == Some(endpoint.port) || names_any(module, &names, sources) {
            continue;
        }
        let message = format!(
            "`{}` is on the machine's own network, and its module does not move `{}`",
            block.key(),
            endpoint.name
        );
        let found = Diagnostic::new(&codes::FIXED_PORT, given.span, message);
        let found = provided
            .into_iter()
            .fold(found, |found, provided| found.label(provided.span, "it listens here"));
        diagnostics.push(
            found.help("remove the `port`; a module moves a program by handing it `{port.NAME}`"),
        );
    }
}

fn find_endpoint<'b, 's>(block: &'b Block<'s>, name: &str) -> Option<&'b Block<'s>> {
    block.children.iter().find_map(|child| match child.schema.name {
        "when" => find_endpoint(child, name),
        "provides" => (child.key() == name).then_some(child),
        _ => None,
    })
}

/// Says whether a module's values or templates have one of these names in them.
fn names_any(block: &Block<'_>, names: &[String], sources: &Sources) -> bool {
    let has = |text: &str| names.iter().any(|name| text.contains(name.as_str()));
    let value = |value: &Spanned<Value<'_>>| match &value.value {
        Value::Reference(text) | Value::Format(text) | Value::Expression(text) => has(text),
        _ => false,
    };
    block.arguments.iter().any(value)
        || block.properties.iter().any(|property| value(&property.value))
        || parts::template_file(block, sources).is_some_and(|file| has(&sources.file(file).text))
        || block.children.iter().any(|child| names_any(child, names, sources))
}

fn endpoints(
    service: &Block<'_>,
    concrete: &[Block<'_>],
    module: &str,
    name: &str,
    model: &Model,
    diagnostics: &mut Diagnostics,
) -> Vec<Endpoint> {
    let mut endpoints = Vec::new();
    for block in concrete.iter().filter(|block| block.schema.name == "provides") {
        let Some((port, host_port)) = ports_of(service, block, concrete) else { continue };
        let flag = |name: &str| block.property(name).and_then(Spanned::bool).unwrap_or(false);
        let text = |name: &str| block.property(name).and_then(Spanned::string);
        let protocol = match text("protocol").as_deref() {
            Some("udp") => Protocol::Udp,
            Some("http") => Protocol::Http,
            Some("https") => Protocol::Https,
            None if flag("scrape") || block.property("path").is_some() => Protocol::Http,
            _ => Protocol::Tcp,
        };
        let given = given_port(service, block.key());
        let container = text("container");
        endpoints.push(Endpoint {
            name: block.key().to_owned(),
            container: container.map(|container| compose_name(module, name, &container)),
            port,
            host_port,
            protocol,
            path: text("path"),
            scrape: flag("scrape"),
            credentials: credentials(block, model),
            role: text("role"),
            database: flag("database"),
            admin: flag("admin"),
            span: given.map_or(block.span, |given| given.span),
        });
    }
    for node in service.all("port") {
        if let Some(key) = node
            .argument(0)
            .filter(|_| !endpoints.iter().any(|endpoint| endpoint.name == node.key()))
        {
            let names = endpoints.iter().map(|endpoint| endpoint.name.as_str());
            super::names::unknown(
                &codes::UNKNOWN_NAME,
                "endpoint",
                node.key(),
                key,
                names,
                diagnostics,
            );
        }
    }
    endpoints
}

/// Reads what an endpoint wants to see; that the secret exists was seen where the option was read.
fn credentials(block: &Block<'_>, model: &Model) -> Option<Credentials> {
    let secret = |property: &str| {
        let name = block.property(property).and_then(Spanned::text)?;
        model
            .secrets
            .binary_search_by(|secret| secret.name.as_str().cmp(name))
            .ok()
            .map(SecretId::at)
    };
    let user = || block.property("user").and_then(Spanned::string).unwrap_or_default();
    secret("token")
        .map(Credentials::Token)
        .or_else(|| Some(Credentials::Password { user: user(), password: secret("password")? }))
}

fn proxy(block: &Block<'_>, service: &Service) -> Option<Proxy> {
    let index = |property: &str| {
        let name = block.property(property).and_then(Spanned::text)?;
        service
            .endpoints
            .iter()
            .position(|endpoint| endpoint.name == name)
            .and_then(|index| u32::try_from(index).ok())
    };
    let container = block
        .property("container")
        .and_then(Spanned::text)
        .map(|name| compose_name(&service.module, &service.name, name));
    Some(Proxy {
        program: ProxyProgram::ALL.into_iter().find(|program| program.name() == block.key())?,
        http: index("http"),
        https: index("https"),
        container: container
            .or_else(|| service.containers.first().map(|container| container.name.clone())),
    })
}

/// Reads what a service of role `restic` does from its options: `repository`, `password`, `keep`,
/// `schedule`, `check`.
fn backup(service: &Service, model: &Model) -> Option<Backup> {
    let span = |name: &str| service.option_span(name);
    // While options are at fault, what the service would save still counts as saved.
    let text = |name: &str| service.option(name).as_text().or(service.incomplete.then_some(""));
    let password = text("password")?;
    let secret = model.secrets.binary_search_by(|secret| secret.name.as_str().cmp(password)).ok();
    let schedule =
        [BackupClass::Hourly, BackupClass::Daily, BackupClass::Weekly, BackupClass::Monthly];
    let keep = ["last", "hourly", "daily", "weekly", "monthly", "yearly"];
    Some(Backup {
        repository: Spanned::new(text("repository")?.to_owned(), span("repository")),
        password: crate::model::SecretId::at(secret.or(service.incomplete.then_some(0))?),
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
        check: service.option("check").as_text().and_then(Cron::parse),
        span: service.span,
    })
}
