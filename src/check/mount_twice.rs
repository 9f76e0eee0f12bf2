//! Finds one mount point that is used twice.

use std::collections::{BTreeMap, BTreeSet};

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::model::{Container, Machine, SecretUse, Service, ServiceFileTarget};
use crate::plan::Plan;
use crate::source::Span;

/// Finds mount points of a machine or container at which two things are mounted.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code = codes::code!("mount-twice", Error, "two things are mounted at one place");

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    for machine in &plan.model.machines {
        pools(machine, diagnostics);
        let mut taken = BTreeMap::new();
        for share in &machine.shares {
            if let Some(first) = taken.insert(share.at.as_str(), share.span) {
                diagnostics.push(
                    Diagnostic::new(
                        &CODE,
                        share.span,
                        format!("two shares are mounted at `{}` on `{}`", share.at, machine.name),
                    )
                    .label(first, "the first")
                    .help("give one of them another mount point")
                    .on(machine.name.clone()),
                );
            }
        }
    }
    for service in &plan.model.services {
        for container in &service.containers {
            let mut taken: BTreeMap<String, (String, Span)> = BTreeMap::new();
            for (at, source, span) in places(plan, service, container) {
                let Some((first, first_span)) = taken.insert(at.clone(), (source.clone(), span))
                else {
                    continue;
                };
                diagnostics.push(
                    Diagnostic::new(
                        &CODE,
                        service.span,
                        format!("`{}` has two mounts at `{at}`", container.name),
                    )
                    .label(first_span, first)
                    .label(span, source)
                    .help("mount one of them elsewhere, or leave it out")
                    .on(service.name.clone()),
                );
            }
        }
    }
}

/// Finds pools and datasets of a host that are mounted at one place.
fn pools(machine: &Machine, diagnostics: &mut Diagnostics) {
    let mut taken = BTreeMap::new();
    for pool in &machine.pools {
        let datasets = pool.datasets.iter();
        let datasets = datasets.map(|one| (one.mountpoint.as_str(), &one.name, one.span));
        let pool = (pool.mountpoint.as_str(), &pool.name, pool.span);
        for (at, name, span) in std::iter::once(pool).chain(datasets) {
            let Some((other, first)) = taken.insert(at, (name, span)) else { continue };
            let message =
                format!("`{other}` and `{name}` of `{}` are both mounted at `{at}`", machine.name);
            diagnostics.push(
                Diagnostic::new(&CODE, span, message)
                    .label(first, "the first")
                    .help("give one of them another `mountpoint=`")
                    .on(machine.name.clone()),
            );
        }
    }
}

/// Lists the places in a container at which something of the machine is, with what is there.
fn places(
    plan: &Plan<'_>,
    service: &Service,
    container: &Container,
) -> Vec<(String, String, Span)> {
    let mounts = container
        .mounts
        .iter()
        .map(|mount| (mount.at.clone(), format!("`{}`", mount.source), mount.span));
    let files = service.files.iter().filter_map(|file| match &file.target {
        ServiceFileTarget::Container { container: to, at } if *to == container.name => {
            Some((at.clone(), format!("the file `{}`", file.name), file.span))
        }
        _ => None,
    });
    let memory = container
        .tmpfs
        .iter()
        .map(|at| at.split_once(':').map_or(at.as_str(), |(at, _)| at))
        .map(|at| (at.to_owned(), "a folder in memory".to_owned(), container.span));
    let devices = container.devices.iter().map(|device| {
        let at = device.at.as_ref().unwrap_or(&device.path);
        (at.clone(), format!("the device `{}`", device.path), device.span)
    });
    // What is read as a variable is no file.
    let is_file = |used: &&SecretUse| used.value_variable.is_none() && !used.in_text;
    // One secret may be that of two options. It is one file then.
    let mut seen = BTreeSet::new();
    let mut used: Vec<&SecretUse> = container.secrets.iter().filter(is_file).collect();
    used.retain(|used| seen.insert((used.secret, used.at.as_ref(), used.owner.as_str())));
    let secrets = used.into_iter().map(|used| {
        let name = &plan.model[used.secret].name;
        let at = used.at.clone().unwrap_or_else(|| format!("/run/secrets/{name}"));
        (at, format!("the secret `{name}`"), used.span)
    });
    // Two nodes may ask for one device, such as that of a GPU.
    let mut given = BTreeSet::new();
    let devices = devices.filter(|(at, source, _)| given.insert((at.clone(), source.clone())));
    let devices: Vec<_> = devices.collect();
    mounts.chain(files).chain(memory).chain(secrets).chain(devices).collect()
}
