//! What the lab says about the ports of a machine.

use super::by_port::ByPort;
use super::places;
use crate::model::{EndpointId, MachineId};
use crate::plan::{Flow, Plan, Published};

/// What the lab says about the ports of a machine, by port.
#[derive(Debug, Default)]
pub(super) struct Listeners<'p> {
    /// What it opens there.
    pub flows: ByPort<&'p Flow>,
    /// The endpoints that are there, on whatever network.
    pub endpoints: ByPort<EndpointId>,
    /// What containers publish.
    pub published: ByPort<&'p Published>,
}

impl<'p> Listeners<'p> {
    pub fn of(plan: &'p Plan<'_>, machine: MachineId) -> Self {
        let planned = plan.machine(machine);
        let mut endpoints = ByPort::default();
        for service in planned.services.iter().copied() {
            for (_, index) in plan.model[service].endpoints.iter().zip(0_u32..) {
                let id = EndpointId { service, index };
                if let Some(ports) = places::ports_of(plan, id) {
                    endpoints.push(id, Some(ports));
                }
            }
        }
        Self {
            flows: ByPort::new(plan.inbound(machine), |flow| (flow.transport, flow.ports)),
            endpoints,
            published: ByPort::new(&planned.published, |published| {
                (published.transport, published.host_ports)
            }),
        }
    }
}
