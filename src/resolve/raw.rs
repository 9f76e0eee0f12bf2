//! Reads `raw`: keys of compose and of units that the language does not model.

use std::collections::BTreeMap;

use super::containers::target;
use super::{codes, names};
use crate::decl::Block;
use crate::decl::types::Type;
use crate::diag::{Diagnostic, Diagnostics, nearest};
use crate::model::{Container, Data, Environment, NetworkMode, Service, Unit};
use crate::source::Spanned;

/// The keys that a service in a compose file may have, sorted. Source:
/// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md>.
#[rustfmt::skip] // A table is read line by line.
const KEYS: &[&str] = &[
    "annotations", "attach", "blkio_config", "build", "cap_add", "cap_drop", "cgroup",
    "cgroup_parent", "command", "configs", "container_name", "cpu_count", "cpu_percent",
    "cpu_period", "cpu_quota", "cpu_rt_period", "cpu_rt_runtime", "cpu_shares", "cpus", "cpuset",
    "credential_spec", "depends_on", "deploy", "develop", "device_cgroup_rules", "devices", "dns",
    "dns_opt", "dns_search", "domainname", "driver_opts", "entrypoint", "env_file", "environment",
    "expose", "extends", "external_links", "extra_hosts", "gpus", "group_add", "healthcheck",
    "hostname", "image", "init", "ipc", "isolation", "label_file", "labels", "links", "logging",
    "mac_address", "mem_limit", "mem_reservation", "mem_swappiness", "memswap_limit", "models",
    "network_mode", "networks", "oom_kill_disable", "oom_score_adj", "pid", "pids_limit",
    "platform", "ports", "post_start", "pre_stop", "privileged", "profiles", "provider",
    "pull_policy", "read_only", "restart", "runtime", "scale", "secrets", "security_opt",
    "shm_size", "stdin_open", "stop_grace_period", "stop_signal", "storage_opt", "sysctls",
    "tmpfs", "tty", "ulimits", "use_api_socket", "user", "userns_mode", "uts", "volumes",
    "volumes_from", "working_dir",
];

/// The keys with several values, sorted. A single value of them is a list too, and several `raw`
/// nodes are concatenated.
#[rustfmt::skip] // A table is read line by line.
const LISTS: &[&str] = &[
    "cap_add", "cap_drop", "configs", "depends_on", "device_cgroup_rules", "devices", "dns_opt",
    "environment", "expose", "external_links", "extra_hosts", "group_add", "labels", "links",
    "networks", "ports", "profiles", "secrets", "security_opt", "sysctls", "volumes",
    "volumes_from",
];

/// Adds a service's `raw` nodes.
pub fn fill(service: &mut Service, block: &Block<'_>, diagnostics: &mut Diagnostics) {
    for node in block.all("raw") {
        let key = node.key();
        service.raw.push(Spanned::new(key.to_owned(), node.span));
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
            let line = (name.to_owned(), value.items().iter().map(text).collect());
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

/// Returns the values of a node: properties become a record, several arguments a list.
fn value(node: &Block<'_>) -> Data {
    let values: Vec<Data> =
        node.arguments.iter().skip(1).map(|value| value.value.to_data()).collect();
    let own = |name: &str| matches!(name, "container" | "unit");
    let record: BTreeMap<String, Data> = node
        .properties
        .iter()
        .filter(|property| !own(&property.name))
        .map(|property| (property.name.to_string(), property.value.value.to_data()))
        .collect();
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
    lines.chain(named)
}

fn compose(service: &mut Service, node: &Block<'_>, key: &str, diagnostics: &mut Diagnostics) {
    if KEYS.binary_search(&key).is_err() && !key.starts_with("x-") {
        diagnostics.push(
            Diagnostic::new(
                &codes::UNKNOWN_NAME,
                node.key_span(),
                format!("compose has no key `{key}`"),
            )
            .help(nearest(key, KEYS.iter().copied()).map_or_else(
                || "write a key of compose's services, such as `compose.hostname`".to_owned(),
                |near| format!("did you mean `compose.{near}`?"),
            )),
        );
        return;
    }
    let value = value(node);
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
    if LISTS.binary_search(&key).is_err() || matches!(value, Data::Record(_)) {
        container.raw.insert(key.to_owned(), value);
        return;
    }
    let items = if let Data::List(items) = value { items } else { vec![value] };
    match container.raw.get_mut(key) {
        Some(Data::List(known)) => known.extend(items),
        _ => {
            container.raw.insert(key.to_owned(), Data::List(items));
        }
    }
}

/// Sets the image of a container, so that everything that knows images sees this one.
fn image(container: &mut Container, node: &Block<'_>, value: &Data, diagnostics: &mut Diagnostics) {
    let text = value.as_text().unwrap_or_default();
    if Type::Image.read_text(text.into()).is_some() {
        container.image = Spanned::new(text.to_owned(), node.span);
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

#[cfg(test)]
mod tests {
    use super::{KEYS, LISTS};

    #[test]
    fn keys_are_sorted() {
        assert!(KEYS.is_sorted() && LISTS.is_sorted());
        assert!(LISTS.iter().all(|key| KEYS.contains(key)));
    }
}
