//! Collects what the index of a release says about the lab as a whole.

use super::ids;
use super::release::{self, MachineFacts, ReleaseFacts};
use crate::diag::Accepted;
use crate::model::MachineId;
use crate::plan::{FlowSource, Plan};
use crate::source::Sources;

/// Collects what the release's index says about the lab as a whole.
pub fn facts(plan: &Plan<'_>, sources: &Sources, accepted: Vec<Accepted>) -> ReleaseFacts {
    let model = plan.model;
    let zone = |from: FlowSource, to: MachineId| match from {
        FlowSource::Zone(id) => model[id].name.clone(),
        FlowSource::Containers(_) | FlowSource::Neighbours(_) => model[to].name.clone(),
    };
    ReleaseFacts {
        lab: model.lab.name.clone(),
        version: model.lab.version.clone(),
        edition: model.lab.edition,
        compiler: ids::COMPILER.to_owned(),
        input_id: ids::input_id(release::FORMAT, ids::COMPILER, sources),
        inputs: ids::inputs(sources),
        machines: model
            .machines
            .iter()
            .map(|machine| {
                let addresses =
                    machine.addresses.iter().map(|address| address.address.to_string()).collect();
                (
                    machine.name.clone(),
                    MachineFacts { addresses, kind: machine.kind.name().to_owned() },
                )
            })
            .collect(),
        flows: plan
            .flows
            .iter()
            .map(|flow| release::Flow {
                from: zone(flow.from, flow.to),
                last_port: (flow.ports.more() > 0).then_some(flow.ports.last),
                port: flow.ports.first,
                proto: flow.transport.name().to_owned(),
                reason: flow.reason.name().to_owned(),
                source: sources.place(flow.span),
                to: model[flow.to].name.clone(),
            })
            .collect(),
        routes: plan
            .routes
            .iter()
            .map(|route| release::Route {
                from: route.from.iter().map(|zone| model[*zone].name.clone()).collect(),
                host: route.host.clone(),
                machine: model[model[route.service].machine].name.clone(),
                port: route.upstream.port,
                via: model[route.via].name.clone(),
            })
            .collect(),
        scrapes: plan
            .targets()
            .map(|(job, target)| release::Scrape { job: job.to_owned(), target })
            .collect(),
        accepted,
    }
}
