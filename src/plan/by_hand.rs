//! Derives what a machine needs and its bundle can't do, because labwright does not manage its
//! system.

use super::mounts::Mount;
use crate::model::{MachineId, Model, Service, ServiceId};
use crate::source::Span;

/// Something that a person must do on a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ByHand {
    /// The service that needs it, or nothing for the machine itself.
    pub service: Option<ServiceId>,
    /// What to do.
    pub task: Task,
    /// The place of what needs it.
    pub span: Span,
}

/// A task of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Task {
    /// Packages must be installed, by their names in Debian.
    Packages(Vec<String>),
    /// A unit of ours, whose file is in the bundle, must be installed and started.
    Unit(String),
    /// A unit of a package must be started.
    Start(String),
    /// A setting of the kernel must have a value.
    Kernel(String, String),
    /// A module of the kernel must be loaded.
    Module(String),
    /// A folder must be mounted: what, and where.
    Mount(String, String),
}

/// Lists what a person must do on a machine, service by service.
pub fn by_hand(
    model: &Model,
    machine: MachineId,
    services: &[ServiceId],
    mounts: &[Mount],
) -> Vec<ByHand> {
    if model[machine].kind.offers().system {
        return Vec::new();
    }
    let span = model[machine].span;
    let mount = |mount: &Mount| ByHand {
        service: None,
        task: Task::Mount(mount.what.clone(), mount.at.clone()),
        span,
    };
    let mut list: Vec<ByHand> = mounts.iter().map(mount).collect();
    for id in services {
        let service = &model[*id];
        let tasks = tasks(model, *id, service).into_iter();
        list.extend(tasks.map(|(task, span)| ByHand { service: Some(*id), task, span }));
    }
    list
}

fn tasks(model: &Model, id: ServiceId, service: &Service) -> Vec<(Task, Span)> {
    let mut tasks = Vec::new();
    if let Some(first) = service.packages.first() {
        let names = service.packages.iter().map(|package| package.name.clone()).collect();
        tasks.push((Task::Packages(names), first.span));
    }
    for unit in &service.units {
        let name = unit.name.clone();
        // A unit without sections comes with a package.
        let ours = !unit.sections.is_empty();
        tasks.push((if ours { Task::Unit(name) } else { Task::Start(name) }, unit.span));
    }
    for (name, value) in super::kernel::settings(model, &[id]).values {
        tasks.push((Task::Kernel(name.to_owned(), value.to_owned()), service.span));
    }
    for module in &service.kernel_modules {
        tasks.push((Task::Module(module.clone()), service.span));
    }
    tasks
}
