//! Reads `raw`: keys of compose and of units that the language does not model.

use std::collections::BTreeMap;

use super::container_faults::kept_label;
use super::containers::target;
use super::units::refused;
use super::{codes, compose_schema, names};
use crate::decl::types::Type;
use crate::decl::{Block, Value};
use crate::diag::{Diagnostic, Diagnostics, nearest};
use crate::model::{Container, Data, Environment, NetworkMode, SECRET_IS_NO_TEXT, Service, Unit};
use crate::source::{Span, Spanned};

/// The keys that would change what runs without the lab knowing of it, each with what to do
/// instead.
const MODELLED: &[(&str, &str)] = &[
    ("build", "remove it: a container names an image, or a folder to build one from with `build`"),
    ("container_name", "remove it: a container is called after its service"),
    ("depends_on", "remove it: a module says by `depends-on` what its container waits for"),
    ("extends", "remove it: a module says itself what its container has"),
    ("links", "remove it: containers reach each other by their names"),
    (
        "networks",
        "remove it: the service says with `link NAME` whom it connects to, and with `own-address` \
         which address of the LAN it has",
    ),
    ("profiles", "remove it: a container that a person starts is `manual` in its module"),
    ("scale", "remove it: a lab runs one container of each kind"),
];

/// Says how a service has what compose calls by a name, if compose knows it.
pub(super) fn of_compose(name: &str) -> Option<String> {
    let name = if name == "env" { "environment" } else { name };
    if let Some((_, help)) = MODELLED.iter().find(|(known, _)| *known == name) {
        return Some((*help).to_owned());
    }
    match name {
        "ports" => Some(
            "`port ENDPOINT 8080` gives an endpoint another port of the machine, and `expose \
             ENDPOINT to=ZONE` opens it"
                .to_owned(),
        ),
        "restart" => {
            Some("remove it: a container is started again until somebody stops it".to_owned())
        }
        _ => compose_schema::keys()
            .any(|key| key == name)
            .then(|| format!("what a module has no option for is written `raw compose.{name} …`")),
    }
}

/// Adds a service's `raw` nodes.
pub fn fill(service: &mut Service, block: &Block<'_>, diagnostics: &mut Diagnostics) {
    for node in block.all("raw") {
        let key = node.key();
        service.raw.push(Spanned::new(key.to_owned(), node.span));
        if holds_secret(node, diagnostics) {
            continue;
        }
        if let Some(key) = key.strip_prefix("compose.") {
            compose(service, node, key, diagnostics);
        } else if let Some((section, name)) =
            key.strip_prefix("unit.").and_then(|key| key.split_once('.'))
        {
            let value = value(node);
            let Some(unit) = unit(service, node, diagnostics) else { continue };
            let text = |value: &Data| {
                value.as_text().map_or_else(|| serde_json::json!(value).to_string(), str::to_owned)
            };
            let words: Vec<String> = value.items().iter().map(text).collect();
            if let Some(problem) = refused(section, name, &words) {
                diagnostics.push(
                    Diagnostic::new(&crate::decl::codes::WRONG_TYPE, node.span, problem)
                        .help("systemd.directives(7) lists all settings"),
                );
                continue;
            }
            let line = (name.to_owned(), words);
            match unit.sections.iter_mut().find(|(known, _)| known == section) {
                Some((_, lines)) => lines.push(line),
                None => unit.sections.push((section.to_owned(), vec![line])),
            }
        } else if !node.argument(0).is_some_and(Spanned::is_faulty) {
            diagnostics.push(
                Diagnostic::new(
                    &crate::decl::codes::WRONG_TYPE,
                    node.key_span(),
                    format!("`{key}` is not a raw key"),
                )
                .help("write `compose.KEY` or `unit.SECTION.KEY`"),
            );
        }
    }
}

/// Adds the `raw` nodes of a container in a module.
pub fn of_container(container: &mut Container, block: &Block<'_>, diagnostics: &mut Diagnostics) {
    for node in block.all("raw") {
        if holds_secret(node, diagnostics) {
            continue;
        }
        let Some(key) = node.key().strip_prefix("compose.") else {
            let message = format!("`{}` is not a key of a container", node.key());
            diagnostics.push(
                Diagnostic::new(&crate::decl::codes::WRONG_TYPE, node.key_span(), message)
                    .help("write `raw compose.KEY …`"),
            );
            continue;
        };
        let Some(value) = held(node, key, diagnostics) else { continue };
        if matches!(key, "image" | "network_mode") {
            let node_name = if key == "image" { "image" } else { "network" };
            let message = format!("`compose.{key}` has a node of its own here");
            diagnostics.push(
                Diagnostic::new(&codes::RAW_NOT_ALLOWED, node.span, message)
                    .help(format!("remove it: the container says it by `{node_name}`")),
            );
            continue;
        }
        if key == "environment" {
            container.raw_environment.extend(variables(node));
        }
        add(container, key, value);
    }
}

/// Returns the values of a node: children and properties become a record, several arguments a
/// list. Children called `-` are the items of a list.
pub(super) fn value(node: &Block<'_>) -> Data {
    // The first argument of a `raw` is its key.
    let skipped = usize::from(node.schema.name == "raw");
    let values: Vec<Data> =
        node.arguments.iter().skip(skipped).map(|value| value.value.to_data()).collect();
    let own = |name: &str| skipped == 1 && matches!(name, "container" | "unit");
    let mut record: BTreeMap<String, Data> = node
        .properties
        .iter()
        .filter(|property| !own(&property.name))
        .map(|property| (property.name.to_string(), property.value.value.to_data()))
        .collect();
    let (items, fields): (Vec<_>, Vec<_>) =
        node.children.iter().partition(|child| child.name == "-");
    record.extend(fields.into_iter().map(|child| (child.name.to_string(), value(child))));
    if !items.is_empty() {
        return Data::List(values.into_iter().chain(items.into_iter().map(value)).collect());
    }
    match (values.len(), record.is_empty()) {
        (0, false) => Data::Record(record),
        (1, true) => values.into_iter().next().unwrap_or_default(),
        _ => Data::List(values),
    }
}

/// Lists the variables of `raw compose.environment`: `"A=b"` or `A="b"`.
fn variables(node: &Block<'_>) -> impl Iterator<Item = Environment> {
    let lines = node.arguments.iter().skip(1).filter_map(|value| {
        let (name, text) = value.text()?.split_once('=')?;
        Some(Environment {
            name: name.to_owned(),
            value: text.to_owned(),
            span: value.span,
            first_start: None,
        })
    });
    let named = node.properties.iter().filter_map(|property| {
        let (name, value) = (property.name.to_string(), &property.value);
        let text = value.text()?.to_owned();
        Some(Environment { name, value: text, span: value.span, first_start: None })
    });
    let below = node.children.iter().filter_map(|child| {
        let (name, value) = (child.name.to_string(), child.argument(0)?);
        Some(Environment {
            name,
            value: value.text()?.to_owned(),
            span: value.span,
            first_start: None,
        })
    });
    lines.chain(named).chain(below)
}

/// Reports a secret in what is written as it is: nothing of it would arrive.
pub(super) fn holds_secret(node: &Block<'_>, diagnostics: &mut Diagnostics) -> bool {
    fn find(node: &Block<'_>) -> Option<Span> {
        let properties = node.properties.iter().map(|property| &property.value);
        let mut values = node.arguments.iter().chain(properties);
        let own = values.find(|value| matches!(value.value, Value::Secret(_)));
        own.map(|value| value.span).or_else(|| node.children.iter().find_map(find))
    }
    let found = find(node);
    if let Some(span) = found {
        let message = format!("`{}` can't hold a secret", node.key());
        diagnostics.push(
            Diagnostic::new(&crate::decl::codes::WRONG_ANNOTATION, span, message)
                .help(SECRET_IS_NO_TEXT),
        );
    }
    found.is_some()
}

pub(super) fn has_fault(node: &Block<'_>) -> bool {
    node.has_faulty_value() || node.children.iter().any(has_fault)
}

/// Returns the value of a `raw` node, if compose takes it and the lab allows it.
fn held(node: &Block<'_>, key: &str, diagnostics: &mut Diagnostics) -> Option<Data> {
    // Compose accepts any key that begins with `x-`, and ignores it.
    let is_known = |key: &str| compose_schema::keys().any(|known| known == key);
    if !key.starts_with("x-") && !is_known(key) {
        let below = key.split_once('.').filter(|(above, _)| is_known(above));
        let below = below.map(|(above, _)| format!("write `raw compose.{above} {{ NAME … }}`"));
        let near = || {
            let near = nearest(key, compose_schema::keys())?;
            Some(format!("did you mean `compose.{near}`?"))
        };
        diagnostics.push(
            Diagnostic::new(
                &codes::UNKNOWN_NAME,
                node.key_span(),
                format!("compose has no key `{key}`"),
            )
            .help(below.or_else(near).unwrap_or_else(|| {
                "write a key of compose's services, such as `compose.hostname`".to_owned()
            })),
        );
        return None;
    }
    if let Some((_, help)) = MODELLED.iter().find(|(known, _)| *known == key) {
        let message = format!("`compose.{key}` changes what the lab itself decides");
        diagnostics.push(Diagnostic::new(&codes::RAW_NOT_ALLOWED, node.span, message).help(*help));
        return None;
    }
    // What is wrong with it is already reported.
    if has_fault(node) {
        return None;
    }
    let mut value = value(node);
    if compose_schema::is_list(key) && !matches!(value, Data::List(_) | Data::Record(_)) {
        value = Data::List(vec![value]);
    }
    if key == "labels"
        && let Some((name, why)) = labels(&value).find_map(|name| Some((name, kept_label(name)?)))
    {
        let message = format!("`raw` can't set the label `{name}`: {why}");
        diagnostics.push(
            Diagnostic::new(&codes::RAW_NOT_ALLOWED, node.span, message).help("remove the label"),
        );
        return None;
    }
    if let Some(wanted) = compose_schema::refused(key, &serde_json::json!(value)) {
        let message = format!("compose does not take this as `{key}`");
        diagnostics.push(
            Diagnostic::new(&crate::decl::codes::WRONG_TYPE, node.span, message)
                .help(format!("it takes {wanted}, as compose's reference of `{key}` says")),
        );
        return None;
    }
    Some(value)
}

/// Lists the names of labels, which are a record, or a list with `NAME=VALUE`.
fn labels(value: &Data) -> impl Iterator<Item = &str> {
    let items = value.items().iter().filter_map(Data::as_text);
    let items = items.map(|item| item.split_once('=').map_or(item, |(name, _)| name));
    let record = match value {
        Data::Record(fields) => Some(fields),
        _ => None,
    };
    items.chain(record.into_iter().flatten().map(|(name, _)| name.as_str()))
}

fn compose(service: &mut Service, node: &Block<'_>, key: &str, diagnostics: &mut Diagnostics) {
    let Some(value) = held(node, key, diagnostics) else { return };
    let Some(container) = target(service, node, diagnostics) else { return };
    if key == "network_mode" {
        let name = container.name.clone();
        network(service, &name, node, &value, diagnostics);
        return;
    }
    if key == "environment" {
        container.raw_environment.extend(variables(node));
    }
    if key == "image" {
        return image(container, node, &value, diagnostics);
    }
    add(container, key, value);
}

/// Adds to the keys of a container. Several lists are one.
fn add(container: &mut Container, key: &str, value: Data) {
    match (container.raw.get_mut(key), value) {
        (Some(Data::List(known)), Data::List(items)) => known.extend(items),
        (_, value) => {
            container.raw.insert(key.to_owned(), value);
        }
    }
}

/// Sets the image of a container, so that everything that knows images sees this one.
fn image(container: &mut Container, node: &Block<'_>, value: &Data, diagnostics: &mut Diagnostics) {
    let text = value.as_text().unwrap_or_default();
    if Type::Image.read_text(text.into()).is_some() {
        container.image = Spanned::new(text.to_owned(), node.span);
        container.build = None;
        return;
    }
    let message = format!("`{text}` is not the name of an image");
    diagnostics.push(
        Diagnostic::new(&crate::decl::codes::WRONG_TYPE, node.span, message)
            .help(format!("write {}", Type::Image.describe())),
    );
}

/// Lets everything that follows from a container's network follow: on the machine's own network,
/// nothing is published, and the firewall opens the program's own port.
fn network(
    service: &mut Service,
    container: &str,
    node: &Block<'_>,
    value: &Data,
    diagnostics: &mut Diagnostics,
) {
    let mode = match value.as_text() {
        Some("bridge" | "default") => NetworkMode::Bridge,
        Some("host") => NetworkMode::Host,
        Some("none") => NetworkMode::None,
        _ => {
            let message = "`compose.network_mode` is `host`, `none` or `bridge` here";
            diagnostics.push(
                Diagnostic::new(&crate::decl::codes::WRONG_TYPE, node.span, message).help(
                    "for another container's network, write `network service service=NAME` in a \
                     module of your own",
                ),
            );
            return;
        }
    };
    // On the machine's own network, Docker translates no ports.
    for endpoint in &mut service.endpoints {
        if mode == NetworkMode::Host && endpoint.container.as_deref() == Some(container) {
            endpoint.host_port = endpoint.port;
        }
    }
    if let Some(container) = service.containers.iter_mut().find(|one| one.name == container) {
        container.network = mode;
    }
}

fn unit<'u>(
    service: &'u mut Service,
    node: &Block<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<&'u mut Unit> {
    let Some(wanted) = node.property("unit") else {
        if service.units.is_empty() {
            let message = format!("`{}` has no unit", service.name);
            diagnostics.push(
                Diagnostic::new(&codes::UNKNOWN_NAME, node.span, message)
                    .help("use `compose.KEY` for a container"),
            );
        }
        return service.units.first_mut();
    };
    let name = wanted.text().unwrap_or_default();
    let found = service.units.iter().position(|unit| unit.name == name);
    if found.is_none() {
        let what = format!("unit of `{}` named", service.name);
        names::unknown(
            &codes::UNKNOWN_NAME,
            &what,
            name,
            wanted,
            service.units.iter().map(|unit| unit.name.as_str()),
            diagnostics,
        );
    }
    service.units.get_mut(found?)
}
