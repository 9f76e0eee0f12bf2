//! Converts how a container runs: its rights, limits, devices, health and neighbours.

use super::command::has_secret;
use super::group::joins;
use super::internal;
use super::kdl::{Given, Line, line};
use super::lan;
use super::ledger::At;
use super::names::named;
use super::process::flags;
use super::running::is_job;
use super::stack::{Around, Stack};
use super::usual;
use super::variables::owner_name;
use super::words;
use crate::decl::grammar;
use crate::decl::types::Type;

/// Converts what a container may do.
pub fn rights(service: &At<'_>, around: &mut Around<'_>) -> Vec<Line> {
    let mut lines = Vec::new();
    let lists = [
        ("cap_add", "cap-add", Type::Capability),
        ("cap_drop", "cap-drop", Type::Capability),
        ("security_opt", "security-option", Type::Confinement),
        ("group_add", "group", Type::Owner),
    ];
    for (key, node, ty) in lists {
        for at in service.get(key).iter().flat_map(At::items) {
            let text = at.text().unwrap_or_default();
            let capability = text.strip_prefix("CAP_").unwrap_or(text);
            let text = if key.starts_with("cap") { capability } else { text };
            if text.is_empty() || !words::accepted(ty, text) {
                around.ledger.lost(&at, "it is not a value that a lab accepts");
                continue;
            }
            lines.push(line(node).arg(text));
            if at.text() == Some(text) {
                around.ledger.kept(&at, node);
            } else {
                around.ledger.changed(&at, format!("{node}, without `CAP_`"));
            }
        }
    }
    let keys = [("privileged", "privileged"), ("init", "init"), ("read_only", "read-only")];
    flags(&keys, service, around, &mut lines);
    if let Some(at) = service.get("pid")
        && at.text() == Some("host")
    {
        lines.push(line("host-pid").flag(true));
        around.ledger.kept(&at, "host-pid");
    }
    let host = service.get("network_mode").is_some_and(|at| at.text() == Some("host"));
    for (name, at) in service.get("sysctls").iter().flat_map(At::entries) {
        let own =
            words::accepted(Type::Sysctl, name) && grammar::is_sysctl_of_container(name, host);
        match at.text() {
            Some(value) if own => {
                lines.push(line("sysctl").arg(name).arg(value));
                around.ledger.kept(&at, "sysctl");
            }
            _ => around.ledger.lost(&at, "it is not a setting that a container has for itself"),
        }
    }
    lines.extend(extra_hosts(service, around));
    lines
}

fn extra_hosts(service: &At<'_>, around: &mut Around<'_>) -> Vec<Line> {
    let mut lines = Vec::new();
    let Some(hosts) = service.get("extra_hosts") else { return lines };
    let mut add = |name: &str, address: &str, at: &At<'_>, around: &mut Around<'_>| {
        let address = address.trim_start_matches('[').trim_end_matches(']');
        let host = format!("{name}:{address}");
        if name.is_empty() || address.is_empty() || !words::accepted(Type::HostLine, &host) {
            around.ledger.lost(at, "it is not `NAME:ADDRESS`");
            return;
        }
        lines.push(line("extra-host").arg(host));
        around.ledger.kept(at, "extra-host");
    };
    for at in hosts.items() {
        let text = at.text().unwrap_or_default();
        match text.split_once('=').or_else(|| text.split_once(':')) {
            Some((name, address)) => add(name, address, &at, around),
            None => add("", "", &at, around),
        }
    }
    for (name, at) in hosts.entries() {
        for item in at.items() {
            add(name, item.text().unwrap_or_default(), &item, around);
        }
    }
    lines
}

/// Converts `devices`.
pub fn devices(service: &At<'_>, raws: &mut Vec<Line>, around: &mut Around<'_>) -> Vec<Line> {
    let mut lines = Vec::new();
    for at in service.get("devices").iter().flat_map(At::items) {
        let read = |key: &str| at.get(key).and_then(|at| at.text()).map(str::to_owned);
        let text = at.text().map_or_else(
            || {
                let source = read("source").unwrap_or_default();
                let target = read("target").unwrap_or_else(|| source.clone());
                let rest = read("permissions").map(|rest| format!(":{rest}")).unwrap_or_default();
                format!("{source}:{target}{rest}")
            },
            str::to_owned,
        );
        let parts: Vec<&str> = text.split(':').collect();
        let source = parts.first().copied().unwrap_or_default();
        let same = match parts.as_slice() {
            [_] => true,
            [source, target] | [source, target, "rwm"] => source == target,
            _ => false,
        };
        let path = words::accepted(Type::Device, source);
        let target = parts.get(1).copied().unwrap_or(source);
        let plain = matches!(parts.get(2..), None | Some([] | ["rwm"]));
        let accelerator = super::gpu::ACCELERATORS.iter().find(|(known, _)| *known == source);
        if let Some((_, kind)) = accelerator.filter(|_| same) {
            lines.push(line("gpu").arg(*kind));
            let what = format!("gpu {kind}, with the group that the device has on the machine");
            around.ledger.changed(&at, what);
        } else if path && same {
            lines.push(line("device").arg(source));
            around.ledger.kept(&at, "device");
        } else if path && plain && words::accepted(Type::Device, target) {
            lines.push(line("device").arg(source).prop("at", target));
            around.ledger.kept(&at, "device");
        } else if source.is_empty() || source.contains('\0') {
            around.ledger.lost(&at, "it is not a device");
        } else {
            raws.push(line("raw").arg("compose.devices").arg(text.as_str()));
            around.ledger.kept(&at, "raw compose.devices");
        }
    }
    lines
}

/// Converts `network_mode`, `networks` and `links`.
pub fn network(
    service: &At<'_>,
    owners: &[(String, String)],
    stack: &mut Stack,
    around: &mut Around<'_>,
) -> Option<Line> {
    if let Some(links) = service.get("links") {
        around
            .ledger
            .changed(&links, "containers of one service find each other; others are linked");
    }
    let cut_off = internal::networks(service, stack, around);
    for (name, at) in service.get("networks").iter().flat_map(At::entries) {
        if cut_off.iter().any(|network| network == name) {
            around.ledger.changed(&at, "on-network of an internal container-network");
        } else if at.node.entries().is_empty() {
            let what = format!(
                "each service has a network of its own in place of `{name}`; those that name each \
                 other are linked, and `link NAME` lets others meet"
            );
            around.ledger.changed(&at, what);
        }
        let on_lan = lan::is_lan(around.project, name);
        for (key, at) in at.entries() {
            if on_lan && matches!(key, "ipv4_address" | "ipv6_address") {
                continue;
            }
            let why = match key {
                "ipv4_address" | "ipv6_address" | "link_local_ips" | "mac_address" => {
                    "a container has the address that docker gives it"
                }
                "aliases" => "the containers of its service find it under its own name",
                _ => "the lab has no networks of containers",
            };
            around.ledger.lost(&at, why);
        }
    }
    lan::convert(service, stack, around);
    let at = service.get("network_mode")?;
    let mode = at.text().unwrap_or_default().to_owned();
    match mode.split_once(':').map_or((mode.as_str(), ""), |(mode, name)| (mode, name)) {
        ("host" | "none", "") => {
            around.ledger.kept(&at, format!("network {mode}"));
            if mode == "host" {
                let finding = format!(
                    "`{}` uses the machine's network: {}",
                    owner_name(service),
                    usual::told(service, around)
                );
                around.lab.findings.push((at.node.place, finding));
            }
            Some(line("network").arg(mode))
        }
        ("bridge" | "default", "") => {
            around.ledger.changed(&at, "the service's own network");
            None
        }
        ("service" | "container", name) => {
            let Some((_, owner)) = owners.iter().find(|(compose, _)| compose == name) else {
                around.ledger.lost(&at, format!("`{name}` is not part of the import"));
                return None;
            };
            let option = stack.option_names.take("vpn");
            stack.options.push(
                line("option")
                    .arg(option.as_str())
                    .prop("type", "service")
                    .child(line("required"))
                    .child(line("doc").arg("The service whose network it uses.")),
            );
            stack.settings.push(line(&option).arg(owner.as_str()));
            let what = format!("the network of the service `{owner}`");
            if mode.starts_with("container") {
                around.ledger.changed(&at, what);
            } else {
                around.ledger.kept(&at, what);
            }
            Some(
                line("network").arg("service").prop("service", Given::Ref(format!("opt.{option}"))),
            )
        }
        _ => {
            around.ledger.lost(&at, "the lab has no network of that name");
            None
        }
    }
}

/// Converts `healthcheck`.
pub fn health(service: &At<'_>, around: &mut Around<'_>) -> Option<Line> {
    let at = service.get("healthcheck")?;
    let test = at.get("test");
    let disabled = at.get("disable").filter(|at| at.node.truth() == Some(true));
    let words: Vec<String> = match &test {
        Some(test) => match test.text() {
            Some(text) => vec!["CMD-SHELL".to_owned(), text.to_owned()],
            None => {
                test.items().iter().map(|at| at.text().unwrap_or_default().to_owned()).collect()
            }
        },
        None => Vec::new(),
    };
    let kind = words.first().map(String::as_str).unwrap_or_default();
    if disabled.is_some() || kind == "NONE" {
        around.ledger.changed(&at, "health none");
        return Some(line("health").prop("none", "its compose file turns the check off"));
    }
    let rest = words.get(1..).unwrap_or_default();
    if rest.is_empty() {
        if let Some(test) = &test {
            around.ledger.lost(test, "it has no command");
        }
        for (_, at) in at.entries() {
            around.ledger.lost(&at, "a lab leaves the times of the image's own check to the image");
        }
        return None;
    }
    if has_secret(rest, around) || rest.iter().any(|word| word.contains('\0')) {
        around.ledger.lost(&at, "it has a secret in it, which no file may hold");
        let finding = format!(
            "the health check of `{}` has a secret in it, and is missing",
            owner_name(service)
        );
        around.lab.findings.push((at.node.place, finding));
        return None;
    }
    let mut node = line("health");
    if kind == "CMD-SHELL" {
        node = node.arg("sh").arg("-c").arg(rest.join(" "));
    } else {
        node = rest.iter().fold(node, |node, word| node.arg(word.as_str()));
    }
    if let Some(test) = &test {
        if kind == "CMD-SHELL" && rest.len() > 1 {
            let what = "health, of all its words: docker gives only the first of them to the shell";
            around.ledger.changed(test, what);
        } else {
            around.ledger.kept(test, "health");
        }
    }
    for (key, name) in
        [("interval", "interval"), ("timeout", "timeout"), ("start_period", "start-period")]
    {
        let Some(at) = at.get(key) else { continue };
        let Some(time) = at.text().and_then(words::duration) else {
            around.ledger.lost(&at, "it is not a time");
            continue;
        };
        let seconds = time.div_ceil(1000);
        let least = u64::from(key != "start_period");
        node = node.prop_typed(name, "duration", &words::seconds(seconds.max(least)));
        if time.is_multiple_of(1000) && seconds >= least {
            around.ledger.kept(&at, name);
        } else {
            around.ledger.changed(&at, "a lab counts whole seconds");
        }
    }
    if let Some(at) = at.get("retries") {
        match at.text().and_then(|text| text.parse::<i64>().ok()).filter(|n| (1..=1000).contains(n))
        {
            Some(retries) => {
                node = node.prop_number("retries", retries);
                around.ledger.kept(&at, "retries");
            }
            None => around.ledger.lost(&at, "it is not from 1 to 1000"),
        }
    }
    if let Some(at) = at.get("start_interval") {
        around.ledger.changed(&at, "labwright chooses it");
    }
    Some(node)
}

/// Converts `depends_on`. `neighbours` are the containers of the same module, by their names in the
/// compose file.
pub fn dependencies(
    service: &At<'_>,
    neighbours: &[(String, String)],
    around: &mut Around<'_>,
) -> Vec<Line> {
    let mut lines = Vec::new();
    for (name, at) in service.get("depends_on").iter().flat_map(At::entries) {
        if owner_name(service) == name {
            around.ledger.lost(&at, "it can't wait for itself");
            continue;
        }
        let known = around.project.service(name).is_some();
        let Some((_, container)) = neighbours.iter().find(|(compose, _)| compose == name) else {
            if joins(service.node) == Some(name) {
                around.ledger.changed(&at, "it waits for the container whose network it uses");
                continue;
            }
            let why = if known {
                "it is a service of its own, which does not wait for others to start"
            } else {
                "it is not part of the import"
            };
            around.ledger.lost(&at, why);
            continue;
        };
        let by_hand = |name: &str| around.project.manual.contains(name);
        if by_hand(name) && !by_hand(owner_name(service)) {
            around.ledger.lost(&at, "that one is `manual`, and not started with the others");
            continue;
        }
        let condition = at.get("condition");
        let word = condition.as_ref().and_then(At::text).unwrap_or("service_started");
        let other = around.project.service(name);
        let has_check = other.and_then(|node| node.get("healthcheck")).is_some();
        let ends = other.is_some_and(|node| is_job(around.project, name, node));
        let mut node = line("depends-on").arg(container.as_str());
        match word {
            "service_completed_successfully" => {
                node = node.arg("completed");
                around.ledger.kept(&at, "depends-on");
            }
            "service_healthy" if ends => {
                node = node.arg("completed");
                around.ledger.changed(&at, "it waits for its end, since it ends by itself");
            }
            "service_healthy" if has_check => around.ledger.kept(&at, "depends-on"),
            "service_healthy" => {
                around.ledger.kept(&at, "depends-on; its image must bring a health check");
            }
            _ => {
                node = node.prop_flag("healthy", false);
                around.ledger.kept(&at, "depends-on");
            }
        }
        if at.get("restart").and_then(|at| at.node.truth()) == Some(true) {
            node = node.prop_flag("restart", true);
        }
        if let Some(required) = at.get("required") {
            around.ledger.changed(&required, "both are part of the module");
        }
        lines.push(node);
    }
    // Compose starts what is linked first, and restarts with it.
    let waits = service.get("depends_on");
    for at in service.get("links").iter().flat_map(At::items) {
        let name = at.text().unwrap_or_default().split(':').next().unwrap_or_default();
        let said = waits.as_ref().is_some_and(|all| all.get(name).is_some());
        let container = neighbours.iter().find(|(compose, _)| compose == name);
        if let Some((_, container)) = container.filter(|_| !said && owner_name(service) != name) {
            let node = line("depends-on").arg(container.as_str());
            lines.push(node.prop_flag("healthy", false).prop_flag("restart", true));
        }
    }
    lines
}

/// Converts the times and signals of an end.
pub fn ending(service: &At<'_>, around: &mut Around<'_>) -> Option<Line> {
    let at = service.get("stop_grace_period")?;
    let Some(time) = at.text().and_then(words::duration) else {
        around.ledger.lost(&at, "it is not a time");
        return None;
    };
    if time.is_multiple_of(1000) {
        around.ledger.kept(&at, "stop-grace");
    } else {
        around.ledger.changed(&at, "a lab counts whole seconds");
    }
    Some(line("stop-grace").typed("duration", &words::seconds(time.div_ceil(1000))))
}

/// Converts the secrets and configs that compose mounts.
pub fn secret_files(
    service: &At<'_>,
    container: &str,
    stack: &mut Stack,
    around: &mut Around<'_>,
) -> Vec<Line> {
    let mut lines = Vec::new();
    for at in service.get("secrets").iter().flat_map(At::items) {
        let field = |key: &str| at.get(key).and_then(|at| at.text()).map(str::to_owned);
        let Some(source) = at.text().map(str::to_owned).or_else(|| field("source")) else {
            continue;
        };
        let target = field("target").unwrap_or_else(|| source.clone());
        let target =
            if target.starts_with('/') { target } else { format!("/run/secrets/{target}") };
        if super::files::join("/", &target) != target {
            around.ledger.lost(&at, "its place in the container is not a path");
            continue;
        }
        let wanted = format!("{}-{source}", stack.service);
        let doc = format!("the secret `{source}` of compose, for `{}`", owner_name(service));
        let name = around.secrets.declare(
            &format!("\0{}\0{source}", stack.project),
            &wanted,
            at.node.place,
            &doc,
        );
        let option =
            stack.secret_option(&name, &named(&source), &format!("The content of `{target}`."));
        let mut node =
            line("secret").arg(Given::Ref(format!("opt.{option}"))).prop("at", target.as_str());
        if let Some(uid) = field("uid") {
            node = node.prop("owner", uid);
        }
        lines.push(node);
        around.ledger.changed(&at, format!("the secret `{name}`, which the machine keeps"));
    }
    for at in service.get("configs").iter().flat_map(At::items) {
        let field = |key: &str| at.get(key).and_then(|at| at.text()).map(str::to_owned);
        let Some(source) = at.text().map(str::to_owned).or_else(|| field("source")) else {
            continue;
        };
        let target = field("target").unwrap_or_else(|| format!("/{source}"));
        let config = around.project.top.get("configs").and_then(|all| all.get(&source));
        let text = |key: &str| config.and_then(|config| config.get(key)?.scalar());
        if super::files::join("/", &target) != target {
            around.ledger.lost(&at, "its place in the container is not a path");
            continue;
        }
        let place = (target.as_str(), container);
        let name = match (text("content"), text("file")) {
            (Some(content), _) => super::travel::text_file(&source, content, place, stack, around),
            (None, Some(file)) => super::travel::file(file, &target, container, stack, around),
            (None, None) => None,
        };
        let path = text("file").map(|file| super::files::join("/", &around.lab.on_machine(file)));
        match (name, path) {
            (Some(name), _) => {
                let what = format!("the file `{name}` of the module, which travels in the bundle");
                around.ledger.changed(&at, what);
            }
            (None, Some(path)) => {
                lines.push(
                    line("mount")
                        .arg(path)
                        .prop("at", target.as_str())
                        .prop_flag("read-only", true),
                );
                around.ledger.changed(&at, "a mount of the file, which stays on the machine");
            }
            (None, None) => {
                around.ledger.lost(&at, "write its content as a `file` of the module");
            }
        }
    }
    lines
}
