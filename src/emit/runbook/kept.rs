//! Collects what becomes of the data of services when an image of theirs changes.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::emit::Context;
use crate::plan::joined::dump_name;
use crate::plan::{Kept, KeptIn};

/// A service that keeps something, with what labctl saves of it before a new image starts.
#[derive(Debug, Serialize)]
pub(super) struct KeptView<'p> {
    service: &'p str,
    dumps: Vec<String>,
    snapshots: Vec<&'p str>,
    /// Datasets of hosts, whose snapshots a person takes.
    elsewhere: Vec<String>,
    /// Folders of which nobody takes a snapshot.
    uncopied: BTreeSet<&'p str>,
    /// Why an older version reads what a newer one wrote.
    reversible: Option<&'p str>,
}

/// Lists the services.
pub(super) fn kept<'p>(context: &Context<'p>) -> Vec<KeptView<'p>> {
    context.planned().kept.iter().map(|one| view(context, one)).collect()
}

fn view<'p>(context: &Context<'p>, kept: &'p Kept<'_>) -> KeptView<'p> {
    let service = &context.model()[kept.service];
    let places: BTreeSet<&KeptIn> = kept.states.iter().map(|(_, place)| place).collect();
    let snapshots = places.iter().filter_map(|place| match place {
        KeptIn::Dataset(dataset) => Some(dataset.as_str()),
        _ => None,
    });
    let elsewhere = places.iter().filter_map(|place| match place {
        KeptIn::DatasetOf(dataset, machine) => Some(format!("{dataset} of {machine}")),
        _ => None,
    });
    let uncopied = kept.states.iter().filter(|(_, place)| *place == KeptIn::Folder);
    KeptView {
        uncopied: uncopied.map(|(state, _)| state.path.as_str()).collect(),
        service: &service.name,
        dumps: service.databases.iter().filter(|one| one.is_declared()).map(dump_name).collect(),
        snapshots: snapshots.collect(),
        elsewhere: elsewhere.collect(),
        reversible: service.reversible.as_deref(),
    }
}
