//! Resolves the relations between services: networks, needs, gateways and credentials.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;

use super::codes;
use super::containers::target;
use super::instance::Draft;
use super::names::{self, compose_name};
use super::networks::zone_named;
use super::routes::{Gates, exposes, routes};
use crate::around::around;
use crate::decl::{Block, Value};
use crate::diag::{Diagnostic, Diagnostics};
use crate::model::{
    Around, Container, Dependency, EndpointId, Gateway, HealthProbe, Link, MachineId, Model, Need,
    NetworkId, NetworkMode, Role, SecretId, SecretUse, Service, ServiceId, Until,
};
use crate::source::{Span, Spanned};

/// The first container of a service, whose network others may share, whether it has a health check,
/// and its machine. `None` if the service has no container.
type JoinableContainer = Option<(String, bool, MachineId)>;

/// Services without the relations that need all of them, in the order of their names.
pub struct Linker<'s> {
    services: Vec<Service>,
    rests: Vec<Rest<'s>>,
    names: BTreeMap<String, JoinableContainer>,
    gates: Gates,
    /// The names of all services, also of those whose module or machine is not known.
    declared: Vec<String>,
}

/// What a service refers to of the others.
struct Others<'l> {
    /// Their names, sorted.
    list: &'l [&'l str],
    names: &'l BTreeMap<String, JoinableContainer>,
    gates: &'l Gates,
    declared: &'l [String],
}

/// What a draft holds besides its service.
struct Rest<'s> {
    block: &'s Block<'s>,
    concrete: Vec<Block<'s>>,
    network_services: Vec<(String, Spanned<String>)>,
    /// What was found on the way.
    found: Diagnostics,
}

impl<'s> Linker<'s> {
    /// Resolves routes, openings and shared networks, which decide what surrounds a service.
    pub fn new(drafts: Vec<(Draft<'s>, Diagnostics)>, declared: &[&str], model: &Model) -> Self {
        let declared = declared.iter().map(|name| (*name).to_owned()).collect();
        let (services, rests): (Vec<Service>, Vec<Rest<'s>>) =
            drafts.into_iter().map(|(draft, found)| split(draft, found)).unzip();
        let tells = |container: &Container| {
            container.health.as_ref().is_some_and(|health| health.probe != HealthProbe::None)
        };
        let first = |service: &Service| {
            let first = service.containers.first();
            first.map(|container| (container.name.clone(), tells(container), service.machine))
        };
        let names = services.iter().map(|service| (service.name.clone(), first(service))).collect();
        let gates = Gates::of(&services);
        let mut linker = Self { services, rests, names, gates, declared };
        linker.open(|_| true, model);
        linker
    }

    /// Finds out what surrounds each service. `model` holds the services only meanwhile.
    pub fn around(&mut self, model: &mut Model) -> Vec<Around> {
        model.services = std::mem::take(&mut self.services);
        let around = around(model);
        self.services = std::mem::take(&mut model.services);
        around
    }

    /// Tells a service what surrounds it.
    pub fn tell(&mut self, index: usize, around: Around) {
        if let Some(service) = self.services.get_mut(index) {
            service.around = around;
        }
    }

    /// Puts services, made once more, in the places of earlier ones.
    pub fn replace(&mut self, made: Vec<(usize, (Draft<'s>, Diagnostics))>, model: &Model) {
        let mut replaced = BTreeSet::new();
        for (index, (draft, found)) in made {
            let (service, rest) = split(draft, found);
            if let (Some(old), Some(old_rest)) =
                (self.services.get_mut(index), self.rests.get_mut(index))
            {
                *old = service;
                *old_rest = rest;
                replaced.insert(index);
            }
        }
        self.open(|index| replaced.contains(&index), model);
    }

    /// Resolves the routes, openings and shared networks of the services at some places.
    fn open(&mut self, is_chosen: impl Fn(usize) -> bool + Sync, model: &Model) {
        let Self { services, rests, names, gates, declared } = self;
        let list: Vec<&str> = names.keys().map(String::as_str).collect();
        let others = Others { list: &list, names, gates, declared };
        let all = services.par_iter_mut().zip(rests.par_iter_mut()).enumerate();
        let chosen = all.filter(|(index, _)| is_chosen(*index));
        chosen.for_each(|(_, (service, rest))| open(service, rest, &others, model));
    }

    /// Resolves the other relations, and gives the services to the model.
    pub fn finish(self, model: &mut Model, diagnostics: &mut Diagnostics) {
        let Self { mut services, rests, names, .. } = self;
        let roles = Roles::of(&services);
        let list: Vec<&str> = names.keys().map(String::as_str).collect();
        let linked: Vec<Target> = services.iter().map(linkable).collect();
        for (service, rest) in services.iter_mut().zip(rests) {
            // The findings keep the order of the services, whichever thread made them.
            diagnostics.append(rest.found);
            service.needs = needs(&rest.concrete, service, &roles, &list, diagnostics);
            service.links = links(rest.block, service, &linked, &list, diagnostics);
            service.gateway = rest
                .concrete
                .iter()
                .find(|block| block.schema.name == "gateway")
                .and_then(|block| gateway(block, model));
        }
        hand_over_credentials(&mut services);
        hand_over_logins(&mut services);
        model.services = services;
    }
}

fn open(service: &mut Service, rest: &mut Rest<'_>, others: &Others<'_>, model: &Model) {
    for (container, name) in &rest.network_services {
        if name.value == service.name {
            rest.found.push(
                Diagnostic::new(
                    &codes::WRONG_KIND,
                    name.span,
                    format!("`{}` can't join its own network", service.name),
                )
                .help("name another service that runs in a container, such as gluetun"),
            );
            continue;
        }
        if let Some(Some((.., machine))) = others.names.get(&name.value)
            && *machine != service.machine
        {
            let [theirs, own] = [*machine, service.machine].map(|id| &model[id].name);
            let message = format!("`{}` runs on `{theirs}`, and this one on `{own}`", name.value);
            rest.found.push(
                Diagnostic::new(&codes::WRONG_KIND, name.span, message)
                    .caption("containers share a network on one machine only")
                    .help("run both on the same machine"),
            );
            continue;
        }
        let joins = |one: &&mut Container| one.name == *container;
        if let Some(container) = service.containers.iter_mut().find(joins) {
            join_network(container, name, others.names, others.declared, &mut rest.found);
        }
    }
    service.exposes = exposes(rest.block, service, model, &mut rest.found);
    service.routes = routes(rest.block, service, others.list, others.gates, model, &mut rest.found);
}

fn split(draft: Draft<'_>, found: Diagnostics) -> (Service, Rest<'_>) {
    let Draft { service, block, concrete, network_services } = draft;
    (service, Rest { block, concrete, network_services, found })
}

/// Gives every Prometheus the secrets for its targets.
fn hand_over_credentials(services: &mut [Service]) {
    let wanted: BTreeMap<SecretId, Span> = services
        .iter()
        .flat_map(|service| &service.endpoints)
        .filter(|endpoint| endpoint.scrape)
        .filter_map(|endpoint| Some((endpoint.credentials.as_ref()?.secret(), endpoint.span)))
        .collect();
    for collector in services.iter_mut().filter(|service| service.has(Role::Prometheus)) {
        // Prometheus runs as the owner of its state, and must be able to read the secrets.
        let owner =
            collector.states.first().map_or_else(|| "root".to_owned(), |state| state.owner.clone());
        let Some(container) = collector.containers.first_mut() else { continue };
        container.secrets.extend(wanted.iter().map(|(secret, span)| SecretUse {
            secret: *secret,
            at: None,
            file_variable: None,
            value_variable: None,
            in_text: false,
            owner: owner.clone(),
            mode: "0400".to_owned(),
            first_start: None,
            span: *span,
        }));
    }
}

/// Gives every proxy the secrets with the users of its routes.
fn hand_over_logins(services: &mut [Service]) {
    let wanted: BTreeSet<(usize, SecretId, Span)> = services
        .iter()
        .flat_map(|service| &service.routes)
        .filter_map(|route| Some((route.via.0 as usize, route.handling.login?, route.span)))
        .collect();
    for (proxy, secret, span) in wanted {
        let Some(service) = services.get_mut(proxy) else { continue };
        let name = service.proxy.as_ref().and_then(|proxy| proxy.container.clone());
        let is_it = |one: &&mut Container| Some(&one.name) == name.as_ref();
        let Some(container) = service.containers.iter_mut().find(is_it) else { continue };
        if container.secrets.iter().any(|used| used.secret == secret && used.at.is_none()) {
            continue;
        }
        container.secrets.push(SecretUse {
            secret,
            at: None,
            file_variable: None,
            value_variable: None,
            in_text: false,
            owner: "root".to_owned(),
            mode: "0400".to_owned(),
            first_start: None,
            span,
        });
    }
}

fn join_network(
    container: &mut Container,
    name: &Spanned<String>,
    names: &BTreeMap<String, JoinableContainer>,
    declared: &[String],
    diagnostics: &mut Diagnostics,
) {
    match names.get(&name.value) {
        Some(Some((target, healthy, _))) => {
            container.network = NetworkMode::Container(target.clone());
            // The network belongs to the other container: it exists only while that runs, and
            // disappears when that is recreated.
            container.depends_on.push(Dependency {
                container: target.clone(),
                until: if *healthy { Until::Healthy } else { Until::Started },
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
        // Why a declared service is not here is already reported.
        None if declared.contains(&name.value) => {}
        None => {
            let value = Spanned::new(Value::Text(name.value.as_str().into()), name.span);
            names::unknown(
                &codes::UNKNOWN_NAME,
                "service",
                &name.value,
                &value,
                declared.iter().map(String::as_str),
                diagnostics,
            );
        }
    }
}

/// An index of endpoints by role, for all machines together and for each.
struct Roles {
    everywhere: BTreeMap<String, Vec<EndpointId>>,
    on_machine: BTreeMap<(String, MachineId), Vec<EndpointId>>,
}

impl Roles {
    fn of(services: &[Service]) -> Self {
        let mut roles = Self { everywhere: BTreeMap::new(), on_machine: BTreeMap::new() };
        for (index, service) in services.iter().enumerate() {
            for (position, endpoint) in service.endpoints.iter().enumerate() {
                let (Some(role), Ok(position)) = (&endpoint.role, u32::try_from(position)) else {
                    continue;
                };
                let id = EndpointId { service: ServiceId::at(index), index: position };
                roles.everywhere.entry(role.clone()).or_default().push(id);
                roles.on_machine.entry((role.clone(), service.machine)).or_default().push(id);
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
                .label(node.span, "the module says what it needs")
                .help("add one, or check the option that names it"),
            );
        }
        if let Some(option) = node.property("one-by").and_then(Spanned::text) {
            let ids: BTreeSet<ServiceId> = endpoints.iter().map(|one| one.service).collect();
            let names = ids.iter().filter_map(|id| list.get(id.0 as usize).copied());
            let names: Vec<&str> = names.collect();
            if let Some(found) = several(service, node, (role, option), &names) {
                diagnostics.push(found);
            }
        }
        let container = node.property("container").and_then(Spanned::text).map_or_else(
            || service.containers.first().map(|container| container.name.clone()),
            |name| Some(compose_name(&service.module, &service.name, name)),
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

/// Reports a need that several services meet, of which an option must say one.
fn several(
    service: &Service,
    node: &Block<'_>,
    (role, option): (&str, &str),
    names: &[&str],
) -> Option<Diagnostic> {
    let [first, _, ..] = names else { return None };
    let name = &service.name;
    let all = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let message = format!("`{name}` needs one service that provides `{role}`, and there are {all}");
    Some(
        Diagnostic::new(&codes::UNMET_NEED, service.span, message)
            .label(node.span, "the module says what it needs")
            .help(format!("write which one into `{name}`, such as `{option} {first}`")),
    )
}

/// What a link to a service may name: an endpoint, and whether it is a database's.
type Linkable = (String, bool);

/// The endpoints of a service, and the machine on which containers without any are met.
type Target = (Vec<Linkable>, Option<MachineId>);

fn linkable(service: &Service) -> Target {
    let endpoints = service.endpoints.iter();
    (
        endpoints.map(|endpoint| (endpoint.name.clone(), endpoint.database)).collect(),
        (!service.containers.is_empty()).then_some(service.machine),
    )
}

fn links(
    block: &Block<'_>,
    service: &mut Service,
    linkable: &[Target],
    list: &[&str],
    diagnostics: &mut Diagnostics,
) -> Vec<Link> {
    let mut links = Vec::new();
    for node in block.all("link") {
        let Some(name) = node.argument(0) else { continue };
        let found = names::find("service", name, list, |name| name, diagnostics);
        let target_of = |index: usize| Some((index, linkable.get(index)?));
        let Some((index, (endpoints, machine))) = found.and_then(target_of) else { continue };
        let text = name.text().unwrap_or_default();
        if text == service.name {
            let message = format!("`{text}` is linked with itself");
            diagnostics.push(
                Diagnostic::new(&codes::WRONG_KIND, name.span, message)
                    .help("remove this line: a service's containers are on one network"),
            );
            continue;
        }
        let all = endpoints.iter().zip(0..);
        let chosen: Vec<u32> = if let Some(wanted) = node.property("endpoint") {
            let is_it =
                |(endpoint, _): &(&Linkable, u32)| Some(endpoint.0.as_str()) == wanted.text();
            let chosen: Vec<u32> = all.filter(is_it).map(|(_, index)| index).collect();
            if chosen.is_empty() {
                let what = format!("endpoint of `{text}` named");
                let known = endpoints.iter().map(|endpoint| endpoint.0.as_str());
                let written = wanted.text().unwrap_or_default();
                names::unknown(&codes::UNKNOWN_NAME, &what, written, wanted, known, diagnostics);
            }
            chosen
        } else {
            let only_databases = endpoints.iter().all(|endpoint| endpoint.1);
            all.filter(|(endpoint, _)| only_databases || !endpoint.1)
                .map(|(_, index)| index)
                .collect()
        };
        if endpoints.is_empty() && *machine != Some(service.machine) {
            let message = format!("labwright knows of no port on which `{text}` listens");
            diagnostics.push(
                Diagnostic::new(&codes::WRONG_KIND, name.span, message)
                    .help("say in its module what it `provides`, or remove this line"),
            );
            continue;
        }
        let container = match node.property("container") {
            Some(_) => target(service, node, diagnostics).map(|container| container.name.clone()),
            None => service.containers.first().map(|container| container.name.clone()),
        };
        let to = ServiceId::at(index);
        let chosen = chosen.into_iter().map(|index| EndpointId { service: to, index }).collect();
        links.push(Link { to, endpoints: chosen, container, span: node.span });
    }
    links.sort_by(|a, b| {
        (a.to, &a.endpoints, &a.container).cmp(&(b.to, &b.endpoints, &b.container))
    });
    links
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
