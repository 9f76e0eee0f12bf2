//! Writes the files of the lab.

use std::net::IpAddr;

use super::Target;
use super::kdl::{Line, document, line};
use super::project::Project;
use super::secrets::Needed;
use super::servers::NewNetwork;
use super::stack::Stack;
use crate::model::ProxyProgram;

/// Writes the modules and the services of a project. `file` is the name of the file with the
/// services.
pub fn project(
    file: &str,
    project: &Project,
    stacks: Vec<Stack>,
    target: &Target,
) -> Vec<(String, String)> {
    let mut files = Vec::new();
    let mut services = Vec::new();
    for stack in stacks {
        let module = stack.library.as_deref().unwrap_or(&stack.module);
        let mut node =
            line("service").arg(stack.service.as_str()).prop("on", target.machine.as_str());
        if module != stack.service {
            node = node.prop("module", module);
        }
        services.push(node.children(stack.settings).comment(&stack.comment));
        if stack.library.is_some() {
            continue;
        }
        // Nobody calls the program `own-…`.
        let called = |name| if name == stack.module { stack.service.as_str() } else { name };
        let names: Vec<&str> =
            stack.containers.iter().filter_map(Line::first).map(called).collect();
        let summary = format!("{}, as its compose file has it", names.join(", "));
        let summary: String = summary.chars().take(120).collect();
        let module = line("module")
            .arg(stack.module.as_str())
            .prop("version", "1.0.0")
            .child(line("summary").arg(summary))
            .children(stack.options)
            .children(stack.states)
            .children(stack.databases)
            .children(stack.networks)
            .children(stack.containers)
            .children(stack.provides);
        for (name, text) in stack.files {
            files.push((format!("modules/{}/{name}", stack.module), text));
        }
        let path = format!("modules/{}/module.kdl", stack.module);
        files.push((path, document(vec![module])));
    }
    if let Some(first) = services.first_mut() {
        let note = format!("From the compose project {}.", project.name);
        *first = std::mem::replace(first, line("service")).comment(&note);
        files.push((format!("{file}.kdl"), document(services)));
    }
    files
}

/// Writes the declarations of the secrets.
pub fn secrets(needed: &[Needed]) -> String {
    let nodes = needed.iter().map(|secret| {
        line("secret").arg(secret.name.as_str()).child(line("doc").arg(secret.doc.as_str()))
    });
    document(nodes.collect())
}

/// Writes the file of a new lab, with its proxy.
/// `cores` are the most that a container may use; `internal` is whether the proxy signs its
/// certificates itself; `network` comes with the machine's address.
pub fn lab(
    name: &str,
    timezone: &str,
    (cores, internal): (i64, bool),
    target: &Target,
    (network, machine): (&NewNetwork, IpAddr),
) -> String {
    let note = "The addresses below are examples: write those of your network and of the machine, \
                and who\nmay log in (`admin NAME { ssh-key \"…\"; }`).";
    let mut head = line("lab")
        .arg(name)
        .prop("version", "1.0.0")
        .child(line("domain").arg("example.org"))
        .child(line("timezone").arg(timezone));
    // A new proxy does not run without these.
    let mut secret = None;
    let proxy = target.via.as_deref();
    match target.program.filter(|_| proxy.is_some()) {
        Some(ProxyProgram::Traefik) => head.add(line("email").arg("me@example.org")),
        Some(ProxyProgram::NginxProxyManager) => {
            let via = target.via.as_deref().unwrap_or_default();
            secret = Some(line("secret").arg(format!("{via}-admin-password")));
        }
        Some(ProxyProgram::Caddy) | None => {}
    }
    let proxy = proxy.map(|proxy| {
        let node = line("service").arg(proxy).prop("on", target.machine.as_str());
        if internal { node.child(line("certificates").arg("internal")) } else { node }
    });
    let own = [
        head,
        line("network")
            .arg(target.zone.as_str())
            .prop("cidr", network.prefix.to_string())
            .prop("gateway", network.gateway.to_string())
            .prop("dns", network.gateway.to_string())
            .comment(note),
        line("host")
            .arg(target.machine.as_str())
            .prop("kind", "debian")
            .child(line("os").arg("debian-13"))
            .child(
                line("hardware")
                    .arg("unknown")
                    // No container may use more processors than the machine has.
                    .prop_number("cores", cores.max(4))
                    .prop_typed("memory", "size", "16GiB"),
            )
            .child(line("address").arg(target.zone.as_str()).arg(machine.to_string()))
            .child(line("ssh").prop("from", target.zone.as_str())),
    ];
    document(own.into_iter().chain(secret).chain(proxy).collect())
}
