//! Finds what `raw` names and the machine's compose file does not have.

use std::collections::BTreeSet;

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::model::{Container, Data, MountKind, Service};
use crate::plan::Plan;

/// Finds volumes and configs that `raw compose.KEY` names and nothing makes.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code = codes::code!(
    "raw-names-nothing",
    Error,
    "`raw` names something that the machine's compose file does not have"
);

/// The keys whose values are names, each with what it names and what to do instead.
const KEYS: &[(&str, &str, &str)] = &[
    ("configs", "config", "remove it: a module brings a file with `file`"),
    (
        "volumes",
        "volume",
        "name a folder of the machine instead, such as `/srv/x:/x`; a module declares a volume \
         with `mount \"volume:NAME\"`",
    ),
];

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    for machine in &plan.machines {
        let services = || machine.services.iter().map(|id| &plan.model[*id]);
        let containers = || services().flat_map(|service| &service.containers);
        let mounts = containers().flat_map(|one| &one.mounts);
        let volumes: BTreeSet<&str> = mounts
            .filter(|mount| mount.kind == MountKind::Volume)
            .map(|mount| mount.source.as_str())
            .collect();
        let exists = |key: &str, name: &str| match name.split_once(':') {
            // labwright writes no `configs` into a compose file, so none of these exists.
            _ if key != "volumes" => false,
            Some((source, _)) => source.starts_with(['/', '.', '~']) || volumes.contains(source),
            // A volume without a source has no name.
            None => true,
        };
        for service in services() {
            for container in &service.containers {
                for (key, what, help) in KEYS {
                    for name in named(container, key).filter(|name| !exists(key, name)) {
                        diagnostics.push(finding(service, container, key, what, name).help(*help));
                    }
                }
            }
        }
    }
}

fn finding(
    service: &Service,
    container: &Container,
    key: &str,
    what: &str,
    name: &str,
) -> Diagnostic {
    let written = format!("compose.{key}");
    let place = service.raw.iter().find(|raw| raw.value == written);
    let span = place.map_or(service.span, |raw| raw.span);
    let message = format!("`{}` names the {what} `{name}`, which nothing makes", container.name);
    Diagnostic::new(&CODE, span, message).on(service.name.clone())
}

/// Lists the names in a raw key of a container.
fn named<'c>(container: &'c Container, key: &str) -> impl Iterator<Item = &'c str> {
    let value = container.raw.get(key);
    let (list, record) = match value {
        Some(Data::Record(record)) => (&[][..], Some(record)),
        Some(value) => (value.items(), None),
        None => (&[][..], None),
    };
    let keys = record.into_iter().flatten().map(|(name, _)| name.as_str());
    list.iter().filter_map(Data::as_text).chain(keys)
}
