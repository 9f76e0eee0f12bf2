//! Collects what a person must do on a machine because its bundle can't.

use serde::Serialize;

use crate::emit::Context;
use crate::model::Service;
use crate::plan::{ByHand, Task};

/// A task, with the words that are copied apart from those that are read.
#[derive(Debug, Serialize)]
pub(super) struct ByHandView<'p> {
    service: Option<&'p str>,
    task: &'static str,
    what: Vec<&'p str>,
    other: Option<&'p str>,
}

/// Lists the tasks.
pub(super) fn by_hand<'p>(context: &Context<'p>) -> Vec<ByHandView<'p>> {
    context.plan.machine(context.machine).by_hand.iter().map(|one| view(context, one)).collect()
}

fn view<'p>(context: &Context<'p>, one: &'p ByHand) -> ByHandView<'p> {
    let (task, what, other) = match &one.task {
        Task::Packages(names) => ("packages", names.iter().map(String::as_str).collect(), None),
        Task::Unit(name) => ("unit", vec![name.as_str()], None),
        Task::Start(name) => ("start", vec![name.as_str()], None),
        Task::Kernel(name, value) => ("kernel", vec![name.as_str()], Some(value.as_str())),
        Task::Module(name) => ("module", vec![name.as_str()], None),
        Task::Mount(source, at) => ("mount", vec![source.as_str()], Some(at.as_str())),
    };
    let service = one.service.map(|service| context.model()[service].name.as_str());
    ByHandView { service, task, what, other }
}

/// What a person does once a service runs.
#[derive(Debug, Serialize)]
pub(super) struct OnceItRuns<'p> {
    service: &'p str,
    what: &'p str,
    run: &'p [String],
    done: Option<&'p str>,
}

/// Lists what a person does once the services run.
pub(super) fn once_it_runs<'p>(context: &Context<'p>) -> Vec<OnceItRuns<'p>> {
    let of = |service: &'p Service| {
        service.by_hand.iter().map(|step| OnceItRuns {
            service: &service.name,
            what: &step.what,
            run: &step.run,
            done: step.done.as_deref(),
        })
    };
    context.services().flat_map(|(_, service)| of(service)).collect()
}
