//! Finds shares whose folder is on the share itself, by way of other machines.

use std::collections::BTreeMap;

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::model::{MachineId, Model, Share, ShareSource, ShareTransport};
use crate::plan::Plan;
use crate::resolve::circles::circles;

/// Finds shares that lead back to themselves.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code = codes::code!("share-circle", Error, "a share leads back to itself");

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    let model = plan.model;
    let shares: Vec<(MachineId, &Share)> = model
        .machines()
        .flat_map(|(id, machine)| machine.shares.iter().map(move |share| (id, share)))
        .collect();
    let places: BTreeMap<(MachineId, &str), usize> =
        shares.iter().enumerate().map(|(at, (id, share))| ((*id, &*share.at), at)).collect();
    let next: Vec<Vec<usize>> = shares
        .iter()
        .enumerate()
        .map(|(at, (_, share))| {
            let (home, folder) = source(model, share);
            let under = mount_of(home, folder, &places);
            // A folder that is mounted where it is stays what it is.
            let stays = share.via == ShareTransport::Local && share.at == folder;
            under.filter(|under| *under != at || !stays).into_iter().collect()
        })
        .collect();
    for circle in circles(&next) {
        let circle: Vec<_> = circle.iter().filter_map(|at| shares.get(*at)).collect();
        let Some(((id, first), rest)) = circle.split_first() else { continue };
        let name =
            |(id, share): &(MachineId, &Share)| format!("`{}` of `{}`", share.at, model[*id].name);
        let message = if rest.is_empty() {
            format!("{} is a folder on itself", name(&(*id, first)))
        } else {
            let names: Vec<String> = circle.iter().map(|one| name(one)).collect();
            format!("these are folders on each other: {}", names.join(", "))
        };
        let mut finding = Diagnostic::new(&CODE, first.span, message)
            .caption("no disk has its files")
            .help("export the folder from the machine whose disk has it")
            .on(model[*id].name.clone());
        for (_, other) in rest {
            finding = finding.label(other.span, "one of them");
        }
        diagnostics.push(finding);
    }
}

/// Returns the machine that has the folder of a share, and where it is there.
fn source<'m>(model: &'m Model, share: &Share) -> (MachineId, &'m str) {
    let folder = match &share.source {
        ShareSource::Dataset(dataset) => &model.dataset(dataset).mountpoint,
        ShareSource::Export(machine, index) => &model.export(*machine, *index).path,
    };
    (share.source.machine(), folder)
}

/// Finds the share of a machine that a folder is on: the deepest one above it.
fn mount_of(
    machine: MachineId,
    folder: &str,
    places: &BTreeMap<(MachineId, &str), usize>,
) -> Option<usize> {
    let mut above = folder;
    loop {
        if let Some(found) = places.get(&(machine, above)) {
            return Some(*found);
        }
        above = above.rsplit_once('/')?.0;
    }
}
