//! Finds what a bundle can't do on a machine whose system is not labwright's.

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::plan::{Plan, Task};

/// Finds services and shares that need packages, units, kernel settings or mounts on a machine
/// where a person must make them.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code = codes::code!(
    "left-to-a-person",
    Warning,
    "a service needs what the bundle can't set up on its machine"
);

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    let model = plan.model;
    for (id, machine) in model.machines() {
        let tasks = &plan.machine(id).by_hand;
        for group in tasks.chunk_by(|a, b| a.service == b.service) {
            let Some(first) = group.first() else { continue };
            let needs: Vec<String> = group.iter().map(|one| needs(&one.task)).collect();
            let service = first.service.map(|service| &model[service]);
            let (name, span) = service
                .map_or((&machine.name, machine.span), |service| (&service.name, service.span));
            let message = format!("`{name}` needs {}", needs.join(", "));
            let mut finding = Diagnostic::new(&CODE, span, message).on(name.clone());
            if service.is_some() {
                finding = finding.label(
                    machine.span,
                    format!("labwright does not manage the system of `{}`", machine.name),
                );
            }
            diagnostics.push(finding.help(
                "RUNBOOK.md of the machine says what to do by hand; run it elsewhere, or accept \
                 that",
            ));
        }
    }
}

fn needs(task: &Task) -> String {
    match task {
        Task::Packages(names) if names.len() == 1 => format!("the package `{}`", names.concat()),
        Task::Packages(names) => format!("the packages `{}`", names.join("`, `")),
        Task::Unit(name) | Task::Start(name) => format!("the unit `{name}`"),
        Task::Kernel(name, value) => format!("the kernel setting `{name}={value}`"),
        Task::Module(name) => format!("the kernel module `{name}`"),
        Task::Mount(what, at) => format!("`{what}` mounted at `{at}`"),
    }
}
