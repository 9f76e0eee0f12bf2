//! Finds more promised memory than there is.

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::model::{Machine, Model, Size};
use crate::plan::Plan;
use crate::plan::capacity::guests_memory;

/// Finds hosts whose guests, and machines whose services, may use more memory than there is.
pub static RULE: Rule = Rule { code: &CODE, check };

/// The smallest `zfs_arc_max` that counts. Source: zfs(4).
const LEAST_ARC: Size = Size(64 << 20);

static CODE: Code = codes::code!(
    "memory-overcommit",
    Warning,
    "guests or services are promised more memory than the machine has"
);

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    let model = plan.model;
    for (id, host) in model.machines() {
        let guests = model.guests(id);
        if !guests.is_empty() {
            guests_of(host, &guests, diagnostics);
        }
        cache_of(host, diagnostics);
        services_of(model, host, &plan.machine(id).services, diagnostics);
    }
}

/// Finds a cache of ZFS that is larger than what is kept for the host.
fn cache_of(host: &Machine, diagnostics: &mut Diagnostics) {
    let (Some(arc), Some(reserve)) = (host.arc, host.reserve) else { return };
    if arc < LEAST_ARC {
        let message = format!("ZFS takes no limit of its cache below {LEAST_ARC}");
        diagnostics.push(
            Diagnostic::new(&CODE, host.span, message)
                .caption(format!("`arc` of `reserve` is {arc}, so the default counts"))
                .help("raise `arc`, or leave it out")
                .on(host.name.clone()),
        );
    }
    if arc > reserve {
        let message =
            format!("ZFS may cache {arc}, but only {reserve} are kept for `{}`", host.name);
        diagnostics.push(
            Diagnostic::new(&CODE, host.span, message)
                .help("keep more in `reserve`, or let ZFS have less")
                .on(host.name.clone()),
        );
    }
}

fn guests_of(
    host: &Machine,
    guests: &[(crate::model::MachineId, &Machine, &crate::model::Guest)],
    diagnostics: &mut Diagnostics,
) {
    let Some(memory) = &host.memory else { return };
    let reserve = host.reserve.unwrap_or_default();
    let promised = guests_memory(guests);
    if [promised, reserve].into_iter().sum::<Size>() <= memory.value {
        return;
    }
    let kept =
        if reserve.0 == 0 { String::new() } else { format!(" and {reserve} kept for the host") };
    let message = format!(
        "the guests of `{}` are promised {}{kept}, out of {}",
        host.name, promised, memory.value
    );
    let mut diagnostic = Diagnostic::new(&CODE, memory.span, message)
        .caption(format!("{} in all", memory.value))
        .on(host.name.clone());
    for (_, machine, guest) in guests {
        if let Some(memory) = &machine.memory {
            let fixed = if guest.passthrough.is_empty() {
                ""
            } else {
                ", all of it from the start: passthrough rules out ballooning"
            };
            diagnostic = diagnostic
                .label(memory.span, format!("`{}` gets {}{fixed}", machine.name, memory.value));
        }
    }
    diagnostics.push(diagnostic.help("give the guests less, or the host more"));
}

fn services_of(
    model: &Model,
    machine: &Machine,
    services: &[crate::model::ServiceId],
    diagnostics: &mut Diagnostics,
) {
    let Some(memory) = &machine.memory else { return };
    let limits: Vec<_> = services
        .iter()
        .flat_map(|id| {
            model[*id]
                .containers
                .iter()
                .filter_map(|container| Some((&model[*id], container.resources.memory.as_ref()?)))
        })
        .collect();
    let promised: Size = limits.iter().map(|(_, limit)| limit.value).chain(machine.reserve).sum();
    if promised <= memory.value {
        return;
    }
    let message =
        format!("the services of `{}` may use {}, out of {}", machine.name, promised, memory.value);
    let mut diagnostic = Diagnostic::new(&CODE, memory.span, message)
        .caption(format!("{} in all", memory.value))
        .on(machine.name.clone());
    for (service, limit) in limits {
        diagnostic =
            diagnostic.label(limit.span, format!("`{}` may use {}", service.name, limit.value));
    }
    diagnostics
        .push(diagnostic.help("lower the limits, move a service, or give the machine more memory"));
}
