//! Resolves the relations between services: networks, needs, gateways and credentials.

use std::collections::BTreeMap;

use super::codes;
use super::instance::Draft;
use super::names::{self, compose_name};
use super::networks::zone_named;
use super::routes::{Gates, exposes, routes};
use crate::decl::{Block, Value};
use crate::diag::{Diagnostic, Diagnostics};
use crate::model::{
    Container, Dependency, EndpointId, Gateway, HealthProbe, MachineId, Model, Need, NetworkId,
    NetworkMode, Role, SecretId, SecretUse, Service, ServiceId,
};
use crate::source::{Span, Spanned};

/// The first container of a service, whose network others may share, and whether it has a health
/// check. `None` if the service has no container.
type JoinableContainer = Option<(String, bool)>;

/// Resolves the relations between services.
pub fn link(drafts: Vec<Draft<'_>>, model: &mut Model, diagnostics: &mut Diagnostics) {
    let names: BTreeMap<String, JoinableContainer> = drafts
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
                        format!("`{}` can't join its own network", service.name),
                    )
                    .help("name another service that runs in a container, such as gluetun"),
                );
                continue;
            }
            let joins = |one: &&mut Container| one.name == container;
            if let Some(container) = service.containers.iter_mut().find(joins) {
                join_network(container, &name, &names, &list, diagnostics);
            }
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
            owner: owner.clone(),
            mode: "0400".to_owned(),
            span: *span,
        }));
    }
}

fn join_network(
    container: &mut Container,
    name: &Spanned<String>,
    names: &BTreeMap<String, JoinableContainer>,
    list: &[&str],
    diagnostics: &mut Diagnostics,
) {
    match names.get(&name.value) {
        Some(Some((target, healthy))) => {
            container.network = NetworkMode::Container(target.clone());
            // The network belongs to the other container: it exists only while that runs, and
            // disappears when that is recreated.
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

/// An index of endpoints by role, for all machines together and for each.
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
                .label(node.span, "the module says what it needs")
                .help("add one, or check the option that names it"),
            );
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
