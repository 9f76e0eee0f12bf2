//! Finds what machines of one zone may read and write of the data of machines in another: a folder
//! that both mount is a way past every firewall.

use std::collections::{BTreeMap, BTreeSet};

use super::flows::{Flow, FlowSource};
use super::store::Store;
use crate::model::{MachineId, Model, ServiceId, ZoneKind};

/// A share through which a machine reaches data of services in other zones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crossing {
    /// The machine.
    pub machine: MachineId,
    /// The share, by index in the machine's shares.
    pub share: u32,
    /// The folder.
    pub store: Store,
    /// Whether strangers come closer to the machine than to others: it names a zone of its own, or
    /// the internet reaches it.
    pub exposed: bool,
    /// The states of services in other zones: service and index.
    pub states: Vec<(ServiceId, u32)>,
}

/// Lists the machines that strangers come closer to than to others: those that name a zone of their
/// own, and those that the internet reaches.
pub fn exposed(model: &Model, flows: &[Flow]) -> BTreeSet<MachineId> {
    let is_internet = |source: &FlowSource| match source {
        FlowSource::Zone(zone) => model[*zone].kind == ZoneKind::Internet,
        FlowSource::Containers(_) | FlowSource::Neighbours(_) => false,
    };
    let open = flows.iter().filter(|flow| is_internet(&flow.from)).map(|flow| flow.to);
    let named = model.machines().filter(|(_, machine)| machine.names_zone).map(|(id, _)| id);
    open.chain(named).collect()
}

/// Finds every crossing.
pub(super) fn crossings(model: &Model, flows: &[Flow]) -> Vec<Crossing> {
    let mut kept: BTreeMap<Store, Vec<(ServiceId, u32)>> = BTreeMap::new();
    if model.machines.iter().all(|machine| machine.shares.is_empty()) {
        return Vec::new();
    }
    for (id, service) in model.services() {
        for (state, index) in service.states.iter().zip(0..) {
            let (store, _) = Store::at(model, service.machine, &state.path);
            kept.entry(store).or_default().push((id, index));
        }
    }
    let exposed = exposed(model, flows);
    let mut crossings = Vec::new();
    for (id, machine) in model.machines() {
        for (share, index) in machine.shares.iter().zip(0..) {
            let store = Store::from(&share.source);
            let inside = kept.get(&store).map(Vec::as_slice).unwrap_or_default();
            let others = inside.iter().copied().filter(|(service, _)| {
                let owner = model[*service].machine;
                owner != id && model[owner].zone != machine.zone
            });
            let states: Vec<(ServiceId, u32)> = others.collect();
            if !states.is_empty() {
                let exposed = exposed.contains(&id);
                crossings.push(Crossing { machine: id, share: index, store, exposed, states });
            }
        }
    }
    crossings
}
