//! Says what becomes of the keys at the top of a compose file.

use super::lan;
use super::ledger::{At, Ledger};
use super::project::Project;

/// Accounts for everything but the services.
pub fn convert(project: &Project, ledger: &mut Ledger) {
    for (key, node) in project.top.entries() {
        let at = At::new(key.as_str(), node);
        match key.as_str() {
            "version" => ledger.kept(&at, "compose itself ignores it"),
            "networks" => networks(&at, project, ledger),
            "volumes" => volumes(&at, ledger),
            "secrets" => secrets(&at, ledger),
            "configs" => configs(&at, ledger),
            "models" => ledger.lost(&at, "a lab runs no models of docker's own"),
            key if key.starts_with("x-") => {
                ledger.kept(&at, "compose itself ignores it; what is made of it is read");
            }
            _ => ledger.close(&at),
        }
    }
}

fn networks(at: &At<'_>, project: &Project, ledger: &mut Ledger) {
    for (name, network) in at.entries() {
        let on_lan = lan::is_lan(project, name);
        if network.node.entries().is_empty() {
            ledger.changed(&network, "each service has its own; `link` lets services meet");
        }
        for (key, at) in network.entries() {
            if key == "internal" && at.node.truth() == Some(true) {
                let what = "`container-network NAME internal=#true` of each module on it; not for \
                            a container with published ports alone";
                ledger.changed(&at, what);
                continue;
            }
            if on_lan && matches!(key, "driver" | "driver_opts" | "ipam") {
                ledger.changed(&at, "`own-address` of a service takes its place");
                continue;
            }
            let why = match key {
                "external" | "name" => "the lab's containers join no network of other projects",
                "driver" if at.text() == Some("bridge") => "each service has its own bridge",
                "driver" => "the networks of a lab's containers are bridges",
                _ => "the lab chooses the addresses of containers",
            };
            ledger.lost(&at, why);
        }
    }
}

fn volumes(at: &At<'_>, ledger: &mut Ledger) {
    for (_, volume) in at.entries() {
        let what = "where it is mounted, the lab names the folder that docker keeps it in";
        if volume.node.entries().is_empty() {
            ledger.changed(&volume, what);
        }
        for (key, at) in volume.entries() {
            match key {
                "labels" => ledger.lost(&at, "a folder has no labels"),
                _ => ledger.changed(&at, what),
            }
        }
    }
}

fn secrets(at: &At<'_>, ledger: &mut Ledger) {
    for (_, secret) in at.entries() {
        if secret.node.entries().is_empty() {
            ledger.changed(&secret, "a secret that the machine keeps");
        }
        for (key, at) in secret.entries() {
            match key {
                "file" | "environment" | "external" | "name" => {
                    ledger.changed(&at, "a secret that the machine keeps");
                }
                _ => ledger.lost(&at, "it is for a swarm"),
            }
        }
    }
}

fn configs(at: &At<'_>, ledger: &mut Ledger) {
    for (_, config) in at.entries() {
        if config.node.entries().is_empty() {
            ledger.lost(&config, "it says nothing");
        }
        for (key, at) in config.entries() {
            match key {
                "file" | "content" => ledger.changed(&at, "a file of the module that mounts it"),
                "environment" => ledger.lost(&at, "write it as a `file` of the module"),
                _ => ledger.lost(&at, "it is for a swarm"),
            }
        }
    }
}
