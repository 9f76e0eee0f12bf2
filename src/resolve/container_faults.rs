//! Finds what docker refuses in a container, or what it could never do as it is written.

use std::net::IpAddr;

use super::networks::MOST_SERVERS;
use super::part_faults;
use super::read::{Report, plain};
use crate::decl::{Block, docker_words, sysctl};
use crate::diag::Diagnostics;
use crate::model::{Protocol, Service};
use crate::source::Spanned;

/// Reports the faults of a container.
pub fn check(
    block: &Block<'_>,
    service: &Service,
    report: Report<'_>,
    diagnostics: &mut Diagnostics,
) {
    capabilities(block, report, diagnostics);
    logging(block, report, diagnostics);
    servers(block, report, diagnostics);
    shared_network(block, report, diagnostics);
    for label in block.all("label") {
        if let Some(why) = kept_label(label.key()) {
            report(label.span, format!("a module can't set `{}`: {why}", label.key()), diagnostics);
        }
    }
    for node in block.all("ulimit") {
        if node.argument(1).is_some()
            && let (Some(_), Some(hard)) = (node.property("soft"), node.property("hard"))
        {
            let message = "with `soft` and `hard`, the number before them has no effect";
            report(hard.span, message.to_owned(), diagnostics);
        }
    }
    for used in block.all("secret") {
        part_faults::file_inside(used, report, diagnostics);
    }
    for mount in block.all("mount") {
        system_folder(mount, report, diagnostics);
    }
    if let Some(node) = block.child("health") {
        health(node, block.key(), service, report, diagnostics);
    }
}

/// Returns why no module sets a label, if another program sets it.
pub fn kept_label(name: &str) -> Option<&'static str> {
    let kept = [
        ("labwright.", "labwright says by it whose the container is, and when it changes"),
        ("com.docker.compose.", "compose says by it whose the container is, and when it changes"),
    ];
    kept.into_iter().find(|(start, _)| name.starts_with(start)).map(|(_, why)| why)
}

/// Reports a mount that hides the devices or the kernel from a container's programs.
fn system_folder(mount: &Block<'_>, report: Report<'_>, diagnostics: &mut Diagnostics) {
    let source = mount.argument(0).map(plain).unwrap_or_default();
    let Some(at) = mount.property("at") else { return };
    let hides = |path: &String| ["/dev", "/sys"].contains(&path.as_str()) && *path != source;
    if let Some(path) = at.string().filter(hides) {
        let message = format!("`{source}` at `{path}` would hide what every program needs there");
        report(at.span, message, diagnostics);
    }
}

/// Reports capabilities that are added and dropped.
fn capabilities(block: &Block<'_>, report: Report<'_>, diagnostics: &mut Diagnostics) {
    let dropped: Vec<String> =
        block.all("cap-drop").flat_map(|node| node.arguments.iter().map(plain)).collect();
    for added in block.all("cap-add").flat_map(|node| &node.arguments) {
        let name = plain(added);
        if dropped.contains(&name) {
            report(added.span, format!("`{name}` is added and dropped"), diagnostics);
        }
    }
}

fn is_faulty(node: &Block<'_>) -> bool {
    node.has_faulty_value() || node.all("set").any(Block::has_faulty_value)
}

fn logging(block: &Block<'_>, report: Report<'_>, diagnostics: &mut Diagnostics) {
    let Some(node) = block.child("logging").filter(|node| !is_faulty(node)) else { return };
    let driver = node.argument(0).map(plain).unwrap_or_default();
    if let Some(fault) = docker_words::driver_fault(&driver) {
        report(node.span, fault, diagnostics);
        return;
    }
    for set in node.all("set") {
        let value = set.argument(1).map(plain).unwrap_or_default();
        if let Some(fault) = docker_words::log_option_fault(&driver, set.key(), &value) {
            report(set.span, fault, diagnostics);
        }
    }
}

/// Reports name servers that no container reaches.
fn servers(block: &Block<'_>, report: Report<'_>, diagnostics: &mut Diagnostics) {
    for server in block.all("dns").flat_map(|node| &node.arguments) {
        let Some(address) = server.address() else { continue };
        if address.is_unspecified() || address.is_multicast() || is_broadcast(address) {
            report(server.span, format!("nothing at {address} knows names"), diagnostics);
        }
    }
    let more = block.all("dns").flat_map(|node| &node.arguments).nth(MOST_SERVERS);
    if let Some(server) = more {
        let message = format!("a container asks at most {MOST_SERVERS} name servers");
        report(server.span, message, diagnostics);
    }
}

fn is_broadcast(address: IpAddr) -> bool {
    matches!(address, IpAddr::V4(address) if address.is_broadcast())
}

/// Reports what belongs to the network of another container, where this one shares it. Source:
/// `validateNetMode` in <https://github.com/docker/cli>.
fn shared_network(block: &Block<'_>, report: Report<'_>, diagnostics: &mut Diagnostics) {
    let Some(network) = block.child("network").filter(|node| !node.has_faulty_value()) else {
        return;
    };
    let service = network.property("service");
    if network.argument(0).and_then(Spanned::text) != Some("service") {
        if let Some(service) = service {
            let message = "only `network service` has a `service` whose network it is";
            report(service.span, message.to_owned(), diagnostics);
        }
        return;
    }
    if service.is_none() {
        let message = "whose network is it? Write `network service service=NAME`".to_owned();
        report(network.span, message, diagnostics);
    }
    for name in ["hostname", "dns", "extra-host"] {
        if let Some(node) = block.child(name) {
            let message =
                format!("`{name}` is that of the service whose network the container shares");
            report(node.span, message, diagnostics);
        }
    }
}

/// Reports health checks that can't succeed.
fn health(
    node: &Block<'_>,
    container: &str,
    service: &Service,
    report: Report<'_>,
    diagnostics: &mut Diagnostics,
) {
    let words: Vec<String> = node.arguments.iter().map(plain).collect();
    match &words[..] {
        [word] if word == "CMD" || word == "CMD-SHELL" => {
            report(node.span, format!("`health {word}` has no command"), diagnostics);
        }
        [word] if word.trim().contains(' ') => {
            let message = "no program has this name: write each word by itself, or `CMD-SHELL` \
                           and a line for a shell";
            report(node.span, message.to_owned(), diagnostics);
        }
        [word, ..] if word.is_empty() => {
            report(node.span, "`health` names no program".to_owned(), diagnostics);
        }
        _ => {}
    }
    for time in ["interval", "timeout"].iter().filter_map(|name| node.property(name)) {
        if time.duration().is_some_and(|time| time.0 == 0) {
            let message = "docker takes no time at all for its default: leave it out, or write one";
            report(time.span, message.to_owned(), diagnostics);
        }
    }
    let Some(name) = node.property("http") else { return };
    let endpoint =
        service.endpoints.iter().find(|endpoint| Some(endpoint.name.as_str()) == name.text());
    let Some(endpoint) = endpoint else { return };
    let own = super::compose_name(&service.module, &service.name, container);
    if endpoint.protocol == Protocol::Udp {
        let message = format!("`{}` is reached over UDP, and HTTP is not", endpoint.name);
        report(name.span, message, diagnostics);
    } else if endpoint.container.as_ref().is_some_and(|of| *of != own) {
        let message = format!("`{}` is an endpoint of another container", endpoint.name);
        report(name.span, message, diagnostics);
    }
}

/// Reports a kernel setting that the kernel does not have, or a value that it can't read.
pub fn sysctl_value(node: &Block<'_>, report: Report<'_>, diagnostics: &mut Diagnostics) {
    if node.has_faulty_value() {
        return;
    }
    let (name, value) = (node.key(), node.argument(1).map(plain).unwrap_or_default());
    if let Some(fault) = sysctl::fault(name, &value) {
        report(node.span, fault, diagnostics);
    }
}
