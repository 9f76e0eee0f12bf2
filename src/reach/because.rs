//! Which declarations a rule comes from.

use super::Files;
use super::places::{self, Port};
use crate::model::{MachineId, ServiceId};
use crate::plan::{CidrSet, FlowSource, Plan};
use crate::source::Span;

/// Says in a few words which declarations let addresses in, and at which lines.
#[derive(Debug, Default)]
pub(super) struct Because {
    /// `expose jellyfin.web to lan`.
    pub words: Vec<String>,
    /// The places.
    pub spans: Vec<Span>,
}

impl Because {
    fn add(&mut self, words: String, span: Span) {
        if !self.words.contains(&words) {
            self.words.push(words);
        }
        if !self.spans.contains(&span) {
            self.spans.push(span);
        }
    }
}

/// Finds what opens a port to addresses; `containers` says that they are those of a service's
/// containers on the same machine.
pub(super) fn opening(
    files: &Files<'_>,
    to: Port,
    from: &CidrSet,
    containers: Option<ServiceId>,
) -> Because {
    let plan = files.plan;
    let mut because = Because::default();
    for flow in files.flows(to) {
        let concerned = match flow.from {
            FlowSource::Containers(service) => containers == Some(service),
            FlowSource::Neighbours(_) => containers.is_some(),
            FlowSource::Zone(zone) => !plan.zone(zone).set().intersection(from).is_empty(),
        };
        if concerned {
            let words = format!("{} from {}", plan.reason(flow), plan.source_name(flow.from));
            because.add(words, flow.span);
        }
    }
    because
}

/// Finds what the lab says about a port that is not open: what opens it to others, what
/// listens there, or the machine.
pub(super) fn about(files: &Files<'_>, to: Port) -> Vec<Span> {
    let mut spans: Vec<Span> = files.flows(to).map(|flow| flow.span).collect();
    spans.sort();
    spans.dedup();
    if spans.is_empty() {
        let model = files.plan.model;
        spans.push(match places::endpoint_at(files, to) {
            Some(endpoint) => model[endpoint.service].span,
            None => model[to.machine].span,
        });
    }
    spans
}

/// Finds the declarations that let two containers of a machine meet.
pub(super) fn meets(plan: &Plan<'_>, machine: MachineId, one: &str, other: &str) -> Vec<Span> {
    let meets = plan.machine(machine).meets.iter().filter(|meet| {
        let meeting = (meet.meeting.from.as_str(), meet.meeting.to.as_str());
        meeting == (one, other) || meeting == (other, one)
    });
    let mut spans: Vec<Span> = meets.map(|meet| meet.span).collect();
    spans.sort();
    spans.dedup();
    spans
}

/// Finds the service through which the clients of a machine come, by the addresses of the clients.
pub(super) fn gateway(plan: &Plan<'_>, to: Port, clients: &CidrSet) -> Option<ServiceId> {
    plan.machine(to.machine).services.iter().copied().find(|id| {
        plan.model[*id].gateway.as_ref().is_some_and(|gateway| {
            let prefixes = CidrSet::new(&plan.model[gateway.network].prefixes, &[]);
            !prefixes.intersection(clients).is_empty()
        })
    })
}
