//! Finds applications whose database and files are saved at different times.

use std::collections::{BTreeMap, BTreeSet};

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::model::{BackupClass, Model, Service, ServiceId, StateBackup};
use crate::plan::store::Store;
use crate::plan::{Coverage, Plan, StateCoverage};

/// Finds services whose database is in one backup class and whose files are in another, or in
/// none.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code = codes::code!(
    "database-apart-from-files",
    Warning,
    "the database and the files of a service are not saved together"
);

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    let model = plan.model;
    let classes = classes(plan);
    let shared = shared(plan);
    for (id, service) in model.services() {
        let Some(dumped) = classes.get(&id) else { continue };
        let states = plan.states_of(id).iter().filter(|covered| {
            !is_dumped(service, covered) && !shared.contains(&place(model, covered))
        });
        for covered in states {
            let files = match covered.coverage {
                Coverage::Saved => class(covered),
                // A module that leaves its cache out says why; a place without backups does not
                // know what is in it.
                Coverage::LeftOut if covered.state.backup == StateBackup::Inherit => None,
                Coverage::LeftOut | Coverage::Lost => continue,
            };
            if files == Some(*dumped) {
                continue;
            }
            let saved = files.map_or("in no backup", BackupClass::name);
            let message = format!(
                "the database of `{}` is saved {}, and its `{}` {saved}",
                service.name,
                dumped.name(),
                covered.state.name
            );
            let often = files.map_or(*dumped, |class| class.min(*dumped));
            diagnostics.push(
                Diagnostic::new(&CODE, service.span, message)
                    .caption(format!("keeps it in `{}`", covered.state.path))
                    .label(covered.state.span, "the module declares it here")
                    .help(format!(
                        "give both the class {}, here with that of {}",
                        often.name(),
                        covered.store.name(model)
                    ))
                    .on(service.name.clone()),
            );
        }
    }
}

/// Returns the class of the dumps of each service that has some. If a service has several
/// databases, it is the most frequent one.
fn classes(plan: &Plan<'_>) -> BTreeMap<ServiceId, BackupClass> {
    let made = plan.backups.iter().flat_map(|backup| &backup.dumps);
    let made = made.map(|dump| ((dump.service, dump.database), dump.class));
    let jobs = plan.dump_jobs.iter();
    let sent = jobs.flat_map(|job| job.databases.iter().map(|database| (*database, job.class)));
    // What nothing declares has the class of its files, and may not be there.
    let declared = made
        .chain(sent)
        .filter(|((service, index), _)| plan.model.database(*service, *index).is_declared());
    let mut classes = BTreeMap::new();
    for ((service, _), class) in declared {
        let known = classes.entry(service).or_insert(class);
        *known = class.min(*known);
    }
    classes
}

/// Returns the places that several services keep something in, such as a folder of films. They do
/// not belong to any one of them.
fn shared(plan: &Plan<'_>) -> BTreeSet<(Store, String)> {
    let mut services: BTreeMap<(Store, String), BTreeSet<ServiceId>> = BTreeMap::new();
    for covered in &plan.states {
        services.entry(place(plan.model, covered)).or_default().insert(covered.service);
    }
    services.into_iter().filter(|(_, of)| of.len() > 1).map(|(place, _)| place).collect()
}

fn place(model: &Model, covered: &StateCoverage<'_>) -> (Store, String) {
    Store::at(model, model[covered.service].machine, &covered.state.path)
}

/// Returns whether a state is saved by the dumps alone.
fn is_dumped(service: &Service, covered: &StateCoverage<'_>) -> bool {
    covered.state.backup == StateBackup::Dump
        || service.databases.iter().any(|database| database.database == covered.state.path)
}

fn class(covered: &StateCoverage<'_>) -> Option<BackupClass> {
    match &covered.state.backup {
        StateBackup::Class(class) => Some(*class),
        _ => covered.class,
    }
}
