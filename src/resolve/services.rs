//! Services: each module made concrete on its machine, then what services say of one another.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;

use super::evaluate::{Expressions, environment};
use super::instance::{self, Draft, ModuleDefinition};
use super::lab::{zone, zone_named};
use super::{codes, names};
use crate::decl::layer::Lab;
use crate::decl::{Block, Value};
use crate::diag::{Diagnostic, Diagnostics};
use crate::model::{
    Container, Dependency, EndpointId, Expose, Gateway, HealthProbe, MachineId, MachineKind, Model,
    Need, NetworkId, NetworkMode, Role, Route, SecretId, SecretUse, Service, ServiceId,
};
use crate::source::{Layer, Sources, Span, Spanned};

/// Resolves every service into `model`.
pub fn resolve(lab: &Lab<'_>, sources: &Sources, model: &mut Model, diagnostics: &mut Diagnostics) {
    let environment = environment();
    // Of the standard library only what the lab uses is prepared; a fault in the lab's own modules
    // is told, used or not.
    let used: BTreeSet<&str> = lab
        .services
        .iter()
        .map(|block| block.property("module").and_then(Spanned::text).unwrap_or(block.key()))
        .collect();
    let needed = |block: &&Block<'_>| {
        block.rank.layer != Layer::Builtin
            || used.contains(block.key())
            || other_names(block).any(|name| used.contains(name))
    };
    let expressions = Expressions::compile(&environment, lab.modules.iter().filter(needed));
    let definitions: Vec<Option<ModuleDefinition<'_>>> = lab
        .modules
        .iter()
        .map(|block| Some(block).filter(needed).map(ModuleDefinition::new))
        .collect();
    let modules = Modules { blocks: &lab.modules, definitions, expressions };
    let names: Vec<&str> = lab.services.iter().map(Block::key).collect();

    let shared: &Model = model;
    let drafts: Vec<(Option<Draft<'_>>, Diagnostics)> = lab
        .services
        .par_iter()
        .map(|block| {
            let mut found = Diagnostics::default();
            let draft = draft(block, &modules, &names, sources, shared, &mut found);
            (draft, found)
        })
        .collect();
    let mut kept = Vec::with_capacity(drafts.len());
    for (draft, found) in drafts {
        diagnostics.append(found);
        kept.extend(draft);
    }
    link(kept, model, diagnostics);
}

/// Holds every module, and those that services use prepared for it.
struct Modules<'s> {
    blocks: &'s [Block<'s>],
    definitions: Vec<Option<ModuleDefinition<'s>>>,
    expressions: Expressions<'s>,
}

/// Lists the names that lead to a module besides its own: those that it had, and those of products
/// that it is taken for.
fn other_names<'b>(module: &'b Block<'_>) -> impl Iterator<Item = &'b str> {
    let nodes =
        module.children.iter().filter(|child| matches!(child.schema.name, "formerly" | "unlike"));
    nodes.flat_map(|names| &names.arguments).filter_map(Spanned::text)
}

/// Finds the node that says what the product of a name is, and that it is not the module's.
fn other_product<'b, 's>(module: &'b Block<'s>, name: &str) -> Option<&'b Block<'s>> {
    module.children.iter().find(|child| {
        child.schema.name == "unlike"
            && child.arguments.iter().any(|other| other.text() == Some(name))
    })
}

fn draft<'s>(
    block: &'s Block<'s>,
    modules: &Modules<'s>,
    services: &[&str],
    sources: &Sources,
    model: &Model,
    diagnostics: &mut Diagnostics,
) -> Option<Draft<'s>> {
    let name = block.property("module").or_else(|| block.argument(0))?;
    let module = module(block, name, modules.blocks, diagnostics);
    let machine = names::find(
        "machine",
        block.property("on")?,
        &model.machines,
        |machine| &machine.name,
        diagnostics,
    );
    let (module, machine) = (modules.definitions[module?].as_ref()?, machine?);
    if model.machines[machine].kind == MachineKind::Appliance {
        diagnostics.push(
            Diagnostic::new(
                &codes::WRONG_KIND,
                block.property("on")?.span,
                format!("no service can run on `{}`", model.machines[machine].name),
            )
            .label(model.machines[machine].span, "its system is not ours")
            .help("run it on a vm, an lxc or a Debian host"),
        );
        return None;
    }
    Some(instance::draft(
        block,
        module,
        machine,
        &modules.expressions,
        services,
        sources,
        model,
        diagnostics,
    ))
}

/// Finds a service's module by its name, or by one that it had.
fn module(
    block: &Block<'_>,
    name: &Spanned<Value<'_>>,
    modules: &[Block<'_>],
    diagnostics: &mut Diagnostics,
) -> Option<usize> {
    let text = name.text().unwrap_or_default();
    let current = modules.binary_search_by(|module| module.key().cmp(text)).ok();
    let called = |module: &Block<'_>| other_names(module).any(|other| other == text);
    let Some(index) = current.or_else(|| modules.iter().position(called)) else {
        return names::find("module", name, modules, Block::key, diagnostics);
    };
    let module = &modules[index];
    // The service's own name says what its owner takes it for, too.
    let other = [(text, name.span), (block.key(), block.key_span())]
        .into_iter()
        .find_map(|(text, span)| Some((text, span, other_product(module, text)?)));
    if let Some((text, span, other)) = other {
        let why = other.property("why").and_then(Spanned::text).unwrap_or_default();
        let message = format!("`{text}` is another product than module `{}`: {why}", module.key());
        let help = format!(
            "if the module's program is meant, call it `{}`; for the other, write a module of your own",
            module.key()
        );
        diagnostics
            .push(Diagnostic::new(&codes::OTHER_PRODUCT, span, message).help(help).on(block.key()));
    } else if current.is_none() {
        diagnostics.push(
            Diagnostic::new(
                &codes::RENAMED_MODULE,
                name.span,
                format!("`{}` has taken the place of `{text}`", module.key()),
            )
            .help(format!("write `module={}`", module.key()))
            .on(block.key()),
        );
    }
    if let Some(end) = module.child("discontinued") {
        let why = end.argument(0).and_then(Spanned::text).unwrap_or_default();
        let mut finding = Diagnostic::new(
            &codes::DISCONTINUED_MODULE,
            name.span,
            format!("`{}` is no more: {why}", module.key()),
        );
        if let Some(help) = end.property("help").and_then(Spanned::text) {
            finding = finding.help(help);
        }
        diagnostics.push(finding.on(block.key()));
        return None;
    }
    Some(index)
}

/// Is a service that others may share the network of: its first container, and whether anything
/// tells when that is healthy.
type Joinable = Option<(String, bool)>;

/// Resolves what services say of one another.
fn link(drafts: Vec<Draft<'_>>, model: &mut Model, diagnostics: &mut Diagnostics) {
    let names: BTreeMap<String, Joinable> = drafts
        .iter()
        .map(|draft| {
            let tells = |container: &Container| {
                container.health.as_ref().is_some_and(|health| health.probe != HealthProbe::None)
            };
            let first = draft
                .service
                .containers
                .first()
                .map(|container| (container.name.clone(), tells(container)));
            (draft.service.name.clone(), first)
        })
        .collect();
    let roles = Roles::of(&drafts);
    let gates = Gates::of(&drafts);
    let list: Vec<&str> = names.keys().map(String::as_str).collect();

    let mut services: Vec<Service> = Vec::with_capacity(drafts.len());
    for draft in drafts {
        let Draft { mut service, block, concrete, network_services } = draft;
        for (container, name) in network_services {
            if name.value == service.name {
                diagnostics.push(
                    Diagnostic::new(
                        &codes::WRONG_KIND,
                        name.span,
                        format!("`{}` can't live in its own network", service.name),
                    )
                    .help("name another service that runs in a container, such as gluetun"),
                );
                continue;
            }
            join_network(&mut service.containers[container], &name, &names, &list, diagnostics);
        }
        service.exposes = exposes(block, &service, model, diagnostics);
        service.routes = routes(block, &service, &list, &gates, model, diagnostics);
        service.needs = needs(&concrete, &service, &roles, &list, diagnostics);
        service.gateway = concrete
            .iter()
            .find(|block| block.schema.name == "gateway")
            .and_then(|block| gateway(block, model));
        services.push(service);
    }
    hand_over_credentials(&mut services);
    model.services = services;
}

/// Gives every Prometheus the secrets that its targets want to see.
fn hand_over_credentials(services: &mut [Service]) {
    let wanted: BTreeMap<SecretId, Span> = services
        .iter()
        .flat_map(|service| &service.endpoints)
        .filter(|endpoint| endpoint.scrape)
        .filter_map(|endpoint| Some((endpoint.credentials.as_ref()?.secret(), endpoint.span)))
        .collect();
    for collector in services.iter_mut().filter(|service| service.has(Role::Prometheus)) {
        // It runs as the owner of what it keeps.
        let owner =
            collector.states.first().map_or_else(|| "root".to_owned(), |state| state.owner.clone());
        let Some(container) = collector.containers.first_mut() else { continue };
        container.secrets.extend(wanted.iter().map(|(secret, span)| SecretUse {
            secret: *secret,
            at: None,
            file_variable: None,
            value_variable: None,
            owner: owner.clone(),
            mode: "0400".to_owned(),
            span: *span,
        }));
    }
}

fn join_network(
    container: &mut Container,
    name: &Spanned<String>,
    names: &BTreeMap<String, Joinable>,
    list: &[&str],
    diagnostics: &mut Diagnostics,
) {
    match names.get(&name.value) {
        Some(Some((target, healthy))) => {
            container.network = NetworkMode::Container(target.clone());
            // The network is the other container's: without it there is none, and a new one means a
            // new network.
            container.depends_on.push(Dependency {
                container: target.clone(),
                healthy: *healthy,
                restart: true,
            });
            container.depends_on.sort();
        }
        Some(None) => diagnostics.push(
            Diagnostic::new(
                &codes::WRONG_KIND,
                name.span,
                format!("service `{}` has no container whose network could be shared", name.value),
            )
            .help("name a service that runs in a container, such as gluetun"),
        ),
        None => {
            let value = Spanned::new(Value::Text(name.value.as_str().into()), name.span);
            names::unknown(
                &codes::UNKNOWN_NAME,
                "service",
                &name.value,
                &value,
                list.iter().copied(),
                diagnostics,
            );
        }
    }
}

fn endpoint(
    name: &Spanned<Value<'_>>,
    service: &Service,
    diagnostics: &mut Diagnostics,
) -> Option<u32> {
    let text = name.text().unwrap_or_default();
    let found = service.endpoints.iter().position(|endpoint| endpoint.name == text);
    if found.is_none() {
        let what = format!("endpoint of `{}` named", service.name);
        names::unknown(
            &codes::UNKNOWN_NAME,
            &what,
            text,
            name,
            service.endpoints.iter().map(|endpoint| endpoint.name.as_str()),
            diagnostics,
        );
    }
    found.and_then(|index| u32::try_from(index).ok())
}

fn zones(
    list: Option<&Spanned<Value<'_>>>,
    model: &Model,
    diagnostics: &mut Diagnostics,
) -> Vec<Spanned<crate::model::ZoneId>> {
    let items = list.map(Spanned::items).unwrap_or_default();
    let mut zones: Vec<_> = items
        .iter()
        .filter_map(|name| Some(Spanned::new(zone(name, &model.zones, diagnostics)?, name.span)))
        .collect();
    zones.sort_by_key(|zone| zone.value);
    zones.dedup_by_key(|zone| zone.value);
    zones
}

fn exposes(
    block: &Block<'_>,
    service: &Service,
    model: &Model,
    diagnostics: &mut Diagnostics,
) -> Vec<Expose> {
    let mut exposes = Vec::new();
    for node in block.all("expose") {
        let to = zones(node.property("to"), model, diagnostics);
        let Some(endpoint) = node.argument(0).and_then(|name| endpoint(name, service, diagnostics))
        else {
            continue;
        };
        exposes.push(Expose { endpoint, to, span: node.span });
    }
    exposes.sort_by_key(|expose| (expose.endpoint, expose.span));
    exposes
}

fn routes(
    block: &Block<'_>,
    service: &Service,
    list: &[&str],
    gates: &Gates,
    model: &Model,
    diagnostics: &mut Diagnostics,
) -> Vec<Route> {
    let mut routes = Vec::new();
    for node in block.all("route") {
        let from = zones(node.property("from"), model, diagnostics);
        let target = node.property("to").and_then(|name| endpoint(name, service, diagnostics));
        let mut find = |name: &Spanned<Value<'_>>| {
            names::find("service", name, list, |name| name, diagnostics)
        };
        let mut named = |property: &str| {
            node.property(property).and_then(|name| Some((find(name)?, name.span)))
        };
        let (auth, via) = (named("auth"), named("via"));
        if let Some((service, span)) =
            auth.filter(|(service, _)| gates.authenticators[*service].is_none())
        {
            let help = candidates("service that authenticates users", "authentik", list, |index| {
                gates.authenticators[index].is_some()
            });
            let message = format!("`{}` authenticates nobody", list[service]);
            diagnostics.push(
                Diagnostic::new(&codes::ROUTE_WITHOUT_AUTHENTICATION, span, message).help(help),
            );
        }
        let (Some(endpoint), Some((via, span)), Some(host)) = (target, via, node.argument(0))
        else {
            continue;
        };
        if !gates.proxies[via] {
            let help =
                candidates("proxy", "nginx-proxy-manager, traefik or caddy", list, |index| {
                    gates.proxies[index]
                });
            diagnostics.push(
                Diagnostic::new(
                    &codes::ROUTE_WITHOUT_PROXY,
                    span,
                    format!("`{}` is no proxy", list[via]),
                )
                .help(help),
            );
            continue;
        }
        let Some(name) = host.string() else { continue };
        routes.push(Route {
            host: Spanned::new(name, host.span),
            endpoint,
            via: ServiceId::at(via),
            from,
            auth: auth.and_then(|(service, _)| gates.authenticators[service]),
            span: node.span,
        });
    }
    routes.sort_by(|a, b| a.host.value.cmp(&b.host.value));
    routes
}

/// Lists the services that would do, or says what to add.
fn candidates(what: &str, modules: &str, list: &[&str], fits: impl Fn(usize) -> bool) -> String {
    let names: Vec<&str> =
        list.iter().enumerate().filter(|(index, _)| fits(*index)).map(|(_, name)| *name).collect();
    match names[..] {
        [] => format!("the lab has no {what} yet: add a service of module {modules}"),
        [name] => format!("the lab has one {what}: {name}"),
        _ => format!("choose one of {}", names.join(", ")),
    }
}

/// Says of each service what it may be to a route.
struct Gates {
    /// Whether it is a proxy.
    proxies: Vec<bool>,
    /// The endpoint at which it authenticates users.
    authenticators: Vec<Option<EndpointId>>,
}

impl Gates {
    fn of(drafts: &[Draft<'_>]) -> Self {
        let authenticator = |(draft, index): (&Draft<'_>, usize)| {
            let position = draft
                .service
                .endpoints
                .iter()
                .position(|endpoint| endpoint.role.as_deref() == Some("forward-auth"))?;
            Some(EndpointId { service: ServiceId::at(index), index: u32::try_from(position).ok()? })
        };
        Self {
            proxies: drafts.iter().map(|draft| draft.service.proxy.is_some()).collect(),
            authenticators: drafts.iter().zip(0..).map(authenticator).collect(),
        }
    }
}

/// Finds endpoints by role, on all machines and on each.
struct Roles {
    everywhere: BTreeMap<String, Vec<EndpointId>>,
    on_machine: BTreeMap<(String, MachineId), Vec<EndpointId>>,
}

impl Roles {
    fn of(drafts: &[Draft<'_>]) -> Self {
        let mut roles = Self { everywhere: BTreeMap::new(), on_machine: BTreeMap::new() };
        for (index, draft) in drafts.iter().enumerate() {
            for (position, endpoint) in draft.service.endpoints.iter().enumerate() {
                let (Some(role), Ok(position)) = (&endpoint.role, u32::try_from(position)) else {
                    continue;
                };
                let id = EndpointId { service: ServiceId::at(index), index: position };
                roles.everywhere.entry(role.clone()).or_default().push(id);
                roles.on_machine.entry((role.clone(), draft.service.machine)).or_default().push(id);
            }
        }
        roles
    }

    fn find(&self, role: &str, machine: Option<MachineId>) -> &[EndpointId] {
        let found = match machine {
            Some(machine) => self.on_machine.get(&(role.to_owned(), machine)),
            None => self.everywhere.get(role),
        };
        found.map(Vec::as_slice).unwrap_or_default()
    }
}

fn needs(
    concrete: &[Block<'_>],
    service: &Service,
    roles: &Roles,
    list: &[&str],
    diagnostics: &mut Diagnostics,
) -> Vec<Need> {
    let mut needs = Vec::new();
    for node in concrete.iter().filter(|block| block.schema.name == "needs") {
        let role = node.property("role").and_then(Spanned::text).unwrap_or_default();
        let near = node.property("same-machine").and_then(Spanned::bool) == Some(true);
        let one =
            node.property("service").and_then(Spanned::text).map(|name| list.binary_search(&name));
        let own = list.binary_search(&service.name.as_str());
        let endpoints: Vec<EndpointId> = roles
            .find(role, near.then_some(service.machine))
            .iter()
            .copied()
            .filter(|endpoint| {
                let index = Ok(endpoint.service.0 as usize);
                index != own && one.is_none_or(|one| one == index)
            })
            .collect();
        if endpoints.is_empty() && node.property("optional").and_then(Spanned::bool) != Some(true) {
            let place = if near { " on its machine" } else { "" };
            diagnostics.push(
                Diagnostic::new(
                    &codes::UNMET_NEED,
                    service.span,
                    format!("`{}` needs a service that provides `{role}`{place}", service.name),
                )
                .label(node.span, "the module says so")
                .help("add one, or check the option that names it"),
            );
        }
        let container = node.property("container").and_then(Spanned::text).map_or_else(
            || service.containers.first().map(|container| container.name.clone()),
            |name| Some(instance::compose_name(&service.module, &service.name, name)),
        );
        needs.push(Need {
            name: node.key().to_owned(),
            role: role.to_owned(),
            endpoints,
            container,
            span: node.span,
        });
    }
    needs
}

fn gateway(block: &Block<'_>, model: &Model) -> Option<Gateway> {
    let name = block.argument(0)?.text()?;
    let network = model.networks.iter().position(|network| network.name == name)?;
    let reach = block.property("reach").map(Spanned::items).unwrap_or_default();
    let mut reach: Vec<_> =
        reach.iter().filter_map(Spanned::text).map(|zone| zone_named(zone, &model.zones)).collect();
    reach.sort_unstable();
    Some(Gateway {
        network: NetworkId::at(network),
        reach,
        masquerade: block.property("masquerade").and_then(Spanned::bool).unwrap_or(true),
        span: block.span,
    })
}
