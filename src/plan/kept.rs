//! Derives what a new image of a service may do to what the service keeps: which containers write
//! it, and what can be saved before.

use std::collections::BTreeSet;

use super::store::Store;
use crate::model::{
    Container, MachineId, Model, MountKind, Service, ServiceId, State, StateBackup,
};

/// What a service keeps, as it matters when one of its images changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept<'m> {
    /// The service.
    pub service: ServiceId,
    /// The names of the containers whose program may write it, sorted.
    pub writers: Vec<&'m str>,
    /// Its states that are kept, with the place of each.
    pub states: Vec<(&'m State, KeptIn)>,
}

/// The place of a state, and whether a snapshot of it can be taken.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeptIn {
    /// A ZFS dataset of the machine itself: `tank/appdata`.
    Dataset(String),
    /// A ZFS dataset of another machine: its name, and the machine's.
    DatasetOf(String, String),
    /// A place without snapshots.
    Folder,
}

/// Derives it for each service of a machine that keeps something and has containers.
pub(super) fn kept<'m>(
    model: &'m Model,
    machine: MachineId,
    services: &[ServiceId],
) -> Vec<Kept<'m>> {
    let services = services.iter().map(|id| (*id, &model[*id]));
    let kept = services.map(|(id, service)| Kept {
        service: id,
        writers: writers(service),
        states: service
            .states
            .iter()
            .filter(|state| state.is_kept())
            .map(|state| (state, place(model, machine, state)))
            // Of a database there is the dump, which is worth more than a copy of its files.
            .filter(|(state, place)| state.backup != StateBackup::Dump || *place != KeptIn::Folder)
            .collect(),
    });
    kept.filter(|kept| !kept.writers.is_empty()).collect()
}

/// Lists the containers that write what a service keeps: those that mount it or run a database, and
/// those that depend on one of them.
fn writers(service: &Service) -> Vec<&str> {
    let keeps = |container: &Container| {
        let mounts = container.mounts.iter().filter(|mount| !mount.read_only);
        let mut mounted = mounts.filter_map(|mount| match &mount.kind {
            MountKind::State(name) => service.states.iter().find(|state| state.name == *name),
            _ => None,
        });
        mounted.any(State::is_kept)
            || service
                .databases
                .iter()
                .any(|database| database.container.as_ref() == Some(&container.name))
    };
    let containers = &service.containers;
    let mut found: BTreeSet<&str> =
        containers.iter().filter(|one| keeps(one)).map(|one| one.name.as_str()).collect();
    loop {
        let known = found.len();
        // Each round finds the containers that wait for those of the round before.
        let depends = |container: &&Container| {
            let mut on = container.depends_on.iter();
            on.any(|dependency| found.contains(dependency.container.as_str()))
        };
        let more: Vec<&str> =
            containers.iter().filter(depends).map(|one| one.name.as_str()).collect();
        found.extend(more);
        if found.len() == known {
            return found.into_iter().collect();
        }
    }
}

fn place(model: &Model, machine: MachineId, state: &State) -> KeptIn {
    match Store::at(model, machine, &state.path).0 {
        Store::Dataset(dataset) if dataset.machine == machine => {
            KeptIn::Dataset(model.dataset_path(&dataset))
        }
        Store::Dataset(dataset) => {
            KeptIn::DatasetOf(model.dataset_path(&dataset), model[dataset.machine].name.clone())
        }
        Store::Export(..) | Store::Local(_) => KeptIn::Folder,
    }
}
