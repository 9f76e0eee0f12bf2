//! Services and their containers: what runs, with which rights, from which image.

use super::{Collector, Family};
use crate::model::{Container, MountKind, NetworkMode, Runs, Service};
use crate::plan::Plan;

pub(super) fn collect(plan: &Plan<'_>, facts: &mut Collector<'_>) {
    let model = plan.model;
    for (id, service) in model.services() {
        let mut kept = plan.machine(service.machine).kept.iter();
        let kept = kept.find(|kept| kept.service == id);
        let machine = facts.machine(&model[service.machine].name).to_owned();
        let name = facts.service(&service.name).to_owned();
        facts.add(Family::Service, "", &name, "", format!("{} on {machine}", service.module));
        facts.add(Family::Module, "", &name, &service.module, &service.module_version);
        for network in &service.networks {
            let network_name = network.name.as_deref().unwrap_or("default");
            let leads = if network.internal { "nothing leads out of it" } else { "leads out" };
            facts.add(Family::ContainerNetwork, &machine, &name, network_name, leads);
        }
        for raw in &service.raw {
            facts.add(Family::Raw, "", &name, &raw.value, "set");
        }
        for container in &service.containers {
            let (machine, name) = (&machine, canonical(service, container, facts));
            networks(machine, &name, container, facts);
            if let Some(word) = container.runs.word() {
                let word = match &container.runs {
                    Runs::Every(times) => format!("{word} {}", times.as_str()),
                    _ => word.to_owned(),
                };
                facts.add(Family::Runs, machine, &name, "", word);
            }
            privileges(machine, &name, container, facts);
            hardening(machine, &name, container, facts);
            let writes = kept.is_some_and(|kept| kept.writers.contains(&container.name.as_str()));
            if writes && service.reversible.is_none() {
                facts.add(Family::OneWay, machine, &name, "", "yes");
            }
            facts.add(Family::Image, machine, &name, "", &container.image.value);
            if let Some(memory) = &container.resources.memory {
                facts.add(Family::Limit, machine, &name, "memory", memory.value.to_string());
            }
            if let Some(cpus) = container.resources.millicpus {
                let cpus = format!("{}.{:03}", cpus.value / 1000, cpus.value % 1000);
                facts.add(Family::Limit, machine, &name, "cpus", cpus);
            }
        }
    }
    for (id, machine) in model.machines() {
        let name = facts.machine(&machine.name).to_owned();
        for held in &plan.machine(id).secrets {
            let services =
                held.services.iter().map(|id| facts.service(&model[*id].name).to_owned());
            let shares = held.shares.iter().map(|at| format!("the mount of {at}"));
            let readers: Vec<String> = services.chain(shares).collect();
            let readers =
                if readers.is_empty() { "nobody".to_owned() } else { readers.join(" and ") };
            let value = format!("read by {readers} (owner {}, {})", held.owner, held.mode);
            facts.add(Family::Secret, &name, &model[held.secret].name, "", value);
        }
    }
}

/// Returns the name of a container under the new name of its service.
fn canonical(service: &Service, container: &Container, facts: &Collector<'_>) -> String {
    let new = facts.service(&service.name);
    match container.name.strip_prefix(&service.name) {
        Some(rest) => format!("{new}{rest}"),
        None => container.name.clone(),
    }
}

/// Says which of the networks of its service a container is on. Nobody needs to be told of the one
/// that all containers are on which name none.
fn networks(machine: &str, name: &str, container: &Container, facts: &mut Collector<'_>) {
    match &container.network {
        NetworkMode::Container(other) => {
            let that = format!("that of {}", facts.service(other));
            facts.add(Family::Through, machine, name, "", that);
        }
        NetworkMode::None => facts.add(Family::Through, machine, name, "", "none"),
        // The network of the machine is a privilege.
        NetworkMode::Bridge | NetworkMode::Host => {}
    }
    for network in container.on.iter().filter_map(|on| on.network.as_deref()) {
        facts.add(Family::OnNetwork, machine, name, network, "yes");
    }
}

fn privileges(machine: &str, name: &str, container: &Container, facts: &mut Collector<'_>) {
    let mut say = |holds: bool, what: &str| {
        if holds {
            facts.add(Family::Privilege, machine, name, what, "yes");
        }
    };
    say(container.privileged, "everything: it is privileged");
    say(container.network == NetworkMode::Host, "the network of the machine");
    say(container.host_pid, "the processes of the machine");
    say(container.process.gpu.is_some(), "the GPUs of NVIDIA");
    for capability in &container.cap_add {
        say(true, &format!("the capability {capability}"));
    }
    for option in &container.security_options {
        // `seccomp=unconfined` and `label=disable` switch a protection off. Others don't.
        let lifted = option.contains("unconfined") || option.contains("disable");
        say(lifted, &format!("the option {option}"));
    }
    for device in &container.devices {
        say(true, &format!("the device {}", device.path));
    }
    for group in &container.groups {
        say(true, &format!("the group {group}"));
    }
    for mount in &container.mounts {
        if mount.kind != MountKind::Path {
            continue;
        }
        // A container that can connect to the socket can do anything. It makes no difference that
        // the file is read-only.
        let how = match mount.read_only {
            _ if mount.source.ends_with("docker.sock") => "commands all containers",
            true => "reads",
            false => "writes",
        };
        facts.add(Family::Mount, machine, name, &mount.source, how);
    }
}

fn hardening(machine: &str, name: &str, container: &Container, facts: &mut Collector<'_>) {
    let user = container.user.as_deref().unwrap_or("the image's own user");
    facts.add(Family::RunsAs, machine, name, "", user);
    let mut say = |holds: bool, what: &str| {
        if holds {
            facts.add(Family::Hardening, machine, name, what, "yes");
        }
    };
    say(container.read_only, "a read-only root file system");
    for capability in &container.cap_drop {
        say(true, &format!("the capability {capability} taken away"));
    }
    for option in &container.security_options {
        say(option.starts_with("no-new-privileges"), "no new privileges");
    }
}
